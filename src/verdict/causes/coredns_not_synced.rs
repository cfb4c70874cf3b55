//! SERVFAIL, authoritative, for the cluster zone as a backend starts.

use crate::aggregate::{Look, SampleKind, Server};
use crate::model::{Address, Span};
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::answers::{Failing, share};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// CoreDNS' kubernetes plugin holds its start up for 5 s at most to wait for the API server, then
/// serves what it has. A backend that is fine some 30 s later has only started too early.
const START: Span = Span::from_secs(30);

/// Names outside may be answered a moment before the first name of the cluster is asked.
const SOON: Span = Span::from_secs(2);

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "coredns_not_synced",
    category: "coredns_down",
    normal: false,
    title: "SERVFAIL, authoritative, for the cluster zone as a backend starts",
    meaning: "CoreDNS' kubernetes plugin reads Services and Pods from the API server. Until it has \
        read them, it answers every name of the cluster zone SERVFAIL, as the zone's authority. That \
        takes moments after a start; it goes on for as long as the API server is not reached: a \
        network policy, missing rights of the service account, an API server that is down. Names \
        outside are forwarded all the while.",
    signature: "At least three SERVFAILs with AA set, RA unset and a SOA record in the authority \
        section, for names of the cluster. The backend's first answers in the capture are of these; \
        other backends answer the same names.",
    look_alikes: &[
        ("servfail_burst", "AA is unset"),
        ("servfail_transient", "AA is unset, and it is the end of a backend, not its start"),
        ("upstream_servfail", "RA is set, and the names are outside the cluster"),
    ],
    vantage: "Anywhere between client and cluster DNS. Which backend it is shows where the backends' \
        own addresses are seen (a node, an ENI, the backend's pod).",
    immediate: "See why that CoreDNS pod does not reach the API server (its log names it: timeout, \
        Unauthorized, forbidden). If all others are fine, take the pod out of the Service by deleting it.",
    long_term: "Point the readiness probe at the ready plugin (/ready, port 8181), so that a pod gets \
        no questions before it is synchronised; allow CoreDNS' egress to the API server in every \
        policy for kube-system; keep its ClusterRole as the release ships it.",
    confirm: &[
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=200",
        "kubectl -n kube-system get deployment coredns -o yaml",
        "kubectl get clusterrole system:coredns -o yaml",
        "kubectl get endpointslices kubernetes",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let of_clients = Failing::of(facts, facts.client_pairs(), &[Look::Unsynced]);
    // A node's cache asks the cluster DNS as a forwarder; then its clients' answers are copies.
    let forwarded = Failing::of(facts, facts.upstream_pairs(), &[Look::Unsynced]);
    let failing = if of_clients.count >= FEW { of_clients } else { forwarded };
    if failing.count < FEW {
        return None;
    }
    let asked = failing.servers();
    let backends = backends(facts, &asked);
    let shown: Vec<&Server> =
        backends.iter().filter_map(|&at| facts.aggregate.counting.server(at)).collect();
    let fine = fine_backends(facts, &backends, &asked);
    let early = |s: &&Server| s.unsynced_times.first <= s.answers.first.plus(SOON);
    let started = shown.iter().all(early);
    let ended = shown.iter().all(|s| s.synced > s.unsynced_times.last);
    let seconds = failing.period.last.since(failing.period.first).as_secs_f64();
    let answered: u64 = failing.pairs.iter().map(|pair| pair.cluster().answered).sum();
    let share = share(facts, failing.count, answered, failing.period);
    let brief = failing.period.last.since(failing.period.first) <= START && ended;
    let severity = match () {
        // Somebody else answers, or it passes: retries succeed.
        () if !fine.is_empty() && brief => Severity::Low,
        () if !fine.is_empty() || brief => Severity::Medium,
        () if share >= 0.45 => Severity::High,
        () => Severity::Medium,
    };
    let behind = backends != asked;
    let confidence = if started && (behind || !fine.is_empty()) { 0.85 } else { 0.75 };
    let others = match fine.as_slice() {
        [] if behind || asked.len() > 1 => String::new(),
        [] => "; which backend it is, and whether others answer, does not show here".to_owned(),
        fine => format!(
            ", while {} {} them",
            filter::words(fine),
            filter::verb(fine, "answers", "answer")
        ),
    };
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), failing.period)
        .about(Scope::between(&failing.clients(), &backends))
        .explaining(failing.count)
        .saying(format!(
            "{} {} the cluster zone but not its data: {} for names of the cluster within \
             {seconds:.1} s, as before its first contact with the API server{others}.",
            filter::words(&backends),
            filter::verb(&backends, "has", "have"),
            words::counted(failing.count, "authoritative SERVFAIL")
        ))
        .shown_by(
            Evidence::new("authoritative_servfails", failing.count as f64, "count", format!(
                "{} with AA and a SOA record, {} of the answers for names of the cluster in that time.",
                words::counted(failing.count, "SERVFAIL"),
                words::percent(share)
            ))
            .at(failing.frames.iter().copied())
            .filter("dns.flags.rcode == 2 && dns.flags.authoritative == 1".to_owned()),
        );
    if started && behind {
        let text = if ended {
            "Its first answers in this capture are of these, and its last ones for names of the cluster \
             are not: it has started and found the API server."
        } else {
            "Its first answers in this capture are of these, and so are its last for names of the \
             cluster: it has not reached the API server so far."
        };
        finding = finding.shown_by(
            Evidence::new("seconds_unsynced", seconds, "s", text.to_owned())
                .filter(format!("dns && {}", filter::from(&backends))),
        );
    }
    Some(
        finding
            .with_sample(facts, &[SampleKind::ServFail, SampleKind::GivenUp], |sample| {
                failing.pairs.iter().any(|p| (p.client, p.server) == (sample.client, sample.server))
            })
            .rather_than("servfail_burst", "a failing plugin or an overloaded server sets no AA")
            .rather_than(
                "servfail_transient",
                "a pod that goes away does not answer as the zone's authority without data",
            ),
    )
}

/// Who answers so: the addresses behind the DNAT where they are known.
fn backends(facts: &Facts<'_>, asked: &[Address]) -> Vec<Address> {
    let unsynced = facts.aggregate.counting.servers.iter().filter(|server| server.unsynced > 0);
    facts.behind(asked, &sorted(unsynced.map(|server| server.address)))
}

/// Other backends that were fine in the meantime.
fn fine_backends(facts: &Facts<'_>, backends: &[Address], asked: &[Address]) -> Vec<Address> {
    let (services, upstreams) = (facts.services(), facts.upstreams());
    let times =
        |address: &Address| facts.aggregate.counting.server(*address).map(|s| s.unsynced_times);
    let period = crate::aggregate::Period::of(backends.iter().filter_map(times));
    sorted(
        facts
            .aggregate
            .counting
            .servers
            .iter()
            .filter(|s| s.unsynced == 0 && s.answered >= FEW && !holds(&services, s.address))
            .filter(|s| !holds(&upstreams, s.address) && !asked.contains(&s.address))
            .filter(|s| s.answers.first <= period.last && s.answers.last >= period.first)
            .map(|s| s.address),
    )
}

#[cfg(test)]
mod tests;
