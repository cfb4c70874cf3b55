//! Where and how the capture was taken: what a cause's look-alikes cannot be told by from there.

use crate::verdict::facts::{FEW, Facts};
use crate::verdict::finding::Finding;
use crate::verdict::vantage::Vantage;

/// A look-alike that cannot be excluded from the vantage point leaves a finding at this.
const NOT_EXCLUDED: f64 = 0.6;

/// The same, where there are as many cut refusals as would explain most of it.
const AS_LIKELY: f64 = 0.3;

/// Causes that are silent: the same losses with an ICMP error are another cause's.
const SILENT: [&str; 8] = [
    "client_egress_dropped",
    "coredns_backend_gone",
    "coredns_overload",
    "nodelocaldns_down",
    "random_loss",
    "stale_conntrack_udp",
    "upstream_unreachable",
    "wrong_nameserver",
];

pub(super) fn corroborate(facts: &Facts<'_>, vantage: &Vantage, finding: &mut Finding) {
    if vantage.hides(finding.cause).is_some() {
        finding.confidence = finding.confidence.min(NOT_EXCLUDED);
    }
    refused(facts, finding);
}

/// A silent cause, where ICMP errors were cut before they say what they refuse.
fn refused(facts: &Facts<'_>, finding: &mut Finding) {
    let cut = facts.quality.cut_refusals;
    if cut < FEW || !SILENT.contains(&finding.cause) {
        return;
    }
    let most = if cut * 2 >= finding.damage { AS_LIKELY } else { NOT_EXCLUDED };
    finding.confidence = finding.confidence.min(most);
    let why = format!(
        "not excluded, and dns_port_closed neither: {cut} ICMP errors were cut before what they refuse, and what \
         is refused out loud looks silent then"
    );
    finding.considered("firewall_reject", why);
}
