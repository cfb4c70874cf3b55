//! Queries to responses: one [`Matcher`] owns everything that is in flight.
//!
//! A transaction is a question of one client socket to one server (RFC 8618 calls it a
//! query/response data item). Its key is client endpoint, transport, ID and question; the server is
//! compared apart, because one packet can be seen on its way to several: before and after DNAT.
//!
//! The matcher tells an [`Observer`] what happens, in the order of the capture. It keeps no
//! statistics and has no clock but the packets' own.

mod answered;
mod copies;
mod in_flight;
mod index;
mod observer;
mod order;
mod refusals;
mod sighting;
mod transaction;
mod transfers;

use answered::{Answered, Entry, Verdict};
use copies::Translations;
use in_flight::InFlight;
use index::Index;
pub use observer::{Observer, Unwanted};
pub use refusals::Refusal;
pub use sighting::{Keys, Sighting, Transport};
pub use transaction::{Core, Leg, Stranger, Token, Transaction};
use transfers::Transfers;

use crate::model::{Address, Capacity, Endpoint, Message, NameHasher, PacketMeta, Span, Timestamp};

/// How long after the last transmission of a question its answer is still taken for one.
/// glibc gives up a single server after 10 s and two after 20 s; beyond that nobody waits.
pub const RETENTION: Span = Span::from_secs(30);

/// Copies of one packet are captured within this span: a few routing hops and a bridge on one host,
/// or mirrored, take well under a millisecond; no resolver re-sends within 250 ms.
pub const COPY_WINDOW: Span = Span::from_millis(5);

/// A response may be captured this much before its query when two interfaces or two receive queues
/// are merged (dns-stats compactor uses 10 µs; the interfaces of `any` have been seen further apart).
pub const SKEW: Span = Span::from_millis(10);

/// Responses held for [`SKEW`] in the hope of their query. More come within 10 ms only in a
/// one-sided capture, where no query follows anyway.
const MAX_EARLY: usize = 256;

/// A response that came before its query.
#[derive(Clone)]
struct Early {
    packet: PacketMeta,
    transport: Transport,
    message: Message,
    keys: Keys,
}

/// Everything in flight.
#[derive(Clone)]
pub struct Matcher {
    hasher: NameHasher,
    query_timeout: Span,
    /// Of both tables below.
    index: Index,
    in_flight: InFlight,
    answered: Answered,
    translations: Translations,
    transfers: Transfers,
    early: Vec<Early>,
    now: Timestamp,
    /// Nothing runs out before this moment.
    wake: Timestamp,
}

impl Matcher {
    /// A matcher for a capture. `hasher` must be the one that the messages were read with.
    pub fn new(hasher: NameHasher, query_timeout: Span, capacity: Capacity) -> Matcher {
        Matcher {
            hasher,
            query_timeout,
            index: Index::new(),
            in_flight: InFlight::new(capacity),
            answered: Answered::new(capacity),
            translations: Translations::new(),
            transfers: Transfers::default(),
            early: Vec::new(),
            now: Timestamp::MIN,
            wake: Timestamp::MIN,
        }
    }

    /// How long a question may wait for its answer.
    pub fn query_timeout(&self) -> Span {
        self.query_timeout
    }

    /// Takes a DNS message.
    #[inline]
    pub fn observe(&mut self, sighting: &Sighting<'_>, observer: &mut impl Observer) {
        self.advance(sighting.packet.time, observer);
        if sighting.message.is_response() {
            self.response(sighting, observer);
        } else {
            self.query(sighting, observer);
        }
    }

    /// Lets the capture's clock reach `now`.
    #[inline]
    pub fn advance(&mut self, now: Timestamp, observer: &mut impl Observer) {
        if now > self.now {
            self.now = now;
            if now >= self.wake {
                self.expire(now, observer);
            }
        }
    }

    /// Ends what has run out at `now`.
    fn expire(&mut self, now: Timestamp, observer: &mut impl Observer) {
        while let Some(slot) = self.in_flight.expire(&mut self.index, now) {
            let transaction = self.in_flight.get(slot);
            observer.unanswered(transaction, false);
            observer.release(transaction.token);
        }
        let mut forgotten = |token| observer.release(token);
        self.answered.expire(&mut self.index, now, &mut forgotten);
        if !self.early.is_empty() {
            self.early.retain(|early| {
                let keep = now.since(early.packet.time) <= SKEW;
                if !keep {
                    observer.orphan(&early.packet);
                }
                keep
            });
        }
        let next = self.answered.next_expiry().min(self.in_flight.next_expiry());
        self.wake = if self.early.is_empty() { next } else { now };
    }

    /// Settles what is left when the capture ends at `end`.
    pub fn finish(&mut self, end: Timestamp, observer: &mut impl Observer) {
        for early in self.early.drain(..) {
            observer.orphan(&early.packet);
        }
        while let Some(slot) = self.in_flight.pop(&mut self.index) {
            let transaction = self.in_flight.get(slot);
            let waited = end.since(transaction.first_sent);
            let pending = transaction.refusal().is_none() && waited < self.query_timeout;
            observer.unanswered(transaction, pending);
            observer.release(transaction.token);
        }
    }

    fn query(&mut self, query: &Sighting<'_>, observer: &mut impl Observer) {
        let key = query.keys.transaction;
        if self.index.may_hold(key) && self.known(query, observer) {
            return;
        }
        if let Some(slot) = self.translations.find(query, &self.in_flight) {
            self.in_flight.alias(&mut self.index, key, slot);
            return self.onward(slot, query, observer);
        }
        self.open(query, observer);
    }

    /// Whether a query was seen before: it, or one with its key.
    fn known(&mut self, query: &Sighting<'_>, observer: &mut impl Observer) -> bool {
        let (packet, key) = (query.packet, query.keys.transaction);
        if let Some(slot) = self.in_flight.find(&self.index, key, packet.destination) {
            self.repeated(slot, query, observer);
            return true;
        }
        if let Some(slot) = self.in_flight.find_translated(&self.index, query) {
            self.onward(slot, query, observer);
            return true;
        }
        let Some(answered) = self.answered.find(&self.index, key) else { return false };
        match answered.judge_query(query) {
            Verdict::Copy => observer.copied(&mut answered.token, query, false),
            Verdict::Again => {
                answered.resend(query);
                observer.resent(&mut answered.token, query, true);
                let forgotten = self.answered.renew(&mut self.index, key, packet.time);
                if let Some(forgotten) = forgotten {
                    observer.release(forgotten);
                }
            }
            Verdict::New => return false,
        }
        true
    }

    /// A query with the key and the server of one in flight: a copy of it, or sent again.
    fn repeated(&mut self, slot: u32, query: &Sighting<'_>, observer: &mut impl Observer) {
        let transaction = self.in_flight.get_mut(slot);
        if let Some(same_interface) = transaction.is_copy(query) {
            transaction.add_leg(query.packet);
            return observer.copied(&mut transaction.token, query, same_interface);
        }
        transaction.resend(query.packet, query.message.body_hash);
        observer.resent(&mut transaction.token, query, false);
        self.in_flight.touch(slot);
        self.translations.remember(query, slot, &self.in_flight);
    }

    /// The same packet behind a NAT: one more leg.
    fn onward(&mut self, slot: u32, query: &Sighting<'_>, observer: &mut impl Observer) {
        let transaction = self.in_flight.get_mut(slot);
        transaction.add_leg(query.packet);
        observer.copied(&mut transaction.token, query, false);
    }

    fn open(&mut self, query: &Sighting<'_>, observer: &mut impl Observer) {
        if self.in_flight.is_full()
            && let Some(oldest) = self.in_flight.pop(&mut self.index)
        {
            let transaction = self.in_flight.get(oldest);
            // Whether it was answered in time is known by now, for most of them.
            if query.packet.time.since(transaction.first_sent) >= self.query_timeout {
                observer.unanswered(transaction, false);
            } else {
                observer.evicted(transaction);
            }
            observer.release(transaction.token);
        }
        let slot = self.in_flight.begin(&mut self.index, query);
        self.in_flight.get_mut(slot).token = observer.opened(query);
        let key = query.keys.transaction;
        let early = self.early.iter().position(|early| {
            early.keys.transaction == key && early.packet.source == query.packet.destination
        });
        if let Some(at) = early {
            let early = self.early.swap_remove(at);
            let response = Sighting {
                packet: &early.packet,
                transport: early.transport,
                message: &early.message,
                // The octets are gone; nothing that is read from them is worth keeping them for.
                bytes: &[],
                keys: early.keys,
            };
            self.in_flight.release(slot);
            return self.settle(slot, &response, observer);
        }
        self.translations.remember(query, slot, &self.in_flight);
    }

    fn response(&mut self, response: &Sighting<'_>, observer: &mut impl Observer) {
        let packet = response.packet;
        let key = response.keys.transaction;
        let found = if response.message.has_question() {
            self.in_flight.find(&self.index, key, packet.source)
        } else {
            self.in_flight.find_by_id(packet.to(), packet.source, response)
        };
        if let Some(slot) = found {
            self.in_flight.release(slot);
            return self.settle(slot, response, observer);
        }
        if let Some(answered) = self.answered.find(&self.index, key) {
            if let Some(same_interface) = answered.judge_response(response) {
                if let Some(strange) = answered.told(packet) {
                    let stranger = strange.then(|| Stranger::new(packet, true));
                    observer.strange(answered.token, stranger);
                }
                return observer.copied(&mut answered.token, response, same_interface);
            }
            answered.repeat(response);
            return observer.duplicate(answered.token, response);
        }
        if let Some(token) = self.transfers.continued(response) {
            return observer.duplicate(token, response);
        }
        if self.in_flight.note_stranger(&self.index, key, packet) {
            return;
        }
        if self.early.len() == MAX_EARLY {
            observer.orphan(&self.early.swap_remove(0).packet);
        }
        self.wake = self.now;
        self.early.push(Early {
            packet: *packet,
            transport: response.transport,
            message: *response.message,
            keys: response.keys,
        });
    }

    /// The transaction that was just released is answered.
    fn settle(&mut self, slot: u32, response: &Sighting<'_>, observer: &mut impl Observer) {
        let transaction = self.in_flight.get(slot);
        let entry = Entry::new(transaction, response);
        let (own, alias) = self.in_flight.keys(slot);
        for key in std::iter::once(own).chain(alias).filter(|&key| key != entry.key) {
            let entry = entry.under(key, observer.share(entry.token));
            if let Some(forgotten) = self.answered.insert(&mut self.index, slot, &entry) {
                observer.release(forgotten);
            }
        }
        let forgotten = self.answered.insert(&mut self.index, slot, &entry);
        observer.answered(transaction, response);
        if entry.stranger {
            observer.strange(entry.token, Some(Stranger::new(response.packet, true)));
        }
        if Transfers::is_one(transaction) {
            let share = observer.share(entry.token);
            if let Some(unfollowed) = self.transfers.begin(share, transaction, response) {
                observer.release(unfollowed);
            }
        }
        if let Some(forgotten) = forgotten {
            observer.release(forgotten);
        }
    }

    /// How many transactions and answers are kept: for tests of the bounds.
    pub fn kept(&self) -> (usize, usize) {
        (self.in_flight.len(), self.answered.len())
    }

    /// The transaction in flight that `client` asked of `server`, most recent first.
    fn in_flight_of(&self, client: Endpoint, server: Address) -> Option<u32> {
        self.in_flight.find_by_endpoints(client, server)
    }
}

#[cfg(test)]
mod tests;
