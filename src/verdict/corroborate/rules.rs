//! Rules of the node's firewall that drop or reject the packets of a finding.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{clients, servers};
use crate::context::Ruleset;
use crate::context::ruleset::{Action, Hit, Packet, Point, Protocol};
use crate::model::Address;
use crate::verdict::words::counted;
use crate::verdict::{Evidence, Facts, Finding, filter};

/// What of a ruleset concerns a cause.
struct Look {
    cause: &'static str,
    protocol: Protocol,
    drops: bool,
    rejects: bool,
    /// Whether rules that catch a part of the packets, by chance or rate, are meant.
    parts: bool,
}

const fn look(cause: &'static str, protocol: Protocol, drops: bool, rejects: bool) -> Look {
    Look { cause, protocol, drops, rejects, parts: false }
}

const LOOKS: [Look; 8] = [
    look("client_egress_dropped", Protocol::Udp, true, false),
    look("upstream_unreachable", Protocol::Udp, true, false),
    look("firewall_reject", Protocol::Udp, false, true),
    look("kube_dns_no_endpoints", Protocol::Udp, false, true),
    look("tcp53_blocked", Protocol::Tcp, true, true),
    Look { parts: true, ..look("random_loss", Protocol::Udp, true, false) },
    Look { parts: true, ..look("vpc_dns_pps_exceeded", Protocol::Udp, true, false) },
    look("dns_port_closed", Protocol::Udp, false, true),
];

/// Causes for which it matters how Services become pods.
const OF_PROXY: [&str; 5] = [
    "coredns_backend_gone",
    "stale_conntrack_udp",
    "nodelocaldns_bypass",
    "conntrack_dnat_race",
    "kube_dns_no_endpoints",
];

/// Clients and servers of a finding that are followed through the rules: enough to tell.
const CLIENTS: usize = 16;
const SERVERS: usize = 8;

/// Rules quoted.
const QUOTED: usize = 3;

/// Longest text of a rule that is quoted.
const LONGEST: usize = 200;

pub(super) fn corroborate(facts: &Facts<'_>, rules: &Ruleset, finding: &mut Finding) {
    if let Some(look) = LOOKS.iter().find(|look| look.cause == finding.cause) {
        follow(facts, rules, look, finding);
    }
    if OF_PROXY.contains(&finding.cause) {
        proxy(rules, finding);
    }
}

/// What a rule did to the packets of a finding.
struct Caught<'a> {
    hit: Hit<'a>,
    clients: Vec<Address>,
    servers: Vec<Address>,
    answers: bool,
}

fn follow(facts: &Facts<'_>, rules: &Ruleset, look: &Look, finding: &mut Finding) {
    let mut from = clients(finding);
    let anybody = from.is_empty();
    from.truncate(CLIENTS);
    if anybody {
        from.push(Address::default());
    }
    let mut to = servers(finding);
    if to.is_empty() {
        // Not limited to some: whoever was asked.
        to = facts.client_pairs().map(|pair| pair.server).collect();
        to.sort_unstable();
        to.dedup();
    }
    to.truncate(SERVERS);
    let mut caught: BTreeMap<u64, Caught<'_>> = BTreeMap::new();
    // Pairs of which every way through ends.
    let mut ended = 0;
    for &client in &from {
        for &server in &to {
            let ends = ends(facts, rules, look, (client, anybody), server);
            ended += usize::from(!ends.is_empty() && ends.iter().all(|(_, sure, _)| *sure));
            for (hits, _, answers) in ends {
                for hit in hits {
                    let seen = caught.entry(hit.line).or_insert_with(|| Caught {
                        hit,
                        clients: Vec::new(),
                        servers: Vec::new(),
                        answers,
                    });
                    seen.hit.sure |= hit.sure;
                    note(&mut seen.clients, client);
                    note(&mut seen.servers, server);
                }
            }
        }
    }
    if caught.is_empty() {
        let verb = if look.drops { "drops" } else { "rejects" };
        let text = format!(
            "--iptables: no rule of {} {verb} these packets; another node, a policy in eBPF or a security group is \
             not among them.",
            rules.file()
        );
        finding.supplemented(Evidence::new("rules", 0.0, "count", text));
        return;
    }
    let all = ended == from.len() * to.len();
    let mut quoted: Vec<&Caught<'_>> = caught.values().collect();
    quoted.sort_by_key(|one| (!one.hit.sure, one.hit.line));
    for one in quoted.into_iter().take(QUOTED) {
        let evidence = evidence(rules, one, anybody);
        match finding.cause {
            // The cause says that it is somebody else who limits, or who says no.
            "vpc_dns_pps_exceeded" => finding.supplemented(evidence),
            "dns_port_closed" => {
                let line = one.hit.line;
                finding.considered(
                    "firewall_reject",
                    format!("not excluded: line {line} of {} rejects such packets", rules.file()),
                );
                finding.supplemented(evidence);
            }
            _ if all && one.hit.sure || look.parts => finding.confirmed(facts, evidence),
            _ => finding.supplemented(evidence),
        }
    }
}

fn note(list: &mut Vec<Address>, one: Address) {
    if !list.contains(&one) {
        list.push(one);
    }
}

/// What ends the way of a client's questions to a server, or of the answers: for each direction the
/// rules, and whether all ways surely end there.
fn ends<'r>(
    facts: &Facts<'_>,
    rules: &'r Ruleset,
    look: &Look,
    (client, anybody): (Address, bool),
    server: Address,
) -> Vec<(Vec<Hit<'r>>, bool, bool)> {
    let mut pods = rules.endpoints(server);
    if pods.is_empty() {
        pods.push(server);
    }
    let tag = |address| facts.kube?.pod(address, facts.end())?.interface();
    let meant = |hit: &Hit<'_>| -> bool {
        let Some(rule) = hit.rule else { return look.drops && !look.parts };
        let action = match rule.action {
            Action::Drop => look.drops,
            Action::Reject => look.rejects,
            _ => false,
        };
        let pointed = look.parts || hit.sure || rule.is_specific() || rule.is_of_interface();
        action && rule.partial == look.parts && pointed
    };
    let mut found = Vec::new();
    for answers in [false, true] {
        let mut hits: Vec<Hit<'r>> = Vec::new();
        let mut sure = true;
        for &pod in &pods {
            if answers && anybody {
                continue;
            }
            let (from, to) = if answers { (pod, client) } else { (client, pod) };
            let packet = Packet {
                from_anybody: anybody && !answers,
                answer: answers,
                from_pod: tag(from),
                to_pod: tag(to),
                ..Packet::question(from, to, look.protocol)
            };
            let mut points = vec![Point::Forward];
            if is_of_node(facts, client) {
                points.push(if answers { Point::Input } else { Point::Output });
            }
            if is_of_node(facts, pod) {
                points.push(if answers { Point::Output } else { Point::Input });
            }
            let mut ways = rules.walk(&points, &packet);
            if !answers {
                let before = Packet { destination: server, ..packet };
                ways.extend(rules.walk(&[Point::Prerouting], &before));
            }
            ways.retain(|hit| meant(hit));
            sure &= ways.iter().any(|hit| hit.sure);
            hits.extend(ways);
        }
        if !hits.is_empty() {
            found.push((hits, sure, answers));
        }
    }
    // One direction that surely ends is enough.
    if found.iter().any(|(_, sure, _)| *sure) {
        found.retain(|(_, sure, _)| *sure);
    }
    found
}

/// Whether an address is one of a node itself, or of what runs in its network.
fn is_of_node(facts: &Facts<'_>, address: Address) -> bool {
    let kube = facts.kube;
    let node =
        kube.is_some_and(|kube| kube.nodes.iter().any(|node| node.addresses.contains(&address)));
    // NodeLocal DNSCache has an address on every node that is valid there only.
    let local = address.to_string().starts_with("169.254.20.");
    node || local
}

fn evidence(rules: &Ruleset, caught: &Caught<'_>, anybody: bool) -> Evidence {
    let hit = &caught.hit;
    let what = match hit.rule {
        Some(rule) => {
            let mut text: String = rule.text.chars().take(LONGEST).collect();
            if text.len() < rule.text.len() {
                text.push('…');
            }
            // Backquotes would end the quotation.
            format!("`{}`", text.replace('`', "'"))
        }
        None => format!("the default policy of {}", hit.chain),
    };
    let does = match hit.rule.map(|rule| &rule.action) {
        Some(Action::Reject) => "rejects",
        _ => "drops",
    };
    let packets = if caught.answers { "answers" } else { "questions" };
    let from = if anybody { "anybody".to_owned() } else { filter::words(&caught.clients) };
    let between = if caught.answers {
        format!("to {from} from {}", filter::words(&caught.servers))
    } else {
        format!("from {from} to {}", filter::words(&caught.servers))
    };
    let sure = match hit.rule {
        Some(rule) if hit.sure && rule.is_of_interface() => {
            format!("{does} {packets} {between}, whose interface (--kube) the rule names")
        }
        _ if hit.sure => format!("{does} {packets} {between}"),
        Some(rule) if rule.partial => format!("{does} a part of the {packets} {between}"),
        Some(rule) if rule.is_of_interface() => {
            format!("{does} {packets} {between}, if they take that interface")
        }
        _ => format!("may be what {does} {packets} {between}; it depends on more than addresses"),
    };
    let matched = match hit.rule.and_then(|rule| rule.packets).filter(|&packets| packets > 0) {
        Some(packets) => format!(" It has matched {}.", counted(packets, "packet")),
        None => String::new(),
    };
    let text = format!("--iptables: {}, line {}, {what}: {sure}.{matched}", rules.file(), hit.line);
    Evidence::new("firewall_rule_line", hit.line as f64, "count", text)
}

/// How kube-proxy works here, and whether it still knows the servers of the finding.
fn proxy(rules: &Ruleset, finding: &mut Finding) {
    let Some(mode) = rules.proxy_mode() else { return };
    let mode = mode.name();
    let mut text = format!("--iptables: kube-proxy works in {mode} mode on this node.");
    let servers = servers(finding);
    let leads = |server: &Address| {
        rules.rules().find(|rule| matches!(&rule.action, Action::Dnat(to) if to.contains(server)))
    };
    let services: Vec<Address> =
        servers.iter().copied().filter(|&server| !rules.endpoints(server).is_empty()).collect();
    if finding.cause == "kube_dns_no_endpoints" && !services.is_empty() {
        let text = format!(
            "--iptables: the rules of {} do lead from {} to {}: they were saved at another time, or on \
             another node.",
            rules.file(),
            filter::words(&services),
            filter::words(&rules.endpoints(services[0]))
        );
        finding.doubted(Evidence::new("service_endpoints", 1.0, "count", text));
        return;
    }
    if finding.cause == "coredns_backend_gone" {
        for server in &servers {
            let file = rules.file();
            // Writing to a String cannot fail.
            let _ = match leads(server) {
                Some(rule) => {
                    write!(
                        text,
                        " Line {} of {file} still sends new questions to {server}.",
                        rule.line
                    )
                }
                None => write!(text, " No rule of {file} leads to {server} any more."),
            };
        }
    }
    finding.supplemented(Evidence::new("kube_proxy_mode", 1.0, "count", text));
}

#[cfg(test)]
mod tests;
