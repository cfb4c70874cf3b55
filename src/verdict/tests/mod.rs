//! What the tests of the causes are told with: a small cluster whose clients look names up, seen from
//! one point of it. [`Story`] (the cluster and the capture) → [`fate`] (what becomes of a question)
//! → [`stub`] (how resolvers go on) → [`Seen`] (what dnspect says to it).

mod answers;
mod background;
mod cluster;
mod confusion;
mod contract;
mod detour;
mod fate;
mod large;
mod named;
mod node_cache;
mod outages;
mod rounds;
mod sockets;
mod story;
mod stub;

pub(crate) use cluster::{Cluster, Known};
pub(crate) use detour::{Detour, Sender};
pub(crate) use fate::{Ask, Maker, Refusal, Reply, Try, What};
pub(crate) use large::{Arrives, Tcp};
pub(crate) use rounds::Round;
pub(crate) use sockets::{Resolver, race};
pub(crate) use story::{Story, View};
pub(crate) use stub::Stub;

use std::fmt::Write;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::{Finding, Status};
use crate::capture;
use crate::config::Config;
use crate::report::Document;

/// Every story is told with each of these seeds, which decide addresses, family, rates, names and delays.
pub(crate) const SEEDS: std::ops::Range<u64> = 1..7;

/// Numbers as they come (SplitMix64): the same for the same seed, everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        (self.next() >> 11) as f64 / ((1_u64 << 53) as f64) < share
    }

    /// A time between, to the microsecond.
    pub(crate) fn span(&mut self, low: Duration, high: Duration) -> Duration {
        Duration::from_micros(self.between(low.as_micros() as u64, high.as_micros() as u64))
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.between(0, all.len() as u64 - 1) as usize]
    }
}

impl Finding {
    /// Its confidence in whole percent.
    pub(crate) fn percent(&self) -> u64 {
        (self.confidence * 100.0).round() as u64
    }
}

/// What dnspect says to a capture.
pub(crate) struct Seen(pub(crate) Document);

impl Seen {
    /// Analyses a file in memory, with one thread.
    pub(crate) fn of(file: Vec<u8>) -> Seen {
        Seen::with(file, &Config::default())
    }

    pub(crate) fn with(file: Vec<u8>, config: &Config) -> Seen {
        let config = Config { threads: NonZeroUsize::MIN, ..config.clone() };
        let options = capture::Options { threads: 1, ..capture::Options::default() };
        let source = capture::open_reader("story", Box::new(Cursor::new(file)), &options).unwrap();
        let document = crate::analyse_blocks(&*source, &config, &mut |_, _, _| {}).unwrap();
        // What is considered beside a finding is called by its code as well.
        for other in document.findings.iter().flat_map(|finding| &finding.alternatives) {
            assert!(super::causes::find(&other.cause).is_some(), "{}", other.cause);
        }
        Seen(document)
    }

    pub(crate) fn root(&self) -> &str {
        self.0.verdict.root_cause
    }

    pub(crate) fn status(&self) -> Status {
        self.0.verdict.status
    }

    pub(crate) fn find(&self, cause: &str) -> Option<&Finding> {
        self.0.findings.iter().find(|finding| finding.cause == cause)
    }

    /// Findings that are faults.
    pub(crate) fn faults(&self) -> Vec<&str> {
        self.0.findings.iter().filter(|f| !f.normal).map(|f| f.cause).collect()
    }

    /// The finding, which has to be the root cause.
    #[track_caller]
    pub(crate) fn is(&self, cause: &str) -> &Finding {
        assert_eq!(self.root(), cause, "{}", self.words());
        self.find(cause).unwrap()
    }

    #[track_caller]
    pub(crate) fn has(&self, cause: &str) -> &Finding {
        self.find(cause).unwrap_or_else(|| panic!("no {cause}: {}", self.words()))
    }

    #[track_caller]
    pub(crate) fn has_not(&self, cause: &str) {
        assert!(self.find(cause).is_none(), "{cause}: {}", self.words());
    }

    /// Nothing but normal findings, and enough seen to say so.
    #[track_caller]
    pub(crate) fn is_healthy(&self) {
        assert!(self.status() == Status::Healthy && self.faults().is_empty(), "{}", self.words());
    }

    /// The report in a few lines, for a test that fails.
    pub(crate) fn words(&self) -> String {
        let verdict = &self.0.verdict;
        let mut words = format!("{:?} {}\n", verdict.status, verdict.summary);
        for finding in &self.0.findings {
            let _ =
                writeln!(words, "  {} {} {}", finding.cause, finding.confidence, finding.summary);
            for evidence in &finding.evidence {
                let _ = writeln!(words, "    {}: {}", evidence.metric, evidence.text);
            }
        }
        let traffic = &self.0.traffic;
        words + &format!("  {traffic:?}\n")
    }
}
