//! CoreDNS' configuration: whom it asks, and which of the advice is followed already.

use super::servers;
use crate::context::Corefile;
use crate::context::corefile::Directive;
use crate::model::Span;
use crate::verdict::{Evidence, Finding, filter};

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

pub(super) fn corroborate(corefile: &Corefile, finding: &mut Finding) {
    if UPSTREAM.contains(&finding.cause) {
        upstreams(corefile, finding);
    }
    match finding.cause {
        "servfail_transient" | "coredns_backend_gone" => lameduck(corefile, finding),
        "query_refused" | "upstream_slow" => max_concurrent(corefile, finding),
        "dns_forwarding_loop" => forwarding(corefile, finding),
        "fragment_loss" => option(corefile.plugins("bufsize").next(), "bufsize", corefile, finding),
        "tcp53_blocked" => {
            option(corefile.forward_option("force_tcp"), "force_tcp", corefile, finding);
        }
        "vpc_dns_pps_exceeded" | "vpc_dns_pps_near_limit" => {
            option(corefile.plugins("cache").next(), "cache", corefile, finding);
        }
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
    match corefile.max_concurrent() {
        Some((most, line)) => {
            let text = format!(
                "--corefile: {}: with more than {most} forwarded questions waiting, CoreDNS answers REFUSED.",
                quoted(corefile, line)
            );
            note(finding, "max_concurrent", most as f64, text);
        }
        None if finding.cause == "query_refused" => finding.considered(
            "CoreDNS' max_concurrent",
            format!("{} sets none (--corefile)", corefile.file()),
        ),
        None => {}
    }
}

/// What could lead a question back to CoreDNS.
fn forwarding(corefile: &Corefile, finding: &mut Finding) {
    let servers = servers(finding);
    let upstreams = corefile.upstreams();
    let local = |octets: [u8; 16]| octets[12] == 127 || octets[..15] == [0; 15] && octets[15] == 1;
    let back = upstreams.iter().find(|(to, _)| servers.contains(to) || local(to.0));
    if let Some((address, line)) = back {
        let text = format!("--corefile: {} forwards to {address} itself.", quoted(corefile, line));
        note(finding, "forwards_to_itself", 1.0, text);
    } else if let Some(line) = corefile.forwards_to_file() {
        let text = format!(
            "--corefile: {}: what stands in that file is asked, 127.0.0.53 of systemd-resolved for one.",
            quoted(corefile, line)
        );
        note(finding, "forwards_to_resolv_conf", 1.0, text);
    }
    if corefile.plugins("loop").next().is_none() {
        let text = format!(
            "--corefile: {} has no `loop` plugin, which would stop CoreDNS.",
            corefile.file()
        );
        note(finding, "loop_plugin", 0.0, text);
    }
}

/// Whether a plugin or option that bears on the finding is there.
fn option(line: Option<&Directive>, name: &str, corefile: &Corefile, finding: &mut Finding) {
    let text = match line {
        Some(line) => format!("--corefile: {}.", quoted(corefile, line)),
        None => format!("--corefile: {} has no `{name}`.", corefile.file()),
    };
    note(finding, name, f64::from(u8::from(line.is_some())), text);
}

/// Zones of the cluster that are not called `cluster.local`.
fn zones(corefile: &Corefile, finding: &mut Finding) {
    let zones = corefile.cluster_zones();
    if zones.iter().any(|zone| zone != "cluster.local") {
        let text = format!("--corefile: the cluster's own zones are {}.", zones.join(", "));
        note(finding, "cluster_zones", zones.len() as f64, text);
    }
}
