//! What holds for any bytes at all.

use proptest::prelude::*;

use super::*;
use crate::model::PacketMeta;

/// Every link type that is read, and one that is not.
const LINK_TYPES: [u16; 20] =
    [0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 109, 113, 204, 228, 229, 239, 276, 258, 149, 129];

/// The octets that a body borrows, and the length that it claims was sent.
fn borrowed<'a>(body: &Body<'a>) -> (&'a [u8], usize) {
    match body {
        Body::Datagram(datagram) => (datagram.payload, datagram.sent),
        Body::Segment(segment) => (segment.payload, segment.sent),
        Body::Fragment(fragment) => (fragment.payload, fragment.sent),
        Body::IcmpError(error) => (error.quoted_payload, error.quoted_payload.len()),
        Body::Other { .. } | Body::Skip(_) => (&[], 0),
    }
}

fn check(link_type: u16, bytes: &[u8], original: usize) {
    let decoded = frame(LinkType(link_type), bytes, original);
    let (payload, sent) = borrowed(&decoded.body);
    assert!(payload.len() <= sent);
    let inside = bytes.as_ptr_range();
    let within = payload.as_ptr_range();
    assert!(payload.is_empty() || (inside.start <= within.start && within.end <= inside.end));
}

/// How much a body tells: it may only grow with more octets of the frame.
fn knowledge(body: &Body<'_>) -> usize {
    match body {
        Body::Skip(_) => 0,
        other => 1 + borrowed(other).0.len(),
    }
}

/// Frames that reach every layer.
fn specimens() -> Vec<(u16, Vec<u8>)> {
    let inner = ethernet(0x0800, &query());
    let six = ipv6(
        0,
        &join(&[&[60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0], &udp(40000, 53, QUERY)]),
    );
    vec![
        (1, inner.clone()),
        (1, ethernet(0x8100, &join(&[&[0, 1, 0x86, 0xdd], &six]))),
        (1, ethernet(0x8864, &join(&[&[0x11, 0, 0, 1, 0, 90, 0, 0x21], &query()]))),
        (113, join(&[&[0, 4, 0, 1, 0, 6], &MAC, &[0, 0, 8, 0], &query()])),
        (276, join(&[&[8, 0, 0, 0, 0, 0, 0, 5, 0, 1, 4, 6], &MAC, &[0, 0], &query()])),
        (0, join(&[&[30, 0, 0, 0], &six])),
        (239, join(&[&[2, 0, 0, 0, 61, 0, 9, 0], &query()])),
        (228, ipv4(6, &tcp(24, 1, &[1; 12], QUERY))),
        (228, ipv4(1, &join(&[&[3, 3, 0, 0, 0, 0, 0, 0], &query()]))),
        (229, ipv6(58, &join(&[&[1, 4, 0, 0, 0, 0, 0, 0], &six]))),
        (228, ipv4_with(17, 0x2000, &[], &udp(53, 40000, QUERY))),
        (229, ipv6(44, &join(&[&[17, 0, 0, 1, 0, 0, 0, 9], &udp(53, 40000, QUERY)]))),
        (228, ipv4(17, &udp(5000, 4789, &join(&[&[8, 0, 0, 0, 0, 0, 9, 0], &inner])))),
        (
            228,
            ipv4(
                17,
                &udp(5000, 6081, &join(&[&[1, 0, 0x65, 0x58, 0, 0, 9, 0, 0, 0, 0, 0], &inner])),
            ),
        ),
        (
            228,
            ipv4(
                17,
                &udp(
                    5000,
                    2152,
                    &join(&[&[0x34, 255, 0, 69, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0], &query()]),
                ),
            ),
        ),
        (
            228,
            ipv4(
                47,
                &join(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 2, 3, 0, 0, 0, 4], &inner]),
            ),
        ),
        (228, ipv4(4, &query())),
    ]
}

#[test]
fn a_longer_capture_of_a_frame_never_tells_less() {
    for (link_type, bytes) in specimens() {
        let mut known = 0;
        for end in 0..=bytes.len() {
            check(link_type, &bytes[..end], bytes.len());
            let decoded = frame(LinkType(link_type), &bytes[..end], bytes.len());
            let more = knowledge(&decoded.body);
            assert!(more >= known, "{link_type} at {end}: {decoded:?}");
            known = more;
        }
        assert!(known > 1, "{link_type}");
    }
}

/// Frames that go the short way, and some that just do not.
fn plain_specimens() -> Vec<Vec<u8>> {
    let datagram = udp(40000, 53, QUERY);
    let options = ipv4_with(17, 0x4000, &[1, 1, 1, 0], &datagram);
    let padded = join(&[&query(), &[0; 9]]);
    let short = udp(53, 40000, &QUERY[..QUERY.len() - 4]);
    vec![
        ethernet(0x0800, &query()),
        ethernet(0x0800, &padded),
        ethernet(0x0800, &ipv4(17, &join(&[&short, &[1, 2, 3, 4]]))),
        ethernet(0x8100, &join(&[&[0, 7, 8, 0], &query()])),
        ethernet(0x8100, &join(&[&[0, 7, 0x86, 0xdd], &ipv6(17, &datagram)])),
        ethernet(0x86dd, &ipv6(17, &datagram)),
        ethernet(0x86dd, &query()),
        ethernet(0x88a8, &join(&[&[0, 7, 8, 0], &query()])),
        ethernet(0x0800, &options),
        ethernet(0x0800, &ipv4_with(17, 0x2000, &[], &datagram)),
        ethernet(0x0800, &ipv4_with(17, 0x0001, &[], &datagram)),
        ethernet(0x0800, &ipv4(17, &udp(40000, 4789, QUERY))),
        ethernet(0x0800, &ipv4(17, &udp(53, 4789, QUERY))),
        ethernet(0x0800, &ipv4(6, &tcp(24, 1, &[], QUERY))),
        ethernet(0x86dd, &ipv6(6, &tcp(16, 1, &[1; 12], QUERY))),
    ]
}

/// Whether the short way was gone; if so, it has to have come to the same as the long one.
#[track_caller]
fn goes_the_short_way(bytes: &[u8], original: usize) -> bool {
    // What was there before must not be left.
    let address = Address::from_v6([9; 16]);
    let mut packet =
        PacketMeta { source: address, destination: address, ip_id: 9, ..PacketMeta::default() };
    let passing = passing(ETHERNET, bytes);
    let mut shorter = packet;
    let plainest = plainest(ETHERNET, bytes, &mut shorter);
    let Some(plain) = plain(ETHERNET, bytes, &mut packet) else {
        assert_eq!((passing, plainest), (None, None));
        return false;
    };
    if let Some((payload, sent)) = plainest {
        assert_eq!((plain, packet), (Plain::Datagram(payload, sent), shorter));
    }
    let Decoded { network, body } = frame(ETHERNET, bytes, original);
    let (source_port, destination_port) = (packet.source_port, packet.destination_port);
    let expected = Network {
        source: packet.source,
        destination: packet.destination,
        ip_id: packet.ip_id,
        ttl: packet.ttl,
        link_source: packet.link_source,
        ..Network::default()
    };
    assert_eq!(network, expected);
    let is_ipv4 = bytes.get(12..14) == Some(&[8, 0]);
    assert_eq!(passing.is_some(), plain == Plain::Segment && is_ipv4);
    if let Some(Passing { source_port: from, destination_port: to, destination }) = passing {
        assert_eq!((from, to, destination), (source_port, destination_port, network.destination));
    }
    match (plain, body) {
        (Plain::Datagram(payload, sent), Body::Datagram(general)) => {
            let datagram = Datagram { source_port, destination_port, payload, sent };
            assert_eq!(datagram, general);
            assert_eq!(payload.as_ptr_range(), general.payload.as_ptr_range());
        }
        (Plain::Segment, Body::Segment(general)) => {
            let ports = (general.source_port, general.destination_port);
            assert_eq!((source_port, destination_port), ports);
        }
        _ => panic!("{plain:?} is {body:?}"),
    }
    true
}

#[test]
fn plain_frames_and_no_others_go_the_short_way() {
    let frames = plain_specimens();
    let short: Vec<bool> = frames.iter().map(|one| goes_the_short_way(one, one.len())).collect();
    let wanted: Vec<bool> = [true; 6].into_iter().chain([false; 6]).collect();
    assert_eq!(short[..12], wanted);
    assert_eq!(short[12..], [true; 3], "a port of tunnels is no tunnel where DNS is spoken");
    let is_plainest =
        |frame: &Vec<u8>| plainest(ETHERNET, frame, &mut PacketMeta::default()).is_some();
    let plainest_ones: Vec<usize> = (0..15).filter(|&at| is_plainest(&frames[at])).collect();
    assert_eq!(plainest_ones, [0, 1, 2, 12]);
    let query = ethernet(0x0800, &query());
    assert_eq!(plainest(LinkType(113), &query, &mut PacketMeta::default()), None);
    assert_eq!(plain(LinkType(113), &query, &mut PacketMeta::default()), None);
    assert!(goes_the_short_way(&query[..60], query.len()), "cut within the message");
    assert!(!goes_the_short_way(&query[..41], query.len()), "cut within a header");
}

proptest! {
    #[test]
    fn both_ways_come_to_the_same(
        index in 0_usize..15,
        damage in proptest::collection::vec((0_usize..60, any::<u8>()), 0..4),
        cut in 0_usize..100,
    ) {
        let mut bytes = plain_specimens().swap_remove(index);
        for (place, value) in damage {
            bytes[place] = value;
        }
        let length = bytes.len();
        let _ = goes_the_short_way(&bytes, length);
        let _ = goes_the_short_way(&bytes[..length.saturating_sub(cut)], length);
    }

    #[test]
    fn any_bytes_decode(
        link_type in proptest::sample::select(&LINK_TYPES[..]),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cut in 0_usize..100,
    ) {
        check(link_type, &bytes, bytes.len() + cut);
    }

    #[test]
    fn any_damage_to_a_frame_decodes(
        index in 0_usize..17,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let (link_type, mut bytes) = specimens().swap_remove(index);
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let end = cut.index(bytes.len() + 1);
        check(link_type, &bytes[..end], bytes.len());
        check(link_type, &bytes, bytes.len());
    }
}

/// Headers that may follow each other without end must not be followed by recursion.
#[test]
fn endless_stacks_of_headers_end() {
    let size = 262_144;
    let stacks: [(u16, &[u8], &[u8]); 6] = [
        (1, &ethernet(0x8100, &[]), &[0, 1, 0x81, 0]),
        (1, &ethernet(0x8847, &[]), &[0, 1, 0, 64]),
        (50, &[], &[0x0f, 0, 0x88, 0x0b]),
        (104, &[], &[0x0f, 0, 0x88, 0x0b]),
        (229, &[&[0x60, 0, 0, 0, 0, 0, 60, 9][..], &[0; 32]].concat(), &[60, 0, 1, 4, 0, 0, 0, 0]),
        (
            228,
            &[&[0x45, 0, 0, 0, 0, 0, 0, 0, 9, 51, 0, 0][..], &[0; 8]].concat(),
            &[51, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
    ];
    for (link_type, head, repeated) in stacks {
        let mut bytes = head.to_vec();
        while bytes.len() < size {
            bytes.extend_from_slice(repeated);
        }
        check(link_type, &bytes, bytes.len());
    }
}
