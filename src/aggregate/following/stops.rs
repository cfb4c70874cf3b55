//! Search walks that ended at an empty answer: musl takes NODATA for the end of a lookup, everybody
//! else goes on with the list, and tries the name as it is at last.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::Client;
use crate::aggregate::marks::{Frames, Period};
use crate::classify::{Ended, Zone, made_from};
use crate::model::{Address, Name, NameHasher, label_count, labels};

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
    /// Walks of a single step whose name nobody can have written: a name outside with
    /// `<namespace>.svc.<zone>` behind it.
    pub made: u64,
    /// Names that end in a suffix of somebody else's list.
    pub borrowed: u64,
    /// The first few names that were wanted, as they are, and their hashes.
    pub names: Vec<(Name, u64)>,
    /// Frames of first queries.
    pub frames: Frames,
    /// First and last moment.
    pub period: Period,
}

/// All of them, in the order in which they came.
#[derive(Clone, Debug, Default)]
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
        let Some((base, how)) = wanted(ended, client) else { return };
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
                made: 0,
                borrowed: 0,
                names: Vec::new(),
                frames: Frames::default(),
                period: Period::default(),
            });
        }
        let row = &mut self.rows[at];
        row.count += 1;
        match how {
            How::Walk => {}
            How::Own => row.single += 1,
            How::Made => row.made += 1,
            How::Borrowed => row.borrowed += 1,
        }
        row.frames.note(ended.frame);
        row.period.note(ended.window.0);
        row.period.note(ended.window.1);
        let as_is = [base, b"\0"].concat();
        let hash = hasher.hash(&as_is);
        if row.names.len() < MAX_NAMES && row.names.iter().all(|(_, known)| *known != hash) {
            row.names.push((Name(as_is.into()), hash));
            self.wanted.insert(hash, hash);
            // Of a list that is not its own, only the name as it is says anything.
            let known = if how == How::Borrowed { 0 } else { MAX_TRIED };
            let others = (0..known).filter_map(|at| ended.list.get(at));
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

/// What says that a search list made a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// The step before it.
    Walk,
    /// A suffix that the client was seen to use.
    Own,
    /// Its form.
    Made,
    /// A suffix that somebody was seen to use.
    Borrowed,
}

/// Where the name that was wanted ends, and what says so.
fn wanted(ended: &Ended<'_>, client: &Client) -> Option<(usize, How)> {
    if ended.base > 0 {
        return Some((ended.base, How::Walk));
    }
    if let Some(base) = made_from(ended.name) {
        return Some((base, How::Made));
    }
    let zone = |base: usize| Zone::of(&ended.name[base..]);
    if let Some(base) = behind(ended, |at| client.suffixes().contains(&at)) {
        // A single step is the first: a Service's name in another namespace was written out.
        let first = client.suffixes().first() == ended.list.at(&ended.name[base..]).as_ref();
        return (first || zone(base) == Zone::External).then_some((base, How::Own));
    }
    let base = behind(ended, |_| true)?;
    let outside = label_count(&ended.name[..base]) > 1 && zone(base) == Zone::External;
    outside.then_some((base, How::Borrowed))
}

/// Where the name ends behind which a suffix stands that is `one_of` those wanted.
fn behind(ended: &Ended<'_>, one_of: impl Fn(u16) -> bool) -> Option<usize> {
    let mut at = 0;
    labels(ended.name).find_map(|label| {
        at += 1 + label.len();
        let suffix = ended.list.at(&ended.name[at..])?;
        one_of(suffix).then_some(at)
    })
}
