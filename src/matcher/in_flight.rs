//! The table of what is in flight: a slab of transactions in the order of the last transmission, which
//! is the order of expiry because the retention is constant.

use super::RETENTION;
use super::index::{Index, Target};
use super::order::Order;
use super::sighting::Sighting;
use super::transaction::Transaction;
use crate::model::{Address, Capacity, Endpoint, PacketMeta, Timestamp};

/// Transactions in flight at most. Normal traffic keeps a few thousand; a total outage at 4,000
/// queries a second fills this in the 30 s of retention. At 148 bytes each: 20 MB, and 28 MB more where
/// each was seen in several places or refused.
pub(super) const MAX_IN_FLIGHT: usize = 1 << 17;

/// How many of the most recent transactions are looked at where no key is at hand (a response
/// without a question, an ICMP error that quotes no more than ports): both are rare and follow
/// their query closely.
const SCAN: usize = 1024;

#[derive(Clone)]
struct Slot {
    transaction: Transaction,
    /// The key of the client's own socket. Behind a source NAT there is one more.
    key: u64,
}

const _: () = assert!(size_of::<Slot>() <= 136, "a slot takes little more than two cache lines");

/// Everything in flight. Slot 0 is none.
#[derive(Clone)]
pub(super) struct InFlight {
    slots: Vec<Slot>,
    order: Order,
    most: usize,
}

impl InFlight {
    pub(super) fn new(capacity: Capacity) -> InFlight {
        let none = Slot { transaction: Transaction::default(), key: 0 };
        InFlight { slots: vec![none], order: Order::new(), most: capacity.of(MAX_IN_FLIGHT) }
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

    /// The transactions with this key.
    fn with_key(&self, index: &Index, key: u64) -> impl Iterator<Item = (u32, &Transaction)> {
        index.of(key).filter_map(move |target| {
            let Target::InFlight(number) = target else { return None };
            let slot = &self.slots[number as usize];
            let same = slot.key == key || slot.transaction.alias() == Some(key);
            same.then_some((number, &slot.transaction))
        })
    }

    /// The transaction with this key that went to `server`.
    #[inline]
    pub(super) fn find(&self, index: &Index, key: u64, server: Address) -> Option<u32> {
        let mut with_key = self.with_key(index, key);
        with_key.find(|(_, transaction)| transaction.goes_to(server)).map(|(slot, _)| slot)
    }

    /// The transaction with this key of which `query` is a copy after DNAT.
    pub(super) fn find_translated(&self, index: &Index, query: &Sighting<'_>) -> Option<u32> {
        // musl's questions to several servers share a key: the first that fits, in any run.
        self.with_key(index, query.keys.transaction)
            .filter(|(_, transaction)| transaction.is_translated(query))
            .min_by_key(|(_, transaction)| transaction.first_frame)
            .map(|(slot, _)| slot)
    }

    /// The transaction that a response without a question belongs to.
    pub(super) fn find_by_id(
        &self,
        client: Endpoint,
        server: Address,
        response: &Sighting<'_>,
    ) -> Option<u32> {
        self.recent().find(|&slot| {
            let transaction = self.get(slot);
            transaction.id == response.message.id
                && transaction.transport == response.transport
                && transaction.client == client
                && transaction.goes_to(server)
        })
    }

    /// The most recent transaction between these two.
    pub(super) fn find_by_endpoints(&self, client: Endpoint, server: Address) -> Option<u32> {
        self.recent().find(|&slot| {
            let transaction = self.get(slot);
            transaction.client == client && transaction.goes_to(server)
        })
    }

    fn recent(&self) -> impl Iterator<Item = u32> {
        self.order.last_first().take(SCAN)
    }

    /// Notes that a response with a transaction's key came from an address that it was not sent to.
    pub(super) fn note_stranger(&mut self, index: &Index, key: u64, packet: &PacketMeta) -> bool {
        let first = self.with_key(index, key).min_by_key(|(_, other)| other.first_frame);
        let Some((slot, _)) = first else { return false };
        self.get_mut(slot).note_stranger(packet);
        true
    }

    /// Whether there is no room for one more.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    /// A new transaction, made where it stays: copied about, it would cost more than all that is
    /// looked up for it.
    pub(super) fn begin(&mut self, index: &mut Index, query: &Sighting<'_>) -> u32 {
        let (number, key) = (self.order.add(), query.keys.transaction);
        match self.slots.get_mut(number as usize) {
            Some(slot) => {
                slot.transaction.begin(query);
                slot.key = key;
            }
            None => self.slots.push(Slot { transaction: Transaction::new(query), key }),
        }
        index.insert(key, Target::InFlight(number));
        number
    }

    /// Gives a transaction a second key. A third is not kept: two source NATs on one host are not
    /// a thing that anybody runs.
    pub(super) fn alias(&mut self, index: &mut Index, key: u64, slot: u32) {
        if self.get_mut(slot).give_alias(key) {
            index.insert(key, Target::InFlight(slot));
        }
    }

    /// Takes a transaction out, but for the index. It can be read until another one begins.
    pub(super) fn release(&mut self, slot: u32) {
        self.order.free(slot);
    }

    /// Takes the oldest out.
    pub(super) fn pop(&mut self, index: &mut Index) -> Option<u32> {
        let slot = self.order.first()?;
        let (key, alias) = self.keys(slot);
        for key in std::iter::once(key).chain(alias) {
            index.remove(key, Target::InFlight(slot));
        }
        self.release(slot);
        Some(slot)
    }

    /// Takes the oldest out if its time is over at `now`.
    pub(super) fn expire(&mut self, index: &mut Index, now: Timestamp) -> Option<u32> {
        let oldest = self.get(self.order.first()?);
        let over = now.since(oldest.last_sent) > RETENTION;
        if over { self.pop(index) } else { None }
    }

    /// Before this moment [`InFlight::expire`] finds nothing.
    pub(super) fn next_expiry(&self) -> Timestamp {
        let oldest = self.order.first();
        oldest.map_or(Timestamp::MAX, |slot| self.get(slot).last_sent.plus(RETENTION))
    }

    /// Makes a transaction the newest.
    pub(super) fn touch(&mut self, slot: u32) {
        self.order.touch(slot);
    }
}
