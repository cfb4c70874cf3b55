//! The cache of this node is silent or closed.

use super::firewall_reject::kind_words;
use crate::aggregate::{Pair, Period, Server};
use crate::decode::IcmpKind;
use crate::model::{Address, Span, Timestamp};
use crate::verdict::addresses::sorted;
use crate::verdict::node_local::is_node_local;
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// A refusal is said out loud: two are enough, one may be the moment of a restart.
const REFUSALS: u64 = 2;

/// A restart of the DaemonSet's pod takes a few seconds: 5 s of grace, then the container starts.
const RESTART: Span = Span::from_secs(10);

/// What is sent in the last moment of a server is lost with it.
const SLACK: Span = Span::from_millis(500);

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "nodelocaldns_down",
    category: "config_error",
    normal: false,
    title: "NodeLocal DNSCache (169.254.20.10) is silent or closed on this node",
    meaning: "The pods of this node have the address of NodeLocal DNSCache in their resolv.conf, and \
        nothing answers there: its pod crashes or was removed while kubelet still hands the address \
        out, or another process holds port 53 (systemd-resolved, or the resolver that EKS Auto Mode \
        ships on every node), so that it cannot bind it. Pods of other nodes have a cache of their \
        own and notice nothing.",
    signature: "A link-local nameserver (169.254.0.0/16 without the cloud's own; an address of fd00::/8 \
        if --cluster-dns names it and the node itself sends what comes from it) leaves at least three \
        questions without an answer, or refuses two with port unreachable, and answers nobody in \
        that time. An interruption of at most 10 s is a restart and of low severity.",
    look_alikes: &[
        ("dns_port_closed", "the closed port is that of a server elsewhere"),
        ("client_egress_dropped", "the cache answers other pods of the node in the same time"),
        ("firewall_reject", "some clients only, or ICMP administratively prohibited"),
        ("wrong_nameserver", "the address is not link-local"),
        ("upstream_unreachable", "the cache answers, with SERVFAIL"),
    ],
    vantage: "The pods' node (`-i any`). From inside one pod a policy against this pod looks the same; \
        an ENI does not carry link-local packets.",
    immediate: "See why node-local-dns does not run on this node and start it; free port 53 if another \
        process holds it (systemd-resolved: `DNSStubListener=no`, and /etc/resolv.conf of the node \
        pointing at /run/systemd/resolve/resolv.conf). Until then point the kubelet's clusterDNS at the \
        ClusterIP of kube-dns: pods that start from then on have it.",
    long_term: "Alert on the DaemonSet's missing pods; give pods the ClusterIP as a second nameserver; \
        do not install NodeLocal DNSCache on EKS Auto Mode nodes, which have a cache already: scale \
        CoreDNS there.",
    confirm: &[
        "kubectl -n kube-system get pods -l k8s-app=node-local-dns -o wide",
        "kubectl -n kube-system logs -l k8s-app=node-local-dns --tail=50",
        "sudo ss -lunp sport = :53",
        "ip addr show nodelocaldns",
    ],
    detect,
};

/// Whether questions to this address are lost because the node's cache is down.
pub(super) fn explains(facts: &Facts<'_>, server: Address) -> bool {
    facts.detected.of_server(CAUSE.code, server, || {
        is_node_local(facts, server) && Outage::of(facts, server).is_some()
    })
}

/// What became of a node's cache.
struct Outage<'a> {
    pairs: Vec<&'a Pair>,
    refused: u64,
    /// Lost for good, refused ones left out.
    silent: u64,
    /// Answered only after the client had asked again.
    rescued: u64,
    period: Period,
    /// It answered before and after.
    recovered: bool,
}

impl Outage<'_> {
    fn of<'a>(facts: &'a Facts<'_>, address: Address) -> Option<Outage<'a>> {
        let server = facts.aggregate.counting.server(address)?;
        let pairs: Vec<&Pair> = facts.pairs_to(address).collect();
        if pairs.iter().any(|pair| pair.rare().reject_kind == Some(IcmpKind::Prohibited)) {
            return None;
        }
        let refused: u64 = pairs.iter().map(|pair| pair.refused()).sum();
        let silent: u64 = pairs.iter().map(|pair| pair.silent()).sum();
        let rescued: u64 = pairs.iter().map(|pair| pair.rare().rescued).sum();
        let mut period = Period::of(pairs.iter().map(|pair| pair.losses));
        for pair in &pairs {
            period.join(pair.rare().rescues);
        }
        let enough = refused >= REFUSALS || silent + rescued >= FEW;
        (enough && is_outage(server, period)).then(|| Outage {
            recovered: server.answers.any() && server.answers.last > period.last,
            pairs,
            refused,
            silent,
            rescued,
            period,
        })
    }

    fn clients(&self) -> Vec<Address> {
        let hurt = |pair: &&&Pair| pair.all().unanswered + pair.rare().rescued > 0;
        sorted(self.pairs.iter().filter(hurt).map(|pair| pair.client))
    }
}

/// Whether nobody was answered while questions were lost: before its first answer, after its last, or
/// in the longest time between two.
fn is_outage(server: &Server, losses: Period) -> bool {
    let (answers, quiet) = (server.answers, server.quiet);
    let not_before = |start: Timestamp| losses.first.plus(SLACK) >= start;
    let since = not_before(answers.last);
    let until = losses.last <= answers.first;
    let within = quiet.any() && not_before(quiet.first) && losses.last <= quiet.last;
    !answers.any() || since || until || within
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    if facts.one_sided() {
        return None;
    }
    let servers = facts.aggregate.counting.servers.iter().map(|server| server.address);
    let down: Vec<(Address, Outage<'_>)> = servers
        .filter(|&address| is_node_local(facts, address))
        .filter_map(|address| Some((address, Outage::of(facts, address)?)))
        .collect();
    let (address, outage) = down.into_iter().max_by_key(|(address, outage)| {
        (outage.refused + outage.silent + outage.rescued, std::cmp::Reverse(*address))
    })?;
    let clients = outage.clients();
    let hurt = outage.refused + outage.silent + outage.rescued;
    let length = outage.period.last.since(outage.period.first);
    let brief = outage.recovered && length <= RESTART;
    let elsewhere = clients.iter().all(|&client| {
        facts
            .pairs_of(client)
            .any(|p| facts.asks_for_itself(p) && p.server != address && p.answers.any())
    });
    let severity = match () {
        () if brief => Severity::Low,
        () if elsewhere => Severity::Medium,
        () => Severity::High,
    };
    let beyond: u64 = outage.pairs.iter().map(|pair| pair.lost_beyond).sum();
    let several = clients.len() > 1;
    let confidence = match (outage.refused > 0, several) {
        (true, true) => 0.85,
        (_, true) => 0.8,
        (true, false) => 0.7,
        (false, false) if outage.recovered || beyond > 0 => 0.7,
        (false, false) => 0.6,
    };
    let how = if outage.refused > 0 {
        let kind = outage.pairs.iter().find(|pair| pair.refused() > 0);
        format!("refuses with {}", kind_words(kind.and_then(|pair| pair.rare().reject_kind)))
    } else {
        "is silent".to_owned()
    };
    let when = if brief {
        format!(" for {:.1} s, as long as a restart takes", length.as_secs_f64())
    } else if outage.recovered {
        format!(" from {} for {:.1} s", outage.period.first, length.as_secs_f64())
    } else {
        String::new()
    };
    let finding = CAUSE
        .finding(severity, facts.capped(confidence), outage.period)
        .about(Scope::between(&clients, &[address]))
        .explaining_losses(hurt)
        .saying(format!(
            "NodeLocal DNSCache at {address} {how}{when}: {} of {} came to nothing at first.",
            words::counted(hurt, "question"),
            filter::words(&clients)
        ))
        .shown_by(
            Evidence::new("lost_queries", hurt as f64, "count", format!(
                "Of the questions to {address} {} were refused, {} had no answer and {} had one only \
                 after they were sent again; nobody was answered by it meanwhile.",
                outage.refused, outage.silent, outage.rescued
            ))
            .at(outage.pairs.iter().flat_map(|pair| {
                pair.rare().refusal_frames.iter().chain(pair.lost_frames.iter()).chain(pair.rare().rescued_frames.iter())
            }))
            .filter(format!("(dns || icmp || icmpv6) && {}", filter::with(&[address]))),
        );
    let finding = if beyond > 0 {
        finding.shown_by(Evidence::new("left_the_node", beyond as f64, "count", format!(
            "{beyond} of them were seen leaving the node: no interface of the node has the address."
        )))
    } else {
        finding
    };
    let finding = if facts.is_dns_only() && outage.refused == 0 {
        finding.rather_than(
            "firewall_reject",
            "not excluded: this capture holds nothing but DNS, and without ICMP a REJECT looks like \
             silence; capture with `port 53 or icmp or icmp6`",
        )
    } else {
        finding
    };
    Some(finding.rather_than("client_egress_dropped", if several {
        "no pod of the node is answered, not some only"
    } else {
        "not excluded with one client: capture on the node to see whether its other pods are answered"
    }))
}

#[cfg(test)]
mod tests;
