//! Search walks that ended at an empty answer: musl takes NODATA for the end of a lookup, everybody
//! else goes on with the list, and tries the name as it is at last.

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::pairs::{Frames, Period};
use crate::classify::Ended;
use crate::model::{Address, Name, NameHasher};

/// Clients and suffixes told apart: such a trap concerns the pods of one image or one node. 100 kB.
const MAX_STOPS: usize = 256;

/// Names kept of each.
const MAX_NAMES: usize = 8;

/// Walks of one client that ended at one suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The client.
    pub client: Address,
    /// The suffix whose names are empty.
    pub suffix: Name,
    /// Walks.
    pub count: u64,
    /// The first few names that were wanted, as they are, and their hashes.
    pub names: Vec<(Name, u64)>,
    /// Frames of first queries.
    pub frames: Frames,
    /// First and last moment.
    pub period: Period,
}

/// All of them, in the order in which they came.
#[derive(Debug, Default)]
pub struct Stops {
    rows: Vec<Stop>,
    /// Names that were wanted, as they are, by their hash; and those that were answered with records.
    wanted: HashSet<u64, RandomState>,
    found: HashSet<u64, RandomState>,
    /// Walks that found no room.
    pub overflowed: u64,
}

impl Stops {
    /// Notes a walk that ended at an empty answer within the list.
    pub(super) fn note(&mut self, ended: &Ended<'_>, client: Address, hasher: &NameHasher) {
        let (base, suffix) = ended.name.split_at(ended.base);
        let same = |row: &Stop| row.client == client && *row.suffix.0 == *suffix;
        let known = self.rows.iter().position(same);
        let at = known.unwrap_or(self.rows.len());
        if at == MAX_STOPS {
            self.overflowed += 1;
            return;
        }
        if known.is_none() {
            self.rows.push(Stop {
                client,
                suffix: Name(suffix.into()),
                count: 0,
                names: Vec::new(),
                frames: Frames::default(),
                period: Period::default(),
            });
        }
        let row = &mut self.rows[at];
        row.count += 1;
        row.frames.note(ended.frame);
        row.period.note(ended.window.0);
        row.period.note(ended.window.1);
        let as_is = [base, b"\0"].concat();
        let hash = hasher.hash(&as_is);
        if row.names.len() < MAX_NAMES && row.names.iter().all(|(_, known)| *known != hash) {
            row.names.push((Name(as_is.into()), hash));
            self.wanted.insert(hash);
        }
    }

    /// A name was answered with records.
    pub(super) fn resolved(&mut self, hash: u64) {
        if self.wanted.contains(&hash) {
            self.found.insert(hash);
        }
    }

    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        !self.rows.is_empty()
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &Stop> {
        self.rows.iter()
    }

    /// Whether this name, as it is, was answered with records later on.
    pub fn exists(&self, hash: u64) -> bool {
        self.found.contains(&hash)
    }
}
