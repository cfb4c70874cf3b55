//! The verdict over full tables: 8,192 clients that each ask four servers, or four that ask as many, whatever
//! becomes of it. A live capture makes one again and again; a cause that goes through all pairs for each of
//! them shows here.

// A benchmark that cannot be set up has nothing to say.
#![allow(clippy::expect_used)]

#[path = "../tests/forge/mod.rs"]
mod forge;
#[path = "packets/mod.rs"]
mod packets;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnspect::config::Config;
use dnspect::transactions::Sinks;
use dnspect::{judge, observe};

use forge::{A, Capture, Link, NOERROR, Packet, SERVFAIL, ms, query, response, us};

const MANY: u64 = 8192;
const FEW: u64 = 4;

/// What becomes of the questions of a pair.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    Failed,
    Refused,
    /// The host is gone.
    Unreachable,
    /// Sent on to a backend that nobody else is sent to, and refused there.
    Astray,
    Lost,
    /// Every other server never answers anybody, and every other client was not told to ask it.
    Misled,
}

/// A capture in which so many clients ask each of so many servers, are answered once and get this from then on.
fn crowd(clients: u64, servers: u64, fate: Fate) -> Vec<u8> {
    let mut capture = Capture::new(Link::Ethernet);
    // A server serves a client that has eight answers of it, a silence is one from the third question on.
    let rounds = if matches!(fate, Fate::Misled) { 9 } else { 3 };
    for round in 0..rounds {
        for pair in 0..clients * servers {
            let (client, server) = (pair / servers, pair % servers);
            let is_silent = matches!(fate, Fate::Misled) && server % 2 == 1;
            if is_silent && client % 2 == 1 {
                continue;
            }
            let port = 20_000 + round * 1_000 + pair % 997;
            let from = format!("10.{}.{}.9:{port}", 16 + client / 256, client % 256);
            let to = format!("10.96.{}.{}:53", server / 256, server % 256);
            let name = format!("cart-{client}.shop.svc.cluster.local");
            let asked = query(name.as_str(), A).id(pair as u16);
            let question = Packet::udp(from.as_str(), to.as_str(), asked.encode());
            let answer = |rcode| {
                let told = response(&asked).rcode(rcode).encode();
                Packet::udp(to.as_str(), from.as_str(), told)
            };
            let backend = format!("10.{}.{}.1:53", 100 + pair / 250, pair % 250);
            let astray = question.dnat(backend.as_str());
            let back = match fate {
                Fate::Misled => (!is_silent).then(|| answer(NOERROR)),
                _ if round == 0 => Some(answer(NOERROR)),
                Fate::Answered => Some(answer(NOERROR)),
                Fate::Failed => Some(answer(SERVFAIL)),
                Fate::Refused => Some(Packet::port_unreachable(&question)),
                Fate::Unreachable => Some(Packet::icmp_error("10.0.0.1:53", (3, 1), &question)),
                Fate::Astray => Some(Packet::port_unreachable(&astray)),
                Fate::Lost => None,
            };
            capture.after(us(100)).packet(&question);
            if matches!(fate, Fate::Astray) && round > 0 {
                capture.after(us(10)).packet(&astray);
            }
            if let Some(back) = back {
                capture.after(us(50)).packet(&back);
            }
        }
        capture.after(ms(3_000));
    }
    capture.pcap()
}

fn verdict(criterion: &mut Criterion) {
    let config = Config::default();
    let mut group = criterion.benchmark_group("verdict");
    group.throughput(Throughput::Elements(MANY * FEW)).sample_size(10);
    let fates = [
        ("answered", Fate::Answered),
        ("failed", Fate::Failed),
        ("refused", Fate::Refused),
        ("unreachable", Fate::Unreachable),
        ("astray", Fate::Astray),
        ("lost", Fate::Lost),
        ("misled", Fate::Misled),
    ];
    for (ends, clients, servers) in [("clients", MANY, FEW), ("servers", FEW, MANY)] {
        for (name, fate) in fates {
            let source = packets::open(&crowd(clients, servers, fate), 1);
            let sinks = Sinks { file: None, listener: None };
            let analysed = observe(&*source, &config, sinks, &mut |_| {}).expect("it is a capture");
            group.bench_function(format!("{ends}/{name}"), |bencher| {
                bencher.iter(|| judge(&analysed, &config));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, verdict);
criterion_main!(benches);
