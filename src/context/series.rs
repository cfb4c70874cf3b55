//! A counter that was read again and again: what it was, what it is, and in which times it rose.

use crate::model::{Span, Timestamp};

/// Times with a rise that are kept of one counter: seven minutes in which it rises each second, and
/// 16 KiB. Beyond, neighbours are put together: the time gets coarser, no rise is lost.
pub const MAX_RISES: usize = 512;

/// A counter rose by so much between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    /// When the first of the two was made.
    pub from: Timestamp,
    /// When the second was.
    pub to: Timestamp,
    /// By how much.
    pub by: u64,
}

/// Readings of one counter, in the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    first: u64,
    last: u64,
    begun: Timestamp,
    read: Timestamp,
    readings: u64,
    grown: u64,
    set_back: bool,
    rises: Vec<Rise>,
}

impl Series {
    /// The first reading.
    pub fn new(time: Timestamp, value: u64) -> Series {
        Series {
            first: value,
            last: value,
            begun: time,
            read: time,
            readings: 1,
            grown: 0,
            set_back: false,
            rises: Vec::new(),
        }
    }

    /// One more. A counter that is smaller than it was began anew: all of it was counted since.
    pub fn add(&mut self, time: Timestamp, value: u64) {
        self.set_back |= value < self.last;
        let by = value.checked_sub(self.last).unwrap_or(value);
        if by > 0 {
            self.grown = self.grown.saturating_add(by);
            if self.rises.len() == MAX_RISES {
                self.coarsen();
            }
            self.rises.push(Rise { from: self.read, to: time, by });
        }
        (self.last, self.read) = (value, time);
        self.readings += 1;
    }

    /// Neighbours become one, those that are closest together first.
    fn coarsen(&mut self) {
        let mut joined: Vec<Rise> = Vec::with_capacity(MAX_RISES);
        let gaps = self.rises.windows(2).map(|two| two[1].to.since(two[0].from).0);
        let mut gaps: Vec<i64> = gaps.collect();
        gaps.sort_unstable();
        let near = gaps.get(gaps.len() / 2).copied().unwrap_or(i64::MAX);
        let mut alone = false;
        for rise in self.rises.drain(..) {
            match joined.last_mut() {
                Some(last) if alone && rise.to.since(last.from).0 <= near => {
                    (last.to, last.by) = (rise.to, last.by.saturating_add(rise.by));
                    alone = false;
                }
                _ => {
                    joined.push(rise);
                    alone = true;
                }
            }
        }
        self.rises = joined;
    }

    /// The first reading's value.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The last reading's value.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// By how much it rose from the first reading to the last.
    pub fn grown(&self) -> u64 {
        self.grown
    }

    /// Whether it was set back in between.
    pub fn was_set_back(&self) -> bool {
        self.set_back
    }

    /// How often it was read. One reading tells nothing of what happened.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// From the first reading to the last.
    pub fn length(&self) -> Span {
        self.read.since(self.begun)
    }

    /// The times in which it rose, in order.
    pub fn rises(&self) -> &[Rise] {
        &self.rises
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000_000)
    }

    #[test]
    fn a_rise_lies_between_the_readings_that_show_it() {
        let mut series = Series::new(at(10), 100);
        for (second, value) in [(11, 100), (12, 103), (13, 103), (14, 104)] {
            series.add(at(second), value);
        }
        assert_eq!((series.first(), series.last(), series.grown()), (100, 104, 4));
        let rises: Vec<_> =
            series.rises().iter().map(|r| (r.from.seconds(), r.to.seconds(), r.by)).collect();
        assert_eq!(rises, [(11, 12, 3), (13, 14, 1)]);
        assert_eq!((series.readings(), series.length()), (5, Span::from_secs(4)));
        assert!(!series.was_set_back());
    }

    #[test]
    fn what_was_counted_after_a_reset_is_a_rise() {
        let mut series = Series::new(at(0), 1_000);
        series.add(at(1), 3);
        assert_eq!((series.grown(), series.was_set_back()), (3, true));
        let mut series = Series::new(at(0), 1_000);
        series.add(at(1), 0);
        assert_eq!((series.grown(), series.was_set_back()), (0, true));
    }

    #[test]
    fn a_long_capture_gets_coarser_and_loses_nothing() {
        let mut series = Series::new(at(0), 0);
        // A burst in the midst of a slow trickle.
        let moments = (1..=5_000).map(|n| n * 60).chain(300_001..=302_000);
        for (n, second) in (1..).zip(moments) {
            series.add(at(second), n);
            assert!(series.rises().len() <= MAX_RISES);
        }
        assert_eq!(series.grown(), 7_000);
        assert_eq!(series.rises().iter().map(|rise| rise.by).sum::<u64>(), 7_000);
        assert!(series.rises().is_sorted_by(|a, b| a.to <= b.from), "they do not overlap");
    }

    #[test]
    fn numbers_at_the_edge_do_not_overflow() {
        let mut series = Series::new(at(0), 0);
        for _ in 0..3 {
            series.add(Timestamp(i64::MAX), u64::MAX);
            series.add(Timestamp(i64::MIN), 0);
        }
        assert_eq!(series.grown(), u64::MAX);
    }
}
