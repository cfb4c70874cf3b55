//! A block and what was decoded from it: the work of one thread between two hand-overs.

use super::events::Events;
use super::log::Log;
use crate::aggregate::{Limited, Quality};
use crate::capture::{Block, Record};
use crate::decode::{
    Body, Datagram, Decoded, Network, Passing, Plain, frame, message, passing, plain, plainest,
};
use crate::matcher::{Keys, Transport};
use crate::model::{Direction, DnsPorts, LinkType, Message, NameHasher, PacketMeta, Timestamp};

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

    /// What the matcher may look at beforehand.
    pub(super) fn expected(&self) -> (Keys, &PacketMeta, bool) {
        (self.keys, &self.packet, !self.message.is_response())
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
        let Unit { block, events, quality, .. } = self;
        *quality = measured(&block.records);
        self.earliest = quality.first;
        let plain_is_dns = ports.contains(53);
        let places = events.places(block.records.len());
        let mut count = 0;
        for (at, record) in block.records.iter().enumerate() {
            let (Some(bytes), Some(event)) = (block.bytes(record), places.get_mut(count)) else {
                continue;
            };
            let link_type = block.link_type(record);
            event.link_interface = 0;
            event.packet.direction = record.direction;
            let kept = match plainest(link_type, bytes, &mut event.packet) {
                Some((payload, sent)) if plain_is_dns => {
                    event.message(payload, sent, &block.data, hasher, quality)
                }
                _ if is_foreign(link_type, bytes, ports) => {
                    quality.others += 1;
                    false
                }
                _ => event.take(block, at, ports, hasher, quality),
            };
            if kept {
                event.packet.frame = block.frame(at);
                event.packet.time = record.time;
                event.packet.interface = record.interface;
                count += 1;
            }
        }
        events.keep(count);
    }
}

/// Whether a frame is told at first sight to be no DNS, nor to count towards a limit.
#[inline]
fn is_foreign(link_type: LinkType, bytes: &[u8], ports: &DnsPorts) -> bool {
    passing(link_type, bytes).is_some_and(
        |Passing { source_port, destination_port, destination }| {
            !ports.either(source_port, destination_port) && !Limited::is_service(destination)
        },
    )
}

/// What the records say of themselves.
fn measured(records: &[Record]) -> Quality {
    let mut quality = Quality { packets: records.len() as u64, ..Quality::default() };
    let (mut earliest, mut latest) = (Timestamp::MAX, Timestamp::MIN);
    for record in records {
        quality.bytes += u64::from(record.original);
        quality.cut += u64::from(record.captured < record.original);
        quality.out_of_order += u64::from(record.time < latest);
        (earliest, latest) = (earliest.min(record.time), latest.max(record.time));
    }
    if !records.is_empty() {
        (quality.first, quality.last) = (Some(earliest), Some(latest));
    }
    quality
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

impl Event {
    /// Puts down the DNS message in a datagram, whose octets stand in `data`. False where it is none.
    #[expect(clippy::inline_always, reason = "in the innermost loop: 20 instructions a packet")]
    #[inline(always)]
    fn message(
        &mut self,
        payload: &[u8],
        sent: usize,
        data: &[u8],
        hasher: &NameHasher,
        quality: &mut Quality,
    ) -> bool {
        if !message::parse_into(payload, sent, hasher, &mut self.message) {
            quality.headless += 1;
            return false;
        }
        quality.messages[usize::from(self.message.is_response())] += 1;
        quality.malformed += u64::from(self.message.malformed != 0);
        self.keys = Keys::of(&self.packet, &self.message, Transport::Udp, hasher);
        let offset = payload.as_ptr().addr() - data.as_ptr().addr();
        self.kind = Kind::Message { offset: offset as u32, length: payload.len() as u32 };
        true
    }

    /// Puts down what any frame is to the ordered stages, but for its place and time. False for foreign
    /// traffic, which costs no more than this.
    #[inline(never)]
    fn take(
        &mut self,
        block: &Block,
        at: usize,
        ports: &DnsPorts,
        hasher: &NameHasher,
        quality: &mut Quality,
    ) -> bool {
        let record = &block.records[at];
        let (link_type, bytes) = (block.link_type(record), block.bytes(record).unwrap_or_default());
        match plain(link_type, bytes, &mut self.packet) {
            Some(Plain::Datagram(payload, sent)) if ports.contains(53) => {
                return self.message(payload, sent, &block.data, hasher, quality);
            }
            Some(Plain::Segment) => {
                let dns = ports.either(self.packet.source_port, self.packet.destination_port);
                (self.packet.source_port, self.packet.destination_port) = (0, 0);
                return self.beside(dns, at, quality);
            }
            _ => {}
        }
        let Decoded { network, body } = frame(link_type, bytes, record.original as usize);
        self.packet = packet_of(&network, record.time, record.interface);
        if network.direction == Direction::Unknown {
            self.packet.direction = record.direction;
        }
        self.link_interface = network.link_interface;
        match body {
            Body::Datagram(Datagram { source_port, destination_port, payload, sent })
                if ports.either(source_port, destination_port) =>
            {
                self.packet.source_port = source_port;
                self.packet.destination_port = destination_port;
                let kept = self.message(payload, sent, &block.data, hasher, quality);
                quality.tunnelled += u64::from(kept && network.tunnels > 0);
                kept
            }
            Body::Segment(segment) => {
                let dns = ports.either(segment.source_port, segment.destination_port);
                self.beside(dns, at, quality)
            }
            Body::Datagram(_) | Body::Other { .. } => self.beside(false, at, quality),
            Body::Fragment(fragment) => {
                quality.later_fragments += u64::from(fragment.offset > 0);
                self.kind = Kind::Again { record: at as u32 };
                REASSEMBLED.contains(&fragment.protocol)
            }
            Body::IcmpError(error) => {
                quality.icmp_errors += 1;
                quality.cut_refusals += u64::from(error.is_cut && error.kind.refuses());
                self.kind = Kind::Again { record: at as u32 };
                ports.either(error.quoted_source_port, error.quoted_destination_port)
            }
            Body::Skip(reason) => {
                quality.skip(reason);
                false
            }
        }
    }

    /// Puts down what no datagram on a DNS port is: whether it is DNS all the same. False for foreign
    /// traffic.
    fn beside(&mut self, dns: bool, at: usize, quality: &mut Quality) -> bool {
        self.kind = if dns { Kind::Again { record: at as u32 } } else { Kind::Sent };
        quality.others += u64::from(!dns);
        dns || Limited::is_service(self.packet.destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured_at(times: &[i64]) -> Quality {
        let records = times.iter().map(|&time| Record {
            time: Timestamp(time),
            captured: 60,
            original: 60 + u32::from(time == 7),
            ..Record::default()
        });
        measured(&records.collect::<Vec<Record>>())
    }

    #[test]
    fn records_are_measured() {
        let quality = measured_at(&[5, 7, 6, 7, 3, 9]);
        assert_eq!((quality.bytes, quality.cut, quality.out_of_order), (362, 2, 2));
        assert_eq!((quality.first, quality.last), (Some(Timestamp(3)), Some(Timestamp(9))));
        let one = measured_at(&[i64::MIN]);
        assert_eq!((one.first, one.last), (Some(Timestamp::MIN), Some(Timestamp::MIN)));
        assert_eq!(measured_at(&[]).first, None);
    }
}
