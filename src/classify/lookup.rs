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
use crate::model::{Capacity, Span, Timestamp};
use ask::Ask;
pub use ending::{Ended, Ending};
use labels::{Start, ends_with_labels};
use open::Open;
pub use twins::Twin;

/// Lookups open at once; the oldest is closed to make room. 5 MB at worst.
const MAX_OPEN: usize = 1 << 14;

/// Open lookups of one client that its next question is held against: as many as a busy pod has
/// waiting at the same moment when a twentieth of its questions is lost. The oldest beyond is closed.
const MAX_OPEN_PER_CLIENT: usize = 128;

/// Slots looked at for one that is over, before the oldest is closed to make room.
const TRIES: usize = 64;

/// No slot.
const NONE: u32 = u32::MAX;

/// A slot's generation keeps to 24 bits, so that it travels in one word with other small figures.
const GENERATIONS: u32 = 0x00ff_ffff;

/// All open lookups.
#[derive(Clone)]
pub struct Lookups {
    open: Vec<Open>,
    /// First open lookup of each client.
    heads: Vec<u32>,
    /// Slots of lookups that are over, the last one first: it still is in the cache.
    free: Vec<u32>,
    /// Where the next one goes when there is no room: the oldest.
    hand: usize,
    most: usize,
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
    pub fn new(capacity: Capacity) -> Lookups {
        Lookups {
            open: Vec::new(),
            heads: Vec::new(),
            free: Vec::new(),
            hand: 0,
            most: capacity.of(MAX_OPEN),
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
        let client = question.client as usize;
        if self.heads.len() <= client {
            self.heads.resize(client + 1, NONE);
        }
        self.moved = None;
        let start = Start::of(question.name);
        let mut at = self.heads[client];
        let mut depth = 0;
        while let Some(open) = self.open.get_mut(at as usize) {
            let next = open.next;
            depth += 1;
            if open.is_over(question.time) || depth > MAX_OPEN_PER_CLIENT {
                self.close(at, ended);
            } else if open.start != start {
                // Another name.
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
        self.start(question, ended)
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
        if !open.live || open.generation != generation {
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

    fn start(&mut self, question: &Question<'_>, ended: &mut impl FnMut(Ended<'_>)) -> (u32, u32) {
        if self.free.is_empty() && self.open.len() == self.most {
            let over = (0..TRIES)
                .map(|ahead| (self.hand + ahead) % self.most)
                .find(|&slot| self.open[slot].is_over(question.time));
            let slot = over.unwrap_or(self.hand);
            self.hand = (slot + 1) % self.most;
            self.close(slot as u32, ended);
        }
        let slot = if let Some(slot) = self.free.pop() {
            self.open[slot as usize].begin(question);
            slot
        } else {
            self.open.push(Open::new(question));
            (self.open.len() - 1) as u32
        };
        let head = std::mem::replace(&mut self.heads[question.client as usize], slot);
        if let Some(second) = self.open.get_mut(head as usize) {
            second.previous = slot;
        }
        let open = &mut self.open[slot as usize];
        open.next = head;
        open.take(question);
        (slot, open.generation)
    }

    fn close(&mut self, slot: u32, ended: &mut impl FnMut(Ended<'_>)) {
        let open = &mut self.open[slot as usize];
        if !open.live {
            return;
        }
        open.live = false;
        self.free.push(slot);
        let (client, previous, next) = (open.client, open.previous, open.next);
        ended(open.ended(&self.suffixes));
        // Take it out of its client's list.
        match self.open.get_mut(previous as usize) {
            Some(open) => open.next = next,
            None => self.heads[client as usize] = next,
        }
        if let Some(open) = self.open.get_mut(next as usize) {
            open.previous = previous;
        }
    }
}

#[cfg(test)]
mod tests;
