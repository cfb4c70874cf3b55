//! Rows of the tables: found, or made for what is seen for the first time.

use super::{Aggregate, Client, Pair, Server, Table};
use crate::model::{Address, NameHasher, PacketMeta};

/// The place of a client and a server.
pub(super) fn pair_place(
    pairs: &mut Table<Pair>,
    clients: &mut Table<Client>,
    hasher: &NameHasher,
    client: Address,
    server: Address,
) -> u32 {
    let ends = hasher.hash_ends(client, server);
    pair_place_at(ends, pairs, clients, hasher, client, server)
}

/// The same where the hash of the two addresses is known.
pub(super) fn pair_place_at(
    ends: u64,
    pairs: &mut Table<Pair>,
    clients: &mut Table<Client>,
    hasher: &NameHasher,
    client: Address,
    server: Address,
) -> u32 {
    pairs.place(
        ends,
        |pair| pair.client == client && pair.server == server,
        || {
            let hash = hasher.hash_words(client.halves());
            let client_index = clients.place(hash, |c| c.address == client, || Client::new(client));
            Pair { client, server, client_index, ..Pair::default() }
        },
    )
}

impl Aggregate {
    /// Counts a TCP connection that a client opens, or that its server accepts.
    pub fn connection(
        &mut self,
        client: Address,
        server: Address,
        packet: &PacketMeta,
        accepted: bool,
    ) {
        let pair = pair_place(&mut self.pairs, &mut self.clients, &self.hasher, client, server);
        let pair = self.pairs.get_mut(pair);
        if accepted {
            pair.accepted += 1;
        } else {
            pair.opened += 1;
            pair.opened_frames.note(packet.frame);
            pair.openings.note(packet.time);
        }
    }

    /// The row of a server.
    pub(super) fn server_place(&mut self, address: Address) -> u32 {
        let hash = self.hasher.hash_words(address.halves());
        let make = || Server { address, ..Server::default() };
        self.servers.place(hash, |server| server.address == address, make)
    }
}
