//! An empty AAAA beside a good A: the name has no IPv6 address. Normal.

use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity};

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "nodata_no_ipv6",
    category: "normal",
    normal: true,
    title: "AAAA is empty, A is fine",
    meaning: "getaddrinfo asks for both address families. A name without an IPv6 address is \
        answered NOERROR without records for AAAA: NODATA (RFC 2308, section 2.2). The A answer is \
        used and nothing is lost.",
    signature: "In one lookup A has records and AAAA is NOERROR without any.",
    look_alikes: &[(
        "musl_search_stopped",
        "both families are NODATA, and musl takes that for the end of its search",
    )],
    vantage: "Anywhere.",
    immediate: "Nothing.",
    long_term: "Nothing. Where the second query costs too much, glibc 2.36 has `options no-aaaa`.",
    confirm: &["kubectl exec <pod> -- getent ahosts <name>"],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let asked: Vec<_> = facts.clients().filter(|client| client.only_ipv4 > 0).collect();
    let lookups: u64 = asked.iter().map(|client| client.only_ipv4).sum();
    let addresses: Vec<_> = asked.iter().map(|client| client.address).collect();
    (lookups > 0).then(|| {
        CAUSE
            .finding(Severity::None, 0.95, facts.whole())
            .about(Scope { clients: Facts::list(&addresses), ..Scope::default() })
            .saying(format!(
                "{lookups} lookups found an IPv4 address and no IPv6 address: the names have none."
            ))
            .shown_by(
                Evidence::new("lookups_without_ipv6", lookups as f64, "count", format!(
                    "In {lookups} lookups the answer for A had records and the one for AAAA was \
                     empty (NODATA)."
                ))
                .filter("dns.qry.type == 28 && dns.flags.response == 1 && dns.flags.rcode == 0 \
                    && dns.count.answers == 0".to_owned()),
            )
    })
}
