//! The whole analysis of a capture in memory.

// Public for the other files of this test, which is a program of its own.
#![allow(unreachable_pub)]

use std::io::Cursor;
use std::num::NonZeroUsize;

use dnspect::aggregate::{Settings, Totals};
use dnspect::capture::{self, Blocks};
use dnspect::config::Config;
use dnspect::pipeline::{self, Analysed};
use dnspect::report::{self, Document, Traffic};

use crate::forge::Capture;

/// What came out, as the report and as the sums behind it.
pub struct Seen {
    pub traffic: Traffic,
    pub capture: report::Capture,
    pub totals: Totals,
    pub analysed: Analysed,
}

impl Seen {
    /// Transactions, answered, unanswered, pending, retransmissions.
    pub fn matched(&self) -> [u64; 5] {
        let Traffic { transactions, answered, unanswered, pending_at_end, retransmissions, .. } =
            self.traffic;
        [transactions, answered, unanswered, pending_at_end, retransmissions]
    }

    /// Responses beside the first answers: duplicates, orphans, and copies of any packet.
    pub fn others(&self) -> [u64; 3] {
        [self.totals.duplicates, self.traffic.orphan_responses, self.capture.copies]
    }

    /// Answers from somebody who was not asked.
    pub fn strangers(&self) -> u64 {
        let pairs = self.analysed.aggregate.counting.pairs.iter();
        pairs.map(|pair| pair.rare().strangers.count).sum()
    }

    /// Lookups, lookups with search, extra queries.
    pub fn lookups(&self) -> [u64; 3] {
        let search = &self.traffic.search;
        [self.traffic.lookups, search.lookups_with_search, search.extra_queries]
    }

    /// UDP queries and responses, TCP queries and responses.
    pub fn messages(&self) -> [u64; 4] {
        let dns = self.capture.dns;
        [dns.udp_queries, dns.udp_responses, dns.tcp_queries, dns.tcp_responses]
    }
}

/// Analyses a story, written as pcapng so that its interfaces are told apart.
pub fn see(story: &Capture) -> Seen {
    see_bytes(story.pcapng())
}

/// Analyses a file in memory, with one thread.
pub fn see_bytes(bytes: Vec<u8>) -> Seen {
    let config = Config { threads: NonZeroUsize::MIN, ..Config::default() };
    let document: Document =
        dnspect::analyse_blocks(&*open(bytes.clone()), &config, &mut |_, _, _| {}).unwrap();
    let options = pipeline::Options {
        threads: 1,
        ports: config.ports.clone(),
        settings: Settings {
            query_timeout: config.query_timeout,
            pps_limit: config.pps_limit,
            vpc_dns: config.vpc_dns.clone(),
            capacity: config.capacity,
        },
    };
    let analysed = pipeline::run(&*open(bytes), &options, &mut |_, _, _| {}).unwrap();
    let Document { traffic, capture, .. } = document;
    let totals = analysed.aggregate.counting.totals;
    let parts = traffic.answered + traffic.unanswered + traffic.pending_at_end;
    assert_eq!(traffic.transactions, parts + totals.evicted, "what was asked has one end");
    Seen { traffic, capture, totals, analysed }
}

fn open(bytes: Vec<u8>) -> Box<dyn Blocks> {
    let options = capture::Options { threads: 1, ..capture::Options::default() };
    capture::open_reader("story", Box::new(Cursor::new(bytes)), &options).unwrap()
}
