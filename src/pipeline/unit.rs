//! A block and what was decoded from it: the work of one thread between two hand-overs.

use crate::aggregate::{Limited, Quality};
use crate::capture::Block;
use crate::decode::{Body, Decoded, Network, frame, message};
use crate::matcher::{Keys, Transport};
use crate::model::{Direction, DnsPorts, Message, NameHasher, PacketMeta, Timestamp};

/// IP protocols whose fragments may carry DNS or its errors: ICMP, UDP, TCP, ICMPv6, and the tunnels
/// that are followed.
const REASSEMBLED: [u8; 8] = [1, 4, 6, 17, 41, 47, 58, 115];

/// Something that the ordered stage has to see.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) packet: PacketMeta,
    /// The interface that a cooked header names; 0 without one.
    pub(super) link_interface: u32,
    pub(super) kind: Kind,
}

/// What it is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A DNS message over UDP: its summary, and where its octets stand in the block.
    Message { message: Message, keys: Keys, offset: u32, length: u32 },
    /// A TCP segment, a fragment or an ICMP error: rare, and decoded once more in its turn, because
    /// what it borrows from the block is not kept.
    Again { record: u32 },
    /// A packet to a limited destination that is no DNS.
    Sent,
}

/// A block with its events. Reused.
#[derive(Default)]
pub(super) struct Unit {
    pub(super) block: Block,
    pub(super) events: Vec<Event>,
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
            let mut packet = packet_of(&decoded.network, record.time, record.interface);
            packet.frame = self.block.first_frame + at as u64;
            if record.direction != Direction::Unknown && packet.direction == Direction::Unknown {
                packet.direction = record.direction;
            }
            let kind = kind_of(&decoded, &mut packet, at, bytes, start, ports, hasher, quality);
            if let Some(kind) = kind {
                let link_interface = decoded.network.link_interface;
                self.events.push(Event { packet, link_interface, kind });
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

/// What a frame is to the ordered stage; nothing for foreign traffic, which costs no more than this.
#[expect(clippy::too_many_arguments, reason = "one call, in the innermost loop")]
fn kind_of(
    decoded: &Decoded<'_>,
    packet: &mut PacketMeta,
    at: usize,
    bytes: &[u8],
    start: usize,
    ports: &DnsPorts,
    hasher: &NameHasher,
    quality: &mut Quality,
) -> Option<Kind> {
    let again = Some(Kind::Again { record: at as u32 });
    match decoded.body {
        Body::Datagram(datagram)
            if ports.either(datagram.source_port, datagram.destination_port) =>
        {
            packet.source_port = datagram.source_port;
            packet.destination_port = datagram.destination_port;
            let payload = datagram.payload;
            let Some(message) = message::parse(payload, datagram.sent, hasher) else {
                quality.headless += 1;
                return None;
            };
            quality.messages[usize::from(message.is_response())] += 1;
            quality.tunnelled += u64::from(decoded.network.tunnels > 0);
            quality.malformed += u64::from(message.malformed != 0);
            let within = payload.as_ptr().addr() - bytes.as_ptr().addr();
            return Some(Kind::Message {
                keys: Keys::of(packet, &message, Transport::Udp, hasher),
                message,
                offset: (start + within) as u32,
                length: payload.len() as u32,
            });
        }
        Body::Segment(segment) if ports.either(segment.source_port, segment.destination_port) => {
            return again;
        }
        Body::Fragment(fragment) => {
            quality.later_fragments += u64::from(fragment.offset > 0);
            return if REASSEMBLED.contains(&fragment.protocol) { again } else { None };
        }
        Body::IcmpError(error) => {
            quality.icmp_errors += 1;
            return if ports.either(error.quoted_source_port, error.quoted_destination_port) {
                again
            } else {
                None
            };
        }
        Body::Skip(reason) => {
            quality.skip(reason);
            return None;
        }
        Body::Datagram(_) | Body::Segment(_) | Body::Other { .. } => quality.others += 1,
    }
    Limited::is_service(packet.destination).then_some(Kind::Sent)
}
