//! What is noted of questions and answers beside the sums, because it says something odd: a question
//! that goes round, a name of the cluster answered from outside, a name that musl gave up, a Service
//! that begins to exist.
//!
//! Each is a comparison or two for healthy traffic.

use super::forwarding::question_of;
use super::places::Places;
use super::{Aggregate, Strays};
use crate::classify::{Outcome, Zone};
use crate::matcher::{Sighting, Token, Transaction};
use crate::model::Span;

impl Aggregate {
    /// Notes who asks what, and says how long somebody has waited for the same of another server, so that
    /// the asker may pass it on.
    pub(super) fn note_question(&mut self, query: &Sighting<'_>) -> Option<Span> {
        let earlier = self.questions.ask(query)?;
        let question = question_of(query.message.qname_hash, query.message.qtype);
        let waited = earlier.forwarded.then(|| query.packet.time.since(earlier.since));
        self.loops.again(question, query, (earlier.server, earlier.since), earlier.passed);
        waited
    }

    /// A copy of a query was seen, perhaps on its way to another address.
    pub(super) fn note_onward(&mut self, token: Token, copy: &Sighting<'_>) {
        if copy.message.is_response() || !self.loops.is_near(copy.packet.time) {
            return;
        }
        let pair = self.pairs.get(Places::of(token).pair);
        let question = question_of(copy.message.qname_hash, copy.message.qtype);
        let passed = self.questions.passed(question);
        self.loops.carried(question, (pair.client, pair.server), copy, passed);
    }

    /// A question was answered.
    pub(super) fn note_answer(
        &mut self,
        transaction: &Transaction,
        response: &Sighting<'_>,
        outcome: Outcome,
        zone: u8,
    ) {
        let cluster = zone == Zone::Cluster as u8;
        if outcome == Outcome::NxDomain && cluster && Strays::may_be(response.message) {
            self.strays.note(transaction, response, &self.lookups.suffixes);
        }
        if cluster && self.created.any() {
            self.created.answered(transaction.qname_hash, outcome, response.packet.time);
        }
        if outcome == Outcome::Answered && self.stops.any() {
            self.stops.resolved(transaction.qname_hash);
        }
        if self.loops.is_active(response.packet.time) {
            let question = question_of(transaction.qname_hash, transaction.qtype);
            self.loops.answered(question, transaction.legs().iter().map(|leg| leg.server));
        }
        if self.loops.any() && !outcome.is_failure() {
            self.loops.resolved(transaction.client.address, transaction.server.address);
        }
    }
}
