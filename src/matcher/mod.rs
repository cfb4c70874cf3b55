//! Queries to responses: one [`Matcher`] owns everything that is in flight.
//!
//! A transaction is a question of one client socket to one server (RFC 8618 calls it a
//! query/response data item). Its key is client endpoint, transport, ID and question; the server is
//! compared apart, because one packet can be seen on its way to several: before and after DNAT.
//!
//! The matcher tells an [`Observer`] what happens, in the order of the capture. It keeps no
//! statistics and has no clock but the packets' own.

mod answer;
mod answered;
mod copies;
mod early;
mod in_flight;
mod index;
mod lacking;
mod observer;
mod order;
mod ports;
mod refusals;
mod room;
mod sighting;
mod token;
mod transaction;
mod transfers;

use answer::{Answer, Verdict};
use answered::Answered;
use copies::Translations;
use early::Early;
use in_flight::InFlight;
use index::Place;
pub use observer::{Observer, Unwanted};
use ports::Ports;
pub use refusals::Refusal;
pub use sighting::{Keys, Sighting, Transport};
pub use token::Token;
pub use transaction::{Core, Leg, Stranger, Transaction};
use transfers::Transfers;

use crate::model::{Capacity, NameHasher, PacketMeta, Span, Timestamp};

/// How long after the last transmission of a question its answer is still taken for one.
/// glibc gives up a single server after 10 s and two after 20 s; beyond that nobody waits, unless
/// `--query-timeout` says so.
pub const RETENTION: Span = Span::from_secs(30);

/// Copies of one packet are captured within this span: a few routing hops and a bridge on one host,
/// or mirrored, take well under a millisecond; no resolver re-sends within 250 ms.
pub const COPY_WINDOW: Span = Span::from_millis(5);

/// A response may be captured this much before its query when two interfaces or two receive queues
/// are merged (dns-stats compactor uses 10 µs; the interfaces of `any` have been seen further apart).
pub const SKEW: Span = Span::from_millis(10);

/// Everything in flight.
#[derive(Clone)]
pub struct Matcher {
    hasher: NameHasher,
    query_timeout: Span,
    in_flight: InFlight,
    answered: Answered,
    translations: Translations,
    transfers: Transfers,
    early: Vec<Early>,
    ports: Ports,
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
            in_flight: InFlight::new(capacity, query_timeout),
            answered: Answered::new(capacity),
            translations: Translations::new(),
            transfers: Transfers::default(),
            early: Vec::new(),
            ports: Ports::default(),
            now: Timestamp::MIN,
            wake: Timestamp::MIN,
        }
    }

    /// How long a question may wait for its answer.
    pub fn query_timeout(&self) -> Span {
        self.query_timeout
    }

    /// Has what was answered, and the ports of clients, at hand when these messages come (keys, packet, whether it
    /// is a query): one whose places are not in the cache would wait for memory. These reads wait for nothing.
    pub fn expect<'a>(&self, messages: impl Iterator<Item = (Keys, &'a PacketMeta, bool)> + Clone) {
        self.answered.touch(messages.clone().map(|(keys, ..)| keys.transaction));
        self.ports.touch(messages.map(|(_, packet, is_query)| (packet, is_query)));
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
        while let Some(slot) = self.in_flight.expire(now) {
            let transaction = self.in_flight.get(slot);
            observer.unanswered(transaction, transaction.lacks_answer());
            observer.release(transaction.token);
        }
        let mut forgotten = |token| observer.release(token);
        self.answered.expire(now, &mut forgotten);
        self.give_up_early(now, observer);
        let next = self.answered.next_expiry().min(self.in_flight.next_expiry());
        self.wake = if self.early.is_empty() { next } else { now };
    }

    /// Settles what is left when the capture ends at `end`.
    pub fn finish(&mut self, end: Timestamp, observer: &mut impl Observer) {
        self.finish_early(observer);
        while let Some(slot) = self.in_flight.pop() {
            let transaction = self.in_flight.get(slot);
            let waited = end.since(transaction.first_sent);
            let pending = transaction.refusal().is_none() && waited < self.query_timeout;
            observer.unanswered(transaction, pending || transaction.lacks_answer());
            observer.release(transaction.token);
        }
    }

    #[expect(clippy::inline_always, reason = "one of the two ways of every message")]
    #[inline(always)]
    fn query(&mut self, query: &Sighting<'_>, observer: &mut impl Observer) {
        let key = query.keys.transaction;
        let vacancy = self.in_flight.vacancy(key);
        if vacancy.is_none() && self.known(query, observer) || self.was_answered(query, observer) {
            return;
        }
        if let Some(slot) = self.translations.find(query, &self.in_flight) {
            self.in_flight.alias(key, slot);
            return self.onward(slot, query, observer);
        }
        self.open(query, vacancy, observer);
    }

    /// Whether a query is in flight: it, or one with its key.
    fn known(&mut self, query: &Sighting<'_>, observer: &mut impl Observer) -> bool {
        let (packet, key) = (query.packet, query.keys.transaction);
        if let Some(found) = self.in_flight.find(key, packet.destination) {
            self.repeated(found.slot, query, observer);
            return true;
        }
        let translated = self.in_flight.find_translated(query);
        if let Some(slot) = translated {
            self.onward(slot, query, observer);
        }
        translated.is_some()
    }

    /// Whether a query belongs to an answer that is there already.
    #[inline]
    fn was_answered(&mut self, query: &Sighting<'_>, observer: &mut impl Observer) -> bool {
        let (packet, key) = (query.packet, query.keys.transaction);
        let Some(answer) = self.answered.find(key) else { return false };
        let mut token = answer.token();
        match answer.judge_query(query) {
            Verdict::Copy => observer.copied(&mut token, query, false),
            Verdict::Again => {
                answer.resend(query);
                observer.resent(&mut token, query, true);
                if let Some(forgotten) = self.answered.renew(key, packet.time) {
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

    #[inline]
    fn open(
        &mut self,
        query: &Sighting<'_>,
        mut vacancy: Option<Place>,
        observer: &mut impl Observer,
    ) {
        if self.in_flight.is_full() {
            self.evict(query.packet.time, observer);
            // What stood behind it in the index may have moved.
            vacancy = None;
        }
        if vacancy.is_none() {
            self.make_way(query, observer);
        }
        let slot = self.in_flight.begin(query, vacancy);
        let reused = query.transport == Transport::Udp && self.ports.is_reused(query.packet);
        self.in_flight.get_mut(slot).token = observer.opened(query, reused);
        if let Some(at) = self.early_answer(query) {
            return self.settle_early(slot, at, observer);
        }
        self.translations.remember(query, slot, &self.in_flight);
    }

    #[expect(clippy::inline_always, reason = "one of the two ways of every message")]
    #[inline(always)]
    fn response(&mut self, response: &Sighting<'_>, observer: &mut impl Observer) {
        let found = self.in_flight.find(response.keys.transaction, response.packet.source);
        let Some(found) = found else { return self.beside(response, observer) };
        self.in_flight.release(found.slot, Some(found.place));
        self.settle(found.slot, response, observer);
    }

    /// A response with the key of nothing that is in flight.
    #[cold]
    fn beside(&mut self, response: &Sighting<'_>, observer: &mut impl Observer) {
        let (packet, key) = (response.packet, response.keys.transaction);
        let has_question = response.message.has_question();
        if !has_question && let Some(slot) = self.in_flight.find_by_id(response) {
            self.in_flight.release(slot, None);
            return self.settle(slot, response, observer);
        }
        if let Some(answer) = self.answered.find_from(key, packet.source) {
            let mut token = answer.token();
            if let Some(same_interface) = answer.judge_response(response) {
                if let Some(strange) = answer.told(packet) {
                    let stranger = strange.then(|| Stranger::new(packet, true));
                    observer.strange(token, stranger);
                }
                return observer.copied(&mut token, response, same_interface);
            }
            let late = answer.repeat(response);
            return observer.duplicate(token, response, late);
        }
        if let Some(token) = self.transfers.continued(response) {
            return observer.duplicate(token, response, false);
        }
        if has_question && let Some(slot) = self.in_flight.find_cut(response, &self.hasher) {
            self.in_flight.release(slot, None);
            return self.settle(slot, response, observer);
        }
        if self.in_flight.note_stranger(key, packet) {
            return;
        }
        self.hold(response, observer);
    }

    /// The transaction that was just released is answered.
    #[inline]
    fn settle(&mut self, slot: u32, response: &Sighting<'_>, observer: &mut impl Observer) {
        let key = response.keys.transaction;
        if self.in_flight.keys(slot) != (key, None) {
            self.settle_beside(slot, response, observer);
        }
        let transaction = self.in_flight.get(slot);
        let strange = transaction.origin().is_stranger(response.packet);
        let forgotten = self
            .answered
            .insert(key, |previous| Answer::new(transaction, response, strange, previous));
        observer.answered(transaction, response);
        if strange {
            observer.strange(transaction.token, Some(Stranger::new(response.packet, true)));
        }
        if Transfers::is_one(transaction) {
            let share = observer.share(transaction.token);
            if let Some(unfollowed) = self.transfers.begin(share, transaction, response) {
                observer.release(unfollowed);
            }
        }
        if let Some(forgotten) = forgotten {
            observer.release(forgotten);
        }
    }

    /// The same under those of its keys that are not the response's.
    #[cold]
    fn settle_beside(&mut self, slot: u32, response: &Sighting<'_>, observer: &mut impl Observer) {
        let transaction = self.in_flight.get(slot);
        let strange = transaction.origin().is_stranger(response.packet);
        let (own, alias) = self.in_flight.keys(slot);
        let others = std::iter::once(own).chain(alias);
        for key in others.filter(|&key| key != response.keys.transaction) {
            let token = observer.share(transaction.token);
            let forgotten = self.answered.insert(key, |previous| {
                Answer::new(transaction, response, strange, previous).under(key, token)
            });
            if let Some(forgotten) = forgotten {
                observer.release(forgotten);
            }
        }
    }

    /// How many transactions and answers are kept: for tests of the bounds.
    pub fn kept(&self) -> (usize, usize) {
        (self.in_flight.len(), self.answered.len())
    }
}

#[cfg(test)]
mod tests;
