//! In which seconds somebody answered, or was answered: one bit a second.
//!
//! Losses are known half a minute after they were sent, and only then is it asked who was answered
//! at that time. A bit a second, for each pair and server, answers that for any moment of the capture.

use std::ops::Range;

use crate::model::{Span, Timestamp};

/// Bits at most: an hour in seconds, then they stand for two, four, … seconds. 512 octets a row.
const MAX_BITS: i64 = 4096;

/// The second that a capture has come to. Answers follow each other closely: what was noted in the same
/// second need not be noted again.
#[derive(Clone)]
pub(super) struct Second(Range<Timestamp>);

impl Default for Second {
    fn default() -> Second {
        Second(Timestamp::MAX..Timestamp::MAX)
    }
}

impl Second {
    /// Goes to the second of `time`.
    pub(super) fn turn_to(&mut self, time: Timestamp) {
        if !self.has(time) {
            let start = Timestamp(time.seconds().saturating_mul(1_000_000_000));
            self.0 = start..start.plus(Span::from_secs(1));
        }
    }

    /// Whether `time` lies in it.
    pub(super) fn has(&self, time: Timestamp) -> bool {
        self.0.contains(&time)
    }
}

/// Seconds, or runs of 2, 4, … seconds, in which something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// A bit stands for 2 to this power seconds.
    shift: u32,
    /// The bits from the first on; bit 0 of word 0 is bit `first * 64` since 1970.
    words: Vec<u64>,
    first: i64,
}

impl Activity {
    /// Notes a moment. Whoever can tell that its second was noted before need not ask.
    pub fn note(&mut self, time: Timestamp) {
        let mut at = self.bit(time);
        if self.words.is_empty() {
            self.first = at >> 6;
        }
        let last = self.first + self.words.len() as i64 - 1;
        let (mut low, mut high) = (self.first.min(at >> 6), last.max(at >> 6));
        while high - low >= MAX_BITS / 64 {
            self.widen();
            at >>= 1;
            (low, high) = (low >> 1, high >> 1);
        }
        self.reach(at >> 6);
        self.words[((at >> 6) - self.first) as usize] |= 1 << (at & 63);
    }

    /// Adds what another one has noted.
    pub fn join(&mut self, other: &Activity) {
        if self.words.is_empty() {
            self.clone_from(other);
            return;
        }
        let mut other = other.clone();
        while other.shift < self.shift {
            other.widen();
        }
        loop {
            while self.shift < other.shift {
                self.widen();
            }
            let low = self.first.min(other.first);
            let high =
                (self.first + self.words.len() as i64).max(other.first + other.words.len() as i64);
            if other.words.is_empty() || high - low <= MAX_BITS / 64 {
                break;
            }
            other.widen();
        }
        for (at, &word) in other.words.iter().enumerate() {
            if word != 0 {
                let at = other.first + at as i64;
                self.reach(at);
                self.words[(at - self.first) as usize] |= word;
            }
        }
    }

    /// What one bit stands for.
    pub fn width(&self) -> Span {
        Span::from_secs(1 << self.shift)
    }

    /// Whether anything happened in a second that lies after the one of `from` and before the one of
    /// `to`.
    pub fn any_inside(&self, from: Timestamp, to: Timestamp) -> bool {
        let end = self.bit(to);
        self.next(self.bit(from) + 1).is_some_and(|bit| bit < end)
    }

    /// In how many seconds between these something happened, theirs included.
    pub fn seconds_within(&self, from: Timestamp, to: Timestamp) -> i64 {
        let (mut at, end, mut count) = (self.bit(from), self.bit(to), 0);
        while let Some(bit) = self.next(at).filter(|&bit| bit <= end) {
            count += 1;
            at = bit + 1;
        }
        count << self.shift
    }

    /// Whether anything happened between these, the seconds in which they lie included.
    pub fn any_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.next(self.bit(from)).is_some_and(|bit| bit <= self.bit(to))
    }

    /// The beginning of the last second with anything in it up to that of `time`.
    pub fn last_until(&self, time: Timestamp) -> Option<Timestamp> {
        let bit = self.bit(time);
        let most = ((bit >> 6) - self.first).min(self.words.len() as i64 - 1);
        (0..=most).rev().find_map(|at| {
            let mut word = self.words[at as usize];
            if self.first + at == bit >> 6 {
                word &= u64::MAX >> (63 - (bit & 63));
            }
            let highest = 63 - i64::from(word.leading_zeros());
            (word != 0).then(|| self.time((self.first + at) * 64 + highest))
        })
    }

    /// The beginning of the first second with anything in it from that of `time` on.
    pub fn first_from(&self, time: Timestamp) -> Option<Timestamp> {
        self.next(self.bit(time)).map(|bit| self.time(bit))
    }

    /// The first bit that is set from `bit` on.
    fn next(&self, bit: i64) -> Option<i64> {
        let start = ((bit >> 6) - self.first).max(0);
        (start..self.words.len() as i64).find_map(|at| {
            let mut word = self.words[at as usize];
            if self.first + at == bit >> 6 {
                word &= u64::MAX << (bit & 63);
            }
            let lowest = i64::from(word.trailing_zeros());
            (word != 0).then_some((self.first + at) * 64 + lowest)
        })
    }

    fn bit(&self, time: Timestamp) -> i64 {
        time.seconds() >> self.shift
    }

    fn time(&self, bit: i64) -> Timestamp {
        Timestamp((bit << self.shift).saturating_mul(1_000_000_000))
    }

    /// Makes room for a word.
    fn reach(&mut self, word: i64) {
        if word < self.first {
            let missing = (self.first - word) as usize;
            self.words.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = word;
        }
        let length = (word - self.first) as usize + 1;
        if length > self.words.len() {
            self.words.resize(length, 0);
        }
    }

    /// Lets a bit stand for twice the time.
    fn widen(&mut self) {
        let wide = Activity { shift: self.shift + 1, first: self.first >> 1, words: Vec::new() };
        let old = std::mem::replace(self, wide);
        for (at, &word) in old.words.iter().enumerate() {
            let at = old.first + at as i64;
            self.reach(at >> 1);
            let half: u64 = (0..32).map(|n| u64::from(word >> (2 * n) & 3 != 0) << n).sum();
            self.words[((at >> 1) - self.first) as usize] |= half << (32 * (at & 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000_000 + 300_000_000)
    }

    fn noted(seconds: impl IntoIterator<Item = i64>) -> Activity {
        let mut activity = Activity::default();
        for second in seconds {
            activity.note(at(second));
        }
        activity
    }

    #[test]
    fn a_second_has_what_lies_between_its_borders() {
        let mut second = Second::default();
        assert!(!second.has(Timestamp::MIN) && !second.has(Timestamp::MAX));
        for time in [-1, 999_999_999, 1_000_000_000, 1_500_000_000] {
            second.turn_to(Timestamp(time));
            for other in [-1_000_000_001, -1_000_000_000, -1, 0, 999_999_999, 1_000_000_000] {
                let same = Timestamp(time).seconds() == Timestamp(other).seconds();
                assert_eq!(second.has(Timestamp(other)), same, "{time} {other}");
            }
        }
        assert!(!second.has(Timestamp::MIN));
    }

    #[test]
    fn silence_lies_between_two_seconds_with_answers() {
        let activity = noted([1007, 1003, 1003, 1037, 1100]);
        assert_eq!(
            activity.last_until(at(1020)),
            Some(Timestamp::default().plus(Span::from_secs(1007)))
        );
        assert_eq!(activity.first_from(at(1020)).map(Timestamp::seconds), Some(1037));
        assert!(
            !activity.any_inside(at(1007), at(1037)) && activity.any_inside(at(1006), at(1037))
        );
        assert!(
            activity.any_within(at(1037), at(1050)) && !activity.any_within(at(1038), at(1099))
        );
        assert_eq!(activity.seconds_within(at(1003), at(1037)), 3);
        assert_eq!((activity.last_until(at(1002)), activity.first_from(at(1101))), (None, None));
        assert_eq!(
            (activity.last_until(at(-90)), activity.last_until(at(9999)).map(Timestamp::seconds)),
            (None, Some(1100))
        );
    }

    #[test]
    fn moments_in_any_order_are_all_there() {
        for step in [1, 37, 613, 1021] {
            let seconds: Vec<i64> = (0..60).map(|n| 1_000 + n * step % 3_900).collect();
            let activity = noted(seconds.iter().copied());
            let until = |end| seconds.iter().copied().filter(|&second| second <= end).max();
            let from = |start| seconds.iter().copied().filter(|&second| second >= start).min();
            for second in 990..4_910 {
                let last = activity.last_until(at(second)).map(Timestamp::seconds);
                let first = activity.first_from(at(second)).map(Timestamp::seconds);
                assert_eq!((last, first), (until(second), from(second)), "{step} {second}");
            }
        }
    }

    #[test]
    fn a_long_capture_halves_the_precision_and_forgets_nothing() {
        let activity = noted((0..30_000).step_by(100));
        assert_eq!(activity.width(), Span::from_secs(8));
        for second in (0..30_000_i64).step_by(100) {
            assert!(activity.any_within(at(second), at(second)), "{second}");
            assert!(!activity.any_within(at(second + 10), at(second + 80)), "{second}");
        }
    }

    #[test]
    fn two_halves_join_to_the_whole_in_any_order() {
        let all = [5, 70, 64, 900, 901, 63, 20_000, 9_999];
        let whole = noted(all);
        for split in 0..=all.len() {
            let (mut one, other) =
                (noted(all[..split].iter().copied()), noted(all[split..].iter().copied()));
            one.join(&other);
            for second in 0..20_100 {
                let seen = one.any_within(at(second), at(second));
                assert_eq!(seen, whole.any_within(at(second), at(second)), "{split} {second}");
            }
        }
        // A moment before the first one, and times before 1970.
        assert!(noted([500, -3]).any_within(at(-3), at(-3)));
    }
}
