//! Services that began to exist: their names were answered NXDOMAIN to whole lookups, and then with
//! records. Steps of walks that find something, or lose an answer on the way, are left out: there an
//! NXDOMAIN is by design, or was never seen.

use hashbrown::HashTable;

use crate::aggregate::marks::{Frames, Period};
use crate::classify::{Ended, Ending, Outcome, Zone};
use crate::model::{Address, FOLD_LIMIT, Name, NameHasher, Timestamp, labels};

/// Names of Services watched, first come: that many missing ones at a time are no creation. 200 kB.
const MAX_CREATED: usize = 1024;

/// Clients kept of those that looked one of them up in vain.
const MAX_SEEKERS: usize = 4;

/// A name of a Service that was looked up in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// `<service>.<namespace>.svc.<zone>`.
    pub name: Name,
    /// Lookups in vain.
    pub missed: u64,
    /// When they ended.
    pub misses: Period,
    /// When it was first answered with records after that.
    pub found: Option<Timestamp>,
    /// NXDOMAINs after that: another cache still remembers.
    pub relapses: u64,
    /// The first who did.
    pub seekers: Vec<Address>,
    /// Frames of lookups in vain.
    pub frames: Frames,
}

/// All of them, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct CreatedNames {
    rows: Vec<Created>,
    /// By the seeded hash of the name.
    index: HashTable<(u64, u16)>,
    /// Names that found no room.
    pub overflowed: u64,
}

impl CreatedNames {
    /// Notes a lookup that ended in NXDOMAIN: the names of Services among those that it tried.
    pub(super) fn missed(&mut self, ended: &Ended<'_>, client: Address, hasher: &NameHasher) {
        if ended.ending != Ending::Missing {
            return;
        }
        if ended.base == 0 {
            return self.note(ended.name, ended, client, hasher);
        }
        if !ended.as_is() {
            return;
        }
        let mut buffer = [0; FOLD_LIMIT];
        let base = &ended.name[..ended.base];
        let tails = ended.suffixes.iter().filter_map(|&at| Some(&*ended.list.get(at)?.name.0));
        for tail in tails.chain([&b"\0"[..]]) {
            let length = base.len() + tail.len();
            if let Some(name) = buffer.get_mut(..length) {
                name[..base.len()].copy_from_slice(base);
                name[base.len()..].copy_from_slice(tail);
                self.note(name, ended, client, hasher);
            }
        }
    }

    fn note(&mut self, name: &[u8], ended: &Ended<'_>, client: Address, hasher: &NameHasher) {
        // `<service>.<namespace>.svc`, or a pod of a headless Service before it.
        let services = labels(name).position(|label| label == b"svc");
        if !matches!(services, Some(2 | 3)) || Zone::of(name) != Zone::Cluster {
            return;
        }
        let hash = hasher.hash(name);
        let at = match self.place(hash) {
            Some(at) => at,
            None if self.rows.len() == MAX_CREATED => {
                self.overflowed += 1;
                return;
            }
            None => {
                let entry = (hash, self.rows.len() as u16);
                self.index.insert_unique(hash, entry, |&(hash, _)| hash);
                self.rows.push(Created {
                    name: Name(name.into()),
                    missed: 0,
                    misses: Period::default(),
                    found: None,
                    relapses: 0,
                    seekers: Vec::new(),
                    frames: Frames::default(),
                });
                self.rows.len() - 1
            }
        };
        let row = &mut self.rows[at];
        // A lookup is over some time after its last answer: what came since counts already.
        if row.found.is_none_or(|found| ended.window.1 < found) {
            row.missed += 1;
            if row.seekers.len() < MAX_SEEKERS && !row.seekers.contains(&client) {
                row.seekers.push(client);
            }
            row.misses.note(ended.window.1);
            row.frames.note(ended.frame);
        }
    }

    /// A name of the cluster was answered.
    pub(super) fn answered(&mut self, hash: u64, outcome: Outcome, time: Timestamp) {
        let Some(at) = self.place(hash) else { return };
        let row = &mut self.rows[at];
        match outcome {
            Outcome::Answered => {
                row.found.get_or_insert(time);
            }
            Outcome::NxDomain if row.found.is_some() => row.relapses += 1,
            _ => {}
        }
    }

    fn place(&self, hash: u64) -> Option<usize> {
        self.index.find(hash, |&(known, _)| known == hash).map(|&(_, at)| usize::from(at))
    }

    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        !self.rows.is_empty()
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &Created> {
        self.rows.iter()
    }
}
