//! `kubectl get pods,services,nodes -A -o json`: which objects the addresses of the capture belong to.
//!
//! Kinds and fields that are not needed are passed over, one object at a time, so that a list of a
//! large cluster does not have to fit into memory twice.

mod names;
mod object;
mod read;

use std::collections::HashMap;

use super::interface::Tag;
use super::{Malformed, Text};
use crate::model::{Address, Timestamp};
pub use names::Named;

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its addresses; those of the node with `host_network`.
    pub addresses: Vec<Address>,
    /// The node that it runs on.
    pub node: Option<String>,
    /// Whether it lives in the node's network.
    pub host_network: bool,
    /// `dnsPolicy`: `ClusterFirst` unless somebody chose otherwise.
    pub dns_policy: Option<String>,
    /// `ndots` of its `dnsConfig`.
    pub ndots: Option<u32>,
    /// Nameservers of its `dnsConfig`.
    pub nameservers: Vec<Address>,
    /// Label `k8s-app`.
    pub app: Option<String>,
    /// Running, not ended.
    pub running: bool,
    /// Ready.
    pub ready: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When somebody asked for its end, and when it has to be over.
    pub deleted: Option<(Timestamp, Timestamp)>,
}

impl Pod {
    /// `namespace/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// What its interface on the node is called by, unless it lives in the node's network.
    pub fn interface(&self) -> Option<Tag> {
        (!self.host_network).then(|| Tag::of(&self.namespace, &self.name))
    }

    /// Whether it serves the cluster's DNS.
    pub fn serves_dns(&self) -> bool {
        self.namespace == "kube-system" && self.app.as_deref().is_some_and(|app| app == DNS_APP)
    }
}

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its cluster addresses, of both families.
    pub addresses: Vec<Address>,
    /// Whether it is that of the cluster's DNS.
    pub is_dns: bool,
}

impl Service {
    /// `namespace/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// The label that CoreDNS bears in nearly every cluster (`k8s-app: kube-dns`), and its Service.
const DNS_APP: &str = "kube-dns";

/// Services that are the cluster's DNS: by name, whatever serves them.
const DNS_SERVICES: [&str; 4] = ["kube-dns", "coredns", "kube-dns-upstream", "node-local-dns"];

/// The objects of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kube {
    file: String,
    /// Pods, in the order of the list.
    pub pods: Vec<Pod>,
    /// Services.
    pub services: Vec<Service>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Pods by address: those with a network of their own.
    pods_by_address: HashMap<Address, Vec<usize>>,
    others: HashMap<Address, Named>,
}

impl Kube {
    /// Reads one or several lists, or single objects, one after the other.
    pub fn parse(text: Text<'_>) -> Result<Kube, Malformed> {
        let mut kube = Kube { file: text.file.to_owned(), ..Kube::default() };
        let seen = read::objects(text, &mut |object| kube.take(object))?;
        if kube.pods.is_empty() && kube.services.is_empty() && kube.nodes.is_empty() {
            let what = format!(
                "no pod, Service or node among {seen} objects: expected the output of `kubectl get \
                 pods,services,nodes -A -o json`"
            );
            return Err(text.malformed(text.text.lines().count().max(1) as u64, what));
        }
        kube.index();
        Ok(kube)
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.file
    }

    fn take(&mut self, object: object::Object) {
        match object {
            object::Object::Pod(pod) => self.pods.push(pod),
            object::Object::Service(service) => self.services.push(service),
            object::Object::Node(node) => self.nodes.push(node),
        }
    }

    fn index(&mut self) {
        for (at, pod) in self.pods.iter().enumerate().filter(|(_, pod)| !pod.host_network) {
            for &address in &pod.addresses {
                self.pods_by_address.entry(address).or_default().push(at);
            }
        }
        for node in &self.nodes {
            for &address in &node.addresses {
                self.others.entry(address).or_insert_with(|| Named::Node(node.name.clone()));
            }
        }
        for service in &self.services {
            for &address in &service.addresses {
                let named = Named::Service(service.full_name());
                self.others.entry(address).or_insert(named);
            }
        }
        // A node whose object is not in the list is known by the pods that share its address.
        for pod in self.pods.iter().filter(|pod| pod.host_network) {
            let Some(node) = &pod.node else { continue };
            for &address in &pod.addresses {
                self.others.entry(address).or_insert_with(|| Named::Node(node.clone()));
            }
        }
    }

    /// Addresses of the cluster's DNS Services.
    pub fn dns_addresses(&self) -> Vec<Address> {
        let services = self.services.iter().filter(|service| service.is_dns);
        let mut found: Vec<Address> = services.flat_map(|s| s.addresses.iter().copied()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The Service that has this address.
    pub fn service(&self, address: Address) -> Option<&Service> {
        self.services.iter().find(|service| service.addresses.contains(&address))
    }

    /// Pods that serve the cluster's DNS.
    pub fn dns_pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|pod| pod.serves_dns() && !pod.host_network)
    }
}

#[cfg(test)]
mod tests;
