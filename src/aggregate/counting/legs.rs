//! What the legs of a query tell: where it went, and who refused it.

use super::Rare;
use crate::decode::IcmpKind;
use crate::matcher::{Leg, Refusal, Transaction};

/// Whether a query was seen on its way to another address than was asked.
pub(super) fn is_translated(transaction: &Transaction) -> bool {
    transaction.legs()[1..].iter().any(|leg| leg.server != transaction.server.address)
}

/// Whether this is where a query was seen last on its way. Interfaces may be recorded out of order: the
/// lowest TTL is the farthest.
pub(super) fn is_farthest(leg: &Leg, legs: &[Leg]) -> bool {
    legs.len() == 1 || is_farthest_of(leg, legs)
}

#[cold]
fn is_farthest_of(leg: &Leg, legs: &[Leg]) -> bool {
    legs.iter().rev().min_by_key(|leg| leg.ttl) == Some(leg)
}

/// Counts a transaction that was refused, by who seems to have done it. `answer_ttls`: those of the server's answers, as
/// far as there were any.
pub(super) fn note_refusal(
    pair: &mut Rare,
    answer_ttls: Option<(u8, u8)>,
    transaction: &Transaction,
    refusal: Refusal,
) {
    // A RST of a connection that was accepted says nothing of a port; one from nearer or farther than the server is
    // is that of a device in between.
    let by_server = |(low, high)| (low..=high).contains(&refusal.ttl);
    if refusal.icmp.is_none() && answer_ttls.is_none_or(by_server) {
        pair.reset += 1;
        return;
    }
    let closed = refusal.icmp == Some(IcmpKind::PortUnreachable);
    let translated = transaction.legs()[1..]
        .iter()
        .any(|leg| leg.server == refusal.reporter && leg.server != transaction.server.address);
    if closed && translated {
        pair.closed += 1;
    } else if closed && refusal.reporter == transaction.server.address {
        pair.closed_unclear += 1;
    } else {
        pair.rejected += 1;
    }
    pair.refused_beyond += u64::from(transaction.legs().len() > 1);
    pair.reject_kind = refusal.icmp;
    pair.reporter = refusal.reporter;
    pair.reporter_ttl = refusal.ttl;
    pair.refusals.note(refusal.time);
}
