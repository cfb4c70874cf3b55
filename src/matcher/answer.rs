//! An answer, as far as later packets can concern it: in one cache line, for there are many.

use super::COPY_WINDOW;
use super::sighting::{Sighting, Transport};
use super::token::Token;
use super::transaction::Transaction;
use crate::model::{Address, Direction, PacketMeta, Rcode, Span, Timestamp};

/// Stub resolvers wait at least this long for an answer (c-ares: 250 ms). The same question on the
/// same port with the same ID sooner than this is a new one of a client with a fixed ID.
const SOONEST_RESEND: Span = Span::from_millis(200);

/// An answer that takes longer is worth a word, whether a packet was lost or not.
const SLOW: Span = Span::from_secs(1);

/// Where and whither a query was first seen: what an answer on the client's own interface is told by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) server: Address,
    pub(super) interface: u16,
    pub(super) direction: Direction,
}

impl Origin {
    /// Whether a response crosses the client's own interface on its way back. Where a capture has no
    /// interfaces (cooked v1), the direction tells the place of the query from those behind it.
    fn is_own(interface: u16, direction: Direction, response: &PacketMeta) -> bool {
        let known = direction != Direction::Unknown;
        response.interface == interface && !(known && response.direction == direction)
    }

    /// Whether a response reaches the client from an address that was not asked.
    pub(super) fn is_stranger(&self, response: &PacketMeta) -> bool {
        response.source != self.server && Origin::is_own(self.interface, self.direction, response)
    }
}

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

/// Addresses and bodies are only ever compared, and only with those of the same client socket, ID and
/// question: so there are 32 bits of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    last_sent: Timestamp,
    time: Timestamp,
    /// When it was last known to matter.
    pub(super) kept: Timestamp,
    /// What the observer remembers the transaction by.
    name: u32,
    /// The number of an earlier answer, for [`Answered`](super::answered::Answered).
    pub(super) previous: u32,
    /// Its key but for the lowest bits.
    key_high: u32,
    key_middle: u16,
    /// Of the last transmission.
    query_body: u32,
    query_mark: u32,
    /// Where the query was first seen.
    interface: u16,
    direction: Direction,
    state: u8,
    server: u32,
    /// Of the last answer.
    body: u32,
    place: u32,
    ip_id: u16,
}

const _: () = assert!(size_of::<Answer>() == 64, "one cache line");

/// It reached the client from an address that was not asked.
const STRANGE: u8 = 1;
/// The server could not say.
const FAILED: u8 = 2;
const TCP: u8 = 4;
/// It is remembered anew further back, where the token is now.
const MOVED: u8 = 8;
/// Its question had been sent again when it came, and not since, although it was not slow.
const RESCUED: u8 = 16;

/// The bits of a key that an answer does not keep.
pub(super) const KEY_REST: u32 = 16;

/// Tells addresses from each other, in every run the same way.
fn mark_of(address: Address) -> u32 {
    const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9];
    let [high, low] = address.halves();
    let product = u128::from(high ^ ODD[0]).wrapping_mul(u128::from(low ^ ODD[1]));
    ((product >> 64) as u64 ^ product as u64) as u32
}

/// Tells an address on an interface from others.
fn place_of(interface: u16, address: u32) -> u32 {
    address ^ u32::from(interface)
}

impl Answer {
    /// The answer to a transaction; strange: from an address that was not asked.
    #[inline]
    pub(super) fn new(
        transaction: &Transaction,
        response: &Sighting<'_>,
        strange: bool,
        previous: u32,
    ) -> Answer {
        let origin = transaction.origin();
        let (packet, message) = (response.packet, response.message);
        let (key, server) = (response.keys.transaction, mark_of(origin.server));
        let source = if packet.source == origin.server { server } else { mark_of(packet.source) };
        let failed = matches!(message.rcode, Rcode::SERVFAIL | Rcode::REFUSED | Rcode::NOTIMP);
        let (tcp, query_mark) = match transaction.transport {
            Transport::Udp => (0, u32::from(transaction.last_ip_id)),
            Transport::Tcp => (TCP, place_of(origin.interface, server)),
        };
        let (strange, failed) = (u8::from(strange) * STRANGE, u8::from(failed) * FAILED);
        let impatient = transaction.retransmissions > 0 && transaction.delay(packet.time) < SLOW;
        let rescued = u8::from(impatient) * RESCUED;
        Answer {
            last_sent: transaction.last_sent,
            time: packet.time,
            kept: packet.time,
            name: transaction.token.name(),
            previous,
            key_high: (key >> 32) as u32,
            key_middle: (key >> KEY_REST) as u16,
            query_body: transaction.last_body as u32,
            query_mark,
            interface: origin.interface,
            direction: origin.direction,
            state: tcp | strange | failed | rescued,
            server,
            body: message.body_hash as u32,
            place: place_of(packet.interface, source),
            ip_id: packet.ip_id,
        }
    }

    /// The same under another key, where it has another token.
    pub(super) fn under(&self, key: u64, token: Token) -> Answer {
        let (key_high, key_middle) = ((key >> 32) as u32, (key >> KEY_REST) as u16);
        Answer { key_high, key_middle, name: token.name(), ..*self }
    }

    /// The same behind another one.
    pub(super) fn behind(self, previous: u32) -> Answer {
        Answer { previous, ..self }
    }

    /// The same, known to matter at `now`. This one no longer counts.
    pub(super) fn renewed(&mut self, now: Timestamp) -> Answer {
        let renewed = Answer { kept: now, ..*self };
        self.state |= MOVED;
        renewed
    }

    /// The upper bits of its key.
    fn key(&self) -> u64 {
        u64::from(self.key_high) << 16 | u64::from(self.key_middle)
    }

    /// Whether it has a key, as far as the lowest bits are known to be the same.
    #[inline]
    pub(super) fn has(&self, key: u64) -> bool {
        self.key() == key >> KEY_REST
    }

    /// Whether its question was sent to `server`.
    pub(super) fn went_to(&self, server: Address) -> bool {
        self.server == mark_of(server)
    }

    /// One bit that stands for a key, whose lowest bits it does not depend on.
    pub(super) fn sign(key: u64) -> u32 {
        1 << (key >> 59)
    }

    /// The sign of its key.
    pub(super) fn own_sign(&self) -> u32 {
        Answer::sign(self.key() << KEY_REST)
    }

    /// Whether a bit of its key, not one of the lowest, is set.
    pub(super) fn key_bit(&self, bit: u32) -> bool {
        self.key() >> (bit - KEY_REST) & 1 != 0
    }

    /// What the observer remembers it by; `None` where another answer has that.
    pub(super) fn held(&self) -> Option<Token> {
        (self.state & MOVED == 0).then(|| self.token())
    }

    /// What the observer remembers it by.
    pub(super) fn token(&self) -> Token {
        Token::named(self.name)
    }

    fn transport(&self) -> Transport {
        if self.state & TCP == 0 { Transport::Udp } else { Transport::Tcp }
    }

    /// What tells a query's last transmission: the packet over UDP, the place over TCP.
    fn mark(&self, query: &PacketMeta) -> u32 {
        match self.transport() {
            Transport::Udp => u32::from(query.ip_id),
            Transport::Tcp => place_of(query.interface, mark_of(query.destination)),
        }
    }

    /// What `query` is.
    pub(super) fn judge_query(&self, query: &Sighting<'_>) -> Verdict {
        let packet = query.packet;
        let gap = packet.time.since(self.last_sent);
        let same_mark = self.mark(packet) == self.query_mark;
        // Over TCP a second message of the stream comes by the same place, and a copy by another.
        let same_packet = same_mark == (self.transport() == Transport::Udp);
        let same_body = query.message.body_hash as u32 == self.query_body;
        if gap.0.abs() <= COPY_WINDOW.0 && same_packet && same_body {
            return Verdict::Copy;
        }
        // After SERVFAIL or REFUSED a stub resolver asks again at once: a try of its own.
        let failed = self.state & FAILED != 0;
        if failed || gap < SOONEST_RESEND { Verdict::New } else { Verdict::Again }
    }

    /// The question was sent again.
    pub(super) fn resend(&mut self, query: &Sighting<'_>) {
        self.state &= !RESCUED;
        self.last_sent = query.packet.time;
        self.query_mark = self.mark(query.packet);
        self.query_body = query.message.body_hash as u32;
    }

    /// The question was answered again: what comes now may be a copy of that. Gives whether its first answer was late.
    pub(super) fn repeat(&mut self, response: &Sighting<'_>) -> bool {
        let packet = response.packet;
        let late = self.state & RESCUED != 0;
        self.state &= !RESCUED;
        self.time = packet.time;
        self.body = response.message.body_hash as u32;
        self.place = place_of(packet.interface, mark_of(packet.source));
        self.ip_id = packet.ip_id;
        late
    }

    /// Whether a copy of the answer shows that a stranger gave it, or, on a further interface, that
    /// after all the one who was asked did.
    pub(super) fn told(&mut self, copy: &PacketMeta) -> Option<bool> {
        let asked = mark_of(copy.source) == self.server;
        let stranger = !asked && Origin::is_own(self.interface, self.direction, copy);
        let changed = stranger != (self.state & STRANGE != 0) && (stranger || asked);
        changed.then(|| {
            self.state ^= STRANGE;
            stranger
        })
    }

    /// Whether `response` is a copy of this one, and then whether it was seen on the same interface.
    pub(super) fn judge_response(&self, response: &Sighting<'_>) -> Option<bool> {
        let packet = response.packet;
        let same_interface = place_of(packet.interface, mark_of(packet.source)) == self.place;
        let same_packet = match self.transport() {
            Transport::Udp => packet.ip_id == self.ip_id,
            Transport::Tcp => !same_interface,
        };
        let close = packet.time.since(self.time).0.abs() <= COPY_WINDOW.0;
        let same_body = response.message.body_hash as u32 == self.body;
        (close && same_packet && same_body).then_some(same_interface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_interfaces_are_told_apart() {
        let mut marks: Vec<u32> = (0..4_000_u32)
            .map(|n| mark_of(Address::from_v4((0x0a00_0000 + n).to_be_bytes())))
            .chain((0..4_000_u128).map(|n| mark_of(Address((0xfd_u128 << 120 | n).to_be_bytes()))))
            .collect();
        let places = marks.iter().map(|&mark| place_of(1, mark)).collect::<Vec<_>>();
        assert!(marks.iter().zip(&places).all(|(mark, place)| mark != place));
        marks.extend(places);
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), 16_000);
    }

    #[test]
    fn all_bits_of_a_key_but_the_lowest_tell_answers_apart() {
        let key = 0x0123_4567_89ab_cdef;
        let answer = Answer::default().under(key, Token::default());
        for bit in 0..64 {
            assert_eq!(answer.has(key ^ 1 << bit), bit < KEY_REST, "{bit}");
            if bit >= KEY_REST {
                assert_eq!(answer.key_bit(bit), key >> bit & 1 != 0, "{bit}");
            }
        }
    }
}
