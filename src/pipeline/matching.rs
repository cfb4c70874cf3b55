//! The stage in the middle: units in the order of the capture, events in the order of their frames. It
//! puts fragments and TCP streams together, feeds the matcher, and writes down what that tells.

use std::collections::BTreeMap;

use super::Options;
use super::interfaces::Interfaces;
use super::log::{Entry, Log};
use super::teller::{Names, Teller};
use super::unit::{Event, Kind, Unit, packet_of};
use crate::aggregate::{Assembly, Quality};
use crate::capture::Block;
use crate::decode::fragment::{FragmentCounters, Reassembler};
use crate::decode::stream::{ConnectionEvent, StreamCounters, StreamMessage, Streams};
use crate::decode::{Body, Datagram, Network, Segment, frame, message, transport};
use crate::matcher::{Matcher, Sighting, Transport};
use crate::model::{DnsPorts, NameHasher, PacketMeta, Timestamp};

/// Takes a log that is full, of a unit that is not done, with the unit's block and events.
pub(super) type Spill<'a> = dyn FnMut(&mut Log, &Block, &[Event]) + 'a;

/// Everything that depends on the order of packets and is not a sum.
pub(super) struct Matching {
    /// Units that came before their turn.
    waiting: BTreeMap<u64, Box<Unit>>,
    next: u64,
    ports: DnsPorts,
    hasher: NameHasher,
    matcher: Matcher,
    names: Names,
    quality: Quality,
    streams: Streams,
    fragments: Reassembler,
    interfaces: Interfaces,
}

/// What is left of the stage at the end.
pub(super) struct Matched {
    pub(super) quality: Quality,
    pub(super) streams: StreamCounters,
    pub(super) fragments: FragmentCounters,
    pub(super) cooked_interfaces: Vec<(u16, u32)>,
    pub(super) interfaces_overflowed: u64,
}

impl Matching {
    pub(super) fn new(options: &Options, hasher: NameHasher) -> Matching {
        let settings = &options.settings;
        Matching {
            waiting: BTreeMap::new(),
            next: 0,
            ports: DnsPorts::new(&options.ports),
            hasher,
            matcher: Matcher::new(hasher, settings.query_timeout, settings.capacity),
            names: Names::default(),
            quality: Quality::default(),
            streams: Streams::new(),
            fragments: Reassembler::default(),
            interfaces: Interfaces::default(),
        }
    }

    /// Takes a unit, matches it and those behind it as far as they are there, and hands them on.
    pub(super) fn take(
        &mut self,
        unit: Box<Unit>,
        spill: &mut Spill<'_>,
        done: &mut impl FnMut(Box<Unit>),
    ) {
        self.waiting.insert(unit.block.sequence, unit);
        while let Some(mut unit) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.observe(&mut unit, spill);
            done(unit);
        }
    }

    /// The same stage once more: to be finished as if the capture ended here.
    pub(super) fn so_far(&self) -> Matching {
        let Matching { ports, hasher, matcher, names, quality, streams, .. } = self;
        Matching {
            waiting: BTreeMap::new(),
            next: self.next,
            ports: ports.clone(),
            hasher: *hasher,
            matcher: matcher.clone(),
            names: names.clone(),
            quality: quality.clone(),
            streams: streams.clone(),
            fragments: self.fragments.clone(),
            interfaces: self.interfaces.clone(),
        }
    }

    /// Settles what is open at the end of the capture, into `log`.
    pub(super) fn finish(mut self, log: &mut Log, spill: &mut Spill<'_>) -> Matched {
        let block = Block::default();
        let mut spill = |log: &mut Log| spill(log, &block, &[]);
        self.fragments.finish();
        log.entries.push(Entry::Over);
        self.give_up_fragments(log, &mut spill);
        let Matching { streams, matcher, quality, hasher, names, .. } = &mut self;
        let mut teller = Teller::new(log, names, &mut spill);
        streams.finish(&mut |whole: StreamMessage<'_>| {
            over_tcp(&whole, matcher, &mut teller, quality, hasher);
        });
        matcher.finish(quality.last.unwrap_or_default(), &mut teller);
        Matched {
            quality: self.quality,
            streams: *self.streams.counters(),
            fragments: *self.fragments.counters(),
            interfaces_overflowed: self.interfaces.overflowed,
            cooked_interfaces: self.interfaces.into_names(),
        }
    }

    fn observe(&mut self, unit: &mut Unit, spill: &mut Spill<'_>) {
        self.count_steps_back(unit);
        self.quality.add(&unit.quality);
        let Unit { block, events, log, .. } = unit;
        self.interfaces.number_all(block, events);
        let (block, events): (&Block, &[Event]) = (block, events);
        let mut spill = |log: &mut Log| spill(log, block, events);
        self.matcher.expect(events.iter().map(Event::expected));
        let mut next = 0;
        while let Some(event) = events.get(next) {
            let waiting = self.fragments.is_waiting();
            if waiting {
                // A part has to meet its query before that is sent again.
                self.fragments.expire(event.packet.time);
                self.give_up_fragments(log, &mut spill);
            }
            if let Kind::Message { .. } = event.kind {
                let end = if waiting { next + 1 } else { events.len() };
                next = self.messages(next, &events[..end], log, &mut spill);
            } else {
                self.event(event, block, log, &mut spill);
                next += 1;
            }
        }
    }

    /// Frames of this unit that are earlier than the latest of the units before it, and were not
    /// found to be earlier than another of their own.
    fn count_steps_back(&mut self, unit: &Unit) {
        let Some(before) = self.quality.last else { return };
        if unit.earliest.is_none_or(|earliest| earliest >= before) {
            return;
        }
        let mut latest = Timestamp::MIN;
        for record in &unit.block.records {
            self.quality.out_of_order += u64::from(record.time >= latest && record.time < before);
            latest = latest.max(record.time);
        }
    }

    /// Takes messages from the one with number `next` on, up to an event that is none, and gives its number.
    fn messages(
        &mut self,
        mut next: usize,
        events: &[Event],
        log: &mut Log,
        spill: &mut dyn FnMut(&mut Log),
    ) -> usize {
        let mut teller = Teller::new(log, &mut self.names, spill);
        while let Some(event) = events.get(next)
            && let Kind::Message { .. } = event.kind
        {
            let &Event { ref packet, ref message, keys, .. } = event;
            // What is told of it is its number: whoever counts has the octets.
            let sighting =
                Sighting { packet, transport: Transport::Udp, message, bytes: &[], keys };
            self.matcher.observe(&sighting, teller.event(next, message.is_response()));
            next += 1;
        }
        next
    }

    /// Takes an event that is no message.
    fn event(
        &mut self,
        event: &Event,
        block: &Block,
        log: &mut Log,
        spill: &mut dyn FnMut(&mut Log),
    ) {
        let (packet, named) = (&event.packet, event.is_named(block));
        let mut teller = Teller::new(log, &mut self.names, spill);
        match event.kind {
            Kind::Message { .. } => {}
            Kind::Sent => {
                teller.tell_packet(packet, |packet| Entry::Sent { packet, named });
            }
            Kind::Again { record } => {
                let record = &block.records[record as usize];
                let Some(bytes) = block.bytes(record) else { return };
                let decoded = frame(block.link_type(record), bytes, record.original as usize);
                teller.tell_packet(packet, |packet| Entry::Packet { packet, named });
                self.body(&decoded.body, &decoded.network, packet, log, spill);
            }
        }
    }

    /// Takes what a frame, or a reassembled datagram, carries.
    fn body(
        &mut self,
        body: &Body<'_>,
        network: &Network,
        packet: &PacketMeta,
        log: &mut Log,
        spill: &mut dyn FnMut(&mut Log),
    ) {
        match body {
            Body::Datagram(datagram) => self.datagram(datagram, packet, log, spill),
            Body::Segment(segment) => self.segment(segment, packet, log, spill),
            Body::IcmpError(error) => {
                let ports = &self.ports;
                let is_dns_port = |port: u16| ports.contains(port);
                let mut teller = Teller::new(log, &mut self.names, spill);
                self.matcher.icmp(packet, error, is_dns_port, &mut teller);
            }
            Body::Fragment(fragment) => {
                let PacketMeta { time, frame, interface, .. } = *packet;
                let whole = self.fragments.observe(time, frame, interface, network, fragment);
                if let Some(whole) = whole {
                    let how = (whole.protocol, whole.sent);
                    log.entries.push(Entry::Assembly(Assembly::Whole));
                    self.reassembled(whole.network, how, &whole.payload, packet, log, spill);
                    log.entries.push(Entry::Assembly(Assembly::Single));
                }
                self.give_up_fragments(log, spill);
            }
            Body::Other { .. } | Body::Skip(_) => {}
        }
    }

    fn reassembled(
        &mut self,
        mut network: Network,
        (protocol, sent): (u8, usize),
        payload: &[u8],
        last: &PacketMeta,
        log: &mut Log,
        spill: &mut dyn FnMut(&mut Log),
    ) {
        let body = transport(&mut network, protocol, payload, sent);
        let mut packet = packet_of(&network, last.time, last.interface);
        packet.frame = last.frame;
        // A fragmented tunnel can hold a fragment; it cannot hold itself, so this ends.
        self.body(&body, &network, &packet, log, spill);
    }

    /// What can be read of datagrams of which fragments are missing.
    fn give_up_fragments(&mut self, log: &mut Log, spill: &mut dyn FnMut(&mut Log)) {
        while let Some(part) = self.fragments.next_incomplete() {
            let packet = PacketMeta {
                frame: part.frame,
                ..packet_of(&part.network, part.time, part.interface)
            };
            if !part.payload.is_empty() {
                let mut teller = Teller::new(log, &mut self.names, spill);
                teller.tell_packet(&packet, |packet| Entry::Counted { packet });
                teller.tell(Entry::Assembly(Assembly::Partial));
                let how = (part.protocol, part.sent);
                self.reassembled(part.network, how, &part.payload, &packet, log, spill);
                log.entries.push(Entry::Assembly(Assembly::Single));
            }
        }
    }

    fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        packet: &PacketMeta,
        log: &mut Log,
        spill: &mut dyn FnMut(&mut Log),
    ) {
        let Datagram { source_port, destination_port, payload, sent } = *datagram;
        if !self.ports.either(source_port, destination_port) {
            return;
        }
        let packet = PacketMeta { source_port, destination_port, ..*packet };
        let Some(message) = message::parse(payload, sent, &self.hasher) else {
            self.quality.headless += 1;
            return;
        };
        self.quality.messages[usize::from(message.is_response())] += 1;
        self.quality.malformed += u64::from(message.malformed != 0);
        let sighting = Sighting::new(&packet, Transport::Udp, &message, payload, &self.hasher);
        let mut teller = Teller::new(log, &mut self.names, spill);
        observe_one(&mut self.matcher, &sighting, &mut teller);
    }

    fn segment(
        &mut self,
        segment: &Segment<'_>,
        packet: &PacketMeta,
        log: &mut Log,
        spill: &mut dyn FnMut(&mut Log),
    ) {
        let Segment { source_port, destination_port, .. } = *segment;
        if !self.ports.either(source_port, destination_port) {
            return;
        }
        let packet = PacketMeta { source_port, destination_port, ..*packet };
        let Matching { streams, matcher, quality, hasher, names, .. } = self;
        let mut teller = Teller::new(log, names, spill);
        let observed = streams.observe(&packet, segment, &mut |whole| {
            over_tcp(&whole, matcher, &mut teller, quality, hasher);
        });
        matcher.lacks(&packet, observed.lacking);
        match observed.event {
            ConnectionEvent::Reset { .. } => {
                let by_server = self.ports.contains(source_port);
                self.matcher.reset(&packet, by_server, &mut teller);
            }
            ConnectionEvent::Syn { again: false } => {
                teller.tell_packet(&packet, |packet| Entry::Connection { packet, accepted: false });
            }
            ConnectionEvent::SynAck { again: false } => {
                teller.tell_packet(&packet, |packet| Entry::Connection { packet, accepted: true });
            }
            _ => {}
        }
    }
}

/// Takes a message that a stream has given.
fn over_tcp(
    whole: &StreamMessage<'_>,
    matcher: &mut Matcher,
    teller: &mut Teller<'_>,
    quality: &mut Quality,
    hasher: &NameHasher,
) {
    let Some(message) = message::parse(whole.bytes, whole.sent, hasher) else {
        quality.headless += 1;
        return;
    };
    quality.messages[2 + usize::from(message.is_response())] += 1;
    quality.malformed += u64::from(message.malformed != 0);
    let sighting = Sighting::new(whole.meta, Transport::Tcp, &message, whole.bytes, hasher);
    observe_one(matcher, &sighting, teller);
}

/// Takes one message that is no event. Nearly all are events: only their way through the matcher is made fast.
#[inline(never)]
fn observe_one(matcher: &mut Matcher, sighting: &Sighting<'_>, teller: &mut Teller<'_>) {
    matcher.observe(sighting, teller.next());
}
