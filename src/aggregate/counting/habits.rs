//! How a client asks: what tells one stub resolver's questions from another's, counted.
//!
//! A resolver that wants both address families asks A and AAAA of a name one right after the other.
//! Whether both leave from one port, how far their IDs are apart, what EDNS says and which comes
//! first is written in its source, and no option of an operator changes it. Timers can be set.

use crate::matcher::{Sighting, Transaction, Transport};
use crate::model::{Span, Timestamp, qtype};

/// The second question of a pair comes at once, or, with `options single-request`, right after the
/// first answer. Later it is another lookup of the same name.
const PAIR_GAP: Span = Span::from_millis(250);

/// From two ports the two leave at once, if they are a pair: each has a thread of its own.
const TWO_PORTS_GAP: Span = Span::from_millis(5);

/// musl takes IDs from the clock, in nanoseconds, and adds 256 if the first octets are equal. In the
/// lab the second was 120 to 403 above the first. IDs that are drawn lie so close once in 45 times.
const CLOCK_IDS: std::ops::RangeInclusive<u16> = 24..=1500;

/// What Go and c-ares say that they can take (DNS Flag Day 2020).
const FLAG_DAY_SIZE: u16 = 1232;

/// What glibc says with `options edns0`: a pair like any other of glibc's.
const GLIBC_SIZE: u16 = 1200;

/// Sooner than any resolver's timer: asked again for another reason, such as a SERVFAIL.
pub(super) const SOONEST_TIMER: Span = Span::from_millis(200);

/// dig, host and nslookup ask again from another port with the same ID, too, but after 5 s; c-ares waits
/// five times what answers took of late, 1.0 s in the lab, and 2 s while it does not know.
const LONGEST_MOVE: Span = Span::from_millis(4_500);

/// How a pair looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Habit {
    /// One port, no EDNS, IDs drawn.
    OnePort,
    /// One port, no EDNS, the second ID a little above the first.
    ClockIds,
    /// One port, EDNS.
    OnePortEdns,
    /// Two ports at once, EDNS with 1232 octets.
    TwoPorts1232,
    /// Two ports at once, EDNS with another size.
    TwoPortsEdns,
    /// Two ports at once, no EDNS, A first.
    TwoPorts,
    /// The same, AAAA first: the two do not wait for each other.
    TwoPortsUnordered,
}

/// Kinds of [`Habit`].
const HABITS: usize = 7;

/// One client's habits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// The last question: the name's hash, cut; when; its port, ID and type.
    name: u32,
    micros: u32,
    port: u16,
    id: u16,
    kind: u16,
    /// That question was the second of a pair.
    paired: bool,
    pairs: [u16; HABITS],
    /// Further names asked from the port of the name before.
    pub kept_port: u16,
    /// Further names asked from another port.
    pub changed_port: u16,
    /// Questions that were sent again from the same port with the same ID, when a timer ran out.
    pub repeated: u16,
    /// The shortest such timer, in milliseconds.
    timer: u16,
    /// Questions that were asked again from another port with the same ID.
    pub moved: u16,
    /// Of these, those of names that were not asked for both address families.
    pub moved_alone: u16,
}

impl Habits {
    /// Takes a new question.
    pub(super) fn note(&mut self, query: &Sighting<'_>) {
        let (packet, message) = (query.packet, query.message);
        if query.transport != Transport::Udp || !matches!(message.qtype, qtype::A | qtype::AAAA) {
            return;
        }
        let before = *self;
        // An hour and more goes by before the cut time is the same again.
        self.micros = micros(packet.time);
        self.name = message.qname_hash as u32;
        (self.port, self.id, self.kind) = (packet.source_port, message.id, message.qtype);
        self.paired = false;
        if before.port == 0 {
            return;
        }
        if before.name != self.name {
            let count =
                if before.port == self.port { &mut self.kept_port } else { &mut self.changed_port };
            *count = count.saturating_add(1);
        } else if before.kind != self.kind
            && !before.paired
            && let Some(habit) = self.pair_after(&before, message.edns, message.edns_size)
        {
            let count = &mut self.pairs[habit as usize];
            *count = count.saturating_add(1);
            self.paired = true;
        }
    }

    fn pair_after(&self, first: &Habits, edns: bool, size: u16) -> Option<Habit> {
        let gap = Span::from_micros(i64::from(self.micros.wrapping_sub(first.micros)));
        if first.port == self.port {
            let close = CLOCK_IDS.contains(&self.id.wrapping_sub(first.id));
            return (gap <= PAIR_GAP).then_some(match () {
                () if edns && size != GLIBC_SIZE => Habit::OnePortEdns,
                () if close && self.kind == qtype::AAAA => Habit::ClockIds,
                () => Habit::OnePort,
            });
        }
        (gap <= TWO_PORTS_GAP).then_some(match () {
            () if edns && size == FLAG_DAY_SIZE => Habit::TwoPorts1232,
            () if edns => Habit::TwoPortsEdns,
            () if self.kind == qtype::A => Habit::TwoPortsUnordered,
            () => Habit::TwoPorts,
        })
    }

    /// Takes a question that was sent again.
    pub(super) fn note_repeated(&mut self, transaction: &Transaction) {
        let waited = repeat_wait(transaction);
        if waited < SOONEST_TIMER || transaction.transport != Transport::Udp {
            return;
        }
        let timer = u16::try_from(waited.as_micros() / 1000).unwrap_or(u16::MAX);
        self.timer = if self.repeated == 0 { timer } else { self.timer.min(timer) };
        self.repeated = self.repeated.saturating_add(1);
    }

    /// Takes a question that is asked again [from another port](is_move).
    pub(super) fn note_moved(&mut self, alone: bool) {
        self.moved = self.moved.saturating_add(1);
        self.moved_alone = self.moved_alone.saturating_add(u16::from(alone));
    }

    /// Pairs that looked like this.
    pub fn pairs(&self, habit: Habit) -> u64 {
        u64::from(self.pairs[habit as usize])
    }

    /// How long it waited at least before it asked again, if it did.
    pub fn timer(&self) -> Option<Span> {
        (self.repeated > 0).then(|| Span::from_millis(i64::from(self.timer)))
    }

    /// Adds what another part of the capture showed of the same client. A pair across the border
    /// is lost.
    pub fn add(&mut self, other: &Habits) {
        for (sum, more) in self.pairs.iter_mut().zip(other.pairs) {
            *sum = sum.saturating_add(more);
        }
        self.kept_port = self.kept_port.saturating_add(other.kept_port);
        self.changed_port = self.changed_port.saturating_add(other.changed_port);
        self.timer = match (self.timer(), other.timer()) {
            (Some(_), Some(_)) => self.timer.min(other.timer),
            (None, _) => other.timer,
            (_, None) => self.timer,
        };
        self.repeated = self.repeated.saturating_add(other.repeated);
        self.moved = self.moved.saturating_add(other.moved);
        self.moved_alone = self.moved_alone.saturating_add(other.moved_alone);
    }
}

/// Whether a question that was `waited` for so long, and is asked again from another port, is one of c-ares'.
pub(in crate::aggregate) fn is_move(waited: Span) -> bool {
    waited < LONGEST_MOVE
}

/// How long its client waited before it sent a question again, on average.
pub(super) fn repeat_wait(transaction: &Transaction) -> Span {
    let times = i64::from(transaction.retransmissions).max(1);
    Span(transaction.last_sent.since(transaction.first_sent).0 / times)
}

fn micros(time: Timestamp) -> u32 {
    (time.0 / 1000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Message, NameHasher, PacketMeta};

    fn ask(habits: &mut Habits, at: i64, port: u16, id: u16, kind: u16, size: u16) {
        let message = Message {
            id,
            qtype: kind,
            qname_hash: 7,
            edns: size > 0,
            edns_size: size,
            ..Message::default()
        };
        let packet =
            PacketMeta { time: Timestamp(at * 1000), source_port: port, ..PacketMeta::default() };
        let hasher = NameHasher::with_seed(1);
        habits.note(&Sighting::new(&packet, Transport::Udp, &message, &[], &hasher));
    }

    #[test]
    fn pairs_are_told_by_ports_ids_and_edns() {
        let cases = [
            ((1, 500), (1, 20_000), 0, Habit::OnePort),
            ((1, 500), (1, 780), 0, Habit::ClockIds),
            ((1, 65_500), (1, 100), 0, Habit::ClockIds),
            ((1, 500), (1, 780), 1232, Habit::OnePortEdns),
            ((1, 500), (1, 9_000), 1200, Habit::OnePort),
            ((1, 500), (2, 9_000), 1232, Habit::TwoPorts1232),
            ((1, 500), (2, 9_000), 512, Habit::TwoPortsEdns),
            ((1, 500), (2, 9_000), 0, Habit::TwoPorts),
        ];
        for (first, second, size, habit) in cases {
            let mut habits = Habits::default();
            ask(&mut habits, 10, first.0, first.1, qtype::A, size);
            ask(&mut habits, 90, second.0, second.1, qtype::AAAA, size);
            assert_eq!(habits.pairs(habit), 1, "{habit:?}");
            assert_eq!(habits.pairs.iter().sum::<u16>(), 1, "{habit:?}");
        }
    }

    #[test]
    fn two_lookups_are_no_pair() {
        let mut habits = Habits::default();
        ask(&mut habits, 10, 1, 1, qtype::A, 0);
        ask(&mut habits, 400_000, 1, 2, qtype::AAAA, 0);
        ask(&mut habits, 500_000, 2, 3, qtype::A, 0);
        assert_eq!(habits.pairs, [0; HABITS]);
    }

    #[test]
    fn habits_add_up() {
        let mut one = Habits { repeated: 1, timer: 5000, ..Habits::default() };
        one.pairs[0] = u16::MAX;
        let mut two = Habits { repeated: 2, timer: 2500, kept_port: 3, ..Habits::default() };
        two.pairs[0] = 1;
        one.add(&two);
        assert_eq!((one.pairs[0], one.repeated, one.kept_port), (u16::MAX, 3, 3));
        assert_eq!(one.timer(), Some(Span::from_millis(2500)));
    }
}
