//! One DNS backend silent from one moment on, the others fine.

mod backends;
mod peers;
mod tied;
pub(super) mod unreachable;

use crate::aggregate::Pair;
use crate::model::Address;
use crate::verdict::addresses::sorted;
use crate::verdict::outage::worst;
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter, words};
pub(super) use backends::{Gone, gone, is_of_one_client};
pub(super) use tied::tied;

/// Outages that are dated in the evidence.
const SHOWN: usize = 3;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "coredns_backend_gone",
    category: "coredns_down",
    normal: false,
    title: "One DNS backend silent from one moment on, the others fine",
    meaning: "A CoreDNS pod, or its node, has gone away without being left out of the Service \
        first: crashed, killed, evicted, its node lost. The part of the questions that kube-proxy \
        sends there is lost until the endpoint is removed; whoever asks again on a new port \
        recovers. A second or two of it at a rollout is a lameduck time that is too short.",
    signature: "A backend that answers at other times is silent for at least a second and three lost \
        questions, to the end of the capture or until it is back, while a backend of the same kind goes \
        on answering; or all backends are, for several clients (less sure). Where \
        its address is gone too, its node says \"host unreachable\" for that part of the questions. Where \
        the questions do not reach it any more: its answers end, and from then on questions to \
        the Service are lost before they are seen on their way to any backend. Where only the Service's address \
        is seen: questions from fresh ports, names of the cluster among them, are lost when they are sent again \
        from the same port as well, both of a pair of A and AAAA, while the same client is answered on other \
        fresh ports: meanwhile (ten questions and more), or right after, six times and more, and never before it \
        gives up.",
    look_alikes: &[
        ("client_egress_dropped", "one client loses everything, others nothing"),
        ("stale_conntrack_udp", "only long-lived source ports fail"),
        ("random_loss", "all backends lose a little, all the time"),
        ("dns_port_closed", "an ICMP error says so"),
    ],
    vantage: "Where the backends' own addresses are seen: a node (`-i any`), an ENI. A pod sees \
        the Service's address only: if its resolver asks again from the same port (glibc, musl), that some ports \
        are tied to silence, but not to which backend.",
    immediate: "See what became of that CoreDNS pod and its node; delete the pod if it hangs, so \
        that its endpoint goes.",
    long_term: "Set `lameduck 30s`, with a terminationGracePeriodSeconds above it, and readiness on \
        /ready (port 8181); run two replicas on two nodes at least, with a \
        PodDisruptionBudget; NodeLocal DNSCache takes most lookups off the backends.",
    confirm: &[
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl -n kube-system get endpointslices -l k8s-app=kube-dns",
        "kubectl -n kube-system get events --sort-by=.lastTimestamp",
    ],
    detect,
};

/// Packets with these backends, and with the addresses that were asked in vain: where the Service's is
/// translated, the frames of a loss are those to the Service.
fn around(facts: &Facts<'_>, backends: &[Address]) -> String {
    let lossy = |pair: &&Pair| pair.all().unanswered > 0 || pair.lapses.iter().next().is_some();
    let asked = facts.client_pairs().filter(lossy).map(|pair| pair.server);
    format!("dns && {}", filter::with(&sorted(asked.chain(backends.iter().copied()))))
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let Some(gone) = gone(facts) else {
        let tied = || tied(facts).map(|tied| tied.finding(facts));
        return unreachable::behind_service(facts).or_else(tied);
    };
    let (outage, others) = worst(&gone.outages)?;
    let names = filter::words(&gone.backends);
    let filter = around(facts, &gone.backends);
    let lost: u64 = gone.outages.iter().map(|outage| outage.lapse.lost).sum();
    let (severity, confidence, peers) = if gone.peers.is_empty() {
        let beside = "; no other backend is in this capture that answers meanwhile".to_owned();
        (Severity::High, 0.5, beside)
    } else {
        let verb = filter::verb(&gone.peers, "goes", "go");
        let beside = format!(", while {} {verb} on answering", filter::words(&gone.peers));
        (Severity::Medium, 0.75, beside)
    };
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), outage.period())
        .about(Scope { servers: Facts::list(&gone.backends), ..Scope::default() })
        .explaining(lost)
        .saying(format!(
            "The DNS {} {names} {} silent{}: {} lost over {:.1} s{others}{peers}.",
            filter::verb(&gone.backends, "backend", "backends"),
            filter::verb(&gone.backends, "is", "are"),
            outage.when(),
            words::counted(lost, "question"),
            outage.length().as_secs_f64()
        ))
        .shown_by(
            Evidence::new(
                "unanswered_queries",
                lost as f64,
                "count",
                format!(
                    "{} got nothing while {names} answered nobody.",
                    words::counted(lost, "question")
                ),
            )
            .at(outage.lapse.frames.iter())
            .filter(filter.clone()),
        );
    for outage in gone.outages.iter().take(SHOWN) {
        if let Some(evidence) = outage.evidence(&format!("from {names}")) {
            finding = finding.shown_by(evidence.filter(filter.clone()));
        }
    }
    if gone.unreachable > 0 {
        finding = finding
            .shown_by(
                Evidence::new("host_unreachable", gone.unreachable as f64, "count", format!(
                    "{} refused with ICMP host or net unreachable: the node says that {names} is not \
                     there, while the same clients are answered by others.",
                    words::counted(gone.unreachable, "question")
                ))
                .at(outage.lapse.frames.iter())
                .filter("icmp.type == 3 || icmpv6.type == 1".to_owned()),
            )
            .rather_than("firewall_reject", "a rule for a client does not depend on the backend");
    }
    finding = finding.rather_than(
        "random_loss",
        "the losses lie between the backend's last answer and its next",
    );
    Some(if gone.peers.is_empty() {
        finding.rather_than(
            "client_egress_dropped",
            "not excluded if a rule was in force for all clients at once: several of them lose \
             everything in the same time",
        )
    } else {
        finding
            .rather_than("client_egress_dropped", "the same clients are answered by other backends")
    })
}

#[cfg(test)]
mod tests;
