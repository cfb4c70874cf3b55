//! Lookups: what a client wanted, put together from the transactions that it took. A walk through
//! the search list, the A/AAAA pair of each step and the retries are one lookup.
//!
//! A client's next transaction belongs to one of its open lookups when it asks
//! - the same name for the other address family, or again after a failure;
//! - the next name of a search walk, right after the answers to the step before;
//! - either of them without an answer, when a timer of its stub resolver may have run out, or right after it
//!   was refused. At any other time it is the program that asks once more, or another one.

mod ask;
mod claim;
mod ending;
mod labels;
mod open;
mod steps;
mod twins;

use super::search::Suffixes;
use super::{Outcome, Zone};
use crate::model::{Capacity, NameHasher, Span, Timestamp};
pub use ending::{Ended, Ending};
use labels::first_label;
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
    /// The last question, if it was asked before on another port.
    moved: Option<Move>,
}

/// A question asked again, of the same server with the same ID, but from another port: as c-ares does, and
/// dig and its like, which ask for one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// How long its client had waited.
    pub waited: Span,
    /// Its lookup did not ask for both A and AAAA.
    pub alone: bool,
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
        let (mut alike, mut doubtful) = (0, false);
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
            } else if open.is_doubtful(question) {
                doubtful = true;
            } else if self.goes_on(at, question) {
                self.note_retry(at, question);
                return self.take(at, question);
            }
            at = next;
        }
        let waits = if doubtful { self.one_that_waits(key, question) } else { None };
        match waits {
            Some(slot) => self.take(slot, question),
            None => self.start(question, key, ended),
        }
    }

    /// The lookup without an answer that a timer or a refusal brought `question` to, or whose answers come
    /// later in the capture.
    #[cold]
    fn one_that_waits(&mut self, key: u64, question: &Question<'_>) -> Option<u32> {
        let mut anew = false;
        let mut at = self.heads[self.list(key)];
        while let Some(open) = self.open.get(at as usize) {
            let next = open.next;
            if open.key == key && open.is_doubtful(question) {
                // Held against the last one only: of many, one would look timed by chance.
                if !anew && open.is_asked_anew(question) {
                    anew = true;
                    self.note_retry(at, question);
                }
                if self.goes_on(at, question) {
                    return Some(at);
                }
                let open = &self.open[at as usize];
                self.hurried += u64::from(!self.answered && open.hurries(question, &self.suffixes));
                if self.runs_ahead(at, question) {
                    return Some(at);
                }
            }
            at = next;
        }
        None
    }

    /// Counts a question that the lookup in a slot has asked and waits for.
    #[inline]
    fn note_retry(&mut self, slot: u32, question: &Question<'_>) {
        let open = &self.open[slot as usize];
        if open.waits_for(question) && open.is_same_name(question) {
            self.retried += 1;
            self.timed += u64::from(open.is_on_time(question));
        }
    }

    /// Whether `question` belongs to the lookup in a slot, and if it is its next step takes that step.
    #[inline]
    fn goes_on(&mut self, slot: u32, question: &Question<'_>) -> bool {
        let open = &self.open[slot as usize];
        open.joins(question) || open.may_step(question) && self.steps(slot, question)
    }

    fn take(&mut self, slot: u32, question: &Question<'_>) -> (u32, u32) {
        let open = &mut self.open[slot as usize];
        if open.waits_for(question) {
            self.moved = open.moves(question);
        }
        open.take(question);
        (slot, open.generation)
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
        if let Some(open) = self.still_open(slot, generation, time) {
            open.answer(name_hash, kind, outcome, time);
        }
    }

    /// A transaction of the lookup was refused, below DNS.
    pub fn refused(&mut self, slot: u32, generation: u32, time: Timestamp) {
        if let Some(open) = self.still_open(slot, generation, time) {
            open.refused = time;
        }
    }

    fn still_open(&mut self, slot: u32, generation: u32, time: Timestamp) -> Option<&mut Open> {
        let open = self.open.get_mut(slot as usize)?;
        (open.live && open.generation == generation && !open.is_over(time)).then_some(open)
    }

    /// Questions that were asked anew, on another port or of another server, while the first was
    /// without an answer: for the same lookup or another one.
    pub fn retried(&self) -> u64 {
        self.retried
    }

    /// What the last question was, if it had been asked before from another port.
    pub fn moved(&self) -> Option<Move> {
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
