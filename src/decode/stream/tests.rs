use super::*;
use crate::model::Address;

/// A connection between a client (10.0.0.7:40000) and a server (10.0.0.2:53), and what came of it.
struct Capture {
    streams: Streams,
    millis: i64,
    frame: u64,
    /// Frame that completed it, captured octets, length sent.
    messages: Vec<(u64, Vec<u8>, usize)>,
    /// Whether messages of the client, and of the server, were told to be lacking.
    lacking: [bool; 2],
}

const SYN: u8 = Segment::SYN;
const ACK: u8 = Segment::ACK;
const FIN: u8 = Segment::FIN;
const RST: u8 = Segment::RST;

impl Capture {
    fn new() -> Capture {
        Capture {
            streams: Streams::new(),
            millis: 0,
            frame: 0,
            messages: Vec::new(),
            lacking: [false; 2],
        }
    }

    /// A capture with a handshake; the client's data starts at 101, the server's at 501.
    fn open() -> Capture {
        let mut capture = Capture::new();
        assert_eq!(capture.client(SYN, 100, &[]), ConnectionEvent::Syn { again: false });
        assert_eq!(capture.server(SYN | ACK, 500, &[]), ConnectionEvent::SynAck { again: false });
        assert_eq!(capture.client(ACK, 101, &[]), ConnectionEvent::Established);
        capture
    }

    fn client(&mut self, flags: u8, sequence: u32, payload: &[u8]) -> ConnectionEvent {
        self.segment(0, true, flags, (sequence, 0), payload, payload.len())
    }

    fn server(&mut self, flags: u8, sequence: u32, payload: &[u8]) -> ConnectionEvent {
        self.segment(0, false, flags, (sequence, 0), payload, payload.len())
    }

    fn segment(
        &mut self,
        connection: u16,
        from_client: bool,
        flags: u8,
        (sequence, acknowledgment): (u32, u32),
        payload: &[u8],
        sent: usize,
    ) -> ConnectionEvent {
        self.millis += 1;
        self.frame += 1;
        let mut meta = PacketMeta {
            time: Timestamp(self.millis * 1_000_000),
            frame: self.frame,
            source: Address::from_v4([10, 0, 0, 7]),
            destination: Address::from_v4([10, 0, 0, 2]),
            source_port: 40_000 + connection,
            destination_port: 53,
            ..PacketMeta::default()
        };
        if !from_client {
            std::mem::swap(&mut meta.source, &mut meta.destination);
            std::mem::swap(&mut meta.source_port, &mut meta.destination_port);
        }
        let segment = Segment {
            source_port: meta.source_port,
            destination_port: meta.destination_port,
            sequence,
            acknowledgment,
            flags,
            payload,
            sent,
        };
        let messages = &mut self.messages;
        let observed = self.streams.observe(&meta, &segment, &mut |message| {
            messages.push((message.meta.frame, message.bytes.to_vec(), message.sent));
        });
        let [sender, receiver] = observed.lacking;
        let [client, server] = if from_client { [sender, receiver] } else { [receiver, sender] };
        self.lacking = [self.lacking[0] | client, self.lacking[1] | server];
        observed.event
    }

    fn finish(&mut self) {
        let messages = &mut self.messages;
        self.streams.finish(&mut |message| {
            messages.push((message.meta.frame, message.bytes.to_vec(), message.sent));
        });
        assert_eq!(self.streams.stage.pool.octets, 0, "the books are balanced");
    }

    /// The IDs of the messages, and that all of them are whole.
    fn ids(&self) -> Vec<u8> {
        self.messages
            .iter()
            .map(|(_, bytes, sent)| {
                assert_eq!(bytes.len(), *sent);
                bytes[1]
            })
            .collect()
    }

    fn counters(&self) -> StreamCounters {
        *self.streams.counters()
    }
}

/// A query with its length before it; 31 octets.
fn query(id: u8) -> Vec<u8> {
    let mut bytes = vec![0, 29, 0, id];
    bytes.extend_from_slice(
        b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01",
    );
    bytes
}

/// A response of `length` octets: one TXT record that fills it. The length stands before it.
fn response(id: u8, length: u16) -> Vec<u8> {
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(&[0, id, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    bytes.extend_from_slice(
        b"\x03www\x07example\x00\x00\x10\x00\x01\xc0\x0c\x00\x10\x00\x01\0\0\0\x09",
    );
    bytes.extend_from_slice(&(length - 41).to_be_bytes());
    bytes.resize(usize::from(length) + 2, b'x');
    bytes
}

#[test]
fn messages_in_order_are_delivered_with_their_segment() {
    let mut capture = Capture::open();
    capture.client(ACK, 101, &[query(1), query(2)].concat());
    capture.server(ACK, 501, &response(1, 100));
    capture.server(ACK, 603, &response(2, 100));
    assert_eq!(capture.ids(), [1, 2, 1, 2]);
    let frames: Vec<u64> = capture.messages.iter().map(|message| message.0).collect();
    assert_eq!(frames, [4, 4, 5, 6]);
    assert_eq!(capture.streams.stage.pool.octets, 0);
}

#[test]
fn a_stream_may_be_split_anywhere() {
    let stream = [query(1), vec![0, 0], query(2), query(3)].concat();
    for size in 1..stream.len() {
        let mut capture = Capture::open();
        let mut sequence = 101;
        for piece in stream.chunks(size) {
            capture.client(ACK, sequence, piece);
            sequence += piece.len() as u32;
        }
        assert_eq!(capture.ids(), [1, 2, 3], "in pieces of {size}");
        assert_eq!(capture.messages[2].0, capture.frame);
    }
}

#[test]
fn segments_out_of_order_wait_for_what_comes_before() {
    let stream = [query(1), query(2), response(3, 300)].concat();
    let pieces: Vec<(u32, &[u8])> = stream
        .chunks(50)
        .enumerate()
        .map(|(index, piece)| (101 + index as u32 * 50, piece))
        .collect();
    for shift in 0..pieces.len() {
        let mut capture = Capture::open();
        for turn in 0..pieces.len() {
            let (sequence, piece) = pieces[(turn + shift) % pieces.len()];
            capture.client(ACK, sequence, piece);
        }
        assert_eq!(capture.ids(), [1, 2, 3], "from piece {shift}");
        let last = capture.messages.last().map(|message| message.0);
        assert_eq!(last, Some(capture.frame), "readable when the hole was filled");
        assert_eq!(capture.streams.stage.pool.octets, 0);
        assert_eq!(capture.counters().gaps, 0);
    }
}

#[test]
fn repeated_and_overlapping_segments_give_nothing_twice() {
    let stream = [query(1), query(2), query(3)].concat();
    let mut capture = Capture::open();
    capture.client(ACK, 101, &stream[..40]);
    capture.client(ACK, 101, &stream[..40]);
    capture.client(ACK, 101 + 20, &stream[20..70]);
    // Keep-alive probes: one octet or none below the window (RFC 9293, section 3.8.4).
    capture.client(ACK, 101 + 69, &stream[69..70]);
    capture.client(ACK, 101 + 69, &[]);
    capture.client(ACK, 101, &stream);
    capture.client(ACK, 101, &stream);
    assert_eq!(capture.ids(), [1, 2, 3]);
    assert_eq!(capture.counters().repeated, 3);
}

#[test]
fn sequence_numbers_wrap() {
    let mut capture = Capture::new();
    let start = u32::MAX - 40;
    capture.client(SYN, start, &[]);
    capture.client(ACK, start.wrapping_add(32), &query(2));
    capture.client(ACK, start.wrapping_add(63), &query(3));
    capture.client(ACK, start.wrapping_add(1), &query(1));
    assert_eq!(capture.ids(), [1, 2, 3]);
}

#[test]
fn a_syn_may_carry_data() {
    let mut capture = Capture::new();
    capture.client(SYN, 100, &query(1));
    capture.client(ACK, 101, &query(1));
    capture.client(ACK, 132, &query(2));
    assert_eq!(capture.ids(), [1, 2]);
}

#[test]
fn a_hole_that_the_peer_has_acknowledged_is_given_up() {
    let mut capture = Capture::open();
    capture.server(ACK, 501, &response(1, 100));
    // The message at 603 is not captured, nor is the start of the one at 705.
    let lost = response(3, 100);
    capture.server(ACK, 725, &lost[20..]);
    capture.server(ACK, 807, &response(4, 100));
    assert_eq!(capture.ids(), [1]);
    capture.millis += 20;
    let frame = capture.frame;
    capture.segment(0, true, ACK, (101, 909), &[], 0);
    assert_eq!(capture.ids(), [1, 4]);
    assert_eq!(capture.messages[1].0, frame, "readable when it came");
    assert_eq!((capture.counters().gaps, capture.counters().resynchronised), (1, 1));
    assert_eq!(capture.lacking, [false, true], "the client has what the capture has not");
}

#[test]
fn what_was_no_message_after_all_lacks_nothing() {
    // Two octets that might be a length, and then a message that begins anew and is cut.
    let mut capture = Capture::new();
    capture.server(ACK, 1000, &[0, 40]);
    let message = response(1, 100);
    capture.segment(0, false, ACK, (1002, 0), &message[..60], message.len());
    assert_eq!((capture.messages.len(), capture.lacking), (1, [false; 2]));
    assert_eq!(capture.messages[0].1, message[2..60]);
}

#[test]
fn octets_that_nobody_acknowledges_may_never_have_arrived() {
    let mut capture = Capture::open();
    capture.server(ACK, 501 + 200, &response(3, 100));
    capture.millis += 8_000;
    capture.server(ACK, 501 + 302, &response(4, 100));
    assert_eq!(capture.ids(), [3, 4]);
    assert_eq!((capture.counters().gaps, capture.lacking), (1, [false; 2]));
}

#[test]
fn a_hole_within_a_message_cuts_it_and_no_more() {
    let mut capture = Capture::open();
    let long = response(1, 1000);
    capture.server(ACK, 501, &long[..400]);
    capture.server(ACK, 501 + 600, &[&long[600..], &response(2, 100)].concat());
    capture.millis += 8_000;
    capture.server(ACK, 501 + 1002 + 102, &response(3, 100));
    assert_eq!(capture.messages[0].1, long[2..400]);
    assert_eq!(capture.messages[0].2, 1000);
    let rest: Vec<u8> = capture.messages[1..].iter().map(|message| message.1[1]).collect();
    assert_eq!(rest, [2, 3]);
    assert_eq!((capture.counters().gaps, capture.counters().resynchronised), (1, 0));
}

#[test]
fn a_cut_segment_is_a_hole_of_known_size() {
    let mut capture = Capture::open();
    let long = response(1, 1000);
    capture.segment(0, false, ACK, (501, 0), &long[..60], 700);
    capture.segment(0, false, ACK, (1201, 0), &long[700..740], 302);
    capture.server(ACK, 1503, &response(2, 100));
    assert_eq!((capture.messages[0].1.as_slice(), capture.messages[0].2), (&long[2..60], 1000));
    assert_eq!((capture.messages[1].1[1], capture.lacking), (2, [false; 2]));
    // Cut so that the next length is missing: lost until the next segment.
    let two = [response(3, 100), response(4, 100)].concat();
    capture.segment(0, false, ACK, (1605, 0), &two[..60], two.len());
    capture.server(ACK, 1809, &response(5, 100));
    let ids: Vec<u8> = capture.messages[2..].iter().map(|message| message.1[1]).collect();
    assert_eq!((ids.as_slice(), capture.lacking), (&[3, 5][..], [false, true]));
}

#[test]
fn a_stream_may_be_joined_midway() {
    // At the start of a message.
    let mut capture = Capture::new();
    capture.client(ACK, 1000, &query(1));
    assert_eq!(capture.ids(), [1]);
    // Within a message, which goes on.
    let mut capture = Capture::new();
    let long = response(1, 3000);
    capture.server(ACK, 1000, &long[1200..2400]);
    capture.server(ACK, 2200, &long[2400..]);
    capture.server(ACK, 1000 + 1802, &response(2, 100));
    assert_eq!(capture.ids(), [2]);
    assert_eq!((capture.counters().joined, capture.counters().resynchronised), (1, 1));
    // Behind the length, which went alone.
    let mut capture = Capture::new();
    capture.client(ACK, 1000, &query(1)[2..]);
    capture.client(ACK, 1029, &query(2));
    assert_eq!(capture.ids(), [1, 2]);
    // At a length that goes alone.
    let mut capture = Capture::new();
    capture.client(ACK, 1000, &query(1)[..2]);
    capture.client(ACK, 1002, &query(1)[2..]);
    assert_eq!(capture.ids(), [1]);
    // With what only looks like a length that goes alone.
    let mut capture = Capture::new();
    capture.client(ACK, 1000, &[0x20, 0x20]);
    capture.client(ACK, 1002, &query(2));
    assert_eq!(capture.ids(), [2]);
}

#[test]
fn what_is_no_dns_is_left_alone() {
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x5f\x5f\x5f\x5f\x5f\x5f\x5f\x5f\x5f";
    let http = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n";
    for garbage in [&tls[..], &http[..]] {
        let mut capture = Capture::open();
        let mut sequence = 101;
        for _ in 0..100 {
            capture.client(ACK, sequence, garbage);
            sequence += garbage.len() as u32;
        }
        capture.client(ACK, sequence, &query(1));
        assert_eq!(capture.messages, []);
        assert_eq!(capture.counters().not_dns, 1);
        assert_eq!(capture.streams.stage.pool.octets, 0);
    }
    // A stream that has proved to be DNS may be wrong once: that is a malformed message.
    let mut capture = Capture::open();
    capture.client(ACK, 101, &query(1));
    capture.client(ACK, 132, &[0, 3, 1, 2, 3]);
    capture.client(ACK, 137, &query(2));
    assert_eq!(capture.messages.len(), 3);
    assert_eq!(capture.messages[1].1, [1, 2, 3]);
}

#[test]
fn ports_may_be_used_again() {
    let mut capture = Capture::open();
    capture.client(ACK, 101, &query(1)[..10]);
    assert_eq!(capture.client(SYN, 9_000, &[]), ConnectionEvent::Syn { again: false });
    assert_eq!(capture.client(SYN, 9_000, &[]), ConnectionEvent::Syn { again: true });
    capture.client(ACK, 9_001, &query(2));
    assert_eq!(capture.ids(), [2]);
    assert_eq!(capture.counters().unfinished, 1);
    // Without a SYN in the capture.
    capture.client(ACK, 0x9000_0000, &query(3));
    assert_eq!(capture.ids(), [2, 3]);
}

#[test]
fn events_tell_what_becomes_of_a_connection() {
    let mut capture = Capture::new();
    assert_eq!(capture.client(SYN, 100, &[]), ConnectionEvent::Syn { again: false });
    assert_eq!(capture.client(SYN, 100, &[]), ConnectionEvent::Syn { again: true });
    assert_eq!(capture.server(RST | ACK, 0, &[]), ConnectionEvent::Reset { refused: true });
    let mut capture = Capture::open();
    assert_eq!(capture.client(ACK, 101, &query(1)), ConnectionEvent::None);
    assert_eq!(capture.client(FIN | ACK, 132, &[]), ConnectionEvent::HalfClosed);
    assert_eq!(capture.server(ACK, 501, &response(1, 100)), ConnectionEvent::None);
    assert_eq!(capture.server(FIN | ACK, 603, &[]), ConnectionEvent::Closed);
    // Copies of the last segments are nothing new.
    capture.server(ACK, 501, &response(1, 100));
    assert_eq!(capture.server(FIN | ACK, 603, &[]), ConnectionEvent::None);
    assert_eq!(capture.ids(), [1, 1]);
    let mut capture = Capture::open();
    assert_eq!(capture.server(RST, 501, &[]), ConnectionEvent::Reset { refused: false });
    // Nothing is kept of connections of which nothing is known.
    let mut capture = Capture::new();
    assert_eq!(capture.client(ACK, 5, &[]), ConnectionEvent::None);
    assert_eq!(capture.server(RST, 5, &[]), ConnectionEvent::Reset { refused: false });
    assert_eq!(capture.counters().connections, 0);
}

#[test]
fn a_connection_that_never_ends_is_forgotten_and_found_again() {
    let mut capture = Capture::open();
    capture.client(ACK, 101, &query(1));
    capture.millis += 3_600_000;
    capture.client(ACK, 132, &query(2));
    assert_eq!(capture.ids(), [1, 2]);
    assert_eq!((capture.counters().idle, capture.counters().joined), (1, 1));
    assert_eq!(capture.streams.table.len(), 1);
}

#[test]
fn a_zone_transfer_never_buffers_more_than_a_message() {
    let mut capture = Capture::open();
    let stream = [response(1, 65_535), response(2, 60_000), response(3, 65_535)].concat();
    let mut sequence = 501_u32;
    let mut most = 0;
    for _ in 0..20 {
        for piece in stream.chunks(1_460) {
            capture.server(ACK, sequence, piece);
            sequence = sequence.wrapping_add(piece.len() as u32);
            most = most.max(capture.streams.stage.pool.octets);
        }
    }
    assert_eq!(capture.messages.len(), 60);
    assert!(most <= 65_535);
    assert_eq!(capture.counters().gaps + capture.counters().resynchronised, 0);
}

#[test]
fn memory_is_bounded() {
    // Many connections, each with an unfinished message and with segments before their time.
    let mut capture = Capture::new();
    let beginning = response(1, 65_535);
    for connection in 0..3_000 {
        capture.segment(connection, false, SYN, (500, 0), &[], 0);
        capture.segment(connection, false, ACK, (501, 0), &beginning[..10_000], 10_000);
        for turn in 1..8 {
            let sequence = 501 + 20_000 + turn * 2_000;
            capture.segment(connection, false, ACK, (sequence, 0), &beginning[..1_000], 1_000);
        }
        assert!(capture.streams.stage.pool.octets <= MAX_OCTETS);
    }
    assert!(capture.counters().evicted > 0);
    capture.finish();
    assert!(capture.streams.table.is_empty());
    // One stream cannot hold more than its share.
    let mut capture = Capture::open();
    for turn in 1..1_000 {
        capture.server(ACK, 501 + turn * 200, &response(7, 100));
    }
    assert!(capture.streams.stage.pool.octets < 100 * 1_000);
    assert!(capture.counters().gaps > 900);
}

#[test]
fn closed_connections_make_room_first() {
    let mut capture = Capture::new();
    capture.segment(60_000_u16.wrapping_sub(40_000), true, SYN, (1, 0), &[], 0);
    for connection in 0..6_000 {
        capture.millis = 0;
        capture.segment(connection, true, SYN, (1, 0), &[], 0);
        capture.segment(connection, true, RST, (1, 0), &[], 0);
    }
    assert_eq!(capture.streams.table.len(), MAX_CLOSED + 1);
    assert_eq!((capture.counters().evicted, capture.counters().idle), (0, 0));
}

proptest::proptest! {
    #[test]
    fn any_order_with_copies_gives_every_message_once(
        lengths in proptest::collection::vec(50_u16..600, 1..8),
        size in 1_usize..200,
        seed in proptest::collection::vec(0_usize..6, 200),
    ) {
        let stream: Vec<u8> =
            lengths.iter().zip(1..).flat_map(|(&length, id)| response(id, length)).collect();
        let mut pieces: Vec<(u32, &[u8])> = stream
            .chunks(size)
            .scan(501_u32, |sequence, piece| {
                let at = *sequence;
                *sequence += piece.len() as u32;
                Some((at, piece))
            })
            .collect();
        // Move pieces a few places, and repeat some.
        for (index, shift) in seed.iter().enumerate() {
            if index < pieces.len() {
                let other = (index + shift).min(pieces.len() - 1);
                pieces.swap(index, other);
                if *shift == 5 {
                    pieces.insert(index, pieces[other]);
                }
            }
        }
        let mut capture = Capture::open();
        for (sequence, piece) in pieces {
            capture.server(ACK, sequence, piece);
        }
        proptest::prop_assert_eq!(capture.ids(), (1..=lengths.len() as u8).collect::<Vec<_>>());
        capture.finish();
    }

    #[test]
    fn any_segments_keep_the_books(
        segments in proptest::collection::vec(
            (0_u16..3, proptest::bool::ANY, proptest::num::u8::ANY, 0_u32..3_000, proptest::num::u32::ANY,
             proptest::collection::vec(proptest::num::u8::ANY, 0..40), 0_usize..60, 0_i64..5_000),
            0..80,
        ),
    ) {
        let mut capture = Capture::new();
        for (connection, from_client, flags, sequence, acknowledgment, payload, cut, wait) in segments {
            capture.millis += wait;
            let sent = payload.len() + cut;
            capture.segment(connection, from_client, flags, (sequence, acknowledgment), &payload, sent);
        }
        for (_, bytes, sent) in &capture.messages {
            proptest::prop_assert!(bytes.len() <= *sent);
        }
        capture.finish();
    }
}
