//! Forwarders: somebody who asks what somebody else is waiting for from another server, and whose
//! SERVFAILs come after whole waits for an upstream.

use std::collections::VecDeque;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::matcher::{Sighting, Transaction};
use crate::model::{Address, Span, Timestamp};

/// Questions remembered at most: those of 5 s at 26,000 a second. 4 MB at worst; the oldest goes.
const MAX_WAITING: usize = 1 << 17;

/// A stub resolver waits 5 s for a forwarder.
const WAIT: Span = Span::from_secs(5);

/// CoreDNS waits 2 s for an upstream and tries up to three times: its SERVFAIL comes about 2, 4 or
/// 6 s after the query (plugin/forward, `readTimeout`). This far off a multiple still counts.
const FORWARD_TIMEOUT: Span = Span::from_secs(2);
const FORWARD_SLACK: Span = Span::from_millis(300);
const FORWARD_TRIES: i64 = 3;

#[derive(Clone, Copy)]
struct Waiting {
    since: Timestamp,
    client: Address,
    server: Address,
}

/// Who waits for what: the last client that asked each question, until it is answered.
#[derive(Default)]
pub(super) struct Questions {
    waiting: HashMap<u64, Waiting, RandomState>,
    /// Questions in the order in which they were asked.
    order: VecDeque<(u64, Timestamp)>,
}

/// A question that was asked before and is in flight.
#[derive(Clone, Copy)]
pub(super) struct Earlier {
    /// Who was asked.
    pub(super) server: Address,
    /// When.
    pub(super) since: Timestamp,
    /// Whether by another client, of another server.
    pub(super) forwarded: bool,
}

/// What tells one question from another, whoever asks it.
pub(super) fn question_of(qname_hash: u64, qtype: u16) -> u64 {
    qname_hash ^ u64::from(qtype).rotate_left(48)
}

impl Questions {
    /// Notes a new question and says who waits for its answer already, if anybody does.
    pub(super) fn ask(&mut self, query: &Sighting<'_>) -> Option<Earlier> {
        let question = question_of(query.message.qname_hash, query.message.qtype);
        let packet = &query.packet;
        self.forget(packet.time);
        let earlier = self.waiting.get(&question).map(|waiting| Earlier {
            server: waiting.server,
            since: waiting.since,
            forwarded: waiting.client != packet.source && waiting.server != packet.destination,
        });
        if earlier.is_some_and(|earlier| earlier.forwarded) {
            return earlier;
        }
        let (since, client, server) = (packet.time, packet.source, packet.destination);
        self.waiting.insert(question, Waiting { since, client, server });
        self.order.push_back((question, since));
        earlier
    }

    /// Notes that a question was answered.
    pub(super) fn answered(&mut self, transaction: &Transaction) {
        let question = question_of(transaction.qname_hash, transaction.qtype);
        if self.waiting.get(&question).is_some_and(|w| w.client == transaction.client.address) {
            self.waiting.remove(&question);
        }
    }

    /// Drops what is too old at `now`, or too much.
    fn forget(&mut self, now: Timestamp) {
        while let Some(&(question, since)) = self.order.front() {
            if now.since(since) <= WAIT && self.order.len() < MAX_WAITING {
                break;
            }
            self.order.pop_front();
            // It may have been answered, and asked again since.
            if self.waiting.get(&question).is_some_and(|waiting| waiting.since == since) {
                self.waiting.remove(&question);
            }
        }
    }
}

/// Whether a SERVFAIL after `delay` looks like a forwarder that waited in vain.
pub(super) fn is_forward_timeout(delay: Span) -> bool {
    (1..=FORWARD_TRIES).any(|tries| (delay.0 - tries * FORWARD_TIMEOUT.0).abs() <= FORWARD_SLACK.0)
}
