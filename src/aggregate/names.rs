//! Per QNAME: how often it was asked and what came of it.

use super::table::{SHARED, Table};
use crate::classify::Zone;
use crate::model::{Address, display_name};

/// QNAMEs counted apart; the rest shares one entry. With [`MAX_OCTETS`] 24 MB at worst.
pub(super) const MAX_NAMES: usize = 200_000;

/// Octets of names kept. When they are full, a new name shares one entry as well.
const MAX_OCTETS: usize = 8 << 20;

/// One QNAME.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameCount {
    hash: u64,
    start: u32,
    length: u8,
    /// Whose it is, as [`Zone`] counts.
    zone: u8,
    /// Transactions.
    pub asked: u32,
    /// Of these unanswered.
    pub unanswered: u32,
    /// SERVFAIL answers.
    pub servfail: u32,
    /// NXDOMAIN answers.
    pub nxdomain: u32,
}

/// All QNAMEs.
pub struct Names {
    table: Table<NameCount>,
    octets: Vec<u8>,
}

impl Default for Names {
    fn default() -> Names {
        Names { table: Table::new(MAX_NAMES, NameCount::default()), octets: Vec::new() }
    }
}

impl Names {
    /// The place of a case-folded QNAME. Names are told apart by their 64-bit hash, whose seed
    /// nobody knows: of 200,000 names, two share one with a probability of 1 in a billion.
    pub fn place(&mut self, hash: u64, folded: &[u8]) -> u32 {
        if self.octets.len() + folded.len() > MAX_OCTETS {
            let make = || NameCount { hash, zone: Zone::of(folded) as u8, ..NameCount::default() };
            return self.table.place(hash, |name| name.hash == hash, make);
        }
        let octets = &mut self.octets;
        self.table.place(
            hash,
            |name| name.hash == hash,
            || {
                let start = octets.len() as u32;
                octets.extend_from_slice(folded);
                let (length, zone) = (folded.len() as u8, Zone::of(folded) as u8);
                NameCount { hash, start, length, zone, ..NameCount::default() }
            },
        )
    }

    /// Whose the name at a place is, as [`Zone`] counts; `folded` is the name.
    pub fn zone(&self, at: u32, folded: &[u8]) -> u8 {
        if at == SHARED { Zone::of(folded) as u8 } else { self.table.get(at).zone }
    }

    /// Reads what [`Names::place`] will.
    pub(super) fn warm(&self, hash: u64) -> bool {
        self.table.find(hash, |name| name.hash == hash).is_some()
    }

    /// The counts at a place.
    pub fn get(&self, at: u32) -> &NameCount {
        self.table.get(at)
    }

    /// The counts at a place, to be changed.
    pub fn get_mut(&mut self, at: u32) -> &mut NameCount {
        self.table.get_mut(at)
    }

    /// The QNAME at a place, in wire form; empty for the shared one.
    pub fn wire(&self, at: u32) -> &[u8] {
        self.octets_of(self.table.get(at))
    }

    fn octets_of(&self, name: &NameCount) -> &[u8] {
        let start = name.start as usize;
        self.octets.get(start..start + usize::from(name.length)).unwrap_or_default()
    }

    /// The names with the largest figure, largest first, ties by name; those with 0 left out.
    pub fn top(&self, count: usize, figure: impl Fn(&NameCount) -> u32) -> Vec<(String, u32)> {
        let mut all: Vec<&NameCount> =
            self.table.iter().filter(|name| name.length > 0 && figure(name) > 0).collect();
        let order = |a: &&NameCount, b: &&NameCount| {
            figure(b).cmp(&figure(a)).then_with(|| self.octets_of(a).cmp(self.octets_of(b)))
        };
        if all.len() > count && count > 0 {
            all.select_nth_unstable_by(count - 1, order);
            all.truncate(count);
        }
        all.sort_by(order);
        all.into_iter().map(|name| (display_name(self.octets_of(name)), figure(name))).collect()
    }

    /// How many transactions had a name that found no place.
    pub fn overflowed(&self) -> u64 {
        self.table.overflowed
    }
}

/// Names that were looked up in vain, the whole search list through: bounded, first come.
const MAX_MISSING: usize = 4096;

/// Clients counted apart for one missing name: 3 MB at worst, all names together.
const MAX_ASKERS: usize = 16;

/// A name that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The name as it is, case-folded, in wire form.
    pub name: Box<[u8]>,
    /// Lookups in vain of those beyond `askers`, and the transactions that they took.
    pub others: (u64, u64),
    /// Frames of first queries.
    pub frames: super::pairs::Frames,
    /// First and last moment.
    pub period: super::pairs::Period,
    /// The first who asked.
    pub askers: Vec<Asker>,
}

/// Who asked for a name that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// The client.
    pub address: Address,
    /// Its lookups in vain.
    pub lookups: u64,
    /// Of these, those that asked for nothing but the name, without a walk around it.
    pub alone: u64,
    /// Transactions of all.
    pub transactions: u64,
}

/// All names that do not exist.
pub struct MissingNames(Table<Missing>);

impl Default for MissingNames {
    fn default() -> MissingNames {
        MissingNames(Table::new(MAX_MISSING, Missing::default()))
    }
}

impl MissingNames {
    /// The entry of a name.
    pub fn entry(&mut self, hash: u64, name: &[u8]) -> &mut Missing {
        let make = || Missing { name: name.into(), ..Missing::default() };
        let at = self.0.place(hash, |missing| &*missing.name == name, make);
        self.0.get_mut(at)
    }

    /// Whether a name with this hash is among them.
    pub fn holds(&self, hash: u64) -> bool {
        self.0.holds(hash)
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &Missing> {
        self.0.iter()
    }
}

impl Missing {
    /// Notes who asked, how much it took, and whether it was the name alone.
    pub fn asked_by(&mut self, address: Address, transactions: u64, alone: bool) {
        let known = self.askers.iter().position(|asker| asker.address == address);
        let at = known.unwrap_or(self.askers.len());
        if at == MAX_ASKERS {
            self.others.0 += 1;
            self.others.1 += transactions;
            return;
        }
        if known.is_none() {
            self.askers.push(Asker { address, ..Asker::default() });
        }
        let asker = &mut self.askers[at];
        asker.lookups += 1;
        asker.alone += u64::from(alone);
        asker.transactions += transactions;
    }
}
