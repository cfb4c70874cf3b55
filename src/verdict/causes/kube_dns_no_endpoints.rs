//! The node itself rejects the Service's address, for everybody: no endpoint is ready.

use super::nodelocaldns_down;
use crate::aggregate::{Pair, Period};
use crate::verdict::refusals::{
    Together, answered_nobody, answered_nobody_anew, dated, is_foreign_port_unreachable, refused,
};
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter};

/// One may be the moment in which the last endpoint changes.
const REFUSALS: u64 = 2;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "kube_dns_no_endpoints",
    category: "coredns_down",
    normal: false,
    title: "The node itself rejects the ClusterIP, for everybody: the Service has no ready endpoint",
    meaning: "kube-proxy writes a REJECT rule for a Service without ready endpoints (Cilium does \
        the same with service-no-backend-response=reject). No CoreDNS pod is Ready: all are gone, \
        crash, or fail their readiness check.",
    signature: "At least two queries refused with ICMP port unreachable from an address that was \
        not asked, the node's, and nobody who asks from a new port is answered by the asked address in \
        that time: flows that conntrack knows go on while the backend lives.",
    look_alikes: &[
        ("firewall_reject", "some clients only, or another ICMP error"),
        ("dns_port_closed", "the refusal comes from the backend"),
    ],
    vantage: "The client's pod or node.",
    immediate: "Get CoreDNS Ready: look at its pods, events and logs, scale it up if it was \
        scaled down.",
    long_term: "At least two replicas on two nodes, a PodDisruptionBudget, an alert on kube-dns \
        without endpoints.",
    confirm: &[
        "kubectl -n kube-system get endpointslices -l k8s-app=kube-dns",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl -n kube-system get deployment coredns",
    ],
    detect,
};

/// Whether this cause explains the refusals of a pair.
pub(super) fn explains(facts: &Facts<'_>, pair: &Pair) -> bool {
    is_foreign_port_unreachable(pair)
        && answered_nobody_anew(facts, pair)
        && !nodelocaldns_down::explains(facts, pair.server)
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let pairs: Vec<&Pair> =
        facts.aggregate.counting.pairs.iter().filter(|pair| explains(facts, pair)).collect();
    let count: u64 = pairs.iter().map(|pair| refused(facts, pair).rejected).sum();
    if count < REFUSALS {
        return None;
    }
    let Together { clients, servers, reporters, silent, period, when, outages, frames } =
        Together::of(&pairs);
    // Flows that conntrack knows are answered in between: nothing stops and resumes then.
    let known = !pairs.iter().all(|pair| answered_nobody(facts, pair));
    let refusals = Period::of(pairs.iter().map(|pair| pair.rare().refusals));
    let (period, when, outages) =
        if known { (refusals, String::new(), Vec::new()) } else { (period, when, outages) };
    // With one client, a rule against it looks the same.
    let confidence = if clients.len() > 1 { 0.85 } else { 0.6 };
    let finding = CAUSE
        .finding(Severity::High, confidence, period)
        .about(Scope::between(&clients, &servers))
        .explaining(count + silent)
        .saying(format!(
            "{} has no ready endpoint{when}: {} rejects every query to it{} ({count} refused).",
            filter::words(&servers),
            filter::words(&reporters),
            if known { " from a new port" } else { "" }
        ))
        .shown_by(
            Evidence::new(
                "rejected_queries",
                count as f64,
                "count",
                format!(
                    "{count} queries of {} to {} were refused with ICMP port unreachable by {}, \
                     and nobody {}was answered meanwhile.",
                    filter::words(&clients),
                    filter::words(&servers),
                    filter::words(&reporters),
                    if known { "who asked from a new port " } else { "" }
                ),
            )
            .at(frames)
            .filter("icmp.type == 3 && icmp.code == 3 || icmpv6.type == 1".to_owned()),
        );
    let finding = dated(finding, &outages, &format!("from {}", filter::words(&servers)));
    Some(finding.rather_than("firewall_reject", "nobody is answered, not some clients only"))
}

#[cfg(test)]
mod tests;
