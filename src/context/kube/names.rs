//! From an address to the object that it belonged to during the capture.

use super::{Kube, Pod};
use crate::model::{Address, Timestamp};

/// What an address belongs to besides pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A node, and whatever shares its network.
    Node(String),
    /// A Service.
    Service(String),
}

impl Kube {
    /// The pod that had this address by `end`, the end of the capture. Addresses are given anew: a pod
    /// that was made later is somebody else, and one that has ended gives way to one that runs.
    pub fn pod(&self, address: Address, end: Option<Timestamp>) -> Option<&Pod> {
        let pods = self.pods_by_address.get(&address)?.iter().filter_map(|&at| self.pods.get(at));
        let there = |pod: &&Pod| match (pod.created, end) {
            (Some(created), Some(end)) => created <= end,
            _ => true,
        };
        // Of several, the one that runs; of those, the one that was made last.
        pods.filter(there).max_by_key(|pod| (pod.running, pod.created))
    }

    /// What the address belongs to, in words: `shop/cart-7f9`, `node ip-10-0-1-10`.
    pub fn name(&self, address: Address, end: Option<Timestamp>) -> Option<String> {
        if let Some(pod) = self.pod(address, end) {
            return Some(pod.full_name());
        }
        Some(match self.others.get(&address)? {
            Named::Node(name) => format!("node {name}"),
            Named::Service(name) => format!("service {name}"),
        })
    }

    /// Whether a pod or a node had this address by `end`. Addresses of Services are the same in many
    /// clusters; those of pods and nodes tell whose list this is.
    pub fn hosts(&self, address: Address, end: Option<Timestamp>) -> bool {
        let node = || matches!(self.others.get(&address), Some(Named::Node(_)));
        self.pod(address, end).is_some() || node()
    }

    /// Whether the list has this address at all, at whatever time.
    pub fn knows(&self, address: Address) -> bool {
        self.pods_by_address.contains_key(&address) || self.others.contains_key(&address)
    }

    /// The first pod that got this address after the capture ended.
    pub fn later_pod(&self, address: Address, end: Timestamp) -> Option<&Pod> {
        let pods = self.pods_by_address.get(&address)?.iter().filter_map(|&at| self.pods.get(at));
        pods.filter(|pod| pod.created.is_some_and(|created| created > end))
            .min_by_key(|p| p.created)
    }
}
