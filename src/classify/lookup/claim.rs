//! Which questions may belong to an open lookup, by what they ask and when.

use super::ask::{Ask, ask_index};
use super::open::{Open, PAIR_GAP, STEP_GAP};
use super::{Move, Question};
use crate::classify::Outcome;
use crate::classify::search::{Suffixes, shared_base};
use crate::model::{Span, Timestamp};

/// Stub resolvers wait at least 250 ms before they ask again: sooner is another thread's lookup.
const SOONEST_RETRY: Span = Span::from_millis(200);

/// How late the timers of one question fire on a busy machine, where it was sent again before.
const LATE: Span = Span::from_millis(50);

/// How late one timer fires.
const PROMPT: Span = Span::from_millis(25);

/// No answer comes sooner; A and AAAA of two lookups that begin together do.
const SOONEST_ANSWER: Span = Span::from_micros(20);

impl Open {
    /// Whether `question` is the same name once more for this lookup.
    pub(super) fn joins(&self, question: &Question<'_>) -> bool {
        if self.name_hash != question.name_hash || !self.same_kind(question.qtype) {
            return false;
        }
        let kind = ask_index(question.qtype);
        match self.asks[kind] {
            Ask::No => {
                let waiting = self.waits();
                waiting || question.time.since(self.last) <= PAIR_GAP
            }
            // Or another server is asked in the same burst, as musl does.
            Ask::Waiting => {
                let gap = question.time.since(self.sent[kind]);
                let anew = || self.is_timed(question) || self.asks_elsewhere(question);
                self.socket == question.socket
                    || self.was_refused(question)
                    || gap >= SOONEST_RETRY && anew()
            }
            Ask::Done(Outcome::Truncated) => true,
            // The next server is asked at once, or the same again from the same socket: later it is
            // the application that tries again.
            Ask::Done(outcome) if outcome.is_failure() => {
                question.time.since(self.last) <= STEP_GAP || self.socket == question.socket
            }
            Ask::Done(_) => false,
        }
    }

    /// Whether the step that this lookup is at may be followed by another name.
    pub(super) fn may_step(&self, question: &Question<'_>) -> bool {
        // TXT is left out: DMARC and SPF climb a name's parents themselves.
        let kind = ask_index(question.qtype);
        if !self.same_kind(question.qtype) || question.qtype == 16 || self.asks[kind] == Ask::No {
            return false;
        }
        let resolved = self.asks.contains(&Ask::Done(Outcome::Answered));
        let gap = question.time.since(self.last);
        // Without an answer, the next name comes when the resolver's own timer has run out.
        let late = || self.was_refused(question) || gap >= SOONEST_RETRY && self.is_timed(question);
        !resolved && if self.waits() { late() } else { gap <= STEP_GAP }
    }

    /// Whether only a timer that ran out could bring `question` here: a lookup that it follows upon at
    /// once has the better claim.
    pub(super) fn is_doubtful(&self, question: &Question<'_>) -> bool {
        if self.name_hash != question.name_hash {
            return self.waits() && !self.was_refused(question);
        }
        match self.asks[ask_index(question.qtype)] {
            Ask::No => question.time.since(self.last) > PAIR_GAP,
            Ask::Waiting => self.socket != question.socket && !self.was_refused(question),
            Ask::Done(_) => false,
        }
    }

    /// Whether `question` is for the name that this lookup is at.
    pub(super) fn is_same_name(&self, question: &Question<'_>) -> bool {
        self.name_hash == question.name_hash
    }

    /// Whether `question` asks once more what is unanswered, not at the same time as another thread.
    pub(super) fn is_asked_anew(&self, question: &Question<'_>) -> bool {
        let gap = question.time.since(self.sent[ask_index(question.qtype)]);
        self.is_same_name(question) && self.waits_for(question) && gap >= SOONEST_RETRY
    }

    /// Whether the client was refused just before `question`: it goes on without waiting for a timer.
    fn was_refused(&self, question: &Question<'_>) -> bool {
        self.refused != Timestamp::MIN && question.time.since(self.refused) <= STEP_GAP
    }

    /// Whether `question` was asked before, of another server or with the same ID.
    fn asks_elsewhere(&self, question: &Question<'_>) -> bool {
        let Some(&(socket, server)) = self.asked.get(ask_index(question.qtype)) else {
            return false;
        };
        server != question.server || socket as u16 == question.socket as u16
    }

    /// Whether `question` comes when a timer may have run out since this was asked: stub resolvers'
    /// are multiples of half a second (glibc 5 s, musl 2.5 s, Go 5 s, `timeout:1` 1 s).
    fn is_timed(&self, question: &Question<'_>) -> bool {
        self.follows_a_timer(question, LATE)
    }

    /// The same, told more strictly: programs sleep for round times, too, and take theirs to go on.
    pub(super) fn is_on_time(&self, question: &Question<'_>) -> bool {
        self.follows_a_timer(question, PROMPT)
    }

    fn follows_a_timer(&self, question: &Question<'_>, late: Span) -> bool {
        let gap = question.time.since(self.sent[ask_index(question.qtype)]).0;
        (gap + 1_000_000).rem_euclid(500_000_000) < late.0
    }

    /// Whether `question` comes when the answers to this step may have come, and have not been seen.
    pub(super) fn may_run_ahead(&self, question: &Question<'_>) -> bool {
        let kind = ask_index(question.qtype);
        let gap = question.time.since(self.sent[kind]);
        self.waits()
            && self.same_kind(question.qtype)
            && self.asks[kind] != Ask::No
            && !self.asks.contains(&Ask::Done(Outcome::Answered))
            && (SOONEST_ANSWER..SOONEST_RETRY).contains(&gap)
    }

    /// Whether `question` is the next step of this walk although no answer was seen and no timer can
    /// have run out.
    pub(super) fn hurries(&self, question: &Question<'_>, suffixes: &Suffixes) -> bool {
        let gap = question.time.since(self.last);
        let current = &self.name[..usize::from(self.length)];
        self.waits()
            && self.same_kind(question.qtype)
            && (SOONEST_ANSWER..SOONEST_RETRY).contains(&gap)
            && shared_base(current, question.name, suffixes).is_some()
    }

    /// `question`, which is in flight, as a move: if it was to the same server with the same ID from another
    /// port.
    pub(super) fn moves(&self, question: &Question<'_>) -> Option<Move> {
        let kind = ask_index(question.qtype);
        let &(socket, server) = self.asked.get(kind)?;
        let waited = question.time.since(self.sent[kind]);
        let moved = self.name_hash == question.name_hash
            && server == question.server
            && socket as u16 == question.socket as u16
            && socket != question.socket;
        let alone = self.asks[..2].contains(&Ask::No);
        (moved && waited >= SOONEST_RETRY).then_some(Move { waited, alone })
    }
}
