//! Source NAT: the same query under another client address, a routing hop later. Its key differs,
//! so the last few queries are kept by what NAT leaves alone: ID, body and IP identification.

use super::COPY_WINDOW;
use super::in_flight::InFlight;
use super::transaction::{Sighting, Transport};
use crate::model::{Address, Timestamp};

/// Queries remembered, in places by hash: those of 5 ms at 200,000 a second, and a power of two.
const PLACES: usize = 1024;

#[derive(Clone, Copy, Default)]
struct Trace {
    body_hash: u64,
    time: Timestamp,
    source: Address,
    destination: Address,
    slot: u32,
    generation: u32,
    id: u16,
    ip_id: u16,
    ttl: u8,
    transport: Transport,
}

/// The last queries, by ID and body.
#[derive(Clone)]
pub(super) struct Translations {
    places: Vec<Trace>,
    /// The low half of each place's body hash: nearly every query is told from what stands there by
    /// this alone, in a table that stays in the first-level cache.
    tags: Vec<u32>,
}

impl Translations {
    pub(super) fn new() -> Translations {
        // A TTL of 0 matches nothing: a copy has a lower one.
        Translations { places: vec![Trace::default(); PLACES], tags: vec![0; PLACES] }
    }

    /// Where a query is kept: by what NAT leaves alone and no seed of this process decides, so that two
    /// runs see the same queries share a place.
    fn place(query: &Sighting<'_>) -> usize {
        let (id, ip_id) = (usize::from(query.message.id), usize::from(query.packet.ip_id));
        (id ^ ip_id.rotate_left(5) ^ ip_id >> 5) % PLACES
    }

    pub(super) fn remember(&mut self, query: &Sighting<'_>, slot: u32, generation: u32) {
        let packet = query.packet;
        let place = Self::place(query);
        self.tags[place] = query.message.body_hash as u32;
        self.places[place] = Trace {
            body_hash: query.message.body_hash,
            time: packet.time,
            source: packet.source,
            destination: packet.destination,
            slot,
            generation,
            id: query.message.id,
            ip_id: packet.ip_id,
            ttl: packet.ttl,
            transport: query.transport,
        };
    }

    /// The transaction in flight of which `query` is a copy with another source.
    ///
    /// A forwarder that passes a query on with its ID (CoreDNS before 1.8.7) sends a new packet from
    /// the address that was asked, with a fresh TTL: not a copy.
    pub(super) fn find(&self, query: &Sighting<'_>, in_flight: &InFlight) -> Option<u32> {
        let packet = query.packet;
        let place = Self::place(query);
        if self.tags[place] != query.message.body_hash as u32 {
            return None;
        }
        let trace = &self.places[place];
        let same_message = trace.body_hash == query.message.body_hash
            && trace.id == query.message.id
            && trace.transport == query.transport
            && packet.time.since(trace.time).0.abs() <= COPY_WINDOW.0;
        let same_packet = packet.ip_id == trace.ip_id
            && (packet.ip_id != 0 || !packet.source.is_v4())
            && packet.ttl < trace.ttl;
        let translated = packet.source != trace.source && packet.source != trace.destination;
        (same_message && same_packet && translated)
            .then_some(trace.slot)
            .filter(|&slot| in_flight.generation(slot) == trace.generation)
    }
}
