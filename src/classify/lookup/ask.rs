//! What a lookup asks in one step: a question of each type, and what became of it.

use crate::classify::Outcome;
use crate::model::qtype;

/// The state of one question type within a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ask {
    #[default]
    No,
    Waiting,
    Done(Outcome),
}

impl Ask {
    /// Whether its answer is still to come: over UDP, or over TCP after a truncated one.
    pub(super) fn is_owed(self) -> bool {
        matches!(self, Ask::Waiting | Ask::Done(Outcome::Truncated))
    }

    /// Whether more may come of it: an answer, or the same question once more.
    pub(super) fn goes_on(self) -> bool {
        use Outcome::{Answered, NoData, NxDomain, OtherError, Refused, ServFail, Truncated};
        match self {
            Ask::Waiting | Ask::Done(ServFail | Refused | OtherError | Truncated) => true,
            Ask::No | Ask::Done(Answered | NoData | NxDomain) => false,
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
        let goes_on = |outcome| Ask::Done(outcome).goes_on();
        assert!(Ask::Waiting.goes_on() && !Ask::No.goes_on());
        for outcome in [Outcome::ServFail, Outcome::Refused, Outcome::OtherError] {
            assert!(outcome.is_failure() && goes_on(outcome) && !Ask::Done(outcome).is_owed());
        }
        assert!(Ask::Waiting.is_owed() && Ask::Done(Outcome::Truncated).is_owed());
        assert!(goes_on(Outcome::Truncated));
        for outcome in [Outcome::Answered, Outcome::NoData, Outcome::NxDomain] {
            assert!(!outcome.is_failure() && !goes_on(outcome));
        }
    }

    #[test]
    fn each_type_of_a_pair_has_a_place_of_its_own() {
        let places = [qtype::A, qtype::AAAA, qtype::HTTPS, qtype::SRV].map(ask_index);
        assert_eq!(places, [0, 1, 2, 0]);
        assert!(is_paired(qtype::HTTPS) && !is_paired(qtype::SRV));
    }
}
