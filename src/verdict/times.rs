//! Times of many rows as one: thousands of servers may be out, or answer, at the same time.

use crate::aggregate::Period;

/// Periods that share no moment, in their order.
#[derive(Debug, Default)]
pub struct Times(Vec<Period>);

impl Times {
    /// The moments of all these.
    pub fn of(periods: impl IntoIterator<Item = Period>) -> Times {
        let mut periods: Vec<Period> = periods.into_iter().filter(Period::any).collect();
        periods.sort_unstable_by_key(|period| (period.first, period.last));
        let mut apart: Vec<Period> = Vec::new();
        for period in periods {
            match apart.last_mut() {
                Some(last) if last.overlaps(period) => last.join(period),
                _ => apart.push(period),
            }
        }
        Times(apart)
    }

    /// Whether some moment is in this period.
    pub fn overlap(&self, period: Period) -> bool {
        let at = self.0.partition_point(|known| known.last < period.first);
        self.0.get(at).is_some_and(|known| known.overlaps(period))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn period(first: i64, last: i64) -> Period {
        Period { first: Timestamp(first), last: Timestamp(last) }
    }

    #[test]
    fn what_shares_a_moment_is_one() {
        let all = [(20, 30), (1, 9), (3, 5), (30, 31), (8, 12)].map(|(f, l)| period(f, l));
        let times = Times::of(all.into_iter().chain([Period::default()]));
        assert_eq!(times.0, [period(1, 12), period(20, 31)]);
        for (first, last) in [(0, 1), (12, 14), (15, 20), (25, 26), (0, 99)] {
            assert!(times.overlap(period(first, last)), "{first} to {last}");
        }
        for (first, last) in [(-5, 0), (13, 19), (32, 99)] {
            assert!(!times.overlap(period(first, last)), "{first} to {last}");
        }
        assert!(!times.overlap(Period::default()) && !Times::default().overlap(period(0, 99)));
    }
}
