//! Rows of servers: found, or made for what is seen for the first time.

use super::{Counting, Server};
use crate::aggregate::SHARED;
use crate::matcher::Leg;
use crate::model::Address;

impl Counting {
    /// The row of the server that a question of this pair went to: mostly the one that was asked, whose
    /// row the pair knows after its first answer.
    pub(super) fn leg_place(&mut self, pair: u32, leg: &Leg) -> u32 {
        let row = self.pairs.get(pair);
        if row.server != leg.server {
            return self.server_place(leg.server);
        }
        if row.server_index != SHARED {
            return row.server_index;
        }
        let at = self.server_place(leg.server);
        self.pairs.get_mut(pair).server_index = at;
        at
    }

    /// The row of a server that has one, and of any other that found no room.
    pub(super) fn known_server(&mut self, address: Address) -> &mut Server {
        let hash = self.hasher.hash_words(address.halves());
        let at = self.servers.seek(hash, |server| server.address == address);
        self.servers.get_mut(at.unwrap_or(SHARED))
    }

    /// The row of a server.
    pub(super) fn server_place(&mut self, address: Address) -> u32 {
        let hash = self.hasher.hash_words(address.halves());
        let make = || Server { address, ..Server::default() };
        self.servers.place(hash, |server| server.address == address, make)
    }
}
