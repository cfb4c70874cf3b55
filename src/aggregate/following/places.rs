//! Where a transaction stands in the tables of this half, packed into a token.

use crate::aggregate::counting::{MAX_PAIRS, MAX_SOCKETS};
use crate::aggregate::handover::{KEPT, LIMITED, Told};
use crate::classify::Zone;
use crate::matcher::Token;

/// What is kept of a transaction.
#[derive(Clone, Copy)]
pub(super) struct Places {
    /// What the other half has to know of it: no more than [`KEPT`] says.
    pub(super) told: Told,
    pub(super) lookup: u32,
    pub(super) generation: u32,
}

const _: () = assert!(
    MAX_PAIRS <= 1 << 16 && MAX_SOCKETS <= 1 << 16,
    "the places of a pair and a socket share a word"
);
const _: () = assert!(KEPT < 1 << 8, "a generation has the other 24 bits of the word");

impl Places {
    #[inline]
    pub(super) fn token(self) -> Token {
        let [first, _, flags] = self.told.token(0).indexes();
        Token::new([first, self.lookup, self.generation << 8 | flags])
    }

    #[inline]
    pub(super) fn of(token: Token) -> Places {
        let [first, lookup, last] = token.indexes();
        let told = Told::of(Token::new([first, 0, last & KEPT]));
        Places { told, lookup, generation: last >> 8 }
    }

    /// Whether its name is one of the cluster's.
    pub(super) fn is_cluster(self) -> bool {
        self.told.zone() == Zone::Cluster as u8
    }

    /// A number that its lookup has alone while it is open, and for long after.
    pub(super) fn lookup_number(self) -> u32 {
        self.lookup << 18 ^ self.generation
    }

    /// The same, to a limited destination.
    pub(super) fn limited(self) -> Places {
        Places { told: self.told.with(LIMITED, true), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::handover::REUSED;

    #[test]
    fn all_of_it_comes_back() {
        for (pair, socket, flags) in [(1, 0, REUSED), (0xffff, 0xfffe, 1)] {
            let (lookup, generation) = (u32::MAX, 0x00ab_cdef);
            let places = Places { told: Told::new(pair, socket, flags), lookup, generation };
            let back = Places::of(places.token());
            assert_eq!(
                (back.told, back.lookup, back.generation),
                (places.told, lookup, generation)
            );
            let limited = Places::of(back.limited().token()).told;
            assert!(limited.is(LIMITED) && !back.told.is(LIMITED));
            assert_eq!((limited.pair, limited.socket), (pair, socket));
            assert_eq!((limited.zone(), limited.is(REUSED)), ((flags & 3) as u8, flags == REUSED));
        }
    }
}
