//! A question comes back to the server that forwarded it.

use crate::aggregate::{Loop, Period};
use crate::model::{Address, qtype};
use crate::verdict::addresses::sorted;
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter, words};

/// Stub, node cache, cluster DNS, a company's resolver and the cloud's are a chain of four questions.
const DEEP: u32 = 8;

/// Where client and server are one host, its own processes that want one name at a moment look like
/// links; so many within 100 ms of each other, and unanswered, are no chance any more.
const DEEP_WITHIN: u32 = 16;

/// CoreDNS' `loop` plugin gives up when it sees its own probe more than twice.
const PROBES: u32 = 3;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "dns_forwarding_loop",
    category: "config_error",
    normal: false,
    title: "The same question comes back to the server that forwarded it",
    meaning: "A DNS server forwards to itself, or two forward to each other: each question goes round \
        until somebody gives up, and every round is a new question. The usual reason is CoreDNS' \
        `forward . /etc/resolv.conf` where the node's resolv.conf names a stub on the node itself \
        (127.0.0.53 of systemd-resolved, or 169.254.20.10), or the ClusterIP of kube-dns. CoreDNS' \
        `loop` plugin finds this at its start and ends the process: the pods are in \
        CrashLoopBackOff with `Loop ... detected`.",
    signature: "One question (name and type), still in flight, is asked of a server by somebody who was \
        asked the same less than 100 ms before, in a chain of at least 8 (16 within one host). Of the \
        `loop` plugin's probes (HINFO for two random numbers) a chain of three is enough.",
    look_alikes: &[
        (
            "upstream_unreachable",
            "the forwarded question goes to somebody who does not forward it back",
        ),
        ("ndots_search_chain", "each step of a walk is another name"),
        (
            "one name wanted by many",
            "the clients were not asked for it themselves, and get answers",
        ),
        ("copies of a packet", "they have one ID, one port and one IP identification"),
    ],
    vantage: "The DNS server's side: its pod, its node (`-i any`), and for a loop within the pod its \
        loopback interface. A client sees REFUSED (at `max_concurrent`), SERVFAIL or silence.",
    immediate: "Give CoreDNS' `forward` the addresses of real upstream resolvers, or start the kubelet \
        with --resolv-conf=/run/systemd/resolve/resolv.conf, and restart the CoreDNS pods.",
    long_term: "Keep the `loop` plugin in the Corefile; name upstreams by address; review changes to the \
        node's resolv.conf and to forwarders that point at the cluster.",
    confirm: &[
        "kubectl -n kube-system get configmap coredns -o yaml",
        "kubectl -n kube-system logs -l k8s-app=kube-dns --previous --tail=20",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "cat /etc/resolv.conf",
    ],
    detect,
};

/// Whether questions of these two go round.
pub(super) fn explains(facts: &Facts<'_>, client: Address, server: Address) -> bool {
    rows(facts).iter().any(|row| row.client == client && row.server == server)
}

/// Whether what is asked of this server goes round.
pub(super) fn involves(facts: &Facts<'_>, server: Address) -> bool {
    rows(facts).iter().any(|row| row.client == server || row.server == server)
}

/// Whether anything goes round, so that names outside come to nothing.
pub(super) fn detected(facts: &Facts<'_>) -> bool {
    !rows(facts).is_empty()
}

fn rows<'a>(facts: &'a Facts<'_>) -> Vec<&'a Loop> {
    facts.aggregate.counting.loops.iter().filter(|row| is_loop(row)).collect()
}

fn is_loop(row: &Loop) -> bool {
    let deep = if row.own { DEEP_WITHIN } else { DEEP };
    let vain = row.resolved * 2 < row.passes;
    row.probed >= PROBES || row.deepest >= deep && vain
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let mut rows = rows(facts);
    rows.sort_by_key(|row| (std::cmp::Reverse(row.passes), row.client, row.server));
    let first = *rows.first()?;
    let servers = sorted(rows.iter().map(|row| row.client));
    let asked = sorted(rows.iter().map(|row| row.server));
    let period = Period::of(rows.iter().map(|row| row.period));
    let passes: u64 = rows.iter().map(|row| row.passes).sum();
    let probed = rows.iter().map(|row| row.probed).max().unwrap_or(0) >= PROBES;
    let host = |address: Address| address.ip().is_loopback();
    let within = rows.iter().all(|row| row.own && (row.client == row.server || host(row.server)));
    let failed: u64 = facts
        .client_pairs()
        .filter(|pair| !explains(facts, pair.client, pair.server))
        .map(|pair| pair.external().unanswered + pair.external().servfail)
        .sum();
    let name = first.name.to_string();
    let what = format!("{name} {}", qtype::mnemonic(first.qtype));
    let (who, whom) = (filter::words(&servers), filter::words(&asked));
    let saying = if servers == asked || within {
        format!(
            "DNS questions go round at {who}: {what} came back {} times within 100 ms of each other at \
             most, {passes} rounds in all.",
            first.deepest
        )
    } else {
        format!(
            "DNS questions go round between {who} and {whom}: {what} passed {} times in one chain, \
             {passes} rounds in all.",
            first.deepest
        )
    };
    let severity = if failed > 0 || !probed { Severity::Critical } else { Severity::High };
    // The processes of one host look like a chain when they all want one name at once.
    let confidence = if within && !probed { 0.6 } else { 0.85 };
    let mut finding = CAUSE
        .finding(severity, confidence, period)
        .about(Scope { names: vec![name], ..Scope::between(&servers, &asked) })
        .explaining(passes + failed)
        .saying(saying)
        .shown_by(
            Evidence::new("longest_chain", f64::from(first.deepest), "count", format!(
                "{} asked {} for {what} as link {} of a chain: each time it had been asked the same less \
                 than 100 ms before.",
                first.client, first.server, first.deepest
            ))
            .at(first.frames.iter())
            .filter(format!(
                "dns.flags.response == 0 && {} && {}",
                filter::from(&servers),
                filter::to(&asked)
            )),
        );
    if probed {
        finding = finding.shown_by(
            Evidence::new("loop_probes", f64::from(first.probed), "count", "CoreDNS' own `loop` plugin \
                saw it: its probe (HINFO for two random numbers) came back to it, and it ends the process."
                .to_owned())
            .filter("dns.qry.type == 13".to_owned()),
        );
    }
    if failed > 0 {
        finding = finding.shown_by(Evidence::new("client_failures", failed as f64, "count", format!(
            "{} of clients for names outside ended in SERVFAIL or in nothing: a symptom of this.",
            words::counted(failed, "question")
        )));
    }
    Some(if within && !probed {
        finding.rather_than(
            "coredns_overload",
            "not excluded: many processes of this host that want one name at one moment look alike; \
             compare the server's own forwarders with its address",
        )
    } else {
        finding.rather_than(
            "upstream_unreachable",
            "the questions go to servers that ask them back, not to an upstream that is silent",
        )
    })
}

#[cfg(test)]
mod tests;
