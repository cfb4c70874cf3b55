//! Counters of the ENI: what AWS itself says it dropped.

use super::timing::Timing;
use crate::context::Ethtool;
use crate::context::ethtool::{Change, Counter};
use crate::verdict::words::counted;
use crate::verdict::{Evidence, Facts, Finding};

const EXCEEDED: &str = "vpc_dns_pps_exceeded";
const NEAR: &str = "vpc_dns_pps_near_limit";

/// Counters that a cause stands or falls with.
const PROOFS: [(&str, Counter); 3] = [
    (EXCEEDED, Counter::LinkLocal),
    (NEAR, Counter::LinkLocal),
    ("conntrack_allowance_exceeded", Counter::Conntrack),
];

/// Losses without a pattern, that a limit of the instance or the ENI may be behind.
const PATTERNLESS: [&str; 2] = ["random_loss", "coredns_overload"];

/// The counters that a patternless loss may come from, and the causes of which they are the proof: the limits of
/// the instance have no code.
const BEHIND: [(Counter, Option<&str>); 5] = [
    (Counter::LinkLocal, Some(EXCEEDED)),
    (Counter::Conntrack, Some("conntrack_allowance_exceeded")),
    (Counter::Pps, None),
    (Counter::BwIn, None),
    (Counter::BwOut, None),
];

pub(super) fn corroborate(facts: &Facts<'_>, ethtool: &Ethtool, finding: &mut Finding) {
    for (cause, counter) in PROOFS {
        if finding.cause == cause {
            prove(facts, ethtool, counter, finding);
        }
    }
    if PATTERNLESS.contains(&finding.cause) {
        for (counter, behind) in BEHIND {
            blame(ethtool, counter, behind, finding);
        }
    }
}

/// A counter that only rises when this cause is at work.
fn prove(facts: &Facts<'_>, ethtool: &Ethtool, counter: Counter, finding: &mut Finding) {
    let (name, origin) = (counter.name(), ethtool.origin());
    let evidence = |value: u64, text: String| Evidence::new(name, value as f64, "count", text);
    match ethtool.change(counter) {
        // The cause may have it from the same counter already.
        _ if finding.evidence.iter().any(|known| known.metric == name) => {}
        None => finding.supplemented(evidence(
            0,
            format!("{origin}: {name} is not among the counters, so they neither confirm nor exclude it."),
        )),
        Some(Change::Total(total)) => finding.supplemented(evidence(
            total,
            format!(
                "{origin}: {name} is {total}. One reading counts from the start of the driver and proves \
                 nothing about this capture: give one of before and one of after."
            ),
        )),
        Some(Change::Reset) => finding.supplemented(evidence(
            0,
            format!("{origin}: {name} is not to be told: a counter is lower in the second reading, so that all were set back between, or the readings are exchanged."),
        )),
        Some(Change::Rose(more)) => {
            let timing = match ethtool.rises(counter) {
                [] => Timing::Unclear,
                rises => Timing::of(facts, rises),
            };
            let when = if timing == Timing::Unclear { " between the readings" } else { timing.words() };
            let text = format!(
                "{origin}: {name} rose by {more}{when}: AWS dropped {}.",
                counted(more, "packet")
            );
            if timing == Timing::Other && finding.cause != NEAR {
                return finding.doubted(evidence(more, text));
            }
            finding.confirmed(facts, evidence(more, text));
            if finding.cause == NEAR {
                let why = format!("not excluded: {name} rose by {more}, although this capture shows no loss");
                finding.alternatives.retain(|other| other.cause != EXCEEDED);
                finding.considered(EXCEEDED, why);
            }
        }
        Some(Change::Same(total)) if finding.cause == NEAR => {
            finding.confirmed(
                facts,
                evidence(0, format!(
                    "{origin}: {name} stayed {total} between the readings: nothing was dropped yet."
                )),
            );
        }
        Some(Change::Same(total)) => {
            let text = format!(
                "{origin}: {name} stayed {total} between the readings. If these are of the ENI \
                 above and lie around the capture, AWS dropped nothing for this limit: that \
                 contradicts the packets."
            );
            finding.contradicted(evidence(0, text));
        }
    }
}

/// A counter that makes another explanation of the same losses likely, or excludes it.
fn blame(ethtool: &Ethtool, counter: Counter, behind: Option<&str>, finding: &mut Finding) {
    let (name, origin) = (counter.name(), ethtool.origin());
    match ethtool.change(counter) {
        Some(Change::Rose(more)) => {
            finding.supplemented(Evidence::new(
                name,
                more as f64,
                "count",
                format!(
                    "{origin}: {name} rose by {more} between the readings: some of these losses are \
                     likely packets that AWS dropped or held back at this interface."
                ),
            ));
            if let Some(behind) = behind {
                finding.considered(behind, format!("not excluded: {name} rose by {more}"));
            }
        }
        Some(Change::Same(_)) => {
            let still = format!("{name} did not rise between the readings");
            match behind {
                Some(behind) => finding.considered(behind, format!("{still} ({origin})")),
                None => finding.supplemented(Evidence::new(
                    name,
                    0.0,
                    "count",
                    format!("{origin}: {still}: it is not this limit of the instance."),
                )),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
