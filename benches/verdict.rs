//! The verdict over full tables: 8,192 clients that each ask four servers, whatever becomes of it. A live
//! capture makes one again and again; a cause that goes through all pairs for each of them shows here.

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

const CLIENTS: u64 = 8192;
const SERVERS: u64 = 4;

/// What becomes of the questions of a pair.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    Failed,
    Refused,
    Lost,
}

/// A capture in which each client asks each server three times, and gets this on the last two.
fn crowd(fate: Fate) -> Vec<u8> {
    let mut capture = Capture::new(Link::Ethernet);
    for round in 0..3 {
        for pair in 0..CLIENTS * SERVERS {
            let (client, server) = (pair / SERVERS, pair % SERVERS);
            let port = 20_000 + round * 1_000 + pair % 997;
            let from = format!("10.{}.{}.9:{port}", 16 + client / 256, client % 256);
            let to = format!("10.96.0.{}:53", 10 + server);
            let asked = query("www.example.com", A).id(pair as u16);
            let question = Packet::udp(from.as_str(), to.as_str(), asked.encode());
            let answer = |rcode| {
                let told = response(&asked).rcode(rcode).encode();
                Packet::udp(to.as_str(), from.as_str(), told)
            };
            let back = match fate {
                _ if round == 0 => Some(answer(NOERROR)),
                Fate::Answered => Some(answer(NOERROR)),
                Fate::Failed => Some(answer(SERVFAIL)),
                Fate::Refused => Some(Packet::port_unreachable(&question)),
                Fate::Lost => None,
            };
            capture.after(us(100)).packet(&question);
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
    group.throughput(Throughput::Elements(CLIENTS * SERVERS)).sample_size(10);
    let fates = [
        ("answered", Fate::Answered),
        ("failed", Fate::Failed),
        ("refused", Fate::Refused),
        ("lost", Fate::Lost),
    ];
    for (name, fate) in fates {
        let source = packets::open(&crowd(fate), 1);
        let sinks = Sinks { file: None, listener: None };
        let analysed = observe(&*source, &config, sinks, &mut |_| {}).expect("it is a capture");
        group.bench_function(name, |bencher| bencher.iter(|| judge(&analysed, &config)));
    }
    group.finish();
}

criterion_group!(benches, verdict);
criterion_main!(benches);
