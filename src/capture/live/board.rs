//! What is learned beside the packets, readable while they are waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::drops::Drops;
use crate::capture::record::Counters;
use crate::capture::{Interface, Notes};

/// Interfaces of a live capture with a number of their own: a node of many pods has a few hundred at a
/// time, and new ones with every pod that starts. Those beyond share the last number.
const MAX_INTERFACES: usize = 1 << 14;
/// Warnings kept: a handle has one when it ends.
const MAX_WARNINGS: usize = 1_000;

/// Shared by the handles' threads and whoever asks.
pub(super) struct Board {
    title: String,
    learned: Mutex<Learned>,
    read: AtomicU64,
    shed: AtomicU64,
}

struct Learned {
    interfaces: Arc<Vec<Interface>>,
    drops: Vec<Drops>,
    warnings: Vec<String>,
}

impl Board {
    /// Of so many handles on these interfaces.
    pub(super) fn new(names: &[String], handles: usize) -> Board {
        let learned = Learned {
            interfaces: Arc::default(),
            drops: vec![Drops::default(); handles],
            warnings: Vec::new(),
        };
        let title = format!("live on {}", names.join(", "));
        let (read, shed) = (AtomicU64::new(0), AtomicU64::new(0));
        Board { title, learned: Mutex::new(learned), read, shed }
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an interface and gives its number.
    pub(super) fn add_interface(&self, interface: Interface) -> u16 {
        let mut learned = self.learned();
        let count = learned.interfaces.len();
        if count >= MAX_INTERFACES {
            return (count - 1) as u16;
        }
        Arc::make_mut(&mut learned.interfaces).push(interface);
        count as u16
    }

    pub(super) fn interfaces(&self) -> Arc<Vec<Interface>> {
        Arc::clone(&self.learned().interfaces)
    }

    /// Takes a handle's counters.
    pub(super) fn set_dropped(&self, tap: usize, ring: u32, interface: u32) {
        if let Some(drops) = self.learned().drops.get_mut(tap) {
            drops.read(ring, interface);
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.learned().drops.iter().map(Drops::sum).fold(0, u64::saturating_add)
    }

    /// What the kernel says, for files that are written. All handles together, with the first interface:
    /// one handle may have many interfaces, and its counters do not tell them apart.
    pub(super) fn counters(&self) -> Vec<Counters> {
        let learned = self.learned();
        let sums = learned.drops.iter().map(Drops::parts);
        let [ring, interface] =
            sums.fold([0_u64; 2], |[a, b], [c, d]| [a.saturating_add(c), b.saturating_add(d)]);
        // What was left out here is missing in a file just the same.
        let kernel_dropped = Some(ring.saturating_add(self.shed()));
        let interface_dropped = Some(interface);
        vec![Counters { received: None, interface_dropped, kernel_dropped }]
    }

    pub(super) fn warn(&self, warning: String) {
        let mut learned = self.learned();
        if learned.warnings.len() < MAX_WARNINGS {
            learned.warnings.push(warning);
        }
    }

    pub(super) fn add_read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn add_shed(&self, packets: u64) {
        self.shed.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }

    pub(super) fn notes(&self) -> Notes {
        let dropped = self.dropped();
        let learned = self.learned();
        Notes {
            files: vec![self.title.clone()],
            interfaces: learned.interfaces.to_vec(),
            dropped: Some(dropped),
            shed: self.shed(),
            sorted: 0,
            damaged_records: 0,
            warnings: learned.warnings.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_beyond_the_bound_share_the_last_number() {
        let board = Board::new(&["any".to_owned()], 1);
        for number in 0..MAX_INTERFACES {
            assert_eq!(usize::from(board.add_interface(Interface::default())), number);
        }
        assert_eq!(usize::from(board.add_interface(Interface::default())), MAX_INTERFACES - 1);
        assert_eq!(board.interfaces().len(), MAX_INTERFACES);
    }
}
