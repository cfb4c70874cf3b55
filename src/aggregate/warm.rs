//! Reading ahead: what the next few messages will touch, so that it is in the cache by then.
//!
//! Nothing is changed and nothing is learned here. Tables of pairs and lookups are larger than
//! the cache, and a message waits for each of them in turn; asked for in a row for several messages,
//! the waits overlap.

use std::hint::black_box;

use super::Aggregate;
use super::places::Places;
use crate::matcher::{Keys, Token};
use crate::model::PacketMeta;

impl Aggregate {
    /// Reads what a query will touch.
    pub fn warm_query(&self, packet: &PacketMeta, keys: Keys) {
        let (client, server) = (packet.source, packet.destination);
        let same = |pair: &super::Pair| pair.client == client && pair.server == server;
        if let Some(place) = self.pairs.seek(keys.ends, same) {
            black_box(self.ports.warm(place, packet.source_port));
            let pair = self.pairs.get(place);
            black_box((pair.all.sent, pair.external.sent, pair.asked.last));
            black_box(self.clients.get(pair.client_index).asked);
            black_box(self.lookups.warm(pair.client_index));
        }
    }

    /// Reads what the answer to a transaction will touch.
    pub fn warm_answer(&self, token: Token) {
        let places = Places::of(token);
        let pair = self.pairs.get(places.pair);
        black_box((pair.all.answered, pair.outcomes[0], pair.answers.last, pair.translated));
        black_box(self.lookups.warm_slot(places.lookup));
    }
}
