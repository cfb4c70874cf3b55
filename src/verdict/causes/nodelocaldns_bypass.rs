//! NodeLocal DNSCache runs, and pods ask the ClusterIP across the network all the same.

use crate::aggregate::{Pair, Period};
use crate::model::Address;
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::node_local::{answering, is_node_local, upstream_legs};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter};

/// Of the questions of a client that bypasses the cache at least so many are seen translated. In
/// iptables mode a cache that restarts lets the Service's rules work for a moment: then both occur.
const TRANSLATED: f64 = 0.9;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "nodelocaldns_bypass",
    category: "config_error",
    normal: false,
    title: "NodeLocal DNSCache runs, pods still ask the ClusterIP across the network",
    meaning: "With kube-proxy in IPVS mode NodeLocal DNSCache cannot bind the ClusterIP of kube-dns: \
        only its own address 169.254.20.10 leads to it, and pods have to be told. Pods whose \
        resolv.conf still names the ClusterIP reach CoreDNS through the Service as ever: through \
        conntrack and its race, across the network, without a cache. Pods that started before the \
        kubelet was changed, a dnsConfig of their own, and security groups for pods in strict mode \
        (all their traffic leaves the node) look the same.",
    signature: "NodeLocal DNSCache answers somebody, or the node asks CoreDNS over TCP for cluster \
        names only, as its `force_tcp` does; and questions of pods to the ClusterIP are seen on their \
        way to a CoreDNS pod, in the pod's own name (nine of ten of at least three).",
    look_alikes: &[
        (
            "iptables mode",
            "the cache has the ClusterIP too and answers there: nothing is translated, nothing leaves",
        ),
        ("a restarting cache", "in iptables mode its questions are translated for a moment only"),
        ("truncated answers", "a pod that asks again over TCP asked over UDP first"),
    ],
    vantage: "The pods' node (`-i any`), before and after the translation. From inside one pod the \
        way that a question takes cannot be seen.",
    immediate: "Set the kubelet's --cluster-dns (clusterDNS) to 169.254.20.10 on nodes in IPVS mode \
        and restart the pods, so that they get the new resolv.conf.",
    long_term: "Set the address in the node's bootstrap configuration; check resolv.conf of new pods \
        at rollout; watch coredns_cache_hits_total of node-local-dns.",
    confirm: &[
        "kubectl exec -n NAMESPACE POD -- cat /etc/resolv.conf",
        "kubectl -n kube-system get configmap kube-proxy-config -o yaml",
        "kubectl -n kube-system get daemonset node-local-dns -o wide",
        "sudo iptables-save -t raw",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let caches = answering(facts);
    let legs = upstream_legs(facts);
    if caches.is_empty() && legs.is_empty() {
        return None;
    }
    let nodes = sorted(legs.iter().map(|pair| pair.client));
    let backends = sorted(legs.iter().map(|pair| pair.server));
    let pods: Vec<&Pair> = facts
        .client_pairs()
        .filter(|pair| !is_node_local(facts, pair.server) && !holds(&nodes, pair.client))
        .filter(|pair| pair.all().sent - pair.tcp >= FEW)
        .filter(|pair| !asks_both(facts, pair, &caches))
        .collect();
    let translated: Vec<&Pair> = pods.iter().copied().filter(|pair| is_translated(pair)).collect();
    // Behind the translation, on an ENI, the pods are seen asking those whom the node's cache asks.
    let beside =
        || pods.iter().copied().filter(|p| p.translated == 0 && holds(&backends, p.server));
    if translated.is_empty() && !caches.is_empty() {
        // The cache is in view, so its pods are too: who comes untranslated comes from another node.
        return None;
    }
    let (around, before) =
        if translated.is_empty() { (beside().collect(), false) } else { (translated, true) };
    if around.is_empty() {
        return None;
    }
    let count: u64 =
        around.iter().map(|pair| if before { pair.translated } else { pair.all().sent }).sum();
    let clients = sorted(around.iter().map(|pair| pair.client));
    let asked = sorted(around.iter().map(|pair| pair.server));
    let period = Period::of(around.iter().map(|pair| pair.asked));
    let confidence = match (before, caches.is_empty()) {
        (true, false) => 0.85,
        (true, true) => 0.8,
        // They may run on another node, without a cache.
        (false, _) => 0.6,
    };
    let cache: &[Address] = if caches.is_empty() { &nodes } else { &caches };
    let finding = CAUSE
        .finding(Severity::Low, confidence, period)
        .about(Scope::between(&clients, &asked))
        .saying(format!(
            "NodeLocal DNSCache runs ({}), and {} {} {} across the network all the same: {count} \
             questions went past it.",
            filter::words(cache),
            filter::words(&clients),
            filter::verb(&clients, "asks", "ask"),
            filter::words(&asked)
        ))
        .shown_by(
            Evidence::new("bypassing_queries", count as f64, "count", if before {
                format!(
                    "{count} questions of {} to {} were seen on their way to a backend, translated.",
                    filter::words(&clients),
                    filter::words(&asked)
                )
            } else {
                format!(
                    "{count} questions of {} go straight to {}, which the node's cache asks too.",
                    filter::words(&clients),
                    filter::words(&asked)
                )
            })
            .filter(format!(
                "dns.flags.response == 0 && {} && {}",
                filter::from(&clients),
                filter::to(&asked)
            )),
        );
    let finding = if caches.is_empty() {
        let tcp: u64 = legs.iter().map(|pair| pair.tcp).sum();
        finding.shown_by(
            Evidence::new("node_cache_over_tcp", tcp as f64, "count", format!(
                "{} asked {} for {tcp} names of the cluster over TCP and for nothing else: a node \
                 cache's way (`force_tcp`).",
                filter::words(&nodes),
                filter::words(&backends)
            ))
            .filter(format!("dns && tcp && {}", filter::from(&nodes))),
        )
    } else {
        let served: u64 = caches
            .iter()
            .filter_map(|&cache| Some(facts.aggregate.counting.server(cache)?.answered))
            .sum();
        finding.shown_by(
            Evidence::new(
                "answers_of_the_cache",
                served as f64,
                "count",
                format!(
                    "{} answered {served} questions: the cache runs here.",
                    filter::words(&caches)
                ),
            )
            .filter(format!("dns.flags.response == 1 && {}", filter::from(&caches))),
        )
    };
    Some(finding.rather_than(
        "nodelocaldns_down",
        if before {
            "the cache runs, and where it stands in for the ClusterIP (iptables mode) no question is translated"
        } else {
            "not excluded that these pods run on nodes whose cache is down, or without one: compare their nodes"
        },
    ))
}

/// Whether what this client asks of the Service goes to a backend, as a rule.
fn is_translated(pair: &Pair) -> bool {
    let settled = pair.all().answered + pair.all().unanswered;
    pair.translated >= FEW && pair.translated as f64 >= TRANSLATED * settled as f64
}

/// Whether a pair's client asks a cache as well: musl sends each question to all of its servers at once.
fn asks_both(facts: &Facts<'_>, pair: &Pair, caches: &[Address]) -> bool {
    let cached = facts.pairs_of(pair.client).filter(|other| holds(caches, other.server));
    2 * cached.map(|other| other.all().sent).sum::<u64>() >= pair.all().sent
}

#[cfg(test)]
mod tests;
