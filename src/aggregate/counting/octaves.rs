//! Latencies of one bin of the timeline, to a factor of two: what a sparkline can show.

use crate::model::Span;

/// The first octave ends at two to this power: 128 µs. The last but one ends at 16.8 s.
const FIRST: u32 = 7;
const OCTAVES: usize = 19;

/// How many latencies lie in each octave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Octaves([u32; OCTAVES]);

impl Octaves {
    /// Counts one.
    pub fn record(&mut self, delay: Span) {
        let octave = (delay.as_micros() | 1 << (FIRST - 1)).ilog2() - (FIRST - 1);
        self.0[(octave as usize).min(OCTAVES - 1)] += 1;
    }

    /// Adds others.
    pub fn add(&mut self, other: &Octaves) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|&count| u64::from(count)).sum()
    }

    /// The end, in microseconds, of the octave that holds the latency which `share` of them do not
    /// exceed; nothing of nothing.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut below = 0;
        self.0
            .iter()
            .position(|&count| {
                below += u64::from(count);
                below >= wanted
            })
            .map(|octave| 1 << (octave as u32 + FIRST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_at_most_twice_what_it_is() {
        assert_eq!(Octaves::default().quantile(0.5), None);
        for micros in [1, 127, 128, 900, 5_000_000, 10_000_000] {
            let mut delays = Octaves::default();
            delays.record(Span::from_micros(micros));
            let told = delays.quantile(0.99).unwrap_or(0) as i64;
            assert!(told > micros && told <= (2 * micros).max(128), "{micros} {told}");
        }
    }

    #[test]
    fn sums_have_the_quantiles_of_all() {
        let mut few = Octaves::default();
        let mut all = Octaves::default();
        (0..99).for_each(|_| all.record(Span::from_millis(1)));
        few.record(Span::from_secs(5));
        all.add(&few);
        assert_eq!(
            (all.count(), all.quantile(0.5), all.quantile(1.0)),
            (100, Some(1024), Some(8_388_608))
        );
        all.record(Span::from_secs(100));
        assert!(all.quantile(1.0) > Some(16_000_000));
    }
}
