//! What the matcher is shown: a DNS message, as it was seen on an interface.

use crate::model::{Address, Message, NameHasher, PacketMeta};

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
    #[expect(clippy::inline_always, reason = "what is written by a call and read wider waits")]
    #[inline(always)]
    pub fn of(
        packet: &PacketMeta,
        message: &Message,
        transport: Transport,
        hasher: &NameHasher,
    ) -> Keys {
        let hash = |address: Address| hasher.hash_words(address.halves());
        let (source, destination) = (hash(packet.source), hash(packet.destination));
        let (client, server, port) = if message.is_response() {
            (destination, source, packet.destination_port)
        } else {
            (source, destination, packet.source_port)
        };
        let [port, id, kind, class] =
            [port, message.id, message.qtype, message.qclass].map(u64::from);
        let words = [
            port << 48 | id << 32 | class << 16 | kind,
            // Two names' hashes differ in this bit alone as seldom as they are equal.
            message.qname_hash ^ transport as u64,
        ];
        let transaction = hasher.go_on(client, words, &[]);
        Keys { transaction, ends: NameHasher::both_ends(client, server) }
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
