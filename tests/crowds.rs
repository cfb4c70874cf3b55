//! What is told of a few clients is told of many: captures of the lab with each of their clients several
//! times, as a node with as many more pods would have recorded them.
//!
//! Thresholds in numbers instead of shares, tables that overflow, and chance that is computed for a handful
//! of losses show here.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

#[path = "forge/mod.rs"]
mod forge;
mod recorded;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use recorded::{Packet, Recorded, expecting, report};

/// So many of each client. Ten times as many packets would be over the limits of AWS.
const COPIES: u64 = 5;

/// Copies begin within so many nanoseconds: a fault is one moment for all.
const APART: u64 = 40_000_000;

/// What becomes another cause with more clients, and why it has to.
const OTHERWISE: [(&str, &str, &str); 5] = [
    ("servfail-transient/", "servfail_burst", "fewer than ten SERVFAILs become more than ten"),
    ("random-loss/", "undetermined", "losses of several at the same moments are not random"),
    ("over-the-limit-coredns/", "vpc_dns_pps_exceeded", "five times as many packets show it"),
    ("authority-unreachable/", "upstream_slow", "five times as many questions show it"),
    ("strict-startup/", "coredns_backend_gone", "all copies ask the backend that the pod asked"),
];

/// Where in a packet the addresses are, and what else tells copies apart.
struct Layers {
    source: usize,
    destination: usize,
    /// Octets of an address.
    width: usize,
    protocol: u8,
    /// Ports, or the header of ICMP.
    transport: Option<usize>,
    id: Option<usize>,
}

/// The IP header of a frame.
fn ip_at(link: u16, frame: &[u8]) -> Option<usize> {
    let (ethertype, at) = match link {
        1 => (frame.get(12..14)?, 14),
        113 => (frame.get(14..16)?, 16),
        276 => (frame.get(0..2)?, 20),
        _ => return None,
    };
    matches!(ethertype, [0x08, 0x00] | [0x86, 0xdd]).then_some(at)
}

fn layers(frame: &[u8], at: usize) -> Option<Layers> {
    let word = |field: &[u8]| u16::from_be_bytes([field[0], field[1]]);
    match frame.get(at)? >> 4 {
        4 => {
            let header = usize::from(frame[at] & 15) * 4;
            frame.get(at..at + header)?;
            let first = word(&frame[at + 6..at + 8]) << 3 == 0;
            Some(Layers {
                source: at + 12,
                destination: at + 16,
                width: 4,
                protocol: frame[at + 9],
                transport: first.then_some(at + header),
                id: Some(at + 4),
            })
        }
        6 => {
            let (next, first) = (frame.get(at + 6)?, frame.get(at + 40..at + 44)?);
            let (protocol, transport) = match next {
                44 => (first[0], (word(&first[2..]) >> 3 == 0).then_some(at + 48)),
                &other => (other, Some(at + 40)),
            };
            let (source, destination) = (at + 8, at + 24);
            Some(Layers { source, destination, width: 16, protocol, transport, id: None })
        }
        _ => None,
    }
}

impl Layers {
    fn addresses<'a>(&self, frame: &'a [u8]) -> [&'a [u8]; 2] {
        [self.source, self.destination].map(|at| &frame[at..at + self.width])
    }

    /// Source and destination port.
    fn ports(&self, frame: &[u8]) -> Option<[u16; 2]> {
        let at = self.transport.filter(|_| matches!(self.protocol, 6 | 17))?;
        let ports = frame.get(at..at + 4)?;
        Some([[ports[0], ports[1]], [ports[2], ports[3]]].map(u16::from_be_bytes))
    }
}

/// A capture and who in it asks and is not asked.
struct Crowd {
    recorded: Recorded,
    clients: Vec<Vec<u8>>,
}

impl Crowd {
    fn of(recorded: Recorded) -> Crowd {
        let (mut asking, mut asked) = (BTreeSet::new(), BTreeSet::new());
        for packet in &recorded.packets {
            let link = recorded.interfaces[packet.interface as usize].link;
            let found = ip_at(link, &packet.bytes).and_then(|at| layers(&packet.bytes, at));
            let Some(found) = found else { continue };
            if found.ports(&packet.bytes).is_some_and(|[_, to]| to == 53) {
                let [source, destination] = found.addresses(&packet.bytes);
                asking.insert(source.to_vec());
                asked.insert(destination.to_vec());
            }
        }
        let clients = asking.difference(&asked).cloned().collect();
        Crowd { recorded, clients }
    }

    /// The address of a client's copy; everybody else's stays.
    fn address(&self, address: &[u8], copy: u64) -> Option<Vec<u8>> {
        let place = self.clients.binary_search_by(|client| client.as_slice().cmp(address)).ok()?;
        let number = copy * self.clients.len() as u64 + place as u64;
        let [.., high, low] = number.to_be_bytes();
        Some(match address.len() {
            4 => vec![10, 64, high, low],
            _ => [&address[..8], &(0x1000 + number).to_be_bytes()].concat(),
        })
    }

    /// Makes a packet one of a copy's, and what it quotes.
    fn rewrite(&self, frame: &mut [u8], at: usize, copy: u64) -> Option<()> {
        let found = layers(frame, at)?;
        let addresses = found.addresses(frame).map(|address| self.address(address, copy));
        let of_client = addresses.iter().any(Option::is_some);
        for (at, address) in [found.source, found.destination].into_iter().zip(addresses) {
            if let Some(address) = address {
                frame[at..at + address.len()].copy_from_slice(&address);
            }
        }
        if let Some(at) = found.id.filter(|&at| frame[at..at + 2] != [0, 0]) {
            let id = u16::from_be_bytes([frame[at], frame[at + 1]]);
            let id = id.wrapping_add((copy as u16).wrapping_mul(40_503)).max(1);
            frame[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
        if let (Some(ports), Some(at), false) = (found.ports(frame), found.transport, of_client) {
            // What servers ask on behalf of the copies goes out from other ports.
            for (at, port) in [at, at + 2].into_iter().zip(ports).filter(|(_, port)| *port != 53) {
                let port = 1024 + (u64::from(port) * 31 + copy * 7919) % 64_000;
                frame[at..at + 2].copy_from_slice(&(port as u16).to_be_bytes());
            }
        }
        let at = found.transport?;
        let is_error = match (found.protocol, frame.get(at)?) {
            (1, kind) => matches!(kind, 3 | 11 | 12),
            (58, kind) => *kind < 128,
            _ => false,
        };
        if is_error { self.rewrite(frame, at + 8, copy) } else { None }
    }

    fn multiplied(&self) -> Vec<u8> {
        let mut packets = self.recorded.packets.clone();
        for copy in 1..COPIES {
            // The golden ratio spreads them.
            let later = (APART as f64 * (copy as f64 * 0.618_033_988_75).fract()) as u64;
            let of_copy = self.recorded.packets.iter().filter_map(|packet| {
                let link = self.recorded.interfaces[packet.interface as usize].link;
                let at = ip_at(link, &packet.bytes)?;
                let mut packet = Packet { time: packet.time + later, ..packet.clone() };
                layers(&packet.bytes, at)?;
                self.rewrite(&mut packet.bytes, at, copy);
                Some(packet)
            });
            packets.extend(of_copy);
        }
        packets.sort_by_key(|packet| packet.time);
        self.recorded.file(&packets)
    }
}

/// What is said of the crowd and not of the few, if anything.
fn difference(path: &Path) -> Option<String> {
    let crowd = Crowd::of(Recorded::read(path));
    let few = report(crowd.recorded.file(&crowd.recorded.packets));
    let many = report(crowd.multiplied());
    let name = &crowd.recorded.name;
    assert!(many.traffic.transactions > few.traffic.transactions * 3, "{name}");
    let (few, many) = (&few.verdict, &many.verdict);
    let known = OTHERWISE
        .iter()
        .any(|(case, cause, _)| name.starts_with(case) && many.root_cause == *cause);
    let same = few.root_cause == many.root_cause || known;
    (!same).then(|| {
        format!("{name}: {} becomes {}: {}", few.root_cause, many.root_cause, many.summary)
    })
}

#[test]
fn what_befalls_a_few_clients_is_told_of_many() {
    // A pod sees itself only: with others beside it, it would be another place.
    let of_many = |path: &PathBuf| !path.file_name().unwrap().to_string_lossy().starts_with("pod");
    let paths: Vec<PathBuf> = expecting(|_| true).into_iter().filter(of_many).collect();
    assert!(paths.len() > 100, "few captures were found: {}", paths.len());
    let (next, seen) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    seen.lock().unwrap().extend(difference(path));
                }
            });
        }
    });
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    assert!(seen.is_empty(), "{} of {}:\n  {}\n", seen.len(), paths.len(), seen.join("\n  "));
}
