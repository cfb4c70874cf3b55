//! Foreign traffic: what a capture without a filter is full of.

use std::net::{Ipv4Addr, SocketAddr};

use super::forge::{ACK, Link, PSH, Packet, Transport};
use super::random::Random;
use super::schedule::{Payload, Time};
use super::wire::Wire;

const CONNECTIONS: usize = 500;
/// The largest segment beside the timestamps option.
const SEGMENT: u64 = 1428;

/// The connections that go on beside DNS.
pub struct Noise {
    connections: Vec<(SocketAddr, SocketAddr, u32)>,
    /// Bytes that look encrypted.
    bytes: Vec<u8>,
    arp: bool,
}

impl Noise {
    pub fn new(link: Link, random: &mut Random) -> Self {
        let connections = (0..CONNECTIONS).map(|_| {
            let client = Ipv4Addr::from_bits(0x0a80_0100 + random.below(2000) as u32);
            let server = Ipv4Addr::from_bits(0xc633_6400 + random.below(256) as u32);
            let port = random.between(32768, 60999) as u16;
            let (client, server) = (SocketAddr::new(client.into(), port), (server, 443).into());
            (client, server, random.next() as u32)
        });
        let connections = connections.collect();
        let bytes = (0..1 << 13).flat_map(|_| random.next().to_le_bytes()).collect();
        // Without a link header there is nothing but IP.
        Noise { connections, bytes, arp: !matches!(link, Link::Raw | Link::Null | Link::Loop) }
    }

    /// One packet.
    pub fn play(&mut self, at: Time, wire: &mut Wire) {
        let random = &mut wire.random;
        let which = random.below(CONNECTIONS as u64) as usize;
        // Every eighth only acknowledges.
        let length = if random.below(8) == 0 { 0 } else { random.below(SEGMENT + 1) };
        let from = random.below(self.bytes.len() as u64 - SEGMENT) as usize;
        let payload = self.bytes[from..from + length as usize].to_vec();
        let (client, server, seq) = &mut self.connections[which];
        let (from, to) = if random.chance(0.3) { (*client, *server) } else { (*server, *client) };
        let transport = match random.unit() {
            ..0.85 => {
                *seq = seq.wrapping_add(length as u32);
                let (flags, options) = (if length == 0 { ACK } else { PSH | ACK }, Vec::new());
                Transport::Tcp { flags, seq: *seq, ack: 1, window: 501, options, payload }
            }
            ..0.98 => Transport::Udp { payload },
            ..0.99 if self.arp => return wire.noise(at, Payload::Arp(arp(from, to))),
            // Echo request.
            _ => Transport::Icmp { kind: 8, code: 0, word: *seq, body: vec![0x55; 56] },
        };
        let (ttl, ip_id) = (61, random.next() as u16);
        let packet = Packet { from, to, ttl, ip_id, dont_fragment: true, transport };
        wire.noise(at, Payload::Ip(packet));
    }
}

/// Who has that address (RFC 826)?
fn arp(from: SocketAddr, to: SocketAddr) -> [u8; 28] {
    let mut body = [0; 28];
    body[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    body[8] = 2;
    if let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, to) {
        body[14..18].copy_from_slice(&from.ip().octets());
        body[24..].copy_from_slice(&to.ip().octets());
    }
    body
}
