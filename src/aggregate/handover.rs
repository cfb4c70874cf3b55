//! What the half that follows questions hands to the half that counts them: rows to make, and for each thing that
//! is told where it counts.
//!
//! Both halves are shown the same in the same order, the second after the first. The first knows what belongs
//! together; the second needs no more of that than the places in here.

use crate::classify::{Outcome, Twin, Zone};
use crate::matcher::Token;
use crate::model::Address;

/// What is handed over of some part of a capture. Reused.
#[derive(Clone, Debug, Default)]
pub struct Handover {
    /// Pairs that were seen for the first time, each of which gets the next place.
    pub(super) pairs: Vec<Ends>,
    /// Long-lived sockets, the same way: pair and port.
    pub(super) sockets: Vec<(u32, u16)>,
    told: Vec<Token>,
}

/// Who asks whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) client: Address,
    pub(super) server: Address,
    pub(super) client_index: u32,
}

impl Handover {
    /// Forgets all.
    pub fn clear(&mut self) {
        let Handover { pairs, sockets, told } = self;
        pairs.clear();
        sockets.clear();
        told.clear();
    }

    /// Adds where the next thing that is told counts, and the number of its lookup, if it opens a transaction.
    #[inline]
    pub(super) fn tell(&mut self, told: Told, lookup: u32) {
        self.told.push(told.token(lookup));
    }

    /// Where what is told counts, in order.
    pub fn told(&self) -> impl Iterator<Item = Token> {
        self.told.iter().copied()
    }
}

/// Where something counts, and what is known of it beside. It travels as a [`Token`], with a number of another
/// kind: the name that a transaction has in the log, or that of its lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) pair: u32,
    /// The long-lived socket that asked; shared, where it is none or there was no room.
    pub(super) socket: u32,
    flags: u32,
}

/// The lowest bits tell the zone.
const ZONE: u32 = 0x3;
/// It goes to a limited destination.
pub(super) const LIMITED: u32 = 0x4;
/// Its port was in use before.
pub(super) const REUSED: u32 = 0x8;
/// What the first half remembers of a transaction: these, and the zone.
pub(super) const KEPT: u32 = ZONE | LIMITED | REUSED;
/// It is the second of two that were sent together.
pub(super) const SECOND: u32 = 0x10;
/// It came over TCP.
pub(super) const TCP: u32 = 0x20;
/// It is a forwarder's probe.
pub(super) const PROBE: u32 = 0x40;
/// Nothing was seen of its pair before.
pub(super) const NEW_PAIR: u32 = 0x80;
/// It was asked before from another port, and waited for as long as c-ares does.
pub(super) const MOVED: u32 = 0x100;
/// Its lookup did not ask for both A and AAAA.
pub(super) const ALONE: u32 = 0x200;
const METERED: u32 = 0x400;
const OVER: u32 = 0x800;
const TWIN: u32 = 12;
const OUTCOME: u32 = 15;

/// What became of a question's twin, as three bits.
const TWINS: [Twin; 6] = [
    Twin::None,
    Twin::Unknown,
    Twin::Waiting,
    Twin::Rescued,
    Twin::Answered { first: false },
    Twin::Answered { first: true },
];

impl Told {
    pub(super) fn new(pair: u32, socket: u32, flags: u32) -> Told {
        Told { pair, socket, flags }
    }

    #[inline]
    pub(super) fn token(self, number: u32) -> Token {
        Token::new([self.pair | self.socket << 16, number, self.flags])
    }

    #[inline]
    pub(super) fn of(token: Token) -> Told {
        let [places, _, flags] = token.indexes();
        Told { pair: places & 0xffff, socket: places >> 16, flags }
    }

    /// Sets a flag.
    pub(super) fn with(self, flag: u32, set: bool) -> Told {
        let flags = if set { self.flags | flag } else { self.flags };
        Told { flags, ..self }
    }

    /// Its packet counted towards a limit, and found its sender over it or not.
    pub(super) fn metered(self, over: Option<bool>) -> Told {
        self.with(METERED, over.is_some()).with(OVER, over == Some(true))
    }

    /// What its twin came to.
    pub(super) fn with_twin(self, twin: Twin) -> Told {
        let at = TWINS.iter().position(|&known| known == twin).unwrap_or_default() as u32;
        Told { flags: self.flags | at << TWIN, ..self }
    }

    /// What the answer says.
    pub(super) fn with_outcome(self, outcome: Outcome) -> Told {
        Told { flags: self.flags | (outcome as u32) << OUTCOME, ..self }
    }

    pub(super) fn zone(self) -> u8 {
        (self.flags & ZONE) as u8
    }

    pub(super) fn is_external(self) -> bool {
        self.zone() == Zone::External as u8
    }

    /// Whether a flag is set.
    pub(super) fn is(self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Whether its packet counted towards a limit, and if so whether its sender was over it.
    pub(super) fn over(self) -> Option<bool> {
        self.is(METERED).then_some(self.is(OVER))
    }

    pub(super) fn twin(self) -> Twin {
        TWINS.get((self.flags >> TWIN & 7) as usize).copied().unwrap_or(Twin::None)
    }

    pub(super) fn outcome(self) -> Outcome {
        Outcome::ALL.get((self.flags >> OUTCOME) as usize).copied().unwrap_or(Outcome::OtherError)
    }
}

/// What a token of the second half tells of its transaction: where its name belongs, and whether its client
/// had asked from that port before.
pub fn zone_and_reuse(token: Token) -> (Zone, bool) {
    let told = Told::of(token);
    let zone = match told.zone() {
        0 => Zone::Cluster,
        1 => Zone::External,
        _ => Zone::Either,
    };
    (zone, told.is(REUSED))
}

/// The number that a token of the second half has beside: its transaction's name in the log, or its lookup's.
pub fn number_of(token: Token) -> u32 {
    token.indexes()[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_comes_back() {
        let flags = [LIMITED, REUSED, SECOND, TCP, PROBE, NEW_PAIR, MOVED, ALONE];
        for bits in 0..1_u32 << 10 {
            let is = |bit: usize| bits >> bit & 1 == 1;
            let over = is(8).then_some(is(9));
            for (at, (twin, outcome)) in (0..).zip(TWINS.into_iter().cycle().zip(Outcome::ALL)) {
                let mut told = Told::new(0xffff, 0xfffe, at % 3).with_twin(twin).metered(over);
                for (bit, &flag) in flags.iter().enumerate() {
                    told = told.with(flag, is(bit));
                }
                let told = told.with_outcome(outcome);
                let back = Told::of(told.token(u32::MAX));
                assert_eq!(back, told);
                assert_eq!((back.pair, back.socket, back.zone()), (0xffff, 0xfffe, (at % 3) as u8));
                assert_eq!(flags.map(|flag| back.is(flag)), [0, 1, 2, 3, 4, 5, 6, 7].map(is));
                assert_eq!((back.over(), back.twin(), back.outcome()), (over, twin, outcome));
                assert_eq!(number_of(told.token(7)), 7);
            }
        }
    }

    #[test]
    fn what_is_told_is_taken_in_its_order() {
        let mut handover = Handover::default();
        for number in [1, 2, 3] {
            handover.tell(Told::new(number, 0, 0), number);
        }
        assert!(handover.told().map(number_of).eq([1, 2, 3]));
        handover.clear();
        assert_eq!(handover.told().count(), 0);
    }
}
