//! Questions that were lost in a row: between the first and the last of them nothing was answered.
//!
//! Only trouble touches these lists; a quiet client has silences and loses nothing.

use super::activity::Activity;
use crate::aggregate::marks::{Frames, Period};
use crate::matcher::Transaction;
use crate::model::Span;

/// Lapses kept of one row, 1 KiB: random loss makes many of one question each, an outage one of
/// many.
const MAX_LAPSES: usize = 16;

/// Seconds are the unit of what is known of answers.
const SHORT: Span = Span::from_secs(2);

/// What became of a question that lost a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// No answer, no word.
    Lost,
    /// An ICMP error or RST.
    Refused,
    /// Answered after it was sent again.
    Rescued,
}

/// Questions lost in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lapse {
    /// From the first lost transmission to the last.
    pub losses: Period,
    /// Questions without an answer or a word.
    pub lost: u64,
    /// Questions that were refused.
    pub refused: u64,
    /// Questions that were answered after they were sent again.
    pub rescued: u64,
    /// Of all these, those sent in a second in which nothing was answered at all: in the seconds in
    /// which the lapse begins and ends, others may have been answered.
    pub alone: u64,
    /// Some of their queries.
    pub frames: Frames,
}

impl Lapse {
    /// Questions that lost a packet.
    pub fn hurt(&self) -> u64 {
        self.lost + self.refused + self.rescued
    }

    /// Too short for the seconds of its borders to be told from what is between.
    pub fn is_short(&self) -> bool {
        self.losses.last.since(self.losses.first) < SHORT
    }

    /// Whether somebody with these answers had some while it lasted: as far as seconds tell.
    pub fn spares(&self, heard: &Activity) -> bool {
        let Period { first, last } = self.losses;
        if self.is_short() { heard.any_within(first, last) } else { heard.any_inside(first, last) }
    }

    /// Adds another one.
    pub fn join(&mut self, other: &Lapse) {
        self.losses.join(other.losses);
        self.lost += other.lost;
        self.refused += other.refused;
        self.rescued += other.rescued;
        self.alone += other.alone;
        other.frames.iter().for_each(|frame| self.frames.note(frame));
    }
}

/// The lapses of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lapses {
    list: Vec<Lapse>,
}

impl Lapses {
    /// All that are kept.
    pub fn iter(&self) -> impl Iterator<Item = &Lapse> {
        self.list.iter()
    }

    /// Notes a question of a row that was answered when `heard` says.
    #[cold]
    pub(super) fn note(&mut self, transaction: &Transaction, fate: Fate, heard: &Activity) {
        let time = transaction.first_sent;
        let alone = u64::from(!heard.any_within(time, time));
        let mut lapse = Lapse { alone, ..Lapse::default() };
        lapse.losses.note(time);
        lapse.frames.note(transaction.first_frame);
        match fate {
            Fate::Lost => lapse.lost = 1,
            Fate::Refused => lapse.refused = 1,
            Fate::Rescued => lapse.rescued = 1,
        }
        // What was sent again in vain went the same way.
        if fate != Fate::Rescued && !heard.any_inside(time, transaction.last_sent) {
            lapse.losses.note(transaction.last_sent);
        }
        self.add(lapse, heard);
    }

    /// Adds a lapse to the one with nothing heard in between, or as a new one. When they are too many,
    /// the smallest of the old ones is forgotten: its losses are scattered.
    pub fn add(&mut self, lapse: Lapse, heard: &Activity) {
        let joined = self.list.iter_mut().rev().find(|known| {
            let whole = Period::of([known.losses, lapse.losses]);
            !heard.any_inside(whole.first, whole.last)
        });
        if let Some(known) = joined {
            return known.join(&lapse);
        }
        if self.list.is_empty() {
            // More than one is rare: most rows that lose anything lose one question.
            self.list.reserve_exact(1);
        } else if self.list.len() == MAX_LAPSES {
            let smallest = (0..MAX_LAPSES).min_by_key(|&at| self.list[at].hurt());
            smallest.map(|at| self.list.remove(at));
        }
        self.list.push(lapse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000_000 + 500_000_000)
    }

    fn one(second: i64) -> Lapse {
        let mut lapse = Lapse { lost: 1, ..Lapse::default() };
        lapse.losses.note(at(second));
        lapse
    }

    #[test]
    fn losses_are_joined_where_nothing_was_heard_in_between() {
        let mut heard = Activity::default();
        for second in [1, 2, 3, 7, 37, 38, 60] {
            heard.note(at(second));
        }
        let mut lapses = Lapses::default();
        // In the order in which they are told, which is not that in which they were sent.
        for second in [12, 7, 37, 20, 8, 50, 36] {
            lapses.add(one(second), &heard);
        }
        let seen: Vec<(u64, i64, i64)> = lapses
            .iter()
            .map(|l| (l.lost, l.losses.first.seconds(), l.losses.last.seconds()))
            .collect();
        assert_eq!(seen, [(6, 7, 37), (1, 50, 50)]);
    }

    #[test]
    fn scattered_losses_do_not_drive_out_an_outage() {
        let mut heard = Activity::default();
        for second in (0..1000).filter(|second| !(400..430).contains(second)) {
            heard.note(at(second));
        }
        let mut lapses = Lapses::default();
        for second in (0..1000).step_by(10) {
            lapses.add(one(second), &heard);
        }
        assert_eq!(lapses.iter().count(), MAX_LAPSES);
        // 400, 410 and 420; and 430, which is the first second with an answer.
        assert_eq!(lapses.iter().map(Lapse::hurt).max(), Some(4));
    }
}
