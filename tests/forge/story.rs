//! A whole capture told as a story: who asked whom what, when, and what came back.
//!
//! Times are since the beginning of the capture; packets may be told in any order and are written
//! in the order of time, unless [`Capture::as_told`] keeps the teller's.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::dns::{AA, Message, query, response};
use super::file::{Interface, PcapNgWriter, PcapOptions, PcapWriter};
use super::link::{Direction, Hop, Link};
use super::packet::{ACK, Endpoint, FIN, PSH, Packet, SYN};

/// When every story begins: 2026-01-01 00:00:00 UTC.
pub const START: Duration = Duration::from_secs(1_767_225_600);

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn us(microseconds: u64) -> Duration {
    Duration::from_micros(microseconds)
}

/// What comes back on a question.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// One address record; its family need not be that of the question.
    Address(&'a str),
    /// NXDOMAIN with the SOA of this zone.
    NxDomain(&'a str),
    /// NOERROR without an answer, with the SOA of this zone.
    NoData(&'a str),
    /// A bare RCODE: `Rcode(SERVFAIL)`.
    Rcode(u16),
    /// TC, no records.
    Truncated,
    /// Silence.
    Nothing,
}

impl Answer<'_> {
    /// The response to a query, if there is one.
    pub fn to(&self, query: &Message) -> Option<Message> {
        let response = response(query);
        Some(match *self {
            Answer::Address(text) => match text.parse::<IpAddr>() {
                Ok(address) => response.address(address),
                Err(error) => panic!("{text:?}: {error}"),
            },
            Answer::NxDomain(zone) => response.nxdomain(zone).with(AA),
            Answer::NoData(zone) => response.nodata(zone).with(AA),
            Answer::Rcode(rcode) => response.rcode(rcode),
            Answer::Truncated => response.truncated(),
            Answer::Nothing => return None,
        })
    }
}

/// A packet of the story.
#[derive(Clone, Debug)]
pub struct Told {
    pub time: Duration,
    /// Counts from zero, as a pcapng does.
    pub interface: u32,
    pub frame: Vec<u8>,
}

/// A capture that is being told.
#[derive(Clone, Debug)]
pub struct Capture {
    link: Link,
    now: Duration,
    hop: Hop,
    ttl: u8,
    next_id: u16,
    interfaces: Vec<String>,
    told: Vec<Told>,
    as_told: bool,
}

impl Capture {
    pub fn new(link: Link) -> Self {
        Capture {
            link,
            now: Duration::ZERO,
            hop: Hop::default(),
            ttl: 64,
            next_id: 0x1000,
            interfaces: vec!["eth0".into()],
            told: Vec::new(),
            as_told: false,
        }
    }

    /// What follows happens at this time.
    pub fn at(&mut self, time: Duration) -> &mut Self {
        self.now = time;
        self
    }

    /// What follows happens this much later.
    pub fn after(&mut self, pause: Duration) -> &mut Self {
        self.now += pause;
        self
    }

    /// What follows is seen on this interface; the first is `eth0`, new names get the next index.
    pub fn on(&mut self, interface: &str) -> &mut Self {
        let known = self.interfaces.iter().position(|name| name == interface);
        let index = known.unwrap_or_else(|| {
            self.interfaces.push(interface.into());
            self.interfaces.len() - 1
        });
        self.hop.interface = index as u32 + 1;
        self
    }

    /// What follows goes in, out or past (SLL only).
    pub fn going(&mut self, direction: Direction) -> &mut Self {
        self.hop.direction = direction;
        self
    }

    /// What frames say besides their packet, to be changed: addresses of the link layer.
    pub fn hop(&mut self) -> &mut Hop {
        &mut self.hop
    }

    /// What follows carries these VLAN tags (Ethernet only).
    pub fn vlans(&mut self, tags: &[u16]) -> &mut Self {
        self.hop.vlans = tags.to_vec();
        self
    }

    /// What follows has this TTL, unless it is a packet made elsewhere.
    pub fn ttl(&mut self, ttl: u8) -> &mut Self {
        self.ttl = ttl;
        self
    }

    /// Writes the packets in the order in which they are told, even if time runs backwards.
    pub fn as_told(&mut self) -> &mut Self {
        self.as_told = true;
        self
    }

    pub fn udp(
        &mut self,
        from: impl Endpoint,
        to: impl Endpoint,
        payload: impl Into<Vec<u8>>,
    ) -> &mut Self {
        let packet = Packet::udp(from, to, payload).ttl(self.ttl).ip_id(self.fresh_id());
        self.packet(&packet)
    }

    pub fn tcp(
        &mut self,
        from: impl Endpoint,
        to: impl Endpoint,
        flags: u8,
        numbers: (u32, u32),
        payload: impl Into<Vec<u8>>,
    ) -> &mut Self {
        let packet = Packet::tcp(from, to, flags, numbers, payload).ttl(self.ttl);
        let packet = packet.ip_id(self.fresh_id());
        self.packet(&packet)
    }

    /// A message in one datagram.
    pub fn message(
        &mut self,
        from: impl Endpoint,
        to: impl Endpoint,
        message: &Message,
    ) -> &mut Self {
        self.udp(from, to, message.encode())
    }

    /// A packet made elsewhere.
    pub fn packet(&mut self, packet: &Packet) -> &mut Self {
        self.ip(&packet.encode())
    }

    /// The packet in fragments of at most so many bytes.
    pub fn fragments(&mut self, packet: &Packet, largest: usize) -> &mut Self {
        for fragment in packet.fragments(largest) {
            self.ip(&fragment);
        }
        self
    }

    /// IP as it is.
    pub fn ip(&mut self, ip: &[u8]) -> &mut Self {
        self.frame(self.link.frame(&self.hop, ip))
    }

    /// A frame as it is.
    pub fn frame(&mut self, frame: Vec<u8>) -> &mut Self {
        self.told.push(Told { time: self.now, interface: self.hop.interface - 1, frame });
        self
    }

    /// A question over UDP and what came back `later`. The clock of the story stays at the question.
    pub fn ask(
        &mut self,
        client: impl Endpoint,
        server: impl Endpoint,
        name: &str,
        kind: u16,
        later: Duration,
        answer: Answer<'_>,
    ) -> &mut Self {
        let (client, server) = (client.endpoint(), server.endpoint());
        let query = query(name, kind).id(self.fresh_id());
        self.message(client, server, &query);
        if let Some(response) = answer.to(&query) {
            let asked = self.now;
            self.after(later).message(server, client, &response).at(asked);
        }
        self
    }

    /// One connection over TCP: handshake, the queries in one segment, each response in its own,
    /// goodbye; every step takes `step`. The clock of the story goes along.
    pub fn converse(
        &mut self,
        client: impl Endpoint,
        server: impl Endpoint,
        queries: &[Message],
        responses: &[Message],
        step: Duration,
    ) -> &mut Self {
        let (client, server): (SocketAddr, _) = (client.endpoint(), server.endpoint());
        let (mut seq, mut ack) = (1000u32, 5000u32);
        self.tcp(client, server, SYN, (seq, 0), []);
        seq += 1;
        self.after(step).tcp(server, client, SYN | ACK, (ack, seq), []);
        ack += 1;
        self.after(step).tcp(client, server, ACK, (seq, ack), []);
        let asked: Vec<u8> = queries.iter().flat_map(Message::over_tcp).collect();
        let length = asked.len() as u32;
        self.tcp(client, server, PSH | ACK, (seq, ack), asked);
        seq += length;
        for response in responses {
            let response = response.over_tcp();
            let length = response.len() as u32;
            self.after(step).tcp(server, client, PSH | ACK, (ack, seq), response);
            ack += length;
        }
        self.after(step).tcp(client, server, FIN | ACK, (seq, ack), []);
        self.after(step).tcp(server, client, FIN | ACK, (ack, seq + 1), []);
        self.after(step).tcp(client, server, ACK, (seq + 1, ack + 1), [])
    }

    /// The frames as they will be written.
    pub fn packets(&self) -> Vec<Told> {
        let mut told = self.told.clone();
        if !self.as_told {
            told.sort_by_key(|packet| packet.time);
        }
        told
    }

    /// The story as tcpdump writes it: little-endian, microseconds.
    pub fn pcap(&self) -> Vec<u8> {
        self.pcap_with(PcapOptions::new(self.link))
    }

    pub fn pcap_with(&self, options: PcapOptions) -> Vec<u8> {
        in_memory(|bytes| self.write_pcap(bytes, options))
    }

    /// The story as dumpcap writes it: little-endian, nanoseconds, the interfaces by name.
    pub fn pcapng(&self) -> Vec<u8> {
        self.pcapng_with(false, [0; 3])
    }

    /// A pcapng in either byte order, the counters of [`PcapNgWriter::statistics`] for each interface.
    pub fn pcapng_with(&self, big_endian: bool, counters: [u64; 3]) -> Vec<u8> {
        in_memory(|bytes| self.write_pcapng(bytes, big_endian, counters))
    }

    pub fn write_pcap<W: Write>(&self, out: W, options: PcapOptions) -> io::Result<W> {
        let mut writer = PcapWriter::new(out, options)?;
        for packet in self.packets() {
            writer.packet((START + packet.time).as_nanos() as u64, &packet.frame)?;
        }
        writer.finish()
    }

    pub fn write_pcapng<W: Write>(
        &self,
        out: W,
        big_endian: bool,
        counters: [u64; 3],
    ) -> io::Result<W> {
        let interfaces: Vec<_> =
            self.interfaces.iter().map(|name| Interface::new(name, self.link)).collect();
        let mut writer = PcapNgWriter::new(out, big_endian, &interfaces)?;
        let mut end = START;
        for packet in self.packets() {
            end = START + packet.time;
            writer.packet(packet.interface, end.as_nanos() as u64, &packet.frame)?;
        }
        if counters != [0; 3] {
            for index in 0..interfaces.len() {
                writer.statistics(index as u32, end.as_nanos() as u64, counters)?;
            }
        }
        writer.finish()
    }

    /// IP-IDs and DNS IDs: one counter for the whole story, so that no two packets share one.
    fn fresh_id(&mut self) -> u16 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }
}

fn in_memory(write: impl FnOnce(Vec<u8>) -> io::Result<Vec<u8>>) -> Vec<u8> {
    match write(Vec::new()) {
        Ok(bytes) => bytes,
        Err(error) => panic!("writing to memory: {error}"),
    }
}
