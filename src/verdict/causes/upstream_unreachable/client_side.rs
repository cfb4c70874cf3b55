//! Only the clients' side is in the capture: the SERVFAILs tell.

use super::{CAUSE, cluster_answers};
use crate::aggregate::{Bin, Look, Pair, Period, SampleKind};
use crate::model::{Address, Span};
use crate::verdict::addresses::holds;
use crate::verdict::answers;
use crate::verdict::crowd::Crowd;
use crate::verdict::silence::{by_client, by_server};
use crate::verdict::words::{self, clock};
use crate::verdict::{Evidence, FEW, Facts, Finding, Scope, Severity, filter};

/// Where only the clients' side was captured: this share of the questions for names outside has to
/// come to nothing.
const CLIENT_SIDE_SHARE: f64 = 0.8;

/// Where more than a few of them failed as CoreDNS gives up, a cache may have answered most: but less than
/// this share of all is what any resolver has on any day.
const LEAST_SHARE: f64 = 0.03;

/// Only the clients' side is in the capture: the SERVFAILs tell.
pub(super) fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let pairs: Vec<&Pair> = facts
        .client_pairs()
        .filter(|pair| given_up(facts, pair) > 0 || pair.external().unanswered > 0)
        .collect();
    let timeouts: u64 = pairs.iter().map(|pair| given_up(facts, pair)).sum();
    let bad: u64 = pairs.iter().map(|p| p.external().unanswered + p.external().servfail).sum();
    // Names outside that were answered in the same time: from a cache.
    let asked = |bin: &Bin| bin.external_bad + bin.external_fine;
    let crowd = Crowd::of(&facts.aggregate.counting.timeline, |bin| bin.external_bad, asked)?;
    let (share, period) = (Facts::share(crowd.count, crowd.asked), crowd.period);
    let cluster = cluster_answers(facts);
    if leg_answers(facts, period) {
        return None;
    }
    let servers: Vec<Address> =
        by_server(pairs.iter().copied()).iter().map(|s| s.address).collect();
    // Unset flags and whole multiples of 2 s are CoreDNS' own; a few of them stand for all, unless the
    // same servers fail at other moments as often: some of those fall on a multiple by chance.
    let failed: u64 = servers
        .iter()
        .flat_map(|&server| facts.client_pairs_to(server))
        .map(|pair| pair.external().servfail)
        .sum();
    let least = if timeouts < 2 * FEW { CLIENT_SIDE_SHARE } else { LEAST_SHARE };
    if timeouts < FEW || timeouts * 2 < failed || share < least {
        return None;
    }
    let clients: Vec<Address> =
        by_client(pairs.iter().copied()).iter().map(|c| c.address).collect();
    let confidence = if cluster > 0 { 0.6 } else { 0.5 };
    Some(
        CAUSE
            .finding(Severity::High, facts.capped(confidence), period)
            .about(Scope::between(&clients, &servers))
            .explaining(bad)
            .saying(format!(
                "Names outside the cluster fail at {}{}: {timeouts} SERVFAILs came 2, 4 or 6 s after \
                 the question, as CoreDNS gives up a silent upstream (upstream leg not captured).",
                filter::words(&servers),
                when(facts, period)
            ))
            .shown_by(
                Evidence::new("servfail_after_timeout", timeouts as f64, "count", format!(
                    "{timeouts} SERVFAILs for names outside came after a multiple of 2 s: CoreDNS \
                     waits so long for an upstream, up to three times."
                ))
                .at(pairs.iter().flat_map(|pair| pair.rare().servfail_frames.iter()))
                .filter(format!("dns.flags.rcode == 2 && {}", filter::to(&clients))),
            )
            .with_sample(facts, &[SampleKind::GivenUp], |sample| holds(&clients, sample.client))
            .shown_by(Evidence::new("external_failures", share, "ratio", format!(
                "{} of {} questions for names outside came to nothing in that time.",
                crowd.count, crowd.asked
            )))
            .shown_by(Evidence::new("cluster_answers", cluster as f64, "count", format!(
                "{} for names of the cluster found an answer.",
                words::counted(cluster, "question")
            )))
            .rather_than(
                "upstream_slow",
                "not excluded from here: capture on the DNS server's side to see the upstream leg",
            )
            .rather_than(
                "dns_forwarding_loop",
                "not excluded from here: a question that goes round ends so, too; the Corefile's \
                 `forward` and the pods' /etc/resolv.conf tell",
            ),
    )
}

/// Whether the upstream leg is in the capture and goes on answering while clients fail: a silent
/// upstream is silent from some moment on. One that answers its probes is there; so is one that answers
/// nearly all that it is asked, where CoreDNS is set to send no probes: SERVFAILs come of losing both
/// tries, too.
fn leg_answers(facts: &Facts<'_>, failing: Period) -> bool {
    /// What was asked before the silence may still be answered.
    const ON_THE_WAY: Span = Span::from_secs(2);
    /// Of what it is asked, an upstream that is merely badly reached answers this share.
    const NEARLY: f64 = 0.9;
    let alive = answers::is_probed_alive(facts);
    answers::upstream_leg(facts).iter().any(|pair| {
        (alive || Facts::share(pair.all().answered, pair.all().sent) >= NEARLY)
            && pair.all().answered >= FEW
            && pair.answers.last > failing.first.plus(ON_THE_WAY)
            && pair.answers.first < failing.last
            && pair.losses.last > failing.first
    })
}

/// SERVFAILs for names outside that look like a forwarder's after vain waiting.
fn given_up(facts: &Facts<'_>, pair: &Pair) -> u64 {
    facts.aggregate.counting.failures(pair).look(Look::GivenUp).external
}

/// When it was, where names outside were fine before or after.
fn when(facts: &Facts<'_>, period: Period) -> String {
    let fine = Period::of(facts.client_pairs().map(|pair| pair.external_fine));
    match (fine.first < period.first, fine.last > period.last) {
        (true, true) => format!(
            " from {} to {} UTC (fine before and after)",
            clock(period.first),
            clock(period.last)
        ),
        (true, false) => format!(" from {} UTC on", clock(period.first)),
        (false, true) => format!(" until {} UTC", clock(period.last)),
        (false, false) => String::new(),
    }
}
