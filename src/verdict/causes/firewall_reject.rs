//! Somebody between client and server refuses, out loud.

use super::coredns_backend_gone::unreachable;
use super::{kube_dns_no_endpoints, nodelocaldns_down, wrong_nameserver};
use crate::aggregate::Pair;
use crate::decode::IcmpKind;
pub(super) use crate::verdict::addresses::sorted;
use crate::verdict::refusals::{Together, answered_others, dated, refused};
use crate::verdict::{
    Between, Cause, Evidence, Facts, Finding, Scope, Severity, StubKind, filter, words,
};

/// One refusal may be chance: a resolver that restarts. Linux also answers with one ICMP error for
/// many dropped packets, so two are plenty.
const REFUSALS: u64 = 2;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "firewall_reject",
    category: "network_policy",
    normal: false,
    title: "ICMP prohibited/unreachable or RST from a device in between, or for some clients only",
    meaning: "A REJECT rule of iptables or nftables, a network policy that rejects, or a router \
        without a way refuses the queries and says so with an ICMP error. glibc and Go \
        then fail at once instead of waiting (Go waits all the same after net or host unreachable); \
        musl does not see ICMP. Linux sends few such errors (about one a second and target): \
        between them the same clients see silence.",
    signature: "At least two queries refused with ICMP host, net or administratively prohibited; \
        or with port unreachable by somebody other than the server: an address that was not \
        asked, another TTL than the server's answers have, a query that was never seen on its way \
        on, or some clients only while the same server answers others.",
    look_alikes: &[
        ("dns_port_closed", "the server's own host says that nothing listens, to everybody"),
        ("kube_dns_no_endpoints", "the node rejects the Service's address, for everybody"),
        ("client_egress_dropped", "silence without any ICMP error"),
        ("late answers", "the ICMP error comes from the client, about an answer"),
    ],
    vantage: "The client's pod or node. ICMP has to be in the capture: with the filter `port 53` \
        a REJECT looks like a DROP.",
    immediate: "Find the rule that rejects port 53 for these clients and take it out, or allow \
        DNS in the policy that made it.",
    long_term: "Ship the DNS rule with every policy; keep node firewalls out of the pods' way.",
    confirm: &[
        "sudo iptables-save",
        "sudo nft list ruleset",
        "kubectl get networkpolicy -A -o wide",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let gone = Between::of(&unreachable::pairs(facts));
    let pairs: Vec<&Pair> = facts
        .aggregate
        .counting
        .pairs
        .iter()
        .filter(|pair| refused(facts, pair).rejected > 0)
        .filter(|pair| !kube_dns_no_endpoints::explains(facts, pair))
        .filter(|pair| !nodelocaldns_down::explains(facts, pair.server))
        .filter(|pair| !wrong_nameserver::explains(facts, pair.server))
        .filter(|pair| !gone.has(pair))
        .collect();
    let count: u64 = pairs.iter().map(|pair| refused(facts, pair).rejected).sum();
    if count < REFUSALS {
        return None;
    }
    let Together { clients, servers, reporters, silent, period, when, outages, frames } =
        Together::of(&pairs);
    let answered: u64 = pairs.iter().map(|pair| pair.all().answered).sum();
    let explicit = pairs
        .iter()
        .any(|pair| !matches!(pair.rare().reject_kind, None | Some(IcmpKind::PortUnreachable)));
    let others = pairs.iter().any(|pair| answered_others(facts, pair));
    // "Prohibited" has one meaning; "port unreachable" is a closed port's answer as well.
    let confidence = if explicit {
        0.85
    } else if others {
        0.8
    } else {
        0.6
    };
    let severity = if answered == 0 || others { Severity::High } else { Severity::Medium };
    let words = kind_words(pairs[0].rare().reject_kind);
    let finding = CAUSE
        .finding(severity, confidence, period)
        .about(Scope::between(&clients, &servers))
        .explaining(count + silent)
        .saying(format!(
            "A firewall rejects DNS of {} to {}{when}: {count} queries were refused with {words}{}.",
            filter::words(&clients),
            filter::words(&servers),
            if others { ", while others are answered" } else { "" }
        ))
        .shown_by(
            Evidence::new(
                "rejected_queries",
                count as f64,
                "count",
                format!(
                    "{count} queries were refused with {words}, sent in the name of {}.",
                    filter::words(&reporters)
                ),
            )
            .at(frames)
            .filter(format!(
                "(icmp || icmpv6 || tcp.flags.reset == 1) && {}",
                filter::with(&clients)
            )),
        );
    let finding = if silent > 0 {
        finding.shown_by(
            Evidence::new("silent_beside", silent as f64, "count", format!(
                "{} of the same clients got nothing at all: ICMP errors are rate limited, one may \
                 stand for many.",
                words::counted(silent, "more query")
            ))
            .at(pairs.iter().flat_map(|pair| pair.lost_frames.iter())),
        )
    } else {
        finding
    };
    let finding = dated(finding, &outages, &format!("to {}", filter::words(&clients)));
    let finding = match facts.stub_evidence(&clients, StubKind::when_refused) {
        Some(evidence) => finding.shown_by(evidence),
        None => finding,
    };
    Some(finding.rather_than(
        "dns_port_closed",
        if others {
            "the same server answers others in the same time"
        } else if explicit {
            "a closed port says \"port unreachable\", nothing else"
        } else {
            "the refusal does not come from where the server's answers come from"
        },
    ))
}

/// A refusal in words.
pub(super) fn kind_words(kind: Option<IcmpKind>) -> &'static str {
    match kind {
        None => "TCP RST",
        Some(IcmpKind::PortUnreachable) => "ICMP port unreachable",
        Some(IcmpKind::HostUnreachable) => "ICMP host unreachable",
        Some(IcmpKind::NetUnreachable) => "ICMP network unreachable",
        Some(IcmpKind::Prohibited) => "ICMP administratively prohibited",
        Some(IcmpKind::ProtocolUnreachable) => "ICMP protocol unreachable",
        Some(IcmpKind::TtlExceeded) => "ICMP time exceeded",
        Some(IcmpKind::ReassemblyTimeExceeded) => "ICMP reassembly time exceeded",
        Some(IcmpKind::TooBig) => "ICMP packet too big",
        Some(IcmpKind::Other) => "an ICMP error",
    }
}

#[cfg(test)]
mod tests;
