//! What fails for a time, where there is neither a loss nor a refusal to be counted: answers that come as far as
//! here and no further, and connections that nobody accepts.

use crate::aggregate::marks::{Frames, Period};
use crate::model::{PacketMeta, Timestamp};

/// Of the answers to a client this share is not seen on its way to it, while it gets nothing.
const WALL: f64 = 0.9;

/// A time in which a client asked again for what was answered, since its answers end here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// When it asked again, first and last.
    pub period: Period,
    /// How often.
    pub resent: u64,
    /// Answers that came between the first and the last of these.
    pub answered: u64,
    /// Of these, those that were not seen on their way to the client.
    pub undelivered: u64,
}

/// The longest of such times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissedAnswers {
    longest: Missed,
    current: Missed,
    /// All answers, and those that were not delivered, when `current` began.
    before: (u64, u64),
    /// The same when it was last asked again.
    last: (u64, u64),
}

impl MissedAnswers {
    /// Notes that something was asked again after its answer, when so many answers had come in all and so many of
    /// them ended here.
    pub(super) fn note(&mut self, time: Timestamp, answered: u64, undelivered: u64) {
        // The latest may be on its way.
        let most = undelivered.saturating_sub(self.last.1) + 1;
        let all = answered.saturating_sub(self.last.0);
        if self.current.resent > 0 && (most as f64) < WALL * all as f64 {
            (self.longest, self.current) = (self.longest(), Missed::default());
        }
        self.last = (answered, undelivered);
        if self.current.resent == 0 {
            self.before = self.last;
        }
        let current = &mut self.current;
        current.resent += 1;
        current.period.note(time);
        current.answered = answered.saturating_sub(self.before.0);
        current.undelivered = undelivered.saturating_sub(self.before.1);
    }

    /// The time in which most was asked again.
    pub fn longest(&self) -> Missed {
        if self.current.resent > self.longest.resent { self.current } else { self.longest }
    }
}

/// Connections in a row that were opened and not accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unaccepted {
    /// How many.
    pub opened: u64,
    /// When they were opened.
    pub period: Period,
    /// SYNs.
    pub frames: Frames,
}

/// The longest row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    longest: Unaccepted,
    current: Unaccepted,
}

impl Connections {
    /// Notes a SYN that opens one.
    pub(super) fn open(&mut self, packet: &PacketMeta) {
        self.current.opened += 1;
        self.current.period.note(packet.time);
        self.current.frames.note(packet.frame);
    }

    /// Notes that one was accepted.
    pub(super) fn accept(&mut self) {
        (self.longest, self.current) = (self.unaccepted(), Unaccepted::default());
    }

    /// The most that were opened in a row without one that was accepted.
    pub fn unaccepted(&self) -> Unaccepted {
        if self.current.opened > self.longest.opened { self.current } else { self.longest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(0).plus(Span::from_secs(seconds))
    }

    #[test]
    fn answers_that_are_delivered_end_a_time() {
        let mut missed = MissedAnswers::default();
        // Every fifth answer is lost, here and there.
        for turn in 0..10 {
            missed.note(at(turn * 10), 5 * turn as u64 + 1, turn as u64 + 1);
        }
        assert_eq!(missed.longest().resent, 1);
        // From now on all are.
        for turn in 0..8 {
            missed.note(at(100 + turn), 60 + 3 * turn as u64, 20 + 3 * turn as u64);
        }
        missed.note(at(200), 500, 45);
        let longest = missed.longest();
        assert_eq!((longest.resent, longest.answered, longest.undelivered), (8, 21, 21));
        assert_eq!((longest.period.first, longest.period.last), (at(100), at(107)));
    }

    #[test]
    fn a_connection_that_is_accepted_ends_a_row() {
        let mut all = Connections::default();
        let mut packet = PacketMeta::default();
        for (second, accepted) in
            [(1, true), (2, false), (3, false), (4, false), (9, true), (10, false)]
        {
            packet.time = at(second);
            packet.frame = second as u64;
            all.open(&packet);
            if accepted {
                all.accept();
            }
        }
        let longest = all.unaccepted();
        assert_eq!((longest.opened, longest.period.first, longest.period.last), (4, at(2), at(9)));
        assert_eq!(longest.frames.iter().collect::<Vec<_>>(), [2, 3, 4]);
    }
}
