//! Questions that are passed on, and those that go round: a comparison or two for healthy traffic.

use super::Counting;
use super::forwarding::question_of;
use crate::classify::Outcome;
use crate::matcher::{Sighting, Transaction};
use crate::model::Span;

impl Counting {
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
    pub(super) fn note_onward(&mut self, pair: u32, copy: &Sighting<'_>) {
        if copy.message.is_response() || !self.loops.is_near(copy.packet.time) {
            return;
        }
        let pair = self.pairs.get(pair);
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
    ) {
        if self.loops.is_active(response.packet.time) {
            let question = question_of(transaction.qname_hash, transaction.qtype);
            self.loops.answered(question, transaction.legs().iter().map(|leg| leg.server));
        }
        if self.loops.any() && !outcome.is_failure() {
            self.loops.resolved(transaction.client.address, transaction.server.address);
        }
        self.questions.answered(transaction);
    }
}
