//! Names that were answered SERVFAIL or REFUSED, or slowly: by whom, to whom, how often, and how often
//! they were fine after that.

use crate::aggregate::marks::{Frames, Period};
use crate::aggregate::table::Table;
use crate::model::Address;
use foldhash::fast::RandomState;
use hashbrown::HashSet;

/// Failing names at most, each counted apart for every pair of client and server: 1 MB. They name
/// examples and tell one broken zone from all; how much fails is counted for the pairs.
const MAX_FAILING_NAMES: usize = 4096;

/// Bits that tell whether a name may be among them: 8 KiB, so that few others pass where there are many.
const BITS: usize = 16 * MAX_FAILING_NAMES;

/// A name that failed between a client and a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailingName {
    /// Who asked.
    pub client: Address,
    /// Who was asked.
    pub server: Address,
    /// The name, case-folded, in wire form.
    pub name: Box<[u8]>,
    /// Answers that were SERVFAIL.
    pub servfail: u64,
    /// Of these, with an extended error of DNSSEC.
    pub dnssec: u64,
    /// Answers that were REFUSED.
    pub refused: u64,
    /// Answers that were slow, by 400 ms or more.
    pub slow: u64,
    /// Answers without failure after the first failure, validated where the server validates.
    pub fine: u64,
    /// The same to questions with CD, which asks not to validate.
    pub unchecked: u64,
    /// When it failed.
    pub period: Period,
    /// Frames of failing answers.
    pub frames: Frames,
    /// Place of the pair.
    pub(crate) pair: u32,
}

/// A name that a client asked a server for.
pub(super) struct Asked<'n> {
    /// Hash of the name.
    pub(super) hash: u64,
    /// Place of the pair.
    pub(super) pair: u32,
    /// The name, case-folded, in wire form.
    pub(super) name: &'n [u8],
    /// Client and server.
    pub(super) ends: (Address, Address),
}

impl Asked<'_> {
    /// Hash of name and pair.
    fn mixed(&self) -> u64 {
        self.hash.rotate_left(17) ^ u64::from(self.pair).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn is(&self, row: &FailingName) -> bool {
        row.pair == self.pair && *row.name == *self.name
    }
}

/// All of them.
#[derive(Clone)]
pub struct FailingNames {
    table: Table<FailingName>,
    /// A bit for each of the hashes kept, so that names that never failed are not looked for.
    bits: Box<[u64; BITS / 64]>,
    /// The hashes, whichever pair they failed between: the bits alone would take in names by chance.
    failed: HashSet<u64, RandomState>,
}

impl Default for FailingNames {
    fn default() -> FailingNames {
        let table = Table::new(MAX_FAILING_NAMES, FailingName::default());
        FailingNames { table, bits: Box::new([0; BITS / 64]), failed: HashSet::default() }
    }
}

impl FailingNames {
    /// Whether a name with this hash is among them.
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = bit(hash);
        self.bits[word] & bit != 0 && self.failed.contains(&hash)
    }

    /// The row of a name that failed between a pair, a new one if there is room.
    pub(super) fn place(&mut self, asked: &Asked<'_>) -> &mut FailingName {
        if self.failed.len() < MAX_FAILING_NAMES {
            let (word, bit) = bit(asked.hash);
            self.bits[word] |= bit;
            self.failed.insert(asked.hash);
        }
        self.row(asked)
    }

    fn row(&mut self, asked: &Asked<'_>) -> &mut FailingName {
        let make = || FailingName {
            client: asked.ends.0,
            server: asked.ends.1,
            name: asked.name.into(),
            pair: asked.pair,
            ..FailingName::default()
        };
        let at = self.table.place(asked.mixed(), |row| asked.is(row), make);
        self.table.get_mut(at)
    }

    /// Counts an answer without failure, if the name failed between this pair before. An `unchecked`
    /// one says something of others' failures too.
    pub(super) fn note_fine(&mut self, asked: &Asked<'_>, unchecked: bool) {
        if unchecked || self.table.find(asked.mixed(), |row| asked.is(row)).is_some() {
            let row = self.row(asked);
            row.fine += u64::from(!unchecked);
            row.unchecked += u64::from(unchecked);
        }
    }

    /// All, in the order in which they first failed.
    pub fn iter(&self) -> impl Iterator<Item = &FailingName> {
        self.table.iter()
    }

    /// Failures of names that found no room.
    pub fn overflowed(&self) -> u64 {
        self.table.overflowed
    }
}

/// Word and bit for a hash.
fn bit(hash: u64) -> (usize, u64) {
    let bit = (hash >> 32) as usize % BITS;
    (bit / 64, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(hash: u64, pair: u32, name: &[u8]) -> Asked<'_> {
        Asked { hash, pair, name, ends: (Address::default(), Address::default()) }
    }

    #[test]
    fn a_name_is_counted_for_each_pair_and_its_good_answers_after_the_bad() {
        let mut names = FailingNames::default();
        let [of_one, of_two] = [1, 2].map(|pair| asked(7, pair, b"\x01a\0"));
        names.note_fine(&of_one, false);
        names.place(&of_one).servfail += 1;
        names.place(&of_two).servfail += 1;
        for unchecked in [false, true, true] {
            names.note_fine(&of_one, unchecked);
        }
        let rows: Vec<_> = names.iter().map(|r| (r.servfail, r.fine, r.unchecked)).collect();
        assert_eq!(rows, [(1, 1, 2), (1, 0, 0)]);
        assert!(names.may_hold(7) && !names.may_hold(8) && !names.may_hold(7 << 58));
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut names = FailingNames::default();
        for n in 0..2 * MAX_FAILING_NAMES as u64 {
            names.place(&asked(n, 1, &n.to_be_bytes())).refused += 1;
        }
        assert_eq!(names.iter().count(), MAX_FAILING_NAMES - 1);
        assert_eq!(names.overflowed(), MAX_FAILING_NAMES as u64 + 1);
    }
}
