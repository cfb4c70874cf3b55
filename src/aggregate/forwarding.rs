//! Forwarders: somebody who asks what somebody else is waiting for from another server, and whose
//! SERVFAILs come after whole waits for an upstream.

use crate::matcher::{Sighting, Transaction};
use crate::model::{Address, Span, Timestamp};

/// Questions remembered, in places by hash. Only the last of those that share a place is known: a
/// forwarder is told by the larger part of its questions, not by each.
const PLACES: usize = 4096;

/// A stub resolver waits 5 s for a forwarder.
const WAIT: Span = Span::from_secs(5);

/// CoreDNS waits 2 s for an upstream and tries up to three times: its SERVFAIL comes about 2, 4 or
/// 6 s after the query (plugin/forward, `readTimeout`). This far off a multiple still counts.
const FORWARD_TIMEOUT: Span = Span::from_secs(2);
const FORWARD_SLACK: Span = Span::from_millis(300);
const FORWARD_TRIES: i64 = 3;

#[derive(Clone, Copy)]
struct Waiting {
    question: u64,
    since: Timestamp,
    client: Address,
    server: Address,
}

/// Who waits for what.
pub(super) struct Questions {
    places: Vec<Option<Waiting>>,
    /// The high half of each place's question, in a table small enough for the first-level cache.
    tags: Vec<u32>,
}

impl Default for Questions {
    fn default() -> Questions {
        Questions { places: vec![None; PLACES], tags: vec![0; PLACES] }
    }
}

fn question_of(qname_hash: u64, qtype: u16) -> u64 {
    qname_hash ^ u64::from(qtype).rotate_left(48)
}

impl Questions {
    /// Notes a new question and says whether another client waits for its answer from another
    /// server.
    pub(super) fn ask(&mut self, query: &Sighting<'_>) -> bool {
        let question = question_of(query.message.qname_hash, query.message.qtype);
        let packet = &query.packet;
        let at = question as usize % PLACES;
        let known = std::mem::replace(&mut self.tags[at], (question >> 32) as u32)
            == (question >> 32) as u32;
        let place = &mut self.places[at];
        if let (true, Some(waiting)) = (known, &*place) {
            let same = waiting.question == question && packet.time.since(waiting.since) <= WAIT;
            if same && waiting.client != packet.source && waiting.server != packet.destination {
                return true;
            }
        }
        *place = Some(Waiting {
            question,
            since: packet.time,
            client: packet.source,
            server: packet.destination,
        });
        false
    }

    /// Notes that a question was answered.
    pub(super) fn answered(&mut self, transaction: &Transaction) {
        let question = question_of(transaction.qname_hash, transaction.qtype);
        let at = question as usize % PLACES;
        if self.tags[at] != (question >> 32) as u32 {
            return;
        }
        let place = &mut self.places[at];
        if place.is_some_and(|w| w.question == question && w.client == transaction.client.address) {
            *place = None;
        }
    }
}

/// Whether a SERVFAIL after `delay` looks like a forwarder that waited in vain.
pub(super) fn is_forward_timeout(delay: Span) -> bool {
    (1..=FORWARD_TRIES).any(|tries| (delay.0 - tries * FORWARD_TIMEOUT.0).abs() <= FORWARD_SLACK.0)
}
