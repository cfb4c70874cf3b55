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

use recorded::layers::{ip_at, layers};
use recorded::{Packet, Recorded, each, expecting, report};

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
    let seen = each(&paths, |path| difference(path).into_iter().collect());
    assert!(seen.is_empty(), "{} of {}:\n  {}\n", seen.len(), paths.len(), seen.join("\n  "));
}
