//! REFUSED by the server: no zone, an ACL, a DNS policy or a concurrency cap.

mod why;

pub(in crate::verdict) use why::Why;

use why::Refused;

use crate::aggregate::SampleKind;
use crate::model::Rcode;
use crate::model::extended_error::Matter;
use crate::verdict::answers::{extended_error, severity, share};
use crate::verdict::zones;
use crate::verdict::{Between, Cause, Evidence, Facts, Finding, Scope, Severity, filter, words};

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "query_refused",
    category: "upstream_failure",
    normal: false,
    title: "REFUSED by the server: no zone, an ACL, a DNS policy or a concurrency cap",
    meaning: "The server is there and says no. Who means whom tells why: an upstream whose access \
        list leaves the resolver out refuses everything that is forwarded; a server without a zone or \
        a `forward` for the names refuses them to everybody; an access list refuses one client \
        everything; a DNS policy (Cilium's toFQDNs rules) refuses one workload certain names, within \
        a millisecond, time and again; CoreDNS refuses what exceeds `max_concurrent` while its \
        upstream is slow, now and then.\n\nglibc, Go and c-ares try the next server and give the \
        search list up; musl ignores REFUSED and waits until its time is over.",
    signature: "At least three questions of resolvers answered REFUSED (RD set, class IN, no zone \
        transfer, no update, not ANY and not the root).",
    look_alikes: &[
        ("upstream_servfail", "the upstream fails rather than refuses"),
        ("upstream_slow", "the answers come late; REFUSED by a concurrency cap follows from that"),
        ("firewall_reject", "an ICMP error says no, not the server"),
        ("musl_search_stopped", "the first empty answer, not REFUSED, ends the walk"),
    ],
    vantage: "Anywhere between client and server; whether upstream refuses shows on the DNS server's \
        side, whether only some clients are refused where several are seen (a node, the DNS server).",
    immediate: "By kind: have the upstream's access list allow the resolvers' addresses; add the \
        zone, or a `forward` for it, to the Corefile; allow the clients' network in the server's access \
        list; add the names to the DNS policy; raise `max_concurrent` or add replicas, and see why the \
        upstream is slow.",
    long_term: "Test DNS policies with the names that the search list makes; alert on \
        coredns_dns_responses_total with rcode REFUSED and on \
        coredns_forward_max_concurrent_rejects_total.",
    confirm: &[
        "dig @SERVER NAME",
        "kubectl -n kube-system get configmap coredns -o yaml",
        "kubectl get ciliumnetworkpolicies -A -o yaml",
        "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=200",
    ],
    detect,
};

/// Why questions are refused, if enough of them are.
pub(in crate::verdict) fn why(facts: &Facts<'_>) -> Option<Why> {
    Refused::of(facts).map(|refused| refused.why)
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let refused = Refused::of(facts)?;
    let (why, failing) = (refused.why, &refused.failing);
    let servers = failing.servers();
    let clients = failing.clients();
    let between = Between::of(&failing.pairs);
    let rows = facts.aggregate.counting.failing_names.iter();
    let rows = rows.filter(|row| row.refused > 0 && between.asked(row));
    let zones = zones::zones(rows, |row| row.refused);
    let share = share(facts, failing.count, refused.answered, failing.period);
    let severity = if failing.count < FEW_LOOKUPS { Severity::Low } else { severity(share) };
    let mut finding = CAUSE
        .finding(severity, facts.capped(why.confidence()), failing.period)
        .about(Scope { names: zones::listed(&zones), ..Scope::between(&clients, &servers) })
        .explaining(failing.count.max(refused.clients))
        .saying(format!(
            "{} refused {} ({}): {}.",
            filter::words(&servers),
            words::counted(failing.count, "question"),
            zones::words(&zones),
            why.words(clients.len() == 1)
        ))
        .shown_by(
            Evidence::new("refused_responses", failing.count as f64, "count", format!(
                "{} REFUSED to {}: {} of the answers in that time, {} of them within 2 ms, {} with \
                 RA set.",
                words::counted(failing.count, "answer"),
                filter::words(&clients),
                words::percent(share),
                failing.quick,
                failing.relayed
            ))
            .at(failing.frames.iter().copied())
            .filter(format!("dns.flags.rcode == 5 && {}", filter::to(&clients))),
        )
        .shown_by(Evidence::new("same_question_answered", refused.changed as f64, "count", format!(
            "Of {} that were refused, {} had another answer later, to the same client.",
            words::counted(refused.names, "name"),
            refused.changed
        )));
    if refused.others > 0 {
        finding = finding.shown_by(Evidence::new(
            "others_answered",
            refused.others as f64,
            "count",
            format!(
                "{} refused nothing by the same server in the same time.",
                words::counted(refused.others, "other client")
                    + words::verb(refused.others, " was", " were")
            ),
        ));
    }
    if why == Why::Upstream && refused.clients > 0 {
        finding = finding.shown_by(
            Evidence::new(
                "relayed_refusals",
                refused.clients as f64,
                "count",
                format!(
                    "{} to clients: the upstream's, handed on.",
                    words::counted(refused.clients, "refusal")
                ),
            )
            .filter("dns.flags.rcode == 5".to_owned()),
        );
    }
    for (code, count) in failing.extended(facts, Matter::Policy) {
        finding = finding.shown_by(extended_error(Rcode::REFUSED, code, count, ""));
    }
    why.immediate().clone_into(&mut finding.mitigation.immediate);
    zones::fill(&mut finding.confirm, &finding.scope.names);
    finding = finding.with_sample(facts, &[SampleKind::Refused], |sample| {
        failing.pairs.iter().any(|p| (p.client, p.server) == (sample.client, sample.server))
    });
    Some(finding.rather_than(why.mimic().0, why.mimic().1))
}

/// Fewer refused questions than this are some lookups of somebody's.
const FEW_LOOKUPS: u64 = 10;

#[cfg(test)]
mod tests;
