//! It is the answers that are dropped: they come as far as the client's node and no further.

use super::super::{fragment_loss, reply_source_mismatch};
use super::CAUSE;
use crate::aggregate::{Pair, Period};
use crate::model::Address;
use crate::verdict::silence::{Sum, cut_off};
use crate::verdict::{Evidence, Facts, Finding, Scope, Severity, filter};

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
    let lost: u64 = pairs.iter().map(|pair| pair.undelivered).sum();
    let answered: u64 = pairs.iter().map(|pair| pair.all().answered).sum();
    let again: u64 = pairs.iter().map(|pair| pair.rare().resent_after_answer).sum();
    let period = Period::of(pairs.iter().map(|pair| pair.answers));
    Some(
        CAUSE
            .finding(Severity::High, facts.capped(0.85), period)
            .about(Scope::between(&addresses, &servers))
            .explaining(lost)
            .saying(format!(
                "The answers to {} end on this node: {lost} of {answered} came in and were never \
                 seen on their way to the client, while those to others were.",
                filter::words(&addresses)
            ))
            .shown_by(
                Evidence::new("undelivered_ratio", Facts::share(lost, answered), "ratio", format!(
                    "{lost} of {answered} answers to {} were seen from the backend only, never from \
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
            .rather_than("random_loss", "nearly all answers to these clients end here, none to others")
            .rather_than(
                "reply_source_mismatch",
                "nothing reaches the clients' interfaces, not from another address either",
            ),
    )
}
