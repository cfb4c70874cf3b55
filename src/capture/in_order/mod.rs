//! A capture whose packets do not follow each other in time, put in order.
//!
//! `dumpcap` with several interfaces writes the packets of each as it gets them, 0.2 s too late now and then
//! (captures/healthy/node-interfaces.pcapng); a card with several queues, or a port that mirrors two others, swaps
//! neighbours. An answer then comes before what it answers, and the next step of a walk before the answer that
//! led to it. Wireshark's `reordercap` sorts such files; this does it on the way, and frames keep their numbers.
//!
//! Most captures are in order, and are handed through as they are, to as many threads as ask. The first packet
//! that comes late has all that follow sorted; so that it finds its place itself, the beginning is looked at
//! before anything is handed out.

mod sorter;

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Block, Blocks, Notes};
use crate::model::Timestamp;
use sorter::Sorter;

/// So much of a capture, in bytes, is looked at to see whether it is in order: 30,000 packets, in a millisecond.
/// Several queues or interfaces show in the first thousands.
const LOOKED_AT: usize = 4 << 20;

/// A source whose packets come in the order of time.
pub struct InOrder<'a> {
    source: &'a dyn Blocks,
    state: Mutex<State>,
    /// Somebody came back.
    arrival: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether the beginning was looked at.
    looked: bool,
    /// Which block of the source comes in next.
    turn: u64,
    /// So many callers are on their way to bring a block in, and so many wait for another one.
    away: usize,
    waiting: usize,
    /// Whether the source has no more.
    exhausted: bool,
    /// The latest time so far.
    latest: Option<Timestamp>,
    /// Blocks that came in: those that were looked at, or are to be sorted.
    came_in: VecDeque<Block>,
    /// Sorts, if there is anything to put in order.
    sorter: Option<Sorter>,
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
        InOrder { source, state: Mutex::new(state), arrival: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for others to bring their blocks in, until `done`.
    fn wait<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        done: impl Fn(&State) -> bool,
    ) -> MutexGuard<'s, State> {
        state.waiting += 1;
        while !done(&state) {
            state = self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state
    }

    /// Has the source fill `block`, and brings it in: true if it goes on as it is.
    fn bring_in(&self, block: &mut Block) -> bool {
        let _away = Away(self);
        let filled = self.source.fill(block);
        let times = Times::of(block);
        let mut state = self.state();
        if !filled {
            state.exhausted = true;
            return false;
        }
        let turn = block.sequence;
        let mut state = self.wait(state, |state| state.turn == turn);
        state.turn += 1;
        state.take(block, &times)
    }
}

/// A caller who is on its way. It is back when this is dropped, by a panic too, so that nobody waits for ever.
struct Away<'s, 'a>(&'s InOrder<'a>);

impl Drop for Away<'_, '_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.away -= 1;
        // Mostly nobody waits, and nobody is called then, which takes a system call.
        if state.waiting > 0 {
            self.0.arrival.notify_all();
        }
    }
}

impl State {
    fn look(&mut self, source: &dyn Blocks) {
        self.looked = true;
        let mut bytes = 0;
        // What is yet to come cannot be looked at.
        while bytes < LOOKED_AT && !source.waits() {
            let mut block = Block::default();
            if !source.fill(&mut block) {
                self.exhausted = true;
                break;
            }
            bytes += block.data.len();
            self.turn += 1;
            if !self.follows(&Times::of(&block)) && self.sorter.is_none() {
                self.sorter = Some(Sorter::default());
            }
            self.came_in.push_back(block);
        }
    }

    /// Whether a block that comes in next is in order.
    fn follows(&mut self, times: &Times) -> bool {
        let follows = times.in_order && self.latest <= times.first;
        self.latest = self.latest.max(times.latest);
        follows
    }

    /// Hands out the next block, if there is one.
    fn hand_out(&mut self, block: &mut Block) -> bool {
        if let Some(sorter) = &mut self.sorter {
            let ended = self.exhausted && self.away == 0;
            return sorter.fill(block, &mut self.came_in, ended);
        }
        self.came_in.pop_front().is_some_and(|first| {
            *block = first;
            true
        })
    }

    /// Takes a block that comes in: true if it goes on as it is.
    fn take(&mut self, block: &mut Block, times: &Times) -> bool {
        let latest = self.latest;
        if self.follows(times) && self.sorter.is_none() {
            return true;
        }
        let sorter = self.sorter.get_or_insert_with(|| Sorter::behind(block, latest));
        self.came_in.push_back(mem::replace(block, sorter.spare()));
        false
    }
}

impl Blocks for InOrder<'_> {
    fn fill(&self, block: &mut Block) -> bool {
        if self.source.waits() {
            return self.source.fill(block);
        }
        loop {
            let mut state = self.state();
            if !state.looked {
                state.look(self.source);
            }
            if state.hand_out(block) {
                return true;
            }
            if state.exhausted {
                if state.away == 0 {
                    return false;
                }
                // Whoever hears of the end ends the run.
                drop(self.wait(state, |state| state.away == 0));
                continue;
            }
            state.away += 1;
            drop(state);
            if self.bring_in(block) {
                return true;
            }
        }
    }

    fn notes(&self) -> Notes {
        let sorted = self.state().sorter.as_ref().map_or(0, Sorter::sorted);
        Notes { sorted, ..self.source.notes() }
    }

    fn waits(&self) -> bool {
        self.source.waits()
    }

    fn is_serial(&self) -> bool {
        self.source.is_serial()
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.source.progress()
    }
}

/// When the packets of a block were captured.
struct Times {
    in_order: bool,
    first: Option<Timestamp>,
    latest: Option<Timestamp>,
}

impl Times {
    fn of(block: &Block) -> Times {
        let times = || block.records.iter().map(|record| record.time);
        let in_order = times().is_sorted();
        let latest = if in_order { times().next_back() } else { times().max() };
        Times { in_order, first: times().next(), latest }
    }
}

#[cfg(test)]
mod tests;
