//! The table of what is in flight: a slab of transactions, an index by key, and one list in the
//! order of the last transmission, which is the order of expiry because the retention is constant.

use hashbrown::HashTable;

use super::RETENTION;
use super::transaction::{Sighting, Stranger, Transaction};
use crate::model::{Address, Capacity, Endpoint, PacketMeta, Timestamp};

/// Transactions in flight at most. Normal traffic keeps a few thousand; a total outage at 4,000
/// queries a second fills this in the 30 s of retention. At some 300 bytes each: 40 MB at worst.
pub(super) const MAX_IN_FLIGHT: usize = 1 << 17;

/// How many of the most recent transactions are looked at where no key is at hand (a response
/// without a question, an ICMP error that quotes no more than ports): both are rare and follow
/// their query closely.
const SCAN: usize = 1024;

/// No slot.
const NONE: u32 = u32::MAX;

#[derive(Clone)]
struct Slot {
    transaction: Transaction,
    /// Its keys: of the client's own socket and, behind a source NAT, of the translated one.
    keys: [Option<u64>; 2],
    previous: u32,
    next: u32,
    generation: u32,
}

/// Everything in flight.
#[derive(Clone)]
pub(super) struct InFlight {
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashTable<(u64, u32)>,
    oldest: u32,
    newest: u32,
    count: usize,
    most: usize,
}

impl InFlight {
    pub(super) fn new(capacity: Capacity) -> InFlight {
        InFlight {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            oldest: NONE,
            newest: NONE,
            count: 0,
            most: capacity.of(MAX_IN_FLIGHT),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, slot: u32) -> &Transaction {
        &self.slots[slot as usize].transaction
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Transaction {
        &mut self.slots[slot as usize].transaction
    }

    /// Which use of the slot this is: tells a slot from its later self.
    pub(super) fn generation(&self, slot: u32) -> u32 {
        self.slots[slot as usize].generation
    }

    /// Whether there is any transaction with this key.
    pub(super) fn holds(&self, key: u64) -> bool {
        self.index.find(key, |&(hash, _)| hash == key).is_some()
    }

    /// The transaction with this key that went to `server`.
    pub(super) fn find(&self, key: u64, server: Address) -> Option<u32> {
        let wanted = |&(hash, slot): &(u64, u32)| {
            hash == key && self.slots[slot as usize].transaction.goes_to(server)
        };
        self.index.find(key, wanted).map(|&(_, slot)| slot)
    }

    /// The transaction with this key of which `query` is a copy after DNAT.
    pub(super) fn find_translated(&self, key: u64, query: &Sighting<'_>) -> Option<u32> {
        // musl's questions to several servers share a key: the first that fits, in any run.
        self.index
            .iter_hash(key)
            .filter(|&&(hash, _)| hash == key)
            .map(|&(_, slot)| (slot, &self.slots[slot as usize].transaction))
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
            let transaction = &self.slots[slot as usize].transaction;
            transaction.id == response.message.id
                && transaction.transport == response.transport
                && transaction.client == client
                && transaction.goes_to(server)
        })
    }

    /// The most recent transaction between these two.
    pub(super) fn find_by_endpoints(&self, client: Endpoint, server: Address) -> Option<u32> {
        self.recent().find(|&slot| {
            let transaction = &self.slots[slot as usize].transaction;
            transaction.client == client && transaction.goes_to(server)
        })
    }

    fn recent(&self) -> impl Iterator<Item = u32> {
        let mut at = self.newest;
        std::iter::from_fn(move || {
            let slot = (at != NONE).then_some(at)?;
            at = self.slots[slot as usize].previous;
            Some(slot)
        })
        .take(SCAN)
    }

    /// Notes that a response with a transaction's key came from an address that it was not sent to.
    pub(super) fn note_stranger(&mut self, key: u64, packet: &PacketMeta) -> bool {
        let same = self.index.iter_hash(key).filter(|&&(hash, _)| hash == key);
        let first =
            same.min_by_key(|&&(_, slot)| self.slots[slot as usize].transaction.first_frame);
        let Some(&(_, slot)) = first else { return false };
        let transaction = self.get_mut(slot);
        let own = transaction.origin.is_stranger(packet);
        match &mut transaction.stranger {
            Some(stranger) => {
                stranger.count = stranger.count.saturating_add(1);
                stranger.own |= own;
            }
            none => *none = Some(Stranger::new(packet, own)),
        }
        true
    }

    /// Takes the oldest transaction out when the table is full.
    pub(super) fn make_room(&mut self) -> Option<u32> {
        if self.count < self.most { None } else { self.pop() }
    }

    /// A new transaction, made where it stays: copied about, it would cost more than all that is
    /// looked up for it.
    pub(super) fn begin(&mut self, key: u64, query: &Sighting<'_>) -> u32 {
        let slot = if let Some(slot) = self.free.pop() {
            let place = &mut self.slots[slot as usize];
            place.transaction.begin(query);
            place.keys = [Some(key), None];
            slot
        } else {
            self.slots.push(Slot {
                transaction: Transaction::new(query),
                keys: [Some(key), None],
                previous: NONE,
                next: NONE,
                generation: 0,
            });
            (self.slots.len() - 1) as u32
        };
        self.count += 1;
        self.append(slot);
        self.index.insert_unique(key, (key, slot), |&(hash, _)| hash);
        slot
    }

    /// Gives a transaction a second key. A third is not kept: two source NATs on one host are not
    /// a thing that anybody runs.
    pub(super) fn alias(&mut self, key: u64, slot: u32) {
        let keys = &mut self.slots[slot as usize].keys;
        if keys[1].is_none() {
            keys[1] = Some(key);
            self.index.insert_unique(key, (key, slot), |&(hash, _)| hash);
        }
    }

    /// Takes a transaction out and gives its keys. It can be read until another one begins.
    pub(super) fn release(&mut self, slot: u32) -> [Option<u64>; 2] {
        self.unlink(slot);
        let place = &mut self.slots[slot as usize];
        place.generation = place.generation.wrapping_add(1);
        let keys = place.keys;
        for key in keys.into_iter().flatten() {
            if let Ok(entry) = self.index.find_entry(key, |entry| *entry == (key, slot)) {
                entry.remove();
            }
        }
        self.free.push(slot);
        self.count -= 1;
        keys
    }

    /// Takes the oldest out.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let slot = self.oldest;
        if slot == NONE {
            return None;
        }
        self.release(slot);
        Some(slot)
    }

    /// Takes the oldest out if its time is over at `now`.
    pub(super) fn expire(&mut self, now: Timestamp) -> Option<u32> {
        let oldest = self.slots.get(self.oldest as usize)?;
        let over = now.since(oldest.transaction.last_sent) > RETENTION;
        if over { self.pop() } else { None }
    }

    /// Before this moment [`InFlight::expire`] finds nothing.
    pub(super) fn next_expiry(&self) -> Timestamp {
        let oldest = self.slots.get(self.oldest as usize);
        oldest.map_or(Timestamp::MAX, |slot| slot.transaction.last_sent.plus(RETENTION))
    }

    /// Makes a transaction the newest.
    pub(super) fn touch(&mut self, slot: u32) {
        self.unlink(slot);
        self.append(slot);
    }

    fn append(&mut self, slot: u32) {
        let newest = self.newest;
        let place = &mut self.slots[slot as usize];
        place.previous = newest;
        place.next = NONE;
        match self.slots.get_mut(newest as usize) {
            Some(last) => last.next = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { previous, next, .. } = self.slots[slot as usize];
        match self.slots.get_mut(previous as usize) {
            Some(place) => place.next = next,
            None => self.oldest = next,
        }
        match self.slots.get_mut(next as usize) {
            Some(place) => place.previous = previous,
            None => self.newest = previous,
        }
    }
}
