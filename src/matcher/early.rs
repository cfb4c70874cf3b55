//! Responses that come before their query: captured on two interfaces, whose packets are merged.

use super::sighting::{Keys, Sighting, Transport};
use super::{Matcher, Observer, SKEW};
use crate::model::{Message, PacketMeta, Timestamp};

/// Responses held for [`SKEW`] in the hope of their query. More come within 10 ms only in a
/// one-sided capture, where no query follows anyway.
const MAX_EARLY: usize = 256;

/// A response that came before its query.
#[derive(Clone)]
pub(super) struct Early {
    pub(super) packet: PacketMeta,
    transport: Transport,
    message: Message,
    keys: Keys,
}

impl Early {
    /// Whether it is the answer where one of the two was cut within its question.
    fn is_of_cut(&self, query: &Sighting<'_>) -> bool {
        let whole = self.message.has_question() && query.message.has_question();
        !whole
            && (self.message.is_cut() || query.message.is_cut())
            && self.message.id == query.message.id
            && self.transport == query.transport
            && self.packet.to() == query.packet.from()
    }
}

impl Matcher {
    /// Holds a response to nothing that was asked until now.
    pub(super) fn hold(&mut self, response: &Sighting<'_>, observer: &mut impl Observer) {
        if self.early.len() == MAX_EARLY {
            observer.orphan(&self.early.swap_remove(0).packet);
        }
        self.wake = self.now;
        self.early.push(Early {
            packet: *response.packet,
            transport: response.transport,
            message: *response.message,
            keys: response.keys,
        });
    }

    /// The answer to a query, if it came before that.
    #[inline]
    pub(super) fn early_answer(&self, query: &Sighting<'_>) -> Option<usize> {
        self.early.iter().position(|early| {
            let key = early.keys.transaction == query.keys.transaction;
            early.packet.source == query.packet.destination && (key || early.is_of_cut(query))
        })
    }

    /// A transaction was answered before it began.
    #[cold]
    pub(super) fn settle_early(&mut self, slot: u32, early: usize, observer: &mut impl Observer) {
        let early = self.early.swap_remove(early);
        let response = Sighting {
            packet: &early.packet,
            transport: early.transport,
            message: &early.message,
            // The octets are gone; nothing that is read from them is worth keeping them for.
            bytes: &[],
            keys: early.keys,
        };
        self.in_flight.release(slot, None);
        self.settle(slot, &response, observer);
    }

    /// Tells of those whose query did not come until `now`.
    pub(super) fn give_up_early(&mut self, now: Timestamp, observer: &mut impl Observer) {
        self.early.retain(|early| {
            let keep = now.since(early.packet.time) <= SKEW;
            if !keep {
                observer.orphan(&early.packet);
            }
            keep
        });
    }
}
