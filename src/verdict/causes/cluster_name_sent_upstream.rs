//! Names of the cluster are asked of a resolver outside.

use crate::aggregate::{Pair, Period, Stray};
use crate::classify::Zone;
use crate::model::{Address, label_count};
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// Two lookups of both families; one may be a person who tries `dig`.
const QUESTIONS: u64 = 4;

/// A server that answers so many of the cluster's names from outside does not hold the zone.
const SHARE: f64 = 0.9;

/// Names shown.
const SHOWN: usize = 5;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "cluster_name_sent_upstream",
    category: "config_error",
    normal: false,
    title: "Cluster names are asked of a resolver outside the cluster",
    meaning: "Only the cluster DNS knows names such as `db.shop.svc.cluster.local`; a resolver outside \
        asks the root, which says that there is no `local`. Pods on the host network do so, whose \
        dnsPolicy ClusterFirst falls back to the node's resolv.conf: they need \
        ClusterFirstWithHostNet. So do pods with dnsPolicy Default and processes of the node. Or \
        CoreDNS itself passes them on, because its `kubernetes` plugin serves another zone, or has \
        `fallthrough` for all of its zones.",
    signature: "At least four questions for names of the cluster's zone answered NXDOMAIN with RA set \
        and AA unset, with the SOA of the root or another zone that is not the cluster's. The zone is \
        cluster.local, or what the search lists seen show.",
    look_alikes: &[
        ("name_does_not_exist", "the cluster's own zone says so: AA is set, the SOA is its own"),
        (
            "ndots_search_chain",
            "a step of the node's list, `db.shop.svc.cluster.local.ec2.internal`, is a name outside",
        ),
        ("a cache in between", "it relays the answer of the cluster's zone, with its SOA"),
    ],
    vantage: "Wherever the clients' questions pass: the pod, the node (`-i any`), its ENI. Whether the \
        client or CoreDNS sends them out shows at the DNS server's side.",
    immediate: "Set `dnsPolicy: ClusterFirstWithHostNet` for pods with `hostNetwork: true`, and \
        `dnsPolicy: ClusterFirst` for others that have Default, and replace them; never for CoreDNS \
        and NodeLocal DNSCache, which have Default on purpose. If CoreDNS itself sends them out, \
        correct the zones of its `kubernetes` plugin.",
    long_term: "Check dnsPolicy wherever a policy admits hostNetwork; keep `fallthrough` to \
        in-addr.arpa and ip6.arpa; let processes of the node use names that exist outside.",
    confirm: &[
        "kubectl get pods -A -o wide --field-selector spec.hostNetwork=true",
        "kubectl exec -n NAMESPACE POD -- cat /etc/resolv.conf",
        "kubectl -n kube-system get configmap coredns -o yaml",
        "dig @SERVER kubernetes.default.svc.cluster.local",
    ],
    detect,
};

/// Who sends the cluster's names out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// The clients: they ask a resolver outside.
    Clients,
    /// The cluster DNS: it forwards what it does not hold.
    Forwarder,
    /// The one or the other.
    Unclear,
}

/// Whether this client's names of the cluster are answered by somebody who does not know them, so that
/// `name` may well exist.
pub(super) fn explains(facts: &Facts<'_>, client: Address, name: &[u8]) -> bool {
    let service = label_count(name) <= 2 || Zone::of(name) == Zone::Cluster;
    service
        && facts
            .aggregate
            .following
            .strays
            .iter()
            .any(|stray| stray.client == client && !holds_zone(facts, stray.server))
}

/// Questions for the cluster's names that a server answered from outside, and from the zone itself.
fn answers(facts: &Facts<'_>, server: Address) -> (u64, u64) {
    let strays = || facts.aggregate.following.strays.iter().filter(|stray| stray.server == server);
    let outside: u64 = strays().map(|stray| stray.count).sum();
    let beside: u64 = strays().map(|stray| stray.beside).sum();
    let pairs = facts.pairs_to(server);
    let all: u64 = pairs.map(|pair| pair.cluster().answered - pair.cluster().servfail).sum();
    (outside, all.saturating_sub(outside + beside))
}

fn holds_zone(facts: &Facts<'_>, server: Address) -> bool {
    facts.detected.of_server("holds the zone", server, || {
        let (outside, own) = answers(facts, server);
        Facts::share(outside, outside + own) < SHARE
    })
}

/// Servers that answer names of the cluster from the zone itself, up to two.
fn keepers(facts: &Facts<'_>) -> Vec<Address> {
    let answers = |pair: &&Pair| pair.cluster().answered - pair.cluster().servfail >= FEW;
    let servers = sorted(facts.aggregate.counting.pairs.iter().filter(answers).map(|p| p.server));
    servers.into_iter().filter(|&server| holds_zone(facts, server)).take(2).collect()
}

/// Who sends what this server answered out, given two who hold the zone.
fn sender(facts: &Facts<'_>, keepers: &[Address], server: Address) -> Sender {
    let upstream = facts.aggregate.following.limited.counts(server) || facts.is_upstream(server);
    let service = facts.cluster_dns.contains(&server)
        || holds_zone(facts, server)
        || facts.pairs_to(server).any(|pair| pair.translated > 0);
    let another = keepers.iter().any(|&keeper| keeper != server);
    match () {
        () if upstream => Sender::Clients,
        () if service => Sender::Forwarder,
        () if another => Sender::Clients,
        () => Sender::Unclear,
    }
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let rows: Vec<&Stray> = facts.aggregate.following.strays.iter().collect();
    // What a forwarder sends out is the deeper leg: its clients see the same answer once more.
    let forwarded: Vec<&Stray> =
        rows.iter().copied().filter(|row| facts.is_forwarder(row.client)).collect();
    let deeper = forwarded.iter().map(|row| row.count).sum::<u64>() >= QUESTIONS;
    let rows = if deeper { forwarded } else { rows };
    let count: u64 = rows.iter().map(|row| row.count).sum();
    if count < QUESTIONS {
        return None;
    }
    let most =
        rows.iter().max_by_key(|row| (row.count, std::cmp::Reverse(row.frames.iter().next())))?;
    let keepers = keepers(facts);
    let sender = if deeper { Sender::Forwarder } else { sender(facts, &keepers, most.server) };
    let rows: Vec<&Stray> = rows
        .into_iter()
        .filter(|row| deeper || self::sender(facts, &keepers, row.server) == sender)
        .collect();
    let count: u64 = rows.iter().map(|row| row.count).sum();
    let clients = sorted(rows.iter().map(|row| row.client));
    let servers = sorted(rows.iter().map(|row| row.server));
    let period = Period::of(rows.iter().map(|row| row.period));
    let outside: u64 = rows.iter().map(|row| row.soa_outside).sum();
    let mut asked = sorted(facts.client_pairs().map(|pair| pair.server));
    asked.retain(|&server| sender != Sender::Clients || !holds(&servers, server));
    let own: u64 = asked.iter().map(|&server| answers(facts, server).1).sum();
    let mut names: Vec<String> =
        rows.iter().flat_map(|row| row.names.iter().map(ToString::to_string)).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(SHOWN);
    let severity = match sender {
        // The cluster's own names are answered all the same: only those that do not exist go out.
        Sender::Forwarder if own >= FEW && asked.iter().any(|&s| holds_zone(facts, s)) => {
            Severity::Low
        }
        Sender::Forwarder => Severity::High,
        Sender::Clients | Sender::Unclear => Severity::Medium,
    };
    let confidence = match (sender, outside >= FEW) {
        (Sender::Unclear, _) | (_, false) => 0.6,
        (Sender::Clients | Sender::Forwarder, true) => 0.85,
    };
    let example = names.first().map_or("a name of the cluster", String::as_str);
    let (who, whom) = (filter::words(&clients), filter::words(&servers));
    let saying = match sender {
        Sender::Forwarder if deeper => format!(
            "{who} {} names of the cluster on to {whom}, which cannot know them: {count} were answered \
             NXDOMAIN ({example}).",
            filter::verb(&clients, "passes", "pass")
        ),
        Sender::Forwarder => format!(
            "{whom} {} names of the cluster on to a resolver outside (upstream leg not captured): \
             {count} of {who} were answered NXDOMAIN ({example}).",
            filter::verb(&servers, "passes", "pass")
        ),
        Sender::Clients | Sender::Unclear => format!(
            "{who} {} {whom} for names of the cluster, which {} not know them: {count} were answered \
             NXDOMAIN ({example}).",
            filter::verb(&clients, "asks", "ask"),
            filter::verb(&servers, "does", "do")
        ),
    };
    let mut finding = CAUSE
        .finding(severity, confidence, period)
        .about(Scope { names, ..Scope::between(&clients, &servers) })
        .explaining(count)
        .saying(saying)
        .shown_by(
            Evidence::new("cluster_names_answered_outside", count as f64, "count", format!(
                "{} for names of the cluster answered NXDOMAIN with RA set and AA unset; {outside} of \
                 the answers bear the SOA of a zone outside.",
                words::counted(count, "question")
            ))
            .at(rows.iter().flat_map(|row| row.frames.iter()))
            .filter(format!(
                "dns.flags.rcode == 3 && dns.flags.authoritative == 0 && dns.flags.recavail == 1 && {}",
                filter::from(&servers)
            )),
        );
    if own > 0 {
        finding = finding.shown_by(Evidence::new(
            "answered_by_the_zone",
            own as f64,
            "count",
            format!(
                "{} for names of the cluster {} answered by the cluster's zone itself.",
                words::counted(own, "question"),
                words::verb(own, "was", "were")
            ),
        ));
    }
    let unclear = match sender {
        Sender::Unclear => {
            "; that CoreDNS forwards them is not excluded from here: compare the address with the ClusterIP of \
             kube-dns (--cluster-dns)"
        }
        Sender::Clients | Sender::Forwarder => "",
    };
    Some(finding.rather_than(
        "name_does_not_exist",
        format!("who answered does not know the cluster's names: whether they exist is another question{unclear}"),
    ))
}

#[cfg(test)]
mod tests;
