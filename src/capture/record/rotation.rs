//! When the next file begins and what it is called, as tcpdump does with `-C`, `-G` and `-W` (tried beside
//! tcpdump 4.99.3). A state machine over packets: their times and the octets written.
//!
//! The one difference: tcpdump reads a clock for each packet, this reads the packet's own time.

use std::fmt::Write as _;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::model::{Span, Timestamp};

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// `-C`: the next file begins before the packet that finds the current one larger than this, in octets.
    pub size: Option<u64>,
    /// `-G`: or with the first packet that comes so long after the current one was opened.
    pub period: Option<Span>,
    /// `-W`: with a size, files of a ring; with a period alone, files after which the capture ends.
    pub count: Option<u32>,
}

/// What to do before a packet is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs in the current file.
    Stay,
    /// It opens the next one.
    Next,
    /// There were enough files.
    Stop,
}

/// Where the files have got to.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    rotation: Rotation,
    pattern: String,
    zone: TimeZone,
    /// When the files of this period began.
    began: Timestamp,
    /// Of these files the current one is this.
    number: u32,
    /// Periods that are over.
    periods: u32,
}

impl Schedule {
    /// The first file of `pattern`, opened at `now`; times in names are those of `zone`.
    pub(super) fn new(
        rotation: Rotation,
        pattern: &str,
        zone: TimeZone,
        now: Timestamp,
    ) -> Schedule {
        let pattern = pattern.to_owned();
        Schedule { rotation, pattern, zone, began: now, number: 0, periods: 0 }
    }

    /// What comes before a packet of this time, where the current file has `written` octets.
    pub(super) fn step(&mut self, time: Timestamp, written: u64) -> Step {
        let Rotation { size, period, count } = self.rotation;
        if period.is_some_and(|period| time.since(self.began) >= period) {
            self.began = time;
            self.periods = self.periods.saturating_add(1);
            self.number = 0;
            let enough = size.is_none() && count.is_some_and(|count| self.periods >= count);
            return if enough { Step::Stop } else { Step::Next };
        }
        if size.is_some_and(|size| written > size) {
            self.number = self.number.saturating_add(1);
            if count.is_some_and(|count| self.number >= count) {
                self.number = 0;
            }
            return Step::Next;
        }
        Step::Stay
    }

    /// What the current file is called.
    pub(super) fn name(&self) -> Result<String, String> {
        let mut name = match self.rotation.period {
            Some(_) => self.dated()?,
            None => self.pattern.clone(),
        };
        // With a ring all files have as many digits as the last one; without, the first has no number.
        let digits = match self.rotation {
            Rotation { size: Some(_), count: Some(count), .. } => digits(count),
            _ => 0,
        };
        if self.number > 0 || digits > 0 {
            let _ = write!(name, "{:0digits$}", self.number);
        }
        Ok(name)
    }

    /// The pattern with the time in it.
    fn dated(&self) -> Result<String, String> {
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.began.0))
            .map_err(|error| error.to_string())?;
        let time = time.to_zoned(self.zone.clone());
        strtime::format(&self.pattern, &time).map_err(|error| error.to_string())
    }
}

/// Digits of the largest number of `count` files that begin with 0; none for a single one.
fn digits(count: u32) -> usize {
    count.saturating_sub(1).checked_ilog10().map_or(0, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(pattern: &str, size: u64, period: i64, count: u32) -> Schedule {
        let rotation = Rotation {
            size: (size > 0).then_some(size),
            period: (period > 0).then_some(Span::from_secs(period)),
            count: (count > 0).then_some(count),
        };
        Schedule::new(rotation, pattern, TimeZone::UTC, Timestamp(0))
    }

    /// Names of the first files, each filled to the brim at time 0.
    fn filled(pattern: &str, size: u64, period: i64, count: u32) -> Vec<String> {
        let mut schedule = schedule(pattern, size, period, count);
        let mut names = vec![schedule.name().unwrap()];
        for _ in 0..4 {
            assert_eq!(schedule.step(Timestamp(0), size), Step::Stay);
            assert_eq!(schedule.step(Timestamp(0), size + 1), Step::Next);
            names.push(schedule.name().unwrap());
        }
        names
    }

    /// The names that `tcpdump -r big.pcap -w f.pcap -C 1 …` gave to files of a megabyte.
    #[test]
    fn names_are_those_of_tcpdump() {
        let plain = ["f.pcap", "f.pcap1", "f.pcap2", "f.pcap3", "f.pcap4"];
        assert_eq!(filled("f.pcap", 1, 0, 0), plain);
        assert_eq!(
            filled("f.pcap", 1, 0, 3),
            ["f.pcap0", "f.pcap1", "f.pcap2", "f.pcap0", "f.pcap1"]
        );
        assert_eq!(filled("f.pcap", 1, 0, 11)[..2], ["f.pcap00", "f.pcap01"]);
        assert_eq!(filled("f.pcap", 1, 0, 10)[..2], ["f.pcap0", "f.pcap1"]);
        // A ring of one: the file begins anew.
        assert_eq!(filled("f.pcap", 1, 0, 1), ["f.pcap"; 5]);
        assert_eq!(
            filled("f-%Y.pcap", 1, 60, 2)[..3],
            ["f-1970.pcap0", "f-1970.pcap1", "f-1970.pcap0"]
        );
        assert_eq!(
            filled("f-%Y.pcap", 1, 60, 0)[..3],
            ["f-1970.pcap", "f-1970.pcap1", "f-1970.pcap2"]
        );
        // Only with -G a name has a time.
        assert_eq!(filled("f-%H.pcap", 1, 0, 0)[0], "f-%H.pcap");
    }

    #[test]
    fn a_period_ends_with_the_first_packet_behind_it() {
        let mut schedule = schedule("f-%H%M%S", 0, 10, 3);
        assert_eq!(schedule.name().unwrap(), "f-000000");
        assert_eq!(schedule.step(Timestamp(9_999_999_999), 1), Step::Stay);
        assert_eq!(schedule.step(Timestamp(25_000_000_000), 1), Step::Next);
        // Named by the packet that opens it, and measured from there.
        assert_eq!(schedule.name().unwrap(), "f-000025");
        assert_eq!(schedule.step(Timestamp(34_000_000_000), 1), Step::Stay);
        assert_eq!(schedule.step(Timestamp(35_000_000_000), 1), Step::Next);
        assert_eq!(schedule.step(Timestamp(45_000_000_000), 1), Step::Stop);
        // A packet of the past closes nothing.
        assert_eq!(schedule.step(Timestamp(0), 1), Step::Stay);
    }

    #[test]
    fn with_both_a_ring_begins_anew_in_each_period() {
        let mut schedule = schedule("f-%S.", 100, 10, 2);
        assert_eq!(schedule.name().unwrap(), "f-00.0");
        assert_eq!(schedule.step(Timestamp(0), 101), Step::Next);
        assert_eq!(schedule.name().unwrap(), "f-00.1");
        for second in [10, 20, 30] {
            assert_eq!(schedule.step(Timestamp(second * 1_000_000_000), 101), Step::Next);
            assert_eq!(schedule.name().unwrap(), format!("f-{second}.0"));
        }
    }

    #[test]
    fn a_name_that_is_no_format_is_refused() {
        assert!(schedule("f-%!", 0, 10, 0).name().is_err());
        assert_eq!(schedule("100%%", 0, 10, 0).name().unwrap(), "100%");
    }
}
