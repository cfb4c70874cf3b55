//! Objects of the cluster: what became of pods, and how their DNS is set up.

mod endings;

use super::{clients, servers};
use crate::context::Kube;
use crate::context::kube::Pod;
use crate::verdict::words::{counted, verb};
use crate::verdict::{Evidence, Facts, Finding, filter};

/// Pods named in one sentence.
const NAMED: usize = 4;

pub(super) fn corroborate(facts: &Facts<'_>, kube: &Kube, finding: &mut Finding) {
    match finding.cause {
        "kube_dns_no_endpoints" => endpoints(facts, kube, finding),
        "servfail_transient" => endings::corroborate(facts, kube, finding),
        "coredns_backend_gone" => {
            endings::corroborate(facts, kube, finding);
            replicas(kube, finding);
        }
        "wrong_nameserver" => nameserver(facts, kube, finding),
        "ndots_search_chain" | "cluster_name_sent_upstream" => policies(facts, kube, finding),
        "vpc_dns_pps_exceeded" | "vpc_dns_pps_near_limit" | "coredns_overload" => {
            replicas(kube, finding);
        }
        _ => {}
    }
    if !finding.normal {
        strangers(facts, kube, finding);
    }
}

/// Names of pods, all of a few.
fn named<'a>(pods: impl Iterator<Item = &'a Pod>) -> String {
    let names: Vec<String> = pods.map(Pod::full_name).collect();
    match names.len().checked_sub(NAMED) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..NAMED].join(", ")),
    }
}

fn count(metric: &str, value: usize, text: String) -> Evidence {
    Evidence::new(metric, value as f64, "count", text)
}

/// Whether anybody could have answered for the Service.
fn endpoints(facts: &Facts<'_>, kube: &Kube, finding: &mut Finding) {
    let all = kube.dns_pods().count();
    let ready: Vec<&Pod> =
        kube.dns_pods().filter(|pod| pod.ready && pod.deleted.is_none()).collect();
    let metric = "ready_dns_pods";
    // A list of some namespaces does not tell what is not in the others.
    if all == 0 && !kube.pods.iter().any(|pod| pod.namespace == "kube-system") {
        let text = "--kube: no pod of kube-system is listed: whether CoreDNS is Ready is not told.";
        return finding.supplemented(count(metric, 0, text.to_owned()));
    }
    if ready.is_empty() {
        let text = match all {
            0 => "--kube: there is no CoreDNS pod (kube-system, k8s-app=kube-dns).".to_owned(),
            _ => format!(
                "--kube: none of {} is Ready: {}.",
                counted(all as u64, "CoreDNS pod"),
                named(kube.dns_pods())
            ),
        };
        finding.confirmed(facts, count(metric, 0, text));
        return;
    }
    let text = format!(
        "--kube: {} of {} {} Ready as these objects were listed ({}): it was at another time, or the \
         Service does not select them.",
        ready.len(),
        counted(all as u64, "CoreDNS pod"),
        verb(ready.len() as u64, "is", "are"),
        named(ready.iter().copied())
    );
    finding.doubted(count(metric, ready.len(), text));
}

/// Whether what is asked is a nameserver of this cluster.
fn nameserver(facts: &Facts<'_>, kube: &Kube, finding: &mut Finding) {
    let dns = kube.dns_addresses();
    let servers = servers(finding);
    if dns.is_empty() || servers.is_empty() {
        return;
    }
    let known = filter::words(&dns);
    if servers.iter().any(|server| dns.contains(server)) {
        let text = format!("--kube: {known} is the cluster's DNS: clients ask the right address.");
        finding.contradicted(count("cluster_dns_addresses", dns.len(), text));
        return;
    }
    let verb = filter::verb(&dns, "is", "are");
    let foreign: Vec<_> = servers.iter().copied().filter(|&server| !kube.knows(server)).collect();
    let others = if foreign.is_empty() {
        String::new()
    } else {
        format!("; nothing in this cluster has {}", filter::words(&foreign))
    };
    let text = format!("--kube: {known} {verb} the cluster's DNS{others}.");
    finding.confirmed(facts, count("cluster_dns_addresses", dns.len(), text));
}

/// How the clients of a finding are told to resolve names.
fn policies(facts: &Facts<'_>, kube: &Kube, finding: &mut Finding) {
    let end = facts.end();
    let clients = clients(finding);
    let pods: Vec<&Pod> = clients.iter().filter_map(|&client| kube.pod(client, end)).collect();
    let policy = |pod: &Pod| pod.dns_policy.clone().unwrap_or_else(|| "ClusterFirst".to_owned());
    if finding.cause == "cluster_name_sent_upstream" {
        // In the network of their node, `ClusterFirst` means the node's resolver, too.
        let of_node: Vec<&Pod> = kube
            .pods
            .iter()
            .filter(|pod| pod.host_network && policy(pod) == "ClusterFirst")
            .filter(|pod| pod.addresses.iter().any(|address| clients.contains(address)))
            .collect();
        let default: Vec<&Pod> =
            pods.iter().copied().filter(|pod| policy(pod) == "Default").collect();
        if let [first, ..] = [default.as_slice(), of_node.as_slice()].concat().as_slice() {
            let (all, many) = (default.len() + of_node.len(), default.iter().chain(&of_node));
            let kind = if first.host_network { "hostNetwork with ClusterFirst" } else { "Default" };
            let text = format!(
                "--kube: {} {} the node's resolver (dnsPolicy {kind}): {}.",
                counted(all as u64, "pod"),
                verb(all as u64, "is set to ask", "are set to ask"),
                named(many.copied())
            );
            finding.confirmed(facts, count("pods_asking_the_node_s_resolver", all, text));
        }
        return;
    }
    for pod in pods.into_iter().take(NAMED) {
        let ndots = match pod.ndots {
            Some(ndots) => format!("ndots:{ndots} in its dnsConfig"),
            None if pod.dns_policy.as_deref() == Some("None") => {
                "no ndots in its dnsConfig".to_owned()
            }
            None => "no ndots in its dnsConfig, so 5".to_owned(),
        };
        let text =
            format!("--kube: {} has dnsPolicy {} and {ndots}.", pod.full_name(), policy(pod));
        finding.supplemented(count("ndots", pod.ndots.unwrap_or(5) as usize, text));
    }
}

/// Where CoreDNS runs: replicas on one node share its interfaces and its CPU.
fn replicas(kube: &Kube, finding: &mut Finding) {
    let pods: Vec<&Pod> = kube.dns_pods().filter(|pod| pod.running).collect();
    let mut nodes: Vec<&str> = pods.iter().filter_map(|pod| pod.node.as_deref()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let text = match (pods.len(), nodes.as_slice()) {
        (0, _) | (_, []) => return,
        (1, [node]) => format!("--kube: there is one CoreDNS pod, on node {node}."),
        (many, [node]) => format!(
            "--kube: all {many} CoreDNS pods run on node {node}: they share its limits, and go with it."
        ),
        (many, _) => format!("--kube: {many} CoreDNS pods run on {} nodes.", nodes.len()),
    };
    finding.supplemented(count("coredns_nodes", nodes.len(), text));
}

/// Clients that nothing in the cluster has the address of.
fn strangers(facts: &Facts<'_>, kube: &Kube, finding: &mut Finding) {
    let end = facts.end();
    // With a partial list (one namespace) everybody else would be a stranger.
    let whole = kube.dns_pods().next().is_some() && !kube.nodes.is_empty();
    let mut clients = clients(finding);
    clients.retain(|&client| kube.name(client, end).is_none());
    if whole && !clients.is_empty() {
        let text = format!(
            "--kube: no pod or node that is listed had {} during the capture: it is gone since, or \
             outside the cluster.",
            filter::words(&clients)
        );
        finding.supplemented(count("unknown_clients", clients.len(), text));
    }
}

#[cfg(test)]
mod tests;
