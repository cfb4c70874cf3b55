//! Truncated answers, then TCP that never completes.

use crate::aggregate::{Pair, Period, Unaccepted};
use crate::classify::Outcome;
use crate::model::Span;
use crate::verdict::addresses::sorted;
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter, words};

/// One connection may be opened as the capture ends.
const OPENED: u64 = 2;

/// Where others are accepted before or after, so long at least: a SYN that is lost is sent again after 1 s, and once
/// more after 2 s (RFC 6298).
const LASTING: Span = Span::from_secs(3);

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "tcp53_blocked",
    category: "network_policy",
    normal: false,
    title: "Truncated answers, then TCP that never completes",
    meaning: "An answer that does not fit into UDP comes with TC set and no data, and the client \
        asks again over TCP (RFC 7766 makes it mandatory). A policy or firewall that allows UDP \
        port 53 only lets these lookups hang: glibc sets no limit of its own on the connection, \
        the kernel tries for two minutes; Go gives up after 5 s; musl asks over TCP since 1.2.4 \
        (Alpine 3.18).",
    signature: "At least two TCP connections to a server's DNS port of which none is accepted, ever or for 3 s \
        and more, whether in silence or with RST or an ICMP error, while the same server answers over UDP.",
    look_alikes: &[
        ("client_egress_dropped", "UDP is silent as well"),
        (
            "a server without TCP",
            "it refuses with RST, as a firewall may: then the confidence is lower",
        ),
        ("capture_incomplete", "the server's side of TCP was not captured"),
    ],
    vantage: "The client's side. On the server's side nothing is seen of connections that are \
        dropped before it.",
    immediate: "Allow TCP port 53 beside UDP port 53 in the policy, security group or firewall \
        between these clients and the server.",
    long_term: "Write DNS rules for both transports; test with `dig +tcp`; keep \
        answers small (fewer records); with `options edns0` glibc takes 1200 octets over UDP \
        instead of 512.",
    confirm: &[
        "kubectl exec -n NAMESPACE POD -- dig +tcp @SERVER kubernetes.default.svc.cluster.local",
        "kubectl get networkpolicy -A -o yaml",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let pairs: Vec<&Pair> = facts
        .aggregate
        .counting
        .pairs
        .iter()
        .filter(|pair| is_unaccepted(pair) && pair.refused() == 0)
        .filter(|pair| udp_answered(pair))
        .collect();
    let rows: Vec<Unaccepted> =
        pairs.iter().map(|pair| pair.rare().connections.unaccepted()).collect();
    let opened: u64 = rows.iter().map(|row| row.opened).sum();
    if opened < OPENED || facts.one_sided() {
        return None;
    }
    let period = Period::of(rows.iter().map(|row| row.period));
    let when = if pairs.iter().all(|pair| pair.rare().accepted == 0) {
        String::new()
    } else {
        format!(" from {} to {} UTC", words::clock(period.first), words::clock(period.last))
    };
    let clients = sorted(pairs.iter().map(|pair| pair.client));
    let servers = sorted(pairs.iter().map(|pair| pair.server));
    let truncated: u64 = pairs.iter().map(|pair| pair.outcome(Outcome::Truncated)).sum();
    let asked = servers.iter().flat_map(|&server| facts.pairs_to(server));
    let accepted: u64 = asked.map(|pair| pair.rare().accepted).sum();
    let refused: u64 = pairs.iter().map(|pair| pair.rare().refused_connections).sum();
    // A server that does not listen on TCP refuses as a firewall does.
    let confidence = if truncated > 0 && refused == 0 { 0.85 } else { 0.6 };
    let how = match refused {
        0 => "nothing came back".to_owned(),
        some => format!("{some} were refused with RST or an ICMP error"),
    };
    let finding = CAUSE
        .finding(Severity::Medium, facts.capped(confidence), period)
        .about(Scope::between(&clients, &servers))
        .explaining(opened)
        .saying(format!(
            "TCP to the DNS port of {} never completes for {}{when}: {opened} connections were opened \
             and none was accepted, while UDP works.",
            filter::words(&servers),
            filter::words(&clients)
        ))
        .shown_by(
            Evidence::new("connections_unaccepted", opened as f64, "count", format!(
                "{opened} SYNs to {} had no SYN-ACK: {how}; {accepted} connections of others were \
                     accepted.",
                filter::words(&servers)
            ))
            .at(rows.iter().flat_map(|row| row.frames.iter()))
            .filter(format!("tcp.flags.syn == 1 && tcp.port == 53 && {}", filter::with(&clients))),
        );
    Some(
        if truncated > 0 {
            finding.shown_by(
                Evidence::new("truncated_responses", truncated as f64, "count", format!(
                    "{truncated} answers over UDP were truncated (TC), which sends the client to TCP."
                ))
                .filter("dns.flags.truncated == 1 && dns.flags.response == 1".to_owned()),
            )
        } else {
            finding
        }
        .rather_than("client_egress_dropped", "the same server answers over UDP"),
    )
}

/// Whether no connection is accepted, or none for a time.
fn is_unaccepted(pair: &Pair) -> bool {
    let row = pair.rare().connections.unaccepted();
    let lasting = row.opened >= OPENED && row.period.last.since(row.period.first) >= LASTING;
    row.opened > 0 && (pair.rare().accepted == 0 || lasting)
}

/// Whether the pair's server answers this client over UDP.
fn udp_answered(pair: &Pair) -> bool {
    pair.all().answered > pair.tcp
}

#[cfg(test)]
mod tests;
