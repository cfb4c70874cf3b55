//! A musl client gives up its search list at the first empty answer.

use crate::aggregate::{Client, Period, Stop};
use crate::classify::Zone;
use crate::model::label_count;
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::stub::StubKind;
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// For one walk that breaks off after NXDOMAIN within the list so many go on: else the capture does not
/// show walks whole, and an end in it says nothing.
const WHOLE: u64 = 4;

/// For one walk that goes on after an empty answer so many end there: another thread that asks for the
/// name as it is within half a second looks like the next step.
const STOPS: u64 = 8;

/// Names shown.
const SHOWN: usize = 5;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "musl_search_stopped",
    category: "config_error",
    normal: false,
    title: "A musl client gives up its search list at the first empty answer",
    meaning: "The resolver of musl, Alpine's C library, goes on with the search list after NXDOMAIN \
        only. An answer without records (NODATA) for both families ends the lookup: the name \"exists\". \
        glibc, Go and c-ares go on. A search domain with a wildcard, or a name in it that has only other \
        records or only names below it, is a trap: the name as it is, which would have been answered, \
        is never asked for. The usual one is the cloud's or the company's own domain at the end of the \
        node's search list.",
    signature: "At least three walks of a client end within its search list at a name with empty \
        answers (NOERROR without records, for A and every other type asked), hardly one goes on \
        after such a step, and its walks do go on after NXDOMAIN. The name as it is was answered \
        with records for somebody, or it is none of the cluster's own: else an empty answer is all \
        there is. A single step that ends so counts of a client that is known to be musl, if a \
        search list must have made its name: a suffix of the client's list ends it, or it is a name \
        outside with `<namespace>.svc.<zone>` behind it.",
    look_alikes: &[
        ("another resolver", "it asks otherwise than musl does (ports, IDs, timers), and goes on"),
        ("nodata_no_ipv6", "only AAAA is empty, and the name is found"),
        ("name_does_not_exist", "the walk goes on to the name as it is, which is NXDOMAIN"),
        ("a name without addresses", "the empty answer is that of the name as it is"),
        ("a service without endpoints", "the empty answer is that of a name of the cluster"),
        ("a walk that is seen in part", "walks break off after NXDOMAIN as well"),
    ],
    vantage: "Where all of the client's questions pass: its pod or its node. An ENI or one DNS server of \
        several sees parts of walks.",
    immediate: "Write the name with a trailing dot, or set `ndots: 1` or 2 in the pod's dnsConfig, so \
        that the name as it is comes first.",
    long_term: "Take the wildcard or the half-empty name out of the search domain, or the domain out of \
        the node's search list; use a base image with glibc where that is not possible. No version of \
        musl goes on after NODATA.",
    confirm: &[
        "kubectl exec -n NAMESPACE POD -- cat /etc/resolv.conf",
        "kubectl exec -n NAMESPACE POD -- cat /etc/os-release",
        "kubectl exec -n NAMESPACE POD -- getent hosts NAME",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let rows: Vec<&Stop> = facts
        .aggregate
        .following
        .stops
        .iter()
        .filter(|row| row.count >= FEW && facts.clients().any(|client| stops(facts, client, row)))
        .filter(|row| match facts.stub(row.client) {
            Some(StubKind::Musl) => true,
            // A single step may be a name written out, which ends there for everybody.
            None => row.single + row.made + row.borrowed == 0,
            Some(_) => false,
        })
        .filter(|row| goes_on(facts, row))
        .collect();
    let first = *rows.first()?;
    let count: u64 = rows.iter().map(|row| row.count).sum();
    let clients = sorted(rows.iter().map(|row| row.client));
    let period = Period::of(rows.iter().map(|row| row.period));
    let found = rows.iter().any(|row| exists(facts, row));
    let others: u64 = facts
        .clients()
        .filter(|client| !holds(&clients, client.address))
        .map(|client| client.passed[0])
        .sum();
    let confidence = match (found, others) {
        (true, _) => 0.85,
        _ if rows.iter().any(|row| row.single > 0 && row.made == 0) => 0.5,
        (false, 0) => 0.6,
        (false, _) => 0.75,
    };
    let mut names: Vec<String> =
        rows.iter().flat_map(|row| row.names.iter().map(|(name, _)| name.to_string())).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(SHOWN);
    let (suffix, example) = (first.suffix.to_string(), first.names.first()?.0.to_string());
    let finding = CAUSE
        .finding(Severity::Medium, confidence, period)
        .about(Scope { clients: Facts::list(&clients), names, ..Scope::default() })
        .explaining(count)
        .saying(format!(
            "{} (musl) {} the search list at the empty answer for {example}.{suffix} and never {} for \
             {example}: {count} lookups came to nothing.",
            filter::words(&clients),
            filter::verb(&clients, "leaves", "leave"),
            filter::verb(&clients, "asks", "ask"),
        ))
        .shown_by(
            Evidence::new("walks_stopped", count as f64, "count", format!(
                "{} ended at an empty answer (NOERROR without records) under {suffix}, and none went on \
                 after one; after NXDOMAIN they do go on: musl's way.",
                words::counted(count, "walk")
            ))
            .at(rows.iter().flat_map(|row| row.frames.iter()))
            .filter(format!("dns && {}", filter::with(&clients))),
        );
    let finding = if found {
        finding.shown_by(Evidence::new(
            "name_exists",
            1.0,
            "count",
            "The name was answered with records, as it is or further down the list: others find it."
                .to_owned(),
        ))
    } else {
        finding
    };
    let finding = if others > 0 {
        finding.shown_by(Evidence::new(
            "others_go_on",
            others as f64,
            "count",
            format!(
                "Walks of other clients went on after {}.",
                words::counted(others, "such step")
            ),
        ))
    } else {
        finding
    };
    Some(finding.rather_than(
        "name_does_not_exist",
        if found {
            "the name has addresses, further down the list"
        } else {
            "a name without addresses is not excluded: whether there is anything behind was not asked in this capture; a headless \
             Service without ready endpoints looks the same"
        },
    ))
}

/// Whether this is the client of that address, and stops as musl does.
fn stops(facts: &Facts<'_>, client: &Client, row: &Stop) -> bool {
    if client.address != row.client {
        return false;
    }
    let ([empty_passed, missing_passed], [empty, missing]) = (client.passed, client.stopped);
    let alone = row.made + row.borrowed;
    // Where no other step of a walk comes before it, none is needed to know the walk.
    let whole = alone >= FEW || missing_passed >= WHOLE * missing.max(1);
    let ended = empty + row.single + alone;
    let musl = facts.stub(row.client) == Some(StubKind::Musl);
    let most = if musl { ended / STOPS } else { 0 };
    whole && ended >= FEW && empty_passed <= most
}

/// Whether going on would have led anywhere: an empty answer of the cluster's may be all there is.
fn goes_on(facts: &Facts<'_>, row: &Stop) -> bool {
    let outside = |(name, _): &(crate::model::Name, u64)| {
        label_count(&name.0) > 1 && Zone::of(&name.0) != Zone::Cluster
    };
    let within = Zone::of(&row.suffix.0) == Zone::Cluster && row.made < FEW;
    row.single > 0
        || exists(facts, row)
        || row.borrowed < row.count && !within && row.names.iter().any(outside)
}

fn exists(facts: &Facts<'_>, row: &Stop) -> bool {
    row.names.iter().any(|&(_, hash)| facts.aggregate.following.stops.exists(hash))
}

#[cfg(test)]
mod tests;
