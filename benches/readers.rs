//! Readers: a capture in memory to blocks of records.

// A benchmark that cannot be set up has nothing to say.
#![allow(clippy::expect_used)]

#[path = "packets/mod.rs"]
mod packets;
#[path = "workload/main.rs"]
mod workload;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dnspect::capture::Block;

const PACKETS: u64 = 50_000;

fn generated(format: &str) -> Vec<u8> {
    let options = format!("--packets {PACKETS} --format {format}");
    workload::capture(&options).expect("the options are right")
}

#[cfg(feature = "compressed")]
fn compressed(capture: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(capture).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

fn readers(criterion: &mut Criterion) {
    let pcap = generated("pcap");
    #[cfg(feature = "compressed")]
    let gzip = ("gzip", compressed(&pcap));
    let captures = [
        ("pcap", pcap),
        ("pcapng", generated("pcapng")),
        #[cfg(feature = "compressed")]
        gzip,
    ];
    let mut group = criterion.benchmark_group("reader");
    group.throughput(Throughput::Elements(PACKETS));
    for (name, capture) in &captures {
        let mut block = Block::default();
        group.bench_function(*name, |bencher| {
            let open = || packets::open(capture, 1);
            bencher.iter_batched(
                open,
                |source| {
                    let mut records = 0;
                    while source.fill(&mut block) {
                        records += black_box(&block.records).len();
                    }
                    assert_eq!(records as u64, PACKETS);
                    source
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, readers);
criterion_main!(benches);
