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
use std::sync::{Mutex, PoisonError};

use super::{Block, Blocks, Interface, Notes};
use crate::model::Timestamp;
use sorter::Sorter;

/// So much of a capture, in bytes, is looked at to see whether it is in order: 30,000 packets, in a millisecond.
/// Several queues or interfaces show in the first thousands.
const LOOKED_AT: usize = 4 << 20;

/// A source whose packets come in the order of time.
pub struct InOrder<'a> {
    source: &'a dyn Blocks,
    /// Whether there is anything to put in order.
    sorts: bool,
    /// Whether blocks that were looked at are still to be handed out.
    ahead: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// What was looked at.
    ahead: VecDeque<Block>,
    sorter: Sorter,
}

impl<'a> InOrder<'a> {
    /// Looks at the beginning of `source`, and sorts what it gives if that is not in order.
    pub fn new(source: &'a dyn Blocks) -> InOrder<'a> {
        let (mut ahead, mut bytes) = (VecDeque::new(), 0);
        let mut look = Look::default();
        // What is yet to come cannot be looked at.
        while bytes < LOOKED_AT && !source.waits() {
            let mut block = Block::default();
            if !source.fill(&mut block) {
                break;
            }
            bytes += block.data.len();
            look.at(&block);
            ahead.push_back(block);
        }
        InOrder {
            source,
            sorts: look.found,
            ahead: AtomicBool::new(!ahead.is_empty()),
            state: Mutex::new(State { ahead, sorter: Sorter::default() }),
        }
    }

    /// The next block as it was captured.
    fn next(&self, ahead: &mut VecDeque<Block>, block: &mut Block) -> bool {
        match ahead.pop_front() {
            Some(first) => {
                *block = first;
                true
            }
            None => self.source.fill(block),
        }
    }
}

impl Blocks for InOrder<'_> {
    fn fill(&self, block: &mut Block) -> bool {
        if !self.sorts && !self.ahead.load(Ordering::Acquire) {
            return self.source.fill(block);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { ahead, sorter } = &mut *state;
        if self.sorts {
            return sorter.fill(block, &mut |block| self.next(ahead, block));
        }
        if let Some(first) = ahead.pop_front() {
            self.ahead.store(!ahead.is_empty(), Ordering::Release);
            *block = first;
            return true;
        }
        drop(state);
        self.source.fill(block)
    }

    fn notes(&self) -> Notes {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Notes { sorted: state.sorter.sorted(), ..self.source.notes() }
    }

    fn waits(&self) -> bool {
        self.source.waits()
    }

    fn is_serial(&self) -> bool {
        self.sorts || self.source.is_serial()
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
