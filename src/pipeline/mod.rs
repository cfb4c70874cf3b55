//! The only place with threads: blocks are read and decoded side by side, and observed in the order
//! of the capture by whoever has a hand free.
//!
//! Each worker takes a `Unit`, has the source fill its block, decodes the block, and hands the
//! unit in. Whoever gets hold of the ordered stage then observes all units that are next in line and
//! gives them back; the others go on decoding. So the report is that of a sequential run whatever
//! the number of threads, and with one thread it is one.

mod events;
mod interfaces;
mod moment;
mod ordered;
mod rows;
mod unit;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::aggregate::{Aggregate, Quality, Settings};
use crate::capture::{Blocks, Notes};
use crate::decode::fragment::FragmentCounters;
use crate::decode::stream::StreamCounters;
use crate::model::{DnsPorts, NameHasher};
use crate::transactions::{Rows, Sink};
pub use moment::Moment;
use ordered::Ordered;
use unit::Unit;

/// Units per thread: one in work, and as many waiting that an uneven block holds nobody up.
const UNITS_PER_THREAD: usize = 4;

/// How often the caller hears of the progress.
pub const PROGRESS: Duration = Duration::from_millis(100);

/// What a run depends on besides the capture.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// DNS ports, UDP and TCP.
    pub ports: Vec<u16>,
    /// What the sums depend on.
    pub settings: Settings,
}

/// What a run yields.
pub struct Analysed {
    /// The sums.
    pub aggregate: Aggregate,
    /// The capture as read.
    pub quality: Quality,
    /// What the reader has to say.
    pub notes: Notes,
    /// TCP streams in numbers.
    pub streams: StreamCounters,
    /// IP fragments in numbers.
    pub fragments: FragmentCounters,
    /// Interfaces that cooked headers name: the capture's interface and its index on the host. They
    /// are numbered from 65,535 down.
    pub cooked_interfaces: Vec<(u16, u32)>,
    /// Packets of further interfaces, which share a number.
    pub interfaces_overflowed: u64,
}

impl Analysed {
    /// What an interface is called: its name in the capture, or the index that a cooked header gives.
    pub fn interface_name(&self, number: u16) -> Option<String> {
        let cooked = usize::from(u16::MAX - number);
        match self.cooked_interfaces.get(cooked) {
            // A live capture gives each interface of `any` a number and a name of its own.
            Some(&(of, index)) => self.named(of).or_else(|| Some(format!("ifindex {index}"))),
            None => self.notes.interfaces.get(usize::from(number))?.name.clone(),
        }
    }
}

impl Analysed {
    /// The name of one real interface whose packets have cooked headers.
    fn named(&self, number: u16) -> Option<String> {
        let interface = self.notes.interfaces.get(usize::from(number))?;
        let name = interface.name.as_ref().filter(|name| *name != "any")?;
        interface.link_type.is_cooked().then(|| name.clone())
    }
}

/// Why a run yields nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bounds of the latency histogram are wrong: a mistake of ours.
    #[error(transparent)]
    Histogram(#[from] hdrhistogram::CreationError),
    /// Rows could not be written.
    #[error(transparent)]
    Rows(#[from] io::Error),
}

/// Runs a whole capture. `progress` is told bytes read, bytes in all if known, and packets.
pub fn run(
    source: &dyn Blocks,
    options: &Options,
    progress: &mut dyn FnMut(u64, Option<u64>, u64),
) -> Result<Analysed, Error> {
    run_into(source, options, None, progress)
}

/// [`run`], and transactions go to `sink` where there is one. As soon as that fails, so does the run.
pub fn run_into(
    source: &dyn Blocks,
    options: &Options,
    sink: Option<Sink<'_>>,
    progress: &mut dyn FnMut(u64, Option<u64>, u64),
) -> Result<Analysed, Error> {
    run_watched(source, options, sink, &mut |moment| {
        let (read, all) = moment.progress();
        progress(read, all, moment.packets());
    })
}

/// [`run_into`], and ten times a second `watch` may look at what there is so far.
pub fn run_watched(
    source: &dyn Blocks,
    options: &Options,
    sink: Option<Sink<'_>>,
    watch: &mut dyn FnMut(&Moment<'_>),
) -> Result<Analysed, Error> {
    // Tables are seeded per process: nobody outside can choose names that collide.
    let hasher = NameHasher::random();
    let Some(sink) = sink else {
        return Ok(work(source, options, Ordered::new(options, hasher, None)?, hasher, watch));
    };
    let (outlet, demand) = rows::connect();
    let rows = Rows::new(hasher, options.settings.query_timeout, outlet);
    let ordered = Ordered::new(options, hasher, Some(rows))?;
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || demand.write(sink));
        let analysed = work(source, options, ordered, hasher, watch);
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(analysed)
    })
}

/// Reads, decodes and observes all of it.
fn work(
    source: &dyn Blocks,
    options: &Options,
    ordered: Ordered,
    hasher: NameHasher,
    watch: &mut dyn FnMut(&Moment<'_>),
) -> Analysed {
    let threads = options.threads.max(1);
    let (give_back, free) = bounded(threads * UNITS_PER_THREAD);
    for _ in 0..threads * UNITS_PER_THREAD {
        let _ = give_back.send(Box::<Unit>::default());
    }
    let (hand_in, ready) = bounded(threads * UNITS_PER_THREAD);
    let line = Line {
        source,
        ports: DnsPorts::new(&options.ports),
        hasher,
        free,
        give_back,
        hand_in,
        ready,
        ordered: Mutex::new(ordered),
        packets: AtomicU64::new(0),
        over: AtomicBool::new(false),
    };
    let (done, finished) = bounded::<()>(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (line, done) = (&line, done.clone());
            scope.spawn(move || {
                line.work();
                drop(done);
            });
        }
        drop(done);
        while finished.recv_timeout(PROGRESS).is_err_and(|error| error.is_timeout()) {
            watch(&Moment { line: &line });
            // Whoever wanted to observe during a look went away again. Not all that comes: under load
            // that would be a worker's day, and whoever watches has to hear of signals.
            line.observe(threads * UNITS_PER_THREAD);
        }
    });
    let ordered = line.ordered.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    ordered.finish(source.notes())
}

/// What the workers share.
struct Line<'a> {
    source: &'a dyn Blocks,
    ports: DnsPorts,
    hasher: NameHasher,
    free: Receiver<Box<Unit>>,
    give_back: Sender<Box<Unit>>,
    hand_in: Sender<Box<Unit>>,
    ready: Receiver<Box<Unit>>,
    ordered: Mutex<Ordered>,
    packets: AtomicU64,
    over: AtomicBool,
}

impl Line<'_> {
    /// Reads, decodes and hands in until the capture is over.
    fn work(&self) {
        // Nobody waits here for ever: all units but those in work are free, or in line behind one
        // in work, whose worker observes them when it hands in.
        while !self.over.load(Ordering::Acquire) {
            let Ok(mut unit) = self.free.recv() else { return };
            if !self.source.fill(&mut unit.block) {
                self.over.store(true, Ordering::Release);
                // Wake a worker that waits for a unit.
                let _ = self.give_back.send(unit);
                return;
            }
            unit.decode(&self.ports, &self.hasher);
            self.packets.fetch_add(unit.block.records.len() as u64, Ordering::Relaxed);
            let _ = self.hand_in.send(unit);
            self.observe(usize::MAX);
        }
    }

    /// Observes what is next in line, of so many units at most, unless somebody else is at it.
    fn observe(&self, most: usize) {
        let mut left = most;
        while left > 0 && !self.ready.is_empty() {
            let mut ordered = match self.ordered.try_lock() {
                Ok(ordered) => ordered,
                // Whoever holds it looks at the line again after letting go.
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            };
            while left > 0
                && let Ok(unit) = self.ready.try_recv()
            {
                left -= 1;
                ordered.take(unit, &mut |unit| {
                    let _ = self.give_back.send(unit);
                });
            }
            if ordered.is_abandoned() {
                self.over.store(true, Ordering::Release);
            }
        }
    }
}
