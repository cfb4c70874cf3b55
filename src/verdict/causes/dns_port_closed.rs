//! The server host itself says that the port is closed.

use super::firewall_reject::kind_words;
use super::nodelocaldns_down;
use super::servfail_burst::BURST;
use crate::aggregate::{Pair, Period};
use crate::model::Span;
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::refusals::{Together, answered_nobody, dated, refused};
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter};

/// One may be the moment of a restart.
const REFUSALS: u64 = 2;

/// A process is replaced in less.
const MOMENT: Span = Span::from_secs(5);

/// And so few of all questions are refused for it.
const SHARE: f64 = 0.01;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "dns_port_closed",
    category: "coredns_down",
    normal: false,
    title: "The server host itself says that the port is closed, to everybody",
    meaning: "The queries arrive at the DNS server's host, and its kernel answers that nothing \
        listens on the port: the CoreDNS process is down or has not bound the port while its pod \
        and address still live, or the resolver on a host has stopped. A CoreDNS that is stopped \
        without lameduck refuses so, too, until its endpoint is gone.",
    signature: "At least two queries refused with ICMP port unreachable by the \
        server itself: the address behind the DNAT, or the asked address with the TTL that its \
        answers have.",
    look_alikes: &[
        ("firewall_reject", "somebody else refuses, or some clients only"),
        ("kube_dns_no_endpoints", "the node refuses for the Service's address"),
        (
            "coredns_backend_gone",
            "the backend's address is gone as well: silence, or \"host unreachable\" from its node",
        ),
    ],
    vantage: "Anywhere that the server's ICMP passes; behind a DNAT the node (`-i any`) or the \
        server's side is surer than the pod.",
    immediate: "See why the DNS process is not running or not listening, and start it: CoreDNS' \
        pods, their last logs and events.",
    long_term: "Readiness on /ready (port 8181) and `lameduck 30s`, so that a pod without a \
        listening CoreDNS leaves the Service; a PodDisruptionBudget; two replicas on two nodes at \
        least.",
    confirm: &[
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl -n kube-system logs -l k8s-app=kube-dns --previous --tail=100",
        "kubectl -n kube-system get endpointslices -l k8s-app=kube-dns",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let pairs: Vec<&Pair> = facts
        .aggregate
        .counting
        .pairs
        .iter()
        .filter(|pair| refused(facts, pair).closed > 0)
        .filter(|pair| !nodelocaldns_down::explains(facts, pair.server))
        .collect();
    let count: u64 = pairs.iter().map(|pair| refused(facts, pair).closed).sum();
    if count < REFUSALS || is_restart(&pairs, count) {
        return None;
    }
    let Together { clients, servers: asked, silent, period, when, outages, frames, .. } =
        Together::of(&pairs);
    let everybody = pairs.iter().all(|pair| answered_nobody(facts, pair));
    let sure = pairs.iter().any(|pair| pair.rare().closed > 0);
    let confidence = if sure {
        0.85
    } else if everybody {
        0.7
    } else {
        0.6
    };
    // The same clients are served by another backend, where these are asked by their own addresses.
    let heard = |pair: &Pair| pair.heard.any_within(period.first, period.last);
    let elsewhere = clients.iter().any(|&client| {
        facts.pairs_of(client).any(|pair| !holds(&asked, pair.server) && heard(pair))
    });
    let severity = if everybody && !elsewhere { Severity::High } else { Severity::Medium };
    let words = kind_words(pairs[0].rare().reject_kind);
    let reporters =
        sorted(pairs.iter().filter(|pair| pair.rare().closed > 0).map(|pair| pair.rare().reporter));
    let servers = if reporters.is_empty() { asked.clone() } else { reporters };
    let whom = match (everybody, elsewhere) {
        (true, false) => "and it answers nobody meanwhile",
        (true, true) => "and it answers nobody meanwhile, while others are there",
        (false, _) => "while other questions are answered",
    };
    let finding = CAUSE
        .finding(severity, confidence, period)
        .about(Scope::between(&clients, &servers))
        .explaining(count + silent)
        .saying(format!(
            "Nothing listens on the DNS port of {}{when}: the host itself refused {count} queries \
                 with {words}, {whom}.",
            filter::words(&servers)
        ))
        .shown_by(
            Evidence::new(
                "refused_queries",
                count as f64,
                "count",
                format!(
                    "{count} queries to {} were refused with {words} by {}.",
                    filter::words(&asked),
                    filter::words(&servers)
                ),
            )
            .at(frames)
            .filter("icmp.type == 3 || icmpv6.type == 1 || tcp.flags.reset == 1".to_owned()),
        );
    let finding = dated(finding, &outages, &format!("from {}", filter::words(&servers)));
    Some(finding.rather_than(
        "firewall_reject",
        if sure {
            "the ICMP errors come from the server's own address"
        } else {
            "the refusals come from as far away as the server's answers, and are for everybody"
        },
    ))
}

/// Whether it is no more than a process that is replaced: few are refused, for a moment, and answered afterwards, as
/// those that get SERVFAIL at a scale-down.
fn is_restart(pairs: &[&Pair], count: u64) -> bool {
    let period = Period::of(pairs.iter().map(|pair| pair.rare().refusals));
    let sent: u64 = pairs.iter().map(|pair| pair.all().sent).sum();
    let answered_since = |pair: &&Pair| pair.answers.any() && pair.answers.last > period.last;
    count < BURST
        && period.last.since(period.first) <= MOMENT
        && Facts::share(count, sent) < SHARE
        && pairs.iter().all(answered_since)
}

#[cfg(test)]
mod tests;
