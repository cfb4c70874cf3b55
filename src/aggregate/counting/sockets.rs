//! Long-lived sockets: those that ask again and again from one port, and how long each of them was
//! left without an answer. Fresh ports, which nearly all lookups have, never come here.

use super::{Counting, Pair};
use crate::aggregate::SHARED;
use crate::aggregate::handover::Told;
use crate::aggregate::marks::{Frames, Period};
use crate::matcher::Transaction;
use crate::model::{Address, PacketMeta, Span, Timestamp};

/// Long-lived sockets at most: each of 4,000 pods with eight of them. 7 MB at worst.
pub(in crate::aggregate) const MAX_SOCKETS: usize = 1 << 15;

/// Questions of one socket in a row without an answer to any, and how fresh ports did meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// First and last question.
    pub period: Period,
    /// Questions.
    pub asked: u64,
    /// What fresh ports of the same client asked the same server within the period.
    pub fresh_asked: u64,
    /// What was answered to them.
    pub fresh_answered: u64,
    /// Frames of questions.
    pub frames: Frames,
}

impl Silence {
    /// From the first question to the last.
    pub fn length(&self) -> Span {
        if self.period.any() { self.period.last.since(self.period.first) } else { Span::ZERO }
    }
}

/// One socket and the server that it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Socket {
    /// Place of its pair of client and server.
    pub pair: u32,
    /// Its port.
    pub port: u16,
    /// Questions, from when the port was known to be in use for longer.
    pub asked: u64,
    /// Of these answered.
    pub answered: u64,
    /// Of these without an answer.
    pub unanswered: u64,
    /// Of these, those that were seen on their way on.
    pub beyond: u64,
    /// Where the last of those was going.
    pub backend: Address,
    /// When answers came.
    pub answers: Period,
    longest: Silence,
    current: Silence,
    /// What fresh ports had asked and been answered when `current` began.
    before: (u64, u64),
}

impl Socket {
    /// A socket without questions.
    pub(super) fn new(pair: u32, port: u16) -> Socket {
        Socket { pair, port, ..Socket::default() }
    }

    /// Notes a question. `pair` is its pair, with this question counted.
    pub(super) fn ask(&mut self, time: Timestamp, frame: u64, pair: &Pair) {
        let all = pair.all();
        let fresh = (all.sent - pair.reused, all.answered - pair.reused_answered);
        self.asked += 1;
        let current = &mut self.current;
        if current.asked == 0 {
            self.before = fresh;
        }
        current.asked += 1;
        current.period.note(time);
        current.frames.note(frame);
        current.fresh_asked = fresh.0 - self.before.0;
        current.fresh_answered = fresh.1 - self.before.1;
    }

    /// Notes an answer.
    pub(super) fn answer(&mut self, time: Timestamp) {
        self.answered += 1;
        self.answers.note(time);
        self.longest = self.silence();
        self.current = Silence::default();
    }

    /// Notes a question that stayed without an answer.
    pub(super) fn lose(&mut self, transaction: &Transaction) {
        self.unanswered += 1;
        if let [_, .., last] = transaction.legs() {
            self.beyond += 1;
            self.backend = last.server;
        }
    }

    /// The longest run of questions without an answer.
    pub fn silence(&self) -> Silence {
        if self.current.length() > self.longest.length() { self.current } else { self.longest }
    }
}

impl Counting {
    /// Counts a question of a long-lived socket, with its pair.
    pub(super) fn ask_again(&mut self, told: Told, packet: &PacketMeta) {
        let pair = self.pairs.get_mut(told.pair);
        pair.reused += 1;
        if told.socket != SHARED {
            self.sockets.get_mut(told.socket).ask(packet.time, packet.frame, pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(0).plus(Span::from_secs(seconds))
    }

    #[test]
    fn the_longest_silence_is_kept_and_what_others_had_meanwhile() {
        let mut pair = Pair::default();
        let mut socket = Socket::new(1, 4000);
        let mut ask = |socket: &mut Socket, seconds: i64| {
            pair.tally(1).sent += 3;
            pair.tally(1).answered += 2;
            pair.reused += 1;
            socket.ask(at(seconds), seconds as u64 + 1, &pair);
        };
        for seconds in [0, 1, 20, 40] {
            ask(&mut socket, seconds);
        }
        socket.answer(at(41));
        ask(&mut socket, 50);
        socket.answer(at(50));
        let silence = socket.silence();
        assert_eq!((silence.asked, silence.length()), (4, Span::from_secs(40)));
        assert_eq!((silence.fresh_asked, silence.fresh_answered), (6, 6));
        assert_eq!((socket.asked, socket.answered), (5, 2));
        for seconds in [60, 120] {
            ask(&mut socket, seconds);
        }
        assert_eq!(socket.silence().length(), Span::from_secs(60), "one that still lasts counts");
    }
}
