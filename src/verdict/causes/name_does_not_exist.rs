//! A name that does not exist, asked again and again.

mod created;

use super::cluster_name_sent_upstream;
use super::firewall_reject::sorted;
use crate::aggregate::{Missing, Pair, Period, SampleKind};
use crate::model::{Address, display_name, labels};
use crate::verdict::{Cause, Evidence, Facts, Finding, Place, Scope, Severity, filter, words};

/// Once may be a typo at a prompt, twice a retry; an application with a wrong name goes on.
const AGAIN: u64 = 3;

/// A storm takes more than this share of the clients' questions,
const STORM_SHARE: f64 = 0.5;

/// in at least so many lookups, at so many a second: a pod that hardly asks for anything else is none.
const STORM_LOOKUPS: u64 = 50;
const STORM_RATE: f64 = 4.0;

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
        tried. Where only a part of the steps passes, a name without a walk counts from the third \
        time on that a client asks it. Reverse lookups are left out: most addresses have no name, \
        and that is normal. A Service's name that was in vain three times, and is answered with \
        records within 31 s of the last time, has just been created. Lookups in vain that take more \
        than half of all questions, at four a second and more, are a storm.",
    look_alikes: &[
        ("ndots_search_chain", "the walk ends with an answer"),
        ("cluster_name_sent_upstream", "the name does exist, but a resolver outside was asked"),
    ],
    vantage: "Anywhere that the client's queries pass.",
    immediate: "Correct the name in the application's configuration, or create the missing \
        Service or record.",
    long_term: "Alert on the NXDOMAIN rate of names as they are, search steps left out; check \
        names at deployment.",
    confirm: &["kubectl get services -A", "kubectl exec -n NAMESPACE POD -- cat /etc/resolv.conf"],
    detect,
};

/// What the capture shows of walks, for all names.
struct Seen {
    /// Clients of which packets were lost, or asked for again.
    losers: Vec<Address>,
    /// The length of the longest list.
    longest_walk: u8,
    /// Whether all steps of a walk pass here.
    all_steps: bool,
    /// Questions whose name the capture cuts, of all clients.
    cut_questions: u64,
}

impl Seen {
    fn of(facts: &Facts<'_>) -> Seen {
        Seen {
            losers: losers(facts),
            longest_walk: facts.clients().map(|client| client.longest_walk).max().unwrap_or(0),
            all_steps: matches!(facts.vantage().place, Place::Pod | Place::Node | Place::Loopback),
            cut_questions: facts.all_cut_questions(),
        }
    }
}

/// A missing name, without what forwarders pass on of it.
struct Vain<'a> {
    missing: &'a Missing,
    lookups: u64,
    transactions: u64,
    askers: Vec<Address>,
}

impl Vain<'_> {
    fn of<'a>(facts: &Facts<'_>, seen: &Seen, missing: &'a Missing) -> Vain<'a> {
        let mut vain = Vain { missing, lookups: 0, transactions: 0, askers: Vec::new() };
        // A list may have made the name: then it may be a step of a walk whose rest is not seen.
        let listed = facts.aggregate.following.lookups.suffixes.ends(&missing.name);
        for asker in missing.askers.iter().filter(|asker| !facts.is_forwarder(asker.address)) {
            if cluster_name_sent_upstream::explains(facts, asker.address, &missing.name) {
                continue;
            }
            // glibc leaves its list when an answer is lost, and tries the name as it is. Of losses on ways that do
            // not pass here nothing is known: now and then it is chance, for each of many clients.
            let chance = !seen.all_steps && asker.lookups < AGAIN;
            let lost = seen.losers.binary_search(&asker.address).is_ok();
            let doubtful = listed || lost || chance;
            let alone = if doubtful { asker.alone() } else { 0 };
            // Behind a Service each step may go to another backend, on a way that is not captured.
            let partial = asker.partial(facts.longest_walk(asker.address));
            // A longer name of the same lookup may have been found; its question was cut by the snap length.
            let cut = facts.cut_questions(asker.address);
            let lookups = asker.lookups.saturating_sub(alone + partial + cut);
            if lookups > 0 {
                vain.lookups += lookups;
                vain.transactions += asker.transactions;
                vain.askers.push(asker.address);
            }
        }
        // Nothing is known of the others but that they are many: they ask as those who are known do.
        let others = &missing.others;
        let partial = others.partial(seen.longest_walk);
        let doubtful = others.alone() + partial + seen.cut_questions;
        if !vain.askers.is_empty() && others.lookups > doubtful {
            vain.lookups += others.lookups - doubtful;
            vain.transactions += others.transactions;
        }
        vain
    }
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let names =
        facts.aggregate.following.missing.iter().filter(|missing| !is_reverse(&missing.name));
    let seen = Seen::of(facts);
    let mut vain: Vec<Vain<'_>> = names
        .map(|missing| Vain::of(facts, &seen, missing))
        .filter(|vain| vain.lookups >= AGAIN)
        .collect();
    vain.sort_by(|a, b| {
        b.lookups.cmp(&a.lookups).then_with(|| a.missing.name.cmp(&b.missing.name))
    });
    let created = created::rows(facts);
    let Some(first) = vain.first() else { return created::finding(&created) };
    let name = display_name(&first.missing.name);
    let lookups: u64 = vain.iter().map(|vain| vain.lookups).sum();
    let period = Period::of(vain.iter().map(|vain| vain.missing.period));
    let askers = sorted(vain.iter().flat_map(|vain| vain.askers.iter().copied()));
    let (others, do_not_exist) = match vain.len() {
        1 => (String::new(), "does not exist"),
        2 => (" and another name".to_owned(), "do not exist"),
        more => (format!(" and {} other names", more - 1), "do not exist"),
    };
    let names = vain.iter().take(SHOWN).map(|vain| display_name(&vain.missing.name)).collect();
    let queries: u64 = vain.iter().map(|vain| vain.transactions).sum();
    let storm = storm(facts, (lookups, queries), period);
    let turned = || {
        created.iter().filter(|row| vain.iter().any(|vain| created::is_of(row, &vain.missing.name)))
    };
    let then = match turned().next().and_then(|row| row.found) {
        Some(found) if vain.len() == 1 => format!(", until it was found at {found}"),
        _ => String::new(),
    };
    let do_not_exist = if then.is_empty() { do_not_exist } else { "did not exist at first" };
    let severity = if storm.is_some() { Severity::Medium } else { Severity::Low };
    let mut finding = CAUSE
        .finding(severity, 0.85, period)
        .about(Scope { clients: Facts::list(&askers), names, ..Scope::default() })
        .explaining(queries)
        .saying(format!(
            "{name}{others} {do_not_exist}: {lookups} lookups by {} were answered NXDOMAIN to the \
             last step{then}.",
            filter::words(&askers)
        ))
        .rather_than("ndots_search_chain", "no step of these lookups ended with an answer");
    for vain in vain.iter().take(SHOWN) {
        let name = display_name(&vain.missing.name);
        finding = finding.shown_by(
            Evidence::new(
                "lookups_in_vain",
                vain.lookups as f64,
                "count",
                format!(
                    "{name}: {} lookups, {} queries, every answer NXDOMAIN.",
                    vain.lookups, vain.transactions
                ),
            )
            .at(vain.missing.frames.iter())
            .filter(format!("lower(dns.qry.name) contains {}", quoted(&name))),
        );
    }
    for row in turned() {
        finding = finding.shown_by(created::evidence(row));
    }
    if let Some(evidence) = storm {
        finding = finding.shown_by(evidence);
    }
    Some(finding.with_sample(facts, &[SampleKind::Missing], |sample| {
        vain.iter().take(SHOWN).any(|vain| sample.is_about(&vain.missing.name))
    }))
}

/// What shows that most of what is asked is in vain.
fn storm(facts: &Facts<'_>, (lookups, queries): (u64, u64), period: Period) -> Option<Evidence> {
    let share = Facts::share(queries, facts.client_tally().sent);
    let seconds = period.last.since(period.first).as_secs_f64().max(1.0);
    let rate = lookups as f64 / seconds;
    let is_one = share > STORM_SHARE && lookups >= STORM_LOOKUPS && rate >= STORM_RATE;
    is_one.then(|| {
        let share = words::percent(share);
        Evidence::new("nxdomain_storm", rate, "lookups/s", format!(
            "{rate:.0} lookups a second were of names that do not exist: {share} of all questions of clients."
        ))
    })
}

/// Clients of which packets were lost, or asked for again, in order.
fn losers(facts: &Facts<'_>) -> Vec<Address> {
    let losing = |pair: &&Pair| pair.all().unanswered + pair.rare().retransmissions > 0;
    sorted(facts.client_pairs().filter(losing).map(|pair| pair.client))
}

/// A display filter's string: backslashes of escaped octets and quotes are escaped once more.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_reverse(name: &[u8]) -> bool {
    labels(name).last() == Some(b"arpa")
}

#[cfg(test)]
mod tests;
