//! The list of causes. Adding one: a file here and a line in [`ALL`].

mod capture_incomplete;
mod client_egress_dropped;
mod cluster_name_sent_upstream;
mod conntrack_allowance_exceeded;
mod conntrack_dnat_race;
mod coredns_backend_gone;
mod coredns_not_synced;
mod coredns_overload;
mod dns_forwarding_loop;
mod dns_port_closed;
mod dnssec_validation_failure;
mod firewall_reject;
mod fragment_loss;
mod kube_dns_no_endpoints;
mod musl_search_stopped;
mod name_does_not_exist;
mod ndots_search_chain;
mod nodata_no_ipv6;
mod nodelocaldns_bypass;
mod nodelocaldns_down;
pub(super) mod query_refused;
mod random_loss;
mod reply_source_mismatch;
mod servfail_burst;
mod servfail_transient;
mod stale_conntrack_udp;
mod tcp53_blocked;
mod upstream_servfail;
mod upstream_slow;
mod upstream_unreachable;
mod vpc_dns_pps_exceeded;
mod vpc_dns_pps_near_limit;
mod wrong_nameserver;

use super::Cause;

/// Every cause that dnspect recognises, in the order of the contract's table.
pub const ALL: &[&Cause] = &[
    &ndots_search_chain::CAUSE,
    &servfail_transient::CAUSE,
    &nodata_no_ipv6::CAUSE,
    &vpc_dns_pps_exceeded::CAUSE,
    &vpc_dns_pps_near_limit::CAUSE,
    &conntrack_allowance_exceeded::CAUSE,
    &coredns_overload::CAUSE,
    &servfail_burst::CAUSE,
    &coredns_backend_gone::CAUSE,
    &kube_dns_no_endpoints::CAUSE,
    &dns_port_closed::CAUSE,
    &coredns_not_synced::CAUSE,
    &upstream_slow::CAUSE,
    &upstream_servfail::CAUSE,
    &dnssec_validation_failure::CAUSE,
    &query_refused::CAUSE,
    &upstream_unreachable::CAUSE,
    &client_egress_dropped::CAUSE,
    &firewall_reject::CAUSE,
    &tcp53_blocked::CAUSE,
    &fragment_loss::CAUSE,
    &wrong_nameserver::CAUSE,
    &nodelocaldns_bypass::CAUSE,
    &nodelocaldns_down::CAUSE,
    &dns_forwarding_loop::CAUSE,
    &cluster_name_sent_upstream::CAUSE,
    &musl_search_stopped::CAUSE,
    &name_does_not_exist::CAUSE,
    &conntrack_dnat_race::CAUSE,
    &stale_conntrack_udp::CAUSE,
    &random_loss::CAUSE,
    &reply_source_mismatch::CAUSE,
    &capture_incomplete::CAUSE,
];

/// The cause of this code.
pub fn find(code: &str) -> Option<&'static Cause> {
    ALL.iter().copied().find(|cause| cause.code == code)
}
