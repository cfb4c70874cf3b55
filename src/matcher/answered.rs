//! What was answered a moment ago: tells copies of a response, duplicate responses, and questions
//! that are asked again although they were answered, from new ones.

use std::collections::VecDeque;

use super::COPY_WINDOW;
use super::recent::{self, Recent};
use super::transaction::{Leg, Origin, Sighting, Token, Transaction, Transport};
use crate::model::{Address, Capacity, Message, PacketMeta, Rcode, Span, Timestamp};

/// How long an answer is remembered: a little more than the five seconds after which glibc asks again
/// if it did not get it. If it does, the answer is remembered anew.
const MEMORY: Span = Span::from_secs(6);

/// Stub resolvers wait at least this long for an answer (c-ares: 250 ms). The same question on the
/// same port with the same ID sooner than this is a new one of a client with a fixed ID.
const SOONEST_RESEND: Span = Span::from_millis(200);

/// How often what is too old is looked for: an answer may be remembered this much longer.
const EXPIRY: Span = Span::from_millis(50);

/// Answers remembered at most: 6 s at 40,000 a second. At some 130 bytes each: 34 MB at worst.
const MAX_ANSWERED: usize = 1 << 18;
const _: () = assert!(MAX_ANSWERED <= recent::MOST);

/// What a query is to an answered one with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same packet, captured late.
    Copy,
    /// Asked again although it was answered.
    Again,
    /// Another transaction.
    New,
}

/// An answer, as far as later packets can concern it.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) token: Token,
    pub(super) last_sent: Timestamp,
    /// Identification and body of the last transmission, and where the first was seen.
    query_ip_id: u16,
    query_body: u64,
    query_leg: Leg,
    origin: Origin,
    /// It reached the client from an address that was not asked.
    stranger: bool,
    key: u64,
    /// When it was last known to matter.
    kept: Timestamp,
    time: Timestamp,
    body_hash: u64,
    source: Address,
    ip_id: u16,
    interface: u16,
    transport: Transport,
    failed: bool,
    /// Remembered anew further back: the token is there now.
    moved: bool,
}

impl Entry {
    /// What `query` is.
    pub(super) fn judge_query(&self, query: &Sighting<'_>) -> Verdict {
        let packet = query.packet;
        let gap = packet.time.since(self.last_sent);
        let same_packet = match self.transport {
            Transport::Udp => packet.ip_id == self.query_ip_id,
            Transport::Tcp => {
                (packet.interface, packet.destination)
                    != (self.query_leg.interface, self.query_leg.server)
            }
        };
        let same_body = query.message.body_hash == self.query_body;
        if gap.0.abs() <= COPY_WINDOW.0 && same_packet && same_body {
            return Verdict::Copy;
        }
        // After SERVFAIL or REFUSED a stub resolver asks again at once: a try of its own.
        if self.failed || gap < SOONEST_RESEND { Verdict::New } else { Verdict::Again }
    }

    /// The question was sent again.
    pub(super) fn resend(&mut self, query: &Sighting<'_>) {
        self.last_sent = query.packet.time;
        self.query_ip_id = query.packet.ip_id;
        self.query_body = query.message.body_hash;
        self.query_leg.interface = query.packet.interface;
        self.query_leg.server = query.packet.destination;
    }

    /// The question was answered again: what comes now may be a copy of that.
    pub(super) fn repeat(&mut self, response: &Sighting<'_>) {
        self.time = response.packet.time;
        self.body_hash = response.message.body_hash;
        self.source = response.packet.source;
        self.ip_id = response.packet.ip_id;
        self.interface = response.packet.interface;
    }

    /// Whether a copy of the answer shows that a stranger gave it, or, on a further interface, that
    /// after all the one who was asked did.
    pub(super) fn told(&mut self, copy: &PacketMeta) -> Option<bool> {
        let stranger = self.origin.is_stranger(copy);
        let changed = stranger != self.stranger && (stranger || copy.source == self.origin.server);
        changed.then(|| {
            self.stranger = stranger;
            stranger
        })
    }

    /// Whether `response` is a copy of this one, and then whether it was seen on the same interface.
    pub(super) fn judge_response(&self, response: &Sighting<'_>) -> Option<bool> {
        let packet = response.packet;
        let same_interface = packet.interface == self.interface && packet.source == self.source;
        let same_packet = match self.transport {
            Transport::Udp => packet.ip_id == self.ip_id,
            Transport::Tcp => !same_interface,
        };
        let close = packet.time.since(self.time).0.abs() <= COPY_WINDOW.0;
        let same_body = response.message.body_hash == self.body_hash;
        (close && same_packet && same_body).then_some(same_interface)
    }
}

/// The memory: a ring in order of time with an index by key. Every new query looks here, nearly always
/// in vain.
#[derive(Clone)]
pub(super) struct Answered {
    ring: VecDeque<Entry>,
    /// Sequence number of the ring's first entry.
    first: u32,
    index: Recent,
    next_expiry: Timestamp,
    most: usize,
}

/// The key of the entry with this sequence number.
fn key_of(ring: &VecDeque<Entry>, first: u32, sequence: u32) -> Option<u64> {
    ring.get(sequence.wrapping_sub(first) as usize).map(|entry| entry.key)
}

impl Answered {
    pub(super) fn new(capacity: Capacity) -> Answered {
        Answered {
            ring: VecDeque::new(),
            first: 0,
            index: Recent::default(),
            next_expiry: Timestamp::MIN,
            most: capacity.of(MAX_ANSWERED),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ring.len()
    }

    pub(super) fn find(&mut self, key: u64) -> Option<&mut Entry> {
        let Answered { ring, first, index, .. } = self;
        let sequence = index.find(key, |s| key_of(ring, *first, s))?;
        ring.get_mut(sequence.wrapping_sub(*first) as usize)
    }

    /// Remembers that a transaction was answered, under one of its keys. Gives the token of an answer
    /// that had to be forgotten for it.
    pub(super) fn insert(
        &mut self,
        key: u64,
        token: Token,
        transaction: &Transaction,
        response: &Sighting<'_>,
    ) -> Option<Token> {
        let &Message { rcode, body_hash, .. } = response.message;
        self.push(Entry {
            token,
            last_sent: transaction.last_sent,
            query_ip_id: transaction.last_ip_id,
            query_body: transaction.last_body,
            query_leg: transaction.legs().first().copied().unwrap_or_default(),
            origin: transaction.origin,
            stranger: transaction.origin.is_stranger(response.packet),
            key,
            kept: response.packet.time,
            time: response.packet.time,
            body_hash,
            source: response.packet.source,
            ip_id: response.packet.ip_id,
            interface: response.packet.interface,
            transport: transaction.transport,
            failed: matches!(rcode, Rcode::SERVFAIL | Rcode::REFUSED | Rcode::NOTIMP),
            moved: false,
        })
    }

    fn push(&mut self, entry: Entry) -> Option<Token> {
        let forgotten = if self.ring.len() == self.most { self.pop() } else { None };
        let (key, sequence) = (entry.key, self.first.wrapping_add(self.ring.len() as u32));
        self.ring.push_back(entry);
        // A later answer with the same key takes the place of the earlier one.
        let Answered { ring, first, index, .. } = self;
        index.insert(key, (*first, sequence), |s| key_of(ring, *first, s));
        forgotten
    }

    /// Forgets what is too old, many at a time, and tells whose tokens nobody has any more.
    pub(super) fn expire(&mut self, now: Timestamp, forgotten: &mut impl FnMut(Token)) {
        if now < self.next_expiry {
            return;
        }
        self.next_expiry = now.plus(EXPIRY);
        while self.ring.front().is_some_and(|entry| now.since(entry.kept) > MEMORY) {
            if let Some(token) = self.pop() {
                forgotten(token);
            }
        }
    }

    /// When [`Answered::expire`] has something to do again.
    pub(super) fn next_expiry(&self) -> Timestamp {
        self.next_expiry
    }

    /// Remembers an answer anew, because its question was asked again at `now`. Gives the token of one
    /// that had to be forgotten for it.
    pub(super) fn renew(&mut self, key: u64, now: Timestamp) -> Option<Token> {
        let entry = self.find(key)?;
        let renewed = Entry { kept: now, ..*entry };
        entry.moved = true;
        self.push(renewed)
    }

    /// Reads what [`Answered::find`] will, to have it in the cache then.
    pub(super) fn warm(&self, key: u64) -> bool {
        self.index.find(key, |s| key_of(&self.ring, self.first, s)).is_some()
    }

    fn pop(&mut self) -> Option<Token> {
        let entry = self.ring.pop_front()?;
        self.first = self.first.wrapping_add(1);
        (!entry.moved).then_some(entry.token)
    }
}
