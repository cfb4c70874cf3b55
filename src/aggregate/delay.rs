//! Latency: first transmission of a question to its first answer.

use crate::model::Span;

/// Delays beyond are counted as this: no client waits longer, and conntrack forgets sooner.
const LONGEST_US: u64 = 120_000_000;

/// Up to twice as many microseconds have a class each. From there on the classes of each octave are as
/// many, so that a percentile is right to 0.1 %.
const OCTAVE: u64 = 1 << 10;

/// Latencies in microseconds, in classes that are a thousandth wide: 68 KiB.
#[derive(Clone)]
pub struct Delays {
    classes: Vec<u32>,
    /// The largest, exactly.
    longest: u64,
}

impl Default for Delays {
    fn default() -> Delays {
        Delays { classes: vec![0; Delays::class(LONGEST_US) + 1], longest: 0 }
    }
}

impl Delays {
    /// How often the width of a class has doubled at `micros`.
    fn doublings(micros: u64) -> u32 {
        (micros | OCTAVE).ilog2() - OCTAVE.ilog2()
    }

    fn class(micros: u64) -> usize {
        let doublings = Delays::doublings(micros);
        (u64::from(doublings) * OCTAVE + (micros >> doublings)) as usize
    }

    /// The largest that is counted in a class.
    fn end(class: usize) -> u64 {
        let class = class as u64;
        let doublings = (class / OCTAVE).saturating_sub(1);
        let first = class - doublings * OCTAVE;
        ((first + 1) << doublings) - 1
    }

    /// Counts one.
    pub fn record(&mut self, delay: Span) {
        let micros = delay.as_micros();
        self.longest = self.longest.max(micros);
        let class = &mut self.classes[Delays::class(micros.min(LONGEST_US))];
        *class = class.saturating_add(1);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.classes.iter().map(|&count| u64::from(count)).sum()
    }

    /// The latency that `share` (0 to 1) of them do not exceed; never above the largest.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut below = 0;
        let class = self.classes.iter().position(|&count| {
            below += u64::from(count);
            below >= wanted
        });
        class.map_or(0, Delays::end).min(self.longest)
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
        let mut delays = Delays::default();
        assert_eq!((delays.count(), delays.quantile(0.5)), (0, 0));
        for micros in 1..=1000 {
            delays.record(Span::from_micros(micros));
        }
        delays.record(Span::from_secs(5));
        assert_eq!((delays.count(), delays.longest()), (1001, 5_000_000));
        assert_eq!(delays.quantile(0.5), 501);
        assert_eq!(delays.quantile(1.0), 5_000_000);
        delays.record(Span::from_secs(500));
        assert_eq!((delays.count(), delays.longest()), (1002, 500_000_000));
    }

    #[test]
    fn classes_follow_each_other_and_are_a_thousandth_wide() {
        assert_eq!((Delays::class(0), Delays::end(0)), (0, 0));
        for class in 1..=Delays::class(LONGEST_US) {
            let (first, last) = (Delays::end(class - 1) + 1, Delays::end(class));
            assert_eq!((Delays::class(first), Delays::class(last)), (class, class));
            assert!((last - first) * 1000 <= first, "{first} to {last}");
        }
    }
}
