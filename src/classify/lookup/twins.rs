//! The A and the AAAA question of one name, sent from one port at one moment: what the one came to
//! when the other lost a packet. Asked of what the open lookup knows anyway.

use super::ask::Ask;
use super::open::Open;
use super::{Lookups, Timestamp};
use crate::model::{Span, qtype};

/// `sendmmsg` of glibc and two `sendto` of musl put the two within some 10 µs, whether or not the first
/// is answered in between.
const TWIN_GAP: Span = Span::from_millis(1);

/// On a busy node the sender is interrupted between them: one in six came up to 12 ms later in a lab
/// with a load of eight a core. With `single-request` the second waits for the answer to the first.
const LATE_TWIN_GAP: Span = Span::from_millis(20);

/// What became of the other question of a pair by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Twin {
    /// There is none: another port, another moment, or a name asked for one family only.
    None,
    /// Nobody knows any more: the same name was asked for again meanwhile, by another thread.
    Unknown,
    /// No answer yet: it lost a packet, too, or is slow.
    Waiting,
    /// It was answered only after it was sent again.
    Rescued,
    /// It was answered at once. `first`: it was sent before this one.
    Answered {
        /// Whether it was.
        first: bool,
    },
}

/// Where the other family of a question's stands among the asks of a lookup.
fn other(kind: u16) -> Option<(usize, usize)> {
    match kind {
        qtype::A => Some((0, 1)),
        qtype::AAAA => Some((1, 0)),
        _ => None,
    }
}

impl Open {
    /// The places of a question and its twin, if the two were sent together from `port`.
    fn twin(&self, kind: u16, port: u16) -> Option<(usize, usize)> {
        (self.paired && self.ports == [port; 2]).then_some(other(kind)?)
    }

    /// Notes whether the question of this type that was just taken is the second of two.
    pub(super) fn pair_up(&mut self, kind: usize) {
        let other = 1 - kind;
        let apart = self.sent[kind].since(self.sent[other]);
        let most = if self.asks[other] == Ask::Waiting { LATE_TWIN_GAP } else { TWIN_GAP };
        self.paired = self.asks[other] != Ask::No
            && self.ports[0] == self.ports[1]
            && (Span::ZERO..=most).contains(&apart);
    }
}

impl Lookups {
    /// Whether a question that was just taken is the second of two that were sent together.
    pub fn is_second_twin(&self, slot: u32, kind: u16, port: u16) -> bool {
        self.open.get(slot as usize).is_some_and(|open| open.twin(kind, port).is_some())
    }

    /// What became of the twin of a question that lost a packet. `rescued`: the question is answered
    /// now, after it was sent again. `sent` is when it was first sent.
    pub fn twin_of(
        &mut self,
        (slot, generation): (u32, u32),
        (name_hash, kind): (u64, u16),
        port: u16,
        sent: Timestamp,
        rescued: bool,
    ) -> Twin {
        let Some(open) = self.open.get_mut(slot as usize) else { return Twin::None };
        let Some((own, _)) = other(kind) else { return Twin::None };
        if (open.generation, open.name_hash, open.sent[own]) != (generation, name_hash, sent) {
            return Twin::Unknown;
        }
        let Some((_, other)) = open.twin(kind, port) else { return Twin::None };
        let twin = match open.asks[other] {
            Ask::No => Twin::None,
            Ask::Waiting => Twin::Waiting,
            Ask::Done(_) if open.rescued[other] => Twin::Rescued,
            Ask::Done(_) => {
                Twin::Answered { first: (open.sent[other], other) < (open.sent[own], own) }
            }
        };
        open.rescued[own] |= rescued;
        twin
    }
}

#[cfg(test)]
mod tests {
    use super::super::Question;
    use super::*;
    use crate::classify::Outcome;
    use crate::model::{Capacity, NameHasher};

    const PORT: u16 = 4000;

    fn ask(lookups: &mut Lookups, kind: u16, port: u16, micros: i64) -> (u32, u32) {
        let question = Question {
            client: 0,
            name: b"\x01a\x00",
            name_hash: 5,
            qtype: kind,
            time: at(micros),
            frame: 1,
            socket: u32::from(port) << 16 | 7,
            server: 0,
        };
        lookups.asked(&question, &mut |_| {})
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp(0).plus(Span::from_micros(micros))
    }

    #[test]
    fn two_families_from_one_port_at_once_are_twins() {
        for (port, apart, twins) in
            [(PORT, 12, true), (PORT, 9000, true), (PORT + 1, 12, false), (PORT, 25_000, false)]
        {
            let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
            let (slot, _) = ask(&mut lookups, qtype::A, PORT, 0);
            assert!(!lookups.is_second_twin(slot, qtype::A, PORT));
            assert_eq!(ask(&mut lookups, qtype::AAAA, port, apart).0, slot);
            assert_eq!(lookups.is_second_twin(slot, qtype::AAAA, port), twins, "{port} {apart}");
        }
    }

    #[test]
    fn the_other_one_s_fate_is_remembered() {
        let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
        let place = ask(&mut lookups, qtype::A, PORT, 0);
        ask(&mut lookups, qtype::AAAA, PORT, 10);
        let twin = |lookups: &mut Lookups, kind, micros| {
            lookups.twin_of(place, (5, kind), PORT, at(micros), true)
        };
        assert_eq!(twin(&mut lookups, qtype::AAAA, 10), Twin::Waiting);
        lookups.answered(place.0, place.1, 5, qtype::A, Outcome::Answered, at(900));
        assert_eq!(twin(&mut lookups, qtype::AAAA, 10), Twin::Answered { first: true });
        lookups.answered(place.0, place.1, 5, qtype::AAAA, Outcome::NoData, at(5_000_000));
        assert_eq!(twin(&mut lookups, qtype::A, 0), Twin::Rescued);
        ask(&mut lookups, qtype::HTTPS, PORT, 20);
        for (generation, sent) in [(9, 0), (place.1, 4)] {
            let place = (place.0, generation);
            let twin = lookups.twin_of(place, (5, qtype::A), PORT, at(sent), false);
            assert_eq!(twin, Twin::Unknown);
        }
    }
}
