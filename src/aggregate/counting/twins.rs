//! Pairs of an A and an AAAA question of which one lost a packet.

use crate::aggregate::marks::{Frames, Period};
use crate::classify::Twin;
use crate::matcher::Transaction;
use crate::model::Span;

/// TTLs and hop limits that senders begin with: where one of them is seen, no router lies before.
const INITIAL_TTLS: [u8; 3] = [64, 128, 255];

/// What questions from fresh ports that lost a packet have in common with their twins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwinLosses {
    /// The other one was answered at once, both were the first on their port, and one retransmission
    /// got the answer.
    pub one: u64,
    /// There is no other one.
    pub alone: u64,
    /// Of what the other one came to nobody knows.
    pub unclear: u64,
    /// Of `one`, those sent second.
    pub second: u64,
    /// Of these, those whose first transmission was seen on its way on.
    pub beyond: u64,
    /// Of these, those that were seen where they were sent: no router lies before.
    pub own: u64,
    /// How long the client waited before it sent again: shortest and longest.
    pub waits: Option<(Span, Span)>,
    /// When they were sent.
    pub period: Period,
    /// Their first transmissions.
    pub frames: Frames,
}

impl TwinLosses {
    /// Counts a question that was answered after it was sent again. `reused`: its port was in use
    /// before.
    pub(super) fn note(&mut self, transaction: &Transaction, twin: Twin, reused: bool) {
        if reused {
            return;
        }
        self.alone += u64::from(twin == Twin::None);
        self.unclear += u64::from(twin == Twin::Unknown);
        let Twin::Answered { first } = twin else { return };
        if transaction.retransmissions > 1 {
            return;
        }
        let legs = transaction.first_legs();
        self.one += 1;
        self.second += u64::from(first);
        self.beyond += u64::from(legs.len() > 1);
        self.own += u64::from(legs.first().is_some_and(|leg| INITIAL_TTLS.contains(&leg.ttl)));
        let wait = transaction.last_sent.since(transaction.first_sent);
        let (low, high) = self.waits.unwrap_or((wait, wait));
        self.waits = Some((low.min(wait), high.max(wait)));
        self.period.note(transaction.first_sent);
        self.frames.note(transaction.first_frame);
    }
}
