//! A capture whose packets do not follow each other in time, put in order.
//!
//! `dumpcap` with several interfaces writes the packets of each as it gets them, 0.2 s too late now and then
//! (captures/healthy/node-interfaces.pcapng); a card with several queues, or a port that mirrors two others, swaps
//! neighbours. An answer then comes before what it answers, and the next step of a walk before the answer that
//! led to it. Wireshark's `reordercap` sorts such files; this does it on the way, and frames keep their numbers.
//!
//! Most captures are in order, and are handed through as they are, to as many threads as ask.

mod sorter;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Block, Blocks, Interface, Notes};
use crate::model::Timestamp;
use sorter::Sorter;

/// So much of a capture, in bytes, is looked at to see whether it is in order: 30,000 packets, in a millisecond.
/// Several queues or interfaces show in the first thousands.
const LOOKED_AT: usize = 4 << 20;

/// A source whose packets come in the order of time.
pub struct InOrder<'a> {
    source: &'a dyn Blocks,
    /// Whether blocks come by way of `state`: until all that was looked at is handed out, or to the end.
    holds: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the beginning was looked at.
    looked: bool,
    /// Whether there is anything to put in order.
    sorts: bool,
    /// What was looked at.
    ahead: VecDeque<Block>,
    sorter: Sorter,
}

impl<'a> InOrder<'a> {
    /// Looks at the beginning of `source`, and sorts what it gives if that is not in order. What is read by one
    /// caller at a time, as a pipe is, is looked at when the first block is asked for: who waits for a slow one
    /// shows meanwhile how far it is.
    pub fn new(source: &'a dyn Blocks) -> InOrder<'a> {
        let mut state = State::default();
        if !source.is_serial() {
            state.look(source);
        }
        // What is yet to come cannot be looked at.
        InOrder { source, holds: AtomicBool::new(!source.waits()), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look(&mut self, source: &dyn Blocks) {
        self.looked = true;
        let (mut look, mut bytes) = (Look::default(), 0);
        while bytes < LOOKED_AT && !source.waits() {
            let mut block = Block::default();
            if !source.fill(&mut block) {
                break;
            }
            bytes += block.data.len();
            look.at(&block);
            self.ahead.push_back(block);
        }
        self.sorts = look.found;
    }

    /// The next block of `source`, put in order if need be.
    fn fill(&mut self, source: &dyn Blocks, block: &mut Block) -> bool {
        if !self.looked {
            self.look(source);
        }
        let State { ahead, sorter, .. } = self;
        let mut next = |block: &mut Block| match ahead.pop_front() {
            Some(first) => {
                *block = first;
                true
            }
            None => source.fill(block),
        };
        if self.sorts { sorter.fill(block, &mut next) } else { next(block) }
    }
}

impl Blocks for InOrder<'_> {
    fn fill(&self, block: &mut Block) -> bool {
        if !self.holds.load(Ordering::Acquire) {
            return self.source.fill(block);
        }
        let mut state = self.state();
        let filled = state.fill(self.source, block);
        self.holds.store(state.sorts || !state.ahead.is_empty(), Ordering::Release);
        filled
    }

    fn notes(&self) -> Notes {
        Notes { sorted: self.state().sorter.sorted(), ..self.source.notes() }
    }

    fn waits(&self) -> bool {
        self.source.waits()
    }

    fn is_serial(&self) -> bool {
        self.source.is_serial() || self.state().sorts
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.source.progress()
    }
}

/// Looks for what is out of order.
#[derive(Default)]
struct Look {
    latest: Option<Timestamp>,
    found: bool,
}

impl Look {
    fn at(&mut self, block: &Block) {
        for record in &block.records {
            self.found |= self.latest.is_some_and(|latest| record.time < latest);
            self.latest = self.latest.max(Some(record.time));
        }
        self.found |= shares_a_file(&block.interfaces);
    }
}

/// Whether several interfaces were captured into one file: one that is quiet at first may come late later.
fn shares_a_file(interfaces: &[Interface]) -> bool {
    interfaces.windows(2).any(|two| two[0].file == two[1].file)
}

#[cfg(test)]
mod tests;
