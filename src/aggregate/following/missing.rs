//! Names that do not exist, and who asks for them.

use crate::aggregate::table::Table;
use crate::model::Address;

/// Names that were looked up in vain, the whole search list through: bounded, first come.
const MAX_MISSING: usize = 4096;

/// Clients counted apart for one missing name: 3 MB at worst, all names together.
const MAX_ASKERS: usize = 16;

/// Search lists are told apart up to this length; longer ones count as this long.
const DEEPEST: usize = 7;

/// A name that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The name as it is, case-folded, in wire form.
    pub name: Box<[u8]>,
    /// Those beyond `askers`, all together and without an address.
    pub others: Asker,
    /// Frames of first queries.
    pub frames: crate::aggregate::marks::Frames,
    /// First and last moment.
    pub period: crate::aggregate::marks::Period,
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
    /// Of these, by the number of suffixes that were seen tried before the name as it is.
    pub by_suffixes: [u16; DEEPEST + 1],
    /// Transactions of all.
    pub transactions: u64,
}

/// All names that do not exist.
#[derive(Clone)]
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

impl Asker {
    /// Lookups that asked for nothing but the name, without a walk around it.
    pub fn alone(&self) -> u64 {
        u64::from(self.by_suffixes[0])
    }

    /// Lookups of which fewer steps were seen than a list of this length has: the step that was
    /// answered may be among the others.
    pub fn partial(&self, list: u8) -> u64 {
        let whole = usize::from(list).min(DEEPEST);
        self.by_suffixes.get(1..whole).unwrap_or_default().iter().map(|&n| u64::from(n)).sum()
    }
}

impl Missing {
    /// Notes who asked, how much it took, and how many suffixes were tried before.
    pub fn asked_by(&mut self, address: Address, transactions: u64, suffixes: usize) {
        let known = self.askers.iter().position(|asker| asker.address == address);
        let at = known.unwrap_or(self.askers.len());
        if at == self.askers.len() && at < MAX_ASKERS {
            self.askers.push(Asker { address, ..Asker::default() });
        }
        let asker = self.askers.get_mut(at).unwrap_or(&mut self.others);
        asker.lookups += 1;
        let count = &mut asker.by_suffixes[suffixes.min(DEEPEST)];
        *count = count.saturating_add(1);
        asker.transactions += transactions;
    }
}
