//! The whole analysis of a capture in memory, from its bytes to the report.

// A benchmark that cannot be set up has nothing to say.
#![allow(clippy::expect_used)]

#[path = "packets/mod.rs"]
mod packets;
#[path = "workload/main.rs"]
mod workload;

use std::num::NonZeroUsize;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dnspect::analyse_blocks;
use dnspect::config::Config;

const PACKETS: u64 = 200_000;

fn pipeline(criterion: &mut Criterion) {
    let options = format!("--packets {PACKETS}");
    let capture = workload::capture(&options).expect("the options are right");
    let mut group = criterion.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(PACKETS)).sample_size(10);
    for threads in [1, 2] {
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        let config = Config { threads, ..Config::default() };
        group.bench_function(format!("{threads} threads"), |bencher| {
            bencher.iter_batched(
                || packets::open(&capture, threads.get()),
                |source| {
                    analyse_blocks(&*source, &config, &mut |_, _, _| {}).expect("it is a capture")
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
