//! Who takes part: lists of addresses, and which of the servers are what.

use super::facts::Facts;
use super::finding::Scope;
use crate::aggregate::Pair;
use crate::model::Address;

/// Addresses in order, each once.
pub fn sorted(addresses: impl Iterator<Item = Address>) -> Vec<Address> {
    let mut all: Vec<Address> = addresses.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether an address is in such a list.
pub fn holds(sorted: &[Address], address: Address) -> bool {
    sorted.binary_search(&address).is_ok()
}

impl Facts<'_> {
    /// Addresses of Services, sorted: what is asked of them is seen on its way to another address. Where
    /// the backends behind it are seen, a Service stands for them all.
    pub fn services(&self) -> Vec<Address> {
        let translated = self.aggregate.counting.pairs.iter().filter(|pair| pair.translated > 0);
        sorted(translated.map(|pair| pair.server))
    }

    /// Who of those that failed did so behind the addresses that were asked, both sorted: backends, where they are
    /// seen. Of these some may be asked by themselves as well, by clients whose node has translated their questions.
    pub fn behind(&self, asked: &[Address], failing: &[Address]) -> Vec<Address> {
        let behind = |address: &Address| !holds(asked, *address);
        let networks = sorted(failing.iter().copied().filter(behind).map(network));
        let services = self.services();
        let beside =
            |address: &Address| !holds(&services, *address) && holds(&networks, network(*address));
        let backends: Vec<Address> =
            failing.iter().copied().filter(|at| behind(at) || beside(at)).collect();
        // The Service's address was asked of and is no backend, if backends are seen at all.
        if backends.is_empty() { asked.to_vec() } else { backends }
    }

    /// Servers that forwarders ask, sorted.
    pub fn upstreams(&self) -> Vec<Address> {
        sorted(self.upstream_pairs().map(|pair| pair.server))
    }
}

impl Scope {
    /// Of these clients and servers, whatever the names and the interfaces.
    pub fn between(clients: &[Address], servers: &[Address]) -> Scope {
        Scope { clients: Facts::list(clients), servers: Facts::list(servers), ..Scope::default() }
    }
}

/// Whether two addresses are of one network, as pods are, and a Service's address is not.
pub fn are_near(a: Address, b: Address) -> bool {
    network(a) == network(b)
}

/// The first address of that network.
pub fn network(mut address: Address) -> Address {
    // Half of an IPv4 address, which stands at the end of the octets; a /64.
    let octets = if address.is_v4() { 14 } else { 8 };
    address.0[octets..].fill(0);
    address
}

/// Clients of these pairs.
pub fn clients(pairs: &[&Pair]) -> Vec<Address> {
    sorted(pairs.iter().map(|pair| pair.client))
}

/// Servers of these pairs.
pub fn servers(pairs: &[&Pair]) -> Vec<Address> {
    sorted(pairs.iter().map(|pair| pair.server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_hold_each_once() {
        let all = ["10.0.0.3", "10.0.0.2", "10.0.0.3", "fd00::1"].map(|text| text.parse().unwrap());
        let list = sorted(all.into_iter());
        assert_eq!(list.iter().map(ToString::to_string).collect::<Vec<_>>().len(), 3);
        assert!(list.is_sorted() && all.iter().all(|&one| holds(&list, one)));
        assert!(!holds(&list, "10.0.0.4".parse().unwrap()));
        let scope = Scope::between(&list[..1], &list[1..]);
        assert_eq!((scope.clients.len(), scope.servers.len(), scope.names.len()), (1, 2, 0));
    }
}
