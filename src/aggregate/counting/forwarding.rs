//! Forwarders: somebody who asks what somebody else is waiting for from another server.

use super::loops::Link;
use super::waiting::{self, Waiting};
use crate::matcher::{Sighting, Transaction};
use crate::model::{Address, Capacity, Span, Timestamp};

/// Questions without an answer remembered at most: those of 5 s of an outage at 13,000 a second.
/// 7 MB at worst; who forwards the ones beyond is told by the others.
const MAX_WAITING: usize = 1 << 16;
const _: () = assert!(MAX_WAITING <= waiting::MOST, "each has a number");

/// A stub resolver waits 5 s for a forwarder.
const WAIT: Span = Span::from_secs(5);

/// How often what is too old is thrown out: nearly all questions are answered by then.
const SWEEP: Span = Span::from_secs(1);

#[derive(Clone, Copy, Default)]
struct Waiter {
    since: Timestamp,
    client: Address,
    server: Address,
    /// Who passed it on last.
    passed: Option<Link>,
}

/// Who waits for what: the last client that asked each question, until it is answered.
#[derive(Clone)]
pub(super) struct Questions {
    waiting: Waiting<Waiter>,
    next_sweep: Timestamp,
    most: usize,
    /// Questions that found no room.
    pub(super) overflowed: u64,
}

/// A question that was asked before and is in flight.
pub(super) struct Earlier<'a> {
    /// Who was asked.
    pub(super) server: Address,
    /// When.
    pub(super) since: Timestamp,
    /// Whether by another client, of another server.
    pub(super) forwarded: bool,
    /// Who passed it on last.
    pub(super) passed: &'a mut Option<Link>,
}

/// What tells one question from another, whoever asks it.
pub(super) fn question_of(qname_hash: u64, qtype: u16) -> u64 {
    qname_hash ^ u64::from(qtype).rotate_left(48)
}

impl Questions {
    pub(super) fn new(capacity: Capacity) -> Questions {
        Questions {
            waiting: Waiting::new(),
            next_sweep: Timestamp::MIN,
            most: capacity.of(MAX_WAITING),
            overflowed: 0,
        }
    }

    /// Notes a new question and says who waits for its answer already, if anybody does.
    pub(super) fn ask(&mut self, query: &Sighting<'_>) -> Option<Earlier<'_>> {
        let question = question_of(query.message.qname_hash, query.message.qtype);
        let packet = query.packet;
        if packet.time >= self.next_sweep {
            self.sweep(packet.time);
        }
        let (since, client, server) = (packet.time, packet.source, packet.destination);
        let new = Waiter { since, client, server, passed: None };
        let Some(number) = self.waiting.seek(question) else {
            if self.waiting.len() < self.most {
                *self.waiting.put(question) = new;
            } else {
                self.overflowed += 1;
            }
            return None;
        };
        let waiting = self.waiting.get_mut(number);
        if since.since(waiting.since) > WAIT {
            *waiting = new;
            return None;
        }
        let earlier = *waiting;
        let forwarded = earlier.client != client && earlier.server != server;
        if !forwarded {
            *waiting = Waiter { passed: earlier.passed, ..new };
        }
        let Waiter { server, since, .. } = earlier;
        Some(Earlier { server, since, forwarded, passed: &mut waiting.passed })
    }

    /// Who passed a question on last.
    pub(super) fn passed(&mut self, question: u64) -> Option<&mut Link> {
        let number = self.waiting.seek(question)?;
        self.waiting.get_mut(number).passed.as_mut()
    }

    /// Notes that a question was answered.
    pub(super) fn answered(&mut self, transaction: &Transaction) {
        let question = question_of(transaction.qname_hash, transaction.qtype);
        let Some(number) = self.waiting.seek(question) else { return };
        let waiter = self.waiting.get_mut(number);
        if waiter.client == transaction.client.address {
            self.waiting.remove(number);
            return;
        }
        // No chain goes through who answered.
        let passed = &mut waiter.passed;
        if passed.is_some_and(|link| link.goes_through(transaction)) {
            *passed = None;
        }
    }

    /// Throws out what is too old.
    #[cold]
    fn sweep(&mut self, now: Timestamp) {
        self.next_sweep = now.plus(SWEEP);
        self.waiting.retain(|waiter| now.since(waiter.since) <= WAIT);
    }
}
