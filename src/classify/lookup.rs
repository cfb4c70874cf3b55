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
mod slots;
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
/// against. Of 40,000 packets a second of three clients that lose 5 % there are some 300. The oldest beyond is
/// closed.
const MAX_ALIKE: usize = 1024;

/// So many of them a question is held against on average, so that nobody can make questions dear; in the same
/// traffic it is 15.
const ALIKE: usize = 32;

/// What questions that were held against fewer leave to others: a thousand that are held against all.
const MAX_PATIENCE: usize = 1 << 20;

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
    /// When each lookup may be over, that none has to be looked at before: of thousands, most are not. The end of
    /// time for slots that are free.
    ends: Vec<Timestamp>,
    /// Which slot is looked at next for a lookup that is over.
    hand: usize,
    most: usize,
    hasher: NameHasher,
    /// How many lookups the next question may be held against beyond `ALIKE`.
    patience: usize,
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
            ends: Vec::new(),
            hand: 0,
            most,
            hasher,
            patience: MAX_PATIENCE,
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
        let (found, doubtful) = self.one_that_goes_on(key, question, ended);
        let waits = || if doubtful { self.one_that_waits(key, question) } else { None };
        match found.or_else(waits) {
            Some(slot) => self.take(slot, question),
            None => self.start(question, key, ended),
        }
    }

    /// The lookup that `question` follows upon at once, if any, and whether one is in doubt. Closes what is
    /// over on the way.
    #[inline]
    fn one_that_goes_on(
        &mut self,
        key: u64,
        question: &Question<'_>,
        ended: &mut impl FnMut(Ended<'_>),
    ) -> (Option<u32>, bool) {
        let most = MAX_ALIKE.min(ALIKE + self.patience);
        let mut at = self.heads[self.list(key)];
        let (mut alike, mut doubtful, mut found) = (0, false, None);
        while let Some(open) = self.open.get_mut(at as usize) {
            let next = open.next;
            alike += usize::from(open.key == key);
            if open.key != key {
                // Another client's, or another name.
            } else if open.is_over(question.time) {
                self.close(at, ended);
            } else if alike > most {
                self.overflowed += 1;
                self.close(at, ended);
            } else if open.is_doubtful(question) {
                doubtful = true;
            } else if self.goes_on(at, question) {
                self.note_retry(at, question);
                found = Some(at);
                break;
            }
            at = next;
        }
        self.patience = (self.patience + ALIKE).saturating_sub(alike).min(MAX_PATIENCE);
        (found, doubtful)
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
        self.ends[slot as usize] = open.until;
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
            self.ends[slot as usize] = open.until;
        }
    }

    /// A question of the lookup was sent again from the same port: its client goes on waiting.
    pub fn resent(&mut self, slot: u32, generation: u32, time: Timestamp) {
        if let Some(open) = self.still_open(slot, generation, time) {
            open.wait_from(time);
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
}

#[cfg(test)]
mod tests;
