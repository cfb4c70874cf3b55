//! The matcher: a question and the answer to an older one, with so many in flight.

// A benchmark that cannot be set up has nothing to say.
#![allow(clippy::expect_used)]

#[path = "packets/mod.rs"]
mod packets;
#[path = "workload/main.rs"]
mod workload;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnspect::decode::message;
use dnspect::matcher::{
    Matcher, Observer, Refusal, Sighting, Stranger, Token, Transaction, Transport, Unwanted,
};
use dnspect::model::{Address, Capacity, Message, NameHasher, PacketMeta, Span, Timestamp};

/// Capture time between two questions: 100,000 a second.
const PACE: Span = Span::from_micros(10);

/// Listens to nothing.
struct Deaf;

impl Observer for Deaf {
    fn opened(&mut self, _: &Sighting<'_>, _: bool) -> Token {
        Token::default()
    }
    fn resent(&mut self, _: &mut Token, _: &Sighting<'_>, _: bool) {}
    fn answered(&mut self, transaction: &Transaction, _: &Sighting<'_>) {
        black_box(transaction.first_frame);
    }
    fn duplicate(&mut self, _: Token, _: &Sighting<'_>, _: bool) {}
    fn unanswered(&mut self, _: &Transaction, _: bool) {}
    fn evicted(&mut self, _: &Transaction) {}
    fn orphan(&mut self, _: &PacketMeta, _: bool) {}
    fn copied(&mut self, _: &mut Token, _: &Sighting<'_>, _: bool) {}
    fn strange(&mut self, _: Token, _: Option<Stranger>) {}
    fn refused(&mut self, _: Option<&Transaction>, _: &PacketMeta, _: Refusal) {}
    fn answer_unwanted(&mut self, _: &PacketMeta, _: Unwanted) {}
}

/// Questions by number: 2,000 clients, ports and IDs that repeat late.
struct Story {
    queries: Vec<(Message, Vec<u8>)>,
    hasher: NameHasher,
}

impl Story {
    /// Has the matcher see a question, or its answer.
    fn show(&self, matcher: &mut Matcher, number: u64, now: u64, response: bool) {
        let (message, bytes) = &self.queries[number as usize % self.queries.len()];
        let mut message = *message;
        message.id = (number / 7) as u16;
        message.flags.0 |= u16::from(response) << 15;
        message.body_hash ^= number;
        let [.., high, low] = (number % 2000).to_be_bytes();
        let mut packet = PacketMeta {
            time: Timestamp(now as i64 * PACE.0),
            frame: now,
            source: Address::from_v4([10, 244, high, low]),
            destination: Address::from_v4([10, 96, 0, 10]),
            source_port: 10_000 + (number / 2000 % 50_000) as u16,
            destination_port: 53,
            ip_id: number as u16 | 1,
            ttl: 64,
            ..PacketMeta::default()
        };
        if response {
            (packet.source, packet.destination) = (packet.destination, packet.source);
            (packet.source_port, packet.destination_port) = (53, packet.source_port);
        }
        let udp = Transport::Udp;
        let sighting = Sighting::new(&packet, udp, &message, bytes, &self.hasher);
        matcher.observe(&sighting, &mut Deaf);
    }
}

fn pairs(criterion: &mut Criterion) {
    let capture = workload::capture("--packets 16000 --tcp 0").expect("the options are right");
    let hasher = NameHasher::random();
    let [queries, _] = packets::messages(&capture);
    let read = |bytes: Vec<u8>| Some((message::parse(&bytes, bytes.len(), &hasher)?, bytes));
    let story = Story { queries: queries.into_iter().filter_map(read).collect(), hasher };
    let mut group = criterion.benchmark_group("matcher/pair");
    group.throughput(Throughput::Elements(1));
    for in_flight in [1_000, 100_000] {
        let mut matcher = Matcher::new(hasher, Span::from_secs(5), Capacity::default());
        let mut next = 0;
        while next < in_flight {
            story.show(&mut matcher, next, next, false);
            next += 1;
        }
        group.bench_function(format!("{in_flight} in flight"), |bencher| {
            bencher.iter(|| {
                story.show(&mut matcher, next, next, false);
                story.show(&mut matcher, next - in_flight, next, true);
                next += 1;
            });
        });
        assert_eq!(matcher.kept().0 as u64, in_flight, "every answer found its question");
    }
    group.finish();
}

criterion_group!(benches, pairs);
criterion_main!(benches);
