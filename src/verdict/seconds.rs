//! What is asked again and again of the same seconds. Thousands of servers that go at once are silent in the same
//! ones, and [`Activity`](crate::aggregate::Activity) knows no more than seconds.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::aggregate::Period;

/// What was found out about periods, by what else it depends on and by the seconds in which they begin and end.
#[derive(Debug)]
pub struct Seconds<K, V> {
    known: RefCell<BTreeMap<(K, i64, i64), V>>,
}

impl<K, V> Default for Seconds<K, V> {
    fn default() -> Seconds<K, V> {
        Seconds { known: RefCell::default() }
    }
}

impl<K: Ord, V: Clone> Seconds<K, V> {
    /// What there is to say of a period; `look` finds it out the first time.
    pub fn of(&self, key: K, period: Period, look: impl FnOnce() -> V) -> V {
        let key = (key, period.first.seconds(), period.last.seconds());
        self.known.borrow_mut().entry(key).or_insert_with(look).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn the_same_seconds_are_looked_at_once() {
        let seconds = Seconds::default();
        let period =
            |first: i64, last: i64| Period { first: Timestamp(first), last: Timestamp(last) };
        let looks = RefCell::new(0);
        let of = |key: &'static str, period| {
            seconds.of(key, period, || {
                *looks.borrow_mut() += 1;
                *looks.borrow()
            })
        };
        assert_eq!(of("a", period(1_000_000_000, 5_000_000_000)), 1);
        assert_eq!(of("a", period(1_999_999_999, 5_000_000_001)), 1);
        assert_eq!(of("b", period(1_000_000_000, 5_000_000_000)), 2);
        assert_eq!(of("a", period(2_000_000_000, 5_000_000_000)), 3);
        assert_eq!(of("a", period(1_000_000_000, 6_000_000_000)), 4);
    }
}
