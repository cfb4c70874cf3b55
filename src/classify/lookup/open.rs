//! A lookup while it is open.

use super::ask::{Ask, IDLE, TIMER, ask_index, is_paired};
use super::{GENERATIONS, NONE, Question};
use crate::classify::{Outcome, Zone};
use crate::model::{FOLD_LIMIT, Span, Timestamp};

/// The second address family is asked at once, or right after the first answer.
pub(super) const PAIR_GAP: Span = Span::from_millis(250);

/// The next step of a walk is asked right after the answers; a busy pod takes its time.
pub(super) const STEP_GAP: Span = Span::from_millis(500);

/// Suffixes that one lookup remembers: Kubernetes allows 32 search domains, nobody has half of it.
const MAX_TRIED: usize = 12;

/// What every question of the client is held against stands in the first cache line, when and from where it
/// asked in the second; the name is read of the one that fits.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Open {
    pub(super) client: u32,
    pub(super) generation: u32,
    /// Hash of the client and the first label.
    pub(super) key: u64,
    /// Neighbours in the list of lookups that this key is in.
    pub(super) previous: u32,
    pub(super) next: u32,
    pub(super) name_hash: u64,
    /// Nothing can belong to this lookup after that.
    pub(super) until: Timestamp,
    pub(super) last: Timestamp,
    /// When a question of it was refused last, by an ICMP error or a RST.
    pub(super) refused: Timestamp,
    /// The type of a lookup that asks nothing beside it; 0 where it may.
    single: u16,
    pub(super) asks: [Ask; 3],
    /// Where it belongs.
    pub(super) zone: Zone,
    pub(super) live: bool,
    pub(super) length: u8,
    /// When each of `asks` was sent last.
    pub(super) sent: [Timestamp; 3],
    /// Port and ID of the last A and AAAA question, and the server.
    pub(super) asked: [(u32, u32); 2],
    /// Port and ID of the last question.
    pub(super) socket: u32,
    /// The ports of the last A and AAAA question.
    pub(super) ports: [u16; 2],
    /// Whether those two were sent together.
    pub(super) paired: bool,
    /// Whether A and AAAA were answered only after they were sent again.
    pub(super) rescued: [bool; 2],
    /// Octets of the name that is wanted, at the start of `name`; 0 while unknown.
    pub(super) base: u8,
    pub(super) as_is_first: bool,
    pub(super) doubled: bool,
    /// A step before the last had no answer, or a failure for one: what it stood for is unknown.
    pub(super) broken: bool,
    pub(super) suffix_count: u8,
    pub(super) transactions: u32,
    pub(super) step_transactions: u32,
    pub(super) steps: u32,
    /// Steps that the walk went on after: all of their answers empty, all of them NXDOMAIN.
    pub(super) passed: [u8; 2],
    pub(super) suffixes: [u16; MAX_TRIED],
    pub(super) first: Timestamp,
    pub(super) frame: u64,
    pub(super) name: [u8; FOLD_LIMIT],
}

const _: () =
    assert!(std::mem::offset_of!(Open, sent) == 64 && std::mem::offset_of!(Open, steps) == 128);

impl Open {
    pub(super) fn new(question: &Question<'_>) -> Open {
        let mut open = Open {
            client: question.client,
            key: 0,
            previous: NONE,
            next: NONE,
            generation: 0,
            live: true,
            name: [0; FOLD_LIMIT],
            length: 0,
            base: 0,
            as_is_first: false,
            doubled: false,
            broken: false,
            single: 0,
            asks: [Ask::No; 3],
            name_hash: 0,
            zone: Zone::Either,
            until: question.time,
            steps: 1,
            transactions: 0,
            step_transactions: 0,
            passed: [0; 2],
            suffixes: [0; MAX_TRIED],
            suffix_count: 0,
            first: question.time,
            refused: Timestamp::MIN,
            sent: [question.time; 3],
            last: question.time,
            frame: question.frame,
            socket: question.socket,
            ports: [0; 2],
            asked: [(0, 0); 2],
            paired: false,
            rescued: [false; 2],
        };
        open.begin(question);
        open
    }

    /// Makes this a new lookup. What is behind a length is not cleared.
    pub(super) fn begin(&mut self, question: &Question<'_>) {
        (self.client, self.previous, self.next) = (question.client, NONE, NONE);
        self.generation = (self.generation + 1) & GENERATIONS;
        (self.live, self.base) = (true, 0);
        (self.as_is_first, self.doubled, self.broken) = (false, false, false);
        self.single = if is_paired(question.qtype) { 0 } else { question.qtype };
        self.asks = [Ask::No; 3];
        (self.steps, self.transactions, self.step_transactions) = (1, 0, 0);
        (self.passed, self.suffix_count) = ([0; 2], 0);
        self.first = question.time;
        self.refused = Timestamp::MIN;
        self.sent = [question.time; 3];
        self.last = question.time;
        self.frame = question.frame;
        self.socket = question.socket;
        self.ports = [0; 2];
        self.paired = false;
        self.rescued = [false; 2];
        self.set_name(question, None);
    }

    /// Takes the name of a question, whose zone may be known.
    pub(super) fn set_name(&mut self, question: &Question<'_>, zone: Option<Zone>) {
        self.name[..question.name.len()].copy_from_slice(question.name);
        self.length = question.name.len() as u8;
        self.name_hash = question.name_hash;
        self.zone = zone.unwrap_or_else(|| Zone::of(question.name));
    }

    /// Whether the walk has come to its end: the name as it is, behind the list.
    pub(super) fn is_complete(&self) -> bool {
        !self.as_is_first && self.length == self.base + 1
    }

    pub(super) fn tried(&self, suffix: u16) -> bool {
        self.suffixes[..usize::from(self.suffix_count)].contains(&suffix)
    }

    pub(super) fn note_suffix(&mut self, suffix: Option<u16>) {
        if let (Some(suffix), true) = (suffix, usize::from(self.suffix_count) < MAX_TRIED) {
            self.suffixes[usize::from(self.suffix_count)] = suffix;
            self.suffix_count += 1;
        }
    }

    /// Whether what `question` asks is unanswered.
    pub(super) fn waits_for(&self, question: &Question<'_>) -> bool {
        self.asks[ask_index(question.qtype)] == Ask::Waiting
    }

    /// Counts a transaction that belongs here.
    pub(super) fn take(&mut self, question: &Question<'_>) {
        let kind = ask_index(question.qtype);
        self.asks[kind] = Ask::Waiting;
        self.sent[kind] = question.time;
        self.socket = question.socket;
        if let Some(port) = self.ports.get_mut(kind) {
            *port = (question.socket >> 16) as u16;
            self.asked[kind] = (question.socket, question.server);
            self.rescued[kind] = false;
            self.pair_up(kind);
        }
        self.transactions += 1;
        self.step_transactions += 1;
        self.last = self.last.max(question.time);
        self.until = self.last.plus(IDLE);
    }

    pub(super) fn waits(&self) -> bool {
        self.asks.contains(&Ask::Waiting)
    }

    /// Whether the question's type can be part of this lookup.
    pub(super) fn same_kind(&self, kind: u16) -> bool {
        if is_paired(kind) { self.single == 0 } else { self.single == kind }
    }

    /// Whether nothing more can belong to this lookup at `time`.
    pub(super) fn is_over(&self, time: Timestamp) -> bool {
        time > self.until
    }

    /// Takes an answer to its question of this type, or to one of an earlier step.
    pub(super) fn answer(&mut self, name_hash: u64, kind: u16, outcome: Outcome, time: Timestamp) {
        self.last = self.last.max(time);
        if self.name_hash == name_hash {
            let ask = &mut self.asks[ask_index(kind)];
            // A retry's failure does not undo an answer.
            if !matches!(ask, Ask::Done(Outcome::Answered | Outcome::NoData)) {
                *ask = Ask::Done(outcome);
            }
        }
        self.until = self.last_moment();
    }

    /// Waits anew for an answer to a question that was sent once more: for want of one, or after a failure.
    pub(super) fn wait_from(&mut self, time: Timestamp) {
        if self.lasts() > Span::ZERO {
            self.until = self.until.max(time.plus(TIMER));
        }
    }

    /// How long more may come of one of its questions.
    fn lasts(&self) -> Span {
        let [a, aaaa, https] = self.asks.map(Ask::lasts);
        a.max(aaaa).max(https)
    }

    /// Until when this lookup may go on with something: both address families are answered, or it gets
    /// too late.
    fn last_moment(&self) -> Timestamp {
        let ([a, aaaa, _], lasts) = (self.asks, self.lasts());
        match () {
            () if lasts > Span::ZERO => self.last.plus(lasts),
            () if !self.asks.contains(&Ask::Done(Outcome::Answered)) => self.last.plus(STEP_GAP),
            () if a == Ask::No || aaaa == Ask::No => self.last.plus(PAIR_GAP),
            () => Timestamp::MIN,
        }
    }

    /// Whether each question of this step had this answer, the one for A among them.
    pub(super) fn all(&self, outcome: Outcome) -> bool {
        self.asks[0] == Ask::Done(outcome)
            && self.asks.iter().all(|ask| matches!(ask, Ask::No) || *ask == Ask::Done(outcome))
    }
}
