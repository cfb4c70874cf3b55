//! Lookups: what a client wanted, put together from the transactions that it took. A walk through
//! the search list, the A/AAAA pair of each step and the retries are one lookup.
//!
//! A client's next transaction belongs to one of its open lookups when it asks
//! - the same name for the other address family, or again after a failure or without an answer;
//! - the next name of a search walk, right after the answers to the step before.

mod ask;
mod ending;
mod labels;
mod open;
mod twins;

use super::search::{Suffixes, shared_base};
use super::{Outcome, Zone};
use crate::model::{Capacity, NameHasher, Span, Timestamp};
use ask::Ask;
pub use ending::{Ended, Ending};
use labels::{ends_with_labels, first_label};
use open::Open;
pub use twins::Twin;

/// Lookups open at once; one of them is closed to make room. 9 MB at worst.
const MAX_OPEN: usize = 1 << 14;

/// Open lookups of one client whose names share their first label: what its next such question is held
/// against, so that nobody can make a question dear. The oldest beyond is closed.
const MAX_ALIKE: usize = 128;

/// Slots that are looked at for lookups that are over whenever one begins: with that no more than an
/// eighth of all slots are kept by what nobody came back to.
const SWEPT: usize = 8;

/// Slots looked at for one that is over, before another is closed to make room.
const TRIES: usize = 64;

/// No slot.
const NONE: u32 = u32::MAX;

/// A slot's generation keeps to 24 bits, so that it travels in one word with other small figures.
const GENERATIONS: u32 = 0x00ff_ffff;

/// All open lookups.
#[derive(Clone)]
pub struct Lookups {
    open: Vec<Open>,
    /// Last begun lookup in each list of those that may go on alike: by the hash of the client and the
    /// first label, which all steps of a walk share.
    heads: Vec<u32>,
    /// Slots of lookups that are over, the last one first: it still is in the cache.
    free: Vec<u32>,
    /// Which slot is looked at next for a lookup that is over.
    hand: usize,
    most: usize,
    hasher: NameHasher,
    /// Lookups that were closed to make room.
    pub overflowed: u64,
    /// Suffixes seen.
    pub suffixes: Suffixes,
    retried: u64,
    timed: u64,
    hurried: u64,
    /// Whether any answer was seen: from then on nobody asks how clients behave without.
    answered: bool,
    /// How long the last question was waited for, if it was asked before on another port.
    moved: Option<Span>,
}

/// One question of a client.
pub struct Question<'a> {
    /// Index of the client.
    pub client: u32,
    /// The QNAME, case-folded, in wire form.
    pub name: &'a [u8],
    /// Its hash.
    pub name_hash: u64,
    /// QTYPE.
    pub qtype: u16,
    /// When it was sent.
    pub time: Timestamp,
    /// Its frame.
    pub frame: u64,
    /// Port and ID: what stays the same when a stub resolver asks all its servers in one burst.
    pub socket: u32,
    /// Number of the server that was asked.
    pub server: u32,
}

impl Lookups {
    /// No lookups yet.
    pub fn new(capacity: Capacity, hasher: NameHasher) -> Lookups {
        let most = capacity.of(MAX_OPEN);
        Lookups {
            open: Vec::new(),
            heads: vec![NONE; most.next_power_of_two()],
            free: Vec::new(),
            hand: 0,
            most,
            hasher,
            overflowed: 0,
            suffixes: Suffixes::default(),
            retried: 0,
            timed: 0,
            hurried: 0,
            answered: false,
            moved: None,
        }
    }

    /// Finds or opens the lookup of a new transaction. Returns its slot and generation, to be given
    /// to [`Lookups::answered`]; calls `ended` for lookups that are over.
    pub fn asked(
        &mut self,
        question: &Question<'_>,
        ended: &mut impl FnMut(Ended<'_>),
    ) -> (u32, u32) {
        self.moved = None;
        let key = self.hasher.hash(first_label(question.name)) ^ u64::from(question.client);
        let mut at = self.heads[self.list(key)];
        let mut alike = 0;
        while let Some(open) = self.open.get_mut(at as usize) {
            let next = open.next;
            alike += usize::from(open.key == key);
            if open.key != key {
                // Another client's, or another name.
            } else if open.is_over(question.time) {
                self.close(at, ended);
            } else if alike > MAX_ALIKE {
                self.overflowed += 1;
                self.close(at, ended);
            } else if open.joins(question) || self.steps(at, question) {
                let open = &mut self.open[at as usize];
                if open.waits_for(question) {
                    self.retried += 1;
                    self.timed += u64::from(open.is_timed(question));
                    self.moved = open.moves(question);
                }
                open.take(question);
                return (at, open.generation);
            } else if !self.answered && self.open[at as usize].hurries(question, &self.suffixes) {
                self.hurried += 1;
            }
            at = next;
        }
        self.start(question, key, ended)
    }

    /// Which list a key belongs to.
    fn list(&self, key: u64) -> usize {
        key as usize & (self.heads.len() - 1)
    }

    /// Where the name that the lookup in a slot is at belongs.
    pub fn zone(&self, slot: u32) -> Option<Zone> {
        self.open.get(slot as usize).map(|open| open.zone)
    }

    /// A transaction of the lookup was answered.
    pub fn answered(
        &mut self,
        slot: u32,
        generation: u32,
        name_hash: u64,
        kind: u16,
        outcome: Outcome,
        time: Timestamp,
    ) {
        self.answered = true;
        let Some(open) = self.open.get_mut(slot as usize) else { return };
        if !open.live || open.generation != generation || open.is_over(time) {
            return;
        }
        open.answer(name_hash, kind, outcome, time);
    }

    /// Questions that were asked anew, on another port or of another server, while the first was
    /// without an answer.
    pub fn retried(&self) -> u64 {
        self.retried
    }

    /// How long the client waited before it asked its last question again, of the same server with the
    /// same ID, but from another port: as c-ares does, and hardly anybody else.
    pub fn moved(&self) -> Option<Span> {
        self.moved
    }

    /// Of these, those that came when a stub resolver's timer may have run out.
    pub fn timed(&self) -> u64 {
        self.timed
    }

    /// Steps of search walks that came too soon after the step before for a timer, counted up to the
    /// first answer: the answers that led to them are not in the capture.
    pub fn hurried(&self) -> u64 {
        self.hurried
    }

    /// Closes what is open at the end of the capture, in the order of the slots.
    pub fn finish(&mut self, ended: &mut impl FnMut(Ended<'_>)) {
        for slot in 0..self.open.len() as u32 {
            self.close(slot, ended);
        }
    }

    /// Whether `question` is the next step of the walk in `slot`, and if so takes that step.
    fn steps(&mut self, slot: u32, question: &Question<'_>) -> bool {
        let open = &mut self.open[slot as usize];
        if !open.may_step(question) {
            return false;
        }
        let current = &open.name[..usize::from(open.length)];
        let known = usize::from(open.base);
        let base = if known > 0 {
            // The base is known: any other tail behind it is the list's next suffix.
            let same = question.name.len() > known
                && question.name[..known] == current[..known]
                && question.name != current;
            same.then_some(known)
        } else {
            shared_base(current, question.name, &self.suffixes)
        };
        let Some(base) = base else { return false };
        let tail = &question.name[base..];
        let suffix = self.suffixes.at(tail);
        if known > 0 && (open.is_complete() || suffix.is_some_and(|s| open.tried(s))) {
            // The list is through, or begins anew: the client asks for the same name once more.
            return false;
        }
        if known > 0 && suffix.is_none() && self.suffixes.stands_within(tail, suffix) {
            // Another name that begins alike, on its own way through the list.
            return false;
        }
        if known == 0 {
            let (front, before) = current.split_at(base);
            let first = self.suffixes.at(before);
            let tails = [(before, first), (tail, suffix)];
            if tails.iter().any(|&(tail, known)| self.suffixes.stands_within(tail, known)) {
                return false;
            }
            let first = self.suffixes.note_at(first, before, 0);
            open.doubled = before.len() > 1 && ends_with_labels(front, before);
            open.as_is_first = before.len() == 1;
            open.note_suffix(first);
            open.base = base as u8;
        }
        let position = u64::from(open.suffix_count);
        open.note_suffix(self.suffixes.note_at(suffix, tail, position));
        open.doubled |= tail.len() > 1 && ends_with_labels(&open.name[..base], tail);
        open.steps += 1;
        open.broken |= open.asks.iter().any(|ask| match ask {
            Ask::No => false,
            Ask::Waiting => true,
            Ask::Done(outcome) => !outcome.is_negative(),
        });
        for (at, outcome) in [Outcome::NoData, Outcome::NxDomain].into_iter().enumerate() {
            open.passed[at] = open.passed[at].saturating_add(u8::from(open.all(outcome)));
        }
        open.step_transactions = 0;
        open.asks = [Ask::No; 3];
        let zone = suffix.and_then(|suffix| self.suffixes.get(suffix)?.zone);
        open.set_name(question, zone);
        true
    }

    fn start(
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
        (slot, open.generation)
    }

    /// Closes those of the next so many slots that are over.
    fn sweep(&mut self, now: Timestamp, slots: usize, ended: &mut impl FnMut(Ended<'_>)) {
        for _ in 0..slots.min(self.open.len()) {
            self.hand = if self.hand + 1 < self.open.len() { self.hand + 1 } else { 0 };
            if self.open[self.hand].is_over(now) {
                self.close(self.hand as u32, ended);
            }
        }
    }

    fn close(&mut self, slot: u32, ended: &mut impl FnMut(Ended<'_>)) {
        let open = &mut self.open[slot as usize];
        if !open.live {
            return;
        }
        open.live = false;
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

#[cfg(test)]
mod tests;
