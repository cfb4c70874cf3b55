//! Answers come from another address than was asked, at the client's own interface.

use crate::aggregate::{Pair, Period};
use crate::model::Address;
use crate::verdict::addresses::sorted;
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter};

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "reply_source_mismatch",
    category: "packet_loss",
    normal: false,
    title: "Answers come from another address than was asked",
    meaning: "A client asks the Service's address and gets its answer from the CoreDNS pod's own: \
        nobody turned the DNAT back. A resolver takes answers from the address that it asked only, so \
        it throws this one away, or its kernel refuses it with ICMP, and the lookup times out. On a \
        bridge without br_netfilter, answers of a pod on the same node go past the node's conntrack; \
        asymmetric routes and a server with several addresses do the same.",
    signature: "At least three answers with the ID, name and type of a question, to its port, from an \
        address that was not asked, seen on the interface where the question was first seen and going \
        the other way; the translated answer never follows.",
    look_alikes: &[
        (
            "reverse NAT further on",
            "the pod's address is seen on another interface, the Service's on this one",
        ),
        ("client_egress_dropped", "nothing comes back at all"),
        ("spoofed answers", "the true one comes as well"),
    ],
    vantage: "The client's own interface: its pod, or its veth on the node (`-i any` with interface \
        names). At the ENI and at the server the pod's address is right.",
    immediate: "Load br_netfilter and set net.bridge.bridge-nf-call-iptables=1 (and \
        bridge-nf-call-ip6tables) on the nodes of these clients.",
    long_term: "Let the CNI or the node image set both at boot; with several addresses, let the \
        server answer from the one that was asked.",
    confirm: &[
        "sudo sysctl net.bridge.bridge-nf-call-iptables",
        "sudo sysctl net.bridge.bridge-nf-call-ip6tables",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl get pods -A -o wide --field-selector status.podIP=CLIENT",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let pairs: Vec<&Pair> = facts
        .aggregate
        .counting
        .pairs
        .iter()
        .filter(|pair| pair.rare().strangers.count > 0)
        .collect();
    let count: u64 = pairs.iter().map(|pair| pair.rare().strangers.count).sum();
    if count < FEW {
        return None;
    }
    let period = Period::of(pairs.iter().map(|pair| pair.rare().strangers.period));
    let clients = sorted(pairs.iter().map(|pair| pair.client));
    let servers = sorted(pairs.iter().map(|pair| pair.server));
    let sources: Vec<Address> = sorted(pairs.iter().map(|pair| pair.rare().strangers.source));
    let sent: u64 = pairs.iter().map(|pair| pair.all().sent).sum();
    let fine: u64 = pairs
        .iter()
        .map(|pair| {
            pair.all()
                .answered
                .saturating_sub(pair.rare().strangers.count - pair.rare().strangers.unanswered)
        })
        .sum();
    let severity = if fine == 0 { Severity::High } else { Severity::Medium };
    Some(
        CAUSE
            .finding(severity, facts.capped(0.85), period)
            .about(Scope::between(&clients, &servers))
            .explaining(count)
            .saying(format!(
                "{} {} {} and {} answered from {}: {count} answers that no resolver accepts.",
                filter::words(&clients),
                filter::verb(&clients, "asks", "ask"),
                filter::words(&servers),
                filter::verb(&clients, "is", "are"),
                filter::words(&sources),
            ))
            .shown_by(
                Evidence::new("answers_from_elsewhere", count as f64, "count", format!(
                    "{count} of {sent} questions to {} were answered by {} at the client's own interface, \
                     and never by the address that was asked.",
                    filter::words(&servers),
                    filter::words(&sources),
                ))
                .at(pairs.iter().flat_map(|pair| pair.rare().strangers.frames.iter()))
                .filter(format!(
                    "dns.flags.response == 1 && {} && !({})",
                    filter::to(&clients),
                    filter::from(&servers)
                )),
            )
            .shown_by(Evidence::new("answers_refused", facts.aggregate.counting.totals.unwanted as f64, "count",
                format!(
                    "{} ICMP errors of clients say that nobody listens for an answer; {fine} other questions \
                     of these clients were answered by the address that they asked.",
                    facts.aggregate.counting.totals.unwanted
                )))
            .rather_than(
                "client_egress_dropped",
                "the answers reach the client, from an address that it did not ask",
            ),
    )
}

#[cfg(test)]
mod tests;
