//! What is learned beside the packets: interfaces, losses, damage. Shared by all files of a capture.

use std::sync::Arc;

use super::{Interface, Notes};

/// Global interface numbers are 16 bits wide in a [`super::Record`]; packets of interfaces beyond
/// are counted as damaged. A capture with so many interfaces is crafted.
const MAX_INTERFACES: usize = 1 << 16;
/// Warnings kept: every damaged file has one, and a directory may hold thousands of them.
const MAX_WARNINGS: usize = 1_000;

/// The notes in the making.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// All interfaces so far; shared with the blocks that were handed out.
    pub(super) interfaces: Arc<Vec<Interface>>,
    /// Records that were left out.
    pub(super) damaged_records: u64,
    files: Vec<String>,
    /// Numbers of the interfaces of the file that ended before the current one began, and of this.
    before: Vec<u16>,
    current: Vec<u16>,
    losses: Vec<Loss>,
    warnings: Vec<String>,
    warnings_left_out: u64,
}

/// What an interface says of packets that were not captured.
#[derive(Clone, Copy, Debug, Default)]
struct Loss {
    /// What the files before said.
    before: Option<u64>,
    /// Running total of its last statistics block.
    total: Option<u64>,
    /// Sum of the losses noted with packets, for captures without statistics.
    noted: Option<u64>,
}

impl Loss {
    /// All losses.
    fn sum(&self) -> Option<u64> {
        let losses = [self.before, self.total.or(self.noted)];
        losses.into_iter().flatten().reduce(u64::saturating_add)
    }

    /// The counters start anew.
    fn begin_again(&mut self) {
        *self = Loss { before: self.sum(), ..Loss::default() };
    }
}

impl Ledger {
    /// A ledger for the files of these names, in the order of their first packets.
    pub(super) fn new(files: Vec<String>) -> Ledger {
        Ledger { files, ..Ledger::default() }
    }

    /// A further file begins. `follows`: all before it have ended. Then it is the next of a set
    /// (`tcpdump -C`), and its interfaces are those of the file before as far as they look the same:
    /// connections and copies know no file ends. Files that overlap are of different places.
    pub(super) fn begin_file(&mut self, follows: bool) {
        let ended = std::mem::take(&mut self.current);
        self.before = if follows { ended } else { Vec::new() };
    }

    /// Enters an interface and returns its global number; `None` when there is no number left.
    pub(super) fn add_interface(&mut self, interface: Interface) -> Option<u16> {
        let same = self.before.get(self.current.len()).copied().filter(|&number| {
            let known = &self.interfaces[usize::from(number)];
            known.name == interface.name && known.link_type == interface.link_type
        });
        if let Some(number) = same {
            self.losses[usize::from(number)].begin_again();
            self.current.push(number);
            return Some(number);
        }
        if self.interfaces.len() >= MAX_INTERFACES {
            return None;
        }
        let number = self.interfaces.len() as u16;
        self.current.push(number);
        Arc::make_mut(&mut self.interfaces).push(interface);
        self.losses.push(Loss::default());
        Some(number)
    }

    /// The interface's statistics say that so many packets were dropped since it was opened.
    pub(super) fn set_dropped(&mut self, interface: u16, packets: u64) {
        if let Some(loss) = self.losses.get_mut(usize::from(interface)) {
            loss.total = Some(packets);
        }
    }

    /// A packet record says that so many packets were dropped since the one before.
    pub(super) fn add_dropped(&mut self, interface: u16, packets: u64) {
        if let Some(loss) = self.losses.get_mut(usize::from(interface)) {
            loss.noted = Some(loss.noted.unwrap_or(0).saturating_add(packets));
        }
    }

    /// Enters a warning.
    pub(super) fn warn(&mut self, warning: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        } else {
            self.warnings_left_out += 1;
        }
    }

    /// The name of a file.
    pub(super) fn file_name(&self, file: u16) -> &str {
        self.files.get(usize::from(file)).map_or("", String::as_str)
    }

    /// The notes as far as they are known.
    pub(super) fn notes(&self) -> Notes {
        let mut warnings = self.warnings.clone();
        if self.warnings_left_out > 0 {
            warnings.push(format!("{} more warnings are left out", self.warnings_left_out));
        }
        Notes {
            files: self.files.clone(),
            interfaces: self.interfaces.to_vec(),
            dropped: self.losses.iter().filter_map(Loss::sum).reduce(u64::saturating_add),
            shed: 0,
            sorted: 0,
            damaged_records: self.damaged_records,
            warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_statistics_of_each_interface_count() {
        let mut ledger = Ledger::new(vec!["a".into()]);
        let first = ledger.add_interface(Interface::default()).unwrap();
        let second = ledger.add_interface(Interface::default()).unwrap();
        assert_eq!(ledger.notes().dropped, None);
        ledger.add_dropped(first, 3);
        assert_eq!(ledger.notes().dropped, Some(3));
        ledger.set_dropped(first, 5);
        ledger.set_dropped(first, 7);
        ledger.set_dropped(second, u64::MAX - 1);
        assert_eq!(ledger.notes().dropped, Some(u64::MAX));
    }

    #[test]
    fn the_next_file_of_a_set_goes_on_with_the_interfaces_of_the_one_before() {
        let named = |name: &str| Interface { name: Some(name.into()), ..Interface::default() };
        let mut ledger = Ledger::default();
        ledger.begin_file(true);
        assert_eq!([named("a"), named("b")].map(|i| ledger.add_interface(i)), [Some(0), Some(1)]);
        ledger.set_dropped(0, 5);
        ledger.begin_file(true);
        assert_eq!([named("a"), named("c")].map(|i| ledger.add_interface(i)), [Some(0), Some(2)]);
        ledger.set_dropped(0, 2);
        assert_eq!(ledger.notes().dropped, Some(7));
        // A file that overlaps is of another place.
        ledger.begin_file(false);
        assert_eq!(ledger.add_interface(named("a")), Some(3));
    }

    #[test]
    fn interfaces_beyond_sixteen_bits_have_no_number() {
        let mut ledger = Ledger::default();
        for _ in 0..MAX_INTERFACES {
            assert!(ledger.add_interface(Interface::default()).is_some());
        }
        assert_eq!(ledger.add_interface(Interface::default()), None);
    }
}
