//! Some clients get nothing at all, silently, from servers that answer others.

mod others;
mod served;
mod way_back;

use super::{
    coredns_backend_gone, coredns_overload, dns_forwarding_loop, nodelocaldns_down,
    stale_conntrack_udp, upstream_unreachable, wrong_nameserver,
};
use crate::aggregate::{Pair, Period};
use crate::model::Address;
use crate::verdict::addresses::holds;
use crate::verdict::outage::{Outage, worst};
use crate::verdict::silence::{Sum, by_client, last_seen};
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, StubKind, filter, words};
use coredns_backend_gone::is_of_one_client;
pub(super) use others::Others;
use served::Served;

/// Clients whose answers are dated in the evidence.
const SHOWN: usize = 3;

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
        and TCP, from its first question on (or since, until or between some moments), while the same \
        servers answer others, who lose less than a tenth meanwhile. With one client in the capture, \
        that it asks again and again; so with a client that alone asks its server, to the end. \
        Where it is the answers that are dropped: nine in ten of them \
        come as far as this node and are never seen on their last leg, from the address that was \
        asked, as those to others are.",
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
        CoreDNS pods (k8s-app: kube-dns) and, where NodeLocal DNSCache runs, to 169.254.20.10. \
        Where it is a rule of iptables or of a security group that drops them, allow port 53 \
        there.",
    long_term: "Ship the DNS rule with every default-deny policy; test name resolution in each \
        namespace after a policy change.",
    confirm: &[
        "kubectl get networkpolicy -A -o wide",
        "kubectl get pods -A -o wide --field-selector status.podIP=CLIENT",
        "sudo iptables-save",
    ],
    detect,
};

/// A client and the times in which it was cut off; none where nearly all was lost all the time.
struct Cut<'a> {
    client: &'a Sum<'a>,
    outages: Vec<Outage>,
}

impl Cut<'_> {
    fn lost(&self) -> u64 {
        match self.outages.iter().map(|outage| outage.lapse.lost).sum() {
            0 => self.client.silent,
            lost => lost,
        }
    }

    /// Whether nobody else asks its servers, and somebody is answered by others while it gets nothing, to the end.
    fn has_servers_of_its_own(&self, facts: &Facts<'_>) -> bool {
        let losses = self.client.losses;
        let ends = self.outages.iter().any(|outage| outage.resumed.is_some());
        let is_other = |pair: &&Pair| pair.client != self.client.address;
        !ends
            && self.client.servers().iter().all(|&server| is_of_one_client(facts, server))
            && facts
                .client_pairs()
                .filter(is_other)
                .any(|pair| pair.heard.any_within(losses.first, losses.last))
    }

    /// Whether one of its servers answered somebody else while this client got nothing.
    fn others_are_served(&self, facts: &Facts<'_>, served: &Served) -> bool {
        let serves = |server| match self.outages.as_slice() {
            [] => served.other(facts, server, self.client.address, None, self.client.losses),
            outages => outages.iter().any(|outage| {
                let losses = outage.lapse.losses;
                served.other(facts, server, self.client.address, Some(outage), losses)
            }),
        };
        self.client.servers().into_iter().any(serves)
    }
}

/// The clients that are cut off, backends that are silent left out: by chance a client may have asked
/// such a one only.
fn cut_off<'a>(facts: &Facts<'_>, clients: &'a [Sum<'a>]) -> Vec<Cut<'a>> {
    let gone = coredns_backend_gone::gone(facts);
    let tied = if gone.is_none() { coredns_backend_gone::tied(facts) } else { None };
    let by_backend = |client: &Sum<'_>, losses, questions| {
        let seen = gone.as_ref().is_some_and(|gone| {
            gone.explains(losses) && (keeps_ports(client) || gone.is_chance(questions))
        });
        seen || tied.as_ref().is_some_and(|tied| tied.explains(losses, questions))
    };
    let upstream =
        dns_forwarding_loop::detected(facts) || upstream_unreachable::CAUSE.detected(facts);
    let walled = clients
        .iter()
        .filter(|client| client.is_walled() && !client.is_refused())
        // With the upstream cut, names outside are expected to end in nothing.
        .filter(|client| !upstream || client.cluster.unanswered > 0);
    walled
        .filter_map(|client| {
            let of_client = client.outages.iter();
            let other =
                |outage: &&Outage| !by_backend(client, outage.lapse.losses, outage.lapse.alone);
            let outages: Vec<Outage> = of_client.filter(other).cloned().collect();
            let other =
                client.outages.is_empty() && !by_backend(client, client.losses, client.silent);
            (!outages.is_empty() || other).then_some(Cut { client, outages })
        })
        .collect()
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    if facts.one_sided() {
        return None;
    }
    let overloaded = coredns_overload::CAUSE.detected(facts);
    let elsewhere = |pair: &&Pair| {
        !nodelocaldns_down::explains(facts, pair.server)
            && !wrong_nameserver::explains(facts, pair.server)
            && !dns_forwarding_loop::involves(facts, pair.server)
    };
    let clients = by_client(facts.client_pairs().filter(elsewhere));
    let mut cut = cut_off(facts, &clients);
    let stuck = stale_conntrack_udp::stuck(facts);
    cut.retain(|cut| {
        let client = cut.client;
        // What an overloaded server loses, anybody may lose; but not everything.
        !stale_conntrack_udp::explains(&stuck, client.address, client.silent)
            && (!overloaded || client.all.answered == 0)
    });
    let addresses: Vec<Address> = cut.iter().map(|cut| cut.client.address).collect();
    let others = Others::of(facts, &addresses);
    cut.retain_mut(|cut| {
        if cut.outages.is_empty() {
            return !others.are_struck(cut.client.losses);
        }
        cut.outages.retain(|outage| !others.share(outage));
        !cut.outages.is_empty()
    });
    if cut.is_empty() {
        return way_back::detect(facts, &clients);
    }
    let served = Served::default();
    let (sure, alone): (Vec<Cut<'_>>, Vec<Cut<'_>>) =
        cut.into_iter().partition(|cut| cut.others_are_served(facts, &served));
    let compared = !sure.is_empty();
    let (cut, confidence) = match alone.as_slice() {
        _ if compared => (sure, 0.85),
        // Its own pod is all that was captured, or nobody else asks its server: a dead one would look the same.
        [_] if clients.len() == 1 && !facts.answers_anybody() => (alone, 0.6),
        [only] if only.has_servers_of_its_own(facts) => (alone, 0.6),
        _ => return None,
    };
    let tied = cut.iter().any(|cut| asks_from_one_port(cut.client));
    // Where each client has one backend of its own, it is cut off with that.
    let gone = coredns_backend_gone::gone(facts);
    let beside = gone.is_some_and(|gone| cut.iter().any(|cut| gone.explains(cut.client.losses)));
    let confidence = if tied || beside { f64::min(confidence, 0.6) } else { confidence };
    // Then the damage decides which of the two comes first.
    let severity = if beside { Severity::Medium } else { Severity::High };
    let outages: Vec<Outage> = cut.iter().flat_map(|cut| cut.outages.iter().cloned()).collect();
    let (when, around, period) = in_time(&cut, &outages);
    let addresses: Vec<Address> = cut.iter().map(|cut| cut.client.address).collect();
    let mut servers: Vec<Address> = cut.iter().flat_map(|cut| cut.client.servers()).collect();
    servers.sort_unstable();
    servers.dedup();
    let silent: u64 = cut.iter().map(Cut::lost).sum();
    let again =
        cut.iter().flat_map(|cut| &cut.client.pairs).map(|pair| pair.rare().retransmissions).sum();
    let others = if compared { ", while others are answered" } else { "" };
    let frames: Vec<u64> = match Outage::of(&outages) {
        Some(outage) => outage.lapse.frames.iter().collect(),
        None => cut.iter().flat_map(|cut| cut.client.lost_frames()).collect(),
    };
    let sent: u64 = cut.iter().map(|cut| cut.client.all.sent).sum();
    // Before and after an outage they are answered: that share would say nothing of it.
    let asked = if around.is_empty() { sent } else { silent };
    let of_sent = if around.is_empty() { format!(" of {sent}") } else { String::new() };
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), period)
        .about(Scope::between(&addresses, &servers))
        .explaining(silent)
        .saying(format!(
            "{} {} nothing back from {}{when}{others}: {silent}{of_sent} questions lost in \
             silence{around}.",
            filter::words(&addresses),
            filter::verb(&addresses, "gets", "get"),
            filter::words(&servers)
        ))
        .shown_by(
            Evidence::new(
                "unanswered_ratio",
                Facts::share(silent, asked),
                "ratio",
                format!(
                    "{silent} of {asked} questions from {}{when} had no answer and {}; {again} were \
                     sent again.",
                    filter::words(&addresses),
                    facts.no_icmp_error(),
                    again = words::counted(again, "query")
                ),
            )
            .at(frames)
            .filter(format!("dns && {}", filter::with(&addresses))),
        );
    for cut in cut.iter().take(SHOWN) {
        let whose = format!("to {}", cut.client.address);
        let dated = worst(&cut.outages).and_then(|(outage, _)| outage.evidence(&whose));
        finding = dated.into_iter().fold(finding, Finding::shown_by);
    }
    if compared {
        let answered: u64 =
            clients.iter().filter(|c| !holds(&addresses, c.address)).map(|c| c.all.answered).sum();
        finding = finding.shown_by(Evidence::new(
            "answered_others",
            answered as f64,
            "count",
            format!("{answered} questions of other clients were answered: the servers are alive."),
        ));
        finding = finding.rather_than(
            "coredns_backend_gone",
            if beside {
                "a backend is silent as well, but these clients lose more than its part; not excluded \
                 where each client is tied to one backend (`sessionAffinity: ClientIP`, \
                 `internalTrafficPolicy: Local`)"
            } else {
                "the servers answer everybody else"
            },
        );
    } else {
        let whose = if facts.answers_anybody() {
            "not excluded: nobody else asks that server here; ask it from another pod"
        } else {
            "not excluded from inside one pod: capture on the node to see whether anybody is answered"
        };
        finding = finding.rather_than("wrong_nameserver", whose);
        if facts.answers_anybody() {
            finding = finding.rather_than("coredns_backend_gone", whose);
        }
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
    let pairs: Vec<&Pair> = cut.iter().flat_map(|cut| cut.client.pairs.iter().copied()).collect();
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

/// Whether a client has long-lived sockets that matter: each stays with the backend that it has.
fn keeps_ports(client: &Sum<'_>) -> bool {
    let reused: u64 = client.pairs.iter().map(|pair| pair.reused).sum();
    reused * 5 >= client.all.sent
}

/// When they were cut off, in words and as a window: all of them together, or the worst of several
/// times.
fn in_time(cut: &[Cut<'_>], outages: &[Outage]) -> (String, String, Period) {
    let of_one = |cut: &Cut<'_>| worst(&cut.outages).map(|(outage, _)| outage.clone());
    let worst_of_each: Vec<Outage> = cut.iter().filter_map(of_one).collect();
    let most = cut.iter().map(|cut| cut.outages.len()).max().unwrap_or(0);
    match Outage::of(&worst_of_each) {
        Some(all) if most > 1 => {
            let others = worst(outages).map(|(_, others)| others).unwrap_or_default();
            (all.when(), format!("{}{others}", all.around("answered")), all.period())
        }
        Some(all) => (all.when(), all.around("answered"), all.period()),
        None => {
            let losses = Period::of(cut.iter().map(|cut| cut.client.losses));
            (String::new(), String::new(), losses)
        }
    }
}

#[cfg(test)]
mod tests;
