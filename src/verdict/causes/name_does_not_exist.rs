//! A name that does not exist, asked again and again.

use crate::aggregate::{Missing, SampleKind};
use crate::model::{Address, display_name, labels};
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter};

/// Once may be a typo at a prompt, twice a retry; an application with a wrong name goes on.
const AGAIN: u64 = 3;

/// Names shown.
const SHOWN: usize = 5;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "name_does_not_exist",
    category: "config_error",
    normal: false,
    title: "The whole search chain, the name as it is included, is NXDOMAIN, again and again",
    meaning: "Somebody asks for a name that nobody serves: a typo, a service that was removed or \
        renamed, a namespace left out. DNS works and says so. A name that has just been created \
        can also be answered NXDOMAIN for some seconds from a negative cache (CoreDNS `cache 30`).",
    signature: "At least three lookups of one name that each ended in NXDOMAIN for every name \
        tried. Reverse lookups are left out: most addresses have no name, and that is normal.",
    look_alikes: &[
        ("ndots_search_chain", "the walk ends with an answer"),
        ("cluster_name_sent_upstream", "the name does exist, but a resolver outside was asked"),
    ],
    vantage: "Anywhere that the client's queries pass.",
    immediate: "Correct the name in the application's configuration, or create the missing \
        Service or record.",
    long_term: "Alert on the NXDOMAIN rate of names as they are, search steps left out; check \
        names at deployment.",
    confirm: &["kubectl get services -A", "kubectl exec <pod> -- cat /etc/resolv.conf"],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let missing: Vec<&Missing> = facts
        .aggregate
        .missing
        .by_lookups()
        .into_iter()
        .filter(|missing| missing.lookups >= AGAIN && !is_reverse(&missing.name))
        .filter(|missing| missing.askers.iter().any(|&asker| !facts.is_forwarder(asker)))
        .collect();
    let lookups: u64 = missing.iter().map(|missing| missing.lookups).sum();
    let first = missing.first()?;
    let name = display_name(&first.name);
    let mut period = first.period;
    missing.iter().for_each(|other| period.join(other.period));
    let mut askers: Vec<Address> = missing.iter().flat_map(|m| m.askers.clone()).collect();
    askers.sort_unstable();
    askers.dedup();
    let others = match missing.len() {
        1 => String::new(),
        2 => " and another name".to_owned(),
        more => format!(" and {} other names", more - 1),
    };
    let names = missing.iter().take(SHOWN).map(|m| display_name(&m.name)).collect();
    let mut finding = CAUSE
        .finding(Severity::Low, 0.85, period)
        .about(Scope { clients: Facts::list(&askers), names, ..Scope::default() })
        .explaining(missing.iter().map(|m| m.transactions).sum())
        .saying(format!(
            "{name}{others} does not exist: {lookups} lookups by {} went through every step of the \
             search list and found nothing.",
            filter::words(&askers)
        ))
        .rather_than("ndots_search_chain", "no step of these walks ended with an answer");
    for missing in missing.iter().take(SHOWN) {
        let name = display_name(&missing.name);
        finding = finding.shown_by(
            Evidence::new(
                "lookups_in_vain",
                missing.lookups as f64,
                "count",
                format!(
                    "{name}: {} lookups, {} queries, every answer NXDOMAIN.",
                    missing.lookups, missing.transactions
                ),
            )
            .at(missing.frames.iter())
            .filter(format!("dns.qry.name contains {}", quoted(&name))),
        );
    }
    Some(finding.with_sample(facts, &[SampleKind::Missing], |sample| {
        missing.iter().take(SHOWN).any(|missing| sample.is_about(&missing.name))
    }))
}

/// A display filter's string: backslashes of escaped octets and quotes are escaped once more.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_reverse(name: &[u8]) -> bool {
    labels(name).last() == Some(b"arpa")
}
