//! What a pcapng interface counts time in: powers of ten or of two of a second, and an offset.

use crate::model::Timestamp;

/// How the timestamps of an interface become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    resolution: Resolution,
    /// Nanoseconds to add.
    offset: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// So many nanoseconds a unit.
    Coarse(u64),
    /// So many units a nanosecond.
    Fine(u128),
    /// 2^n units a second.
    Binary(u32),
}

impl Default for Clock {
    /// Microseconds since the epoch.
    fn default() -> Clock {
        Clock { resolution: Resolution::Coarse(1_000), offset: 0 }
    }
}

impl Clock {
    /// Takes the value of an `if_tsresol` option: the exponent, with the upper bit set of two.
    pub(super) fn set_resolution(&mut self, value: u8) {
        let exponent = u32::from(value & 0x7f);
        self.resolution = if value & 0x80 != 0 {
            Resolution::Binary(exponent)
        } else if exponent <= 9 {
            Resolution::Coarse(10_u64.pow(9 - exponent))
        } else {
            // Beyond 10^38 no 64-bit number of units is as much as a nanosecond.
            Resolution::Fine(10_u128.checked_pow(exponent - 9).unwrap_or(u128::MAX))
        };
    }

    /// Takes the value of an `if_tsoffset` option.
    pub(super) fn set_offset(&mut self, seconds: i64) {
        self.offset = i128::from(seconds) * 1_000_000_000;
    }

    /// The time that `units` stand for, at the end of the range where it lies beyond.
    pub(super) fn time(&self, units: u64) -> Timestamp {
        let units = u128::from(units);
        let nanoseconds = match self.resolution {
            Resolution::Coarse(size) => units * u128::from(size),
            Resolution::Fine(count) => units / count,
            // Less than 2^94, and the exponent is at most 127.
            Resolution::Binary(exponent) => (units * 1_000_000_000) >> exponent,
        };
        let time = nanoseconds as i128 + self.offset;
        Timestamp(time.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(resolution: u8, offset: i64, units: u64) -> i64 {
        let mut clock = Clock::default();
        clock.set_resolution(resolution);
        clock.set_offset(offset);
        clock.time(units).0
    }

    #[test]
    fn units_become_nanoseconds() {
        assert_eq!(Clock::default().time(1_500_000).0, 1_500_000_000);
        assert_eq!(time(0, 0, 3), 3_000_000_000);
        assert_eq!(time(9, 0, 3), 3);
        assert_eq!(time(12, 0, 3_999), 3);
        assert_eq!(time(0x8a, 0, 1_536), 1_500_000_000);
        assert_eq!(time(6, -2, 1_000_000), -1_000_000_000);
    }

    #[test]
    fn nothing_overflows() {
        for value in 0..=u8::MAX {
            for units in [0, 1, u64::MAX] {
                for offset in [i64::MIN, 0, i64::MAX] {
                    time(value, offset, units);
                }
            }
        }
        assert_eq!(time(0, 0, u64::MAX), i64::MAX);
        assert_eq!(time(0, i64::MIN, 0), i64::MIN);
        assert_eq!(time(127, 0, u64::MAX), 0);
        assert_eq!(time(0xff, 0, u64::MAX), 0);
    }
}
