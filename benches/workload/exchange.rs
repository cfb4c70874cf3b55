//! A question and its answer: over UDP with losses and retries, over TCP with all that streams do.

use super::forge::{ACK, FIN, Message, PSH, SYN, Transport};
use super::schedule::{Key, Note, Starts, Time};
use super::wire::{Path, Wire};

/// glibc asks again from the same port, under the same ID, after this time.
const RETRY: Time = 5_000_000_000;
const RETRIES: u32 = 2;
/// How likely a retry is lost once the first transmission was.
const LOST_AGAIN: f64 = 0.3;
/// How many of the answered retries are answered twice.
const ANSWERED_TWICE: f64 = 0.1;
/// The first retransmission timeout of Linux' TCP.
const RETRANSMIT: Time = 200_000_000;

/// A query, what the server answers and after which time.
pub struct Asked {
    pub query: Message,
    pub response: Message,
    pub latency: Time,
    /// What the server asks for it elsewhere, once it has got the query.
    pub forwarded: Option<Forwarded>,
}

/// A question that is passed on.
pub struct Forwarded {
    pub path: Path,
    /// So long after the question came.
    pub after: Time,
    pub exchange: Box<Asked>,
}

impl Forwarded {
    /// Passes it on.
    pub fn send(&self, came: Time, wire: &mut Wire) {
        let Forwarded { path, after, exchange } = self;
        wire.udp(came + after, path, exchange, false, Starts::Nothing);
    }
}

impl Asked {
    fn answer(&self, asked: Key) -> Note {
        Note::Answer { asked, rcode: self.response.rcode }
    }
}

impl Wire {
    /// One exchange over UDP; says when it was answered, if it was.
    pub fn udp(
        &mut self,
        at: Time,
        path: &Path,
        exchange: &Asked,
        lost: bool,
        starts: Starts,
    ) -> Option<Time> {
        let mut retries = 0;
        let mut hopeless = false;
        if lost {
            retries = 1;
            while retries <= RETRIES && self.random.chance(LOST_AGAIN) {
                retries += 1;
            }
            hopeless = retries > RETRIES;
            retries = retries.min(RETRIES);
        }
        let query = || Transport::Udp { payload: exchange.query.encode() };
        let note = Note::Query { starts, hopeless };
        let asked = self.send(at, path, true, query(), [note, Note::Nothing]);
        let mut sent = at;
        for _ in 0..retries {
            sent += RETRY + self.random.between(100_000, 3_000_000);
            self.send(sent, path, true, query(), [Note::Again, Note::Nothing]);
        }
        if hopeless {
            return None;
        }
        let answered = sent + exchange.latency;
        let response = || Transport::Udp { payload: exchange.response.encode() };
        self.send(answered, path, false, response(), [exchange.answer(asked), Note::Nothing]);
        if lost && self.random.chance(ANSWERED_TWICE) {
            // The answer to an earlier transmission, which was only late.
            let again = answered + self.random.between(20_000_000, 80_000_000);
            self.send(again, path, false, response(), [Note::Duplicate, Note::Nothing]);
        }
        Some(answered)
    }

    /// One or two questions on one connection; says when the last was answered.
    pub fn tcp(&mut self, at: Time, path: &Path, asked: &[Asked], starts: Starts) -> Time {
        let round_trip = self.random.between(80_000, 250_000);
        let mut stream = Stream::new(self, path, at);
        stream.control(at, true, SYN);
        stream.control(at + round_trip, false, SYN | ACK);
        let mut now = at + round_trip + 12_000;
        stream.control(now, true, ACK);
        now += 8_000;

        let mut questions = Vec::with_capacity(asked.len());
        let first = Note::Query { starts, hopeless: false };
        let further = Note::Query { starts: Starts::Nothing, hopeless: false };
        if let [one, two] = asked
            && stream.wire.random.chance(0.3)
        {
            let both = [one.query.over_tcp(), two.query.over_tcp()].concat();
            let (key, received) = stream.data(now, true, both, [first, further]);
            questions = vec![(key, received); 2];
            now = received;
        } else {
            for (n, exchange) in asked.iter().enumerate() {
                let mut bytes = exchange.query.over_tcp();
                if stream.wire.random.chance(0.05) {
                    // Two writes of a client without Nagle: the length, and then the message.
                    let message = bytes.split_off(2);
                    now = stream.data(now, true, bytes, [Note::Nothing; 2]).1 + 20_000;
                    bytes = message;
                }
                let note = if n == 0 { first } else { further };
                let (key, received) = stream.data(now, true, bytes, [note, Note::Nothing]);
                questions.push((key, received));
                now = received + 30_000;
            }
        }
        now += round_trip / 2;
        stream.control(now, false, ACK);

        for (exchange, (key, received)) in asked.iter().zip(questions) {
            if let Some(forwarded) = &exchange.forwarded {
                forwarded.send(received + round_trip / 2, stream.wire);
            }
            now = (now + 40_000).max(received + round_trip + exchange.latency);
            let mut bytes = exchange.response.over_tcp();
            if stream.wire.random.chance(0.25) {
                let cut = stream.wire.random.between(1, bytes.len() as u64 - 1);
                let rest = bytes.split_off(cut as usize);
                now = stream.data(now, false, bytes, [Note::Nothing; 2]).1 + 30_000;
                bytes = rest;
            }
            let notes = [exchange.answer(key), Note::Nothing];
            now = stream.data(now, false, bytes, notes).1 + 30_000;
            stream.control(now, true, ACK);
        }
        let answered = now;
        stream.control(now + 40_000, true, FIN | ACK);
        stream.control(now + 40_000 + round_trip, false, FIN | ACK);
        stream.control(now + 60_000 + round_trip, true, ACK);
        answered
    }
}

/// The sequence numbers and timestamps of a connection; index 1 is the client's.
struct Stream<'a> {
    wire: &'a mut Wire,
    path: &'a Path,
    next: [u32; 2],
    began: Time,
}

impl<'a> Stream<'a> {
    fn new(wire: &'a mut Wire, path: &'a Path, began: Time) -> Self {
        let next = [wire.random.next() as u32, wire.random.next() as u32];
        Stream { wire, path, next, began }
    }

    fn control(&mut self, time: Time, from_client: bool, flags: u8) {
        let numbers = self.numbers(from_client, flags);
        self.segment(time, from_client, flags, numbers, Vec::new(), [Note::Nothing; 2]);
        self.next[usize::from(from_client)] =
            numbers.0.wrapping_add(u32::from(flags & (SYN | FIN) != 0));
    }

    /// A segment with data; says where it stands in the file and when it has really arrived.
    fn data(
        &mut self,
        time: Time,
        from_client: bool,
        bytes: Vec<u8>,
        notes: [Note; 2],
    ) -> (Key, Time) {
        let (flags, length) = (PSH | ACK, bytes.len() as u32);
        let numbers = self.numbers(from_client, flags);
        let lost = self.wire.random.chance(0.01);
        let again = lost.then(|| bytes.clone());
        let key = self.segment(time, from_client, flags, numbers, bytes, notes);
        let mut arrived = time;
        if let Some(bytes) = again {
            arrived += RETRANSMIT;
            self.segment(arrived, from_client, flags, numbers, bytes, [Note::Nothing; 2]);
        }
        self.next[usize::from(from_client)] = numbers.0.wrapping_add(length);
        (key, arrived)
    }

    fn numbers(&self, from_client: bool, flags: u8) -> (u32, u32) {
        let acknowledged = self.next[usize::from(!from_client)];
        (self.next[usize::from(from_client)], if flags & ACK == 0 { 0 } else { acknowledged })
    }

    fn segment(
        &mut self,
        time: Time,
        from_client: bool,
        flags: u8,
        (seq, ack): (u32, u32),
        payload: Vec<u8>,
        notes: [Note; 2],
    ) -> Key {
        // Timestamps count milliseconds (RFC 7323); the handshake also says MSS, SACK and the scale.
        let value = (time / 1_000_000) as u32;
        let echo = if flags == SYN { 0 } else { (self.began / 1_000_000) as u32 };
        let mut options = Vec::with_capacity(20);
        if flags & SYN != 0 {
            options.extend([2, 4, 0x05, 0xb4, 4, 2, 8, 10]);
        } else {
            options.extend([1, 1, 8, 10]);
        }
        options.extend(value.to_be_bytes());
        options.extend(echo.to_be_bytes());
        if flags & SYN != 0 {
            options.extend([1, 3, 3, 7]);
        }
        let transport = Transport::Tcp { flags, seq, ack, window: 502, options, payload };
        self.wire.send(time, self.path, from_client, transport, notes)
    }
}
