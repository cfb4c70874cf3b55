//! A handful of SERVFAILs from one backend within seconds: a scale-down. Normal.

use super::servfail_burst::{BURST, SAMPLES, servfails};
use crate::aggregate::Period;
use crate::model::{Address, Span};
use crate::verdict::addresses::holds;
use crate::verdict::words::clock;
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter, words};

/// kube-proxy takes 1 to 10 s to leave out an endpoint (EKS best practices, "Cluster services");
/// thrice that is no longer a moment.
const SHORT: Span = Span::from_secs(30);

/// A backend that answers nobody for so long while others do is gone, or its cluster is asleep.
const PAUSE: Span = Span::from_secs(30);

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "servfail_transient",
    category: "normal",
    normal: true,
    title: "Fewer than 10 SERVFAILs, short, one backend, retries succeed: a scale-down",
    meaning: "When a CoreDNS pod goes away, the nodes need a moment to leave it out of the \
        Service. Questions that reach it meanwhile can be answered SERVFAIL, are refused with ICMP \
        (port or host unreachable) or get nothing; the client asks again and is answered by another \
        pod. A few of them at a rollout or scale-down are no fault.",
    signature: "Fewer than 10 SERVFAILs to clients, all from one server within 30 s.",
    look_alikes: &[
        ("servfail_burst", "10 or more, or they go on"),
        ("upstream_unreachable", "they come 2, 4 or 6 s after the query, for external names only"),
        (
            "coredns_not_synced",
            "AA is set and RA is not, and it is the start of a backend, not its end",
        ),
    ],
    vantage: "Anywhere between client and cluster DNS.",
    immediate: "Nothing, as long as they stay few.",
    long_term: "Set `lameduck 30s` in CoreDNS' health plugin, with a \
        terminationGracePeriodSeconds above it, readiness on /ready (port 8181), and a \
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
    let going = departure(facts, &backends, seen.period);
    let recovered = seen.failed_lookups == 0;
    let confidence = if recovered { 0.7 } else { 0.4 };
    let ending = match seen.failed_lookups {
        0 => "every lookup had its answer after a retry".to_owned(),
        // Perhaps elsewhere: another backend answered, and this capture does not show it.
        more => format!("{} not seen to recover", are(more)),
    };
    let finding = CAUSE
        .finding(Severity::None, confidence, seen.period)
        .about(Scope::between(&seen.clients, &backends))
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
        .with_sample(facts, &SAMPLES, |sample| holds(&seen.clients, sample.client));
    Some(going.into_iter().fold(finding, Finding::shown_by))
}

/// When the backend that answered them went silent, and when it was back, if others answered meanwhile.
fn departure(facts: &Facts<'_>, backends: &[Address], failures: Period) -> Option<Evidence> {
    let [backend] = backends else { return None };
    let server = facts.aggregate.counting.server(*backend)?;
    let stopped = server.heard.last_until(failures.last.plus(SHORT))?;
    let until = failures.last.plus(SHORT);
    let resumed = server.heard.first_from(until);
    let end = resumed.unwrap_or(facts.whole().last);
    let others = facts.aggregate.counting.servers.iter().filter(|other| other.address != *backend);
    let alone = others.filter(|other| other.heard.any_inside(stopped, end)).count() == 0;
    if alone || end.since(stopped) < PAUSE {
        return None;
    }
    let back = resumed.map_or_else(
        || "do not resume".to_owned(),
        |resumed| format!("resume at {} UTC", clock(resumed)),
    );
    let text = format!("Answers from {backend} stop at {} UTC and {back}.", clock(stopped));
    Some(Evidence::new("pause", end.since(stopped).as_secs_f64(), "s", text))
}

fn are(lookups: u64) -> String {
    format!("{} {}", words::counted(lookups, "lookup"), words::verb(lookups, "is", "are"))
}

#[cfg(test)]
pub(super) mod tests;
