//! Some clients get nothing at all, silently, from servers that answer others.

mod way_back;

use super::{
    coredns_overload, dns_forwarding_loop, nodelocaldns_down, stale_conntrack_udp,
    upstream_unreachable, wrong_nameserver,
};
use crate::aggregate::{Pair, Period};
use crate::model::Address;
use crate::verdict::silence::{Sum, by_client, last_seen};
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, StubKind, filter};

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "client_egress_dropped",
    category: "network_policy",
    normal: false,
    title: "Some clients get nothing at all, silently, from servers that answer others",
    meaning: "Queries of these clients, or the answers to them, are dropped without a word: an \
        egress NetworkPolicy of their namespace without a rule for DNS, an iptables DROP, a \
        security group. A default-deny policy is the usual one. Silence only in the first seconds \
        of a pod's life is the VPC CNI's strict mode, which denies until its policies are in place.",
    signature: "At least three questions of a client without any answer or ICMP error, over UDP \
        and TCP, from its first question on (or since or until some moment), while the same \
        servers answer others. With one client in the capture, that it asks again and again. Where \
        it is the answers that are dropped: nine in ten of them come as far as this node and are \
        never seen on their last leg, from the address that was asked, as those to others are.",
    look_alikes: &[
        ("coredns_backend_gone", "everybody is without answers from that server"),
        ("wrong_nameserver", "the server answers nobody at all"),
        ("firewall_reject", "an ICMP error or RST says so"),
        ("conntrack_dnat_race", "one of a pair is lost, and the retry succeeds"),
        ("capture_incomplete", "only one direction was captured, and nobody asks again"),
    ],
    vantage: "The clients' node (`-i any`) shows how far the queries came; their own pod shows \
        silence only.",
    immediate: "Allow egress from these clients to the cluster DNS on UDP and TCP port 53, to the \
        CoreDNS pods (k8s-app: kube-dns) and, where NodeLocal DNSCache runs, to 169.254.20.10.",
    long_term: "Ship the DNS rule with every default-deny policy; test name resolution in each \
        namespace after a policy change.",
    confirm: &[
        "kubectl get networkpolicy -A -o wide",
        "kubectl get pods -A -o wide --field-selector status.podIP=<client>",
        "sudo iptables-save",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    if facts.one_sided() {
        return None;
    }
    let upstream =
        dns_forwarding_loop::detected(facts) || upstream_unreachable::CAUSE.detected(facts);
    let overloaded = coredns_overload::CAUSE.detected(facts);
    let elsewhere = |pair: &&Pair| {
        !nodelocaldns_down::explains(facts, pair.server)
            && !wrong_nameserver::explains(facts, pair.server)
            && !dns_forwarding_loop::involves(facts, pair.server)
    };
    let clients = by_client(facts.client_pairs().filter(elsewhere));
    let cut: Vec<&Sum<'_>> = clients
        .iter()
        .filter(|client| client.is_walled() && !client.is_refused())
        .filter(|client| !stale_conntrack_udp::explains(facts, client.address, client.silent))
        // What an overloaded server loses, anybody may lose; but not everything.
        .filter(|client| !overloaded || client.all.answered == 0)
        // With the upstream cut, names outside are expected to end in nothing.
        .filter(|client| !upstream || client.cluster.unanswered > 0)
        .collect();
    if cut.is_empty() {
        return way_back::detect(facts, &clients);
    }
    let serving =
        |client: &Sum<'_>| client.servers().iter().any(|&s| serves_others(facts, s, client));
    let sure: Vec<&Sum<'_>> = cut.iter().copied().filter(|client| serving(client)).collect();
    let (cut, confidence) = match (sure.is_empty(), clients.len()) {
        (false, _) => (sure, 0.85),
        // Its own pod is all that was captured: a dead server would look the same.
        (true, 1) if cut.len() == 1 && !facts.answers_anybody() => (cut, 0.6),
        _ => return None,
    };
    let tied = cut.iter().any(|client| asks_from_one_port(client));
    let confidence = if tied { f64::min(confidence, 0.6) } else { confidence };
    let compared = facts.answers_anybody();
    let period = Period::of(cut.iter().map(|client| client.losses));
    let addresses: Vec<Address> = cut.iter().map(|client| client.address).collect();
    let mut servers: Vec<Address> = cut.iter().flat_map(|client| client.servers()).collect();
    servers.sort_unstable();
    servers.dedup();
    let silent: u64 = cut.iter().map(|client| client.silent).sum();
    let sent: u64 = cut.iter().map(|client| client.all.sent).sum();
    let retransmissions: u64 =
        cut.iter().flat_map(|client| &client.pairs).map(|pair| pair.retransmissions).sum();
    let others = if compared { ", while others are answered" } else { "" };
    let mut finding = CAUSE
        .finding(Severity::High, facts.capped(confidence), period)
        .about(Scope {
            clients: Facts::list(&addresses),
            servers: Facts::list(&servers),
            ..Scope::default()
        })
        .explaining(silent)
        .saying(format!(
            "{} {} nothing back from {}{others}: {silent} of {sent} questions lost in silence.",
            filter::words(&addresses),
            filter::verb(&addresses, "gets", "get"),
            filter::words(&servers)
        ))
        .shown_by(
            Evidence::new(
                "unanswered_ratio",
                Facts::share(silent, sent),
                "ratio",
                format!(
                    "{silent} of {sent} questions from {} had no answer and no ICMP error; \
                 {retransmissions} were sent again.",
                    filter::words(&addresses)
                ),
            )
            .at(cut.iter().flat_map(|client| client.lost_frames()))
            .filter(format!("dns && {}", filter::with(&addresses))),
        );
    if compared {
        let answered: u64 = clients
            .iter()
            .filter(|c| !addresses.contains(&c.address))
            .map(|c| c.all.answered)
            .sum();
        finding = finding.shown_by(Evidence::new(
            "answered_others",
            answered as f64,
            "count",
            format!("{answered} questions of other clients were answered: the servers are alive."),
        ));
        finding = finding.rather_than("coredns_backend_gone", "the servers answer everybody else");
    } else {
        finding = finding.rather_than(
            "wrong_nameserver",
            "not excluded from inside one pod: capture on the node to see whether anybody is answered",
        );
    }
    if tied {
        finding = finding.rather_than(
            "stale_conntrack_udp",
            "not excluded: some of these clients ask from one port all the time, and were not seen to \
             be answered on it; a look-up from a new socket settles it",
        );
    }
    if facts.is_dns_only() {
        finding = finding.rather_than(
            "firewall_reject",
            "not excluded: this capture holds nothing but DNS, and without ICMP a REJECT looks like a \
             DROP; capture with `port 53 or icmp or icmp6`",
        );
    }
    if let Some(evidence) = facts.stub_evidence(&addresses, StubKind::in_silence) {
        finding = finding.shown_by(evidence);
    }
    let pairs: Vec<&Pair> = cut.iter().flat_map(|client| client.pairs.iter().copied()).collect();
    Some(match last_seen(facts, &pairs) {
        Some((evidence, _)) => finding.shown_by(evidence),
        None => finding,
    })
}

/// Whether nearly all questions of a client come from a long-lived socket.
fn asks_from_one_port(client: &Sum<'_>) -> bool {
    let reused: u64 = client.pairs.iter().map(|pair| pair.reused).sum();
    reused * 5 >= client.all.sent * 4
}

/// Whether `server` answered somebody else while it did not answer this client.
fn serves_others(facts: &Facts<'_>, server: Address, client: &Sum<'_>) -> bool {
    facts.aggregate.pairs.iter().any(|pair| {
        pair.server == server
            && pair.client != client.address
            && pair.answers.any()
            && pair.answers.last >= client.losses.first
            && pair.answers.first <= client.losses.last
    })
}

#[cfg(test)]
mod tests;
