//! Zone transfers: one question, and messages without end (RFC 5936, section 2.2). They go on for
//! longer than answers are remembered, and those after the first may leave the question out.

use std::collections::VecDeque;

use super::RETENTION;
use super::sighting::{Sighting, Transport};
use super::token::Token;
use super::transaction::Transaction;
use crate::model::{Address, Endpoint, Timestamp, qtype};

/// Transfers followed at once; a server rarely grants more than ten (BIND's `transfers-out`).
const MAX_TRANSFERS: usize = 64;

#[derive(Clone)]
struct Transfer {
    client: Endpoint,
    server: Address,
    id: u16,
    qname_hash: u64,
    token: Token,
    last: Timestamp,
}

/// The transfers that were begun, the oldest first.
#[derive(Clone, Default)]
pub(super) struct Transfers {
    begun: VecDeque<Transfer>,
}

impl Transfers {
    /// Whether a transaction is one.
    pub(super) fn is_one(transaction: &Transaction) -> bool {
        matches!(transaction.qtype, qtype::AXFR | qtype::IXFR)
            && transaction.transport == Transport::Tcp
    }

    /// Follows the transfer that `response` begins. Gives the token of one that is no longer followed
    /// for it.
    pub(super) fn begin(
        &mut self,
        token: Token,
        transaction: &Transaction,
        response: &Sighting<'_>,
    ) -> Option<Token> {
        let full = self.begun.len() == MAX_TRANSFERS;
        let dropped = if full { self.begun.pop_front() } else { None };
        self.begun.push_back(Transfer {
            client: response.packet.to(),
            server: response.packet.source,
            id: transaction.id,
            qname_hash: transaction.qname_hash,
            token,
            last: response.packet.time,
        });
        dropped.map(|transfer| transfer.token)
    }

    /// The token of the transfer that `response` goes on with, which has not been silent for long.
    pub(super) fn continued(&mut self, response: &Sighting<'_>) -> Option<Token> {
        let (packet, message) = (response.packet, response.message);
        if response.transport != Transport::Tcp {
            return None;
        }
        let transfer = self.begun.iter_mut().rev().find(|transfer| {
            transfer.client == packet.to()
                && transfer.server == packet.source
                && transfer.id == message.id
                && (!message.has_question() || transfer.qname_hash == message.qname_hash)
        })?;
        if packet.time.since(transfer.last) > RETENTION {
            return None;
        }
        transfer.last = packet.time;
        Some(transfer.token)
    }
}
