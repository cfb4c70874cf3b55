//! Ten SERVFAILs or more in a short time that no visible upstream failure explains.

use super::{
    coredns_not_synced, dns_forwarding_loop, dnssec_validation_failure, fragment_loss,
    upstream_servfail, upstream_slow, upstream_unreachable, vpc_dns_pps_exceeded,
};
use crate::aggregate::{Look, Pair, Period, SampleKind};
use crate::classify::Ending;
use crate::model::{Address, Span, Timestamp};
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::crowd::Crowd;
use crate::verdict::words::clock;
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter, words};

/// The runbook's border: fewer than ten are a scale-down.
pub(super) const BURST: u64 = 10;

/// A short time.
const SHORT: Span = Span::from_secs(10);

/// Or a share of all answers that no healthy server has, however long it takes.
const SHARE: f64 = 0.05;

/// A busy server relays some SERVFAILs all the time, of broken zones. In a burst they are more than
/// this share of the questions of its 10 s,
const BURST_SHARE: f64 = 0.01;

/// or at least this share, and most of all that the capture holds.
const CROWDED_SHARE: f64 = 0.002;

/// From this share of them on in one time, that time is its window.
const CROWDED: f64 = 0.8;

/// Which responses show it: one that took no time is plainer than one after vain waiting.
pub(super) const SAMPLES: [SampleKind; 2] = [SampleKind::ServFail, SampleKind::GivenUp];

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "servfail_burst",
    category: "coredns_overload",
    normal: false,
    title: "10 SERVFAILs or more in a short time that no visible upstream failure explains",
    meaning: "The DNS server fails to produce answers: CoreDNS is overloaded, out of memory or \
        misconfigured, or its upstream fails where this capture does not show it.",
    signature: "At least 10 SERVFAILs to clients within 10 s (and 1 % of the questions of that \
        time, or most of the capture's SERVFAILs at once), or at least 10 that make more than \
        5 % of all answers; not the 2, 4 or 6 s old ones of a forwarder that waited in vain, and \
        no failing upstream in the capture.",
    look_alikes: &[
        ("servfail_transient", "fewer than 10, short, from one backend"),
        (
            "upstream_unreachable",
            "the resolvers' own queries stay unanswered: the SERVFAILs follow",
        ),
        ("upstream_servfail", "RA is set: relayed from a recursive resolver"),
        ("dnssec_validation_failure", "an extended DNS error says so"),
        (
            "coredns_not_synced",
            "AA is set and RA is not, for names of the cluster, as a backend starts",
        ),
    ],
    vantage: "Anywhere between client and cluster DNS; with the upstream leg it is surer.",
    immediate: "Read CoreDNS' logs: its errors plugin writes what failed (`i/o timeout` is an upstream). If \
        its CPU is at the limit, scale it out; if one pod fails alone, delete that one. Restarting \
        all of them empties their caches and mends no upstream.",
    long_term: "Give CoreDNS enough CPU and memory, alert on coredns_dns_responses_total with \
        rcode SERVFAIL, set lameduck and readiness so that failing pods leave the Service.",
    confirm: &[
        "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=200",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl -n kube-system top pods -l k8s-app=kube-dns",
    ],
    detect,
};

/// The SERVFAILs that clients got, those that another cause explains left out.
pub(super) struct Servfails {
    pub(super) count: u64,
    pub(super) answers: u64,
    pub(super) period: Period,
    pub(super) frames: Vec<u64>,
    pub(super) clients: Vec<Address>,
    pub(super) failed_lookups: u64,
    /// Of them, with RA: a recursive resolver's.
    pub(super) relayed: u64,
    /// Of them, after whole waits for an upstream.
    pub(super) given_up: u64,
    own: u64,
    authoritative: u64,
    asked: Vec<Address>,
}

/// Which SERVFAILs other causes explain: what the deepest leg shows is not counted once more.
#[derive(Clone, Copy)]
struct Explained {
    /// Names outside fail because of the upstreams, as their own leg or the delays show.
    outside: bool,
    /// What has RA comes from a recursive resolver that fails.
    relayed: bool,
    /// The server says that it has no data yet.
    unsynced: bool,
}

impl Explained {
    fn by(facts: &Facts<'_>) -> Explained {
        let upstream = upstream_servfail::failing(facts);
        Explained {
            outside: dns_forwarding_loop::detected(facts)
                || upstream_unreachable::CAUSE.detected(facts)
                || upstream_unreachable::refuses(facts)
                || upstream_slow::CAUSE.detected(facts)
                || vpc_dns_pps_exceeded::CAUSE.detected(facts)
                || fragment_loss::strikes_upstream(facts)
                || upstream.as_ref().is_some_and(|failing| failing.captured),
            relayed: upstream.is_some() || dnssec_validation_failure::CAUSE.detected(facts),
            unsynced: coredns_not_synced::CAUSE.detected(facts),
        }
    }

    /// How many of a pair's SERVFAILs of one look are left.
    fn left(self, facts: &Facts<'_>, pair: &Pair, look: Look) -> u64 {
        let failed = facts.aggregate.counting.failures(pair).look(look);
        match look {
            Look::Unsynced if self.unsynced => 0,
            Look::Relayed if self.relayed => 0,
            Look::GivenUp if self.outside => failed.cluster,
            Look::Unsynced => failed.count,
            _ if self.outside => failed.count - failed.external,
            _ => failed.count,
        }
    }
}

impl Servfails {
    /// Who answered them: the addresses behind the DNAT where they are known.
    pub(super) fn backends(&self, facts: &Facts<'_>) -> Vec<Address> {
        let servers = facts.aggregate.counting.servers.iter();
        let failing = servers.filter(|server| server.servfail > 0 && server.failures.any());
        facts.behind(&self.asked, &sorted(failing.map(|server| server.address)))
    }
}

/// Collects them.
pub(super) fn servfails(facts: &Facts<'_>) -> Servfails {
    let explained = Explained::by(facts);
    let mut seen = Servfails {
        count: 0,
        answers: 0,
        period: Period::default(),
        frames: Vec::new(),
        clients: Vec::new(),
        failed_lookups: facts.clients().map(|client| client.ending(Ending::Failed)).sum(),
        relayed: 0,
        given_up: 0,
        own: 0,
        authoritative: 0,
        asked: Vec::new(),
    };
    for pair in facts.client_pairs() {
        seen.answers += pair.all().answered;
        if pair.all().servfail == 0 {
            continue;
        }
        let left = |look| explained.left(facts, pair, look);
        let mine: u64 = Look::SERVFAILS.into_iter().map(left).sum();
        if mine == 0 {
            continue;
        }
        for look in Look::SERVFAILS.into_iter().filter(|&look| left(look) > 0) {
            let failed = facts.aggregate.counting.failures(pair).look(look);
            seen.period.join(failed.period);
            seen.frames.extend(failed.frames.iter());
        }
        seen.count += mine;
        seen.relayed += left(Look::Relayed);
        seen.given_up += left(Look::GivenUp);
        seen.own += left(Look::Own) + left(Look::GivenUp);
        seen.authoritative += left(Look::Unsynced);
        seen.clients.push(pair.client);
        seen.asked.push(pair.server);
    }
    for list in [&mut seen.clients, &mut seen.asked] {
        list.sort_unstable();
        list.dedup();
    }
    seen
}

/// The most of so many SERVFAILs that come within 10 s, and when that is. The timeline counts those of
/// all legs and causes: these are the same part of each moment.
pub(super) fn peak(facts: &Facts<'_>, count: u64) -> (u64, Timestamp) {
    let timeline = &facts.aggregate.counting.timeline;
    let (peak, start) = timeline.peak(SHORT, |bin| bin.servfail);
    let all: u64 = timeline.bins().map(|(_, bin)| u64::from(bin.servfail)).sum();
    let part = Facts::share(count, all).min(1.0);
    ((peak as f64 * part).round() as u64, start)
}

/// Whether so many SERVFAILs crowd in some 10 s.
pub(super) fn is_burst(facts: &Facts<'_>, count: u64) -> bool {
    let timeline = &facts.aggregate.counting.timeline;
    let (peak, start) = peak(facts, count);
    let end = start.plus(SHORT.max(timeline.width()));
    let asked: u64 = timeline
        .bins()
        .filter(|(time, _)| (start..end).contains(time))
        .map(|(_, bin)| u64::from(bin.asked))
        .sum();
    let share = Facts::share(peak, asked);
    peak >= BURST && (share >= BURST_SHARE || share >= CROWDED_SHARE && peak * 2 > count)
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let seen = servfails(facts);
    let (peak, _) = peak(facts, seen.count);
    let share = Facts::share(seen.count, seen.answers);
    let burst = is_burst(facts, seen.count);
    if seen.count < BURST || !burst && share <= SHARE {
        return None;
    }
    let backends = seen.backends(facts);
    let (period, when) = when(facts, &seen);
    // RA set: somebody behind the server says so, and this capture does not show who.
    let relayed = seen.relayed * 2 > seen.count;
    let confidence = if relayed { 0.5 } else { 0.7 };
    let severity = if share >= 0.5 { Severity::High } else { Severity::Medium };
    let maker = match () {
        () if relayed => "RA is set in most: the server relays them from a recursive resolver",
        () if seen.own * 2 > seen.count => {
            "RA and AA are unset and they are empty: the server made them itself"
        }
        () if seen.authoritative * 2 > seen.count => {
            "AA is set: the server has the zone, but not its data"
        }
        () => "they do not look alike",
    };
    Some(
        CAUSE
            .finding(severity, facts.capped(confidence), period)
            .about(Scope::between(&seen.clients, &backends))
            .explaining(seen.count)
            .saying(format!(
                "{} answered {} questions with SERVFAIL ({} of all answers){when}, and no failing \
                 upstream is seen behind it.",
                filter::words(&backends),
                seen.count,
                words::percent(share)
            ))
            .shown_by(
                Evidence::new(
                    "servfail_responses",
                    seen.count as f64,
                    "count",
                    format!("{} SERVFAILs, up to {peak} within 10 s; {maker}.", seen.count),
                )
                .at(seen.frames.iter().copied())
                .filter("dns.flags.rcode == 2".to_owned()),
            )
            .with_sample(facts, &SAMPLES, |sample| holds(&seen.clients, sample.client))
            .shown_by(Evidence::new(
                "servfail_ratio",
                share,
                "ratio",
                format!(
                    "{} of {} answers to clients were SERVFAIL; {} ended with it.",
                    seen.count,
                    seen.answers,
                    words::counted(seen.failed_lookups, "lookup")
                ),
            ))
            .rather_than(
                "upstream_unreachable",
                "the answers came faster than a forwarder gives its upstream up, or the upstream \
                 leg is in the capture and works",
            )
            .rather_than(
                "servfail_transient",
                format!("{} are more than the {} of a scale-down", seen.count, BURST - 1),
            ),
    )
}

/// Most of them in a part of the capture date it: the window, and words for it.
fn when(facts: &Facts<'_>, seen: &Servfails) -> (Period, String) {
    let timeline = &facts.aggregate.counting.timeline;
    let Some(crowd) = Crowd::of(timeline, |bin| bin.servfail, |bin| bin.asked) else {
        return (seen.period, String::new());
    };
    let fine = Period::of(facts.client_pairs().map(|pair| pair.answers));
    let (first, last) = (crowd.period.first, crowd.period.last);
    if crowd.count as f64 >= CROWDED * seen.count as f64
        && (fine.first.plus(timeline.width()) < first || fine.last > last.plus(timeline.width()))
    {
        return (crowd.period, format!(" from {} to {} UTC", clock(first), clock(last)));
    }
    (seen.period, String::new())
}

#[cfg(test)]
mod tests;
