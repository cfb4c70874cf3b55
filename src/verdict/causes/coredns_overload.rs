//! Latency and loss rise with the load at the cluster DNS, names of the cluster too.

use crate::aggregate::{Pair, Period, ServerLoad};
use crate::model::{Address, Span};
use crate::verdict::addresses::holds;
use crate::verdict::load::{Side, parted, whole};
use crate::verdict::{Cause, Facts, Finding, Place, Scope, Severity, filter, words};

mod describe;

/// Names of the cluster settled in the busy time, and in the quiet time, to compare them.
const COMPARED: u64 = 20;

/// And where there is no quiet time to compare with.
const ALONE: u64 = 50;

/// Busy is at least so many times the quiet rate: less is the same load.
const BUSIER: f64 = 1.5;

/// 95 % of the answers from memory come within 50 ms, whatever the load, or the server cannot follow.
const SLOW_SHARE: f64 = 0.05;

/// And the 95 % of the busy time are so many times those of the quiet time.
const SLOWER: i64 = 10;

/// Loss in the busy time: a tenth of this is what UDP loses anyway.
const LOST_SHARE: f64 = 0.02;

/// That is so many losses at least,
const LOSSES: u32 = 6;

/// and so many times the share of the quiet time.
const LOSSIER: f64 = 5.0;

/// So few that the quiet time would have had of them, at the same share, may be missing by chance.
const MISSED: f64 = 5.0;

/// What a server loses has waited in a full queue, as has what it answers beside. A receive buffer
/// (212,992 octets, some 280 queries) is drained by a fast server in less: what overflows then is a
/// burst of a client's, over in milliseconds.
const FULL_QUEUE: Span = Span::from_millis(20);

/// And these wait so many times as long as in the quiet time.
const QUEUED: i64 = 5;

/// Trouble for so long is no burst, no garbage collection and no start of a process.
const LASTING: Span = Span::from_secs(1);

/// A server that answers nothing for so long, and for so much of the bad time, hangs or is gone: what
/// it answers when it goes on is late, whatever the load.
const HANGS: Span = Span::from_secs(2);
const HANGING_SHARE: f64 = 0.5;

/// Where latencies are a distance, they are alike. Of a queue, the slowest wait so many times as long
/// as the fastest.
const UNEVEN: i64 = 4;

/// A server of several that has this share of the questions is a hot spot.
const HOT_SPOT: f64 = 0.7;

/// A loss of this share, or such latencies, are felt in most lookups.
const HEAVY_LOSS: f64 = 0.1;
const HEAVY_DELAY: Span = Span::from_secs(1);

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "coredns_overload",
    category: "coredns_overload",
    normal: false,
    title: "Latency and loss rise with the load at the cluster DNS, cluster names too",
    meaning: "CoreDNS gets more questions than it can answer with the processor time that it has: too \
        few replicas, a low CPU limit (the kernel deals it out every 100 ms, and CoreDNS stands still in \
        between), a crowded node, or all questions on one replica. Names of the cluster, which it \
        answers from memory in well under a millisecond, become slow as well; then its receive buffer \
        is full and queries are lost in silence. Clients ask again, which adds to the load.\n\nOne \
        CoreDNS with two processors answers some 30,000 such questions a second; with the 100 millicores \
        that manifests request it may be a few thousand.",
    signature: "Names of the cluster at one server: more than 5 % of the answers take longer than 50 ms, \
        and 95 % take ten times as long as in its quieter time; or at least 2 % are lost, five times as \
        often as in its quieter time, while those that are answered wait for 20 ms and more. Quieter \
        means two thirds of the rate or less. For one second at least. Where all the time is alike, \
        more than 5 % over 50 ms, with latencies that are uneven or with losses.",
    look_alikes: &[
        ("upstream_slow", "only names outside the cluster are slow"),
        (
            "vpc_dns_pps_exceeded",
            "the VPC resolver, not CoreDNS; answers go on at a flat 1024 a second",
        ),
        ("random_loss", "losses come at any load, and what is answered is answered quickly"),
        ("coredns_backend_gone", "the server answers nothing any more, or nothing for seconds"),
        ("a burst of one client", "over in milliseconds: its packets overflow a receive buffer"),
        ("a long way", "all answers take the same time, and none is lost"),
    ],
    vantage: "The DNS server's side (its pod, its node) shows that queries arrive and are answered late \
        or never; from a pod the way between cannot be excluded.",
    immediate: "Scale CoreDNS out: kubectl -n kube-system scale deployment coredns --replicas=N; \
        raise or remove its CPU limit; stop the client that asks most, if it stands out.",
    long_term: "Autoscale CoreDNS with the cluster (the larger of nodes/16 and cores/256), spread the \
        replicas over nodes, run NodeLocal DNSCache, lower ndots for pods that ask external names, alert \
        on coredns_dns_request_duration_seconds and on CPU throttling.",
    confirm: &[
        "kubectl -n kube-system top pods -l k8s-app=kube-dns",
        "kubectl -n kube-system get deployment coredns -o jsonpath='{.spec.replicas} \
         {.spec.template.spec.containers[0].resources}'",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=200",
    ],
    detect,
};

/// A server that cannot follow.
struct Overload<'a> {
    row: &'a ServerLoad,
    /// Its quiet time; none where all the time is alike.
    quiet: Option<Side>,
    /// Its busy time, or all.
    busy: Side,
}

impl Overload<'_> {
    fn damage(&self) -> u64 {
        u64::from(self.busy.load.slow + self.busy.load.lost)
    }
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    if facts.one_sided() {
        return None;
    }
    let mut overloaded: Vec<Overload<'_>> =
        servers(facts).into_iter().filter_map(overload).collect();
    let all: Vec<Address> = overloaded.iter().map(|one| one.row.address).collect();
    // A cache on the node is as slow as the servers behind it.
    let asks = |cache: Address| {
        let mut legs = facts.pairs_of(cache).filter(|pair| !facts.asks_for_itself(pair));
        legs.any(|leg| all.contains(&leg.server))
    };
    overloaded.retain(|one| !asks(one.row.address));
    let worst = overloaded.iter().max_by(|a, b| a.busy.bad().total_cmp(&b.busy.bad()))?;
    let addresses: Vec<Address> = overloaded.iter().map(|one| one.row.address).collect();
    let period = Period::of(overloaded.iter().map(|one| one.busy.bad));
    let with_load = overloaded.iter().any(|one| one.quiet.is_some());
    let at_server = facts.vantage().place == Place::Server;
    let confidence = match (at_server, with_load) {
        (true, true) => 0.85,
        (true, false) => 0.8,
        (false, true) => 0.75,
        // Whatever else makes the way slow is not excluded.
        (false, false) => 0.6,
    };
    let heavy =
        overloaded.iter().any(|one| one.busy.lost() >= HEAVY_LOSS || one.busy.p95() >= HEAVY_DELAY);
    let severity = if heavy { Severity::High } else { Severity::Medium };
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), period)
        .about(Scope { servers: Facts::list(&addresses), ..Scope::default() })
        .explaining(overloaded.iter().map(Overload::damage).sum())
        .saying(format!(
            "{} cannot follow {}: names of the cluster, answered from memory, take up to {} (95 %){}, at \
             {:.0} questions a second{}.",
            filter::words(&addresses),
            filter::verb(&addresses, "its load", "their load"),
            describe::millis(worst.busy.p95()),
            describe::losing(&worst.busy),
            worst.busy.rate,
            match &worst.quiet {
                Some(quiet) => {
                    format!("; at {:.0}, {}", quiet.rate, describe::millis(quiet.p95()))
                }
                None => ", all the time".to_owned(),
            }
        ));
    for one in overloaded.iter().take(describe::SERVERS) {
        finding = finding.shown_by(describe::server(one));
    }
    for evidence in describe::beside(facts, &overloaded) {
        finding = finding.shown_by(evidence);
    }
    finding = finding
        .rather_than(
            "upstream_slow",
            "names of the cluster need no upstream, and they are slow too",
        )
        .rather_than("random_loss", "what is answered waits as well: the packets are in a queue");
    if !at_server {
        finding = finding.rather_than(
            "random_loss",
            "a bad way between clients and CoreDNS is not excluded from here: capture in a CoreDNS pod, where the query arrives and its answer leaves",
        );
    }
    Some(finding)
}

/// The load of the clients' own cluster DNS servers: Services left out whose backends are seen, and
/// resolvers that are not of the cluster.
fn servers<'a>(facts: &Facts<'a>) -> Vec<&'a ServerLoad> {
    let rows = facts.aggregate.counting.loads.rows();
    let (services, upstreams) = (facts.services(), facts.upstreams());
    rows.into_iter()
        .filter(|row| !facts.aggregate.following.limited.counts(row.address))
        // Behind a cache on the node, cluster DNS is asked for names of the cluster only.
        .filter(|row| !holds(&upstreams, row.address) || u64::from(row.external.asked) == 0)
        .filter(|row| !holds(&services, row.address))
        .collect()
}

/// Whether a server cannot follow.
fn overload(row: &ServerLoad) -> Option<Overload<'_>> {
    let lasting = |side: &Side| {
        let bins = (LASTING.0 / row.width().0).max(2);
        i64::from(side.bad_bins) >= bins
    };
    let rises = |quiet: &Side, busy: &Side| {
        let slow = busy.slow() > SLOW_SHARE && busy.p95().0 >= SLOWER * quiet.p95().0;
        let lost = busy.lost() >= LOST_SHARE
            && busy.load.lost >= LOSSES
            && busy.lost() >= LOSSIER * quiet.lost()
            && busy.lost() * quiet.settled() as f64 >= MISSED
            && busy.p95() >= FULL_QUEUE
            && busy.p95().0 >= QUEUED * quiet.p95().0;
        quiet.settled() >= COMPARED
            && busy.settled() >= COMPARED
            && busy.load.answered > 0
            && busy.rate >= BUSIER * quiet.rate
            && lasting(busy)
            && (slow || lost)
    };
    if let Some((quiet, busy)) = parted(row, rises) {
        return (!hangs(row, &busy)).then_some(Overload { row, quiet: Some(quiet), busy });
    }
    let all = whole(row);
    let uneven = all.p95().0 >= UNEVEN * all.load.spread.quantile(0.1).0;
    let lossy = all.lost() >= LOST_SHARE && all.load.lost >= LOSSES;
    let throughout = all.settled() >= ALONE && all.slow() > SLOW_SHARE && lasting(&all);
    (throughout && (uneven || lossy) && !hangs(row, &all)).then_some(Overload {
        row,
        quiet: None,
        busy: all,
    })
}

/// Whether the server stood still for most of its bad time.
fn hangs(row: &ServerLoad, side: &Side) -> bool {
    let length =
        |period: Period| if period.any() { period.last.since(period.first) } else { Span::ZERO };
    let (pause, bad) = (length(row.pause), length(side.bad));
    let within =
        pause > Span::ZERO && row.pause.first <= side.bad.last && row.pause.last >= side.bad.first;
    within && pause >= HANGS && pause.as_secs_f64() >= HANGING_SHARE * bad.as_secs_f64()
}

/// Clients' pairs whose questions go to these servers, as far as the capture tells: to them, or to a
/// Service in front of them.
fn asking<'a>(facts: &'a Facts<'_>, servers: &[Address]) -> Vec<&'a Pair> {
    let to = |pair: &&Pair| servers.contains(&pair.server) || pair.translated > 0;
    facts.client_pairs().filter(to).collect()
}

#[cfg(test)]
mod tests;
