//! Upstream answers, but late.

mod silent;

use std::collections::BTreeSet;

use crate::aggregate::{FailingName, Look, Pair, Period, Slow};
use crate::verdict::addresses::sorted;
use crate::verdict::answers::{
    Failing, external_answers, is_cloud_resolver, severity, slow, upstream_leg,
};
use crate::verdict::zones::{self, Zone};
use crate::verdict::{
    Between, Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words,
};

/// CoreDNS stops listening after 2 s (plugin/forward, `readTimeout`): what comes later is lost. Some
/// names are always slow, because their own servers are; this share of the answers is more than some.
const LATE: i64 = 2_000;
const LATE_SHARE: f64 = 0.05;

/// Below 2 s: a resolver with a cold cache takes 100 to 300 ms for some names and longer for few. It is
/// slow if a tenth of its answers take 400 ms or longer, or half of them 200 ms,
const SLOW: [(i64, f64); 2] = [(400, 0.1), (200, 0.5)];

/// and these are more than the names that a few lookups bring along (each asks two for either family).
const SLOW_ANSWERS: u64 = 10;

/// Of few lookups this share takes 800 ms or longer, which no cold cache brings about for several names.
const FEW_SLOW: (i64, f64) = (800, 0.2);
const FEW_SLOW_ANSWERS: u64 = 5;
const FEW_SLOW_NAMES: usize = 3;

/// Names of the cluster are as slow as this part of the others: then it is the server itself.
const CLUSTER_PART: f64 = 0.3;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "upstream_slow",
    category: "upstream_failure",
    normal: false,
    title: "Upstream answers, but late",
    meaning: "The resolver that the cluster DNS forwards to takes long. CoreDNS waits 2 s and then \
        closes that socket: an answer that comes later meets a closed port, the next upstream is \
        asked, and the client gets SERVFAIL although the upstream did answer. Below 2 s every lookup \
        of a name outside that is not in the cache is slow, and clients with short timers ask again. \
        Names of the cluster are as fast as ever.",
    signature: "On the upstream leg: at least three answers later than 2 s that are 5 % of all or \
        more; or at least ten of 400 ms or more that are a tenth of them, or of 200 ms or more that \
        are half; or at least five of 800 ms or more, for three names, that are a fifth. Where the \
        upstream leg was not captured: the same delays in answers to clients for names outside, \
        other than 2, 4 or 6 s (waits in vain), while names of the cluster are fast. Or the \
        upstream says nothing within that time about names of three zones at most, and answers all \
        others meanwhile.",
    look_alikes: &[
        ("upstream_unreachable", "nothing comes back at all; the delays are 2, 4 or 6 s"),
        ("coredns_overload", "names of the cluster are slow as well"),
        ("vpc_dns_pps_exceeded", "queries above the limit are lost; those answered are fast"),
        ("random_loss", "delays are the clients' own timers: they asked again"),
        ("a cold cache", "some names take 100 to 300 ms once, and are fast from then on"),
    ],
    vantage: "The DNS server's side (CoreDNS pod, its node) shows the upstream leg; from the \
        client's side the delays of names outside beside those of the cluster tell.",
    immediate: "Ask the upstream from the node (`dig`, several times, other names) and see whether it \
        is slow for everybody; if so, forward to another resolver until it is mended.",
    long_term: "Forward to two independent resolvers, raise CoreDNS' cache TTLs and let it `prefetch` \
        and `serve_stale`, use NodeLocal DNSCache, alert on \
        coredns_forward_request_duration_seconds (coredns_proxy_request_duration_seconds).",
    confirm: &[
        "dig @SERVER NAME",
        "kubectl -n kube-system get configmap coredns -o yaml",
        "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=200",
    ],
    detect,
};

/// How slow, and where that shows.
struct Upstream<'a> {
    /// The pairs whose delays are meant.
    pairs: Vec<&'a Pair>,
    /// Whether these are the upstream leg.
    captured: bool,
    /// Their slow answers.
    slow: Slow,
    /// Their answers for names outside.
    answered: u64,
    /// Answers that took this many milliseconds or longer are what it is about.
    border: i64,
    count: u64,
    period: Period,
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let Some(upstream) = on_upstream_leg(facts).or_else(|| at_clients(facts)) else {
        return silent::detect(facts);
    };
    let Upstream { pairs, captured, slow, answered, border, count, period } = &upstream;
    let share = Facts::share(*count, *answered);
    let late = *border == LATE;
    let servers = sorted(upstream.slow_pairs(facts).map(|pair| pair.server));
    let direct = servers.iter().all(|&server| is_cloud_resolver(facts, server));
    let zones = slow_zones(facts, pairs);
    let narrow = is_narrow(&zones);
    let failed = Failing::of(facts, facts.client_pairs(), &[Look::GivenUp, Look::Own]).external;
    let cluster_fast = facts.client_pairs().map(|pair| pair.cluster().answered).sum::<u64>();
    let confidence = match () {
        () if *captured || direct => 0.85,
        () if cluster_fast >= FEW => 0.6,
        () => 0.5,
    };
    let severity = match severity(share) {
        // Slow is not lost.
        Severity::High if !late => Severity::Medium,
        Severity::Medium if narrow => Severity::Low,
        other => other,
    };
    let what = if narrow { zones::words(&zones[..1]) } else { "names outside".to_owned() };
    let clients = sorted(upstream.slow_pairs(facts).map(|pair| pair.client));
    let frames = upstream.slow_pairs(facts).flat_map(|pair| {
        let failures = facts.aggregate.counting.failures(pair);
        let frames = if late { &failures.late_frames } else { &failures.slow_frames };
        frames.iter()
    });
    let damage = (*count).max(if late { failed } else { 0 });
    let then = if late { "; CoreDNS gives up after 2 s" } else { "" };
    let fast = if cluster_fast >= FEW { ", while names of the cluster are fast" } else { "" };
    let seconds = *border as f64 / 1000.0;
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), *period)
        .about(Scope {
            clients: Facts::list(&clients),
            servers: Facts::list(&servers),
            names: if narrow { zones::listed(&zones[..1]) } else { Vec::new() },
            ..Scope::default()
        })
        .explaining(damage)
        .saying(format!(
            "{count} of {answered} answers for {what} {} {} came {seconds} s after the question or later{}.",
            if *captured || direct { "from" } else { "by way of" },
            filter::words(&servers),
            if *captured || direct { then.to_owned() } else { format!("{fast} (upstream leg not captured)") },
        ))
        .shown_by(
            Evidence::new("slow_answers", share, "ratio", format!(
                "{} Slower than 0.1 s: {}, 0.4 s: {}, 0.8 s: {}, 2 s: {}.",
                words::counted(*answered, "answer") + " in all.",
                slow.from(100) + slow.after_timeouts,
                slow.from(400) + slow.after_timeouts,
                slow.from(800) + slow.after_timeouts,
                late_ones(slow, *captured),
            ))
            .at(frames)
            .filter(format!("dns.time >= {seconds} && {}", filter::from(&servers))),
        );
    zones::fill(&mut finding.confirm, &finding.scope.names);
    for evidence in symptoms(facts, &upstream, failed) {
        finding = finding.shown_by(evidence);
    }
    finding = if *captured || direct {
        finding.rather_than("upstream_unreachable", "the upstream does answer, if late")
    } else {
        finding.rather_than(
            "upstream_unreachable",
            "delays are spread, not whole multiples of 2 s; capture on the DNS server's side to see \
             the upstream leg",
        )
    };
    Some(if cluster_fast >= FEW {
        finding.rather_than("coredns_overload", "names of the cluster are answered fast")
    } else {
        finding.rather_than(
            "coredns_overload",
            "no names of the cluster were asked that could tell: ask the server for one",
        )
    })
}

/// Answers after 2 s. On the upstream leg all of them are slow, on the clients' own a round number of
/// waits is another thing.
fn late_ones(slow: &Slow, captured: bool) -> u64 {
    slow.from(LATE) + if captured { slow.after_two_seconds } else { 0 }
}

/// The upstream leg is in the capture.
fn on_upstream_leg<'a>(facts: &'a Facts<'_>) -> Option<Upstream<'a>> {
    judge(facts, upstream_leg(facts), true)
}

/// Only the clients' side is in the capture, or clients that ask a resolver themselves.
fn at_clients<'a>(facts: &'a Facts<'_>) -> Option<Upstream<'a>> {
    if upstream_leg(facts).iter().any(|pair| pair.external().answered >= FEW) {
        // It was fast there.
        return None;
    }
    let pairs: Vec<&Pair> = facts.client_pairs().collect();
    let [outside, cluster] = slow(facts, pairs.iter().copied());
    let inside: u64 = pairs.iter().map(|pair| pair.cluster().answered).sum();
    let found = judge(facts, pairs, false)?;
    let slow_inside = Facts::share(cluster.from(100), inside);
    let slow_outside = Facts::share(outside.from(100), found.answered);
    (slow_inside <= slow_outside * CLUSTER_PART).then_some(found)
}

fn judge<'a>(facts: &Facts<'_>, pairs: Vec<&'a Pair>, captured: bool) -> Option<Upstream<'a>> {
    let [slow, _] = slow(facts, pairs.iter().copied());
    let answered = external_answers(pairs.iter().copied());
    let late = late_ones(&slow, captured);
    let slower = |border: i64, share: f64| {
        let count = slower_than(border, &slow, captured);
        (count >= SLOW_ANSWERS && Facts::share(count, answered) >= share).then_some((border, count))
    };
    // Where clients ask, CoreDNS' own 2 s stand between: what is late there was slow twice.
    let is_late = captured && late >= FEW && Facts::share(late, answered) >= LATE_SHARE;
    let found = is_late.then_some((LATE, late));
    let few = || {
        let (border, share) = FEW_SLOW;
        let count = slower_than(border, &slow, captured);
        let enough = count >= FEW_SLOW_ANSWERS && Facts::share(count, answered) >= share;
        (enough && slow_names(facts, &pairs) >= FEW_SLOW_NAMES).then_some((border, count))
    };
    let (border, count) = found
        .or_else(|| SLOW.iter().find_map(|&(border, share)| slower(border, share)))
        .or_else(few)?;
    let period =
        Period::of(pairs.iter().map(|pair| facts.aggregate.counting.failures(pair).slow_period));
    Some(Upstream { pairs, captured, slow, answered, border, count, period })
}

/// How many of these answers took as long as `border`, one of the classes, or longer.
fn slower_than(border: i64, slow: &Slow, captured: bool) -> u64 {
    match border {
        LATE => late_ones(slow, captured),
        _ => slow.from(border) + if captured { slow.after_timeouts } else { 0 },
    }
}

impl<'a> Upstream<'a> {
    /// Those of the pairs that are as slow as all together, or not much less: a cold cache has a slow answer now and
    /// then beside an upstream that is slow.
    fn slow_pairs(&self, facts: &Facts<'_>) -> impl Iterator<Item = &'a Pair> {
        /// Of the share of all.
        const MUCH: f64 = 0.2;
        let enough = MUCH * Facts::share(self.count, self.answered);
        self.pairs.iter().copied().filter(move |pair| {
            let slow = &facts.aggregate.counting.failures(pair).slow_external;
            let count = slower_than(self.border, slow, self.captured);
            count > 0 && Facts::share(count, pair.external().answered) >= enough
        })
    }
}

/// The zones of slow names, most first.
fn slow_zones<'a>(facts: &'a Facts<'_>, pairs: &[&Pair]) -> Vec<Zone<'a>> {
    zones::zones(slow_rows(facts, pairs), |row| row.slow)
}

/// How many names were slow.
fn slow_names(facts: &Facts<'_>, pairs: &[&Pair]) -> usize {
    let names: BTreeSet<&[u8]> = slow_rows(facts, pairs).map(|row| &*row.name).collect();
    names.len()
}

fn slow_rows<'a>(facts: &'a Facts<'_>, pairs: &[&Pair]) -> impl Iterator<Item = &'a FailingName> {
    let pairs = Between::of(pairs);
    let rows = facts.aggregate.counting.failing_names.iter();
    rows.filter(move |row| row.slow > 0 && pairs.asked(row))
}

/// Whether nearly all of it is one zone's: then its own servers are slow.
fn is_narrow(zones: &[Zone<'_>]) -> bool {
    /// Of all slow answers.
    const NEARLY: f64 = 0.9;
    let of = |zone: &Zone<'_>| zone.sum(|row: &FailingName| row.slow);
    let all: u64 = zones.iter().map(of).sum();
    zones.first().is_some_and(|first| Facts::share(of(first), all) >= NEARLY)
}

/// What else shows it, and what follows from it.
fn symptoms(facts: &Facts<'_>, upstream: &Upstream<'_>, failed: u64) -> Vec<Evidence> {
    let mut shown = Vec::new();
    let unwanted = |pairs: &mut dyn Iterator<Item = &Pair>| {
        let (mut count, mut frames) = (0, Vec::new());
        for failures in pairs.map(|pair| facts.aggregate.counting.failures(pair)) {
            count += failures.unwanted + failures.repeated;
            frames.extend(failures.unwanted_frames.iter());
        }
        (count, frames)
    };
    let resolvers = sorted(upstream.pairs.iter().map(|pair| pair.client));
    if upstream.captured {
        let (count, frames) = unwanted(&mut upstream.pairs.iter().copied());
        if count > 0 {
            shown.push(
                Evidence::new("late_answers_refused", count as f64, "count", format!(
                    "{} answered by {} with an ICMP error, or came twice: it no longer listened.",
                    words::counted(count, "late answer") + words::verb(count, " was", " were"),
                    filter::words(&resolvers)
                ))
                .at(frames)
                .filter(format!(
                    "(icmp.type == 3 || icmpv6.type == 1) && {}",
                    filter::from(&resolvers)
                )),
            );
        }
        if failed > 0 {
            shown.push(
                Evidence::new("client_failures", failed as f64, "count", format!(
                    "{} of clients for names outside ended in SERVFAIL although upstream answers: a \
                     symptom of this.",
                    words::counted(failed, "question")
                ))
                .filter("dns.flags.rcode == 2 && dns.flags.recavail == 0".to_owned()),
            );
        }
    }
    let (count, frames) = unwanted(&mut facts.client_pairs());
    if count > 0 {
        shown.push(
            Evidence::new("client_gave_up_early", count as f64, "count", format!(
                "{} a client that had asked again, or did not listen any more: its timer is shorter \
                 than the answer takes.",
                words::counted(count, "answer") + words::verb(count, " met", " met")
            ))
            .at(frames)
            .filter("dns.retransmit_response || icmp.type == 3 || icmpv6.type == 1".to_owned()),
        );
    }
    let refused = Failing::of(facts, facts.client_pairs(), &[Look::Refused]);
    if refused.external >= FEW {
        shown.push(
            Evidence::new("refused_meanwhile", refused.external as f64, "count", format!(
                "{} for names outside {} REFUSED: CoreDNS refuses what exceeds `max_concurrent` while \
                 it waits.",
                words::counted(refused.external, "question"),
                words::verb(refused.external, "was", "were")
            ))
            .at(refused.frames)
            .filter("dns.flags.rcode == 5".to_owned()),
        );
    }
    shown
}

#[cfg(test)]
mod tests;
