//! How much each cluster DNS server was asked, bin by bin in time, and how well it answered: names of
//! the cluster above all, which it answers from memory.

use std::ops::Range;

use super::servers::Server;
use crate::aggregate::marks::{Frames, Period};
use crate::classify::Zone;
use crate::matcher::{RETENTION, Transaction};
use crate::model::{Address, Span, Timestamp};

/// Servers measured at most: large clusters run some tens of CoreDNS pods. 7 MB at worst.
const MAX_LOADED: usize = 64;

/// Bins of one server at most; then they widen.
const MAX_BINS: usize = 512;

/// Width of a bin at first: short enough that a burst of some milliseconds spoils one or two.
const BIN: Span = Span::from_millis(250);

/// An answer from memory never takes so long, unless the server is busy with others: in the lab and in
/// CoreDNS' own measurements it takes some hundred microseconds, across zones 2 ms.
const SLOW: Span = Span::from_millis(50);

/// A server that answers nothing for so long, while somebody waits at least half of
/// that time, and then goes on, was not given the processor: the kernel deals out CFS quota every 100 ms.
const STALLS: Range<Span> = Span::from_millis(20)..Span::from_millis(111);

/// No answer for so long is a silence.
const SILENCE: Span = Span::from_secs(1);

/// Place of a server that found no room.
const REFUSED: u16 = u16::MAX;

/// Latencies in half octaves from 64 µs to a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread([u32; Spread::STEPS]);

impl Default for Spread {
    fn default() -> Spread {
        Spread([0; Spread::STEPS])
    }
}

impl Spread {
    const STEPS: usize = 42;
    const FIRST_US: u64 = 64;

    fn note(&mut self, delay: Span) {
        self.0[Spread::step(delay)] += 1;
    }

    /// Twice the logarithm to base 2, rounded down: the highest bit tells the octave, and the square
    /// its half.
    fn step(delay: Span) -> usize {
        // Two minutes, where the steps end: nothing waits so long.
        const LAST_US: u64 = (Spread::FIRST_US << (Spread::STEPS / 2)) - 1;
        let micros = delay.as_micros().clamp(Spread::FIRST_US, LAST_US);
        let square = micros * micros / (Spread::FIRST_US * Spread::FIRST_US);
        square.ilog2() as usize
    }

    fn add(&mut self, other: &Spread) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    /// The latency that this share (0 to 1) of them does not exceed, to a half octave.
    pub fn quantile(&self, share: f64) -> Span {
        let all: u64 = self.0.iter().map(|&count| u64::from(count)).sum();
        let (wanted, mut below) = ((all as f64 * share).ceil() as u64, 0);
        for (step, &count) in self.0.iter().enumerate() {
            below += u64::from(count);
            if below >= wanted && below > 0 {
                let micros = Spread::FIRST_US as f64 * ((step + 1) as f64 / 2.0).exp2();
                return Span::from_micros(micros as i64);
            }
        }
        Span::ZERO
    }
}

/// What one server was asked in some time. Questions count when they were first sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Questions of any kind.
    pub asked: u32,
    /// Of these, for names of the cluster, answered without being sent again.
    pub answered: u32,
    /// Of those, answered later than `SLOW`.
    pub slow: u32,
    /// For names of the cluster, unanswered in silence, or answered only after they were sent again.
    pub lost: u32,
    /// How long the answers took.
    pub spread: Spread,
}

impl Load {
    /// Counts a question that was answered after `delay`, or not without being sent again, and says whether
    /// that was slow.
    fn settle(&mut self, delay: Option<Span>) -> bool {
        let Some(delay) = delay else {
            self.lost += 1;
            return false;
        };
        let slow = delay > SLOW;
        self.answered += 1;
        self.slow += u32::from(slow);
        self.spread.note(delay);
        slow
    }

    /// Adds another time's.
    pub fn add(&mut self, other: &Load) {
        self.asked += other.asked;
        self.answered += other.answered;
        self.slow += other.slow;
        self.lost += other.lost;
        self.spread.add(&other.spread);
    }
}

/// What became of a question.
#[derive(Clone, Copy)]
pub(super) struct Settled {
    /// Whose name it was for, as a [`Zone`].
    zone: u8,
    /// When it was first sent.
    sent: Timestamp,
    /// When it was answered, and in which frame; `None`: never.
    answered: Option<(Timestamp, u64)>,
    /// It was sent again before.
    again: bool,
}

impl Settled {
    pub(super) fn of(
        transaction: &Transaction,
        zone: u8,
        answered: Option<(Timestamp, u64)>,
    ) -> Settled {
        Settled {
            zone,
            sent: transaction.first_sent,
            answered,
            again: transaction.retransmissions > 0,
        }
    }
}

/// One server's load.
#[derive(Clone, Debug)]
pub struct ServerLoad {
    /// The server.
    pub address: Address,
    /// Names outside the cluster, all the time together.
    pub external: Load,
    /// Times that it said nothing for a while although it had been asked, and how long together.
    pub stalls: (u64, Span),
    /// The longest time that it answered nothing while somebody waited all along.
    pub pause: Period,
    /// Queries whose answer was slow.
    pub slow_frames: Frames,
    /// The last silence, whether anybody waited or not.
    silence: Period,
    /// What is asked until then waits for nearly all of that silence, which is longer than the longest
    /// such one so far; the beginning of time where it is not.
    early: Timestamp,
    last_answer: Timestamp,
    /// The first bin, in widths since 1970, and that width in nanoseconds.
    first: i64,
    width: i64,
    bins: Vec<Load>,
    /// The bin asked for last, and the moments that lie in it.
    last: (usize, Range<Timestamp>),
}

impl ServerLoad {
    /// A server that answers for the first time.
    fn new(address: Address, sent: Timestamp, answered: Timestamp) -> ServerLoad {
        // What was lost before the first answer is known only when it is given up.
        let first = sent.0.saturating_sub(RETENTION.0) / BIN.0;
        ServerLoad {
            address,
            external: Load::default(),
            stalls: (0, Span::ZERO),
            pause: Period::default(),
            slow_frames: Frames::default(),
            silence: Period::default(),
            early: Timestamp::MIN,
            last_answer: answered,
            first,
            width: BIN.0,
            bins: Vec::new(),
            last: (0, Timestamp(0)..Timestamp(0)),
        }
    }

    /// The place of the bin of a moment.
    fn at(&mut self, time: Timestamp) -> usize {
        if !self.last.1.contains(&time) {
            self.turn_to(time);
        }
        self.last.0
    }

    #[cold]
    fn turn_to(&mut self, time: Timestamp) {
        let mut bin = time.0.div_euclid(self.width);
        while bin - self.first >= MAX_BINS as i64 {
            self.widen();
            bin = time.0.div_euclid(self.width);
        }
        let at = (bin - self.first).max(0) as usize;
        if at >= self.bins.len() {
            self.bins.resize(at + 1, Load::default());
        }
        let start = Timestamp(bin.saturating_mul(self.width));
        self.last = (at, start..start.plus(Span(self.width)));
    }

    /// Twice the width. Bins lie at multiples of it, so that those of two parts of a capture match.
    fn widen(&mut self) {
        let odd = self.first.rem_euclid(2) as usize;
        let mut wide = vec![Load::default(); (self.bins.len() + odd).div_ceil(2)];
        for (at, bin) in (odd..).zip(&self.bins) {
            wide[at / 2].add(bin);
        }
        self.first = self.first.div_euclid(2);
        self.width *= 2;
        self.bins = wide;
    }

    fn note(&mut self, settled: &Settled) {
        let Settled { zone, sent, answered, again } = *settled;
        let delay = answered.filter(|_| !again).map(|(time, _)| time.since(sent).max(Span::ZERO));
        let at = self.at(sent);
        let bin = &mut self.bins[at];
        bin.asked += 1;
        if zone == Zone::Cluster as u8 {
            let slow = bin.settle(delay);
            if slow && let Some((_, frame)) = answered {
                self.slow_frames.note(frame);
            }
        } else if zone == Zone::External as u8 {
            self.external.asked += 1;
            self.external.settle(delay);
        }
        let Some((time, _)) = answered else { return };
        let gap = time.since(self.last_answer);
        self.note_pause(sent, time, gap);
        if zone == Zone::Cluster as u8
            && let Some(delay) = delay
        {
            self.note_stall(delay, gap);
        }
        self.last_answer = self.last_answer.max(time);
    }

    /// What is asked early in a silence and answered behind it waited for nearly all of it.
    fn note_pause(&mut self, sent: Timestamp, time: Timestamp, gap: Span) {
        if gap >= SILENCE {
            let silence = Period { first: self.last_answer, last: time };
            let fifth = Span(silence.length().0 / 5);
            let longer = silence.length() > self.pause.length();
            self.silence = silence;
            self.early = if longer { silence.first.plus(fifth) } else { Timestamp::MIN };
        }
        if sent <= self.early && time >= self.silence.last {
            self.pause = self.silence;
            self.early = Timestamp::MIN;
        }
    }

    fn note_stall(&mut self, delay: Span, gap: Span) {
        if STALLS.contains(&gap) && delay.0 * 2 >= gap.0 {
            self.stalls.0 += 1;
            self.stalls.1.0 += gap.0;
        }
    }

    /// Width of a bin.
    pub fn width(&self) -> Span {
        Span(self.width)
    }

    /// The bins, with the moment at which each begins.
    pub fn bins(&self) -> impl Iterator<Item = (Timestamp, &Load)> {
        let (first, width) = (self.first, self.width);
        let start = move |at: usize| Timestamp((first + at as i64).saturating_mul(width));
        self.bins.iter().enumerate().map(move |(at, load)| (start(at), load))
    }
}

/// The load of all servers that answer names of the cluster.
#[derive(Clone, Default)]
pub struct Loads {
    rows: Vec<ServerLoad>,
    /// Servers that found no room.
    pub overflowed: u64,
}

impl Loads {
    /// Counts a question that was settled, where it was seen last on its way: to `server`. One that was
    /// never asked for a name of the cluster is no cluster DNS.
    pub(super) fn note(&mut self, server: &mut Server, settled: &Settled) {
        if server.load == 0 {
            let Some((time, _)) = settled.answered.filter(|_| settled.zone == Zone::Cluster as u8)
            else {
                return;
            };
            if self.rows.len() < MAX_LOADED {
                self.rows.push(ServerLoad::new(server.address, settled.sent, time));
                server.load = self.rows.len() as u16;
            } else {
                self.overflowed += 1;
                server.load = REFUSED;
            }
        }
        if let Some(row) = self.rows.get_mut(usize::from(server.load) - 1) {
            row.note(settled);
        }
    }

    /// All of them, in the order of their addresses.
    pub fn rows(&self) -> Vec<&ServerLoad> {
        let mut rows: Vec<&ServerLoad> = self.rows.iter().collect();
        rows.sort_unstable_by_key(|row| row.address);
        rows
    }
}

#[cfg(test)]
mod tests;
