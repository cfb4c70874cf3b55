//! What `kubectl get pods,services,nodes -A -o json` would have said of a story's cluster.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Seen, Story};
use crate::config::Config;
use crate::context::{Context, Corefile, Kernel, Kube, ResolvConf, Ruleset, Text};
use crate::forge::START;

/// A pod of the list.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) node: String,
    pub(crate) ready: bool,
    /// When somebody asked for its end, in the story's time, and the grace that it was given.
    pub(crate) deleted: Option<(Duration, Duration)>,
}

/// The list.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) clients: Vec<Listed>,
    /// CoreDNS.
    pub(crate) dns: Vec<Listed>,
    pub(crate) services: Vec<(String, IpAddr)>,
    pub(crate) nodes: Vec<(String, IpAddr)>,
}

fn listed(namespace: &str, name: String, address: IpAddr, node: &str) -> Listed {
    let (namespace, node) = (namespace.to_owned(), node.to_owned());
    Listed { namespace, name, address, node, ready: true, deleted: None }
}

impl Cluster {
    /// Everything that a story has in its cluster: each CoreDNS on a node of its own.
    pub(crate) fn of(story: &Story) -> Cluster {
        let clients = story.clients.iter().enumerate();
        let dns = story.backends.iter().enumerate();
        Cluster {
            clients: clients
                .map(|(n, &at)| listed("shop", format!("cart-{n}"), at, "one"))
                .collect(),
            dns: dns
                .map(|(n, &at)| listed("kube-system", format!("coredns-{n}"), at, &format!("n{n}")))
                .collect(),
            services: vec![("kube-dns".to_owned(), story.service)],
            nodes: vec![("one".to_owned(), story.node)],
        }
    }

    /// Another cluster, with other addresses for everything but the Service of DNS, which is the same in
    /// most clusters.
    pub(crate) fn foreign(story: &Story) -> Cluster {
        let mut cluster = Cluster::of(story);
        let v6 = story.service.is_ipv6();
        let pods = cluster.clients.iter_mut().chain(&mut cluster.dns);
        for (n, pod) in pods.enumerate() {
            let text = if v6 { format!("fd99::{n:x}") } else { format!("100.64.7.{n}") };
            pod.address = text.parse().unwrap();
        }
        cluster.nodes[0].1 = if v6 { "fd99::ffff" } else { "100.64.9.9" }.parse().unwrap();
        cluster
    }

    /// The list as text.
    pub(crate) fn json(&self) -> String {
        let pods = self.clients.iter().map(|pod| object(pod, false));
        let pods = pods.chain(self.dns.iter().map(|pod| object(pod, true)));
        let services = self.services.iter().map(|(name, address)| {
            json!({
                "kind": "Service",
                "metadata": {"namespace": "kube-system", "name": name},
                "spec": {"clusterIP": address.to_string()},
            })
        });
        let nodes = self.nodes.iter().map(|(name, address)| {
            json!({
                "kind": "Node",
                "metadata": {"name": name},
                "status": {"addresses": [{"type": "InternalIP", "address": address.to_string()}]},
            })
        });
        let items: Vec<Value> = pods.chain(services).chain(nodes).collect();
        json!({"kind": "List", "items": items}).to_string()
    }

    /// The list as `--kube` reads it.
    pub(crate) fn kube(&self) -> Kube {
        Kube::parse(Text { file: "kube.json", text: &self.json() }).unwrap()
    }
}

fn object(pod: &Listed, dns: bool) -> Value {
    let ready = if pod.ready { "True" } else { "False" };
    let mut metadata = json!({
        "namespace": pod.namespace,
        "name": pod.name,
        "creationTimestamp": "2020-01-01T00:00:00Z",
        "labels": {"k8s-app": if dns { "kube-dns" } else { "cart" }},
    });
    if let Some((asked, grace)) = pod.deleted {
        let over = START + asked + grace;
        let over = jiff::Timestamp::from_second(over.as_secs() as i64).unwrap();
        metadata["deletionTimestamp"] = over.to_string().into();
        metadata["deletionGracePeriodSeconds"] = grace.as_secs().into();
    }
    json!({
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": pod.node},
        "status": {
            "phase": "Running",
            "podIP": pod.address.to_string(),
            "conditions": [{"type": "Ready", "status": ready}],
        },
    })
}

/// A capture judged with what an operator has at hand.
pub(crate) struct Known(Context);

impl Known {
    pub(crate) fn kube(cluster: &Cluster) -> Known {
        Known(Context { kube: Some(cluster.kube()), ..Context::default() })
    }

    pub(crate) fn corefile(text: &str) -> Known {
        let corefile = Corefile::parse(Text { file: "Corefile", text }).unwrap();
        Known(Context { corefile: Some(corefile), ..Context::default() })
    }

    pub(crate) fn rules(text: &str) -> Known {
        let rules = Ruleset::parse(Text { file: "node.rules", text }).unwrap();
        Known(Context { iptables: Some(rules), ..Context::default() })
    }

    pub(crate) fn resolv_conf(text: &str) -> Known {
        let conf = ResolvConf::parse(Text { file: "resolv.conf", text }).unwrap();
        Known(Context { resolv_conf: Some(conf), ..Context::default() })
    }

    /// What a live capture read of the kernel.
    pub(crate) fn kernel(kernel: Kernel) -> Known {
        Known(Context { kernel: Some(kernel), ..Context::default() })
    }

    /// Both.
    pub(crate) fn and(mut self, other: Known) -> Known {
        let Context { ethtool, kube, iptables, corefile, resolv_conf, kernel, node_resolv_conf } =
            other.0;
        self.0.ethtool = self.0.ethtool.or(ethtool);
        self.0.kube = self.0.kube.or(kube);
        self.0.iptables = self.0.iptables.or(iptables);
        self.0.corefile = self.0.corefile.or(corefile);
        self.0.resolv_conf = self.0.resolv_conf.or(resolv_conf);
        self.0.kernel = self.0.kernel.or(kernel);
        self.0.node_resolv_conf = self.0.node_resolv_conf.or(node_resolv_conf);
        self
    }

    /// What dnspect says with it.
    pub(crate) fn judge(&self, file: Vec<u8>) -> Seen {
        let context = self.0.clone();
        Seen::with(file, &Config { context, ..Config::default() })
    }
}
