//! Where a transaction stands in the tables, packed into the token that travels with it.

use super::{Aggregate, pairs, sockets};
use crate::classify::Zone;
use crate::matcher::Token;

/// Places in the tables, as they travel with a transaction.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub(super) pair: u32,
    /// The long-lived socket that asked; shared, where it is none or there was no room.
    pub(super) socket: u32,
    pub(super) lookup: u32,
    pub(super) generation: u32,
    /// It goes to a limited destination.
    pub(super) limited: bool,
    /// Its port was in use before.
    pub(super) reused: bool,
    pub(super) zone: u8,
}

const LIMITED: u32 = 0x10;
const REUSED: u32 = 0x20;

const _: () = assert!(
    pairs::MAX_PAIRS <= 1 << 16 && sockets::MAX_SOCKETS <= 1 << 16,
    "the places of a pair and a socket share a word"
);

impl Places {
    pub(super) fn token(self) -> Token {
        let flags = (u32::from(self.limited) * LIMITED) | (u32::from(self.reused) * REUSED);
        let last = self.generation << 8 | flags | u32::from(self.zone);
        Token([self.pair | self.socket << 16, self.lookup, last])
    }

    pub(super) fn of(Token([first, lookup, last]): Token) -> Places {
        Places {
            pair: first & 0xffff,
            socket: first >> 16,
            lookup,
            generation: last >> 8,
            limited: last & LIMITED != 0,
            reused: last & REUSED != 0,
            zone: (last & 0xf) as u8,
        }
    }
}

impl Aggregate {
    /// What a transaction's token tells: where its name belongs, and whether its client had asked
    /// from that port before.
    pub fn zone_and_reuse(token: Token) -> (Zone, bool) {
        let places = Places::of(token);
        let zone = match places.zone {
            0 => Zone::Cluster,
            1 => Zone::External,
            _ => Zone::Either,
        };
        (zone, places.reused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_comes_back() {
        for (pair, socket, limited, reused) in [(1, 0, false, true), (0xffff, 0xfffe, true, false)]
        {
            let (lookup, generation, zone) = (u32::MAX, 0x00ab_cdef, 2);
            let places = Places { pair, socket, lookup, generation, limited, reused, zone };
            let back = Places::of(places.token());
            assert_eq!((back.pair, back.socket, back.lookup), (pair, socket, lookup));
            assert_eq!((back.generation, back.limited), (generation, limited));
            assert_eq!((back.reused, back.zone), (reused, zone));
        }
    }
}
