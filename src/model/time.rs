//! Capture time: nanoseconds since the Unix epoch, the only clock of the core.

use std::fmt;

/// A point in capture time, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A signed length of capture time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

impl Timestamp {
    /// The earliest representable time: compares below every real one.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest representable time.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// Reads RFC 3339, as it is printed.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let time: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(time.as_nanosecond()).ok().map(Timestamp)
    }

    /// The time that passed from `earlier` to `self`; negative where `self` is the earlier one.
    pub fn since(self, earlier: Timestamp) -> Span {
        self.0.checked_sub(earlier.0).map_or_else(|| self.too_far_from(earlier), Span)
    }

    /// No clock of a capture gets here: the hot path has one branch for it.
    #[cold]
    fn too_far_from(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// This time moved by `span`, saturating.
    #[must_use]
    pub fn plus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of whole seconds.
    pub const fn from_secs(seconds: i64) -> Span {
        Span(seconds * 1_000_000_000)
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: i64) -> Span {
        Span(millis * 1_000_000)
    }

    /// A span of whole microseconds.
    pub const fn from_micros(micros: i64) -> Span {
        Span(micros * 1_000)
    }

    /// Seconds, with the fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Whole microseconds, never below zero.
    pub fn as_micros(self) -> u64 {
        (self.0.max(0) / 1_000) as u64
    }
}

/// RFC 3339 in UTC with as many fraction digits as are needed (none, µs or ns).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) if self.0 % 1_000_000_000 == 0 => write!(f, "{time:.0}"),
            Ok(time) if self.0 % 1_000 == 0 => write!(f, "{time:.6}"),
            Ok(time) => write!(f, "{time:.9}"),
            // An i64 of nanoseconds always lies within jiff's years -9999 to 9999.
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(1_500_000_000_123_456_000).to_string(), "2017-07-14T02:40:00.123456Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn reads_what_it_prints() {
        for time in [Timestamp(0), Timestamp(1_500_000_000_123_456_000), Timestamp(-1)] {
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn what_is_too_far_apart_is_as_far_as_can_be() {
        assert_eq!(Timestamp::MAX.since(Timestamp(-1)), Span(i64::MAX));
        assert_eq!(Timestamp::MIN.since(Timestamp(1)), Span(i64::MIN));
        assert_eq!(Timestamp(5).since(Timestamp(7)), Span(-2));
    }

    #[test]
    fn the_second_before_the_epoch_is_minus_one() {
        assert_eq!(Timestamp(-1).seconds(), -1);
    }
}
