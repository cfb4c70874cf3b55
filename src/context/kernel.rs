//! What the kernel of the node counted while a live capture ran: packets that its connection tracking
//! and its sockets dropped. `node` reads them; here they are values.
//!
//! The counters are of a network namespace as a whole, not of DNS: a rise says that something was
//! dropped, and when. That one did not rise says as much.

use std::collections::BTreeMap;

use super::series::{Rise, Series};
use crate::model::Timestamp;

/// Namespaces that are watched: the node's own and those of some pods.
pub const MAX_PLACES: usize = 16;

/// A counter of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// Connections that lost a race for their entry: their packet was dropped.
    InsertFailed,
    /// Packets that connection tracking dropped: the table was full, or a race was lost.
    Drop,
    /// Entries thrown out of a full table to make room: the answers to their questions are lost.
    EarlyDrop,
    /// Races that were settled without a loss.
    ClashResolve,
    /// Lookups in the table that had to begin anew: it was being resized, or much is created.
    SearchRestart,
    /// Datagrams that a socket did not get, of whatever reason.
    UdpInErrors,
    /// Of these: the socket's receive buffer was full, its program too slow.
    UdpRcvbufErrors,
    /// Datagrams that were not sent for want of room in the send buffer.
    UdpSndbufErrors,
    /// Datagrams that arrived with a wrong checksum.
    UdpInCsumErrors,
}

impl Counter {
    /// All of them, as they are listed.
    pub const ALL: [Counter; 9] = [
        Counter::InsertFailed,
        Counter::Drop,
        Counter::EarlyDrop,
        Counter::ClashResolve,
        Counter::SearchRestart,
        Counter::UdpInErrors,
        Counter::UdpRcvbufErrors,
        Counter::UdpSndbufErrors,
        Counter::UdpInCsumErrors,
    ];

    /// As `conntrack -S` and `nstat` write it.
    pub fn name(self) -> &'static str {
        match self {
            Counter::InsertFailed => "insert_failed",
            Counter::Drop => "drop",
            Counter::EarlyDrop => "early_drop",
            Counter::ClashResolve => "clash_resolve",
            Counter::SearchRestart => "search_restart",
            Counter::UdpInErrors => "UdpInErrors",
            Counter::UdpRcvbufErrors => "UdpRcvbufErrors",
            Counter::UdpSndbufErrors => "UdpSndbufErrors",
            Counter::UdpInCsumErrors => "UdpInCsumErrors",
        }
    }

    /// Whether it is one of connection tracking; else it is one of UDP sockets.
    pub fn is_conntrack(self) -> bool {
        self < Counter::UdpInErrors
    }
}

/// How full the table of connections is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Entries at the last reading.
    pub entries: u64,
    /// The most at any reading.
    pub peak: u64,
    /// As many as it may hold; 0: the kernel does not limit them.
    pub most: u64,
}

/// One network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What it is called: empty for the node's own.
    pub name: String,
    counters: BTreeMap<Counter, Series>,
    table: Option<Table>,
}

impl Place {
    /// A namespace of which nothing is known yet.
    pub fn new(name: &str) -> Place {
        Place { name: name.to_owned(), ..Place::default() }
    }

    /// A reading of a counter.
    pub fn read(&mut self, counter: Counter, time: Timestamp, value: u64) {
        match self.counters.get_mut(&counter) {
            Some(series) => series.add(time, value),
            None => {
                self.counters.insert(counter, Series::new(time, value));
            }
        }
    }

    /// A reading of how full the table is.
    pub fn read_table(&mut self, entries: u64, most: u64) {
        let peak = self.table.map_or(0, |table| table.peak).max(entries);
        self.table = Some(Table { entries, peak, most });
    }

    /// A counter, if the kernel has it.
    pub fn series(&self, counter: Counter) -> Option<&Series> {
        self.counters.get(&counter)
    }

    /// The table of connections, if there is one.
    pub fn table(&self) -> Option<Table> {
        self.table
    }

    /// Whether connections are tracked here at all: without one, the counters cannot rise.
    pub fn tracks(&self) -> bool {
        self.table.is_some_and(|table| table.peak > 0)
    }
}

/// All that was read of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// The namespaces.
    pub places: Vec<Place>,
    /// What could not be read, and why: a sentence each.
    pub absent: Vec<String>,
}

/// What became of a counter, over all namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// By how much it rose.
    pub rose: u64,
    /// What it is now.
    pub last: u64,
    /// When it rose, in order.
    pub rises: Vec<Rise>,
}

impl Kernel {
    /// What became of a counter; `None` where no kernel told it twice. One of connection tracking counts
    /// only where connections are tracked.
    pub fn change(&self, counter: Counter) -> Option<Change> {
        let known = self.places.iter().filter(|place| !counter.is_conntrack() || place.tracks());
        let series = known.filter_map(|place| place.series(counter));
        let series: Vec<&Series> = series.filter(|series| series.readings() > 1).collect();
        if series.is_empty() {
            return None;
        }
        let sum = |figure: fn(&Series) -> u64| {
            series.iter().fold(0_u64, |sum, &one| sum.saturating_add(figure(one)))
        };
        let mut rises: Vec<Rise> = series.iter().flat_map(|one| one.rises().to_vec()).collect();
        rises.sort_unstable_by_key(|rise| (rise.from, rise.to));
        Some(Change { rose: sum(Series::grown), last: sum(Series::last), rises })
    }

    /// By how much a counter rose; 0 where it did not, or nobody can tell.
    pub fn rise(&self, counter: Counter) -> u64 {
        self.change(counter).map_or(0, |change| change.rose)
    }

    /// The fullest table of connections, by its peak.
    pub fn fullest(&self) -> Option<Table> {
        let limited = self.places.iter().filter_map(Place::table).filter(|table| table.most > 0);
        limited.max_by_key(|table| table.peak.saturating_mul(1_000) / table.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000_000)
    }

    fn place(readings: &[u64], entries: u64) -> Place {
        let mut place = Place::new("");
        for (second, &value) in (0..).zip(readings) {
            place.read(Counter::InsertFailed, at(second), value);
            place.read(Counter::UdpInErrors, at(second), value);
        }
        place.read_table(entries, 1_000);
        place
    }

    #[test]
    fn namespaces_add_up() {
        let places = vec![place(&[5, 5, 7], 10), place(&[1, 2, 2], 900)];
        let kernel = Kernel { places, absent: Vec::new() };
        let change = kernel.change(Counter::InsertFailed).unwrap();
        assert_eq!((change.rose, change.last), (3, 9));
        let times: Vec<_> = change.rises.iter().map(|r| (r.to.seconds(), r.by)).collect();
        assert_eq!(times, [(1, 1), (2, 2)]);
        assert_eq!(kernel.rise(Counter::Drop), 0);
        assert_eq!(kernel.change(Counter::Drop), None);
        assert_eq!(kernel.fullest().unwrap().peak, 900);
    }

    #[test]
    fn a_table_that_nobody_uses_tells_nothing() {
        let kernel = Kernel { places: vec![place(&[5, 5], 0)], absent: Vec::new() };
        assert_eq!(kernel.change(Counter::InsertFailed), None);
        assert_eq!(kernel.change(Counter::UdpInErrors).unwrap().rose, 0);
        // Nor does a single reading.
        let kernel = Kernel { places: vec![place(&[5], 3)], absent: Vec::new() };
        assert_eq!(kernel.change(Counter::InsertFailed), None);
    }

    #[test]
    fn the_peak_of_a_table_is_kept() {
        let mut place = Place::new("pod");
        for entries in [3, 900, 20] {
            place.read_table(entries, 1_000);
        }
        assert_eq!(place.table(), Some(Table { entries: 20, peak: 900, most: 1_000 }));
    }

    #[test]
    fn the_list_is_in_order() {
        assert!(Counter::ALL.is_sorted());
        assert_eq!(Counter::ALL.into_iter().filter(|counter| counter.is_conntrack()).count(), 5);
    }
}
