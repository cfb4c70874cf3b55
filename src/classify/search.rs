//! Search suffixes: which tail of two successive names was the search list's, and which tails have
//! been seen.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::Zone;
use crate::model::{FOLD_LIMIT, Name, labels};

/// Suffixes remembered at most: one a namespace of a large cluster, and the node's own. Beyond, walks
/// are still recognised by the form of their names.
pub const MAX_SUFFIXES: usize = 256;

/// Labels of a name at most (RFC 1035, section 2.3.4: 255 octets).
const LABELS: usize = 127;

/// A search suffix that clients were seen to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suffix {
    /// The suffix, case-folded, in wire form with the root label.
    pub name: Name,
    /// How often it was tried.
    pub tried: u64,
    /// Sum of its positions in the walks: their mean orders the suffixes.
    pub positions: u64,
    /// Where all names with it belong, if that does not depend on the name.
    pub(super) zone: Option<Zone>,
}

/// All suffixes seen.
#[derive(Clone, Debug, Default)]
pub struct Suffixes {
    seen: Vec<Suffix>,
    /// In which of them another one stands, and not at its end.
    longer: Vec<bool>,
    /// Their indexes by name: every question of a busy client looks here.
    index: HashMap<Box<[u8]>, u16, RandomState>,
}

impl Suffixes {
    /// Whether this tail was seen as a suffix.
    pub fn knows(&self, tail: &[u8]) -> bool {
        self.at(tail).is_some()
    }

    /// Whether this is a suffix that hardly any walk begins with.
    pub(super) fn follows(&self, tail: &[u8]) -> bool {
        let suffix = self.at(tail).and_then(|at| self.get(at));
        suffix.is_some_and(|suffix| suffix.positions * 2 >= suffix.tried)
    }

    /// The index of this tail.
    pub fn at(&self, tail: &[u8]) -> Option<u16> {
        self.index.get(tail).copied()
    }

    /// Whether a name ends in a suffix that was seen, or in the cluster's zone: then a search list
    /// may have made it, part of a walk that this capture does not show whole.
    pub fn ends(&self, name: &[u8]) -> bool {
        Zone::of(name) == Zone::Cluster || self.ends_known(name)
    }

    /// Whether a known suffix stands in `tail`, and not at its end: then `tail` is a name that a
    /// list made longer, not a suffix. Two lookups whose names begin alike look so. `known` is the
    /// index of the tail: of suffixes it is known.
    pub(super) fn stands_within(&self, tail: &[u8], known: Option<u16>) -> bool {
        match known.and_then(|known| self.longer.get(usize::from(known))) {
            Some(&longer) => longer,
            None => tail.len() > 1 && self.find_within(tail),
        }
    }

    fn find_within(&self, tail: &[u8]) -> bool {
        let mut buffer = [0; FOLD_LIMIT];
        let (mut ends, mut count) = ([0_u8; LABELS], 0);
        for label in labels(tail).take(LABELS) {
            let before = if count == 0 { 0 } else { ends[count - 1] };
            ends[count] = before + 1 + label.len() as u8;
            count += 1;
        }
        // One label, such as `local`, can stand anywhere: at least two are looked for.
        (0..count).any(|from| {
            (from + 2..count.saturating_sub(1)).any(|to| {
                let inner = &tail[usize::from(ends[from])..usize::from(ends[to])];
                let name = &mut buffer[..=inner.len()];
                name[..inner.len()].copy_from_slice(inner);
                name[inner.len()] = 0;
                self.knows(name)
            })
        })
    }

    /// Notes that a walk tried the suffix at `position` (from 0).
    pub fn note(&mut self, tail: &[u8], position: u64) -> Option<u16> {
        self.note_at(self.at(tail), tail, position)
    }

    /// The same where the index of the tail is known, or that it has none.
    pub(super) fn note_at(
        &mut self,
        known: Option<u16>,
        tail: &[u8],
        position: u64,
    ) -> Option<u16> {
        if tail.len() < 2 {
            return None;
        }
        let at = match known {
            Some(at) => usize::from(at),
            None if self.seen.len() < MAX_SUFFIXES => {
                let name = Name(tail.into());
                self.index.insert(tail.into(), self.seen.len() as u16);
                let zone = Zone::of_all_behind(tail);
                self.seen.push(Suffix { name, tried: 0, positions: 0, zone });
                for (longer, suffix) in self.longer.iter_mut().zip(&self.seen) {
                    *longer = *longer || has_within(&suffix.name.0, tail);
                }
                self.longer.push(self.find_within(tail));
                self.seen.len() - 1
            }
            None => return None,
        };
        self.seen[at].tried += 1;
        self.seen[at].positions += position;
        Some(at as u16)
    }

    /// The suffix with this index.
    pub fn get(&self, at: u16) -> Option<&Suffix> {
        self.seen.get(usize::from(at))
    }

    /// Whether this may stand in a search list: no name that a list made longer, such as the
    /// `svc.zone.ns.svc.zone` of two walks that lost packets and were taken for one.
    pub fn is_plausible(&self, suffix: &Suffix) -> bool {
        let tail: &[u8] = &suffix.name.0;
        let mut at = 0;
        !labels(tail).any(|label| {
            at += 1 + label.len();
            let mut front = tail[..at].to_vec();
            front.push(0);
            self.knows(&tail[at..]) && self.ends_known(&front)
        })
    }

    /// Whether a name is a known suffix, or ends in one.
    fn ends_known(&self, name: &[u8]) -> bool {
        let mut at = 0;
        self.knows(name)
            || labels(name).any(|label| {
                at += 1 + label.len();
                self.knows(&name[at..])
            })
    }

    /// All that may stand in a search list, in the order in which clients try them.
    pub fn in_order(&self) -> Vec<&Suffix> {
        self.ordered(self.seen.iter())
    }

    /// Those of a client, by their indexes, in the same order.
    pub fn of(&self, indexes: &[u16]) -> Vec<&Suffix> {
        self.ordered(indexes.iter().filter_map(|&at| self.get(at)))
    }

    /// Kubernetes' own come first, as kubelet writes them; the others by their mean position. Positions
    /// alone would mislead where a capture shows only a part of the walks.
    fn ordered<'a>(&'a self, of: impl Iterator<Item = &'a Suffix>) -> Vec<&'a Suffix> {
        let mut all: Vec<&Suffix> = of.filter(|suffix| self.is_plausible(suffix)).collect();
        // a/b < c/d without division; ties by use, then by name.
        all.sort_by(|a, b| {
            self.rank(a)
                .cmp(&self.rank(b))
                .then((a.positions * b.tried).cmp(&(b.positions * a.tried)))
                .then(b.tried.cmp(&a.tried))
                .then_with(|| a.name.cmp(&b.name))
        });
        all
    }

    /// The place in kubelet's list: `ns.svc.zone`, `svc.zone`, `zone`, then the node's own.
    fn rank(&self, suffix: &Suffix) -> u8 {
        let tail: &[u8] = &suffix.name.0;
        let is_zone = || {
            let services = [b"\x03svc".as_slice(), tail].concat();
            Zone::of(tail) == Zone::Cluster || self.knows(&services)
        };
        match () {
            () if is_namespace(tail) => 0,
            () if labels(tail).next() == Some(b"svc") => 1,
            () if is_zone() => 2,
            () => 3,
        }
    }
}

/// Where the base that `current` and `next` share ends, in octets, if `next` is the step after
/// `current` of one search walk. Both are case-folded and in wire form. Three forms say so:
///
/// - one is the other plus a suffix: the name as it is, before or after the list;
/// - both share a base, and the second suffix is the tail of the first: Kubernetes' own
///   `ns.svc.zone`, `svc.zone`, `zone`;
/// - both share a base, and both suffixes are known from other walks.
///
/// `ns.svc.zone` is the first of its search list: no step leads to it. Another thread that asks for
/// `db` makes `db.ns.svc.zone`, which looks like the step after `db.other.ns.svc.zone`.
pub(super) fn shared_base(current: &[u8], next: &[u8], known: &Suffixes) -> Option<usize> {
    let common = common_labels(current, next);
    let (current_end, next_end) = (current.len() - 1, next.len() - 1);
    if common == 0 || current == next {
        return None;
    }
    if common == current_end || common == next_end {
        return Some(common);
    }
    let mut found = None;
    let mut at = 0;
    for label in labels(current) {
        at += 1 + label.len();
        if at > common {
            break;
        }
        let (first, second) = (&current[at..], &next[at..]);
        let tail = second.len() > 1 && is_tail(second, first);
        let both = || known.knows(first) && known.knows(second);
        if !is_namespace(second) && (tail || both()) {
            // The longest base wins: `a.svc` could be the base of `a.svc.svc.zone`.
            found = Some(at);
        }
    }
    found
}

/// Whether this is the `ns.svc.zone` of a namespace.
fn is_namespace(suffix: &[u8]) -> bool {
    labels(suffix).nth(1) == Some(b"svc")
}

/// Whether the name `tail` is `name` with at least one label taken off its left.
pub(super) fn is_tail(tail: &[u8], name: &[u8]) -> bool {
    let start = name.len().saturating_sub(tail.len());
    let mut at = 0;
    name.ends_with(tail)
        && labels(name).any(|label| {
            at += 1 + label.len();
            at == start
        })
}

/// Whether two labels or more of `inner` stand in `tail`, neither at its start nor at its end.
fn has_within(tail: &[u8], inner: &[u8]) -> bool {
    let inner = &inner[..inner.len() - 1];
    let mut at = 0;
    labels(inner).nth(1).is_some()
        && labels(tail).any(|label| {
            at += 1 + label.len();
            tail[at..].strip_prefix(inner).is_some_and(|rest| rest.len() > 1)
        })
}

/// How many octets of whole labels two names share from the left.
fn common_labels(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&length @ 1..) = a.get(at) {
        let end = at + 1 + usize::from(length);
        if end > a.len() || a.get(at..end) != b.get(at..end) {
            break;
        }
        at = end;
    }
    at
}

#[cfg(test)]
mod tests;
