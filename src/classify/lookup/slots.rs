//! Where open lookups stand: slots that are given out again, and the lists by which they are found.

use super::ending::Ended;
use super::open::Open;
use super::{Lookups, Question};
use crate::model::Timestamp;

/// Slots that are looked at for lookups that are over whenever one begins: with that no more than an
/// eighth of all slots are kept by what nobody came back to.
const SWEPT: usize = 8;

/// Slots looked at for one that is over, before another is closed to make room.
const TRIES: usize = 64;

impl Lookups {
    /// Closes what is open at the end of the capture, in the order of the slots.
    pub fn finish(&mut self, ended: &mut impl FnMut(Ended<'_>)) {
        for slot in 0..self.open.len() as u32 {
            self.close(slot, ended);
        }
    }

    /// Opens a lookup for a question.
    pub(super) fn start(
        &mut self,
        question: &Question<'_>,
        key: u64,
        ended: &mut impl FnMut(Ended<'_>),
    ) -> (u32, u32) {
        self.sweep(question.time, SWEPT, ended);
        if self.free.is_empty() && self.open.len() == self.most {
            self.sweep(question.time, TRIES, ended);
        }
        if self.free.is_empty() && self.open.len() == self.most {
            self.overflowed += 1;
            self.close(self.hand as u32, ended);
        }
        let slot = if let Some(slot) = self.free.pop() {
            self.open[slot as usize].begin(question);
            slot
        } else {
            self.open.push(Open::new(question));
            self.ends.push(question.time);
            (self.open.len() - 1) as u32
        };
        let list = self.list(key);
        let head = std::mem::replace(&mut self.heads[list], slot);
        if let Some(second) = self.open.get_mut(head as usize) {
            second.previous = slot;
        }
        let open = &mut self.open[slot as usize];
        (open.key, open.next) = (key, head);
        open.take(question);
        self.ends[slot as usize] = open.until;
        (slot, open.generation)
    }

    /// Closes those of the next so many slots that are over.
    fn sweep(&mut self, now: Timestamp, slots: usize, ended: &mut impl FnMut(Ended<'_>)) {
        let mut at = self.hand;
        for _ in 0..slots.min(self.open.len()) {
            at = if at + 1 < self.open.len() { at + 1 } else { 0 };
            if now > self.ends[at] {
                self.look_at(at as u32, now, ended);
            }
        }
        self.hand = at;
    }

    /// Closes a lookup if it is over: its client may go on waiting for longer than was known.
    fn look_at(&mut self, slot: u32, now: Timestamp, ended: &mut impl FnMut(Ended<'_>)) {
        let open = &self.open[slot as usize];
        if open.is_over(now) {
            self.close(slot, ended);
        } else {
            self.ends[slot as usize] = open.until;
        }
    }

    /// Ends the lookup in a slot, which is free from then on.
    pub(super) fn close(&mut self, slot: u32, ended: &mut impl FnMut(Ended<'_>)) {
        let open = &mut self.open[slot as usize];
        if !open.live {
            return;
        }
        open.live = false;
        self.ends[slot as usize] = Timestamp::MAX;
        self.free.push(slot);
        let (key, previous, next) = (open.key, open.previous, open.next);
        let list = self.list(key);
        ended(self.open[slot as usize].ended(&self.suffixes));
        // Take it out of its list.
        match self.open.get_mut(previous as usize) {
            Some(open) => open.next = next,
            None => self.heads[list] = next,
        }
        if let Some(open) = self.open.get_mut(next as usize) {
            open.previous = previous;
        }
    }
}
