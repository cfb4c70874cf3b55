//! Latency: first transmission of a question to its first answer.

use hdrhistogram::Histogram;

use crate::model::Span;

/// Delays beyond are counted as this: no client waits longer, and conntrack forgets sooner.
const LONGEST_US: u64 = 120_000_000;

/// Three digits: a percentile is right to 0.1 %, in 68 KiB.
const DIGITS: u8 = 3;

/// Latencies in microseconds.
#[derive(Clone)]
pub struct Delays {
    histogram: Histogram<u32>,
    /// The largest, exactly.
    longest: u64,
}

impl Delays {
    /// No latencies yet.
    pub fn new() -> Result<Delays, hdrhistogram::CreationError> {
        Ok(Delays { histogram: Histogram::new_with_bounds(1, LONGEST_US, DIGITS)?, longest: 0 })
    }

    /// Counts one.
    pub fn record(&mut self, delay: Span) {
        let micros = delay.as_micros();
        self.longest = self.longest.max(micros);
        self.histogram.saturating_record(micros);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The latency that `share` (0 to 1) of them do not exceed; never above the largest.
    pub fn quantile(&self, share: f64) -> u64 {
        self.histogram.value_at_quantile(share).min(self.longest)
    }

    /// The largest.
    pub fn longest(&self) -> u64 {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_three_digits_and_the_longest_exactly() {
        let mut delays = Delays::new().unwrap();
        for micros in 1..=1000 {
            delays.record(Span::from_micros(micros));
        }
        delays.record(Span::from_secs(5));
        assert_eq!((delays.count(), delays.longest()), (1001, 5_000_000));
        assert!((500..=502).contains(&delays.quantile(0.5)));
        assert_eq!(delays.quantile(1.0), 5_000_000);
    }
}
