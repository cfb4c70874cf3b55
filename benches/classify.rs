//! Lookups: search walks of many clients, put together from their questions and answers.

// A benchmark that cannot be set up has nothing to say.
#![allow(clippy::expect_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnspect::classify::{Lookups, Outcome, Question};
use dnspect::model::{Capacity, Name, NameHasher, Span, Timestamp, qtype};

/// The search list of a pod, and the name as it is.
const SUFFIXES: [&str; 5] = [
    ".default.svc.cluster.local",
    ".svc.cluster.local",
    ".cluster.local",
    ".eu-central-1.compute.internal",
    "",
];

const NAMES: usize = 500;
const CLIENTS: u32 = 1_000;

/// The names that a walk asks for, with their hashes.
fn walks(hasher: &NameHasher) -> Vec<[(Name, u64); 5]> {
    let walk = |number: usize| {
        SUFFIXES.map(|suffix| {
            let name =
                Name::from_text(&format!("api{number}.shop{}.example.com{suffix}", number % 40));
            let hash = hasher.hash(&name.0);
            (name, hash)
        })
    };
    (0..NAMES).map(walk).collect()
}

fn lookups(criterion: &mut Criterion) {
    let hasher = NameHasher::random();
    let walks = walks(&hasher);
    let mut lookups = Lookups::new(Capacity::default(), hasher);
    let (mut number, mut now) = (0_usize, Timestamp(0));
    let mut group = criterion.benchmark_group("classify");
    // Both families of five steps: questions a walk.
    group.throughput(Throughput::Elements(2 * SUFFIXES.len() as u64));
    group.bench_function("search walk", |bencher| {
        bencher.iter(|| {
            let client = (number.wrapping_mul(2_654_435_761) % CLIENTS as usize) as u32;
            for (step, (name, name_hash)) in walks[number % NAMES].iter().enumerate() {
                let last = step + 1 == SUFFIXES.len();
                let outcome = if last { Outcome::Answered } else { Outcome::NxDomain };
                let places = [qtype::A, qtype::AAAA].map(|qtype| {
                    now = now.plus(Span::from_micros(5));
                    let (name, name_hash, time) = (&name.0, *name_hash, now);
                    let question = Question {
                        client,
                        name,
                        name_hash,
                        qtype,
                        time,
                        frame: 1,
                        socket: 0,
                        server: 0,
                    };
                    (
                        qtype,
                        lookups.asked(&question, &mut |ended| {
                            black_box(ended.steps);
                        }),
                    )
                });
                now = now.plus(Span::from_micros(300));
                for (qtype, (slot, generation)) in places {
                    lookups.answered(slot, generation, *name_hash, qtype, outcome, now);
                }
            }
            number += 1;
        });
    });
    group.finish();
}

criterion_group!(benches, lookups);
criterion_main!(benches);
