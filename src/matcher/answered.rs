//! What was answered a moment ago: tells copies of a response, duplicate responses, and questions
//! that are asked again although they were answered, from new ones.

use std::collections::VecDeque;

use super::COPY_WINDOW;
use super::index::{Index, NUMBER, Target};
use super::sighting::{Sighting, Transport};
use super::transaction::{Origin, Token, Transaction};
use crate::model::{Address, Capacity, PacketMeta, Rcode, Span, Timestamp};

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
const _: () = assert!(MAX_ANSWERED < NUMBER as usize, "numbers that are in use differ");

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
    query_server: Address,
    query_interface: u16,
    origin: Origin,
    /// It reached the client from an address that was not asked.
    pub(super) stranger: bool,
    pub(super) key: u64,
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
    /// The answer to a transaction.
    pub(super) fn new(transaction: &Transaction, response: &Sighting<'_>) -> Entry {
        let (packet, message) = (response.packet, response.message);
        let origin = transaction.origin();
        Entry {
            token: transaction.token,
            last_sent: transaction.last_sent,
            query_ip_id: transaction.last_ip_id,
            query_body: transaction.last_body,
            query_interface: origin.interface,
            query_server: origin.server,
            stranger: origin.is_stranger(packet),
            origin,
            key: response.keys.transaction,
            kept: packet.time,
            time: packet.time,
            body_hash: message.body_hash,
            source: packet.source,
            ip_id: packet.ip_id,
            interface: packet.interface,
            transport: transaction.transport,
            failed: matches!(message.rcode, Rcode::SERVFAIL | Rcode::REFUSED | Rcode::NOTIMP),
            moved: false,
        }
    }

    /// The same under another key, where it has another token.
    pub(super) fn under(&self, key: u64, token: Token) -> Entry {
        Entry { token, key, ..*self }
    }

    /// What `query` is.
    pub(super) fn judge_query(&self, query: &Sighting<'_>) -> Verdict {
        let packet = query.packet;
        let gap = packet.time.since(self.last_sent);
        let same_packet = match self.transport {
            Transport::Udp => packet.ip_id == self.query_ip_id,
            Transport::Tcp => {
                (packet.interface, packet.destination) != (self.query_interface, self.query_server)
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
        self.query_interface = query.packet.interface;
        self.query_server = query.packet.destination;
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

/// The memory: a ring in order of time. The index leads to the last answer with a key.
#[derive(Clone)]
pub(super) struct Answered {
    ring: VecDeque<Entry>,
    /// Number of the ring's first entry.
    first: u32,
    next_expiry: Timestamp,
    most: usize,
}

impl Answered {
    pub(super) fn new(capacity: Capacity) -> Answered {
        Answered {
            ring: VecDeque::new(),
            first: 0,
            next_expiry: Timestamp::MIN,
            most: capacity.of(MAX_ANSWERED),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Where an entry stands in the ring.
    fn place(&self, number: u32) -> usize {
        (number.wrapping_sub(self.first) & NUMBER) as usize
    }

    fn number(&self, index: &Index, key: u64) -> Option<u32> {
        index.of(key).find_map(|target| match target {
            Target::Answered(number) if self.ring[self.place(number)].key == key => Some(number),
            _ => None,
        })
    }

    pub(super) fn find(&mut self, index: &Index, key: u64) -> Option<&mut Entry> {
        let number = self.number(index, key)?;
        let place = self.place(number);
        self.ring.get_mut(place)
    }

    /// Remembers the answer to the transaction that stood in `slot`. Gives the token of an answer that had
    /// to be forgotten for it.
    pub(super) fn insert(&mut self, index: &mut Index, slot: u32, entry: &Entry) -> Option<Token> {
        let forgotten = self.make_room(index);
        let (key, number) = (entry.key, self.push(*entry));
        // A later answer with the same key takes the place of the earlier one.
        index.answer(key, slot, number, |earlier| self.ring[self.place(earlier)].key == key);
        forgotten
    }

    fn push(&mut self, entry: Entry) -> u32 {
        let number = self.first.wrapping_add(self.ring.len() as u32) & NUMBER;
        self.ring.push_back(entry);
        number
    }

    fn make_room(&mut self, index: &mut Index) -> Option<Token> {
        if self.ring.len() == self.most { self.pop(index) } else { None }
    }

    /// Forgets what is too old, many at a time, and tells whose tokens nobody has any more.
    pub(super) fn expire(
        &mut self,
        index: &mut Index,
        now: Timestamp,
        forgotten: &mut impl FnMut(Token),
    ) {
        if now < self.next_expiry {
            return;
        }
        self.next_expiry = now.plus(EXPIRY);
        while self.ring.front().is_some_and(|entry| now.since(entry.kept) > MEMORY) {
            if let Some(token) = self.pop(index) {
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
    pub(super) fn renew(&mut self, index: &mut Index, key: u64, now: Timestamp) -> Option<Token> {
        let number = self.number(index, key)?;
        let place = self.place(number);
        let entry = &mut self.ring[place];
        let renewed = Entry { kept: now, ..*entry };
        entry.moved = true;
        let forgotten = self.make_room(index);
        let renewed = self.push(renewed);
        index.replace(key, Target::Answered(number), Target::Answered(renewed));
        forgotten
    }

    fn pop(&mut self, index: &mut Index) -> Option<Token> {
        let entry = self.ring.pop_front()?;
        index.remove(entry.key, Target::Answered(self.first));
        self.first = self.first.wrapping_add(1) & NUMBER;
        (!entry.moved).then_some(entry.token)
    }
}
