//! Latency: first transmission of a question to its first answer.

use crate::model::Span;

/// Delays beyond are counted as this: no client waits longer, and conntrack forgets sooner.
const LONGEST_US: u64 = 120_000_000;

/// Bits of a latency that tell its class, as in an HDR histogram of three digits: a percentile is right to
/// 0.1 %, in 72 KiB.
const DIGITS: u32 = 11;
const CLASSES: usize = class(LONGEST_US) + 1;

/// Latencies in microseconds.
#[derive(Clone)]
pub struct Delays {
    counts: Vec<u32>,
    /// The largest, exactly.
    longest: u64,
}

impl Default for Delays {
    fn default() -> Delays {
        Delays { counts: vec![0; CLASSES], longest: 0 }
    }
}

/// The class of a latency: each of the short ones has its own, and the others have as many an octave as
/// half of those.
const fn class(micros: u64) -> usize {
    let shift = (micros | 1 << (DIGITS - 1)).ilog2() - (DIGITS - 1);
    ((shift as usize) << (DIGITS - 1)) + (micros >> shift) as usize
}

/// The longest latency of a class.
fn last(class: usize) -> u64 {
    let half = 1 << (DIGITS - 1);
    let shift = (class / half).saturating_sub(1);
    ((class - shift * half + 1) << shift) as u64 - 1
}

impl Delays {
    /// Counts one.
    pub fn record(&mut self, delay: Span) {
        let micros = delay.as_micros();
        self.longest = self.longest.max(micros);
        let count = &mut self.counts[class(micros.min(LONGEST_US))];
        *count = count.saturating_add(1);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// The latency that `share` (0 to 1) of them do not exceed; never above the largest.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        let reached = self.counts.iter().position(|&count| {
            below += u64::from(count);
            below >= wanted
        });
        reached.map_or(0, |class| last(class).min(self.longest))
    }

    /// The largest.
    pub fn longest(&self) -> u64 {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;

    #[test]
    fn percentiles_are_right_to_three_digits_and_the_longest_exactly() {
        let mut delays = Delays::default();
        for micros in 1..=1000 {
            delays.record(Span::from_micros(micros));
        }
        delays.record(Span::from_secs(5));
        assert_eq!((delays.count(), delays.longest()), (1001, 5_000_000));
        assert!((500..=502).contains(&delays.quantile(0.5)));
        assert_eq!(delays.quantile(1.0), 5_000_000);
        delays.record(Span::from_secs(500));
        assert_eq!((delays.count(), delays.quantile(0.0)), (1002, 1));
        assert_eq!(Delays::default().quantile(0.5), 0);
    }

    #[test]
    fn percentiles_are_those_of_an_hdr_histogram() {
        let mut delays = Delays::default();
        let mut known = Histogram::<u32>::new_with_bounds(1, LONGEST_US, 3).unwrap();
        let edges = (0..27).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let spread = (0..20_000_u64).map(|n| (n * n * n) % LONGEST_US);
        for micros in edges.chain(spread).filter(|&micros| micros <= LONGEST_US) {
            delays.record(Span::from_micros(micros as i64));
            known.saturating_record(micros);
        }
        for part in 1..=10_000 {
            let share = f64::from(part) / 10_000.0;
            let told = known.value_at_quantile(share).min(delays.longest());
            assert_eq!(delays.quantile(share), told, "{share}");
        }
    }

    #[test]
    fn a_class_ends_where_the_next_one_begins() {
        for micros in (0..5_000).chain((1..900).map(|n| n * 131_071)) {
            let class = class(micros);
            assert!(last(class) >= micros && super::class(last(class)) == class, "{micros}");
            assert_eq!(super::class(last(class) + 1), class + 1, "{micros}");
        }
    }
}
