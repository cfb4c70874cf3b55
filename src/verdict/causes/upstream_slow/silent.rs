//! An upstream that answers all but a few zones: it goes on looking for their servers, and says nothing
//! for longer than CoreDNS waits.

use super::super::upstream_unreachable;
use super::CAUSE;
use crate::aggregate::{Look, Period, SampleKind};
use crate::verdict::addresses::sorted;
use crate::verdict::answers::{Failing, is_probed_alive, severity, share, upstream_leg};
use crate::verdict::zones::{self, Zone};
use crate::verdict::{Between, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// As many zones may be broken at a time. More, and it is the upstream.
const ZONES: usize = 3;

/// Names that fail so and are fine later are not their zone's fault; a few may be.
const CHANGED: f64 = 0.2;

/// Finds it where the upstream leg and the clients' SERVFAILs are both in the capture.
pub(super) fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let leg = upstream_leg(facts);
    let lost: u64 = leg.iter().map(|pair| pair.silent().min(pair.external().unanswered)).sum();
    // Probes count: an upstream that answers them lives.
    let answered: u64 = leg.iter().map(|pair| pair.all().answered).sum();
    if lost < FEW
        || answered < FEW
        || !is_probed_alive(facts)
        || upstream_unreachable::upstream_leg(facts).is_some()
    {
        return None;
    }
    let failing = Failing::of(facts, facts.client_pairs(), &[Look::GivenUp]);
    let zones = failing_zones(facts, &failing);
    let answers = Period::of(leg.iter().map(|pair| pair.answers));
    let meanwhile = answers.first < failing.period.last && answers.last > failing.period.first;
    let all: u64 = zones.iter().map(failed).sum();
    let few = !zones.is_empty() && zones.len() <= ZONES;
    if !few || !meanwhile || failing.count < FEW || !is_steady(&zones) {
        return None;
    }
    let upstreams = sorted(leg.iter().filter(|p| p.external().unanswered > 0).map(|p| p.server));
    let asked = facts.client_pairs().map(|pair| pair.external().answered).sum();
    let share = share(facts, all, asked, failing.period);
    let whose = zones::words(&zones);
    let mut finding = CAUSE
        .finding(severity(share).min(Severity::Medium), facts.capped(0.6), failing.period)
        .about(Scope { names: zones::listed(&zones), ..Scope::between(&failing.clients(), &upstreams) })
        .explaining(lost.max(all))
        .saying(format!(
            "{} {} nothing about {whose} for as long as CoreDNS waits, and {} all else: the servers of \
             {} out of the upstream's reach, or slow.",
            filter::words(&upstreams),
            filter::verb(&upstreams, "says", "say"),
            filter::verb(&upstreams, "answers", "answer"),
            if zones.len() == 1 { "that zone are" } else { "these zones are" },
        ))
        .shown_by(
            Evidence::new("given_up_servfails", all as f64, "count", format!(
                "{} for names of {whose} after 2, 4 or 6 s of waiting, and no other answer to these \
                 names.",
                words::counted(all, "SERVFAIL")
            ))
            .at(failing.frames.iter().copied())
            .filter(format!("dns.flags.rcode == 2 && {}", filter::to(&failing.clients()))),
        )
        .shown_by(
            Evidence::new("upstream_leg", lost as f64, "count", format!(
                "{} got no answer from the upstream; {answered} did, health probes (`. NS`) included.",
                words::counted(lost, "forwarded question")
            ))
            .at(leg.iter().flat_map(|pair| pair.lost_frames.iter()))
            .filter(format!("dns && {}", filter::with(&upstreams))),
        );
    zones::fill(&mut finding.confirm, &finding.scope.names);
    Some(
        finding
            .with_sample(facts, &[SampleKind::GivenUp], |sample| !facts.is_forwarder(sample.client))
            .rather_than("upstream_unreachable", "the upstream answers other names all the while")
            .rather_than("random_loss", "the same names fail every time, and no others"),
    )
}

/// The zones of names that clients got no other answer for than SERVFAIL after waiting.
fn failing_zones<'a>(facts: &'a Facts<'_>, failing: &Failing<'_>) -> Vec<Zone<'a>> {
    let between = Between::of(&failing.pairs);
    let rows = facts.aggregate.counting.failing_names.iter();
    let rows = rows.filter(|row| row.servfail > 0 && between.asked(row));
    zones::zones(rows, |row| row.servfail)
}

fn failed(zone: &Zone<'_>) -> u64 {
    zone.sum(|row| row.servfail)
}

fn is_steady(zones: &[Zone<'_>]) -> bool {
    let rows: u64 = zones.iter().map(|zone| zone.rows.len() as u64).sum();
    let changed = |zone: &Zone<'_>| zone.rows.iter().filter(|row| row.fine > 0).count() as u64;
    Facts::share(zones.iter().map(changed).sum(), rows) <= CHANGED
}
