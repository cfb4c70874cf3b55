//! NodeLocal DNSCache: which addresses are its own, and how its questions look on the network.

use super::facts::{FEW, Facts};
use crate::aggregate::Pair;
use crate::model::Address;
use std::net::IpAddr;

/// What a packet's TTL is that was sent by this very node: Linux begins at 64, and no router has
/// taken one off.
pub const SENT_HERE: u8 = 64;

/// Whether this is the address of a cache on the client's own node. 169.254.20.10 is the usual one,
/// 169.254.25.10 kubespray's; any other link-local address is taken for one too, but those of clouds:
/// 169.254.169.0/24 (resolver, instance metadata) and 169.254.170.0/24 (credentials of containers).
///
/// For IPv6 the documentation of NodeLocal DNSCache names fd00::/8, where Services live as well. Such
/// an address counts if the user named it (`--cluster-dns`) and the packets show that it is here:
/// what comes from it was sent by this node, and nothing to it is translated.
pub fn is_node_local(facts: &Facts<'_>, address: Address) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_link_local() && !matches!(ip.octets()[2], 169 | 170),
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local()
                || ip.is_unique_local()
                    && facts.cluster_dns.contains(&address)
                    && is_here(facts, address)
        }
    }
}

fn is_here(facts: &Facts<'_>, address: Address) -> bool {
    let mut pairs = facts.pairs_to(address);
    let mut sent_here = false;
    let near = pairs.all(|pair| {
        let refused = pair.refused() > 0 && pair.rare().reporter == address;
        sent_here |= refused && pair.rare().reporter_ttl == SENT_HERE;
        sent_here |= pair.answer_ttls.is_some_and(|ttls| ttls == (SENT_HERE, SENT_HERE));
        pair.translated == 0 && pair.seen_beyond == 0
    });
    near && sent_here
}

/// Addresses of NodeLocal DNSCache that answered somebody.
pub fn answering(facts: &Facts<'_>) -> Vec<Address> {
    let servers = facts.aggregate.counting.servers.iter().filter(|server| server.answered > 0);
    let mut found: Vec<Address> = servers
        .map(|server| server.address)
        .filter(|&address| is_node_local(facts, address))
        .collect();
    found.sort_unstable();
    found
}

/// The questions of a node cache to the cluster DNS: `force_tcp` makes all of them TCP, and names
/// outside the cluster go elsewhere, to the node's own upstreams. A stub resolver with `use-vc` asks
/// one server for everything.
pub fn upstream_legs<'a>(facts: &'a Facts<'_>) -> Vec<&'a Pair> {
    let asks_outside = |client: Address| {
        facts.pairs_of(client).any(|pair| pair.external().sent > 0 && pair.tcp < pair.all().sent)
    };
    facts
        .aggregate
        .counting
        .pairs
        .iter()
        .filter(|pair| pair.cluster().sent >= FEW && pair.tcp == pair.all().sent)
        .filter(|pair| pair.external().sent == 0 && asks_outside(pair.client))
        .collect()
}
