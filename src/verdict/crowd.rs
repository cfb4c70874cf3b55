//! When the trouble was: the run of time in which the questions that came to grief crowd.

use super::facts::Facts;
use crate::aggregate::{Bin, Period, Timeline};
use crate::model::Span;

/// The worst moment is looked for in runs of so long.
const MOMENT: Span = Span::from_secs(10);

/// Inside the crowd at least this share of what goes wrong in the worst moment does.
const OF_WORST: f64 = 0.5;

/// A run of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    /// From the first second with trouble to the last, theirs included.
    pub period: Period,
    /// Questions that came to grief in it.
    pub count: u64,
    /// Questions asked in it.
    pub asked: u64,
}

impl Crowd {
    /// The run that has the most of `bad` beyond half the share that it has in the worst moment, of
    /// what was `asked`. When there is as much of it all the time, the run is the whole capture.
    pub fn of(
        timeline: &Timeline,
        bad: impl Fn(&Bin) -> u32,
        asked: impl Fn(&Bin) -> u32,
    ) -> Option<Crowd> {
        let (most, start) = timeline.peak(MOMENT, &bad);
        if most == 0 {
            return None;
        }
        let end = start.plus(MOMENT.max(timeline.width()));
        let moment = timeline.bins().filter(|(time, _)| (start..end).contains(time));
        let of_moment: u64 = moment.map(|(_, bin)| u64::from(asked(bin))).sum();
        let share = OF_WORST * Facts::share(most, of_moment.max(most));
        let (mut best, mut run, mut best_score, mut score) = (None, Crowd::default(), 0.0, 0.0);
        for (time, bin) in timeline.bins() {
            let (bad, asked) = (u64::from(bad(bin)), u64::from(asked(bin)));
            score += bad as f64 - share * asked as f64;
            if score < 0.0 {
                (run, score) = (Crowd::default(), 0.0);
                continue;
            }
            run.asked += asked;
            if bad == 0 {
                continue;
            }
            run.count += bad;
            run.period.note(time);
            run.period.note(time.plus(timeline.width()));
            if score > best_score {
                (best, best_score) = (Some(run), score);
            }
        }
        best
    }

    /// How long it is.
    pub fn length(&self) -> Span {
        self.period.last.since(self.period.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn timeline(counts: impl IntoIterator<Item = (u32, u32)>) -> Timeline {
        let mut timeline = Timeline::default();
        for (second, (asked, servfail)) in counts.into_iter().enumerate() {
            let bin = timeline.at(Timestamp(second as i64 * 1_000_000_000));
            (bin.asked, bin.servfail) = (asked, servfail);
        }
        timeline
    }

    fn found(timeline: &Timeline) -> Option<(i64, i64, u64)> {
        let crowd = Crowd::of(timeline, |bin| bin.servfail, |bin| bin.asked)?;
        Some((crowd.period.first.seconds(), crowd.period.last.seconds(), crowd.count))
    }

    #[test]
    fn a_burst_is_found_among_stray_ones() {
        let all = (0..3600).map(|s| match s {
            1000..1020 => (8, if s % 3 == 0 { 5 } else { 7 }),
            _ => (10, u32::from(s % 200 == 0)),
        });
        assert_eq!(found(&timeline(all)).map(|(a, b, _)| (a, b)), Some((1000, 1020)));
    }

    #[test]
    fn steady_trouble_takes_the_whole_capture() {
        let all = (0..600).map(|s| (10, 1 + u32::from(s % 7 == 0)));
        assert_eq!(found(&timeline(all)).map(|(a, b, _)| (a, b)), Some((0, 600)));
        assert_eq!(found(&timeline((0..100).map(|_| (10, 0)))), None);
    }

    #[test]
    fn quiet_seconds_do_not_end_it() {
        let all = (0..600).map(|s| {
            if (200..230).contains(&s) && s % 5 == 0 {
                (2, 2)
            } else if s % 5 == 0 {
                (2, 0)
            } else {
                (0, 0)
            }
        });
        assert_eq!(found(&timeline(all)), Some((200, 226, 12)));
    }
}
