//! Search-domain walks: NXDOMAIN upon NXDOMAIN on the way to an answer. Works as designed.

use crate::aggregate::Client;
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, StubKind, filter, words};

/// Clients described one by one; the others are in the sums.
const DESCRIBED: usize = 3;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "ndots_search_chain",
    category: "normal",
    normal: true,
    title: "Search-domain NXDOMAINs on the way to an answer: works as designed",
    meaning: "A stub resolver appends each domain of the `search` line of /etc/resolv.conf to a \
        name with fewer dots than `ndots` before it tries the name as it is. Kubernetes sets \
        ndots:5 and three search domains, the cloud adds its own: an external name with two dots \
        costs four NXDOMAINs, twice, for A and AAAA, before its answer. A name that already ends \
        in a search domain is no exception: \
        `db.prod.svc.cluster.local` has four dots, so `db.prod.svc.cluster.local.prod.svc.cluster.local` \
        is asked first.\n\nThis is no fault and no misconfiguration. It costs load and latency, \
        which matters where a limit is near.",
    signature: "One client asks name + suffix for one suffix after the other, then the name as it \
        is; each step follows the negative answers of the one before within 500 ms. Counted per \
        walk: one lookup, however many names, address families and retries it took.",
    look_alikes: &[
        ("name_does_not_exist", "the walk ends in NXDOMAIN for the name as it is, too"),
        ("musl_search_stopped", "musl ends its walk at the first empty answer"),
    ],
    vantage: "Anywhere that the client's queries pass: pod, node, DNS server.",
    immediate: "Nothing: this is how search domains work.",
    long_term: "Where the extra queries hurt: write external names with a trailing dot, set \
        ndots:2 in the dnsConfig of pods that mostly ask external names, use short service names \
        inside the cluster, or run NodeLocal DNSCache.",
    confirm: &[
        "kubectl exec -n NAMESPACE POD -- cat /etc/resolv.conf",
        "kubectl get pod -n NAMESPACE POD -o jsonpath='{.spec.dnsConfig}'",
    ],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let mut walkers: Vec<&Client> = facts.clients().filter(|client| client.walks > 0).collect();
    // In a capture without answers the steps follow time-outs: nothing normal about that.
    let answered = facts.client_pairs().any(|pair| pair.outcomes_negative() > 0);
    if walkers.is_empty() || !answered {
        return None;
    }
    walkers.sort_by(|a, b| b.extra.cmp(&a.extra).then(a.address.cmp(&b.address)));
    let sum = |figure: fn(&Client) -> u64| walkers.iter().map(|client| figure(client)).sum::<u64>();
    let (walks, resolved, extra) = (sum(|c| c.walks), sum(|c| c.walks_resolved), sum(|c| c.extra));
    let (lookups, doubled) = (facts.clients().map(|c| c.lookups).sum::<u64>(), sum(|c| c.doubled));
    let share = Facts::share(extra, facts.clients().map(|c| c.transactions).sum());
    let confidence = if resolved > 0 { 0.95 } else { 0.7 };
    let addresses: Vec<_> = walkers.iter().map(|client| client.address).collect();
    let mut finding = CAUSE
        .finding(Severity::None, confidence, facts.whole())
        .about(Scope { clients: Facts::list(&addresses), ..Scope::default() })
        .saying(format!(
            "{walks} of {lookups} lookups walked the search list, {resolved} of them to an answer: \
             {} ({} of the clients' questions), as designed.",
            words::counted(extra, "extra query"),
            words::percent(share)
        ))
        .shown_by(
            Evidence::new("extra_queries", extra as f64, "count", format!(
                "Steps before the last one of a walk took {}: a negative answer there is the search list \
                 at work.",
                words::counted(extra, "query")
            ))
            .at(walkers.iter().flat_map(|client| client.walk_frames.iter()))
            .filter(format!("dns && {}", filter::with(&addresses))),
        );
    finding = finding.advising(&facts.stubs(&addresses).advice(StubKind::search_knob));
    for client in walkers.iter().take(DESCRIBED) {
        finding = finding.shown_by(describe(facts, client));
    }
    if doubled > 0 {
        finding = finding.shown_by(Evidence::new("doubled_suffixes", doubled as f64, "count", format!(
            "{} asked for a name that already ends in a search domain, so that the domain stands \
             twice in the first names tried: normal as well, for a name with fewer dots than ndots.",
            words::counted(doubled, "lookup")
        )));
    }
    Some(finding)
}

/// What one client's resolver is set to, as far as its walks tell.
fn describe(facts: &Facts<'_>, client: &Client) -> Evidence {
    let suffixes = &facts.aggregate.following.lookups.suffixes;
    let list = suffixes.of(client.suffixes());
    let list: Vec<String> = list.iter().map(|suffix| suffix.name.to_string()).collect();
    let ndots = match (client.dots_searched, client.dots_as_is) {
        (Some(low), Some(high)) if u16::from(high) == u16::from(low) + 1 => {
            format!("ndots is {high}")
        }
        (Some(low), _) => format!("ndots is at least {}", u16::from(low) + 1),
        (None, Some(high)) => format!("ndots is at most {high}"),
        (None, None) => "ndots does not show".to_owned(),
    };
    let resolver = match facts.stub(client.address) {
        Some(kind) => format!(" ({})", kind.name()),
        None => String::new(),
    };
    let needed = (client.transactions - client.extra).max(1);
    let amplification = client.transactions as f64 / needed as f64;
    Evidence::new(
        "amplification",
        amplification,
        "x",
        format!(
            "{}{resolver}: search list {}; {ndots}; {} among {}, {:.1} queries for each that was needed.",
            client.address,
            list.join(", "),
            words::counted(client.walks, "walk"),
            words::counted(client.lookups, "lookup"),
            amplification
        ),
    )
    .at(client.walk_frames.iter())
    .filter(format!("dns && {}", filter::with(&[client.address])))
}

#[cfg(test)]
mod tests;
