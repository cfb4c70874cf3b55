//! Where workers get units with packets in them.
//!
//! A source that several can read at once is read by each worker for itself. One that can only be read
//! from front to back is read by one worker at a time, some units ahead: the others decode those, match
//! and count meanwhile. So there is work for all as long as there is any, without a thread more than there
//! are cores: one that decompresses and is awake for a moment each time leaves a core idle as often.

use std::sync::Mutex;

use super::line::try_lock;
use super::queue::Queue;
use super::unit::Unit;
use crate::capture::Blocks;

/// What a worker finds.
pub(super) enum Found {
    /// A unit to decode.
    Unit(Box<Unit>),
    /// Another worker reads: it will have a unit soon.
    Reading,
    /// All units are somewhere else.
    NoRoom,
    /// The capture is over.
    End,
}

/// The source, and units on their way to be decoded.
pub(super) struct Intake<'a> {
    pub(super) source: &'a dyn Blocks,
    /// Units to be filled.
    pub(super) free: Queue,
    /// Units that were filled ahead.
    read: Queue,
    /// So many of those, and no worker lacks work while another one reads.
    ahead: usize,
    /// Whether only one can read at a time.
    in_turn: bool,
    reader: Mutex<()>,
}

impl<'a> Intake<'a> {
    /// Takes from `source`, with so many units for all `threads`.
    pub(super) fn new(source: &'a dyn Blocks, units: usize, threads: usize) -> Intake<'a> {
        let [free, read] = [(), ()].map(|()| Queue::new(units + threads));
        for _ in 0..units {
            free.put(Box::default());
        }
        let in_turn = threads > 1 && source.is_serial();
        let reader = Mutex::new(());
        Intake { source, free, read, ahead: threads, in_turn, reader }
    }

    /// The next unit to decode. Waits for the source at most.
    pub(super) fn next(&self) -> Found {
        if self.in_turn {
            return self.next_in_turn();
        }
        let Some(mut unit) = self.free.take() else { return Found::NoRoom };
        if self.source.fill(&mut unit.block) {
            return Found::Unit(unit);
        }
        self.free.put(unit);
        Found::End
    }

    fn next_in_turn(&self) -> Found {
        let mut lack = Found::NoRoom;
        while self.read.len() < self.ahead
            && let Some(mut unit) = self.free.take()
        {
            let turn = try_lock(&self.reader);
            if turn.is_some() && self.source.fill(&mut unit.block) {
                self.read.put(unit);
                continue;
            }
            self.free.put(unit);
            lack = if turn.is_some() { Found::End } else { Found::Reading };
            break;
        }
        match self.read.take() {
            Some(unit) if is_call(&unit) => Found::End,
            Some(unit) => Found::Unit(unit),
            None => lack,
        }
    }

    /// Waits for the worker that reads; `None` when it has found the end.
    pub(super) fn wait_for_reader(&self) -> Option<Box<Unit>> {
        self.read.wait().filter(|unit| !is_call(unit))
    }

    /// What was read ahead and not decoded when the run ended.
    pub(super) fn rest(&self) -> Option<Box<Unit>> {
        std::iter::from_fn(|| self.read.take()).find(|unit| !is_call(unit))
    }

    /// Has nobody wait any more: each of so many finds a unit without packets, which calls it away.
    pub(super) fn wake(&self, threads: usize) {
        for _ in 0..threads {
            self.read.put(Box::default());
            self.free.put(Box::default());
        }
    }
}

/// Whether it is none to decode: what a source gives has packets.
fn is_call(unit: &Unit) -> bool {
    unit.block.records.is_empty()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;
    use crate::capture::{Block, Notes, Record};

    /// So many blocks, one after the other.
    struct Row {
        left: AtomicU64,
        busy: AtomicBool,
    }

    impl Blocks for Row {
        fn fill(&self, block: &mut Block) -> bool {
            assert!(!self.busy.swap(true, Ordering::AcqRel), "two read at a time");
            let left = self.left.load(Ordering::Acquire);
            self.left.store(left.saturating_sub(1), Ordering::Release);
            block.records.clear();
            block.sequence = left;
            if left > 0 {
                block.records.push(Record::default());
            }
            self.busy.store(false, Ordering::Release);
            left > 0
        }

        fn notes(&self) -> Notes {
            Notes::default()
        }

        fn is_serial(&self) -> bool {
            true
        }

        fn progress(&self) -> (u64, Option<u64>) {
            (0, None)
        }
    }

    fn work(intake: &Intake<'_>, seen: &Mutex<Vec<u64>>) {
        loop {
            let unit = match intake.next() {
                Found::Unit(unit) => Some(unit),
                Found::Reading => intake.wait_for_reader(),
                Found::NoRoom => {
                    intake.free.put(intake.free.wait().unwrap());
                    continue;
                }
                Found::End => None,
            };
            let Some(unit) = unit else { return intake.wake(1) };
            seen.lock().unwrap().push(unit.block.sequence);
            intake.free.put(unit);
        }
    }

    #[test]
    fn all_is_read_once_by_one_at_a_time_and_nobody_waits_for_ever() {
        for threads in [2, 3, 8] {
            let row = Row { left: AtomicU64::new(2_000), busy: AtomicBool::new(false) };
            let intake = Intake::new(&row, threads * 2, threads);
            let seen = Mutex::default();
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| work(&intake, &seen));
                }
            });
            let mut seen = seen.into_inner().unwrap();
            seen.extend(std::iter::from_fn(|| intake.rest()).map(|unit| unit.block.sequence));
            seen.sort_unstable();
            assert!(seen.into_iter().eq(1..=2_000), "{threads} threads");
        }
    }
}
