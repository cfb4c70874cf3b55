//! The workers, and the units that go round between them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::counting::Counting;
use super::log::Log;
use super::matching::Matching;
use super::moment::Moment;
use super::unit::{Event, Unit};
use super::{Analysed, Options};
use crate::aggregate::Aggregate;
use crate::capture::{Block, Blocks, Notes};
use crate::model::{DnsPorts, NameHasher, Timestamp};
use crate::transactions::{Overdue, Rows};

/// Units per thread: one in work, and as many waiting that an uneven block holds nobody up.
const UNITS_PER_THREAD: usize = 4;

/// How often the caller hears of the progress.
pub const PROGRESS: Duration = Duration::from_millis(100);

/// A queue of units between two stages.
struct Queue {
    put: Sender<Box<Unit>>,
    get: Receiver<Box<Unit>>,
}

impl Queue {
    fn new(units: usize) -> Queue {
        let (put, get) = bounded(units);
        Queue { put, get }
    }

    /// There is room: no queue is shorter than there are units.
    fn put(&self, unit: Box<Unit>) {
        let _ = self.put.send(unit);
    }
}

/// What the workers share.
pub(super) struct Line<'a> {
    pub(super) source: &'a dyn Blocks,
    threads: usize,
    ports: DnsPorts,
    hasher: NameHasher,
    free: Queue,
    decoded: Queue,
    matched: Queue,
    /// Whoever holds both has taken this one first.
    matching: Mutex<Matching>,
    counting: Mutex<Counting>,
    pub(super) packets: AtomicU64,
    over: AtomicBool,
}

/// What a stage is locked for: nobody waits for it, since whoever holds it looks at the queue again
/// after letting go.
fn try_lock<T>(stage: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match stage.try_lock() {
        Ok(stage) => Some(stage),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
    }
}

fn lock<T>(stage: &Mutex<T>) -> MutexGuard<'_, T> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Line<'a> {
    /// All that is needed for a run.
    pub(super) fn new(
        source: &'a dyn Blocks,
        options: &Options,
        hasher: NameHasher,
        aggregate: Aggregate,
        rows: Option<Rows>,
    ) -> Line<'a> {
        let threads = options.threads.max(1);
        // One thread has the same unit over and over: it never leaves the cache.
        let units = if threads == 1 { 1 } else { threads * UNITS_PER_THREAD };
        let free = Queue::new(units);
        for _ in 0..units {
            free.put(Box::default());
        }
        Line {
            source,
            threads,
            ports: DnsPorts::new(&options.ports),
            hasher,
            free,
            decoded: Queue::new(units),
            matched: Queue::new(units),
            matching: Mutex::new(Matching::new(options, hasher)),
            counting: Mutex::new(Counting::new(aggregate, rows)),
            packets: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Reads, decodes, matches and counts all of it.
    pub(super) fn run(self, watch: &mut dyn FnMut(&Moment<'_>)) -> Analysed {
        let (done, finished) = bounded::<()>(0);
        std::thread::scope(|scope| {
            for number in 0..self.threads {
                let (line, done) = (&self, done.clone());
                scope.spawn(move || {
                    line.work(number);
                    drop(done);
                });
            }
            drop(done);
            while finished.recv_timeout(PROGRESS).is_err_and(|error| error.is_timeout()) {
                watch(&Moment { line: &self });
                // Whoever wanted a stage during a look went away again. Not all that comes: under load that
                // would be a worker's day, and whoever watches has to hear of signals.
                let most = self.threads * UNITS_PER_THREAD;
                self.match_ready(most);
                self.count_ready(most);
            }
        });
        self.finish()
    }

    /// Closes the books.
    fn finish(self) -> Analysed {
        self.match_ready(usize::MAX);
        self.count_ready(usize::MAX);
        let matching = self.matching.into_inner().unwrap_or_else(PoisonError::into_inner);
        let counting = self.counting.into_inner().unwrap_or_else(PoisonError::into_inner);
        close(matching, counting, self.source.notes())
    }

    /// What there would be if the capture ended here.
    pub(super) fn so_far(&self) -> Analysed {
        let (matching, counting) = {
            let matching = lock(&self.matching);
            let mut counting = lock(&self.counting);
            // Both have to have seen the same units.
            self.count_with(&mut counting, usize::MAX);
            (matching.so_far(), counting.so_far())
        };
        close(matching, counting, self.source.notes())
    }

    /// Hands on the rows that there are, unless whoever counts is at it.
    pub(super) fn hand_on_rows(&self) {
        if let Some(mut counting) = try_lock(&self.counting) {
            counting.hand_on_rows();
            if counting.is_abandoned() {
                self.over.store(true, Ordering::Release);
            }
        }
    }

    /// Questions that are overdue.
    pub(super) fn overdue(&self, until: Timestamp, most: usize) -> Vec<Overdue> {
        lock(&self.counting).overdue(until, most)
    }

    /// Reads, decodes and hands in until the capture is over; and matches and counts.
    ///
    /// The tables of a stage should stay in one core's cache. So the first worker counts and the second
    /// matches, and another one does so only when it would have to wait otherwise: when all units
    /// stand in line, or when the source has it wait for packets.
    fn work(&self, number: usize) {
        let (counts, matches) = (number == 0, number == 1 || self.threads == 1);
        let waits = self.source.waits();
        while !self.over.load(Ordering::Acquire) {
            if matches || waits {
                self.match_ready(usize::MAX);
            }
            if counts || waits {
                self.count_ready(usize::MAX);
            }
            let Some(mut unit) = self.free_unit() else { return };
            if !self.source.fill(&mut unit.block) {
                self.over.store(true, Ordering::Release);
                // Wake a worker that waits for a unit.
                self.free.put(unit);
                return;
            }
            unit.decode(&self.ports, &self.hasher);
            self.packets.fetch_add(unit.block.records.len() as u64, Ordering::Relaxed);
            self.decoded.put(unit);
        }
    }

    /// A unit to fill. Nobody waits here for ever: all units but those in work stand in line before a
    /// stage, and whoever is at a stage looks at its line once more after letting go.
    fn free_unit(&self) -> Option<Box<Unit>> {
        if let Ok(unit) = self.free.get.try_recv() {
            return Some(unit);
        }
        self.match_ready(usize::MAX);
        self.count_ready(usize::MAX);
        self.free.get.recv().ok()
    }

    /// Matches what is next in line, so many units at most, unless somebody else is at it.
    fn match_ready(&self, most: usize) {
        let mut left = most;
        while left > 0 && !self.decoded.get.is_empty() {
            let Some(mut matching) = try_lock(&self.matching) else { return };
            let mut spill = |log: &mut Log, block: &Block, events: &[Event]| {
                let mut counting = lock(&self.counting);
                self.count_with(&mut counting, usize::MAX);
                counting.replay(log, block, events);
            };
            while left > 0
                && let Ok(unit) = self.decoded.get.try_recv()
            {
                left -= 1;
                matching.take(unit, &mut spill, &mut |unit| self.matched.put(unit));
            }
        }
    }

    /// Counts what is next in line, so many units at most, unless somebody else is at it.
    fn count_ready(&self, most: usize) {
        let mut left = most;
        while left > 0 && !self.matched.get.is_empty() {
            let Some(mut counting) = try_lock(&self.counting) else { return };
            left -= self.count_with(&mut counting, left);
        }
    }

    /// Counts so many units at most, and says how many there were.
    fn count_with(&self, counting: &mut Counting, most: usize) -> usize {
        let mut done = 0;
        while done < most
            && let Ok(mut unit) = self.matched.get.try_recv()
        {
            counting.take(&mut unit);
            self.free.put(unit);
            done += 1;
        }
        if counting.is_abandoned() {
            self.over.store(true, Ordering::Release);
        }
        done
    }
}

/// Settles what is open in both stages, which have seen the same units.
fn close(matching: Matching, mut counting: Counting, notes: Notes) -> Analysed {
    let mut count = |log: &mut Log, block: &Block, events: &[Event]| {
        counting.replay(log, block, events);
    };
    let mut log = Log::default();
    let matched = matching.finish(&mut log, &mut count);
    count(&mut log, &Block::default(), &[]);
    Analysed {
        aggregate: counting.finish(),
        quality: matched.quality,
        notes,
        streams: matched.streams,
        fragments: matched.fragments,
        interfaces_overflowed: matched.interfaces_overflowed,
        cooked_interfaces: matched.cooked_interfaces,
    }
}
