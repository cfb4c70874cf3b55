//! The resolvers' own forwarded queries get nothing back; cluster names are fine.

mod client_side;
mod in_vain;

use super::{dns_forwarding_loop, fragment_loss, upstream_slow, vpc_dns_pps_exceeded};
use crate::aggregate::{Pair, Period, SampleKind};
use crate::decode::IcmpKind;
use crate::model::Address;
use crate::verdict::addresses::holds;
use crate::verdict::answers;
use crate::verdict::outage::Outage;
use crate::verdict::silence::{Sum, by_client, by_server, last_seen};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// A server that gets this share of a forwarder's queries is one of its upstreams. A recursive
/// resolver asks many authoritative servers a little each, and some of them are always silent.
const UPSTREAM_SHARE: f64 = 0.2;

/// Upstreams whose answers are dated in the evidence.
const SHOWN: usize = 3;

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
        after multiples of 2 s, or in nothing, while cluster names are answered. Where one of \
        two upstreams is silent: three answers or more for names outside, and 3 % of them, come 2 or 4 s \
        late, and few others are slow.",
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
    if facts.one_sided() || dns_forwarding_loop::detected(facts) {
        return None;
    }
    upstream_leg(facts).or_else(|| {
        // An upstream that is seen to answer late, there or in what reaches the clients, is only slow.
        let slow = upstream_slow::CAUSE.detected(facts);
        // And one whose large answers come in part is there.
        let answers = slow || fragment_loss::strikes_upstream(facts);
        // What a limit drops was sent to somebody who answers the rest.
        let answers = answers || vpc_dns_pps_exceeded::CAUSE.detected(facts);
        // And where somebody is seen to say no for it, that is the cause.
        if answers || refuses(facts) {
            return None;
        }
        client_side::detect(facts).or_else(|| in_vain::detect(facts))
    })
}

/// The upstream leg is in the capture.
pub(super) fn upstream_leg(facts: &Facts<'_>) -> Option<Finding> {
    // What it says to the probes it could say to all: it is silent about some names, and there.
    if answers::is_probed_alive(facts) {
        return None;
    }
    let forwarders = by_client(facts.upstream_pairs());
    let mut cut: Vec<&Pair> = Vec::new();
    let mut outages: Vec<Outage> = Vec::new();
    let mut whole = true;
    for forwarder in &forwarders {
        let mut dead = by_server(forwarder.pairs.iter().copied());
        dead.retain(|server| is_dead_upstream(server, forwarder) && !is_refused(server));
        let of_dead: Vec<&Pair> =
            dead.iter().flat_map(|server| server.pairs.iter().copied()).collect();
        let dated: Vec<Outage> =
            dead.iter().flat_map(|server| server.outages.iter().cloned()).collect();
        // Another upstream answers: lookups are slow rather than lost.
        let mut others = forwarder.pairs.iter().filter(|pair| !of_dead.contains(pair));
        whole &= dead.is_empty() || !others.any(|pair| answers_in(pair, &dated));
        cut.extend(of_dead);
        outages.extend(dated);
    }
    if cut.is_empty() {
        return None;
    }
    let lost = by_server(cut.iter().copied());
    let upstreams: Vec<Address> = lost.iter().map(|server| server.address).collect();
    let resolvers: Vec<Address> =
        by_client(cut.iter().copied()).iter().map(|c| c.address).collect();
    // The worst time of each, together: they begin and end with each other.
    let worst_of_each: Vec<Outage> =
        lost.iter().filter_map(|server| server.worst()).map(|(outage, _)| outage.clone()).collect();
    let whole_of_it = Outage::of(&worst_of_each);
    let times = lost.iter().max_by_key(|server| server.outages.len());
    let others =
        times.and_then(|server| server.worst()).map(|(_, others)| others).unwrap_or_default();
    let upstream = filter::verb(&upstreams, "upstream", "upstreams");
    let (when, around) = whole_of_it.as_ref().map_or_else(Default::default, |outage| {
        let around = outage.around(&format!("the {upstream} answered"));
        (outage.when(), around + &others)
    });
    let (silent, answered): (u64, u64) = if outages.is_empty() {
        let silent = cut.iter().map(|pair| pair.silent()).sum();
        (silent, cut.iter().map(|pair| pair.all().answered).sum())
    } else {
        (outages.iter().map(|outage| outage.lapse.lost).sum(), 0)
    };
    let probes: u64 = cut.iter().map(|pair| pair.rare().probes).sum();
    let losses = Period::of(cut.iter().map(|pair| pair.losses));
    let period = whole_of_it.as_ref().map_or(losses, Outage::period);
    let elsewhere = answered_elsewhere(facts, &upstreams, &resolvers, &outages);
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
        .about(Scope::between(&resolvers, &upstreams))
        .explaining(silent + clients)
        .saying(format!(
            "{} {} no answer from the {upstream} {}{when}: {silent} queries were lost in \
             silence{fine}{around}.",
            filter::words(&resolvers),
            filter::verb(&resolvers, "gets", "get"),
            filter::words(&upstreams)
        ))
        .shown_by(
            Evidence::new(
                "unanswered_ratio",
                Facts::share(silent, silent + answered),
                "ratio",
                format!(
                    "{}{silent} of {} queries from {} to {}{} got nothing back, {} either.",
                    if when.is_empty() { "" } else { "In that time " },
                    silent + answered,
                    filter::words(&resolvers),
                    filter::words(&upstreams),
                    if probes > 0 { ", health probes included," } else { "" },
                    facts.no_icmp_error()
                ),
            )
            .at(match &whole_of_it {
                Some(outage) => outage.lapse.frames.iter().collect::<Vec<u64>>(),
                None => cut.iter().flat_map(|pair| pair.lost_frames.iter()).collect(),
            })
            .filter(format!(
                "dns.flags.response == 0 && {} && {}",
                filter::from(&resolvers),
                filter::to(&upstreams)
            )),
        );
    for server in lost.iter().take(SHOWN) {
        let whose = format!("from {}", server.address);
        let dated = server.worst().and_then(|(outage, _)| outage.evidence(&whose));
        finding = dated.into_iter().fold(finding, Finding::shown_by);
    }
    if probes > 0 {
        finding = finding.shown_by(
            Evidence::new(
                "health_probes",
                probes as f64,
                "count",
                format!(
                    "{} (`. NS`) went to the upstreams in all: CoreDNS itself finds them failing.",
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
            "wrong_nameserver",
            "the queries do not even leave this node: whether there is a server at the upstreams' addresses is \
             another question",
        )
    } else if elsewhere.is_empty() {
        finding.rather_than(
            "wrong_nameserver",
            "nobody else asked the upstreams in this capture, so a dead server, or none, at their addresses is \
             not excluded: ask it from the node",
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

/// Whether resolvers are told that they get nothing from an upstream.
pub(super) fn refuses(facts: &Facts<'_>) -> bool {
    by_server(facts.upstream_pairs()).iter().any(is_refused)
}

/// Whether somebody says no: one ICMP error may stand for many, and silence beside it is no other cause. That there is
/// no such host or net is no more than silence with a word.
fn is_refused(server: &Sum<'_>) -> bool {
    let absent = [Some(IcmpKind::HostUnreachable), Some(IcmpKind::NetUnreachable)];
    let told = |pair: &&Pair| pair.refused() > 0 && !absent.contains(&pair.rare().reject_kind);
    server.pairs.iter().any(told)
}

/// Whether one of a forwarder's upstreams is silent.
fn is_dead_upstream(server: &Sum<'_>, forwarder: &Sum<'_>) -> bool {
    let share = Facts::share(server.all.sent, forwarder.all.sent);
    server.is_walled() && share >= UPSTREAM_SHARE
}

/// Whether a pair has answers while the upstreams of others are silent: at any time where that is all
/// the time.
fn answers_in(pair: &Pair, outages: &[Outage]) -> bool {
    match outages {
        [] => pair.all().answered >= FEW,
        some => some.iter().any(|outage| outage.spares(&pair.heard)),
    }
}

/// Others who were answered by the same upstreams while the resolvers were not.
fn answered_elsewhere(
    facts: &Facts<'_>,
    upstreams: &[Address],
    resolvers: &[Address],
    outages: &[Outage],
) -> Vec<Address> {
    let mut others: Vec<Address> = facts
        .aggregate
        .counting
        .pairs
        .iter()
        .filter(|pair| holds(upstreams, pair.server) && !holds(resolvers, pair.client))
        .filter(|pair| answers_in(pair, outages))
        .map(|pair| pair.client)
        .collect();
    others.sort_unstable();
    others.dedup();
    others
}

fn cluster_answers(facts: &Facts<'_>) -> u64 {
    facts.client_pairs().map(|pair| pair.cluster().answered - pair.cluster().servfail).sum()
}

/// Questions of clients for names outside that came to nothing.
fn client_damage(facts: &Facts<'_>) -> u64 {
    facts.client_pairs().map(|pair| pair.external().unanswered + pair.external().servfail).sum()
}

#[cfg(test)]
mod tests;
