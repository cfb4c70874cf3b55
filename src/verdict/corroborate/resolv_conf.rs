//! A client's configuration: whom it is told to ask, and how long it waits.

use super::servers;
use crate::context::ResolvConf;
use crate::model::Address;
use crate::verdict::{Evidence, Facts, Finding, filter};

/// Causes whose harm depends on how long a client waits.
const WAITING: [&str; 6] = [
    "client_egress_dropped",
    "upstream_unreachable",
    "upstream_slow",
    "coredns_overload",
    "random_loss",
    "conntrack_dnat_race",
];

/// Search domains shown of those that walks have.
const SHOWN: usize = 4;

pub(super) fn corroborate(facts: &Facts<'_>, conf: &ResolvConf, finding: &mut Finding) {
    match finding.cause {
        "wrong_nameserver" | "nodelocaldns_bypass" | "nodelocaldns_down" => {
            nameservers(facts, conf, finding);
        }
        "ndots_search_chain" | "name_does_not_exist" | "musl_search_stopped" => {
            search(facts, conf, finding);
        }
        "cluster_name_sent_upstream" => policy(facts, conf, finding),
        "conntrack_dnat_race" => pairs(conf, finding),
        _ => {}
    }
    if WAITING.contains(&finding.cause) {
        waiting(conf, finding);
    }
}

fn note(finding: &mut Finding, metric: &str, value: f64, text: &str) {
    finding.supplemented(Evidence::new(metric, value, "count", format!("--resolv-conf: {text}")));
}

/// Whether this file is what sends clients there.
fn nameservers(facts: &Facts<'_>, conf: &ResolvConf, finding: &mut Finding) {
    let asked = servers(finding);
    let named: Vec<Address> = conf.nameservers.iter().map(|(address, _)| *address).collect();
    let here = conf.nameservers.iter().find(|(address, _)| asked.contains(address));
    let metric = "configured_nameservers";
    match here {
        Some((address, line)) => {
            let text = format!("--resolv-conf: line {line} of {} names {address}.", conf.file());
            let evidence = Evidence::new(metric, named.len() as f64, "count", text);
            if finding.cause == "wrong_nameserver" {
                finding.confirmed(facts, evidence);
            } else {
                finding.supplemented(evidence);
            }
        }
        None if named.is_empty() => {
            note(finding, metric, 0.0, &format!("{} names no nameserver.", conf.file()));
        }
        None => {
            let text = format!(
                "{} names {}, not {}: who asks that has another file, or read it before it was changed.",
                conf.file(),
                filter::words(&named),
                filter::words(&asked)
            );
            note(finding, metric, named.len() as f64, &text);
        }
    }
    if let [(first, line), ..] = conf.unused.as_slice() {
        let text = format!(
            "{first} (line {line}) is never asked: glibc and musl take the first three nameservers."
        );
        note(finding, "unused_nameservers", conf.unused.len() as f64, &text);
    }
}

/// What the search list costs.
fn search(facts: &Facts<'_>, conf: &ResolvConf, finding: &mut Finding) {
    if conf.search.is_empty() {
        let text = format!("{} has no search list: it is not this client's.", conf.file());
        return note(finding, "search_domains", 0.0, &text);
    }
    let list = conf.search.join(", ");
    let dots = match conf.ndots {
        0 => "every name is tried as it is first".to_owned(),
        1 => "names without a dot are tried with each of these first".to_owned(),
        dots => format!("names with fewer than {dots} dots are tried with each of these first"),
    };
    let text = format!("ndots:{}, search {list}: {dots}.", conf.ndots);
    note(finding, "search_domains", conf.search.len() as f64, &text);
    let walked = facts.aggregate.following.lookups.suffixes.in_order();
    let walked: Vec<String> = walked.iter().map(|suffix| suffix.name.to_string()).collect();
    let plain = |name: &String| name.trim_end_matches('.').to_ascii_lowercase();
    if !walked.is_empty() && !walked.iter().any(|name| conf.search.contains(&plain(name))) {
        let text = format!(
            "none of these domains is among those of the walks in the capture ({}): the file is another \
             client's.",
            walked.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ")
        );
        return note(finding, "search_domains_walked", 0.0, &text);
    }
    if conf.ndots <= 2 {
        for advice in [&mut finding.mitigation.immediate, &mut finding.mitigation.long_term] {
            if advice.contains("ndots") {
                advice.push_str(" (ndots is low already in the --resolv-conf given.)");
            }
        }
    }
}

/// Whether names of the cluster can be meant for whom this file names.
fn policy(facts: &Facts<'_>, conf: &ResolvConf, finding: &mut Finding) {
    let asked = servers(finding);
    if conf.is_of_pod() {
        return;
    }
    if let Some((address, line)) = conf.nameservers.iter().find(|(one, _)| asked.contains(one)) {
        let text = format!(
            "--resolv-conf: line {line} of {} names {address}, and no search domain is one of a \
             cluster: this is a node's file (dnsPolicy Default, or hostNetwork with ClusterFirst).",
            conf.file()
        );
        finding.confirmed(facts, Evidence::new("configured_nameservers", 1.0, "count", text));
    }
}

/// Whether A and AAAA leave by one port at all.
fn pairs(conf: &ResolvConf, finding: &mut Finding) {
    let flag = ["single-request-reopen", "single-request", "use-vc"]
        .into_iter()
        .find(|flag| conf.has(flag));
    if let Some(flag) = flag {
        let text = format!(
            "`options {flag}` is set in {}: glibc with this file does not send A and AAAA at once \
             from one UDP port; musl knows no such option.",
            conf.file()
        );
        note(finding, "pair_options", 1.0, &text);
        finding.mitigation.immediate.push_str(
            " (It is set in the --resolv-conf given: the clients that lose pairs have another file, \
             or musl.)",
        );
    }
}

/// How long a name that nobody answers holds its caller up.
fn waiting(conf: &ResolvConf, finding: &mut Finding) {
    let servers = conf.nameservers.len().max(1) as u32;
    let (timeout, attempts) = (conf.timeout, conf.attempts);
    let text = format!(
        "timeout:{timeout} attempts:{attempts} with {servers} nameserver{}: glibc sends a question \
         again after {timeout} s, musl after {:.1} s and gives up after {timeout} s.",
        if servers == 1 { "" } else { "s" },
        f64::from(timeout) / f64::from(attempts)
    );
    note(finding, "resolver_timeout", f64::from(timeout), &text);
}

#[cfg(test)]
mod tests;
