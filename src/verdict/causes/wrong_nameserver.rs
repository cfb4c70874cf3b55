//! Clients ask an address that never answers anybody while another serves the rest.

use super::firewall_reject::sorted;
use crate::aggregate::{Pair, Period};
use crate::model::Address;
use crate::verdict::silence::{Sum, by_server};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter};

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "wrong_nameserver",
    category: "config_error",
    normal: false,
    title: "Clients ask an address that never answers anybody while another serves the rest",
    meaning: "The nameserver in these pods' resolv.conf is not the cluster DNS: a kubelet with the \
        wrong --cluster-dns, a node bootstrapped with the other default (EKS uses 172.20.0.10 in \
        VPCs of 10.0.0.0/8 and 10.100.0.10 elsewhere), a dnsConfig with a stale address.",
    signature: "At least three questions to an address that answers nobody in the capture, without \
        any ICMP port unreachable, while another address answers other clients' questions.",
    look_alikes: &[
        ("client_egress_dropped", "the address does answer others"),
        ("coredns_backend_gone", "the address answered before"),
        ("upstream_unreachable", "it is a forwarder that asks in vain"),
    ],
    vantage: "The clients' node, or wherever several clients are seen. From inside one pod a wrong \
        address and a dropped packet look the same.",
    immediate: "Set the pods' nameserver to the ClusterIP of kube-dns: clusterDNS in the kubelet \
        configuration of their node, or the pods' dnsConfig.",
    long_term: "Take the ClusterIP from the cluster at bootstrap instead of guessing it from the \
        VPC's range; test name resolution before a node takes pods.",
    confirm: &[
        "kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIP}'",
        "kubectl exec <pod> -- cat /etc/resolv.conf",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    if facts.one_sided() {
        return None;
    }
    let servers = by_server(facts.client_pairs());
    let wrong: Vec<&Sum<'_>> = servers
        .iter()
        .filter(|server| server.silent >= FEW && server.all.answered == 0)
        .filter(|server| !server.is_refused() && !facts.cluster_dns.contains(&server.address))
        .filter(|server| !facts.answers(server.address) && others_are_served(facts, server))
        .collect();
    let first = *wrong.first()?;
    let period = Period::of(wrong.iter().map(|server| server.losses));
    let addresses: Vec<Address> = wrong.iter().map(|server| server.address).collect();
    let pairs: Vec<&Pair> = wrong.iter().flat_map(|server| server.pairs.iter().copied()).collect();
    let clients = sorted(pairs.iter().map(|pair| pair.client));
    let serving: Vec<Address> = servers
        .iter()
        .filter(|server| server.all.answered > 0)
        .map(|server| server.address)
        .collect();
    let silent: u64 = wrong.iter().map(|server| server.silent).sum();
    // A second address in resolv.conf that is dead costs time only.
    let only = clients.iter().all(|&client| !answered(facts, client));
    let severity = if only { Severity::High } else { Severity::Medium };
    // One that was up before the capture began, and is down for all, looks the same.
    let confidence = if facts.cluster_dns.is_empty() { 0.6 } else { 0.85 };
    Some(
        CAUSE
            .finding(severity, facts.capped(confidence), period)
            .about(Scope {
                clients: Facts::list(&clients),
                servers: Facts::list(&addresses),
                ..Scope::default()
            })
            .explaining(silent)
            .saying(format!(
                "{} {} {}, which answers nobody, while {} {} the others: {silent} questions lost.",
                filter::words(&clients),
                filter::verb(&clients, "asks", "ask"),
                filter::words(&addresses),
                filter::words(&serving),
                filter::verb(&serving, "serves", "serve")
            ))
            .shown_by(
                Evidence::new(
                    "unanswered_queries",
                    silent as f64,
                    "count",
                    format!(
                        "{silent} questions to {} got nothing back, not from anybody and not once.",
                        filter::words(&addresses)
                    ),
                )
                .at(first.lost_frames())
                .filter(format!("dns && {}", filter::with(&addresses))),
            )
            .rather_than("client_egress_dropped", "nobody is answered by this address")
            .rather_than(
                "coredns_backend_gone",
                "not excluded if it answered before the capture began: compare it with the \
                 ClusterIP of kube-dns",
            ),
    )
}

/// Whether other clients are answered by another server while this one is silent.
fn others_are_served(facts: &Facts<'_>, wrong: &Sum<'_>) -> bool {
    facts.client_pairs().any(|pair| {
        pair.server != wrong.address
            && pair.answers.any()
            && pair.answers.last >= wrong.losses.first
            && pair.answers.first <= wrong.losses.last
    })
}

fn answered(facts: &Facts<'_>, client: Address) -> bool {
    facts.client_pairs().any(|pair| pair.client == client && pair.all.answered > 0)
}

#[cfg(test)]
mod tests;
