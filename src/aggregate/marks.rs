//! What is kept of events beside their number: when they were, and where to look at them.

use crate::model::{Span, Timestamp};

/// Frames kept of each kind of event of a pair: enough to look at, few enough to keep.
pub(super) const FRAMES: usize = 3;

/// The first few frames of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frames([u64; FRAMES]);

impl Frames {
    /// Keeps a frame if there is room.
    pub fn note(&mut self, frame: u64) {
        if let Some(free) = self.0.iter_mut().find(|kept| **kept == 0 || **kept == frame) {
            *free = frame;
        }
    }

    /// The frames kept.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.into_iter().filter(|&frame| frame != 0)
    }
}

/// When something happened first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment; after `last` when it never happened.
    pub first: Timestamp,
    /// The last moment.
    pub last: Timestamp,
}

impl Default for Period {
    fn default() -> Period {
        Period { first: Timestamp::MAX, last: Timestamp::MIN }
    }
}

impl Period {
    /// Widens the period to `time`.
    pub fn note(&mut self, time: Timestamp) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    /// Widens the period to `other`.
    pub fn join(&mut self, other: Period) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// The period that spans all of these.
    pub fn of(periods: impl IntoIterator<Item = Period>) -> Period {
        let mut all = Period::default();
        for period in periods {
            all.join(period);
        }
        all
    }

    /// From the first moment to the last; nothing when it never happened.
    pub fn length(&self) -> Span {
        if self.any() { self.last.since(self.first) } else { Span::ZERO }
    }

    /// Whether some moment is in both.
    pub fn overlaps(&self, other: Period) -> bool {
        self.last >= other.first && self.first <= other.last
    }

    /// Whether it happened at all.
    pub fn any(&self) -> bool {
        self.first <= self.last
    }
}

/// Takes a TTL into a range of them.
pub(super) fn widen(ttls: &mut Option<(u8, u8)>, ttl: u8) {
    match ttls {
        Some((low, high)) if (*low..=*high).contains(&ttl) => {}
        Some((low, high)) => (*low, *high) = ((*low).min(ttl), (*high).max(ttl)),
        None => *ttls = Some((ttl, ttl)),
    }
}
