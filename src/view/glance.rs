//! What a screen shows: plain values, made from a look and from what was heard of transactions.

use std::collections::BTreeMap;
use std::time::Duration;

use hashbrown::HashMap;

use super::counts::Tally;
use super::failures::Failure;
use super::seen::Seen;
use crate::aggregate::Aggregate;
use crate::live::Look;
use crate::model::{Address, Span, Timestamp, display_name};
use crate::report::{Capture, Document, Traffic};
use crate::verdict::{Finding, Verdict};

/// Bins of the timeline that are kept for the history: wider than any screen.
const HISTORY: usize = 512;

/// Where it is captured, and what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Interfaces, and the namespace if it is another one.
    pub interfaces: String,
    /// The filter of the user; empty without one.
    pub filter: String,
}

/// What was counted up to the look before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    elapsed: Duration,
    packets: u64,
    questions: u64,
    answers: u64,
}

/// Rates between two looks, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Packets.
    pub packets: f64,
    /// Questions.
    pub questions: f64,
    /// Answers.
    pub answers: f64,
}

/// One ENI and its limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// Interface, or address.
    pub sender: String,
    /// Packets in the last second.
    pub now: u64,
    /// Most in any one second.
    pub peak: u64,
    /// The limit.
    pub limit: u64,
    /// Seconds over it.
    pub over: u64,
}

/// Whom or what a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A client or a server.
    Address(Address),
    /// A QNAME, case-folded, in wire form.
    Name(Box<[u8]>),
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whom or what it is about.
    pub key: Key,
    /// Its counts.
    pub tally: Tally,
}

/// All that a screen shows.
#[derive(Clone, Debug)]
pub struct Glance {
    /// Where it is captured.
    pub place: Place,
    /// Since it began.
    pub elapsed: Duration,
    /// The sum.
    pub verdict: Verdict,
    /// Most important first, normal ones last.
    pub findings: Vec<Finding>,
    /// DNS in numbers.
    pub traffic: Traffic,
    /// The capture in numbers.
    pub capture: Capture,
    /// Rates since the look before.
    pub pace: Pace,
    /// Questions and losses by the time at which they were asked, the latest last.
    pub history: Vec<(u32, u32)>,
    /// What each of these spans.
    pub step: Span,
    /// Packets to link-local services and the VPC resolver, by ENI.
    pub gauges: Vec<Gauge>,
    /// Clients.
    pub clients: Vec<Row>,
    /// Servers.
    pub servers: Vec<Row>,
    /// Names.
    pub names: Vec<Row>,
    /// Names that were forgotten.
    pub forgotten: u64,
    /// The last failures, the latest first.
    pub failures: Vec<Failure>,
    /// What addresses belong to.
    pub owners: BTreeMap<String, String>,
}

impl Row {
    /// The name or the address, with its owner; nothing of it acts on a terminal.
    pub fn label(&self, owners: &BTreeMap<String, String>) -> String {
        match &self.key {
            Key::Name(wire) => display_name(wire),
            Key::Address(address) => {
                let address = address.to_string();
                match owners.get(&address) {
                    Some(owner) => format!("{address} {owner}"),
                    None => address,
                }
            }
        }
    }
}

impl Before {
    pub(super) fn pace(&mut self, elapsed: Duration, document: &Document) -> Pace {
        let (packets, traffic) = (document.capture.packets, &document.traffic);
        let now =
            Before { elapsed, packets, questions: traffic.transactions, answers: traffic.answered };
        let span = elapsed.saturating_sub(self.elapsed).as_secs_f64().max(0.001);
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / span;
        let pace = Pace {
            packets: rate(now.packets, self.packets),
            questions: rate(now.questions, self.questions),
            answers: rate(now.answers, self.answers),
        };
        *self = now;
        pace
    }
}

impl Glance {
    /// What there is to see of a look.
    pub fn new(look: &Look, place: &Place, before: &mut Before, seen: &Seen) -> Glance {
        seen.overdue(&look.overdue);
        let Look { document, analysed, elapsed, overdue, .. } = look;
        let heard = seen.heard();
        let mut names: HashMap<&[u8], Tally, foldhash::fast::RandomState> =
            heard.names.iter().map(|(name, tally)| (&**name, *tally)).collect();
        // Their transactions are not settled yet.
        for asked in overdue.iter().filter(|asked| !asked.name.is_empty()) {
            let tally = names.entry(&*asked.name).or_default();
            tally.questions += 1;
            tally.lost += 1;
        }
        let names = names.into_iter();
        let mut bins: Vec<(u32, u32)> =
            document.timeline.bins().map(|(_, bin)| (bin.asked, bin.unanswered)).collect();
        bins.drain(..bins.len().saturating_sub(HISTORY));
        let aggregate = &analysed.aggregate;
        Glance {
            place: place.clone(),
            elapsed: *elapsed,
            verdict: document.verdict.clone(),
            findings: document.findings.clone(),
            traffic: document.traffic.clone(),
            capture: document.capture.clone(),
            pace: before.pace(*elapsed, document),
            history: bins,
            step: document.timeline.width(),
            gauges: gauges(aggregate, document, analysed.quality.last),
            clients: clients(aggregate, |address| heard.clients.get(&address).copied()),
            servers: servers(aggregate, |address| heard.servers.get(&address).copied()),
            names: names.map(|(name, tally)| Row { key: Key::Name(name.into()), tally }).collect(),
            forgotten: heard.names.forgotten,
            failures: heard.failures.latest_first().cloned().collect(),
            owners: document.names.clone(),
        }
    }
}

/// The rows of the report with what there was in the last second.
pub(super) fn gauges(
    aggregate: &Aggregate,
    document: &Document,
    last: Option<Timestamp>,
) -> Vec<Gauge> {
    let rows = aggregate.following.rates.rows();
    let told = document.traffic.resolver_pps.iter().zip(rows);
    let mut gauges: Vec<Gauge> = told
        .map(|(rate, row)| Gauge {
            sender: rate.interface.clone().or_else(|| rate.source.clone()).unwrap_or_default(),
            now: last.map_or(0, |last| row.lately(last)),
            peak: rate.peak,
            limit: rate.limit,
            over: rate.seconds_over_limit,
        })
        .collect();
    gauges.sort_by_key(|gauge| std::cmp::Reverse((gauge.now, gauge.peak)));
    gauges
}

/// The sums know questions and losses, as they are now; latency is heard of.
fn row(address: Address, counted: Tally, heard: Option<Tally>) -> Row {
    let heard = heard.unwrap_or_default();
    let tally = Tally { answered: heard.answered, delays_us: heard.delays_us, ..counted };
    Row { key: Key::Address(address), tally }
}

fn clients(aggregate: &Aggregate, heard: impl Fn(Address) -> Option<Tally>) -> Vec<Row> {
    let mut sums: HashMap<Address, Tally, foldhash::fast::RandomState> = HashMap::default();
    for pair in aggregate.counting.pairs.iter() {
        let sum = sums.entry(pair.client).or_default();
        let all = pair.all();
        sum.questions += all.sent;
        sum.lost += all.unanswered;
        sum.failed += all.servfail;
    }
    sums.into_iter().map(|(address, sum)| row(address, sum, heard(address))).collect()
}

fn servers(aggregate: &Aggregate, heard: impl Fn(Address) -> Option<Tally>) -> Vec<Row> {
    let rows = aggregate.counting.servers.iter().map(|server| {
        let (questions, lost) = (server.asked, server.unanswered);
        let sum = Tally { questions, lost, failed: server.servfail, ..Tally::default() };
        row(server.address, sum, heard(server.address))
    });
    rows.collect()
}
