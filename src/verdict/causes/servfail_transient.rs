//! A handful of SERVFAILs from one backend within seconds: a scale-down. Normal.

use super::servfail_burst::{BURST, SAMPLES, servfails};
use crate::model::Span;
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter, words};

/// kube-proxy takes 1 to 10 s to leave out an endpoint (EKS best practices, "Cluster services");
/// thrice that is no longer a moment.
const SHORT: Span = Span::from_secs(30);

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "servfail_transient",
    category: "normal",
    normal: true,
    title: "Fewer than 10 SERVFAILs, short, one backend, retries succeed: a scale-down",
    meaning: "When a CoreDNS pod goes away, the nodes need a moment to leave it out of the \
        Service. Questions that reach it meanwhile can be answered SERVFAIL; the client asks again \
        and is answered by another pod.",
    signature: "Fewer than 10 SERVFAILs to clients, all from one server within 30 s.",
    look_alikes: &[
        ("servfail_burst", "10 or more, or they go on"),
        ("upstream_unreachable", "they come 2, 4 or 6 s after the query, for external names only"),
        ("coredns_not_synced", "AA is set, and it is the start of a backend, not its end"),
    ],
    vantage: "Anywhere between client and cluster DNS.",
    immediate: "Nothing, as long as they stay few.",
    long_term: "Set `lameduck 30s` in CoreDNS' health plugin, readiness on /ready, and a \
        PodDisruptionBudget, so that a pod that goes answers until it is left out.",
    confirm: &[
        "kubectl -n kube-system get events --sort-by=.lastTimestamp",
        "kubectl -n kube-system get configmap coredns -o yaml",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let seen = servfails(facts);
    let backends = seen.backends(facts);
    let short = seen.period.any() && seen.period.last.since(seen.period.first) <= SHORT;
    // What a recursive resolver says, or what comes after waiting for one in vain, has nothing to do
    // with a pod that goes.
    let upstream = (seen.relayed + seen.given_up) * 2 > seen.count;
    if seen.count == 0 || seen.count >= BURST || !short || backends.len() > 1 || upstream {
        return None;
    }
    let recovered = seen.failed_lookups == 0;
    let confidence = if recovered { 0.7 } else { 0.4 };
    let ending = match seen.failed_lookups {
        0 => "every lookup had its answer after a retry".to_owned(),
        // Perhaps elsewhere: another backend answered, and this capture does not show it.
        more => format!("{} not seen to recover", are(more)),
    };
    Some(
        CAUSE
            .finding(Severity::None, confidence, seen.period)
            .about(Scope {
                clients: Facts::list(&seen.clients),
                servers: Facts::list(&backends),
                ..Scope::default()
            })
            .saying(format!(
                "{} within {:.1} s, from one server: what a CoreDNS pod that is going away does; \
                 {ending}.",
                words::counted(seen.count, "SERVFAIL"),
                seen.period.last.since(seen.period.first).as_secs_f64().max(0.1)
            ))
            .shown_by(
                Evidence::new(
                    "servfail_responses",
                    seen.count as f64,
                    "count",
                    format!(
                        "{} answered SERVFAIL {}; fewer than {BURST} in a moment are no fault.",
                        filter::words(&backends),
                        words::counted(seen.count, "time")
                    ),
                )
                .at(seen.frames)
                .filter("dns.flags.rcode == 2".to_owned()),
            )
            .with_sample(facts, &SAMPLES, |sample| seen.clients.contains(&sample.client)),
    )
}

fn are(lookups: u64) -> String {
    format!("{} {}", words::counted(lookups, "lookup"), words::verb(lookups, "is", "are"))
}

#[cfg(test)]
pub(super) mod tests;
