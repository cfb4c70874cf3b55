//! Only first fragments of large answers arrive.

use crate::aggregate::{Fragmented, Pair, Period};
use crate::verdict::addresses::sorted;
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// Whether it strikes answers to forwarders: then what they could not resolve is its doing.
pub(super) fn strikes_upstream(facts: &Facts<'_>) -> bool {
    let partial: u64 = facts.upstream_pairs().map(|pair| pair.rare().fragmented.partial).sum();
    partial >= FEW && CAUSE.detected(facts)
}

/// Share of the answers in fragments that have to be incomplete: fewer are lost packets.
const SHARE: f64 = 0.5;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "fragment_loss",
    category: "network_policy",
    normal: false,
    title: "Only first fragments of large answers arrive",
    meaning: "An answer larger than the path's MTU goes out in IP fragments. Only the first of them \
        holds the ports; a firewall, security group or load balancer that looks at ports drops the \
        others, and so does a network that allows no fragments at all. The client can put nothing \
        together and asks again in vain, while small answers and TCP work: DNSSEC, TXT and names with \
        many records fail, others do not.",
    signature: "At least three answers of which the first fragment was captured and others were not, at \
        least half of all answers in fragments; with later fragments of something else in the capture, so \
        that its filter lets them through, or with ICMP errors of the receiver that its time for \
        putting the fragments together ran out. Less sure without both, where the capture holds more than \
        DNS and the same names are asked for again and again.",
    look_alikes: &[
        (
            "a filter for port 53",
            "leaves all later fragments out of the capture: then it is not assessed",
        ),
        ("random_loss", "strikes packets of all sizes, and few of the answers in fragments"),
        ("tcp53_blocked", "the answer is truncated (TC), and TCP does not come about"),
    ],
    vantage: "The client's side of the loss, with a filter that lets fragments through: `port 53 or \
        (ip[6:2] & 0x1fff != 0) or ip6 proto 44`. On the server's side only ICMP errors tell. A node \
        with conntrack holds first fragments back until the rest is there, so that its pods see nothing.",
    immediate: "Let resolvers ask for no more than 1232 octets: `bufsize 1232` in the Corefile, EDNS \
        buffer size 1232 in clients.",
    long_term: "Allow fragments between resolvers in firewalls and security groups, or keep answers \
        below the MTU (RFC 9715); allow TCP port 53.",
    confirm: &[
        "dig +dnssec +bufsize=4096 +notcp @SERVER NAME",
        "dig +tcp @SERVER NAME",
        "nstat -az",
        "kubectl -n kube-system get configmap coredns -o yaml",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let concerned =
        |pair: &&Pair| pair.rare().fragmented.partial + pair.rare().fragmented.expired > 0;
    let pairs: Vec<&Pair> = facts.aggregate.counting.pairs.iter().filter(concerned).collect();
    let sum = |figure: fn(&Fragmented) -> u64| -> u64 {
        facts.aggregate.counting.pairs.iter().map(|pair| figure(&pair.rare().fragmented)).sum()
    };
    let (partial, whole) = (sum(|f| f.partial), sum(|f| f.whole));
    let (expired, again) = (sum(|f| f.expired), sum(|f| f.again));
    let lost = partial.max(expired);
    let captured = facts.quality.later_fragments > 0 || expired > 0;
    // Without that, a filter for more than ports, and clients that go on asking for what they seem to have.
    let assessable = captured || !facts.is_dns_only() && again * 2 >= partial;
    if facts.one_sided() || !assessable || lost < FEW {
        return None;
    }
    // At the server's side they leave whole, and the errors say that they do not arrive.
    if Facts::share(lost, partial + whole) < SHARE {
        return None;
    }
    let missed = expired > 0 || captured && again * 2 >= partial;
    let period = Period::of(pairs.iter().map(|pair| pair.rare().fragmented.period));
    let clients = sorted(pairs.iter().map(|pair| pair.client));
    let servers = sorted(pairs.iter().map(|pair| pair.server));
    let finding = CAUSE
        .finding(Severity::Medium, facts.capped(if missed { 0.85 } else { 0.6 }), period)
        .about(Scope::between(&clients, &servers))
        .explaining(lost)
        .saying(format!(
            "Of {} from {} to {} only the first fragment arrives: large answers are lost, small \
             ones are not.",
            words::counted(lost, "large answer"),
            filter::words(&servers),
            filter::words(&clients),
        ))
        .shown_by(
            Evidence::new("incomplete_answers", partial as f64, "count", format!(
                "{partial} of {} answers in fragments are without their later ones; {again} questions were \
                 sent again after that.",
                partial + whole
            ))
            .at(pairs.iter().flat_map(|pair| pair.rare().fragmented.frames.iter()))
            .filter("(ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr) && (udp || data)".to_owned()),
        );
    let finding = if expired > 0 {
        finding.shown_by(
            Evidence::new("reassembly_time_exceeded", expired as f64, "count", format!(
                "{expired} ICMP errors say that a receiver waited for the other fragments in vain."
            ))
            .filter(
                "(icmp.type == 11 && icmp.code == 1) || \
                 (icmpv6.type == 3 && icmpv6.code == 1)"
                    .to_owned(),
            ),
        )
    } else {
        finding
    };
    Some(if missed {
        finding.rather_than("random_loss", "packets that are not fragmented get through")
    } else {
        finding.rather_than(
            "capture_incomplete",
            "not excluded: the capture itself may have missed the later fragments; take it with \
             `port 53 or icmp or icmp6 or (ip[6:2] & 0x1fff != 0) or ip6 proto 44`",
        )
    })
}

#[cfg(test)]
mod tests;
