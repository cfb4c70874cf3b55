//! From the options to the file and its truth.

use std::io::Write;

use anyhow::Result;
use clap::Parser;

use super::attack::Attack;
use super::forge;
use super::lookup::Kubernetes;
use super::noise::Noise;
use super::options::{Options, Profile};
use super::output::Output;
use super::random::Random;
use super::schedule::{Schedule, Time};
use super::truth::Truth;
use super::wire::Wire;

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

/// A capture in memory: `options` as on the command line.
pub fn capture(options: &str) -> Result<Vec<u8>> {
    let words = ["workload", "--output", "-"].into_iter().chain(options.split_whitespace());
    Ok(write(&Options::try_parse_from(words)?, Vec::new())?.0)
}

/// Writes the capture to `out`, and says what is in it.
pub fn write<W: Write>(options: &Options, out: W) -> Result<(W, serde_json::Value)> {
    let link = options.link();
    let mut output = Output::new(out, options)?;
    let mut random = Random::new(options.seed);
    let mut foreign = Noise::new(link, &mut random);
    let mut wire = Wire::new(Schedule::new(options.unit()), random, options.copies);
    let mut traffic = match options.profile {
        Profile::Kubernetes => Traffic::Kubernetes(Box::new(Kubernetes::new(options, &mut wire))),
        Profile::Attack => Traffic::Attack(Attack::new(options)),
    };
    let mut truth = Truth::new(options.tells_interfaces());

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
