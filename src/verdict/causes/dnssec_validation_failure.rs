//! SERVFAIL with the extended errors of DNSSEC: the resolver has the answer and does not trust it.

use std::collections::BTreeMap;

use crate::aggregate::{FailingName, Look, Period, SampleKind};
use crate::model::Address;
use crate::model::extended_error::{Matter, meaning};
use crate::verdict::addresses::sorted;
use crate::verdict::answers::{Failing, external_answers, severity, share, upstream_leg};
use crate::verdict::zones::{self, Zone};
use crate::verdict::{
    Between, Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words,
};

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "dnssec_validation_failure",
    category: "upstream_failure",
    normal: false,
    title: "SERVFAIL with the extended errors of DNSSEC",
    meaning: "A validating resolver got an answer for these names and could not prove it: signatures \
        have expired, keys and DS records do not fit, or the resolver's own clock or trust anchor is \
        wrong. It answers SERVFAIL, and the cluster DNS hands that on. Mostly it is the zone that is \
        broken: other signed zones resolve, and a resolver that does not validate resolves this one.",
    signature: "At least three SERVFAILs for names of a zone of which one bears an INFO-CODE of DNSSEC \
        (RFC 8914: 1, 2, 5 to 12, 25 or 27), or whose names are answered to a question with CD \
        (checking disabled) while they fail without it.",
    look_alikes: &[
        ("upstream_servfail", "no INFO-CODE of DNSSEC, and asking with CD fails as well"),
        ("upstream_unreachable", "the SERVFAIL comes without RA, after multiples of 2 s"),
        ("servfail_burst", "RA is unset, and zones do not matter"),
    ],
    vantage: "Anywhere where the answers pass. A resolver adds extended errors only to answers for \
        clients that use EDNS (Go, dig, systemd-resolved; not glibc and musl by default), and CoreDNS' \
        cache takes them out: they show on its upstream leg, seldom at its clients.",
    immediate: "Ask the zone's owner to repair its signatures or DS record (dnsviz.net shows which \
        link of the chain is broken). If the zone cannot wait, have the resolver's operator add a \
        negative trust anchor for that zone only. If all signed zones fail, correct the resolver's \
        clock or trust anchor.",
    long_term: "Monitor the expiry of signatures of zones that you depend on or own, and keep the \
        resolvers' clocks synchronised and trust anchors updated (RFC 5011).",
    confirm: &[
        "dig +dnssec NAME",
        "dig +cd +dnssec NAME",
        "kubectl exec -n NAMESPACE POD -- dig +cd NAME",
    ],
    detect,
};

/// Zones that fail validation: an extended error says so, or they are fine unchecked.
fn broken<'a>(facts: &'a Facts<'_>) -> Vec<Zone<'a>> {
    let rows = facts.aggregate.counting.failing_names.iter();
    let rows = rows.filter(|row| row.servfail + row.unchecked > 0);
    zones::zones(rows, |row| row.servfail)
        .into_iter()
        .filter(|zone| zone.sum(|row| row.servfail) >= FEW)
        .filter(|zone| zone.sum(|row| row.dnssec) > 0 || is_fine_unchecked(zone))
        .collect()
}

/// Whether some name of the zone is answered to those who ask not to check it, and to nobody else.
fn is_fine_unchecked(zone: &Zone<'_>) -> bool {
    let mut names: BTreeMap<&[u8], [u64; 3]> = BTreeMap::new();
    for row in &zone.rows {
        let [unchecked, failed, fine] = names.entry(&row.name).or_default();
        *unchecked += row.unchecked;
        *failed += row.servfail;
        *fine += row.fine;
    }
    names.values().any(|&[unchecked, failed, fine]| unchecked > 0 && failed >= FEW && fine == 0)
}

/// How many SERVFAILs between these pairs are explained so.
pub(super) fn explained(facts: &Facts<'_>, pairs: &Between) -> u64 {
    let rows = broken(facts).into_iter().flat_map(|zone| zone.rows);
    rows.filter(|row| pairs.asked(row)).map(|row| row.servfail).sum()
}

/// Whether a row is of the clients' own leg.
fn is_clients(facts: &Facts<'_>, row: &FailingName) -> bool {
    !facts.is_forwarder(row.client)
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let broken = broken(facts);
    if broken.is_empty() {
        return None;
    }
    let rows: Vec<&FailingName> =
        broken.iter().flat_map(|zone| zone.rows.iter().copied()).collect();
    let at_clients: Vec<&FailingName> =
        rows.iter().copied().filter(|row| is_clients(facts, row) && row.servfail > 0).collect();
    let damaged = if at_clients.is_empty() { &rows } else { &at_clients };
    let failed: u64 = damaged.iter().map(|row| row.servfail).sum();
    let period = Period::of(rows.iter().map(|row| row.period));
    let answered = if at_clients.is_empty() {
        external_answers(facts.upstream_pairs())
    } else {
        external_answers(facts.client_pairs())
    };
    let share = share(facts, failed, answered, period);
    // Who needs one zone only has others to go on with.
    let most = if broken.len() == 1 { Severity::Medium } else { Severity::High };
    let severity = severity(share).min(most);
    let clients = sorted(damaged.iter().filter(|row| row.servfail > 0).map(|row| row.client));
    let servers = deepest(facts, &rows);
    let coded: u64 = rows.iter().map(|row| row.dnssec).sum();
    let unchecked: u64 = rows.iter().map(|row| row.unchecked).sum();
    let wheres = zones::words(&broken);
    let mut finding = CAUSE
        .finding(severity, facts.capped(0.85), period)
        .about(Scope { names: zones::listed(&broken), ..Scope::between(&clients, &servers) })
        .explaining(failed)
        .saying(format!(
            "DNSSEC validation fails for {wheres}: {} answered SERVFAIL {} to questions for it, {}.",
            filter::words(&servers),
            words::counted(failed, "time"),
            if coded > 0 { "and its extended errors say why" } else { "and unchecked it resolves" }
        ));
    zones::fill(&mut finding.confirm, &finding.scope.names);
    if coded > 0 {
        let asking = Between::asking(&rows);
        let pairs = facts.aggregate.counting.pairs.iter().filter(|pair| asking.has(pair));
        let failing = Failing::of(facts, pairs, &Look::SERVFAILS);
        let codes: Vec<String> = failing
            .extended(facts, Matter::Dnssec)
            .iter()
            .map(|(code, count)| {
                format!(
                    "{code} ({}) {}",
                    meaning(*code).unwrap_or("unassigned"),
                    words::counted(*count, "time")
                )
            })
            .collect();
        finding = finding.shown_by(
            Evidence::new(
                "dnssec_extended_errors",
                coded as f64,
                "count",
                format!("INFO-CODEs of the SERVFAILs: {}.", codes.join(", ")),
            )
            .at(rows.iter().filter(|row| row.dnssec > 0).flat_map(|row| row.frames.iter()))
            .filter("dns.flags.rcode == 2 && dns.opt.code == 15".to_owned()),
        );
    }
    if unchecked > 0 {
        finding = finding.shown_by(
            Evidence::new("answered_unchecked", unchecked as f64, "count", format!(
                "{} with CD (checking disabled) for the same names {} answered: the data is there, and \
                 only its validation fails.",
                words::counted(unchecked, "question"),
                words::verb(unchecked, "was", "were")
            ))
            .filter("dns.flags.response == 1 && dns.flags.checkdisable == 1".to_owned()),
        );
    }
    finding = finding.shown_by(
        Evidence::new(
            "servfail_ratio",
            share,
            "ratio",
            format!(
                "{} of the answers for names outside in that time were SERVFAILs of {wheres}.",
                words::percent(share)
            ),
        )
        .at(damaged.iter().flat_map(|row| row.frames.iter()))
        .filter(format!("dns.flags.rcode == 2 && {}", zones::filter(&broken))),
    );
    let about = |row: &&FailingName| row.dnssec > 0 || coded == 0;
    let shown: Vec<&FailingName> = rows.iter().copied().filter(about).collect();
    Some(
        finding
            .with_sample(facts, &[SampleKind::ServFail], |sample| {
                shown.iter().any(|row| sample.is_about(&row.name) && sample.server == row.server)
            })
            .rather_than(
                "upstream_servfail",
                "the resolver says itself that validation failed, or answers as soon as it need not \
                 validate",
            ),
    )
}

/// Who validated: the servers of the last leg that shows these failures.
fn deepest(facts: &Facts<'_>, rows: &[&FailingName]) -> Vec<Address> {
    let leg = Between::of(&upstream_leg(facts));
    let failed = || rows.iter().filter(|row| row.servfail > 0);
    let last = sorted(failed().filter(|row| leg.asked(row)).map(|row| row.server));
    if last.is_empty() { sorted(failed().map(|row| row.server)) } else { last }
}

#[cfg(test)]
mod tests;
