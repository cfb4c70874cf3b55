//! What a lookup came to, once it is over.

use super::ask::Ask;
use super::open::Open;
use super::{Suffixes, Timestamp};
use crate::classify::Outcome;
use crate::model::labels;

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
    /// Whether the walk came to the name as it is, behind the list, and every step before it was answered
    /// with a plain no.
    complete: bool,
    /// Whether it ended at a name that the search list made, the name as it is not tried at all.
    pub within: bool,
    /// Octets of the name that was wanted, at the start of `name`; 0 where no walk showed it.
    pub base: usize,
    /// Whether the last step had an empty answer for each question, A among them.
    pub all_empty: bool,
    /// Steps that it went on after: with empty answers, and with NXDOMAIN, for each question.
    pub passed: [u8; 2],
    /// Whether A was fine and AAAA was empty in the last step.
    pub only_ipv4: bool,
    /// Indexes of the suffixes tried, in their order.
    pub suffixes: &'a [u16],
    /// What these stand for.
    pub list: &'a Suffixes,
    /// First and last moment.
    pub window: (Timestamp, Timestamp),
    /// Frame of its first query.
    pub frame: u64,
}

impl Ended<'_> {
    /// Whether its last name is known to be the one wanted, not one that the search list made, and
    /// every step before it was answered with a plain no.
    pub fn as_is(&self) -> bool {
        self.complete || self.base == 0 && !self.list.ends(self.name)
    }
}

impl Open {
    /// This lookup, which is over.
    pub(super) fn ended<'a>(&'a self, suffixes: &'a Suffixes) -> Ended<'a> {
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
            complete: base > 0 && self.is_complete() && !self.broken,
            within: base > 0 && !self.as_is_first && !self.is_complete(),
            base,
            all_empty: self.all(Outcome::NoData),
            passed: self.passed,
            only_ipv4: self.asks[0] == Ask::Done(Outcome::Answered)
                && self.asks[1] == Ask::Done(Outcome::NoData),
            suffixes: &self.suffixes[..usize::from(self.suffix_count)],
            list: suffixes,
            window: (self.first, self.last),
            frame: self.frame,
        }
    }
}
