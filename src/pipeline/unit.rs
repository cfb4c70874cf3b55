//! A block and what was decoded from it: the work of one thread between two hand-overs.

use super::events::Events;
use super::log::Log;
use crate::aggregate::{Limited, Quality};
use crate::capture::Block;
use crate::decode::{Body, Decoded, Network, frame, message};
use crate::matcher::{Keys, Transport};
use crate::model::{Direction, DnsPorts, Message, NameHasher, PacketMeta, Timestamp};

/// IP protocols whose fragments may carry DNS or its errors: ICMP, UDP, TCP, ICMPv6, and the tunnels
/// that are followed.
const REASSEMBLED: [u8; 8] = [1, 4, 6, 17, 41, 47, 58, 115];

/// Something that the ordered stages have to see.
#[derive(Clone, Copy, Default)]
pub(super) struct Event {
    pub(super) packet: PacketMeta,
    /// The summary of [`Kind::Message`].
    pub(super) message: Message,
    /// Its hashes.
    pub(super) keys: Keys,
    /// The interface that a cooked header names; 0 without one.
    pub(super) link_interface: u32,
    pub(super) kind: Kind,
}

impl Event {
    /// Whether the capture tells its interface from others.
    pub(super) fn is_named(&self, block: &Block) -> bool {
        self.link_interface != 0 || block.is_named()
    }
}

/// What it is.
#[derive(Clone, Copy, Default)]
pub(super) enum Kind {
    /// A DNS message over UDP: where its octets stand in the block.
    Message { offset: u32, length: u32 },
    /// A TCP segment, a fragment or an ICMP error: rare, and decoded once more in its turn, because
    /// what it borrows from the block is not kept.
    Again { record: u32 },
    /// A packet to a limited destination that is no DNS.
    #[default]
    Sent,
}

/// A block with its events. Reused.
#[derive(Default)]
pub(super) struct Unit {
    pub(super) block: Block,
    pub(super) events: Events,
    /// What the matcher told of them.
    pub(super) log: Log,
    pub(super) quality: Quality,
    /// Earliest time of any frame, to find steps back across blocks.
    pub(super) earliest: Option<Timestamp>,
}

impl Unit {
    /// Decodes the block's records.
    pub(super) fn decode(&mut self, ports: &DnsPorts, hasher: &NameHasher) {
        self.events.clear();
        self.quality = Quality::default();
        self.earliest = None;
        let mut latest = Timestamp::MIN;
        for (at, record) in self.block.records.iter().enumerate() {
            let quality = &mut self.quality;
            quality.packets += 1;
            quality.bytes += u64::from(record.original);
            quality.cut += u64::from(record.captured < record.original);
            quality.out_of_order += u64::from(record.time < latest);
            latest = latest.max(record.time);
            self.earliest = Some(self.earliest.map_or(record.time, |e| e.min(record.time)));
            let start = record.offset as usize;
            let Some(bytes) = self.block.data.get(start..start + record.captured as usize) else {
                continue;
            };
            let interface = &self.block.interfaces[usize::from(record.interface)];
            let decoded = frame(interface.link_type, bytes, record.original as usize);
            let event = self.events.next();
            if take(&decoded, event, at, bytes, start, ports, hasher, quality) {
                let (packet, network) = (&mut event.packet, &decoded.network);
                event.link_interface = network.link_interface;
                packet.time = record.time;
                packet.frame = self.block.first_frame + at as u64;
                packet.interface = record.interface;
                packet.direction = match network.direction {
                    Direction::Unknown => record.direction,
                    told => told,
                };
                self.events.keep();
            }
        }
        self.quality.first = self.earliest;
        self.quality.last = self.earliest.map(|_| latest);
    }
}

/// The packet below DNS. Ports and frame number are filled in by the caller.
pub(super) fn packet_of(network: &Network, time: Timestamp, interface: u16) -> PacketMeta {
    PacketMeta {
        time,
        frame: 0,
        source: network.source,
        destination: network.destination,
        source_port: 0,
        destination_port: 0,
        interface,
        ip_id: network.ip_id,
        ttl: network.ttl,
        direction: network.direction,
        link_source: network.link_source,
    }
}

/// Writes what a frame is to the ordered stages into `event`, but for what its record says; false for
/// foreign traffic, which costs no more than this.
#[expect(clippy::too_many_arguments, reason = "one call, in the innermost loop")]
fn take(
    decoded: &Decoded<'_>,
    event: &mut Event,
    at: usize,
    bytes: &[u8],
    start: usize,
    ports: &DnsPorts,
    hasher: &NameHasher,
    quality: &mut Quality,
) -> bool {
    let network = &decoded.network;
    let mut source_port = 0;
    let mut destination_port = 0;
    event.kind = match decoded.body {
        Body::Datagram(datagram)
            if ports.either(datagram.source_port, datagram.destination_port) =>
        {
            let payload = datagram.payload;
            if !message::parse_into(payload, datagram.sent, hasher, &mut event.message) {
                quality.headless += 1;
                return false;
            }
            (source_port, destination_port) = (datagram.source_port, datagram.destination_port);
            quality.messages[usize::from(event.message.is_response())] += 1;
            quality.tunnelled += u64::from(network.tunnels > 0);
            quality.malformed += u64::from(event.message.malformed != 0);
            let within = payload.as_ptr().addr() - bytes.as_ptr().addr();
            Kind::Message { offset: (start + within) as u32, length: payload.len() as u32 }
        }
        Body::Segment(segment) if ports.either(segment.source_port, segment.destination_port) => {
            Kind::Again { record: at as u32 }
        }
        Body::Fragment(fragment) => {
            quality.later_fragments += u64::from(fragment.offset > 0);
            if !REASSEMBLED.contains(&fragment.protocol) {
                return false;
            }
            Kind::Again { record: at as u32 }
        }
        Body::IcmpError(error) => {
            quality.icmp_errors += 1;
            if !ports.either(error.quoted_source_port, error.quoted_destination_port) {
                return false;
            }
            Kind::Again { record: at as u32 }
        }
        Body::Skip(reason) => {
            quality.skip(reason);
            return false;
        }
        Body::Datagram(_) | Body::Segment(_) | Body::Other { .. } => {
            quality.others += 1;
            if !Limited::is_service(network.destination) {
                return false;
            }
            Kind::Sent
        }
    };
    let packet = &mut event.packet;
    (packet.source, packet.destination) = (network.source, network.destination);
    (packet.source_port, packet.destination_port) = (source_port, destination_port);
    (packet.ip_id, packet.ttl) = (network.ip_id, network.ttl);
    packet.link_source = network.link_source;
    if matches!(event.kind, Kind::Message { .. }) {
        event.keys = Keys::of(packet, &event.message, Transport::Udp, hasher);
    }
    true
}
