//! Counters of the node's own kernel, read while the capture ran: what its connection tracking and its
//! sockets dropped.

use std::fmt::Write;

use super::timing::Timing;
use crate::context::Kernel;
use crate::context::kernel::{Change, Counter};
use crate::verdict::words::{counted, percent};
use crate::verdict::{Evidence, Facts, Finding, Place};

const RACE: &str = "conntrack_dnat_race";

/// Losses that any drop on the node may be behind. A counter that stayed is worth a word only where
/// nothing else explains them.
const PATTERNLESS: [&str; 3] = ["random_loss", "coredns_overload", "conntrack_allowance_exceeded"];

/// Losses that a full table may be behind, though it seldom looks like them.
const SILENT: [&str; 5] = [
    RACE,
    "client_egress_dropped",
    "coredns_backend_gone",
    "upstream_unreachable",
    "stale_conntrack_udp",
];

/// A counter that rose by this part of the losses explains them, beside others.
const EXPLAINS: f64 = 0.5;

/// From this share of its room on a table counts as full: entries die between two readings.
const FULL: f64 = 0.95;

pub(super) fn corroborate(facts: &Facts<'_>, kernel: &Kernel, finding: &mut Finding) {
    if finding.cause == RACE {
        race(facts, kernel, finding);
    }
    if finding.cause == "random_loss" {
        race_instead(facts, kernel, finding);
    }
    let patternless = PATTERNLESS.contains(&finding.cause);
    if patternless || SILENT.contains(&finding.cause) {
        table(facts, kernel, finding, patternless);
    }
    if matches!(finding.cause, "random_loss" | "coredns_overload") {
        sockets(facts, kernel, finding);
    }
}

fn evidence(counter: Counter, value: u64, text: String) -> Evidence {
    Evidence::new(counter.name(), value as f64, "count", text)
}

/// `insert_failed` rises for each packet that a race for an entry cost, and for nothing else.
fn race(facts: &Facts<'_>, kernel: &Kernel, finding: &mut Finding) {
    let counter = Counter::InsertFailed;
    let told = |value, text| evidence(counter, value, text);
    let Some(change) = kernel.change(counter) else {
        return finding.supplemented(told(
            0,
            "live: insert_failed of this node's conntrack is not known, so it neither confirms nor excludes \
             a race."
                .to_owned(),
        ));
    };
    let rose = change.rose;
    if rose == 0 {
        let resolved = match kernel.rise(Counter::ClashResolve) {
            0 => String::new(),
            settled => format!(
                "; it settled {} without a loss, as kernels of 5.0 and later do",
                counted(settled, "race")
            ),
        };
        return finding.contradicted(told(
            0,
            format!(
                "live: insert_failed did not rise while the capture ran: the conntrack of this node dropped \
                 nothing in a race{resolved}. That contradicts the packets."
            ),
        ));
    }
    let timing = Timing::of(facts, &change.rises);
    let text = format!(
        "live: insert_failed rose by {rose}{}: this node's conntrack dropped {} that lost a race.",
        timing.words(),
        counted(rose, "packet")
    );
    match timing {
        Timing::Other => finding.doubted(told(
            rose,
            format!("live: insert_failed rose by {rose}, but while no question was lost."),
        )),
        _ if (rose as f64) < EXPLAINS * finding.damage as f64 => {
            finding.supplemented(told(rose, format!("{text} These losses are more than that.")));
        }
        Timing::Same => {
            finding.confirmed(facts, told(rose, text));
            finding.alternatives.retain(|other| other.cause != "random_loss");
            finding.considered(
                "random_loss",
                format!("insert_failed would not rise with it; it rose by {rose} (live)"),
            );
        }
        Timing::Unclear => finding.supported(facts, told(rose, text)),
    }
}

/// Losses without a pattern: whether they may be those of races after all.
fn race_instead(facts: &Facts<'_>, kernel: &Kernel, finding: &mut Finding) {
    let Some(change) = kernel.change(Counter::InsertFailed) else { return };
    let rose = change.rose;
    let why = if rose == 0 {
        "excluded: insert_failed did not rise while the capture ran (live)".to_owned()
    } else {
        let timing = Timing::of(facts, &change.rises);
        let text = format!(
            "live: insert_failed rose by {rose}{}: this node's conntrack dropped {}.",
            timing.words(),
            counted(rose, "packet")
        );
        finding.supplemented(evidence(Counter::InsertFailed, rose, text));
        match timing {
            Timing::Other => format!("insert_failed rose by {rose}, but at other times (live)"),
            _ => format!("not excluded: insert_failed rose by {rose}{} (live)", timing.words()),
        }
    };
    finding.alternatives.retain(|other| other.cause != RACE);
    finding.considered(RACE, why);
}

/// What connection tracking dropped for want of room: `drop` counts lost races as well, and
/// `early_drop` the entries that had to go, whose answers then belong to nobody.
pub(super) fn crowded_out(kernel: &Kernel) -> Option<Change> {
    let dropped = kernel.change(Counter::Drop)?;
    let races = kernel.rise(Counter::InsertFailed);
    let early = kernel.change(Counter::EarlyDrop);
    let mut rises = if dropped.rose > races { dropped.rises } else { Vec::new() };
    rises.extend(early.iter().flat_map(|change| change.rises.iter().copied()));
    rises.sort_unstable_by_key(|rise| (rise.from, rise.to));
    let rose =
        dropped.rose.saturating_sub(races).saturating_add(early.map_or(0, |change| change.rose));
    Some(Change { rose, last: dropped.last, rises })
}

/// How full the table was.
pub(super) fn fullness(kernel: &Kernel) -> String {
    let Some(table) = kernel.fullest() else { return String::new() };
    let share = Facts::share(table.peak, table.most);
    let of = format!("{} of {} entries at its peak", table.peak, table.most);
    if share >= FULL {
        format!(" The table was full: {of}.")
    } else {
        format!(" The table held {of} ({}).", percent(share))
    }
}

/// Whether the node had no room for new connections.
fn table(facts: &Facts<'_>, kernel: &Kernel, finding: &mut Finding, patternless: bool) {
    let Some(change) = crowded_out(kernel) else { return };
    let rose = change.rose;
    if rose == 0 {
        if patternless {
            finding.supplemented(evidence(
                Counter::Drop,
                0,
                "live: drop and early_drop did not rise while the capture ran: this node's own conntrack table \
                 had room."
                    .to_owned(),
            ));
        }
        return;
    }
    let timing = Timing::of(facts, &change.rises);
    finding.supplemented(evidence(
        Counter::Drop,
        rose,
        format!(
            "live: this node's conntrack dropped {}, or what they were part of, for want of room{}.{}",
            counted(rose, "packet"),
            timing.words(),
            fullness(kernel)
        ),
    ));
    if timing == Timing::Same && patternless && rose as f64 >= EXPLAINS * finding.damage as f64 {
        let _ = write!(
            finding.summary,
            " In the same seconds the conntrack table of this node had no room and dropped {}: that is the \
             likely reason.",
            counted(rose, "packet")
        );
    }
}

/// Whether a program was too slow for its socket. Sockets of other namespaces are not in these counters.
fn sockets(facts: &Facts<'_>, kernel: &Kernel, finding: &mut Finding) {
    let counter = Counter::UdpRcvbufErrors;
    let Some(change) = kernel.change(counter) else { return };
    let rose = change.rose;
    let here = facts.vantage().place == Place::Server;
    if rose == 0 {
        if here {
            finding.supplemented(evidence(
                counter,
                0,
                "live: UdpRcvbufErrors did not rise here while the capture ran: no program was too slow for its \
                 socket."
                    .to_owned(),
            ));
        }
        return;
    }
    let timing = Timing::of(facts, &change.rises);
    let told = evidence(
        counter,
        rose,
        format!(
            "live: UdpRcvbufErrors rose by {rose}{}: programs here were too slow to take what had arrived for \
             them.",
            timing.words()
        ),
    );
    match timing {
        // At the server itself a full buffer is the overload.
        Timing::Same if here && finding.cause == "coredns_overload" => {
            finding.confirmed(facts, told);
        }
        _ => finding.supplemented(told),
    }
}

/// A sentence for losses that no cause explains, with a space before: what this node dropped then.
pub(in crate::verdict) fn beside_losses(facts: &Facts<'_>) -> String {
    let Some(kernel) = &facts.context.kernel else { return String::new() };
    let mut said = String::new();
    if let Some(change) = crowded_out(kernel).filter(|change| change.rose > 0) {
        let timing = Timing::of(facts, &change.rises);
        if timing != Timing::Other {
            let _ = write!(
                said,
                " This node's conntrack dropped {} for want of room{}.{}",
                counted(change.rose, "packet"),
                timing.words(),
                fullness(kernel)
            );
        }
    }
    for (counter, what) in [
        (Counter::InsertFailed, "that lost a race for an entry of conntrack"),
        (Counter::UdpRcvbufErrors, "that a program here was too slow to take"),
    ] {
        let Some(change) = kernel.change(counter).filter(|change| change.rose > 0) else {
            continue;
        };
        let timing = Timing::of(facts, &change.rises);
        if timing != Timing::Other {
            let _ = write!(
                said,
                " This node dropped {} {what}{}.",
                counted(change.rose, "packet"),
                timing.words()
            );
        }
    }
    said
}

#[cfg(test)]
mod tests;
