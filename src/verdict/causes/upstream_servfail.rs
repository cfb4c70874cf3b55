//! Upstream's own SERVFAILs are relayed.

use super::dnssec_validation_failure;
use super::servfail_burst::{BURST, SAMPLES};
use crate::aggregate::{FailingName, Look, Pair};
use crate::model::Rcode;
use crate::model::Span;
use crate::model::extended_error::Matter;
use crate::verdict::answers::{
    Failing, extended_error, external_answers, is_cloud_resolver, severity, share, upstream_leg,
};
use crate::verdict::zones::{self, Zone};
use crate::verdict::{
    Between, Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words,
};

/// Broken zones are always about: up to this share of the answers for names outside, SERVFAILs of a
/// resolver are their noise.
const NOISE: f64 = 0.01;

/// Fewer than ten are a fault where they are most of what is asked, and for longer than a moment.
const MOST: f64 = 0.5;
const LASTING: Span = Span::from_secs(5);

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "upstream_servfail",
    category: "upstream_failure",
    normal: false,
    title: "Upstream's own SERVFAILs are relayed",
    meaning: "The resolver that the cluster DNS forwards to answers, but with SERVFAIL: it cannot \
        reach the servers that have the zone, its own upstream fails, or it is broken. The cluster \
        DNS hands the answer on and keeps it for 5 s (CoreDNS' cache plugin), so that retries get \
        the same. Restarting CoreDNS does not help.",
    signature: "At least 10 SERVFAILs of an upstream (more than 1 % of its answers), or at least \
        three over 5 s that are half of them. Where the upstream leg was not captured: SERVFAILs to \
        clients with RA set, which CoreDNS does not set in answers of its own.",
    look_alikes: &[
        (
            "upstream_unreachable",
            "nothing comes back from the upstream; RA is unset, after 2, 4 or 6 s",
        ),
        ("dnssec_validation_failure", "an extended error of DNSSEC, or CD helps"),
        ("servfail_burst", "RA and AA are unset: the server made them itself"),
        ("coredns_not_synced", "RA is unset and AA set, for names of the cluster"),
    ],
    vantage: "The DNS server's side (CoreDNS pod, its node) shows the upstream leg; from the \
        client's side only the RA flag tells.",
    immediate: "See what the upstream resolver says to the names listed, asked from the node. If it \
        fails for all names, forward to another resolver until it is repaired; if for one zone only, \
        the zone's own servers are to blame: tell its owner.",
    long_term: "Forward to two independent resolvers, have CoreDNS' cache serve stale answers \
        (`serve_stale`), alert on coredns_forward_responses_total with rcode SERVFAIL.",
    confirm: &[
        "dig @SERVER NAME",
        "dig +cd @SERVER NAME",
        "kubectl -n kube-system get configmap coredns -o yaml",
        "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=200",
    ],
    detect,
};

/// Upstreams that answer SERVFAIL.
pub(super) struct Upstream<'a> {
    /// Their own leg shows it.
    pub(super) captured: bool,
    /// The SERVFAILs of the deepest leg that shows them.
    deepest: Failing<'a>,
    /// What clients got of it.
    clients: Failing<'a>,
    /// Of the deepest leg, those that DNSSEC explains are left out.
    left: u64,
    /// Share of the answers for names outside that fail so.
    share: f64,
}

/// Finds them.
pub(super) fn failing<'a>(facts: &'a Facts<'_>) -> Option<Upstream<'a>> {
    let clients = Failing::of(facts, facts.client_pairs(), &[Look::Relayed]);
    let leg = upstream_leg(facts);
    let shown = Failing::of(facts, leg.iter().copied(), &Look::SERVFAILS);
    let captured = shown.count >= FEW;
    let (deepest, pairs) =
        if captured { (shown, leg) } else { (clients.clone(), facts.client_pairs().collect()) };
    let answered = if is_outside(&deepest) {
        external_answers(pairs)
    } else {
        pairs.iter().map(|pair| pair.all().answered).sum()
    };
    let known = dnssec_validation_failure::explained(facts, &Between::of(&deepest.pairs));
    let left = deepest.count.saturating_sub(known);
    let share = share(facts, left, answered, deepest.period);
    let lasted = deepest.period.any() && deepest.period.last.since(deepest.period.first) >= LASTING;
    let many = left >= BURST && share > NOISE;
    let most = left >= FEW && share >= MOST && lasted && names_of(facts, &deepest).count() > 1;
    (many || most).then_some(Upstream { captured, deepest, clients, left, share })
}

/// Whether it is about names outside. A resolver that is asked for everything fails in everything.
fn is_outside(failing: &Failing<'_>) -> bool {
    failing.external * 2 > failing.count
}

/// The names that failed between these pairs.
fn names_of<'a>(
    facts: &'a Facts<'_>,
    failing: &Failing<'_>,
) -> impl Iterator<Item = &'a FailingName> {
    let pairs = Between::of(&failing.pairs);
    let rows = facts.aggregate.counting.failing_names.iter();
    rows.filter(move |row| row.servfail > 0 && pairs.asked(row))
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let upstream = failing(facts)?;
    let Upstream { captured, deepest, clients, left, share } = &upstream;
    let servers = deepest.servers();
    let resolver = servers.iter().all(|&server| is_cloud_resolver(facts, server));
    let zones = zones::zones(names_of(facts, deepest), |row| row.servfail);
    let narrow = is_narrow(&zones, deepest.count);
    // Who needs one zone only has others to go on with.
    let limited = *left < BURST || narrow;
    let severity = if limited { severity(*share).min(Severity::Medium) } else { severity(*share) };
    let confidence = if *captured || resolver { 0.85 } else { 0.6 };
    let what = match () {
        () if narrow => zones::words(&zones[..1]),
        () if is_outside(deepest) => "names outside".to_owned(),
        () => zones::words(&zones),
    };
    let leg = match () {
        () if *captured => "as the upstream leg shows".to_owned(),
        () if resolver => "asked directly".to_owned(),
        () => "with RA set: a recursive resolver made them (upstream leg not captured)".to_owned(),
    };
    let whose = if narrow { vec![zones[0].clone()] } else { zones };
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), deepest.period)
        .about(Scope {
            names: zones::listed(&whose),
            ..Scope::between(&clients.clients(), &servers)
        })
        .explaining((*left).max(clients.count))
        .saying(format!(
            "{} {} {left} questions for {what} with SERVFAIL, {leg}.",
            filter::words(&servers),
            if *captured || resolver { "answered" } else { "handed on" },
        ))
        .shown_by(
            Evidence::new(
                "upstream_servfails",
                *left as f64,
                "count",
                format!(
                    "{left} SERVFAILs from {}, {} of the answers in that time.",
                    filter::words(&servers),
                    words::percent(*share)
                ),
            )
            .at(deepest.frames.iter().copied())
            .filter(format!("dns.flags.rcode == 2 && {}", filter::from(&servers))),
        );
    zones::fill(&mut finding.confirm, &finding.scope.names);
    if let Some(evidence) = relayed(&upstream) {
        finding = finding.shown_by(evidence);
    }
    for (about, text) in [
        (Matter::Unreachable, "the resolver did not reach the servers that have the zone"),
        (Matter::Policy, "somebody's policy blocks the names"),
        (Matter::Other, "other reasons"),
    ] {
        let codes = deepest.extended(facts, about);
        let Some(&(code, _)) = codes.first() else { continue };
        let count: u64 = codes.iter().map(|(_, count)| count).sum();
        let more = format!(" or the like: {text}");
        finding = finding.shown_by(extended_error(Rcode::SERVFAIL, code, count, &more));
    }
    finding = finding
        .with_sample(facts, &SAMPLES, |sample| {
            deepest.pairs.iter().any(|pair| is_sample_of(pair, sample))
        })
        .rather_than("upstream_unreachable", "the upstream answers");
    finding = if narrow {
        finding.rather_than(
            "dnssec_validation_failure",
            "one zone fails, and no extended error of DNSSEC is in the answers; clients without EDNS \
             are not told one: `dig +cd` settles it",
        )
    } else {
        finding.rather_than("dnssec_validation_failure", "names of several zones fail")
    };
    if !*captured && !resolver {
        finding = finding.rather_than(
            "servfail_burst",
            "CoreDNS leaves RA unset in SERVFAILs of its own; another server may set it: capture at \
             the DNS server's side to see the upstream leg",
        );
    }
    Some(finding)
}

/// What clients got of failures that the upstream leg shows.
fn relayed(upstream: &Upstream<'_>) -> Option<Evidence> {
    let count = upstream.clients.count;
    (upstream.captured && count > 0).then(|| {
        Evidence::new(
            "relayed_servfails",
            count as f64,
            "count",
            format!(
                "{} to clients with RA set: the upstream's, handed on or out of the cache.",
                words::counted(count, "SERVFAIL")
            ),
        )
        .at(upstream.clients.frames.iter().copied())
        .filter("dns.flags.rcode == 2 && dns.flags.recavail == 1".to_owned())
    })
}

/// Whether nearly all failures are of one zone.
fn is_narrow(zones: &[Zone<'_>], count: u64) -> bool {
    /// Of all failures.
    const NEARLY: f64 = 0.9;
    let first = zones.first().map_or(0, |zone| zone.sum(|row| row.servfail));
    Facts::share(first, count) >= NEARLY
}

fn is_sample_of(pair: &Pair, sample: &crate::aggregate::Sample) -> bool {
    (pair.client, pair.server) == (sample.client, sample.server)
}

#[cfg(test)]
mod tests;
