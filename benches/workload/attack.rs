//! The `attack` profile: very many clients, each question for another name, most without an answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::cluster::{Ids, next_socket};
use super::exchange::Asked;
use super::forge::{A, Name, Transport, query, response};
use super::options::Options;
use super::random::mix;
use super::schedule::{Note, Starts, Time};
use super::wire::{Path, Wire};

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 100, 0, 10));
const BACKEND: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 244, 200, 3));

/// The state of the profile.
pub struct Attack {
    clients: u32,
    /// Questions so far: it numbers the names, and makes ports and IDs.
    asked: u64,
    unanswered: f64,
}

impl Attack {
    pub fn new(options: &Options) -> Self {
        let (clients, unanswered) = (options.clients() as u32, options.timeouts());
        Attack { clients, asked: 0, unanswered }
    }

    /// One question, which is one lookup.
    pub fn play(&mut self, at: Time, wire: &mut Wire) {
        let client = wire.random.below(u64::from(self.clients)) as u32;
        let (port, Ids([id, _])) = next_socket(&mut self.asked);
        let path = Path {
            // From 100.64.0.0 up.
            client: SocketAddr::new(Ipv4Addr::from_bits(0x6440_0000 + client).into(), port),
            server: SocketAddr::new(SERVER, 53),
            backend: BACKEND,
            interface: Wire::pod_interface(client as usize),
            vlan: 0,
        };
        let name = Name::parse(&format!("{:016x}.victim.example", mix(self.asked)));
        let query = query(&name, A).id(id);
        if wire.random.chance(self.unanswered) {
            let transport = Transport::Udp { payload: query.encode() };
            let note = Note::Query { starts: Starts::Lookup, hopeless: true };
            wire.send(at, &path, true, transport, [note, Note::Nothing]);
            return;
        }
        let response = response(&query).nxdomain("victim.example");
        let latency = wire.random.log_normal(2_000_000.0, 1.0).clamp(150_000.0, 2e9) as Time;
        wire.udp(
            at,
            &path,
            &Asked { query, response, latency, forwarded: None },
            false,
            Starts::Lookup,
        );
    }
}
