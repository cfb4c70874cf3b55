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
    /// It has no answer yet.
    pub(super) const WAITS: u8 = 1;
    /// It was answered with a failure, or not in full: it may be asked again.
    pub(super) const FAILED: u8 = 2;
    /// It was answered with records.
    pub(super) const RESOLVED: u8 = 4;

    /// What of these it is, as a bit.
    pub(super) fn sign(self) -> u8 {
        use Outcome::{Answered, NoData, NxDomain, OtherError, Refused, ServFail, Truncated};
        match self {
            Ask::No | Ask::Done(NoData | NxDomain) => 0,
            Ask::Waiting => Ask::WAITS,
            Ask::Done(ServFail | Refused | OtherError | Truncated) => Ask::FAILED,
            Ask::Done(Answered) => Ask::RESOLVED,
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
        let signs = |outcome| Ask::Done(outcome).sign();
        assert_eq!((Ask::No.sign(), Ask::Waiting.sign()), (0, Ask::WAITS));
        assert_eq!((signs(Outcome::NoData), signs(Outcome::Answered)), (0, Ask::RESOLVED));
        for outcome in [Outcome::ServFail, Outcome::Refused, Outcome::OtherError] {
            assert!(outcome.is_failure() && signs(outcome) == Ask::FAILED);
        }
        assert_eq!((signs(Outcome::NxDomain), signs(Outcome::Truncated)), (0, Ask::FAILED));
    }
}
