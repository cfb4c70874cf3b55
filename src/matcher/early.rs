//! Responses that come before their query: captured on two interfaces, whose packets are merged.

use super::sighting::{Keys, Sighting, Transport};
use super::{COPY_WINDOW, Matcher, Observer, SKEW};
use crate::model::{Message, PacketMeta, Timestamp};

/// Responses held for [`SKEW`] in the hope of their query. More come within 10 ms only in a
/// one-sided capture, where no query follows anyway.
const MAX_EARLY: usize = 256;

/// Of those held last, so many may have a response as their copy: copies follow each other at once.
const MAX_RECENT: usize = 16;

/// A response that came before its query.
#[derive(Clone)]
pub(super) struct Early {
    pub(super) packet: PacketMeta,
    transport: Transport,
    message: Message,
    keys: Keys,
    /// How often it was seen again, on other interfaces or mirrored.
    copies: u32,
}

impl Early {
    /// Whether a response is this one, seen again.
    fn is_seen_again(&self, response: &Sighting<'_>) -> bool {
        let (packet, known) = (response.packet, &self.packet);
        let elsewhere = packet.interface != known.interface;
        let same_packet = match self.transport {
            Transport::Udp => {
                let told = known.ip_id != 0 || elsewhere || packet.source == known.source;
                packet.ip_id == known.ip_id && told
            }
            Transport::Tcp => elsewhere,
        };
        self.keys.transaction == response.keys.transaction
            && same_packet
            && self.transport == response.transport
            && self.message.body_hash == response.message.body_hash
            && packet.time.since(known.time).0.abs() <= COPY_WINDOW.0
    }

    /// Tells that it answers nothing.
    fn give_up(&self, observer: &mut impl Observer) {
        observer.orphan(&self.packet, false);
        self.tell_copies(observer);
    }

    fn tell_copies(&self, observer: &mut impl Observer) {
        (0..self.copies).for_each(|_| observer.orphan(&self.packet, true));
    }

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
        let mut recent = self.early.iter_mut().rev().take(MAX_RECENT);
        if let Some(known) = recent.find(|early| early.is_seen_again(response)) {
            known.copies += 1;
            return;
        }
        if self.early.len() == MAX_EARLY {
            self.early.remove(0).give_up(observer);
        }
        self.wake = self.now;
        self.early.push(Early {
            packet: *response.packet,
            transport: response.transport,
            message: *response.message,
            keys: response.keys,
            copies: 0,
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
        let early = self.early.remove(early);
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
        early.tell_copies(observer);
    }

    /// Tells of all that are held: the capture is over.
    pub(super) fn finish_early(&mut self, observer: &mut impl Observer) {
        self.early.drain(..).for_each(|early| early.give_up(observer));
    }

    /// Tells of those whose query did not come until `now`.
    pub(super) fn give_up_early(&mut self, now: Timestamp, observer: &mut impl Observer) {
        self.early.retain(|early| {
            let keep = now.since(early.packet.time) <= SKEW;
            if !keep {
                early.give_up(observer);
            }
            keep
        });
    }
}
