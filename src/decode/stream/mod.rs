//! DNS messages out of TCP segments, within fixed bounds.
//!
//! A connection is found by its endpoints and the interface that it was captured on. Segments in
//! order are not copied: a message that lies whole in one is delivered from there. Connections end
//! without FIN, begin before the capture and lack segments that the capture lost, so every state
//! can be given up: whoever continues is recognised by a length with a plausible message behind it.

mod connection;
mod framing;
mod half;
mod list;
mod pool;
#[cfg(test)]
mod tests;

use hashbrown::HashTable;

use crate::model::{NameHasher, PacketMeta, Span, Timestamp};

use super::Segment;

use connection::{Connection, Key};
use half::Stage;
use list::{Link, List, NONE};

/// Connections known at once. A busy resolver has some 10,000 open; each takes 300 octets here.
const MAX_CONNECTIONS: usize = 65_536;

/// Closed connections remembered, so that copies of their last segments (`tcpdump -i any` sees
/// each once an interface) are known as such.
const MAX_CLOSED: usize = 4_096;

/// How long they are remembered; copies come within milliseconds.
const CLOSED_WAIT: Span = Span::from_secs(5);

/// A connection that was silent so long is forgotten. If it goes on, it is joined like any whose
/// start was not captured. Servers close idle connections after seconds to minutes (RFC 7766,
/// section 6.2.3).
const IDLE: Span = Span::from_secs(600);

/// Octets buffered for all connections: of messages that are not complete (at most 64 KiB a
/// stream) and of segments that came too early.
const MAX_OCTETS: usize = 32 << 20;

/// A DNS message, delivered with the segment that completed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMessage<'a> {
    /// The packet that completed the message.
    pub meta: &'a PacketMeta,
    /// The captured part of the message, from its start to the first hole.
    pub bytes: &'a [u8],
    /// The length of the message as it was sent, which is what stood before it.
    pub sent: usize,
}

/// What a segment meant for its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// Nothing that was not known.
    None,
    /// A client opens a connection.
    Syn {
        /// The same SYN was seen before: sent again, or a copy.
        again: bool,
    },
    /// A server accepts it.
    SynAck {
        /// The same was seen before.
        again: bool,
    },
    /// The client has confirmed the handshake.
    Established,
    /// The sender will send no more: the first FIN of the two.
    HalfClosed,
    /// Both have said so.
    Closed,
    /// The sender has torn the connection down.
    Reset {
        /// It refused a SYN: nothing listens there.
        refused: bool,
    },
}

/// What a segment told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// What it meant for its connection.
    pub event: ConnectionEvent,
    /// Whether messages of its sender, and of its receiver, turned out to be among octets that were sent and that the
    /// capture lacks.
    pub lacking: [bool; 2],
}

impl From<ConnectionEvent> for Observed {
    fn from(event: ConnectionEvent) -> Observed {
        Observed { event, lacking: [false; 2] }
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Connections, of which a segment that tells something was seen.
    pub connections: u64,
    /// Streams (directions of connections) whose start was not seen.
    pub joined: u64,
    /// Times that a stream could be followed from somewhere within.
    pub resynchronised: u64,
    /// Holes that were given up: segments that the capture lacks.
    pub gaps: u64,
    /// Segments whose octets were all known.
    pub repeated: u64,
    /// Segments that came before an earlier one.
    pub out_of_order: u64,
    /// Streams that are not DNS.
    pub not_dns: u64,
    /// Messages that were never sent to their end, or not seen.
    pub unfinished: u64,
    /// Open connections given up to stay within the bounds.
    pub evicted: u64,
    /// Open connections forgotten after a long silence.
    pub idle: u64,
}

impl StreamCounters {
    /// Adds what others counted.
    pub fn merge(&mut self, other: &StreamCounters) {
        self.connections += other.connections;
        self.joined += other.joined;
        self.resynchronised += other.resynchronised;
        self.gaps += other.gaps;
        self.repeated += other.repeated;
        self.out_of_order += other.out_of_order;
        self.not_dns += other.not_dns;
        self.unfinished += other.unfinished;
        self.evicted += other.evicted;
        self.idle += other.idle;
    }
}

/// All connections of a capture, or of one worker's share of it.
#[derive(Clone)]
pub struct Streams {
    hasher: NameHasher,
    table: HashTable<u32>,
    slots: Vec<Connection>,
    links: Vec<Link>,
    free: Vec<u32>,
    /// By `OPEN` and `CLOSED`, in the order of the last segment seen.
    lists: [List; 2],
    stage: Stage,
}

const OPEN: usize = 0;
const CLOSED: usize = 1;

impl Default for Streams {
    fn default() -> Streams {
        Streams::new()
    }
}

impl Streams {
    /// No connections yet.
    pub fn new() -> Streams {
        Streams {
            hasher: NameHasher::random(),
            table: HashTable::new(),
            slots: Vec::new(),
            links: Vec::new(),
            free: Vec::new(),
            lists: [List::EMPTY; 2],
            stage: Stage { now: Timestamp::MIN, ..Stage::default() },
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> &StreamCounters {
        &self.stage.counters
    }

    /// Takes a segment, delivers the messages that it completes, and says what it told. `meta` holds its
    /// endpoints.
    pub fn observe(
        &mut self,
        meta: &PacketMeta,
        segment: &Segment<'_>,
        deliver: &mut impl FnMut(StreamMessage<'_>),
    ) -> Observed {
        self.stage.now = self.stage.now.max(meta.time);
        self.expire(deliver);
        let source = (meta.source, meta.source_port);
        let destination = (meta.destination, meta.destination_port);
        let side = usize::from(source > destination);
        let (low, high) = if side == 0 { (source, destination) } else { (destination, source) };
        let key = Key { low, high, interface: meta.interface };
        let Some(slot) = self.find(key, segment) else {
            let event = if segment.flags & Segment::RST != 0 {
                ConnectionEvent::Reset { refused: false }
            } else {
                ConnectionEvent::None
            };
            return event.into();
        };
        let Some(connection) = self.slots.get_mut(slot as usize) else {
            return ConnectionEvent::None.into();
        };
        connection.seen = self.stage.now;
        let before = usize::from(connection.closed);
        let event = connection.observe(side, meta, segment, &mut self.stage, deliver);
        let lacking =
            [side, 1 - side].map(|side| std::mem::take(&mut connection.halves[side].lacking));
        let after = usize::from(connection.closed);
        if before == after {
            self.lists[after].touch(slot, &mut self.links);
        } else {
            self.lists[before].remove(slot, &mut self.links);
            self.lists[after].push(slot, &mut self.links);
        }
        self.bound(deliver);
        Observed { event, lacking }
    }

    /// Delivers what is held, and forgets all connections: the capture has ended.
    pub fn finish(&mut self, deliver: &mut impl FnMut(StreamMessage<'_>)) {
        for list in [CLOSED, OPEN] {
            while self.lists[list].oldest != NONE {
                self.remove_oldest(list, deliver);
            }
        }
    }

    /// The connection's slot; a new one, unless the segment tells nothing worth one.
    fn find(&mut self, key: Key, segment: &Segment<'_>) -> Option<u32> {
        let hash = self.hash(&key);
        let slots = &self.slots;
        if let Some(&slot) = self.table.find(hash, |&slot| slots[slot as usize].key == key) {
            return Some(slot);
        }
        if segment.sent == 0 && segment.flags & Segment::SYN == 0 {
            return None;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Connection::default());
            self.links.push(Link::ALONE);
            self.slots.len() as u32 - 1
        });
        let connection = self.slots.get_mut(slot as usize)?;
        *connection = Connection::new(key);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.table.insert_unique(hash, slot, |&slot| hash_key(hasher, &slots[slot as usize].key));
        self.lists[OPEN].push(slot, &mut self.links);
        self.stage.counters.connections += 1;
        Some(slot)
    }

    fn hash(&self, key: &Key) -> u64 {
        hash_key(&self.hasher, key)
    }

    /// Forgets connections that were silent for too long.
    fn expire(&mut self, deliver: &mut impl FnMut(StreamMessage<'_>)) {
        for (list, wait) in [(OPEN, IDLE), (CLOSED, CLOSED_WAIT)] {
            while let Some(oldest) = self.slots.get(self.lists[list].oldest as usize)
                && self.stage.now.since(oldest.seen) > wait
            {
                self.remove_oldest(list, deliver);
                self.stage.counters.idle += u64::from(list == OPEN);
            }
        }
    }

    /// Gives connections up until all is within the bounds: first closed ones, then those that
    /// were silent longest.
    fn bound(&mut self, deliver: &mut impl FnMut(StreamMessage<'_>)) {
        while self.lists[CLOSED].length > MAX_CLOSED {
            self.remove_oldest(CLOSED, deliver);
        }
        while self.table.len() > MAX_CONNECTIONS || self.stage.pool.octets > MAX_OCTETS {
            let list = if self.lists[CLOSED].length > 0 { CLOSED } else { OPEN };
            if self.lists[list].length == 0 {
                break;
            }
            self.remove_oldest(list, deliver);
            self.stage.counters.evicted += u64::from(list == OPEN);
        }
    }

    fn remove_oldest(&mut self, list: usize, deliver: &mut impl FnMut(StreamMessage<'_>)) {
        let slot = self.lists[list].oldest;
        self.lists[list].remove(slot, &mut self.links);
        let Some(connection) = self.slots.get_mut(slot as usize) else { return };
        for half in &mut connection.halves {
            half.close(&mut self.stage, deliver);
        }
        let hash = hash_key(&self.hasher, &connection.key);
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        self.free.push(slot);
    }
}

fn hash_key(hasher: &NameHasher, key: &Key) -> u64 {
    let ([a, b], [c, d]) = (key.low.0.halves(), key.high.0.halves());
    let rest = u64::from(key.low.1) | u64::from(key.high.1) << 16 | u64::from(key.interface) << 32;
    hasher.hash_words([a, b, c, d, rest])
}
