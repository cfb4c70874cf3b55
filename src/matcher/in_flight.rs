//! The table of what is in flight: a slab of transactions in the order of the last transmission, which
//! is the order of expiry because the retention is constant.

use super::RETENTION;
use super::index::{Index, Place};
use super::order::Order;
use super::sighting::{Sighting, Transport};
use super::transaction::Transaction;
use crate::model::{Address, Capacity, Endpoint, PacketMeta, Span, Timestamp};

/// Transactions in flight at most. Normal traffic keeps a few thousand; a total outage at 4,000
/// queries a second fills this in the 30 s of retention. At 148 bytes each and 32 of the index: 24 MB, and 32 MB
/// more where each was seen in several places or refused.
pub(super) const MAX_IN_FLIGHT: usize = 1 << 17;

/// How many of the most recent transactions are looked at where no key is at hand (a response
/// without a question, an ICMP error that quotes no more than ports): both are rare and follow
/// their query closely.
const SCAN: usize = 1024;

/// Questions in flight that share a key at most: one socket, ID and question, sent to so many servers. Resolvers ask
/// three at once (musl); a scanner asks thousands, which would all be gone through for each of them.
const MAX_SAME_KEY: usize = 64;

#[derive(Clone)]
struct Slot {
    transaction: Transaction,
    /// The key of the client's own socket. Behind a source NAT there is one more.
    key: u64,
}

const _: () = assert!(size_of::<Slot>() <= 136, "a slot takes little more than two cache lines");

/// A transaction that was found by a key.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) slot: u32,
    /// Where the key stands.
    pub(super) place: Place,
}

/// Everything in flight. Slot 0 is none.
#[derive(Clone)]
pub(super) struct InFlight {
    index: Index,
    slots: Vec<Slot>,
    order: Order,
    most: usize,
    /// How long after its last transmission a transaction is kept.
    retention: Span,
}

impl InFlight {
    /// `query_timeout`: an answer that comes within it is one, however long it is.
    pub(super) fn new(capacity: Capacity, query_timeout: Span) -> InFlight {
        let none = Slot { transaction: Transaction::default(), key: 0 };
        InFlight {
            index: Index::new(),
            slots: vec![none],
            order: Order::new(),
            most: capacity.of(MAX_IN_FLIGHT),
            retention: RETENTION.max(query_timeout),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn get(&self, slot: u32) -> &Transaction {
        &self.slots[slot as usize].transaction
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Transaction {
        &mut self.slots[slot as usize].transaction
    }

    /// Its keys: of the client's own socket and, behind a source NAT, of the translated one.
    pub(super) fn keys(&self, slot: u32) -> (u64, Option<u64>) {
        let slot = &self.slots[slot as usize];
        (slot.key, slot.transaction.alias())
    }

    /// Which use of the slot this is: tells a slot from its later self.
    pub(super) fn generation(&self, slot: u32) -> u32 {
        self.order.generation(slot)
    }

    #[cfg(test)]
    pub(super) fn key_count(&self) -> usize {
        self.index.len()
    }

    /// The transactions with this key.
    #[inline]
    fn with_key(&self, key: u64) -> impl Iterator<Item = (Found, &Transaction)> {
        self.index.of(key).filter_map(move |(place, number)| {
            let slot = &self.slots[number as usize];
            let same = slot.key == key || slot.transaction.alias() == Some(key);
            same.then_some((Found { slot: number, place }, &slot.transaction))
        })
    }

    /// The oldest transaction with a key that as many have as may: it has to give way to one more.
    #[cold]
    pub(super) fn crowded(&self, key: u64) -> Option<u32> {
        let mut all = self.index.of(key);
        let first = all.next();
        all.nth(MAX_SAME_KEY - 2).and(first).map(|(_, slot)| slot)
    }

    /// Where [`InFlight::begin`] is to put a key that no transaction has.
    #[inline]
    pub(super) fn vacancy(&self, key: u64) -> Option<Place> {
        self.index.vacancy(key)
    }

    /// The transaction with this key that went to `server`.
    #[inline]
    pub(super) fn find(&self, key: u64, server: Address) -> Option<Found> {
        let mut with_key = self.with_key(key);
        with_key.find(|(_, transaction)| transaction.goes_to(server)).map(|(found, _)| found)
    }

    /// The transaction with this key of which `query` is a copy after DNAT.
    pub(super) fn find_translated(&self, query: &Sighting<'_>) -> Option<u32> {
        // musl's questions to several servers share a key: the first that fits, in any run. A node's own cache and the
        // VPC resolver are link-local, which nobody translates.
        self.with_key(query.keys.transaction)
            .filter(|(_, transaction)| transaction.is_translated(query))
            .min_by_key(|(_, transaction)| {
                (transaction.server.address.is_link_local(), transaction.first_frame)
            })
            .map(|(found, _)| found.slot)
    }

    /// The most recent transaction between these two over this transport.
    pub(super) fn find_by_endpoints(
        &self,
        transport: Transport,
        client: Endpoint,
        server: Address,
    ) -> Option<u32> {
        self.recent().find(|&slot| {
            let transaction = self.get(slot);
            transaction.transport == transport
                && transaction.client == client
                && transaction.goes_to(server)
        })
    }

    /// The most recent transactions, the last one first.
    pub(super) fn recent(&self) -> impl Iterator<Item = u32> {
        self.order.last_first().take(SCAN)
    }

    /// Notes that a response with a transaction's key came from an address that it was not sent to.
    pub(super) fn note_stranger(&mut self, key: u64, packet: &PacketMeta) -> bool {
        let first = self.with_key(key).min_by_key(|(_, other)| other.first_frame);
        let Some((Found { slot, .. }, _)) = first else { return false };
        self.get_mut(slot).note_stranger(packet);
        true
    }

    /// Whether there is no room for one more.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    /// A new transaction, made where it stays: copied about, it would cost more than all that is
    /// looked up for it. `vacancy`: where its key goes, if that is known.
    #[inline]
    pub(super) fn begin(&mut self, query: &Sighting<'_>, vacancy: Option<Place>) -> u32 {
        let (number, key) = (self.order.add(), query.keys.transaction);
        if number as usize == self.slots.len() {
            self.slots.push(Slot { transaction: Transaction::default(), key });
        }
        let slot = &mut self.slots[number as usize];
        slot.transaction.begin(query);
        slot.key = key;
        match vacancy {
            Some(place) => self.index.fill(place, key, number),
            None => self.index.insert(key, number),
        }
        number
    }

    /// Gives a transaction a second key. A third is not kept: two source NATs on one host are not
    /// a thing that anybody runs.
    pub(super) fn alias(&mut self, key: u64, slot: u32) {
        if self.crowded(key).is_none() && self.get_mut(slot).give_alias(key) {
            self.index.insert(key, slot);
        }
    }

    /// Takes a transaction out, of which one key may stand in `place`. It can be read until another one begins.
    #[inline]
    pub(super) fn release(&mut self, slot: u32, place: Option<Place>) {
        match (self.keys(slot), place) {
            ((_, None), Some(place)) => self.index.clear(place),
            ((key, alias), _) => {
                for key in std::iter::once(key).chain(alias) {
                    self.index.remove(key, slot);
                }
            }
        }
        self.order.free(slot);
    }

    /// Takes the oldest out.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let slot = self.order.first()?;
        self.release(slot, None);
        Some(slot)
    }

    /// Takes the oldest out if its time is over at `now`.
    pub(super) fn expire(&mut self, now: Timestamp) -> Option<u32> {
        let oldest = self.get(self.order.first()?);
        let over = now.since(oldest.last_sent) > self.retention;
        if over { self.pop() } else { None }
    }

    /// Before this moment [`InFlight::expire`] finds nothing.
    pub(super) fn next_expiry(&self) -> Timestamp {
        let oldest = self.order.first();
        oldest.map_or(Timestamp::MAX, |slot| self.get(slot).last_sent.plus(self.retention))
    }

    /// Makes a transaction the newest.
    pub(super) fn touch(&mut self, slot: u32) {
        self.order.touch(slot);
    }
}
