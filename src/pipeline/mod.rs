//! The only place with threads.
//!
//! A `Unit` goes through four stages. In the first its block is read and decoded, side by side with
//! others. In the second (`matching`) units are matched in the order of the capture, and what the
//! matcher tells is written into the unit's log. In the third (`following`) it is told what belongs together,
//! and in the fourth (`counting`) logs are counted, in the same order. All but the first have one worker at a
//! time each (`line` says which), and do not wait for one another; so the report is that of a sequential run
//! whatever the number of threads, and with one thread it is one.

mod counting;
mod events;
mod following;
mod intake;
mod interfaces;
mod line;
mod log;
mod matching;
mod moment;
mod queue;
mod rows;
mod teller;
mod unit;

use std::io;

use crate::aggregate::{Aggregate, Quality, Settings};
use crate::capture::{Blocks, Notes};
use crate::decode::fragment::FragmentCounters;
use crate::decode::stream::StreamCounters;
use crate::model::NameHasher;
use crate::transactions::{Rows, Sink, Sinks};
use line::Line;
pub use line::PROGRESS;
pub use moment::Moment;

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
    run_watched(source, options, sink.into(), &mut |moment| {
        let (read, all) = moment.progress();
        progress(read, all, moment.packets());
    })
}

/// [`run_into`], and ten times a second `watch` may look at what there is so far.
pub fn run_watched(
    source: &dyn Blocks,
    options: &Options,
    sinks: Sinks<'_>,
    watch: &mut dyn FnMut(&Moment<'_>),
) -> Result<Analysed, Error> {
    // Tables are seeded per process: nobody outside can choose names that collide.
    let hasher = NameHasher::random();
    let aggregate = Aggregate::new(&options.settings, hasher)?;
    if sinks.is_empty() {
        return Ok(Line::new(source, options, hasher, aggregate, None).run(watch));
    }
    let (outlet, demand) = rows::connect();
    let rows = Rows::new(options.settings.query_timeout, outlet);
    let line = Line::new(source, options, hasher, aggregate, Some(rows));
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || demand.spread(sinks));
        let analysed = line.run(watch);
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(analysed)
    })
}
