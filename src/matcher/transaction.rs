//! A transaction while it is in flight, and what it is made of.

use std::ops::{Deref, DerefMut};

use super::COPY_WINDOW;
use super::answer::Origin;
use super::refusals::Refusal;
use super::sighting::{Sighting, Transport};
use super::token::Token;
use crate::model::{Address, Direction, Endpoint, PacketMeta, Span, Timestamp};

/// A response to a question that came from an address that was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// That address.
    pub source: Address,
    /// Frame of the first such response.
    pub frame: u64,
    /// When it came.
    pub time: Timestamp,
    /// How many came.
    pub count: u32,
    /// Whether it was seen on the client's own interface, where NAT is over.
    pub own: bool,
}

impl Stranger {
    pub(super) fn new(response: &PacketMeta, own: bool) -> Stranger {
        let &PacketMeta { source, frame, time, .. } = response;
        Stranger { source, frame, time, count: 1, own }
    }
}

/// One place where the query was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// Where it was going there.
    pub server: Address,
    /// Index of the interface.
    pub interface: u16,
    /// TTL or hop limit there.
    pub ttl: u8,
}

impl Leg {
    fn of(query: &PacketMeta) -> Leg {
        Leg { server: query.destination, interface: query.interface, ttl: query.ttl }
    }
}

/// A packet is followed over at most this many places: pod veth, bridge, tunnel, ENI on a node are
/// four; further copies are counted as copies but leave no leg.
pub(super) const MAX_LEGS: usize = 4;

/// A question on its way.
#[derive(Debug, Default)]
pub struct Transaction {
    core: Core,
    /// Of this transaction if that is rare; else it is kept for the next one in this place.
    more: Option<Box<More>>,
}

const _: () = assert!(size_of::<Transaction>() == 128, "two cache lines");

/// What every transaction has: in one piece, which is copied at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Core {
    /// The socket that asked.
    pub client: Endpoint,
    /// The address and port asked, before any NAT.
    pub server: Endpoint,
    /// UDP or TCP.
    pub transport: Transport,
    /// Transaction ID.
    pub id: u16,
    /// Hash of the case-folded QNAME.
    pub qname_hash: u64,
    /// QTYPE.
    pub qtype: u16,
    /// Transmissions after the first, at most 65,535.
    pub retransmissions: u16,
    /// When it was first sent.
    pub first_sent: Timestamp,
    /// When it was last sent.
    pub last_sent: Timestamp,
    /// Frame of the first transmission.
    pub first_frame: u64,
    /// What the observer remembers it by.
    pub token: Token,
    first_leg: Leg,
    direction: Direction,
    /// Whether there is more to say of it.
    rare: bool,
    pub(super) last_ip_id: u16,
    pub(super) last_ttl: u8,
    pub(super) last_body: u64,
}

impl Clone for Transaction {
    fn clone(&self) -> Transaction {
        Transaction { core: self.core, more: self.rare().map(|more| Box::new(*more)) }
    }

    #[inline]
    fn clone_from(&mut self, other: &Transaction) {
        self.core = other.core;
        if other.core.rare {
            self.take_more(other);
        }
    }
}

impl Deref for Transaction {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

/// What most transactions do not have: they are seen in one place and answered.
#[derive(Clone, Copy, Debug, Default)]
struct More {
    legs: [Leg; MAX_LEGS],
    leg_count: u8,
    /// How many of them were known when it was first sent again.
    first_leg_count: u8,
    alias: Option<u64>,
    refusal: Option<Refusal>,
    stranger: Option<Stranger>,
    /// Its query was cut, perhaps within its question.
    cut: bool,
    /// Its answer may be among octets that the capture lacks.
    lacks_answer: bool,
}

impl Transaction {
    #[cold]
    fn take_more(&mut self, other: &Transaction) {
        if let Some(more) = other.rare() {
            **self.more.get_or_insert_default() = *more;
        }
    }

    #[cfg(test)]
    pub(crate) fn new(query: &Sighting<'_>) -> Transaction {
        let mut transaction = Transaction::default();
        transaction.begin(query);
        transaction
    }

    /// Makes this the transaction of a new query.
    pub(super) fn begin(&mut self, query: &Sighting<'_>) {
        let (packet, message) = (query.packet, query.message);
        self.core = Core {
            client: packet.from(),
            server: packet.to(),
            transport: query.transport,
            id: message.id,
            qname_hash: message.qname_hash,
            qtype: message.qtype,
            retransmissions: 0,
            first_sent: packet.time,
            last_sent: packet.time,
            first_frame: packet.frame,
            token: Token::default(),
            first_leg: Leg::of(packet),
            direction: packet.direction,
            rare: false,
            last_ip_id: packet.ip_id,
            last_ttl: packet.ttl,
            last_body: message.body_hash,
        };
        if message.is_cut() {
            self.more().cut = true;
        }
    }

    /// Where the query was seen, in the order of the capture; the first is the client's own.
    pub fn legs(&self) -> &[Leg] {
        match self.rare() {
            Some(more) => &more.legs[..usize::from(more.leg_count)],
            None => std::slice::from_ref(&self.core.first_leg),
        }
    }

    /// Where its first transmission was seen.
    pub fn first_legs(&self) -> &[Leg] {
        match self.rare() {
            Some(more) if self.retransmissions > 0 => {
                &more.legs[..usize::from(more.first_leg_count)]
            }
            _ => self.legs(),
        }
    }

    /// Who said no, if anybody did.
    pub fn refusal(&self) -> Option<Refusal> {
        self.rare()?.refusal
    }

    /// A response that came from an address to which the query was not seen going.
    pub fn stranger(&self) -> Option<Stranger> {
        self.rare()?.stranger
    }

    /// Its second key, behind a source NAT.
    pub(super) fn alias(&self) -> Option<u64> {
        self.rare()?.alias
    }

    /// Where it was first seen.
    pub(super) fn origin(&self) -> Origin {
        let interface = self.first_leg.interface;
        Origin { server: self.server.address, interface, direction: self.direction }
    }

    fn rare(&self) -> Option<&More> {
        if self.core.rare { self.more.as_deref() } else { None }
    }

    fn more(&mut self) -> &mut More {
        let legs = [self.first_leg; MAX_LEGS];
        let more = self.more.get_or_insert_default();
        if !std::mem::replace(&mut self.core.rare, true) {
            **more = More { legs, leg_count: 1, first_leg_count: 1, ..More::default() };
        }
        more
    }

    pub(super) fn is_cut(&self) -> bool {
        self.rare().is_some_and(|more| more.cut)
    }

    pub(super) fn lack_answer(&mut self) {
        self.more().lacks_answer = true;
    }

    /// Whether the capture of its stream ended before it was answered or refused.
    pub fn lacks_answer(&self) -> bool {
        self.rare().is_some_and(|more| more.lacks_answer && more.refusal.is_none())
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.more().refusal = Some(refusal);
    }

    /// Gives it a second key, unless it has one.
    pub(super) fn give_alias(&mut self, key: u64) -> bool {
        let alias = &mut self.more().alias;
        let first = alias.is_none();
        alias.get_or_insert(key);
        first
    }

    /// Notes a response from an address that it was not sent to.
    pub(super) fn note_stranger(&mut self, response: &PacketMeta) {
        let own = self.origin().is_stranger(response);
        match &mut self.more().stranger {
            Some(stranger) => {
                stranger.count = stranger.count.saturating_add(1);
                stranger.own |= own;
            }
            none => *none = Some(Stranger::new(response, own)),
        }
    }

    /// Time from the first transmission to `time`, never negative.
    pub fn delay(&self, time: Timestamp) -> Span {
        time.since(self.first_sent).max(Span::ZERO)
    }

    /// Whether an answer at `time` is one to a question that was sent again. The first fragment of an answer may
    /// be known for what it is only after that.
    pub fn is_rescued_at(&self, time: Timestamp) -> bool {
        self.retransmissions > 0 && time >= self.last_sent
    }

    pub(super) fn goes_to(&self, server: Address) -> bool {
        // Its first leg went to the server that was asked.
        self.server.address == server || self.legs()[1..].iter().any(|leg| leg.server == server)
    }

    pub(super) fn add_leg(&mut self, packet: &PacketMeta) {
        let leg = Leg::of(packet);
        if self.legs().len() < MAX_LEGS && !self.legs().contains(&leg) {
            let more = self.more();
            more.legs[usize::from(more.leg_count)] = leg;
            more.leg_count += 1;
        }
    }

    pub(super) fn resend(&mut self, packet: &PacketMeta, body: u64) {
        if let (0, Some(more)) = (self.retransmissions, &mut self.more) {
            more.first_leg_count = more.leg_count;
        }
        self.retransmissions = self.retransmissions.saturating_add(1);
        self.last_sent = packet.time.max(self.last_sent);
        (self.last_ip_id, self.last_ttl) = (packet.ip_id, packet.ttl);
        self.last_body = body;
    }

    /// Whether `query`, with this transaction's key and to one of its servers, is its last
    /// transmission seen once more; and if so, whether on the very same interface.
    ///
    /// A retransmission is a new IP packet: it has another identification, or comes later than any
    /// copy can. A socket that leaves the identification 0 (musl's) re-sends no sooner than 2.5 s.
    pub(super) fn is_copy(&self, query: &Sighting<'_>) -> Option<bool> {
        let packet = query.packet;
        if !self.is_last_transmission(query) {
            return None;
        }
        let same_interface = self
            .legs()
            .iter()
            .any(|leg| leg.interface == packet.interface && leg.server == packet.destination);
        // A stream yields each message once: on the same interface it is a second message.
        let again = self.transport == Transport::Tcp && same_interface;
        (!again).then_some(same_interface)
    }

    /// Whether `query`, with this transaction's key but to another server, is its last transmission
    /// after DNAT: the same packet, seen elsewhere or with a lower TTL. musl asks all its servers in
    /// one burst with one ID and identification 0: those leave the same interface with the same TTL.
    pub(super) fn is_translated(&self, query: &Sighting<'_>) -> bool {
        let packet = query.packet;
        self.is_last_transmission(query)
            && self
                .legs()
                .iter()
                .all(|leg| leg.interface != packet.interface || leg.ttl != packet.ttl)
            && self.legs()[0].ttl >= packet.ttl
    }

    pub(super) fn is_last_transmission(&self, query: &Sighting<'_>) -> bool {
        let apart = query.packet.time.since(self.last_sent).0.abs();
        let same_packet = match self.transport {
            Transport::Udp => self.last_ip_id == query.packet.ip_id,
            // Segments of one message can be cut and merged anew on the way.
            Transport::Tcp => true,
        };
        apart <= COPY_WINDOW.0 && same_packet && self.last_body == query.message.body_hash
    }
}
