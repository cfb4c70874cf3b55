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
    /// The word that was written to last, and its number: it is not in `words` yet. Most moments lie in it, and
    /// `words` stand elsewhere in memory.
    current: u64,
    at: i64,
}

impl Activity {
    /// Notes a moment. Whoever can tell that its second was noted before need not ask.
    pub fn note(&mut self, time: Timestamp) {
        let bit = self.bit(time);
        if bit >> 6 != self.at {
            self.turn_to(bit >> 6);
            // It may stand for more now.
            self.current |= 1 << (self.bit(time) & 63);
            return;
        }
        self.current |= 1 << (bit & 63);
    }

    /// Makes another word the current one.
    #[cold]
    fn turn_to(&mut self, word: i64) {
        self.settle();
        self.at = word;
        let (mut low, mut high) = self.range();
        (low, high) = (low.min(word), high.max(word + 1));
        while high - low > MAX_BITS / 64 {
            self.widen();
            (self.at, low, high) = (self.at >> 1, low >> 1, ((high - 1) >> 1) + 1);
        }
    }

    /// Puts the current word where it belongs.
    fn settle(&mut self) {
        let (word, at) = (std::mem::take(&mut self.current), self.at);
        self.add(at, word);
    }

    fn add(&mut self, at: i64, word: u64) {
        if word == 0 {
            return;
        }
        if self.words.is_empty() {
            self.first = at;
        }
        self.reach(at);
        self.words[(at - self.first) as usize] |= word;
    }

    /// The numbers of the words that are there, from the first up to behind the last; where there are none, no
    /// numbers.
    fn range(&self) -> (i64, i64) {
        let (mut low, mut high) = (self.first, self.first + self.words.len() as i64);
        if self.words.is_empty() {
            (low, high) = (i64::MAX, i64::MIN);
        }
        if self.current != 0 {
            (low, high) = (low.min(self.at), high.max(self.at + 1));
        }
        (low, high)
    }

    /// The word with a number.
    fn word(&self, at: i64) -> u64 {
        let settled = usize::try_from(at - self.first).ok().and_then(|at| self.words.get(at));
        let current = if at == self.at { self.current } else { 0 };
        settled.copied().unwrap_or_default() | current
    }

    /// Adds what another one has noted.
    pub fn join(&mut self, other: &Activity) {
        let mut other = other.clone();
        other.settle();
        self.settle();
        while other.shift < self.shift {
            other.widen();
        }
        loop {
            while self.shift < other.shift {
                self.widen();
            }
            let ((low, high), (from, to)) = (self.range(), other.range());
            if high.max(to).saturating_sub(low.min(from)) <= MAX_BITS / 64 {
                break;
            }
            other.widen();
        }
        for (at, &word) in (other.first..).zip(&other.words) {
            self.add(at, word);
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
        let (low, high) = self.range();
        (low..high.min((bit >> 6) + 1)).rev().find_map(|at| {
            let mut word = self.word(at);
            if at == bit >> 6 {
                word &= u64::MAX >> (63 - (bit & 63));
            }
            let highest = 63 - i64::from(word.leading_zeros());
            (word != 0).then(|| self.time(at * 64 + highest))
        })
    }

    /// The beginning of the first second with anything in it from that of `time` on.
    pub fn first_from(&self, time: Timestamp) -> Option<Timestamp> {
        self.next(self.bit(time)).map(|bit| self.time(bit))
    }

    /// The first bit that is set from `bit` on.
    fn next(&self, bit: i64) -> Option<i64> {
        let (low, high) = self.range();
        (low.max(bit >> 6)..high).find_map(|at| {
            let mut word = self.word(at);
            if at == bit >> 6 {
                word &= u64::MAX << (bit & 63);
            }
            let lowest = i64::from(word.trailing_zeros());
            (word != 0).then_some(at * 64 + lowest)
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

    /// Lets a bit stand for twice the time. The current word has to be settled.
    fn widen(&mut self) {
        let first = self.first >> 1;
        let wide = Activity { shift: self.shift + 1, first, at: self.at, ..Activity::default() };
        let old = std::mem::replace(self, wide);
        for (at, &word) in (old.first..).zip(&old.words) {
            let half: u64 = (0..32).map(|n| u64::from(word >> (2 * n) & 3 != 0) << n).sum();
            self.add(at >> 1, half << (32 * (at & 1)));
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
