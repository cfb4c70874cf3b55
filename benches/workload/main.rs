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
mod generate;
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
use std::io::BufWriter;

use anyhow::{Context, Result};
use clap::Parser;

pub use self::generate::capture;
use self::generate::write;
use self::options::Options;

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
