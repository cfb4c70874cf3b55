//! The workload: captures of any size with known contents, for measuring and for checking.
//!
//! ```text
//! cargo run --release --example workload -- --packets 10000000 --seed 10 --output dns10m.pcap
//! ```
//!
//! The same options give the same bytes, on every machine. What is in the file is printed as JSON;
//! [`truth`] defines each number, and the analyser must find exactly them.
//!
//! The default profile is a Kubernetes node: pods by Zipf's law look up names by Zipf's law through
//! search lists, with A and AAAA on one port or two, by a ClusterIP or CoreDNS' own addresses;
//! CoreDNS forwards what it does not know. See [`lookup`]; losses and TCP are in [`exchange`], copies
//! of packets on several interfaces in [`wire`].

// A program has no users of its items but itself, and the benchmarks use only `capture`.
#![allow(unreachable_pub, dead_code)]

mod answers;
mod attack;
mod cluster;
mod exchange;
mod lookup;
mod names;
mod noise;
mod options;
mod output;
mod random;
mod schedule;
mod truth;
mod wire;

#[path = "../../tests/forge/mod.rs"]
mod forge;

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::{Context, Result};
use clap::Parser;

use self::attack::Attack;
use self::lookup::Kubernetes;
use self::noise::Noise;
use self::options::{Options, Profile};
use self::output::Output;
use self::random::Random;
use self::schedule::{Schedule, Time};
use self::truth::Truth;
use self::wire::Wire;

/// Who makes DNS traffic.
enum Traffic {
    Kubernetes(Box<Kubernetes>),
    Attack(Attack),
}

impl Traffic {
    fn play(&mut self, at: Time, wire: &mut Wire) {
        match self {
            Traffic::Kubernetes(profile) => profile.play(at, wire),
            Traffic::Attack(profile) => profile.play(at, wire),
        }
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let path = || format!("writing {}", options.output.display());
    let file = BufWriter::with_capacity(1 << 20, File::create(&options.output).with_context(path)?);
    let (_, truth) = write(&options, file).with_context(path)?;
    let text = serde_json::to_string_pretty(&truth)? + "\n";
    if let Some(path) = &options.truth {
        std::fs::write(path, &text).with_context(|| format!("writing {}", path.display()))?;
    }
    print!("{text}");
    Ok(())
}

/// A capture in memory, for the benchmarks: `options` as on the command line.
pub fn capture(options: &str) -> Result<Vec<u8>> {
    let words = ["workload", "--output", "-"].into_iter().chain(options.split_whitespace());
    Ok(write(&Options::try_parse_from(words)?, Vec::new())?.0)
}

/// Writes the capture, and says what is in it.
fn write<W: Write>(options: &Options, out: W) -> Result<(W, serde_json::Value)> {
    let link = options.link();
    let mut output = Output::new(out, link, options.format, options.snap_length)?;
    let mut random = Random::new(options.seed);
    let mut foreign = Noise::new(link, &mut random);
    let mut wire = Wire::new(Schedule::new(options.unit()), random, options.copies);
    let mut traffic = match options.profile {
        Profile::Kubernetes => Traffic::Kubernetes(Box::new(Kubernetes::new(options, &mut wire))),
        Profile::Attack => Traffic::Attack(Attack::new(options)),
    };
    let mut truth = Truth::default();

    // Nanoseconds between packets, on average; no noise is a next one that never comes.
    let dns_gap = 1e9 / (options.pps() * (1.0 - options.noise));
    let noise_gap = 1e9 / (options.pps() * options.noise);
    let begin = forge::START.as_nanos() as Time;
    let mut next_lookup = begin;
    let mut next_noise = if options.noise > 0.0 { begin } else { Time::MAX };
    while truth.packets < options.packets {
        let now = next_lookup.min(next_noise);
        if next_lookup <= next_noise {
            let before = wire.schedule.scheduled();
            traffic.play(now, &mut wire);
            // The more packets a lookup makes, the longer the pause after it: the rate holds.
            let packets = (wire.schedule.scheduled() - before) as f64;
            next_lookup += (wire.random.exponential() * packets * dns_gap) as Time;
        } else {
            foreign.play(now, &mut wire);
            next_noise += (wire.random.exponential() * noise_gap) as Time;
        }
        let settled = next_lookup.min(next_noise);
        while truth.packets < options.packets
            && let Some((key, item)) = wire.schedule.due(settled)
        {
            let (length, captured) = output.write(key, &item)?;
            truth.count(key, &item, length, captured);
        }
    }
    Ok((output.finish()?, truth.finish(wire.schedule.rest())))
}
