//! CoreDNS' configuration: whom it asks, and which of the advice is followed already.

mod refusals;

use super::servers;
use crate::context::Corefile;
use crate::context::corefile::Directive;
use crate::model::{Address, Span};
use crate::verdict::{Evidence, Facts, Finding, filter};

/// The lameduck that EKS' best practices advise.
const LAMEDUCK: Span = Span::from_secs(30);

/// Causes on the leg between CoreDNS and its upstreams.
const UPSTREAM: [&str; 6] = [
    "upstream_unreachable",
    "upstream_slow",
    "upstream_servfail",
    "vpc_dns_pps_exceeded",
    "vpc_dns_pps_near_limit",
    "query_refused",
];

pub(super) fn corroborate(facts: &Facts<'_>, corefile: &Corefile, finding: &mut Finding) {
    if UPSTREAM.contains(&finding.cause) {
        upstreams(corefile, finding);
    }
    match finding.cause {
        "servfail_transient" | "coredns_backend_gone" => lameduck(corefile, finding),
        "query_refused" => refusals::corroborate(facts, corefile, finding),
        "upstream_slow" => max_concurrent(corefile, finding),
        "dns_forwarding_loop" => forwarding(facts, corefile, finding),
        "fragment_loss" => bufsize(corefile, finding),
        "tcp53_blocked" => force_tcp(corefile, finding),
        "vpc_dns_pps_exceeded" | "vpc_dns_pps_near_limit" => cache(corefile, finding),
        "name_does_not_exist" | "ndots_search_chain" | "cluster_name_sent_upstream" => {
            zones(corefile, finding);
        }
        _ => {}
    }
}

/// `FILE, line 12, ` and the line.
fn quoted(corefile: &Corefile, line: &Directive) -> String {
    format!("{}, line {}, `{}`", corefile.file(), line.line, line.text().replace('`', "'"))
}

fn note(finding: &mut Finding, metric: &str, value: f64, text: String) {
    finding.supplemented(Evidence::new(metric, value, "count", text));
}

/// Whether the servers of the finding are CoreDNS' upstreams.
fn upstreams(corefile: &Corefile, finding: &mut Finding) {
    let servers = servers(finding);
    let upstreams = corefile.upstreams();
    let named = upstreams.iter().find(|(address, _)| servers.contains(address));
    let (value, text) = match (named, corefile.forwards_to_file()) {
        (Some((_, line)), _) => {
            let known = |server: &_| upstreams.iter().any(|(address, _)| address == server);
            let known: Vec<_> = servers.iter().copied().filter(known).collect();
            let text = format!(
                "--corefile: {} makes {} upstreams of CoreDNS.",
                quoted(corefile, line),
                filter::words(&known)
            );
            (known.len(), text)
        }
        (None, Some(line)) => {
            let text = format!(
                "--corefile: {} leaves the upstreams to the resolv.conf of CoreDNS' pods, which is that of \
                 their nodes.",
                quoted(corefile, line)
            );
            (0, text)
        }
        (None, None) if !upstreams.is_empty() && finding.cause == "upstream_unreachable" => {
            let known: Vec<_> = upstreams.iter().map(|(address, _)| *address).collect();
            let text = format!(
                "--corefile: the upstreams are {}, not {}: it is another CoreDNS' or another day's.",
                filter::words(&known),
                filter::words(&servers)
            );
            (0, text)
        }
        _ => return,
    };
    note(finding, "configured_upstreams", value as f64, text);
}

/// Whether a CoreDNS that goes answers until everybody knows.
fn lameduck(corefile: &Corefile, finding: &mut Finding) {
    let Some((span, line)) = corefile.lameduck() else {
        let text = format!(
            "--corefile: no `lameduck` in {}: a CoreDNS that goes stops at once.",
            corefile.file()
        );
        return note(finding, "lameduck", 0.0, text);
    };
    let (text, set) = (quoted(corefile, line), line.text());
    if span >= LAMEDUCK {
        // What is done already is no advice.
        for advice in [&mut finding.mitigation.immediate, &mut finding.mitigation.long_term] {
            *advice = advice.replace("Set `lameduck 30s`", &format!("Keep `{set}`"));
        }
        let text =
            format!("--corefile: {text}: that is set already, so something else is in the way.");
        return note(finding, "lameduck", span.as_secs_f64(), text);
    }
    let text = format!(
        "--corefile: {text}: endpoints may take up to 10 s to be left out; 30s is advised."
    );
    note(finding, "lameduck", span.as_secs_f64(), text);
}

/// How many questions CoreDNS forwards at a time.
fn max_concurrent(corefile: &Corefile, finding: &mut Finding) {
    if let Some((most, line)) = corefile.max_concurrent() {
        let text = format!(
            "--corefile: {}: with more than {most} forwarded questions waiting, CoreDNS answers REFUSED.",
            quoted(corefile, line)
        );
        note(finding, "max_concurrent", most as f64, text);
    }
}

/// What could lead a question back to CoreDNS.
fn forwarding(facts: &Facts<'_>, corefile: &Corefile, finding: &mut Finding) {
    let servers = servers(finding);
    let upstreams = corefile.upstreams();
    let local = |address: &Address| address.ip().to_canonical().is_loopback();
    let within = servers.iter().any(local);
    let back = upstreams.iter().find(|(to, _)| servers.contains(to) || within && local(to));
    if let Some((address, line)) = back {
        let text = format!(
            "--corefile: {} forwards to {address}, where the questions go round.",
            quoted(corefile, line)
        );
        finding.confirmed(facts, Evidence::new("forwards_to_itself", 1.0, "count", text));
    } else if let Some((address, line)) = upstreams.iter().find(|(to, _)| local(to)) {
        let text = format!(
            "--corefile: {} forwards to {address}, which is CoreDNS' own pod or its node: a question \
             forwarded there may come back.",
            quoted(corefile, line)
        );
        note(finding, "forwards_to_itself", 1.0, text);
    } else if let Some(line) = corefile.forwards_to_file() {
        let text = format!(
            "--corefile: {}: what stands in that file is asked, 127.0.0.53 of systemd-resolved for one.",
            quoted(corefile, line)
        );
        note(finding, "forwards_to_resolv_conf", 1.0, text);
    } else if !upstreams.is_empty() {
        let known: Vec<Address> = upstreams.iter().map(|(address, _)| *address).collect();
        let text = format!(
            "--corefile: the upstreams are {}, not {}: with this file the questions would not go round, so \
             it is another CoreDNS' or another day's, or an upstream leads them back.",
            filter::words(&known),
            filter::words(&servers)
        );
        note(finding, "forwards_to_itself", 0.0, text);
    }
    if corefile.plugins("loop").next().is_none() {
        let text = format!(
            "--corefile: {} has no `loop` plugin, which would stop CoreDNS.",
            corefile.file()
        );
        note(finding, "loop_plugin", 0.0, text);
    }
}

/// The buffer size that CoreDNS asks with, and lets its clients ask with.
fn bufsize(corefile: &Corefile, finding: &mut Finding) {
    /// What the plugin takes without a number.
    const DEFAULT: u64 = 1232;
    /// Answers of this size fit into every network.
    const SAFE: u64 = 1232;
    let Some(line) = corefile.plugins("bufsize").next() else {
        let text = format!(
            "--corefile: {} has no `bufsize`: CoreDNS passes on the buffer size that its clients ask with.",
            corefile.file()
        );
        return note(finding, "bufsize", 0.0, text);
    };
    let size = match line.words.get(1) {
        Some(word) => word.parse().unwrap_or(0),
        None => DEFAULT,
    };
    let quoted = quoted(corefile, line);
    let text = if (1..=SAFE).contains(&size) {
        let set = line.text();
        for advice in [&mut finding.mitigation.immediate, &mut finding.mitigation.long_term] {
            *advice = advice.replace(
                "`bufsize 1232` in the Corefile, ",
                &format!("(the Corefile given has `{set}` already) "),
            );
        }
        format!(
            "--corefile: {quoted}: that is set already, so answers in fragments are not those of a CoreDNS \
             with this file."
        )
    } else {
        format!("--corefile: {quoted}: larger than 1232, so answers may come in fragments.")
    };
    note(finding, "bufsize", size as f64, text);
}

/// Whether CoreDNS itself needs TCP.
fn force_tcp(corefile: &Corefile, finding: &mut Finding) {
    if let Some(line) = corefile.forward_option("force_tcp") {
        let text = format!(
            "--corefile: {}: CoreDNS asks its upstreams over TCP only, so that all names outside fail where \
             TCP port 53 is blocked.",
            quoted(corefile, line)
        );
        note(finding, "force_tcp", 1.0, text);
    }
}

/// Whether answers are kept, so that upstreams are asked less.
fn cache(corefile: &Corefile, finding: &mut Finding) {
    let line = corefile.plugins("cache").next();
    let text = match line {
        Some(line) => format!("--corefile: {} keeps answers.", quoted(corefile, line)),
        None => {
            format!("--corefile: {} has no `cache`: each question is forwarded.", corefile.file())
        }
    };
    note(finding, "cache", f64::from(u8::from(line.is_some())), text);
}

/// Zones of the cluster that are not called `cluster.local`.
fn zones(corefile: &Corefile, finding: &mut Finding) {
    let zones = corefile.cluster_zones();
    if zones.iter().any(|zone| zone != "cluster.local") {
        let text = format!("--corefile: the cluster's own zones are {}.", zones.join(", "));
        note(finding, "cluster_zones", zones.len() as f64, text);
    }
}

#[cfg(test)]
mod tests;
