//! The workers, and the units that go round between them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crossbeam_channel::bounded;

use super::counting::Counting;
use super::following::Following;
use super::intake::{Found, Intake};
use super::log::Log;
use super::matching::Matching;
use super::moment::Moment;
use super::queue::Queue;
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

/// What the workers share.
pub(super) struct Line<'a> {
    pub(super) intake: Intake<'a>,
    threads: usize,
    ports: DnsPorts,
    hasher: NameHasher,
    decoded: Queue,
    matched: Queue,
    followed: Queue,
    /// Whoever holds several of these three has taken them in this order.
    matching: Mutex<Matching>,
    following: Mutex<Following>,
    counting: Mutex<Counting>,
    pub(super) packets: AtomicU64,
    over: AtomicBool,
}

/// What a stage is locked for: nobody waits for it, since whoever holds it looks at the queue again
/// after letting go.
pub(super) fn try_lock<T>(stage: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
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
        let Aggregate { following, counting } = aggregate;
        Line {
            intake: Intake::new(source, units, threads),
            threads,
            ports: DnsPorts::new(&options.ports),
            hasher,
            decoded: Queue::new(units),
            matched: Queue::new(units),
            followed: Queue::new(units),
            matching: Mutex::new(Matching::new(options, hasher)),
            following: Mutex::new(Following::new(following)),
            counting: Mutex::new(Counting::new(counting, rows)),
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
                self.settle_ready(most);
            }
        });
        self.finish()
    }

    /// Closes the books.
    fn finish(self) -> Analysed {
        while let Some(unit) = self.intake.rest() {
            self.decode(unit);
        }
        self.match_ready(usize::MAX);
        self.settle_ready(usize::MAX);
        let notes = self.intake.source.notes();
        let Line { matching, following, counting, .. } = self;
        let matching = matching.into_inner().unwrap_or_else(PoisonError::into_inner);
        let following = following.into_inner().unwrap_or_else(PoisonError::into_inner);
        let counting = counting.into_inner().unwrap_or_else(PoisonError::into_inner);
        close(matching, following, counting, notes)
    }

    /// What there would be if the capture ended here.
    pub(super) fn so_far(&self) -> Analysed {
        let (matching, following, counting) = {
            let matching = lock(&self.matching);
            let (following, counting) = self.caught_up();
            (matching.so_far(), following.clone(), counting.so_far())
        };
        close(matching, following, counting, self.intake.source.notes())
    }

    /// The two stages behind the matcher, which have seen all that is matched.
    fn caught_up(&self) -> (MutexGuard<'_, Following>, MutexGuard<'_, Counting>) {
        let mut following = lock(&self.following);
        self.follow_with(&mut following, usize::MAX);
        let mut counting = lock(&self.counting);
        self.count_with(&mut counting, usize::MAX);
        (following, counting)
    }

    /// Hands on the rows that there are, unless whoever counts is at it.
    pub(super) fn hand_on_rows(&self) {
        if let Some(mut counting) = try_lock(&self.counting) {
            counting.hand_on_rows();
            if counting.is_abandoned() {
                self.end();
            }
        }
    }

    /// Questions that are overdue.
    pub(super) fn overdue(&self, until: Timestamp, most: usize) -> Vec<Overdue> {
        lock(&self.counting).overdue(until, most)
    }

    /// Reads, decodes and hands in until the capture is over; and matches, follows and counts.
    ///
    /// The tables of a stage should stay in one core's cache. So the first worker counts, the second matches
    /// and the third follows, and another one does so only when it would have to wait otherwise: when all
    /// units stand in line, or when the source has it wait for packets. Of two, the first does both that
    /// are behind the matcher: that is half of all work.
    fn work(&self, number: usize) {
        let (counts, matches) = (number == 0, number == 1 || self.threads == 1);
        let follows = number == 2 || self.threads < 3 && number == 0;
        let _leaving = Leaving(self);
        while !self.over.load(Ordering::Acquire) {
            // While there are packets at hand, each stage stays where it is.
            let waits = self.intake.source.waits();
            if matches || waits {
                self.match_ready(usize::MAX);
            }
            if follows && counts || waits {
                self.settle_ready(usize::MAX);
            } else if follows {
                self.follow_ready(usize::MAX);
            } else if counts {
                self.count_ready(usize::MAX);
            }
            let Some(unit) = self.next_unit() else { return };
            self.decode(unit);
        }
    }

    /// A unit to decode; `None` when there are no more. Nobody waits here for ever: all units but those in
    /// work stand in line before a stage, and whoever is at a stage looks at its line once more after
    /// letting go; whoever reads has a unit or finds the end.
    fn next_unit(&self) -> Option<Box<Unit>> {
        loop {
            let found = self.intake.next();
            match found {
                Found::Unit(unit) => return Some(unit),
                Found::End => return None,
                Found::Reading | Found::NoRoom => {}
            }
            self.match_ready(usize::MAX);
            self.settle_ready(usize::MAX);
            if let Found::Reading = found {
                return self.intake.wait_for_reader();
            }
            self.intake.free.put(self.intake.free.wait()?);
            if self.over.load(Ordering::Acquire) {
                return None;
            }
        }
    }

    fn decode(&self, mut unit: Box<Unit>) {
        unit.decode(&self.ports, &self.hasher);
        self.packets.fetch_add(unit.block.records.len() as u64, Ordering::Relaxed);
        self.decoded.put(unit);
    }

    /// The run is over, for all workers.
    fn end(&self) {
        if !self.over.swap(true, Ordering::AcqRel) {
            self.intake.wake(self.threads);
        }
    }

    /// Matches what is next in line, so many units at most, unless somebody else is at it.
    fn match_ready(&self, most: usize) {
        let mut spill = |log: &mut Log, block: &Block, events: &[Event]| {
            let (mut following, mut counting) = self.caught_up();
            following.replay(log, block, events);
            counting.replay(log, block, events);
        };
        ready(&self.decoded, &self.matching, most, |matching, most| {
            each(&self.decoded, most, |unit| {
                matching.take(unit, &mut spill, &mut |unit| self.matched.put(unit));
            })
        });
    }

    /// Follows and counts what is next in line, so many units at most: each is counted at once, so that units
    /// become free one after the other and whoever reads is not kept waiting.
    fn settle_ready(&self, most: usize) {
        let mut left = most;
        while left > 0 && self.follow_ready(1) + self.count_ready(1) > 0 {
            left -= 1;
        }
    }

    /// Follows what is next in line, so many units at most, unless somebody else is at it, and says how many there
    /// were.
    fn follow_ready(&self, most: usize) -> usize {
        ready(&self.matched, &self.following, most, |following, most| {
            self.follow_with(following, most)
        })
    }

    /// Follows so many units at most, and says how many there were.
    fn follow_with(&self, following: &mut Following, most: usize) -> usize {
        each(&self.matched, most, |mut unit| {
            following.take(&mut unit);
            self.followed.put(unit);
        })
    }

    /// The same of what is counted.
    fn count_ready(&self, most: usize) -> usize {
        ready(&self.followed, &self.counting, most, |counting, most| {
            self.count_with(counting, most)
        })
    }

    /// Counts so many units at most, and says how many there were.
    fn count_with(&self, counting: &mut Counting, most: usize) -> usize {
        let done = each(&self.followed, most, |mut unit| {
            counting.take(&mut unit);
            self.intake.free.put(unit);
        });
        if counting.is_abandoned() {
            self.end();
        }
        done
    }
}

/// Has a stage work at so many units of its line at most, unless somebody else is at it, and says how many there were.
/// Whoever was at it looks once more after letting go.
fn ready<T>(
    line: &Queue,
    stage: &Mutex<T>,
    most: usize,
    mut work: impl FnMut(&mut T, usize) -> usize,
) -> usize {
    let mut done = 0;
    while done < most && !line.is_empty() {
        let Some(mut stage) = try_lock(stage) else { break };
        done += work(&mut stage, most - done);
    }
    done
}

/// Takes so many units of a line at most, has each worked at, and says how many there were.
fn each(line: &Queue, most: usize, mut work: impl FnMut(Box<Unit>)) -> usize {
    let mut done = 0;
    while done < most
        && let Some(unit) = line.take()
    {
        work(unit);
        done += 1;
    }
    done
}

/// A worker leaves, by a panic too: nobody is to wait for what it would have done.
struct Leaving<'l, 'a>(&'l Line<'a>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Settles what is open in all stages, which have seen the same units.
fn close(
    matching: Matching,
    mut following: Following,
    mut counting: Counting,
    notes: Notes,
) -> Analysed {
    let mut count = |log: &mut Log, block: &Block, events: &[Event]| {
        following.replay(log, block, events);
        counting.replay(log, block, events);
    };
    let mut log = Log::default();
    let matched = matching.finish(&mut log, &mut count);
    count(&mut log, &Block::default(), &[]);
    let mut aggregate = Aggregate { following: following.sums, counting: counting.finish() };
    aggregate.finish();
    Analysed {
        aggregate,
        quality: matched.quality,
        notes,
        streams: matched.streams,
        fragments: matched.fragments,
        interfaces_overflowed: matched.interfaces_overflowed,
        cooked_interfaces: matched.cooked_interfaces,
    }
}
