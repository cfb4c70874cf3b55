//! Lookups: what a client wanted, put together from the transactions that it took. A walk through
//! the search list, the A/AAAA pair of each step and the retries are one lookup.
//!
//! A client's next transaction belongs to one of its open lookups when it asks
//! - the same name for the other address family, or again after a failure or without an answer;
//! - the next name of a search walk, right after the answers to the step before.

use super::Outcome;
use super::search::{Suffixes, shared_base};
use crate::model::{FOLD_LIMIT, Span, Timestamp, labels, qtype};

/// Lookups open at once; the oldest is closed to make room. 5 MB at worst.
const MAX_OPEN: usize = 1 << 14;

/// Open lookups of one client that its next question is held against: as many as a busy pod has
/// waiting at the same moment when a twentieth of its questions is lost. The oldest beyond is closed.
const MAX_OPEN_PER_CLIENT: usize = 128;

/// Slots looked at for one that is over, before the oldest is closed to make room.
const TRIES: usize = 64;

/// A lookup that nothing happened to for so long is over: glibc's longest silence is two waits of 5 s.
const IDLE: Span = Span::from_secs(12);

/// The second address family is asked at once, or right after the first answer.
const PAIR_GAP: Span = Span::from_secs(1);

/// The next step of a walk is asked right after the answers; a busy pod takes its time.
const STEP_GAP: Span = Span::from_millis(500);

/// Stub resolvers wait at least 250 ms before they ask again: sooner is another thread's lookup.
const SOONEST_RETRY: Span = Span::from_millis(200);

const NONE: u32 = u32::MAX;

/// A slot's generation keeps to 24 bits, so that it travels in one word with other small figures.
const GENERATIONS: u32 = 0x00ff_ffff;

/// What a lookup came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// At least one question of its last step had records in the answer.
    Resolved,
    /// The name exists without addresses.
    NoData,
    /// Every step was NXDOMAIN, the name as it is included as far as the walk tells.
    Missing,
    /// Its last answers were failures.
    Failed,
    /// Its last questions stayed without an answer.
    Unanswered,
}

/// A lookup that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Whose it was: the index that was given with its transactions.
    pub client: u32,
    /// Its last name, case-folded, in wire form.
    pub name: &'a [u8],
    /// Names tried.
    pub steps: u32,
    /// Transactions in all.
    pub transactions: u32,
    /// Transactions of the steps before the last.
    pub extra: u32,
    /// What it came to.
    pub ending: Ending,
    /// A client's name already ended in a search suffix: `a.ns.svc.zone.ns.svc.zone` was asked.
    pub doubled: bool,
    /// Dots of the name that was wanted, where a walk showed it.
    pub dots: Option<u8>,
    /// Whether the name was first tried as it is.
    pub as_is_first: bool,
    /// Whether its last name is known to be the one wanted, not one that the search list made, and
    /// every step before it was answered with a plain no.
    pub as_is: bool,
    /// Whether A was fine and AAAA was empty in the last step.
    pub only_ipv4: bool,
    /// Indexes of the suffixes tried, in their order.
    pub suffixes: &'a [u16],
    /// First and last moment.
    pub window: (Timestamp, Timestamp),
    /// Frame of its first query.
    pub frame: u64,
}

/// The state of one question type within a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ask {
    #[default]
    No,
    Waiting,
    Done(Outcome),
}

/// The question types that one lookup asks side by side.
const PAIRED: [u16; 3] = [qtype::A, qtype::AAAA, qtype::HTTPS];

/// Suffixes that one lookup remembers: Kubernetes allows 32 search domains, nobody has half of it.
const MAX_TRIED: usize = 12;

struct Open {
    client: u32,
    /// Next open lookup of the same client.
    next: u32,
    generation: u32,
    live: bool,
    name: [u8; FOLD_LIMIT],
    length: u8,
    /// Octets of the name that is wanted, at the start of `name`; 0 while unknown.
    base: u8,
    as_is_first: bool,
    doubled: bool,
    /// A step before the last had no answer, or a failure for one: what it stood for is unknown.
    broken: bool,
    /// The type of a lookup outside [`PAIRED`].
    single: u16,
    asks: [Ask; 3],
    name_hash: u64,
    steps: u32,
    transactions: u32,
    step_transactions: u32,
    suffixes: [u16; MAX_TRIED],
    suffix_count: u8,
    first: Timestamp,
    /// When each of `asks` was sent last.
    sent: [Timestamp; 3],
    last: Timestamp,
    frame: u64,
}

/// All open lookups.
#[derive(Default)]
pub struct Lookups {
    open: Vec<Open>,
    /// First open lookup of each client.
    heads: Vec<u32>,
    /// Where the next one goes when there is no room: the oldest.
    hand: usize,
    /// Suffixes seen.
    pub suffixes: Suffixes,
    retried: u64,
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
}

impl Lookups {
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
        let mut at = self.heads[client];
        let mut depth = 0;
        while let Some(open) = self.open.get_mut(at as usize) {
            let next = open.next;
            depth += 1;
            if open.is_over(question.time) || depth > MAX_OPEN_PER_CLIENT {
                self.close(at, ended);
            } else if open.joins(question) || self.steps(at, question) {
                let open = &mut self.open[at as usize];
                self.retried += u64::from(open.take(question));
                return (at, open.generation);
            }
            at = next;
        }
        self.start(question, ended)
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
        let Some(open) = self.open.get_mut(slot as usize) else { return };
        if !open.live || open.generation != generation {
            return;
        }
        open.last = open.last.max(time);
        if open.name_hash == name_hash {
            let ask = &mut open.asks[ask_index(kind)];
            // A retry's failure does not undo an answer.
            if !matches!(ask, Ask::Done(Outcome::Answered | Outcome::NoData)) {
                *ask = Ask::Done(outcome);
            }
        }
    }

    /// Questions that were asked anew, on another port or of another server, while the first was
    /// without an answer.
    pub fn retried(&self) -> u64 {
        self.retried
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
        if known > 0
            && (open.is_complete() || self.suffixes.at(tail).is_some_and(|s| open.tried(s)))
        {
            // The list is through, or begins anew: the client asks for the same name once more.
            return false;
        }
        if known == 0 {
            let tails = [&current[base..], tail];
            if tails.iter().any(|tail| self.suffixes.stands_within(tail)) {
                return false;
            }
            open.as_is_first = current.len() == base + 1;
            let tail = current[base..].to_vec();
            open.note_suffix(self.suffixes.note(&tail, 0));
            open.doubled = tail.len() > 1 && ends_with_labels(&open.name[..base], &tail);
            open.base = base as u8;
        }
        let position = u64::from(open.suffix_count);
        open.note_suffix(self.suffixes.note(tail, position));
        open.doubled |= tail.len() > 1 && ends_with_labels(&open.name[..base], tail);
        open.steps += 1;
        open.broken |= open.asks.iter().any(|ask| match ask {
            Ask::No => false,
            Ask::Waiting => true,
            Ask::Done(outcome) => !outcome.is_negative(),
        });
        open.step_transactions = 0;
        open.asks = [Ask::No; 3];
        open.set_name(question);
        true
    }

    fn start(&mut self, question: &Question<'_>, ended: &mut impl FnMut(Ended<'_>)) -> (u32, u32) {
        let slot = if self.open.len() < MAX_OPEN {
            self.open.push(Open::new(question));
            (self.open.len() - 1) as u32
        } else {
            let over = (0..TRIES).map(|ahead| (self.hand + ahead) % MAX_OPEN).find(|&slot| {
                let open = &self.open[slot];
                !open.live || open.is_over(question.time)
            });
            let slot = over.unwrap_or(self.hand);
            self.hand = (slot + 1) % MAX_OPEN;
            let slot = slot as u32;
            self.close(slot, ended);
            let generation = (self.open[slot as usize].generation + 1) & GENERATIONS;
            self.open[slot as usize] = Open { generation, ..Open::new(question) };
            slot
        };
        let head = &mut self.heads[question.client as usize];
        let open = &mut self.open[slot as usize];
        open.next = *head;
        *head = slot;
        open.take(question);
        (slot, open.generation)
    }

    fn close(&mut self, slot: u32, ended: &mut impl FnMut(Ended<'_>)) {
        let open = &mut self.open[slot as usize];
        if !open.live {
            return;
        }
        open.live = false;
        let (client, next) = (open.client, open.next);
        ended(open.ended(&self.suffixes));
        // Take it out of its client's list.
        let mut at = self.heads[client as usize];
        if at == slot {
            self.heads[client as usize] = next;
            return;
        }
        while let Some(open) = self.open.get_mut(at as usize) {
            if open.next == slot {
                open.next = next;
                return;
            }
            at = open.next;
        }
    }
}

impl Open {
    fn new(question: &Question<'_>) -> Open {
        let mut open = Open {
            client: question.client,
            next: NONE,
            generation: 0,
            live: true,
            name: [0; FOLD_LIMIT],
            length: 0,
            base: 0,
            as_is_first: false,
            doubled: false,
            broken: false,
            single: if PAIRED.contains(&question.qtype) { 0 } else { question.qtype },
            asks: [Ask::No; 3],
            name_hash: 0,
            steps: 1,
            transactions: 0,
            step_transactions: 0,
            suffixes: [0; MAX_TRIED],
            suffix_count: 0,
            first: question.time,
            sent: [question.time; 3],
            last: question.time,
            frame: question.frame,
        };
        open.set_name(question);
        open
    }

    fn set_name(&mut self, question: &Question<'_>) {
        self.name[..question.name.len()].copy_from_slice(question.name);
        self.length = question.name.len() as u8;
        self.name_hash = question.name_hash;
    }

    /// Whether the walk has come to its end: the name as it is, behind the list.
    fn is_complete(&self) -> bool {
        !self.as_is_first && self.length == self.base + 1
    }

    fn tried(&self, suffix: u16) -> bool {
        self.suffixes[..usize::from(self.suffix_count)].contains(&suffix)
    }

    fn note_suffix(&mut self, suffix: Option<u16>) {
        if let (Some(suffix), true) = (suffix, usize::from(self.suffix_count) < MAX_TRIED) {
            self.suffixes[usize::from(self.suffix_count)] = suffix;
            self.suffix_count += 1;
        }
    }

    /// Counts a transaction that belongs here, and says whether it asks again what is unanswered.
    fn take(&mut self, question: &Question<'_>) -> bool {
        let kind = ask_index(question.qtype);
        let again = self.asks[kind] == Ask::Waiting;
        self.asks[kind] = Ask::Waiting;
        self.sent[kind] = question.time;
        self.transactions += 1;
        self.step_transactions += 1;
        self.last = self.last.max(question.time);
        again
    }

    fn waits(&self) -> bool {
        self.asks.contains(&Ask::Waiting)
    }

    /// Whether the question's type can be part of this lookup.
    fn same_kind(&self, kind: u16) -> bool {
        if PAIRED.contains(&kind) { self.single == 0 } else { self.single == kind }
    }

    /// Whether nothing more can belong to this lookup at `time`: both address families are answered,
    /// or it is too late for whatever it might have gone on with.
    fn is_over(&self, time: Timestamp) -> bool {
        let gap = time.since(self.last);
        let goes_on = self.asks.iter().any(|ask| match ask {
            Ask::Waiting => true,
            Ask::Done(outcome) => outcome.is_failure() || *outcome == Outcome::Truncated,
            Ask::No => false,
        });
        if goes_on {
            return gap > IDLE;
        }
        let [a, aaaa, _] = self.asks;
        let resolved = self.asks.contains(&Ask::Done(Outcome::Answered));
        resolved && a != Ask::No && aaaa != Ask::No || gap > PAIR_GAP
    }

    /// Whether `question` is the same name once more for this lookup.
    fn joins(&self, question: &Question<'_>) -> bool {
        if self.name_hash != question.name_hash || !self.same_kind(question.qtype) {
            return false;
        }
        let kind = ask_index(question.qtype);
        match self.asks[kind] {
            Ask::No => {
                let waiting = self.waits();
                waiting || question.time.since(self.last) <= PAIR_GAP
            }
            Ask::Waiting => question.time.since(self.sent[kind]) >= SOONEST_RETRY,
            Ask::Done(outcome) => outcome.is_failure() || outcome == Outcome::Truncated,
        }
    }

    /// Whether the step that this lookup is at may be followed by another name.
    fn may_step(&self, question: &Question<'_>) -> bool {
        // TXT is left out: DMARC and SPF climb a name's parents themselves.
        let kind = ask_index(question.qtype);
        if !self.same_kind(question.qtype) || question.qtype == 16 || self.asks[kind] == Ask::No {
            return false;
        }
        let resolved = self.asks.contains(&Ask::Done(Outcome::Answered));
        let waiting = self.waits();
        let gap = question.time.since(self.last);
        // Without an answer, the next name comes when the resolver's own timer has run out.
        !resolved && if waiting { gap >= SOONEST_RETRY } else { gap <= STEP_GAP }
    }

    fn ended(&self, suffixes: &Suffixes) -> Ended<'_> {
        let done = |wanted: Outcome| self.asks.contains(&Ask::Done(wanted));
        let ending = if done(Outcome::Answered) || done(Outcome::Truncated) {
            Ending::Resolved
        } else if self.waits() {
            Ending::Unanswered
        } else if self.asks.iter().any(|ask| matches!(ask, Ask::Done(o) if o.is_failure())) {
            Ending::Failed
        } else if done(Outcome::NoData) {
            Ending::NoData
        } else {
            Ending::Missing
        };
        let base = usize::from(self.base);
        Ended {
            client: self.client,
            name: &self.name[..usize::from(self.length)],
            steps: self.steps,
            transactions: self.transactions,
            extra: self.transactions - self.step_transactions,
            ending,
            doubled: self.doubled,
            dots: (base > 0).then(|| labels(&self.name[..base]).count().saturating_sub(1) as u8),
            as_is_first: self.as_is_first,
            as_is: if base > 0 {
                self.is_complete() && !self.broken
            } else {
                !suffixes.ends(&self.name[..usize::from(self.length)])
            },
            only_ipv4: self.asks[0] == Ask::Done(Outcome::Answered)
                && self.asks[1] == Ask::Done(Outcome::NoData),
            suffixes: &self.suffixes[..usize::from(self.suffix_count)],
            window: (self.first, self.last),
            frame: self.frame,
        }
    }
}

/// Which of a step's asks a type is: those outside the pair use the first, being alone.
fn ask_index(kind: u16) -> usize {
    PAIRED.iter().position(|&paired| paired == kind).unwrap_or(0)
}

/// Whether the labels of `name` (without root) end in those of `tail` (with root).
fn ends_with_labels(name: &[u8], tail: &[u8]) -> bool {
    let tail = &tail[..tail.len() - 1];
    let Some(start) = name.len().checked_sub(tail.len()) else { return false };
    let mut at = 0;
    name[start..] == *tail
        && (start == 0
            || labels(name).any(|label| {
                at += 1 + label.len();
                at == start
            }))
}

#[cfg(test)]
mod tests;
