//! One DNS backend silent from one moment on, the others fine.

use super::firewall_reject::sorted;
use crate::aggregate::{Pair, Period, Server};
use crate::model::{Address, Span};
use crate::verdict::silence::by_server;
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter};

/// From the last answer on, losses have to go on for at least so long: what was under way when a
/// backend left is lost at once.
const LASTING: Span = Span::from_secs(1);

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
    signature: "A backend that answered falls silent: at least three questions lost, for at least \
        a second, none answered after, while a backend of the same kind goes on answering. Where \
        the questions do not reach it any more: its answers end, and from then on questions to \
        the Service are lost before they are seen on their way to any backend.",
    look_alikes: &[
        ("client_egress_dropped", "one client loses everything, others nothing"),
        ("stale_conntrack_udp", "only long-lived source ports fail"),
        ("random_loss", "all backends lose a little, all the time"),
        ("dns_port_closed", "an ICMP error says so"),
    ],
    vantage: "Where the backends' own addresses are seen: a node (`-i any`), an ENI. A pod sees \
        the Service's address only.",
    immediate: "See what became of that CoreDNS pod and its node; delete the pod if it hangs, so \
        that its endpoint goes.",
    long_term: "Set `lameduck 30s` and readiness on /ready; run two replicas on two nodes at least, with a \
        PodDisruptionBudget; NodeLocal DNSCache takes most lookups off the backends.",
    confirm: &[
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl -n kube-system get endpointslices -l k8s-app=kube-dns",
        "kubectl -n kube-system get events --sort-by=.lastTimestamp",
    ],
    detect,
};

/// A backend that went, and what was lost for it.
struct Gone {
    backend: Address,
    lost: u64,
    losses: Period,
    pairs: Vec<u64>,
    since: crate::model::Timestamp,
    peers: Vec<Address>,
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    if facts.one_sided() {
        return None;
    }
    let gone = seen_going(facts).or_else(|| vanished_behind_service(facts))?;
    let seconds = gone.losses.last.since(gone.losses.first).as_secs_f64();
    let (confidence, others) = if gone.peers.is_empty() {
        (0.5, "; no other backend is in this capture to compare it with".to_owned())
    } else {
        let verb = filter::verb(&gone.peers, "goes", "go");
        (0.75, format!(", while {} {verb} on answering", filter::words(&gone.peers)))
    };
    Some(
        CAUSE
            .finding(Severity::Medium, facts.capped(confidence), gone.losses)
            .about(Scope { servers: Facts::list(&[gone.backend]), ..Scope::default() })
            .explaining(gone.lost)
            .saying(format!(
                "The DNS backend {} falls silent at {}: {} questions lost over {seconds:.1} \
                 s{others}.",
                gone.backend, gone.since, gone.lost
            ))
            .shown_by(
                Evidence::new(
                    "unanswered_queries",
                    gone.lost as f64,
                    "count",
                    format!(
                        "{} questions got nothing after the backend's last answer at {}.",
                        gone.lost, gone.since
                    ),
                )
                .at(gone.pairs)
                .filter(format!("dns && {}", filter::with(&[gone.backend]))),
            )
            .rather_than("random_loss", "the losses begin with the backend's last answer")
            .rather_than(
                "client_egress_dropped",
                "the same clients are answered by other backends",
            ),
    )
}

/// The backends: servers whose own addresses are seen, Services left out, upstreams left out.
fn backends<'a>(facts: &'a Facts<'_>) -> Vec<&'a Server> {
    let services: Vec<Address> = facts
        .aggregate
        .pairs
        .iter()
        .filter(|pair| pair.translated > 0)
        .map(|pair| pair.server)
        .collect();
    let upstreams: Vec<Address> = facts.upstream_pairs().map(|pair| pair.server).collect();
    facts
        .aggregate
        .servers
        .iter()
        .filter(|s| !services.contains(&s.address) && !upstreams.contains(&s.address))
        .collect()
}

fn peers_of(all: &[&Server], backend: &Server, since: Period) -> Vec<Address> {
    let peers = all
        .iter()
        .filter(|peer| peer.address != backend.address && peer.answered >= FEW)
        // Not to the very end: questions are sent again for a while when nothing new is asked.
        .filter(|peer| peer.answers.last > since.first.plus(LASTING));
    sorted(peers.map(|peer| peer.address))
}

/// A backend whose questions are seen and not answered any more.
fn seen_going(facts: &Facts<'_>) -> Option<Gone> {
    let all = backends(facts);
    all.iter()
        .filter(|server| server.answered >= FEW && server.unanswered >= FEW)
        .filter(|server| server.losses.last.since(server.losses.first) >= LASTING)
        // What is asked a moment before the end of its answers may be lost with it.
        .filter(|server| server.losses.first.plus(LASTING) >= server.answers.last)
        .filter(|server| not_refused(facts, server.address))
        .find_map(|server| {
            let peers = peers_of(&all, server, server.losses);
            // At the backend's own side no other is seen; then all its clients have to be silent.
            let alone = all.len() == 1 && clients_of(facts, server.address) > 1;
            (alone || !peers.is_empty()).then(|| Gone {
                backend: server.address,
                lost: server.unanswered,
                losses: server.losses,
                pairs: lost_frames(facts, server.losses),
                since: server.answers.last,
                peers,
            })
        })
}

/// A backend that answers no more from when questions to its Service are lost on this node.
fn vanished_behind_service(facts: &Facts<'_>) -> Option<Gone> {
    let all = backends(facts);
    let services = by_server(facts.client_pairs().filter(|pair| pair.translated > 0));
    services.iter().find_map(|service| {
        let beyond: u64 = service.pairs.iter().map(|pair| pair.lost_beyond).sum();
        let lasting =
            service.losses.any() && service.losses.last.since(service.losses.first) >= LASTING;
        if service.silent < FEW || beyond > 0 || !lasting {
            return None;
        }
        let backend = all.iter().find(|server| {
            server.answered >= FEW
                && server.unanswered == 0
                && server.answers.last <= service.losses.first.plus(LASTING)
        })?;
        let peers = peers_of(&all, backend, service.losses);
        (!peers.is_empty()).then(|| Gone {
            backend: backend.address,
            lost: service.silent,
            losses: service.losses,
            pairs: service.lost_frames().collect(),
            since: backend.answers.last,
            peers,
        })
    })
}

/// How many clients asked a server.
fn clients_of(facts: &Facts<'_>, server: Address) -> usize {
    facts.client_pairs().filter(|pair| pair.server == server).count()
}

fn not_refused(facts: &Facts<'_>, server: Address) -> bool {
    let refused =
        |pair: &Pair| pair.refused() > 0 && (pair.server == server || pair.reporter == server);
    !facts.aggregate.pairs.iter().any(refused)
}

fn lost_frames(facts: &Facts<'_>, losses: Period) -> Vec<u64> {
    let during = |pair: &&Pair| pair.losses.any() && pair.losses.first <= losses.last;
    facts.client_pairs().filter(during).flat_map(|pair| pair.lost_frames.iter()).collect()
}

#[cfg(test)]
mod tests;
