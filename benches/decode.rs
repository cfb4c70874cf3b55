//! Decoding: our summary of a message beside hickory's whole message, and frames per link type.

// A benchmark that cannot be set up has nothing to say.
#![allow(clippy::expect_used)]

#[path = "packets/mod.rs"]
mod packets;
#[path = "workload/main.rs"]
mod workload;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnspect::decode::{detail, frame, message};
use dnspect::model::NameHasher;
use hickory_proto::op::Message;

const LINKS: [&str; 3] = ["ethernet", "sll2", "raw"];

fn messages(criterion: &mut Criterion) {
    let capture = workload::capture("--packets 4000 --tcp 0").expect("the options are right");
    let hasher = NameHasher::random();
    let mut group = criterion.benchmark_group("message");
    for (kind, messages) in ["query", "response"].into_iter().zip(packets::messages(&capture)) {
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(format!("{kind}/summary"), |bencher| {
            bencher.iter(|| {
                for bytes in &messages {
                    black_box(message::parse(black_box(bytes), bytes.len(), &hasher));
                }
            });
        });
        group.bench_function(format!("{kind}/hickory"), |bencher| {
            bencher.iter(|| {
                for bytes in &messages {
                    let _ = black_box(Message::from_vec(black_box(bytes)));
                }
            });
        });
        group.bench_function(format!("{kind}/in full"), |bencher| {
            bencher.iter(|| {
                for bytes in &messages {
                    black_box(detail::describe(black_box(bytes), false));
                }
            });
        });
    }
    group.finish();
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for link in LINKS {
        let options = format!("--packets 4000 --link {link}");
        let capture = workload::capture(&options).expect("the options are right");
        let (link_type, frames) = packets::frames(&capture);
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(link, |bencher| {
            bencher.iter(|| {
                for bytes in &frames {
                    black_box(frame(link_type, black_box(bytes), bytes.len()));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, messages, frames);
criterion_main!(benches);
