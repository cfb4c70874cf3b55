//! `ethtool -S`: what the ENA driver counts of packets that AWS dropped at an ENI.
//!
//! The counters grow from the start of the driver on: one reading tells that something was dropped
//! some time, two tell whether it was in between. (EC2 User Guide, "Monitor network performance for
//! ENA settings on your EC2 instance".)

use std::collections::BTreeMap;

use super::series::{Rise, Series};
use super::{Malformed, Text, quoted};

/// A counter of the ENA driver that tells of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// Packets dropped over the limit per ENI to link-local services: DNS, metadata, time.
    LinkLocal,
    /// Packets dropped because connections of the instance are tracked up to its limit.
    Conntrack,
    /// Packets queued or dropped over the packets per second of the instance.
    Pps,
    /// Packets queued or dropped over the inbound bandwidth of the instance.
    BwIn,
    /// The same outbound.
    BwOut,
    /// Connections that can still be tracked: a level, not a sum.
    ConntrackAvailable,
}

impl Counter {
    /// All of them.
    pub const ALL: [Counter; 6] = [
        Counter::LinkLocal,
        Counter::Conntrack,
        Counter::Pps,
        Counter::BwIn,
        Counter::BwOut,
        Counter::ConntrackAvailable,
    ];

    /// As `ethtool` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Counter::LinkLocal => "linklocal_allowance_exceeded",
            Counter::Conntrack => "conntrack_allowance_exceeded",
            Counter::Pps => "pps_allowance_exceeded",
            Counter::BwIn => "bw_in_allowance_exceeded",
            Counter::BwOut => "bw_out_allowance_exceeded",
            Counter::ConntrackAvailable => "conntrack_allowance_available",
        }
    }

    /// The counter of this name.
    pub fn find(name: &str) -> Option<Counter> {
        Counter::ALL.into_iter().find(|counter| counter.name() == name)
    }
}

/// What became of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One reading only: what was counted since the driver started, which says nothing of today.
    Total(u64),
    /// It stayed as it was between the readings.
    Same(u64),
    /// It rose by so much between the readings.
    Rose(u64),
    /// It was set back between the readings (the driver or the instance was started again) and has
    /// counted nothing since: what was before is lost.
    Reset,
}

/// One interface: its counters before and after; the same where there is one reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Nic {
    label: Option<String>,
    counters: BTreeMap<Counter, u64>,
}

/// The output of `ethtool -S`, once or before and after; or what a live capture read itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ethtool {
    nics: Vec<(Nic, Option<Nic>)>,
    files: Vec<String>,
    rises: BTreeMap<Counter, Vec<Rise>>,
}

impl Ethtool {
    /// Reads one output, or the one before and the one after. Each may hold several interfaces.
    pub fn parse(before: Text<'_>, after: Option<Text<'_>>) -> Result<Ethtool, Malformed> {
        let first = nics(before)?;
        let Some(text) = after else {
            let nics = first.into_iter().map(|nic| (nic, None)).collect();
            let files = vec![before.file.to_owned()];
            return Ok(Ethtool { nics, files, ..Ethtool::default() });
        };
        let second = nics(text)?;
        if first.len() != second.len() {
            let (one, other) = (first.len(), second.len());
            let what = format!(
                "{other} interfaces here, {one} in {}: take both readings of the same interfaces",
                before.file
            );
            return Err(text.malformed(1, what));
        }
        let files = vec![before.file.to_owned(), text.file.to_owned()];
        let nics = first.into_iter().zip(second).map(|(a, b)| (a, Some(b))).collect();
        Ok(Ethtool { nics, files, ..Ethtool::default() })
    }

    /// What was read of these interfaces, by name, while the capture ran; `None` where none has such a
    /// counter.
    pub fn sampled(read: &[(String, BTreeMap<Counter, Series>)]) -> Option<Ethtool> {
        let mut ethtool = Ethtool::default();
        for (name, series) in read.iter().filter(|(_, series)| !series.is_empty()) {
            let values = |value: fn(&Series) -> u64| Nic {
                label: Some(name.clone()),
                counters: series.iter().map(|(&counter, one)| (counter, value(one))).collect(),
            };
            let again = series.values().all(|one| one.readings() > 1);
            ethtool.nics.push((values(Series::first), again.then(|| values(Series::last))));
            for (&counter, one) in series.iter().filter(|(c, _)| **c != Counter::ConntrackAvailable)
            {
                ethtool.rises.entry(counter).or_default().extend(one.rises());
            }
        }
        ethtool.rises.values_mut().for_each(|rises| rises.sort_unstable_by_key(|r| (r.from, r.to)));
        (!ethtool.nics.is_empty()).then_some(ethtool)
    }

    /// Where it is from, as evidence says it: the option, or the capture itself.
    pub fn origin(&self) -> &'static str {
        if self.files.is_empty() { "live" } else { "--ethtool" }
    }

    /// The times in which a counter rose, over all interfaces; none where it was read twice only.
    pub fn rises(&self, counter: Counter) -> &[Rise] {
        self.rises.get(&counter).map_or(&[], Vec::as_slice)
    }

    /// Whether there are two readings, so that changes are known.
    pub fn has_two(&self) -> bool {
        self.nics.iter().any(|(_, after)| after.is_some())
    }

    /// The files.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The interfaces, where the output names them.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.nics.iter().filter_map(|(nic, _)| nic.label.as_deref())
    }

    /// What became of a counter over all interfaces; `None` where no driver has it (or not in both
    /// readings), and for a level.
    pub fn change(&self, counter: Counter) -> Option<Change> {
        if counter == Counter::ConntrackAvailable {
            return None;
        }
        let changes = self.nics.iter().filter_map(|(before, after)| {
            let old = *before.counters.get(&counter)?;
            let Some(after) = after else { return Some(Change::Total(old)) };
            let new = *after.counters.get(&counter)?;
            let reset = was_reset(before, after);
            Some(match new.checked_sub(old) {
                // It has counted from 0 since; or the readings were given the wrong way round.
                _ if reset => Change::Reset,
                None | Some(0) => Change::Same(new),
                Some(more) => Change::Rose(more),
            })
        });
        changes.reduce(join)
    }

    /// By how much a counter rose between two readings; 0 where it did not, or nobody can tell.
    pub fn rise(&self, counter: Counter) -> u64 {
        match self.change(counter) {
            Some(Change::Rose(more)) => more,
            _ => 0,
        }
    }

    /// Connections that can still be tracked, the least of all interfaces: before and after.
    pub fn conntrack_available(&self) -> Option<(u64, Option<u64>)> {
        let level = |nic: &Nic| nic.counters.get(&Counter::ConntrackAvailable).copied();
        let before = self.nics.iter().filter_map(|(nic, _)| level(nic)).min()?;
        let after = self.nics.iter().filter_map(|(_, nic)| level(nic.as_ref()?)).min();
        Some((before, after))
    }
}

/// Whether any sum is smaller than it was: then all of them began anew.
fn was_reset(before: &Nic, after: &Nic) -> bool {
    let sums = before.counters.iter().filter(|(name, _)| **name != Counter::ConntrackAvailable);
    sums.into_iter().any(|(name, old)| after.counters.get(name).is_some_and(|new| new < old))
}

/// Of two interfaces: a rise of one is a rise.
fn join(a: Change, b: Change) -> Change {
    use Change::{Reset, Rose, Same, Total};
    match (a, b) {
        (Total(a), Total(b)) => Total(a.saturating_add(b)),
        (Same(a), Same(b)) => Same(a.saturating_add(b)),
        (Rose(a), Rose(b)) => Rose(a.saturating_add(b)),
        (Rose(a), _) | (_, Rose(a)) => Rose(a),
        _ => Reset,
    }
}

/// The interfaces of one output. A heading, or a counter that was there already, begins the next.
fn nics(text: Text<'_>) -> Result<Vec<Nic>, Malformed> {
    let mut nics: Vec<Nic> = Vec::new();
    let mut label: Option<String> = None;
    let mut fresh = true;
    for (number, line) in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with("NIC statistics") || line == "no stats available" {
            fresh = true;
            continue;
        }
        let Some((name, value)) = line.rsplit_once(':').map(|(a, b)| (a.trim(), b.trim())) else {
            // What a shell loop prints between the outputs.
            if !is_label(line) {
                return Err(unknown(text, number, line));
            }
            (label, fresh) = (Some(line.to_owned()), true);
            continue;
        };
        if value.is_empty() && is_label(name) {
            (label, fresh) = (Some(name.to_owned()), true);
            continue;
        }
        let counter = Counter::find(name);
        let Ok(value) = value.parse::<u64>() else {
            // Other drivers print other things; what is asked for here is a number.
            if counter.is_none() && is_counter(name) {
                continue;
            }
            return Err(unknown(text, number, line));
        };
        let Some(counter) = counter else { continue };
        let again = nics.last().is_some_and(|nic| nic.counters.contains_key(&counter));
        if fresh || again || nics.is_empty() {
            nics.push(Nic { label: label.take(), ..Nic::default() });
            fresh = false;
        }
        nics.last_mut().into_iter().for_each(|nic| {
            nic.counters.insert(counter, value);
        });
    }
    if nics.is_empty() {
        let what = "no ..._allowance_exceeded counter in this file: expected the output of `ethtool -S` \
                    for an ENA interface (driver 2.2.10 or newer)";
        return Err(text.malformed(text.lines().count().max(1) as u64, what));
    }
    Ok(nics)
}

fn unknown(text: Text<'_>, number: u64, line: &str) -> Malformed {
    let what =
        format!("expected `counter: number` as `ethtool -S` prints it, found {}", quoted(line));
    text.malformed(number, what)
}

/// The name of an interface.
fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    (1..=15).contains(&text.len()) && text.chars().all(fits)
}

/// The name of a counter, of whatever driver.
fn is_counter(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.[] ()/".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(fits)
}

#[cfg(test)]
mod tests;
