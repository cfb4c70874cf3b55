//! A transaction while it is in flight, and what it is made of.

use crate::decode::IcmpKind;
use crate::model::{
    Address, Direction, Endpoint, Message, NameHasher, PacketMeta, Span, Timestamp,
};

use super::COPY_WINDOW;

/// What carries the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Transport {
    /// RFC 1035, section 4.2.1.
    #[default]
    Udp,
    /// RFC 7766.
    Tcp,
}

/// Hashes that the search for a message's transaction begins with. They are known before the order of
/// the capture is, so they are computed side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Of the client's socket, the transport, the ID and the question.
    pub transaction: u64,
    /// Of the client's and the server's address.
    pub ends: u64,
}

impl Keys {
    /// Those of a message.
    pub fn of(
        packet: &PacketMeta,
        message: &Message,
        transport: Transport,
        hasher: &NameHasher,
    ) -> Keys {
        let (client, server) = if message.is_response() {
            (packet.to(), packet.source)
        } else {
            (packet.from(), packet.destination)
        };
        let [high, low] = client.address.halves();
        let transaction = hasher.hash_words([
            high,
            low,
            u64::from(client.port) << 32 | u64::from(message.id) << 8 | transport as u64,
            message.qname_hash,
            u64::from(message.qtype) << 16 | u64::from(message.qclass),
        ]);
        Keys { transaction, ends: hasher.hash_ends(client.address, server) }
    }
}

/// A DNS message as it was seen on an interface.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The packet that completed it.
    pub packet: &'a PacketMeta,
    /// What carried it.
    pub transport: Transport,
    /// Its summary.
    pub message: &'a Message,
    /// Its captured octets.
    pub bytes: &'a [u8],
    /// Its hashes.
    pub keys: Keys,
}

impl<'a> Sighting<'a> {
    /// A message. `hasher` must be the one that it was read with.
    pub fn new(
        packet: &'a PacketMeta,
        transport: Transport,
        message: &'a Message,
        bytes: &'a [u8],
        hasher: &NameHasher,
    ) -> Sighting<'a> {
        let keys = Keys::of(packet, message, transport, hasher);
        Sighting { packet, transport, message, bytes, keys }
    }

    /// The QNAME as it was sent, in wire form; empty without one.
    pub fn qname(&self) -> &'a [u8] {
        let end = Message::QNAME_OFFSET + usize::from(self.message.qname_length);
        self.bytes.get(Message::QNAME_OFFSET..end).unwrap_or_default()
    }
}

/// What the observer remembers a transaction by: three indexes into its own tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token(pub [u32; 3]);

/// Who said no, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The ICMP error; `None` is a TCP RST.
    pub icmp: Option<IcmpKind>,
    /// Who sent it.
    pub reporter: Address,
    /// TTL or hop limit that it arrived with.
    pub ttl: u8,
    /// Its frame.
    pub frame: u64,
    /// When it came.
    pub time: Timestamp,
    /// The client that is refused.
    pub client: Address,
    /// The server that it had asked.
    pub server: Address,
}

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

/// Where and whither a query was first seen: what an answer on the client's own interface is told by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    pub(super) server: Address,
    pub(super) interface: u16,
    pub(super) direction: Direction,
}

impl Origin {
    pub(super) fn of(query: &PacketMeta) -> Origin {
        let &PacketMeta { destination: server, interface, direction, .. } = query;
        Origin { server, interface, direction }
    }

    /// Whether a response crosses the client's own interface on its way back. Where a capture has no
    /// interfaces (cooked v1), the direction tells the place of the query from those behind it.
    fn is_own(&self, response: &PacketMeta) -> bool {
        let known = self.direction != Direction::Unknown;
        response.interface == self.interface && !(known && response.direction == self.direction)
    }

    /// Whether a response reaches the client from an address that was not asked.
    pub(super) fn is_stranger(&self, response: &PacketMeta) -> bool {
        response.source != self.server && self.is_own(response)
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

/// A packet is followed over at most this many places: pod veth, bridge, tunnel, ENI on a node are
/// four; further copies are counted as copies but leave no leg.
pub(super) const MAX_LEGS: usize = 4;

/// A question on its way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transaction {
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
    /// Frame of the last transmission.
    pub last_frame: u64,
    /// Who said no, if anybody did.
    pub refusal: Option<Refusal>,
    /// A response that came from an address to which the query was not seen going.
    pub stranger: Option<Stranger>,
    /// What the observer remembers it by.
    pub token: Token,
    legs: [Leg; MAX_LEGS],
    pub(super) origin: Origin,
    leg_count: u8,
    /// How many of them were known when it was first sent again.
    first_leg_count: u8,
    pub(super) last_ip_id: u16,
    pub(super) last_body: u64,
}

impl Transaction {
    pub(crate) fn new(query: &Sighting<'_>) -> Transaction {
        let mut transaction = Transaction::default();
        transaction.begin(query);
        transaction
    }

    /// Makes this the transaction of a new query. Legs beyond their count are not cleared.
    pub(crate) fn begin(&mut self, query: &Sighting<'_>) {
        let (packet, message) = (query.packet, query.message);
        (self.client, self.server) = (packet.from(), packet.to());
        self.transport = query.transport;
        (self.id, self.qname_hash, self.qtype) = (message.id, message.qname_hash, message.qtype);
        self.retransmissions = 0;
        (self.first_sent, self.last_sent) = (packet.time, packet.time);
        (self.first_frame, self.last_frame) = (packet.frame, packet.frame);
        (self.refusal, self.stranger) = (None, None);
        self.origin = Origin::of(packet);
        self.token = Token::default();
        (self.leg_count, self.first_leg_count) = (0, 0);
        (self.last_ip_id, self.last_body) = (packet.ip_id, message.body_hash);
        self.add_leg(packet);
    }

    /// Where the query was seen, in the order of the capture; the first is the client's own.
    pub fn legs(&self) -> &[Leg] {
        &self.legs[..usize::from(self.leg_count)]
    }

    /// Where its first transmission was seen.
    pub fn first_legs(&self) -> &[Leg] {
        if self.retransmissions == 0 {
            return self.legs();
        }
        &self.legs[..usize::from(self.first_leg_count)]
    }

    /// Time from the first transmission to `time`, never negative.
    pub fn delay(&self, time: Timestamp) -> Span {
        time.since(self.first_sent).max(Span::ZERO)
    }

    pub(super) fn goes_to(&self, server: Address) -> bool {
        self.legs().iter().any(|leg| leg.server == server)
    }

    pub(super) fn add_leg(&mut self, packet: &PacketMeta) {
        let leg = Leg { server: packet.destination, interface: packet.interface, ttl: packet.ttl };
        let count = usize::from(self.leg_count);
        if count < MAX_LEGS && !self.legs().contains(&leg) {
            self.legs[count] = leg;
            self.leg_count += 1;
        }
    }

    pub(super) fn resend(&mut self, packet: &PacketMeta, body: u64) {
        if self.retransmissions == 0 {
            self.first_leg_count = self.leg_count;
        }
        self.retransmissions = self.retransmissions.saturating_add(1);
        self.last_sent = packet.time.max(self.last_sent);
        self.last_frame = packet.frame;
        self.last_ip_id = packet.ip_id;
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

    fn is_last_transmission(&self, query: &Sighting<'_>) -> bool {
        let apart = query.packet.time.since(self.last_sent).0.abs();
        let same_packet = match self.transport {
            Transport::Udp => self.last_ip_id == query.packet.ip_id,
            // Segments of one message can be cut and merged anew on the way.
            Transport::Tcp => true,
        };
        apart <= COPY_WINDOW.0 && same_packet && self.last_body == query.message.body_hash
    }
}
