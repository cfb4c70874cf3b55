//! The node's own `resolv.conf`: CoreDNS' upstreams, where it is not told others, and whom programs on
//! the host network ask.

use super::servers;
use crate::context::ResolvConf;
use crate::model::Address;
use crate::verdict::{Evidence, Finding, filter};

/// Causes on the way to those who are named there.
const UPSTREAM: [&str; 8] = [
    "upstream_unreachable",
    "upstream_slow",
    "upstream_servfail",
    "query_refused",
    "vpc_dns_pps_exceeded",
    "vpc_dns_pps_near_limit",
    "wrong_nameserver",
    "cluster_name_sent_upstream",
];

pub(super) fn corroborate(conf: &ResolvConf, finding: &mut Finding) {
    if !UPSTREAM.contains(&finding.cause) {
        return;
    }
    let asked = servers(finding);
    let named: Vec<Address> = conf.nameservers.iter().map(|(address, _)| *address).collect();
    let known: Vec<Address> = asked.into_iter().filter(|server| named.contains(server)).collect();
    if known.is_empty() {
        return;
    }
    let text = format!(
        "live: {} of this node names {}: programs on its host network ask there, pods with dnsPolicy Default, \
         and a CoreDNS that forwards to /etc/resolv.conf.",
        conf.file(),
        filter::words(&known)
    );
    finding.supplemented(Evidence::new("node_nameservers", known.len() as f64, "count", text));
}
