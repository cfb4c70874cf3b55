//! A name that was asked for before it existed.

use super::super::cluster_name_sent_upstream;
use super::{AGAIN, CAUSE, SHOWN, quoted};
use crate::aggregate::{Created, Period};
use crate::model::{Address, Span};
use crate::verdict::{Evidence, Facts, Finding, Scope, Severity, words};

/// CoreDNS keeps an NXDOMAIN for the SOA's minimum, 5 s by default and 30 s at most with the stock
/// Corefile (`cache 30`); and a second for whoever asks.
const CACHED: Span = Span::from_secs(31);

/// Services that were looked up in vain again and again, and found so soon after the last time that a
/// negative cache can have been in between.
pub(super) fn rows<'a>(facts: &'a Facts<'_>) -> Vec<&'a Created> {
    let rows = facts.aggregate.following.created.iter().filter(|row| {
        let soon = row.found.is_some_and(|found| found.since(row.misses.last) <= CACHED);
        // A resolver outside says no at any time.
        let strays = |&seeker: &Address| {
            facts.is_forwarder(seeker)
                || cluster_name_sent_upstream::explains(facts, seeker, &row.name.0)
        };
        row.missed >= AGAIN && soon && !row.seekers.iter().any(strays)
    });
    rows.take(SHOWN).collect()
}

/// Whether the search list makes this Service's name of `wanted`.
pub(super) fn is_of(row: &Created, wanted: &[u8]) -> bool {
    wanted.split_last().is_some_and(|(_, base)| row.name.0.starts_with(base))
}

/// What shows that a name began to exist.
pub(super) fn evidence(row: &Created) -> Evidence {
    let name = row.name.to_string();
    let gap = row.found.map_or(0.0, |found| found.since(row.misses.last).as_secs_f64());
    let relapses = match row.relapses {
        0 => String::new(),
        more => format!(
            " {} came after that: another cache still remembered.",
            words::counted(more, "NXDOMAIN")
        ),
    };
    let text = format!(
        "{name} was answered with records {gap:.1} s after the last of {} in vain: it has just been \
         created, and was asked for too early; what is in vain is cached for up to 30 s (`cache 30` of \
         CoreDNS, the minimum of the SOA).{relapses}",
        words::counted(row.missed, "lookup")
    );
    Evidence::new("negative_cache_after_create", gap, "s", text)
        .at(row.frames.iter())
        .filter(format!("dns.qry.name == {}", quoted(&name)))
}

/// Names that were asked for as they are written out, without a walk. A step of somebody's walk looks
/// the same, but it is never found.
pub(super) fn finding(created: &[&Created]) -> Option<Finding> {
    let first = created.first()?;
    let (name, found) = (first.name.to_string(), first.found?);
    let lookups: u64 = created.iter().map(|row| row.missed).sum();
    let names = created.iter().map(|row| row.name.to_string()).collect();
    let period = Period::of(created.iter().map(|row| row.misses));
    let mut finding = CAUSE
        .finding(Severity::Low, 0.85, period)
        .about(Scope { names, ..Scope::default() })
        .explaining(lookups)
        .saying(format!(
            "{name} did not exist at first: {lookups} lookups were answered NXDOMAIN, until it was found \
             at {found}."
        ))
        .rather_than("ndots_search_chain", "the very name that was in vain was answered later");
    for row in created {
        finding = finding.shown_by(evidence(row));
    }
    Some(finding)
}
