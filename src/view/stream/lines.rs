//! The lines that are no transactions. The order of fields is that of keys.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::live::Look;
use crate::model::Span;
use crate::report::{DnsMessages, Document, Latency};
use crate::transactions;
use crate::verdict::{Finding, Severity, Status};
use crate::view::glance::{Before, Gauge, Place, gauges};

/// A length of time in thousandths of a second.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What the stream is.
#[derive(Serialize)]
pub(super) struct Start<'a> {
    schema: &'static str,
    transactions: &'static str,
    version: &'static str,
    interfaces: &'a str,
    filter: Option<&'a str>,
    query_timeout_ms: u64,
}

impl<'a> Start<'a> {
    pub(super) fn new(place: &'a Place, query_timeout: Span) -> Start<'a> {
        Start {
            schema: super::SCHEMA,
            transactions: transactions::SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            interfaces: &place.interfaces,
            filter: Some(place.filter.as_str()).filter(|filter| !filter.is_empty()),
            query_timeout_ms: query_timeout.as_micros() / 1_000,
        }
    }
}

/// Something that whoever captures should know.
#[derive(Serialize)]
pub(super) struct Warning<'a> {
    pub(super) text: &'a str,
}

/// A finding that is new, says something else, or is gone.
#[derive(Serialize)]
pub(super) struct Changed<'a> {
    pub(super) change: &'static str,
    pub(super) elapsed_ms: u64,
    pub(super) finding: &'a Finding,
}

/// The report.
#[derive(Serialize)]
pub(super) struct Last<'a> {
    pub(super) report: &'a Document,
}

/// Counters since the beginning, rates since the line before.
#[derive(Serialize)]
pub(super) struct Interval<'a> {
    elapsed_ms: u64,
    status: Status,
    root_cause: &'static str,
    severity: Severity,
    confidence: f64,
    summary: &'a str,
    packets: u64,
    bytes: u64,
    dns: DnsMessages,
    transactions: u64,
    answered: u64,
    unanswered: u64,
    pending: u64,
    late: u64,
    retransmissions: u64,
    rcodes: &'a BTreeMap<String, u64>,
    latency_us: Latency,
    packets_per_second: f64,
    questions_per_second: f64,
    answers_per_second: f64,
    resolver_pps: Vec<Rate>,
    dropped_by_kernel: Option<u64>,
    dropped_by_dnspect: u64,
    state_evicted: u64,
}

/// One ENI and its limit.
#[derive(Serialize)]
struct Rate {
    sender: String,
    now: u64,
    peak: u64,
    seconds_over_limit: u64,
    limit: u64,
}

impl<'a> Interval<'a> {
    pub(super) fn new(look: &'a Look, before: &mut Before) -> Interval<'a> {
        let Document { verdict, traffic, capture, .. } = &look.document;
        let pace = before.pace(look.elapsed, &look.document);
        let rounded = |rate: f64| (rate * 10.0).round() / 10.0;
        let rate = |gauge: Gauge| Rate {
            sender: gauge.sender,
            now: gauge.now,
            peak: gauge.peak,
            seconds_over_limit: gauge.over,
            limit: gauge.limit,
        };
        let analysed = &look.analysed;
        let rates = gauges(&analysed.aggregate, &look.document, analysed.quality.last);
        Interval {
            elapsed_ms: millis(look.elapsed),
            status: verdict.status,
            root_cause: verdict.root_cause,
            severity: verdict.severity,
            confidence: verdict.confidence,
            summary: &verdict.summary,
            packets: capture.packets,
            bytes: capture.bytes,
            dns: capture.dns,
            transactions: traffic.transactions,
            answered: traffic.answered,
            unanswered: traffic.unanswered,
            pending: traffic.pending_at_end,
            late: traffic.late,
            retransmissions: traffic.retransmissions,
            rcodes: &traffic.rcodes,
            latency_us: traffic.latency_us,
            packets_per_second: rounded(pace.packets),
            questions_per_second: rounded(pace.questions),
            answers_per_second: rounded(pace.answers),
            resolver_pps: rates.into_iter().map(rate).collect(),
            dropped_by_kernel: capture.dropped_by_kernel,
            dropped_by_dnspect: capture.dropped_by_dnspect,
            state_evicted: capture.state_evicted,
        }
    }
}
