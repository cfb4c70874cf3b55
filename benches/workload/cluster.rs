//! Who is there: pods and their habits, and the servers that they ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::options::Options;
use super::random::{Random, mix};
use super::wire::{Path, Wire};

/// The ephemeral ports of Linux.
const PORTS: std::ops::Range<u64> = 32768..61000;
pub const NAMESPACES: u64 = 40;

const CLUSTER_IP: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 10);
const BACKENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 244, 200, 3), Ipv4Addr::new(10, 244, 201, 7)];
const CLUSTER_IP_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0, 0xa);
const BACKENDS_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0x244, 0xc8, 0, 0, 0, 0, 3),
    Ipv6Addr::new(0xfd00, 0x244, 0xc9, 0, 0, 0, 0, 7),
];
/// The VPC resolver under its two addresses: each CoreDNS uses its own.
const UPSTREAMS: [Ipv4Addr; 2] = [Ipv4Addr::new(169, 254, 169, 253), Ipv4Addr::new(10, 0, 0, 2)];

/// A client, and where it is in its ports and IDs.
pub struct Pod {
    address: IpAddr,
    server: IpAddr,
    pub namespace: u64,
    /// A and AAAA from two sockets, as Go does; else from one, as glibc does.
    pub two_sockets: bool,
    pub edns: Option<u16>,
    pub interface: u32,
    vlan: u16,
    sockets: u64,
}

impl Pod {
    fn new(index: usize, options: &Options, random: &mut Random) -> Self {
        let ipv6 = random.chance(options.ipv6);
        let two_sockets = random.chance(0.2);
        let pick = random.unit();
        let address = if ipv6 {
            Ipv6Addr::from_bits(0xfd00_0244_0001_u128 << 80 | (index as u128 + 2)).into()
        } else {
            // 10.128.0.0 and up: room for seven million before CoreDNS' subnet comes.
            Ipv4Addr::from_bits(0x0a80_0100 + index as u32).into()
        };
        let server = match (pick, ipv6) {
            (..0.6, false) => CLUSTER_IP.into(),
            (..0.8, false) => BACKENDS[0].into(),
            (_, false) => BACKENDS[1].into(),
            (..0.6, true) => CLUSTER_IP_V6.into(),
            (..0.8, true) => BACKENDS_V6[0].into(),
            (_, true) => BACKENDS_V6[1].into(),
        };
        let edns = random.chance(0.4).then_some(if two_sockets { 1232 } else { 1200 });
        let ethernet = options.link == super::options::LinkName::Ethernet;
        let tagged = random.chance(options.vlan) && ethernet;
        Pod {
            address,
            server,
            namespace: mix(index as u64) % NAMESPACES,
            two_sockets,
            edns,
            interface: Wire::pod_interface(index),
            vlan: if tagged { 100 + index as u16 % 50 } else { 0 },
            sockets: random.below(1 << 20),
        }
    }

    /// A new socket to the pod's server, and the backend's number behind it.
    pub fn socket(&mut self, random: &mut Random) -> (Path, Ids, usize) {
        let (port, ids) = next_socket(&mut self.sockets);
        let fixed = BACKENDS.iter().position(|one| IpAddr::from(*one) == self.server);
        let fixed = fixed.or(BACKENDS_V6.iter().position(|one| IpAddr::from(*one) == self.server));
        let number = fixed.unwrap_or_else(|| random.below(2) as usize);
        let backend: IpAddr = match self.server {
            IpAddr::V4(_) => BACKENDS[number].into(),
            IpAddr::V6(_) => BACKENDS_V6[number].into(),
        };
        let path = Path {
            client: SocketAddr::new(self.address, port),
            server: SocketAddr::new(self.server, 53),
            backend,
            interface: self.interface,
            vlan: self.vlan,
        };
        (path, ids, number)
    }
}

/// The two IDs that a socket uses.
pub struct Ids(pub [u16; 2]);

/// The next port and IDs of a client. A port comes back after 28,232 sockets, a pair of port and ID
/// after a hundred million: no two transactions of a file are alike.
pub fn next_socket(counter: &mut u64) -> (u16, Ids) {
    *counter += 1;
    let port = PORTS.start + *counter % (PORTS.end - PORTS.start);
    // Odd factors make permutations of 16 bits: IDs look random and never repeat early.
    let id = |n: u64| (n as u16).wrapping_mul(0x6f4b) ^ 0x2d31;
    (port as u16, Ids([id(*counter * 2), id(*counter * 2 + 1)]))
}

/// A CoreDNS pod as a client of the VPC resolver.
pub struct Forwarder {
    number: usize,
    sockets: u64,
}

impl Forwarder {
    /// The next socket upstream.
    pub fn socket(&mut self) -> (Path, Ids) {
        let (port, ids) = next_socket(&mut self.sockets);
        let upstream = IpAddr::from(UPSTREAMS[self.number]);
        let path = Path {
            client: SocketAddr::new(BACKENDS[self.number].into(), port),
            server: SocketAddr::new(upstream, 53),
            backend: upstream,
            interface: 1,
            vlan: 0,
        };
        (path, ids)
    }
}

/// Everybody of the `kubernetes` profile.
pub struct Cluster {
    pub pods: Vec<Pod>,
    pub forwarders: [Forwarder; 2],
}

impl Cluster {
    pub fn new(options: &Options, random: &mut Random) -> Self {
        let pods = (0..options.clients()).map(|index| Pod::new(index, options, random)).collect();
        let forwarder = |number| Forwarder { number, sockets: 7000 * number as u64 };
        Cluster { pods, forwarders: [forwarder(0), forwarder(1)] }
    }
}
