//! The ordered stage: units in the order of the capture, events in the order of their frames.
//! It puts fragments and TCP streams together and feeds the matcher.

use std::collections::BTreeMap;

use super::interfaces::Interfaces;
use super::unit::{Event, Kind, Unit, packet_of};
use super::{Analysed, Options};
use crate::aggregate::{Aggregate, Assembly, Metering, Quality};
use crate::capture::{Block, Notes};
use crate::decode::fragment::Reassembler;
use crate::decode::stream::{ConnectionEvent, StreamMessage, Streams};
use crate::decode::{Body, Datagram, Network, Segment, frame, message, transport};
use crate::matcher::{Matcher, Sighting, Transport};
use crate::model::{DnsPorts, NameHasher, PacketMeta, Timestamp};
use crate::transactions::{Recorder, Rows};

/// Messages warmed up in a row: as many waits for memory overlap as the processor keeps track of, and
/// what they bring still is in the cache when they are observed.
const AHEAD: usize = 16;

/// Everything that depends on the order of packets.
pub(super) struct Ordered {
    /// Units that came before their turn.
    waiting: BTreeMap<u64, Box<Unit>>,
    next: u64,
    stage: Stage,
}

impl Ordered {
    pub(super) fn new(
        options: &Options,
        hasher: NameHasher,
        rows: Option<Rows>,
    ) -> Result<Ordered, hdrhistogram::CreationError> {
        let aggregate = Aggregate::new(options.settings.clone(), hasher)?;
        Ok(Ordered {
            waiting: BTreeMap::new(),
            next: 0,
            stage: Stage {
                ports: DnsPorts::new(&options.ports),
                hasher,
                matcher: Matcher::new(hasher, options.settings.query_timeout),
                aggregate,
                rows,
                quality: Quality::default(),
                streams: Streams::new(),
                fragments: Reassembler::default(),
                interfaces: Interfaces::default(),
            },
        })
    }

    /// Takes a unit, and observes it and those behind it as far as they are there.
    pub(super) fn take(&mut self, unit: Box<Unit>, done: &mut impl FnMut(Box<Unit>)) {
        self.waiting.insert(unit.block.sequence, unit);
        while let Some(unit) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.stage.observe(&unit);
            done(unit);
        }
    }

    /// Whether rows are wanted, and nobody takes them any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.stage.rows.as_ref().is_some_and(Rows::is_abandoned)
    }

    /// Closes the books.
    pub(super) fn finish(self, notes: Notes) -> Analysed {
        self.stage.finish(notes)
    }

    /// The same stage once more, without the rows: to be finished as if the capture ended here.
    pub(super) fn so_far(&self) -> Ordered {
        Ordered { waiting: BTreeMap::new(), next: self.next, stage: self.stage.so_far() }
    }
}

struct Stage {
    ports: DnsPorts,
    hasher: NameHasher,
    matcher: Matcher,
    aggregate: Aggregate,
    rows: Option<Rows>,
    quality: Quality,
    streams: Streams,
    fragments: Reassembler,
    interfaces: Interfaces,
}

impl Stage {
    fn so_far(&self) -> Stage {
        let Stage { matcher, aggregate, streams, fragments, interfaces, quality, .. } = self;
        Stage {
            ports: self.ports.clone(),
            hasher: self.hasher,
            matcher: matcher.clone(),
            aggregate: aggregate.clone(),
            rows: None,
            quality: quality.clone(),
            streams: streams.clone(),
            fragments: fragments.clone(),
            interfaces: interfaces.clone(),
        }
    }

    fn observe(&mut self, unit: &Unit) {
        self.count_steps_back(unit);
        self.quality.add(&unit.quality);
        let block = &unit.block;
        let named = block.interfaces.len() > 1 || block.interfaces.iter().any(|i| i.name.is_some());
        for events in unit.events.chunks(AHEAD) {
            for event in events {
                self.warm(event);
            }
            for event in events {
                self.event(event, block, named || event.link_interface != 0);
            }
        }
    }

    /// Has what an event will touch read ahead.
    fn warm(&self, event: &Event) {
        let Event { packet, message, keys, kind: Kind::Message { .. }, .. } = event else { return };
        match self.matcher.warm(packet, message, *keys) {
            Some(token) => self.aggregate.warm_answer(token),
            None if message.is_response() => {}
            None => self.aggregate.warm_query(packet, *keys),
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

    /// Takes the next event. `named`: the capture tells interfaces apart.
    fn event(&mut self, event: &Event, block: &Block, named: bool) {
        let mut packet = event.packet;
        packet.interface = self.interfaces.number(packet.interface, event.link_interface);
        if self.fragments.is_waiting() {
            // A part has to meet its query before that is sent again.
            self.fragments.expire(packet.time);
            self.give_up_fragments(named);
        }
        match event.kind {
            Kind::Message { offset, length } => {
                let range = offset as usize..(offset + length) as usize;
                let bytes = block.data.get(range).unwrap_or_default();
                let counts = self.aggregate.limited.counts(packet.destination);
                let metering = if counts { Metering::Count { named } } else { Metering::Off };
                self.aggregate.set_metering(metering);
                let (transport, Event { message, keys, .. }) = (Transport::Udp, *event);
                let sighting = Sighting { packet, transport, message, bytes, keys };
                self.matcher.observe(&sighting, &mut recorder(&mut self.aggregate, &mut self.rows));
            }
            Kind::Sent => {
                self.aggregate.meter(&packet, named);
            }
            Kind::Again { record } => {
                let record = &block.records[record as usize];
                let start = record.offset as usize;
                let end = start + record.captured as usize;
                let Some(bytes) = block.data.get(start..end) else { return };
                let link_type = block.interfaces[usize::from(record.interface)].link_type;
                let decoded = frame(link_type, bytes, record.original as usize);
                let limited = self.aggregate.limited.counts(packet.destination);
                if limited {
                    self.aggregate.meter(&packet, named);
                }
                let metering = if limited { Metering::Counted } else { Metering::Off };
                self.aggregate.set_metering(metering);
                self.body(&decoded.body, &decoded.network, &packet, named);
            }
        }
    }

    /// Takes what a frame, or a reassembled datagram, carries.
    fn body(&mut self, body: &Body<'_>, network: &Network, packet: &PacketMeta, named: bool) {
        match body {
            Body::Datagram(datagram) => self.datagram(datagram, packet),
            Body::Segment(segment) => self.segment(segment, packet),
            Body::IcmpError(error) => {
                let ports = &self.ports;
                let is_dns_port = |port: u16| ports.contains(port);
                let mut observer = recorder(&mut self.aggregate, &mut self.rows);
                self.matcher.icmp(packet, error, is_dns_port, &mut observer);
            }
            Body::Fragment(fragment) => {
                let whole = self.fragments.observe(
                    packet.time,
                    packet.frame,
                    packet.interface,
                    network,
                    fragment,
                );
                if let Some(whole) = whole {
                    let (protocol, sent) = (whole.protocol, whole.sent);
                    self.aggregate.set_assembly(Assembly::Whole);
                    self.reassembled(whole.network, protocol, &whole.payload, sent, packet, named);
                    self.aggregate.set_assembly(Assembly::Single);
                }
                self.give_up_fragments(named);
            }
            Body::Other { .. } | Body::Skip(_) => {}
        }
    }

    fn reassembled(
        &mut self,
        mut network: Network,
        protocol: u8,
        payload: &[u8],
        sent: usize,
        last: &PacketMeta,
        named: bool,
    ) {
        let body = transport(&mut network, protocol, payload, sent);
        let mut packet = packet_of(&network, last.time, last.interface);
        packet.frame = last.frame;
        // A fragmented tunnel can hold a fragment; it cannot hold itself, so this ends.
        self.body(&body, &network, &packet, named);
    }

    /// What can be read of datagrams of which fragments are missing.
    fn give_up_fragments(&mut self, named: bool) {
        while let Some(part) = self.fragments.next_incomplete() {
            let packet = PacketMeta {
                frame: part.frame,
                ..packet_of(&part.network, part.time, part.interface)
            };
            if !part.payload.is_empty() {
                let (protocol, sent) = (part.protocol, part.sent);
                self.aggregate.set_assembly(Assembly::Partial);
                self.reassembled(part.network, protocol, &part.payload, sent, &packet, named);
                self.aggregate.set_assembly(Assembly::Single);
            }
        }
    }

    fn datagram(&mut self, datagram: &Datagram<'_>, packet: &PacketMeta) {
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
        let sighting = Sighting::new(packet, Transport::Udp, message, payload, &self.hasher);
        self.matcher.observe(&sighting, &mut recorder(&mut self.aggregate, &mut self.rows));
    }

    fn segment(&mut self, segment: &Segment<'_>, packet: &PacketMeta) {
        let Segment { source_port, destination_port, .. } = *segment;
        if !self.ports.either(source_port, destination_port) {
            return;
        }
        let packet = PacketMeta { source_port, destination_port, ..*packet };
        let Stage { streams, matcher, aggregate, rows, quality, hasher, .. } = self;
        let event = streams.observe(&packet, segment, &mut |whole: StreamMessage<'_>| {
            over_tcp(&whole, matcher, recorder(aggregate, rows), quality, hasher);
        });
        let (from, to) = (packet.source, packet.destination);
        match event {
            ConnectionEvent::Reset { .. } => {
                let by_server = self.ports.contains(source_port);
                let mut observer = recorder(&mut self.aggregate, &mut self.rows);
                self.matcher.reset(&packet, by_server, &mut observer);
            }
            ConnectionEvent::Syn { again: false } => {
                self.aggregate.connection(from, to, &packet, false);
            }
            ConnectionEvent::SynAck { again: false } => {
                self.aggregate.connection(to, from, &packet, true);
            }
            _ => {}
        }
    }

    fn finish(mut self, notes: Notes) -> Analysed {
        self.fragments.finish();
        self.aggregate.set_metering(Metering::Off);
        self.give_up_fragments(false);
        let Stage { streams, matcher, aggregate, rows, quality, hasher, .. } = &mut self;
        streams.finish(&mut |whole: StreamMessage<'_>| {
            over_tcp(&whole, matcher, recorder(aggregate, rows), quality, hasher);
        });
        let end = self.quality.last.unwrap_or_default();
        self.matcher.finish(end, &mut recorder(&mut self.aggregate, &mut self.rows));
        self.aggregate.finish();
        if let Some(rows) = self.rows {
            rows.finish();
        }
        Analysed {
            aggregate: self.aggregate,
            quality: self.quality,
            notes,
            streams: *self.streams.counters(),
            fragments: *self.fragments.counters(),
            interfaces_overflowed: self.interfaces.overflowed,
            cooked_interfaces: self.interfaces.into_names(),
        }
    }
}

/// Who listens to the matcher.
fn recorder<'a>(aggregate: &'a mut Aggregate, rows: &'a mut Option<Rows>) -> Recorder<'a> {
    Recorder { aggregate, rows: rows.as_mut() }
}

/// Takes a message that a stream has given.
fn over_tcp(
    whole: &StreamMessage<'_>,
    matcher: &mut Matcher,
    mut observer: Recorder<'_>,
    quality: &mut Quality,
    hasher: &NameHasher,
) {
    let Some(message) = message::parse(whole.bytes, whole.sent, hasher) else {
        quality.headless += 1;
        return;
    };
    quality.messages[2 + usize::from(message.is_response())] += 1;
    quality.malformed += u64::from(message.malformed != 0);
    let sighting = Sighting::new(*whole.meta, Transport::Tcp, message, whole.bytes, hasher);
    matcher.observe(&sighting, &mut observer);
}
