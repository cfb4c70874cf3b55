//! What happened when: counts in bins of equal width, which widens when a capture grows long.

use std::ops::Range;

use super::octaves::Octaves;
use crate::aggregate::marks::Period;
use crate::model::{Span, Timestamp};

/// Bins at most: an hour in seconds; a day in half minutes.
const MAX_BINS: usize = 4096;

/// Counts of one bin. Queries count when they were first sent, whatever became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// Transactions.
    pub asked: u32,
    /// Unanswered ones.
    pub unanswered: u32,
    /// Answered after they were sent again.
    pub rescued: u32,
    /// Answered with SERVFAIL.
    pub servfail: u32,
    /// For names outside the cluster, answered without SERVFAIL.
    pub external_fine: u32,
    /// For names outside the cluster, unanswered or answered with SERVFAIL.
    pub external_bad: u32,
    /// Transactions with a destination that counts towards an ENI's limit.
    pub limited: u32,
    /// Of these, unanswered or answered only after a retransmission.
    pub limited_lost: u32,
    /// Packets sent while their ENI was over its limit.
    pub over: u32,
    /// Latencies of the answers.
    pub delays: Octaves,
}

impl Bin {
    /// Adds another bin.
    pub fn add(&mut self, other: &Bin) {
        self.asked += other.asked;
        self.unanswered += other.unanswered;
        self.rescued += other.rescued;
        self.external_fine += other.external_fine;
        self.external_bad += other.external_bad;
        self.delays.add(&other.delays);
        self.servfail += other.servfail;
        self.limited += other.limited;
        self.limited_lost += other.limited_lost;
        self.over += other.over;
    }
}

/// Bins from the first event on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    start: i64,
    width: i64,
    bins: Vec<Bin>,
    /// The bin asked for last, and the moments that lie in it: most events follow each other closely.
    last: (usize, Range<Timestamp>),
}

impl Default for Timeline {
    fn default() -> Timeline {
        let last = (0, Timestamp(0)..Timestamp(0));
        Timeline { start: i64::MAX, width: 1, bins: Vec::new(), last }
    }
}

impl Timeline {
    /// The bin of a moment, to count in. Moments before the first are counted in the first.
    pub fn at(&mut self, time: Timestamp) -> &mut Bin {
        if !self.last.1.contains(&time) {
            self.turn_to(time);
        }
        &mut self.bins[self.last.0]
    }

    #[cold]
    fn turn_to(&mut self, time: Timestamp) {
        let second = time.seconds();
        if self.bins.is_empty() {
            self.start = second;
            self.bins.push(Bin::default());
        }
        let mut at = second.saturating_sub(self.start).max(0) / self.width;
        while at >= MAX_BINS as i64 {
            self.widen();
            at = second.saturating_sub(self.start) / self.width;
        }
        let at = at as usize;
        if at >= self.bins.len() {
            self.bins.resize(at + 1, Bin::default());
        }
        let first = self.start.saturating_add(at as i64 * self.width);
        let first = Timestamp(first.saturating_mul(1_000_000_000));
        self.last = (at, first..first.plus(self.width()));
    }

    fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        self.bins = self
            .bins
            .chunks(2)
            .map(|pair| {
                let mut sum = pair[0];
                pair.iter().skip(1).for_each(|bin| sum.add(bin));
                sum
            })
            .collect();
    }

    /// Width of a bin.
    pub fn width(&self) -> Span {
        Span(self.width.saturating_mul(1_000_000_000))
    }

    /// The bins that share a moment with this time.
    pub fn within(&self, time: Period) -> impl Iterator<Item = &Bin> {
        let ends_after = move |start: Timestamp| start.plus(self.width()) > time.first;
        let bins = self.bins().filter(move |&(start, _)| ends_after(start) && start <= time.last);
        bins.map(|(_, bin)| bin)
    }

    /// The bins with the moment at which each starts.
    pub fn bins(&self) -> impl Iterator<Item = (Timestamp, &Bin)> {
        let (start, width) = (self.start, self.width);
        self.bins.iter().enumerate().map(move |(at, bin)| {
            let seconds = start.saturating_add((at as i64).saturating_mul(width));
            (Timestamp(seconds.saturating_mul(1_000_000_000)), bin)
        })
    }

    /// The most that `figure` sums to over any run of bins that spans `span` or less (at least one
    /// bin), and when that run starts.
    pub fn peak(&self, span: Span, figure: impl Fn(&Bin) -> u32) -> (u64, Timestamp) {
        let run = ((span.0 / self.width().0).max(1)) as usize;
        let mut sum = 0;
        let mut best = (0, Timestamp(0));
        let values: Vec<u64> = self.bins.iter().map(|bin| u64::from(figure(bin))).collect();
        for (at, (_, _)) in self.bins().enumerate() {
            sum += values[at];
            if at >= run {
                sum -= values[at - run];
            }
            if sum > best.0 {
                let first = self.start + (at.saturating_sub(run - 1) as i64) * self.width;
                best = (sum, Timestamp(first.saturating_mul(1_000_000_000)));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_capture_widens_the_bins_and_loses_nothing() {
        let mut timeline = Timeline::default();
        for second in 0..20_000 {
            timeline.at(Timestamp(second * 1_000_000_000)).asked += 1;
        }
        assert_eq!(timeline.width(), Span::from_secs(8));
        assert_eq!(timeline.bins().map(|(_, bin)| u64::from(bin.asked)).sum::<u64>(), 20_000);
    }

    #[test]
    fn the_peak_of_a_sliding_run_is_found() {
        let mut timeline = Timeline::default();
        for second in [0, 20, 21, 22, 23, 40] {
            timeline.at(Timestamp(second * 1_000_000_000)).servfail += 5;
        }
        let (most, when) = timeline.peak(Span::from_secs(10), |bin| bin.servfail);
        assert_eq!(most, 20);
        assert!(when.seconds() <= 20 && when.seconds() > 10);
    }
}
