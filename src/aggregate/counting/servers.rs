//! What was asked of each server address, on whichever leg a query was seen.

use super::activity::{Activity, Second};
use super::lapses::Lapses;
use crate::aggregate::marks::Period;
use crate::model::{Address, Span, Timestamp};

/// Servers at most: a recursive resolver asks thousands of authoritative ones.
pub(super) const MAX_SERVERS: usize = 1 << 14;

/// One server address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Its address.
    pub address: Address,
    /// Transactions that were seen on their way to it.
    pub asked: u64,
    /// Responses that came from it, copies left out.
    pub answered: u64,
    /// Unanswered transactions that were seen on their way to it.
    pub unanswered: u64,
    /// Transactions that it answered only after they were sent again.
    pub rescued: u64,
    /// Where its load is counted, from 1; 0: nowhere so far.
    pub(super) load: u16,
    /// SERVFAILs from it.
    pub servfail: u64,
    /// When it answered.
    pub answers: Period,
    /// When questions to it stayed unanswered.
    pub losses: Period,
    /// When it answered SERVFAIL.
    pub failures: Period,
    /// In which seconds it answered.
    pub heard: Activity,
    /// Questions to it that were lost in a row.
    pub lapses: Lapses,
    /// SERVFAILs from it that say it has the zone, but not its data.
    pub unsynced: u64,
    /// When it answered so.
    pub unsynced_times: Period,
    /// When it last answered for a name of the cluster as who has the data, once it had not; before that, at the
    /// beginning of time.
    pub synced: Timestamp,
    /// The longest time between two of its answers.
    pub quiet: Period,
    pub(super) longest: Span,
}

impl Server {
    /// Notes when it answered: in `second`.
    pub(super) fn answered_at(&mut self, time: Timestamp, second: &Second) {
        let last = self.answers.last;
        if time.since(last) > self.longest {
            self.was_quiet(last, time);
        }
        if !second.has(last) {
            self.heard.note(time);
        }
        self.answers.note(time);
    }

    #[cold]
    fn was_quiet(&mut self, last: Timestamp, time: Timestamp) {
        // Before its first answer it was not asked, or did not answer.
        if self.answers.any() {
            self.quiet = Period { first: last, last: time };
            self.longest = self.quiet.length();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_without_an_answer_lies_between_two() {
        let (mut server, mut second) = (Server::default(), Second::default());
        let at = |millis: i64| Timestamp(0).plus(Span::from_millis(millis));
        let mut quiet = |millis: i64| {
            second.turn_to(at(millis));
            server.answered_at(at(millis), &second);
            server.quiet
        };
        assert!(!quiet(90_000).any());
        for (millis, first, last) in [
            (90_001, 90_000, 90_001),
            (92_000, 90_001, 92_000),
            (91_000, 90_001, 92_000),
            (93_999, 90_001, 92_000),
            (96_100, 93_999, 96_100),
        ] {
            assert_eq!(quiet(millis), Period { first: at(first), last: at(last) }, "{millis}");
        }
    }
}
