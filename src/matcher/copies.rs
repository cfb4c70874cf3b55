//! Source NAT: the same query under another client address, a routing hop later. Its key differs,
//! so the last few queries are kept by what NAT leaves alone: ID, body and IP identification.

use super::in_flight::InFlight;
use super::sighting::Sighting;
use super::transaction::Transaction;

/// Places of the last queries, by hash, for two each: one alone would be lost whenever a pair of A and AAAA, both
/// captured before either is translated, shared it. Together those of 5 ms at 200,000 a second; a power of two.
const PLACES: usize = 512;

/// A query that was sent.
#[derive(Clone, Copy, Default)]
struct Trace {
    /// The low half of its body hash: nearly every query is told from what stands in its place by this.
    tag: u32,
    slot: u32,
    generation: u32,
}

/// The last queries, by ID and body.
#[derive(Clone)]
pub(super) struct Translations {
    places: Vec<[Trace; 2]>,
}

impl Translations {
    pub(super) fn new() -> Translations {
        Translations { places: vec![Default::default(); PLACES] }
    }

    /// Where a query is kept: by what NAT leaves alone and no seed of this process decides, so that two
    /// runs see the same queries share a place.
    fn place(query: &Sighting<'_>) -> usize {
        let (id, ip_id) = (query.message.id, query.packet.ip_id);
        usize::from(id ^ ip_id << 5 ^ ip_id >> 5) % PLACES
    }

    /// Remembers that the transaction in `slot` was sent with `query`.
    pub(super) fn remember(&mut self, query: &Sighting<'_>, slot: u32, in_flight: &InFlight) {
        let (tag, generation) = (query.message.body_hash as u32, in_flight.generation(slot));
        let [last, before] = &mut self.places[Self::place(query)];
        *before = std::mem::replace(last, Trace { tag, slot, generation });
    }

    /// The transaction in flight of which `query` is a copy with another source.
    #[inline]
    pub(super) fn find(&self, query: &Sighting<'_>, in_flight: &InFlight) -> Option<u32> {
        let wanted = query.message.body_hash as u32;
        let traces = self.places[Self::place(query)].iter().filter(|trace| trace.tag == wanted);
        let mut slots = traces.filter_map(|trace| {
            (in_flight.generation(trace.slot) == trace.generation).then_some(trace.slot)
        });
        slots.find(|&slot| in_flight.get(slot).is_onward(query))
    }
}

impl Transaction {
    /// Whether `query`, with another key, is the last transmission behind a source NAT: the same packet,
    /// with a lower TTL.
    ///
    /// A forwarder that passes a query on with its ID (CoreDNS before 1.8.7) sends a new packet from
    /// the address that was asked, with a fresh TTL: not a copy.
    fn is_onward(&self, query: &Sighting<'_>) -> bool {
        let packet = query.packet;
        let same_packet = packet.ip_id == self.last_ip_id
            && (packet.ip_id != 0 || !packet.source.is_v4())
            && packet.ttl < self.last_ttl;
        let (client, server) = (self.client.address, self.server.address);
        let translated = packet.source != client && packet.source != server;
        let same_message = self.id == query.message.id && self.transport == query.transport;
        same_packet && translated && same_message && self.is_last_transmission(query)
    }
}
