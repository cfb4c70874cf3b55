//! Search walks that ended at an empty answer: musl takes NODATA for the end of a lookup, everybody
//! else goes on with the list, and tries the name as it is at last.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::Client;
use super::pairs::{Frames, Period};
use crate::classify::Ended;
use crate::model::{Address, Name, NameHasher, labels};

/// Clients and suffixes told apart: such a trap concerns the pods of one image or one node. 100 kB.
const MAX_STOPS: usize = 256;

/// Names kept of each.
const MAX_NAMES: usize = 8;

/// Suffixes that a name is expected to be found under, in the order in which they were first seen.
const MAX_TRIED: u16 = 16;

/// Walks of one client that ended at one suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The client.
    pub client: Address,
    /// The suffix whose names are empty.
    pub suffix: Name,
    /// Walks.
    pub count: u64,
    /// Of these, those of a single step: the name ends in a suffix of the client's list, but nothing
    /// shows that the list made it.
    pub single: u64,
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
    /// By hash of the names that going on would have led to: the hash of the name as it is.
    wanted: HashMap<u64, u64, RandomState>,
    /// Names, as they are, that were found by one of these.
    found: HashSet<u64, RandomState>,
    /// Walks that found no room.
    pub overflowed: u64,
}

impl Stops {
    /// Notes a walk that ended at an empty answer within the list.
    pub(super) fn note(&mut self, ended: &Ended<'_>, client: &Client, hasher: &NameHasher) {
        let base = if ended.base > 0 { Some(ended.base) } else { base_of(ended, client) };
        let Some(base) = base else { return };
        let (base, suffix) = ended.name.split_at(base);
        let client = client.address;
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
                single: 0,
                names: Vec::new(),
                frames: Frames::default(),
                period: Period::default(),
            });
        }
        let row = &mut self.rows[at];
        row.count += 1;
        row.single += u64::from(ended.base == 0);
        row.frames.note(ended.frame);
        row.period.note(ended.window.0);
        row.period.note(ended.window.1);
        let as_is = [base, b"\0"].concat();
        let hash = hasher.hash(&as_is);
        if row.names.len() < MAX_NAMES && row.names.iter().all(|(_, known)| *known != hash) {
            row.names.push((Name(as_is.into()), hash));
            self.wanted.insert(hash, hash);
            let others = (0..MAX_TRIED).filter_map(|at| ended.list.get(at));
            for other in others.filter(|other| *other.name.0 != *suffix) {
                self.wanted.insert(hasher.hash(&[base, &*other.name.0].concat()), hash);
            }
        }
    }

    /// A name was answered with records.
    pub(super) fn resolved(&mut self, hash: u64) {
        if let Some(&name) = self.wanted.get(&hash) {
            self.found.insert(name);
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

    /// Whether this name was found later on, as it is or under another suffix.
    pub fn exists(&self, hash: u64) -> bool {
        self.found.contains(&hash)
    }
}

/// Where the name that was wanted ends if one of the client's suffixes made it longer.
fn base_of(ended: &Ended<'_>, client: &Client) -> Option<usize> {
    let mut at = 0;
    labels(ended.name).find_map(|label| {
        at += 1 + label.len();
        let suffix = ended.list.at(&ended.name[at..])?;
        client.suffixes().contains(&suffix).then_some(at)
    })
}
