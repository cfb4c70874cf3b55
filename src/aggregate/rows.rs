//! Rows of the tables: found, or made for what is seen for the first time.

use super::{Aggregate, Client, Pair, SHARED, Server};
use crate::matcher::Leg;
use crate::model::{Address, PacketMeta};

impl Aggregate {
    /// The place of a client and a server. `ends` is the hash of the two, which decoding has made
    /// already for what is frequent.
    #[inline]
    pub(super) fn pair_place(&mut self, ends: u64, client: Address, server: Address) -> u32 {
        let Aggregate { pairs, clients, hasher, .. } = self;
        let same = |pair: &Pair| pair.client == client && pair.server == server;
        pairs.place(ends, same, || {
            let hash = hasher.hash_words(client.halves());
            let client_index = clients.place(hash, |c| c.address == client, || Client::new(client));
            Pair::new(client, server, client_index)
        })
    }

    /// The pair of a client and a server.
    pub(super) fn pair_of(&mut self, client: Address, server: Address) -> &mut Pair {
        let ends = self.hasher.hash_ends(client, server);
        let place = self.pair_place(ends, client, server);
        self.pairs.get_mut(place)
    }

    /// Counts a TCP connection that a client opens, or that its server accepts.
    pub fn connection(
        &mut self,
        client: Address,
        server: Address,
        packet: &PacketMeta,
        accepted: bool,
    ) {
        let rare = self.pair_of(client, server).rare_mut();
        if accepted {
            rare.accepted += 1;
        } else {
            rare.opened += 1;
            rare.opened_frames.note(packet.frame);
            rare.openings.note(packet.time);
        }
    }

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
