//! What was read of the node while the capture ran, in words: what rose, what stayed, what is not there.

use std::fmt::Write;

use super::facts::Facts;
use super::words::percent;
use crate::context::ethtool::{Change, Counter as Allowance};
use crate::context::kernel::{Counter, Kernel, Place};
use crate::context::{Ethtool, ResolvConf};

/// Entries of connections and nameservers shown.
const SHOWN: usize = 3;

impl Facts<'_> {
    /// A line for each thing that was read; none where nothing was.
    pub fn node_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let live = self.context.ethtool.as_ref().filter(|ethtool| ethtool.origin() == "live");
        if let Some(ethtool) = live {
            lines.push(allowances(ethtool));
        }
        if let Some(kernel) = &self.context.kernel {
            for place in &kernel.places {
                lines.extend(conntrack(place));
                lines.extend(sockets(place));
            }
        }
        lines.extend(self.context.node_resolv_conf.as_ref().map(resolv_conf));
        lines.extend(self.context.kernel.iter().flat_map(|kernel: &Kernel| kernel.absent.clone()));
        lines
    }
}

impl Facts<'_> {
    /// What the counters of the ENIs say was dropped between two readings, in words, or that they cannot tell; none in
    /// a live capture, which has lines of its own, and where no counter of drops rose.
    pub fn dropped_by_eni(&self) -> Option<String> {
        let ethtool = self.context.ethtool.as_ref().filter(|ethtool| ethtool.origin() != "live")?;
        let words = |counter: Allowance| match ethtool.change(counter)? {
            Change::Rose(more) => Some(format!("{} rose by {more}", counter.name())),
            _ => None,
        };
        let risen: Vec<String> = Allowance::ALL.into_iter().filter_map(words).collect();
        if Allowance::ALL.iter().any(|&counter| ethtool.change(counter) == Some(Change::Reset)) {
            return Some(format!(
                "{}: a counter is lower in the second reading: all were set back between, or the readings are \
                 exchanged. They tell nothing.",
                ethtool.origin()
            ));
        }
        (!risen.is_empty()).then(|| {
            format!(
                "{}: between the readings {}: AWS dropped packets at this interface, or held them back.",
                ethtool.origin(),
                risen.join(", ")
            )
        })
    }
}

/// ` in pod NAME`, for namespaces that are not the node's own.
fn at(place: &Place) -> String {
    if place.name.is_empty() { String::new() } else { format!(" in {}", place.name) }
}

/// `name +3`; how it stands where it was read once.
fn risen(place: &Place, counters: &[Counter]) -> Vec<String> {
    let known = counters.iter().filter_map(|&counter| Some((counter, place.series(counter)?)));
    known
        .map(|(counter, series)| match series.readings() {
            1 => format!("{} {}, read once", counter.name(), series.last()),
            _ => format!("{} +{}", counter.name(), series.grown()),
        })
        .collect()
}

fn conntrack(place: &Place) -> Option<String> {
    let of: Vec<Counter> =
        Counter::ALL.into_iter().filter(|counter| counter.is_conntrack()).collect();
    let counters = risen(place, &of);
    let table = place.table();
    if counters.is_empty() && table.is_none() {
        return None;
    }
    let mut line = format!("conntrack{}: ", at(place));
    line.push_str(&counters.join(", "));
    if let Some(table) = table {
        let divider = if counters.is_empty() { "" } else { "; " };
        let _ = write!(line, "{divider}{} entries at most", table.peak);
        if table.most > 0 {
            let share = Facts::share(table.peak, table.most);
            let _ = write!(line, ", {} of {}", percent(share), table.most);
        }
        if table.peak == 0 {
            line.push_str(": connections are not tracked here");
        }
    }
    Some(line)
}

fn sockets(place: &Place) -> Option<String> {
    let of: Vec<Counter> =
        Counter::ALL.into_iter().filter(|counter| !counter.is_conntrack()).collect();
    let counters = risen(place, &of);
    (!counters.is_empty()).then(|| format!("sockets{}: {}", at(place), counters.join(", ")))
}

/// The counters of the ENIs.
fn allowances(ethtool: &Ethtool) -> String {
    let interfaces: Vec<&str> = ethtool.interfaces().collect();
    let mut counters: Vec<String> = Allowance::ALL
        .into_iter()
        .filter_map(|counter| {
            Some(match ethtool.change(counter)? {
                Change::Rose(more) => format!("{} +{more}", counter.name()),
                Change::Same(_) => format!("{} +0", counter.name()),
                Change::Total(total) => format!("{} {total}, read once", counter.name()),
                Change::Reset => format!("{} was set back", counter.name()),
            })
        })
        .collect();
    if let Some((before, after)) = ethtool.conntrack_available() {
        let name = Allowance::ConntrackAvailable.name();
        counters.push(format!("{name} {}", after.unwrap_or(before)));
    }
    format!("ENA {}: {}", interfaces.join(" "), counters.join(", "))
}

fn resolv_conf(conf: &ResolvConf) -> String {
    let named: Vec<String> =
        conf.nameservers.iter().take(SHOWN).map(|(address, _)| address.to_string()).collect();
    let named = if named.is_empty() { "no nameserver".to_owned() } else { named.join(", ") };
    format!("{}: {named}", conf.file())
}

#[cfg(test)]
mod tests;
