//! Clients ask an address that never answers anybody while another serves the rest.

use std::collections::BTreeSet;

use super::firewall_reject::kind_words;
use super::nodelocaldns_down;
use crate::aggregate::{Pair, Period};
use crate::decode::IcmpKind;
use crate::model::Address;
use crate::verdict::addresses::{are_near, clients, holds, network, sorted};
use crate::verdict::silence::{Sum, by_server};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// The two ClusterIPs of kube-dns that EKS gives out: 172.20.0.10 where the VPC lies in 10.0.0.0/8,
/// 10.100.0.10 elsewhere. A node bootstrapped for the other kind of VPC asks the other one.
const EKS_DEFAULTS: [Address; 2] =
    [Address::from_v4([10, 100, 0, 10]), Address::from_v4([172, 20, 0, 10])];

/// One of two backends is missed by so many questions of one client with the chance of 1 in 256.
const SPARED: u64 = 8;

/// Servers of a client that are looked at for who else is served there: a resolv.conf names three, and
/// a Service of the largest clusters has some 300 CoreDNS pods. Who asks thousands is no stub resolver.
const SHARED: usize = 512;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "wrong_nameserver",
    category: "config_error",
    normal: false,
    title: "Clients ask an address that never answers anybody while another serves the rest",
    meaning: "The nameserver in these pods' resolv.conf is not the cluster DNS: a kubelet with the \
        wrong --cluster-dns, a node bootstrapped with the other default (EKS uses 172.20.0.10 in \
        VPCs of 10.0.0.0/8 and 10.100.0.10 elsewhere), a dnsConfig with a stale address.",
    signature: "At least three questions to an address that answers nobody in the capture, in \
        silence or with ICMP host or network unreachable, while another address answers other \
        clients' questions. Its clients are answered by nobody, or others never ask it. \
        With --cluster-dns any such address that is not among those named.",
    look_alikes: &[
        ("client_egress_dropped", "the address does answer others"),
        (
            "coredns_backend_gone",
            "every client asks it as well as the others: the Service sends them",
        ),
        ("nodelocaldns_down", "the address is link-local: the cache of the node"),
        ("upstream_unreachable", "it is a forwarder that asks in vain"),
        (
            "another nameserver on purpose",
            "pods with dnsPolicy Default ask the VPC resolver, those of Cilium's socket load balancing \
             a CoreDNS pod: both answer",
        ),
    ],
    vantage: "The clients' node, or wherever several clients are seen. From inside one pod a wrong \
        address and a dropped packet look the same.",
    immediate: "Set the pods' nameserver to the ClusterIP of kube-dns: clusterDNS in the kubelet \
        configuration of their node, or the pods' dnsConfig. Then replace the pods: they keep the \
        resolv.conf that they started with.",
    long_term: "Take the ClusterIP from the cluster at bootstrap instead of guessing it from the \
        VPC's range; test name resolution before a node takes pods.",
    confirm: &[
        "kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIP}'",
        "kubectl exec -n NAMESPACE POD -- cat /etc/resolv.conf",
    ],
    detect,
};

/// Whether this address is a wrong one: no firewall refuses on the way to it, no policy drops.
pub(super) fn explains(facts: &Facts<'_>, server: Address) -> bool {
    facts.detected.of_server(CAUSE.code, server, || {
        by_server(facts.client_pairs_to(server))
            .first()
            .is_some_and(|server| is_wrong(facts, server))
    })
}

/// Questions of a pair that somebody on the way refused because nothing has that address.
fn unreachable(pair: &Pair) -> u64 {
    let kind = matches!(
        pair.rare().reject_kind,
        Some(IcmpKind::HostUnreachable | IcmpKind::NetUnreachable)
    );
    if kind
        && pair.rare().closed + pair.rare().closed_unclear == 0
        && pair.rare().reporter != pair.server
    {
        pair.rare().rejected
    } else {
        0
    }
}

/// Lost questions to a server, in silence or because there is no such host; none if it refused itself.
fn lost(server: &Sum<'_>) -> Option<u64> {
    let gone: u64 = server.pairs.iter().map(|pair| unreachable(pair)).sum();
    let refused: u64 = server.pairs.iter().map(|pair| pair.refused()).sum();
    (refused == gone).then_some(server.silent + gone)
}

fn is_wrong(facts: &Facts<'_>, server: &Sum<'_>) -> bool {
    let known = facts.cluster_dns.contains(&server.address)
        || facts.aggregate.following.limited.counts(server.address)
        || facts.is_upstream(server.address)
        || nodelocaldns_down::explains(facts, server.address);
    !known
        && server.all.answered == 0
        && lost(server).is_some_and(|lost| lost >= FEW)
        && !facts.answers(server.address)
        // Who knows the right address needs no others to compare with, who are answered meanwhile.
        && (!facts.cluster_dns.is_empty() || facts.served().overlap(server.losses) && is_chosen(facts, server))
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    if facts.one_sided() {
        return None;
    }
    let servers = by_server(facts.client_pairs());
    let wrong: Vec<&Sum<'_>> = servers.iter().filter(|server| is_wrong(facts, server)).collect();
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
    let hurt: u64 = wrong.iter().filter_map(|server| lost(server)).sum();
    // A second address in resolv.conf that is dead costs time only.
    let only = clients.iter().all(|&client| !answered(facts, client));
    let severity = if only { Severity::High } else { Severity::Medium };
    let other_default = addresses.iter().any(|address| EKS_DEFAULTS.contains(address));
    let gone: u64 = pairs.iter().map(|pair| unreachable(pair)).sum();
    // One that was up before the capture began, and is down for all, looks the same.
    let sure = !facts.cluster_dns.is_empty() || other_default || gone > 0;
    let others = if serving.is_empty() {
        format!(", and the cluster DNS is {}", filter::words(facts.cluster_dns))
    } else {
        let verb = filter::verb(&serving, "serves", "serve");
        format!(", while {} {verb} the others", filter::words(&serving))
    };
    let finding = CAUSE
        .finding(severity, facts.capped(if sure { 0.85 } else { 0.6 }), period)
        .about(Scope::between(&clients, &addresses))
        .explaining(hurt)
        .saying(format!(
            "{} {} {}, which answers nobody{}: {hurt} questions lost.",
            filter::words(&clients),
            filter::verb(&clients, "asks", "ask"),
            filter::words(&addresses),
            others
        ))
        .shown_by(
            Evidence::new(
                "unanswered_queries",
                hurt as f64,
                "count",
                format!(
                    "{hurt} questions to {} got no answer, not from anybody and not once.",
                    filter::words(&addresses)
                ),
            )
            .at(first.lost_frames())
            .filter(format!("dns && {}", filter::with(&addresses))),
        );
    let finding = match pairs.iter().find(|pair| unreachable(pair) > 0) {
        Some(pair) => finding.shown_by(
            Evidence::new(
                "unreachable",
                gone as f64,
                "count",
                format!(
                    "{} refused with {} by {}: nothing has that address.",
                    words::counted(gone, "query"),
                    kind_words(pair.rare().reject_kind),
                    pair.rare().reporter
                ),
            )
            .at(pairs.iter().flat_map(|pair| pair.rare().refusal_frames.iter()))
            .filter("icmp.type == 3 || icmpv6.type == 1".to_owned()),
        ),
        None => finding,
    };
    let finding = if other_default {
        let text = format!(
            "{} is one of the two ClusterIPs that EKS gives kube-dns, and not this cluster's: these nodes \
             were bootstrapped for the other kind of VPC.",
            filter::words(&addresses)
        );
        finding.shown_by(Evidence::new("other_eks_default", 1.0, "count", text))
    } else {
        finding
    };
    Some(
        finding
            .rather_than("client_egress_dropped", "nobody is answered by this address")
            .rather_than(
                "coredns_backend_gone",
                if sure {
                    "it is no backend of the Service that serves the others"
                } else {
                    "not excluded if it answered before the capture began: compare it with the \
                 ClusterIP of kube-dns"
                },
            ),
    )
}

/// Whether clients ask this address because they were told to, and not because a Service sends them
/// there by chance: some of them get answers nowhere, or others that share a server with them are never
/// sent there.
fn is_chosen(facts: &Facts<'_>, wrong: &Sum<'_>) -> bool {
    let askers = clients(&wrong.pairs);
    let shared = askers.iter().flat_map(|&client| facts.pairs_of(client).take(SHARED));
    let spared = |pair: &Pair| pair.all().answered >= SPARED && !holds(&askers, pair.client);
    // Most clients share all their servers: each is looked at once.
    let mut looked = BTreeSet::from([wrong.address]);
    wrong.pairs.iter().any(|pair| !answered(facts, pair.client) && !is_sibling(facts, pair))
        || shared
            .map(|pair| pair.server)
            .filter(|&server| looked.insert(server))
            .any(|server| facts.client_pairs_to(server).any(spared))
}

/// Whether the capture is behind the translation, where a silent address of the pods' own network is
/// a backend rather than a Service: those who serve others lie there too.
fn is_sibling(facts: &Facts<'_>, wrong: &Pair) -> bool {
    let near = |address: Address| are_near(wrong.client, address);
    let serves = |pair: &Pair| pair.all().answered > 0 && pair.translated == 0 && near(pair.server);
    near(wrong.server)
        && facts.detected.of_server("serves its network", network(wrong.client), || {
            facts.client_pairs().any(serves)
        })
}

fn answered(facts: &Facts<'_>, client: Address) -> bool {
    facts.pairs_of(client).any(|pair| facts.asks_for_itself(pair) && pair.all().answered > 0)
}

#[cfg(test)]
mod tests;
