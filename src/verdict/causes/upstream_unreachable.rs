//! The resolvers' own forwarded queries get nothing back; cluster names are fine.

use super::{fragment_loss, upstream_slow};
use crate::aggregate::{Look, Pair, Period, SampleKind};
use crate::model::{Address, Span};
use crate::verdict::answers;
use crate::verdict::silence::{Sum, by_client, by_server, last_seen};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// A server that gets this share of a forwarder's queries is one of its upstreams. A recursive
/// resolver asks many authoritative servers a little each, and some of them are always silent.
const UPSTREAM_SHARE: f64 = 0.2;

/// Where only the clients' side was captured: this share of the questions for names outside has to
/// come to nothing.
const CLIENT_SIDE_SHARE: f64 = 0.8;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "upstream_unreachable",
    category: "network_policy",
    normal: false,
    title: "The resolvers' own forwarded queries get nothing back; cluster names are fine",
    meaning: "CoreDNS answers names of the cluster from its own data and forwards all others. Its \
        way to the upstream resolvers is cut: an egress NetworkPolicy on kube-system that forgets \
        them, a firewall, a route. Cluster names keep resolving; external ones end in SERVFAIL \
        after 2, 4 or 6 s, or the client gives up first: lookups fail now and then, as it seems.\
        \n\nRestarting or scaling CoreDNS does not help: every replica meets the same wall.",
    signature: "At least three queries of a forwarder to an upstream without any answer or ICMP \
        error, and no answers since; health probes (`. NS`) that stay unanswered too. Where the \
        upstream leg was not captured: external names end in empty SERVFAILs (RA and AA unset) \
        after multiples of 2 s, or in nothing, while cluster names are answered.",
    look_alikes: &[
        ("vpc_dns_pps_exceeded", "the loss is partial and comes with the rate"),
        ("upstream_servfail", "the upstream does answer, with SERVFAIL"),
        ("upstream_slow", "the upstream answers, later than 2 s"),
        ("dns_port_closed", "the upstream refuses with ICMP"),
        ("coredns_overload", "names of the cluster suffer as well"),
    ],
    vantage: "The DNS server's side (CoreDNS pod, its node) shows the upstream leg; from the \
        client's side only the fingerprint of the SERVFAILs shows.",
    immediate: "Allow egress from the CoreDNS pods to the upstream resolvers on UDP and TCP port \
        53: an egress rule with one ipBlock per upstream address in the NetworkPolicy that \
        selects kube-system.",
    long_term: "Write CoreDNS' egress requirements into the policy's documentation, have changes \
        to kube-system policies reviewed by the platform team, add external names to the DNS \
        smoke test, alert on coredns_forward_healthcheck_broken_total.",
    confirm: &[
        "kubectl -n kube-system get networkpolicy -o yaml",
        "kubectl -n kube-system get configmap coredns -o yaml",
        "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=200",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    if facts.one_sided() {
        return None;
    }
    upstream_leg(facts).or_else(|| {
        // An upstream that is seen to answer late, there or in what reaches the clients, is only slow.
        let slow = upstream_slow::CAUSE.detected(facts);
        // And one whose large answers come in part is there.
        let answers = slow || fragment_loss::strikes_upstream(facts);
        (!answers).then(|| client_side(facts)).flatten()
    })
}

/// The upstream leg is in the capture.
pub(super) fn upstream_leg(facts: &Facts<'_>) -> Option<Finding> {
    let forwarders = by_client(facts.upstream_pairs());
    let mut cut: Vec<&Pair> = Vec::new();
    let mut whole = true;
    for forwarder in &forwarders {
        let dead = by_server(forwarder.pairs.iter().copied())
            .into_iter()
            .filter(|server| is_dead_upstream(server, forwarder))
            .flat_map(|server| server.pairs)
            .collect::<Vec<_>>();
        // Another upstream answers: lookups are slow rather than lost.
        let others = forwarder.pairs.iter().filter(|pair| !dead.contains(pair));
        whole &= dead.is_empty() || !others.clone().any(|pair| pair.all.answered >= FEW);
        cut.extend(dead);
    }
    if cut.is_empty() {
        return None;
    }
    let lost = by_server(cut.iter().copied());
    let upstreams: Vec<Address> = lost.iter().map(|server| server.address).collect();
    let resolvers: Vec<Address> =
        by_client(cut.iter().copied()).iter().map(|c| c.address).collect();
    let silent: u64 = cut.iter().map(|pair| pair.silent()).sum();
    let answered: u64 = cut.iter().map(|pair| pair.all.answered).sum();
    let probes: u64 = cut.iter().map(|pair| pair.probes).sum();
    let period = Period::of(cut.iter().map(|pair| pair.losses));
    let elsewhere = answered_elsewhere(facts, &upstreams, &resolvers, period);
    let clients = client_damage(facts);
    let seen = last_seen(facts, &cut);
    let here = seen.as_ref().is_some_and(|(_, here)| *here);
    // Dropped on this node, or alive for others: then it is the way that is cut.
    let confidence = if elsewhere.is_empty() && !here { 0.75 } else { 0.85 };
    let severity = if whole { Severity::High } else { Severity::Medium };
    let cluster = cluster_answers(facts);
    let fine = if cluster > 0 { ", while names of the cluster are answered" } else { "" };
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), period)
        .about(Scope {
            clients: Facts::list(&resolvers),
            servers: Facts::list(&upstreams),
            ..Scope::default()
        })
        .explaining(silent + clients)
        .saying(format!(
            "{} {} no answer from the {} {}: {silent} forwarded queries were lost in silence{fine}.",
            filter::words(&resolvers),
            filter::verb(&resolvers, "gets", "get"),
            filter::verb(&upstreams, "upstream", "upstreams"),
            filter::words(&upstreams)
        ))
        .shown_by(
            Evidence::new(
                "unanswered_ratio",
                Facts::share(silent, silent + answered),
                "ratio",
                format!(
                    "{silent} of {} queries from {} to {} got nothing back, no ICMP error either.",
                    silent + answered,
                    filter::words(&resolvers),
                    filter::words(&upstreams)
                ),
            )
            .at(cut.iter().flat_map(|pair| pair.lost_frames.iter()))
            .filter(format!(
                "dns.flags.response == 0 && {} && {}",
                filter::from(&resolvers),
                filter::to(&upstreams)
            )),
        );
    if probes > 0 {
        finding = finding.shown_by(
            Evidence::new(
                "health_probes",
                probes as f64,
                "count",
                format!(
                    "{} (`. NS`) to the upstreams: CoreDNS itself finds them failing.",
                    words::counted(probes, "health probe")
                ),
            )
            .filter(format!("dns.qry.type == 2 && {}", filter::to(&upstreams))),
        );
    }
    if cluster > 0 {
        finding = finding.shown_by(Evidence::new(
            "cluster_answers",
            cluster as f64,
            "count",
            format!(
                "{} for names of the cluster found an answer.",
                words::counted(cluster, "question")
            ),
        ));
    }
    if clients > 0 {
        finding = finding.shown_by(Evidence::new("client_failures", clients as f64, "count", format!(
            "{} of clients for names outside ended in SERVFAIL or in nothing: a symptom of this.",
            words::counted(clients, "question")
        )));
        finding = finding.with_sample(facts, &[SampleKind::GivenUp], |sample| {
            !facts.is_forwarder(sample.client)
        });
    }
    if let Some((evidence, _)) = seen {
        finding = finding.shown_by(evidence);
    }
    finding = if here && elsewhere.is_empty() {
        finding.rather_than(
            "upstream server down",
            "the queries do not even leave this node: whether the upstreams live is another question",
        )
    } else if elsewhere.is_empty() {
        finding.rather_than(
            "upstream server down",
            "nobody else asked the upstreams in this capture, so a dead upstream is not excluded: \
             ask it from the node",
        )
    } else {
        finding.shown_by(
            Evidence::new("answered_elsewhere", elsewhere.len() as f64, "count", format!(
                "The same upstreams answered {} in the same time: they are alive, and the way from \
                 the resolvers is cut.",
                filter::words(&elsewhere)
            ))
            .filter(format!("dns.flags.response == 1 && {}", filter::to(&elsewhere))),
        )
    };
    Some(finding.rather_than(
        "vpc_dns_pps_exceeded",
        "a rate limit drops a part of the queries; here nothing came back at any rate",
    ))
}

/// Whether one of a forwarder's upstreams is silent.
fn is_dead_upstream(server: &Sum<'_>, forwarder: &Sum<'_>) -> bool {
    let share = Facts::share(server.all.sent, forwarder.all.sent);
    server.is_walled() && share >= UPSTREAM_SHARE
}

/// Others who were answered by the same upstreams while the resolvers were not.
fn answered_elsewhere(
    facts: &Facts<'_>,
    upstreams: &[Address],
    resolvers: &[Address],
    period: Period,
) -> Vec<Address> {
    let mut others: Vec<Address> = facts
        .aggregate
        .pairs
        .iter()
        .filter(|pair| upstreams.contains(&pair.server) && !resolvers.contains(&pair.client))
        .filter(|pair| pair.answers.any() && pair.answers.last >= period.first)
        .map(|pair| pair.client)
        .collect();
    others.sort_unstable();
    others.dedup();
    others
}

fn cluster_answers(facts: &Facts<'_>) -> u64 {
    facts.client_pairs().map(|pair| pair.cluster.answered - pair.cluster.servfail).sum()
}

/// Questions of clients for names outside that came to nothing.
fn client_damage(facts: &Facts<'_>) -> u64 {
    facts.client_pairs().map(|pair| pair.external.unanswered + pair.external.servfail).sum()
}

/// Whether the upstream leg is in the capture and goes on answering while clients fail: a silent
/// upstream is silent from some moment on.
fn leg_answers(facts: &Facts<'_>, failing: Period) -> bool {
    /// What was asked before the silence may still be answered.
    const ON_THE_WAY: Span = Span::from_secs(2);
    let alive = answers::is_probed_alive(facts);
    answers::upstream_leg(facts).iter().any(|pair| {
        alive
            && pair.external.answered >= FEW
            && pair.answers.last > failing.first.plus(ON_THE_WAY)
            && pair.answers.first < failing.last
            && pair.losses.last > failing.first
    })
}

/// SERVFAILs for names outside that look like a forwarder's after vain waiting.
fn given_up(facts: &Facts<'_>, pair: &Pair) -> u64 {
    facts.aggregate.failures(pair).look(Look::GivenUp).external
}

/// Only the clients' side is in the capture: the SERVFAILs tell.
fn client_side(facts: &Facts<'_>) -> Option<Finding> {
    let pairs: Vec<&Pair> = facts
        .client_pairs()
        .filter(|pair| given_up(facts, pair) > 0 || pair.external.unanswered > 0)
        .collect();
    let timeouts: u64 = pairs.iter().map(|pair| given_up(facts, pair)).sum();
    let bad: u64 = pairs.iter().map(|p| p.external.unanswered + p.external.servfail).sum();
    let period = Period::of(pairs.iter().map(|pair| pair.external_bad));
    // Names outside that were answered in the same time: from a cache, or the upstream is back.
    let fine: u64 = facts
        .client_pairs()
        .filter(|p| p.external_fine.any() && p.external_fine.last > period.first)
        .filter(|p| p.external_fine.first < period.last)
        .map(|p| p.external.answered - p.external.servfail)
        .sum();
    let cluster = cluster_answers(facts);
    let share = Facts::share(bad, bad + fine);
    // Unset flags and whole multiples of 2 s are CoreDNS' own; a few of them stand for all.
    if leg_answers(facts, period) {
        return None;
    }
    let fingerprint =
        timeouts >= FEW && timeouts * 2 >= pairs.iter().map(|p| p.external.servfail).sum();
    if !fingerprint || share < CLIENT_SIDE_SHARE && timeouts < 2 * FEW {
        return None;
    }
    let servers: Vec<Address> =
        by_server(pairs.iter().copied()).iter().map(|s| s.address).collect();
    let clients: Vec<Address> =
        by_client(pairs.iter().copied()).iter().map(|c| c.address).collect();
    let confidence = if cluster > 0 { 0.6 } else { 0.5 };
    Some(
        CAUSE
            .finding(Severity::High, facts.capped(confidence), period)
            .about(Scope {
                clients: Facts::list(&clients),
                servers: Facts::list(&servers),
                ..Scope::default()
            })
            .explaining(bad)
            .saying(format!(
                "Names outside the cluster fail at {}: {timeouts} SERVFAILs came 2, 4 or 6 s after \
                 the question, as CoreDNS gives up a silent upstream (upstream leg not captured).",
                filter::words(&servers)
            ))
            .shown_by(
                Evidence::new("servfail_after_timeout", timeouts as f64, "count", format!(
                    "{timeouts} SERVFAILs for names outside came after a multiple of 2 s: CoreDNS \
                     waits so long for an upstream, up to three times."
                ))
                .at(pairs.iter().flat_map(|pair| pair.servfail_frames.iter()))
                .filter("dns.flags.rcode == 2 && dns.time > 1.7".to_owned()),
            )
            .with_sample(facts, &[SampleKind::GivenUp], |sample| clients.contains(&sample.client))
            .shown_by(Evidence::new("external_failures", share, "ratio", format!(
                "{bad} of {} questions for names outside came to nothing in that time.",
                bad + fine
            )))
            .shown_by(Evidence::new("cluster_answers", cluster as f64, "count", format!(
                "{} for names of the cluster found an answer.",
                words::counted(cluster, "question")
            )))
            .rather_than(
                "upstream_slow",
                "not excluded from here: capture on the DNS server's side to see the upstream leg",
            ),
    )
}

#[cfg(test)]
mod tests;
