//! What a lookup asks in one step: a question of each type, and what became of it.

use crate::classify::Outcome;
use crate::model::{Span, qtype};

/// A lookup that nothing happened to for so long is over: glibc's longest silence is two waits of 5 s.
pub(super) const IDLE: Span = Span::from_secs(12);

/// A timer, and a little: so long glibc waits for an answer to what it has sent again (5 s) before it goes on or
/// gives up, and no longer musl asks again from the same port after a failure (2.5 s, 5 s with `timeout:10`).
pub(super) const TIMER: Span = Span::from_millis(5_200);

/// The state of one question type within a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ask {
    #[default]
    No,
    Waiting,
    Done(Outcome),
}

impl Ask {
    /// How long after the last word more may come of it: an answer, or the same question once more.
    pub(super) fn lasts(self) -> Span {
        use Outcome::{Answered, NoData, NxDomain, OtherError, Refused, ServFail, Truncated};
        match self {
            // Over UDP, or over TCP after a truncated answer.
            Ask::Waiting | Ask::Done(Truncated) => IDLE,
            Ask::Done(ServFail | Refused | OtherError) => TIMER,
            Ask::No | Ask::Done(Answered | NoData | NxDomain) => Span::ZERO,
        }
    }
}

/// Which of a step's asks a type is: those outside the pair use the first, being alone.
pub(super) fn ask_index(kind: u16) -> usize {
    match kind {
        qtype::AAAA => 1,
        qtype::HTTPS => 2,
        _ => 0,
    }
}

/// Whether a question type is asked beside others by one lookup.
pub(super) fn is_paired(kind: u16) -> bool {
    matches!(kind, qtype::A | qtype::AAAA | qtype::HTTPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_on_is_told_from_what_is_done() {
        let lasts = |outcome| Ask::Done(outcome).lasts();
        assert_eq!([Ask::Waiting.lasts(), Ask::No.lasts()], [IDLE, Span::ZERO]);
        for outcome in [Outcome::ServFail, Outcome::Refused, Outcome::OtherError] {
            assert!(outcome.is_failure() && lasts(outcome) == TIMER);
        }
        assert_eq!(lasts(Outcome::Truncated), IDLE);
        for outcome in [Outcome::Answered, Outcome::NoData, Outcome::NxDomain] {
            assert!(!outcome.is_failure() && lasts(outcome) == Span::ZERO);
        }
    }

    #[test]
    fn each_type_of_a_pair_has_a_place_of_its_own() {
        let places = [qtype::A, qtype::AAAA, qtype::HTTPS, qtype::SRV].map(ask_index);
        assert_eq!(places, [0, 1, 2, 0]);
        assert!(is_paired(qtype::HTTPS) && !is_paired(qtype::SRV));
    }
}
