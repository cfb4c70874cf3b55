//! What has to go when there is no room for another question.

use super::{Matcher, Observer, Sighting};
use crate::model::Timestamp;

impl Matcher {
    /// Gives up the oldest transaction for a new one.
    #[cold]
    pub(super) fn evict(&mut self, now: Timestamp, observer: &mut impl Observer) {
        if let Some(oldest) = self.in_flight.pop() {
            self.give_up(oldest, now, observer);
        }
    }

    /// Gives up the oldest of the transactions that share the key of a query, if they are as many as may be.
    #[cold]
    pub(super) fn make_way(&mut self, query: &Sighting<'_>, observer: &mut impl Observer) {
        let Some(oldest) = self.in_flight.crowded(query.keys.transaction) else { return };
        self.in_flight.release(oldest, None);
        self.give_up(oldest, query.packet.time, observer);
    }

    /// Tells of one that has been taken out before its time.
    fn give_up(&mut self, slot: u32, now: Timestamp, observer: &mut impl Observer) {
        let transaction = self.in_flight.get(slot);
        // Whether it was answered in time is known by now, for most of them; and what was refused is not answered.
        let is_known = now.since(transaction.first_sent) >= self.query_timeout;
        if is_known || transaction.refusal().is_some() {
            observer.unanswered(transaction, transaction.lacks_answer());
        } else {
            observer.evicted(transaction);
        }
        observer.release(transaction.token);
    }
}
