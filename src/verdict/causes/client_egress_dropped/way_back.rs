//! It is the answers that are dropped: they come as far as the client's node and no further.

use super::super::{fragment_loss, reply_source_mismatch};
use super::CAUSE;
use crate::aggregate::{Missed, Pair, Period};
use crate::model::Address;
use crate::verdict::silence::{Sum, cut_off, missed};
use crate::verdict::{Evidence, Facts, Finding, Scope, Severity, filter, words};

/// Where the answers of some clients end on this node.
pub(super) fn detect(facts: &Facts<'_>, clients: &[Sum<'_>]) -> Option<Finding> {
    let cut = cut_off(facts, clients);
    // A node with conntrack puts fragments together before it passes them on: what lacks one ends here. And what
    // reaches the client from an address that it did not ask is not dropped.
    if cut.is_empty()
        || fragment_loss::CAUSE.detected(facts)
        || reply_source_mismatch::CAUSE.detected(facts)
    {
        return None;
    }
    let addresses: Vec<Address> = cut.iter().map(|client| client.address).collect();
    let pairs: Vec<&Pair> = cut.iter().flat_map(|client| client.pairs.iter().copied()).collect();
    let servers = crate::verdict::addresses::sorted(pairs.iter().map(|pair| pair.server));
    let times: Vec<Missed> = cut.iter().filter_map(|client| missed(client)).collect();
    let always = times.is_empty();
    let (lost, answered, again, period) = if always {
        let sum = |of: fn(&Pair) -> u64| pairs.iter().map(|pair| of(pair)).sum::<u64>();
        (
            sum(|pair| pair.undelivered),
            sum(|pair| pair.all().answered),
            sum(|pair| pair.rare().resent_after_answer),
            Period::of(pairs.iter().map(|pair| pair.answers)),
        )
    } else {
        let sum = |of: fn(&Missed) -> u64| times.iter().map(of).sum::<u64>();
        (
            sum(|missed| missed.undelivered.max(missed.resent)),
            sum(|missed| missed.answered.max(missed.resent)),
            sum(|missed| missed.resent),
            Period::of(times.iter().map(|missed| missed.period)),
        )
    };
    let (when, others) = if always {
        (String::new(), "those to others were")
    } else {
        let (from, to) = (words::clock(period.first), words::clock(period.last));
        (format!(" from {from} to {to} UTC"), "at other times they were")
    };
    Some(
        CAUSE
            .finding(Severity::High, facts.capped(0.85), period)
            .about(Scope::between(&addresses, &servers))
            .explaining(lost)
            .saying(format!(
                "The answers to {} end on this node{when}: {lost} of {answered} came in and were never \
                 seen on their way to the client, while {others}.",
                filter::words(&addresses)
            ))
            .shown_by(
                Evidence::new("undelivered_ratio", Facts::share(lost, answered), "ratio", format!(
                    "{lost} of {answered} answers to {}{when} were seen from the backend only, never from \
                     {}, the address that was asked.",
                    filter::words(&addresses),
                    filter::words(&servers)
                ))
                .filter(format!("dns.flags.response == 1 && {}", filter::to(&addresses))),
            )
            .shown_by(
                Evidence::new("asked_again", again as f64, "count", format!(
                    "{again} questions were sent again although their answer had come to this node."
                ))
                .at(pairs.iter().flat_map(|pair| pair.rare().resent_frames.iter()))
                .filter(format!("dns.flags.response == 0 && {}", filter::from(&addresses))),
            )
            .rather_than("random_loss", "nearly all answers to these clients end here")
            .rather_than(
                "reply_source_mismatch",
                "nothing reaches the clients' interfaces, not from another address either",
            ),
    )
}
