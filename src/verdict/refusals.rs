//! Who said no: the server itself, or somebody before it.
//!
//! Behind a DNAT the source address of an ICMP error tells nothing on the client's side: conntrack
//! writes the Service's address into it, whoever sent it (measured in `captures/lab`). What tells is
//! how far the query came, the TTL beside that of the server's answers, and whether others are
//! answered at the same time.

use super::addresses::{clients, servers, sorted};
use super::facts::Facts;
use super::finding::Finding;
use super::outage::{Noise, Outage, Union, worst};
use crate::aggregate::{Lapse, Pair, Period};
use crate::decode::IcmpKind;
use crate::model::Address;

/// From this share on of all refusals in such times, they are dated by them.
const DATED: f64 = 0.8;

/// The refused transactions of a pair, by who refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// By the server itself: nothing listens there.
    pub closed: u64,
    /// By somebody else.
    pub rejected: u64,
}

/// Tells them apart for one pair.
pub fn refused(facts: &Facts<'_>, pair: &Pair) -> Refused {
    let by_server = pair.rare().closed_unclear > 0 && sent_by_server(facts, pair);
    let (closed, rejected) =
        if by_server { (pair.rare().closed_unclear, 0) } else { (0, pair.rare().closed_unclear) };
    Refused { closed: pair.rare().closed + closed, rejected: pair.rare().rejected + rejected }
}

/// Whether a refusal that bears the asked address comes from the server.
fn sent_by_server(facts: &Facts<'_>, pair: &Pair) -> bool {
    let onward = facts.detected.of_server("seen onward", pair.server, || {
        facts.pairs_to(pair.server).any(|other| other.seen_beyond > 0)
    });
    if onward {
        // The capture shows queries on their way on: a refused one that was not, ended here.
        return pair.rare().refused_beyond > 0;
    }
    if let Some((low, high)) = pair.answer_ttls {
        return (low..=high).contains(&pair.rare().reporter_ttl);
    }
    !answered_others(facts, pair)
}

/// Whether the pair's server answered other clients while it, or somebody in its name, refused.
pub fn answered_others(facts: &Facts<'_>, pair: &Pair) -> bool {
    // What nobody got, no other got.
    !answered_nobody(facts, pair)
        && refused_lapses(pair).any(|lapse| facts.answered_others(pair, lapse))
}

/// Whether nobody at all was answered by the pair's server while the refusals came, this client
/// included, although somebody in between could have let others through.
pub fn answered_nobody(facts: &Facts<'_>, pair: &Pair) -> bool {
    let heard = facts.heard_from(pair.server);
    !refused_lapses(pair).any(|lapse| lapse.spares(&heard))
}

/// The same of those who asked from fresh ports: a flow that conntrack knows goes on as it did.
pub fn answered_nobody_anew(facts: &Facts<'_>, pair: &Pair) -> bool {
    let heard = facts.heard_anew_from(pair.server);
    !refused_lapses(pair).any(|lapse| lapse.spares(&heard))
}

/// The times in which questions of a pair were refused.
fn refused_lapses(pair: &Pair) -> impl Iterator<Item = &Lapse> {
    pair.lapses.iter().filter(|lapse| lapse.refused > 0)
}

/// When these pairs were refused and not answered: from when to when in words, and the others of
/// several times. Without words where they were answered in between.
pub fn episodes(pairs: &[&Pair]) -> (Period, String, Vec<Outage>) {
    let mut union = Union::default();
    for pair in pairs {
        union.add(&pair.heard, &pair.lapses, Noise::default());
    }
    let outages = union.refusals();
    let refused: u64 = pairs.iter().map(|pair| pair.refused()).sum();
    let dated: u64 = outages.iter().map(|outage| outage.lapse.refused).sum();
    match worst(&outages) {
        Some((outage, others)) if dated as f64 >= DATED * refused as f64 => {
            (outage.period(), outage.when() + &others, outages)
        }
        _ => (Period::of(pairs.iter().map(|pair| pair.rare().refusals)), String::new(), Vec::new()),
    }
}

/// Refusals that are one finding's: who, whom, when, how much.
pub struct Together {
    /// Who is refused.
    pub clients: Vec<Address>,
    /// Who is asked.
    pub servers: Vec<Address>,
    /// In whose name it is said.
    pub reporters: Vec<Address>,
    /// Questions beside that got nothing.
    pub silent: u64,
    /// When they were refused.
    pub period: Period,
    /// The same in words.
    pub when: String,
    /// The times in which nobody was answered.
    pub outages: Vec<Outage>,
    /// Frames of the refusals.
    pub frames: Vec<u64>,
}

impl Together {
    /// What these pairs have in common.
    pub fn of(pairs: &[&Pair]) -> Together {
        let (period, when, outages) = episodes(pairs);
        Together {
            clients: clients(pairs),
            servers: servers(pairs),
            reporters: sorted(pairs.iter().map(|pair| pair.rare().reporter)),
            silent: pairs.iter().map(|pair| pair.silent()).sum(),
            period,
            when,
            outages,
            frames: pairs.iter().flat_map(|pair| pair.rare().refusal_frames.iter()).collect(),
        }
    }
}

/// Adds to a finding when answers stopped and resumed.
pub fn dated(finding: Finding, outages: &[Outage], whose: &str) -> Finding {
    /// As many as one reads.
    const MOST: usize = 3;
    let shown = outages.iter().take(MOST).filter_map(|outage| outage.evidence(whose));
    shown.fold(finding, Finding::shown_by)
}

/// Whether the last refusal is one that a missing endpoint gives: port unreachable, from an address
/// that was not asked.
pub fn is_foreign_port_unreachable(pair: &Pair) -> bool {
    pair.rare().rejected > 0
        && pair.rare().reject_kind == Some(IcmpKind::PortUnreachable)
        && pair.rare().reporter != pair.server
}
