//! What is noted of answers because it says something odd: a name of the cluster answered from outside, a name
//! that musl gave up, a Service that begins to exist.
//!
//! Each is a comparison or two for healthy traffic.

use super::{Following, Strays};
use crate::classify::Outcome;
use crate::matcher::{Sighting, Transaction};

impl Following {
    /// A question was answered, for a name of the cluster or another.
    pub(super) fn note_answer(
        &mut self,
        transaction: &Transaction,
        response: &Sighting<'_>,
        outcome: Outcome,
        cluster: bool,
    ) {
        if outcome == Outcome::NxDomain && cluster && Strays::may_be(response.message) {
            self.strays.note(transaction, response, &self.lookups.suffixes);
        }
        if cluster && self.created.any() {
            self.created.answered(transaction.qname_hash, outcome, response.packet.time);
        }
        if outcome == Outcome::Answered && self.stops.any() {
            self.stops.resolved(transaction.qname_hash);
        }
    }
}
