//! Where a transaction stands in the tables, packed into the token that travels with it.

use crate::matcher::Token;

/// Places in the tables, as they travel with a transaction.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub(super) pair: u32,
    pub(super) lookup: u32,
    pub(super) generation: u32,
    /// It goes to a limited destination.
    pub(super) limited: bool,
    pub(super) zone: u8,
}

impl Places {
    pub(super) fn token(self) -> Token {
        let last = self.generation << 8 | u32::from(self.limited) << 4 | u32::from(self.zone);
        Token([self.pair, self.lookup, last])
    }

    pub(super) fn of(Token([pair, lookup, last]): Token) -> Places {
        let (limited, zone) = (last & 0x10 != 0, (last & 0xf) as u8);
        Places { pair, lookup, generation: last >> 8, limited, zone }
    }
}
