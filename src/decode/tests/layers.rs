//! Link, network and transport layers, ICMP and tunnels, one frame a row.

use crate::model::{Address, Direction};

use super::*;

const TAG: [u8; 2] = [0x00, 0x2a];

#[test]
fn an_ethernet_frame_tells_all_around_the_query() {
    let network = carries_query(1, &ethernet(0x0800, &query()));
    let expected = Network {
        source: Address::from_v4(CLIENT),
        destination: Address::from_v4(SERVER),
        ip_id: 0x0102,
        ttl: 63,
        link_source: MAC,
        ..Network::default()
    };
    assert_eq!(network, expected);
}

#[test]
fn every_link_type_leads_to_the_query() {
    let packet = query();
    let packet = packet.as_slice();
    let sll =
        |kind: u8, protocol: [u8; 2]| join(&[&[0, kind, 0, 1, 0, 6], &MAC, &[0, 0], &protocol]);
    let frames: Vec<(&str, u16, Vec<u8>)> = vec![
        ("raw", 101, packet.to_vec()),
        ("raw of BSD", 12, packet.to_vec()),
        ("raw of OpenBSD", 14, packet.to_vec()),
        ("IPv4", 228, packet.to_vec()),
        ("null, little-endian", 0, join(&[&[2, 0, 0, 0], packet])),
        ("null, big-endian", 0, join(&[&[0, 0, 0, 2], packet])),
        ("loop", 108, join(&[&[0, 0, 0, 2], packet])),
        ("IPsec interface", 109, join(&[&[2, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0], packet])),
        ("null with an EtherType", 0, join(&[&[0x0f, 0, 8, 0], packet])),
        (
            "macOS's packet tap",
            258,
            join(&[
                &[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
                &[0; 24],
                &[2, 0, 0, 0],
                &[0; 68],
                &ethernet(0x0800, packet),
            ]),
        ),
        ("PPP", 9, join(&[&[0xff, 3, 0, 0x21], packet])),
        ("PPP without address and control", 9, join(&[&[0, 0x21], packet])),
        ("PPP with a compressed protocol", 9, join(&[&[0x21], packet])),
        ("PPP in HDLC", 50, join(&[&[0xff, 3, 0, 0x21], packet])),
        ("Cisco HDLC in PPP_HDLC", 50, join(&[&[0x0f, 0, 8, 0], packet])),
        ("Cisco HDLC", 104, join(&[&[0x0f, 0, 8, 0], packet])),
        ("PPPoE without Ethernet", 51, join(&[&[0x11, 0, 0, 1, 0, 90, 0, 0x21], packet])),
        ("PPP with direction", 204, join(&[&[1, 0xff, 3, 0, 0x21], packet])),
        ("cooked v1", 113, join(&[&sll(0, [8, 0]), packet])),
        ("cooked v1 with a tag", 113, join(&[&sll(0, [0x81, 0]), &TAG, &[8, 0], packet])),
        ("802.1Q", 1, ethernet(0x8100, &join(&[&TAG, &[8, 0], packet]))),
        ("QinQ", 1, ethernet(0x88a8, &join(&[&TAG, &[0x81, 0], &TAG, &[8, 0], packet]))),
        (
            "three tags",
            1,
            ethernet(0x9100, &join(&[&TAG, &[0x92, 0], &TAG, &[0x81, 0], &TAG, &[8, 0], packet])),
        ),
        ("PPPoE", 1, ethernet(0x8864, &join(&[&[0x11, 0, 0, 1, 0, 90, 0, 0x21], packet]))),
        ("two MPLS labels", 1, ethernet(0x8847, &join(&[&[0, 1, 0, 64], &[0, 2, 1, 64], packet]))),
        ("SNAP", 1, ethernet(90, &join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], packet]))),
        ("LLC", 1, ethernet(90, &join(&[&[6, 6, 3], packet]))),
    ];
    for (name, link_type, bytes) in frames {
        let decoded = decode(link_type, &bytes);
        assert!(
            matches!(decoded.body, Body::Datagram(Datagram { payload: QUERY, sent: 29, .. })),
            "{name}: {decoded:?}"
        );
        assert_eq!(decoded.network.tunnels, 0, "{name}");
    }
}

#[test]
fn every_systems_number_of_ipv6_is_known() {
    let packet = ipv6(17, &udp(40000, 53, QUERY));
    for family in [10_u32, 23, 24, 28, 30] {
        for header in [family.to_le_bytes(), family.to_be_bytes()] {
            assert_eq!(carries_query(0, &join(&[&header, &packet])).ttl, 62);
        }
    }
    assert_eq!(decode(0, &join(&[&[7, 0, 0, 0], &packet])).body, Body::Skip(Skip::NotIp));
}

#[test]
fn cooked_headers_tell_direction_and_sender() {
    let directions = [
        (0, Direction::Incoming),
        (1, Direction::Incoming),
        (2, Direction::Incoming),
        (3, Direction::Passing),
        (4, Direction::Outgoing),
        (9, Direction::Unknown),
    ];
    for (kind, direction) in directions {
        let v1 = join(&[&[0, kind, 0, 1, 0, 6], &MAC, &[0, 0, 8, 0], &query()]);
        let network = carries_query(113, &v1);
        assert_eq!((network.direction, network.link_source), (direction, MAC));
        let v2 = join(&[&[8, 0, 0, 0, 0, 0, 0, 5, 0, 1, kind, 6], &MAC, &[0, 0], &query()]);
        let network = carries_query(276, &v2);
        assert_eq!((network.direction, network.link_source), (direction, MAC));
        assert_eq!(network.link_interface, 5);
    }
    // A tun device has no link-layer address, netlink no EtherType.
    let tun = join(&[&[0, 0, 0xff, 0xfe, 0, 0], &MAC, &[0, 0, 8, 0], &query()]);
    assert_eq!(carries_query(113, &tun).link_source, [0; 6]);
    let netlink = join(&[&[0, 4, 0x03, 0x38, 0, 0], &[0; 8], &[8, 0], &query()]);
    assert_eq!(decode(113, &netlink).body, Body::Skip(Skip::NotIp));
}

#[test]
fn netfilter_logs_are_read_in_both_byte_orders() {
    let attribute = |kind: u16, value: &[u8], order: fn(u16) -> [u8; 2]| {
        let mut bytes = join(&[&order(value.len() as u16 + 4), &order(kind), value]);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes = join(&[
            &[2, 0, 0, 30],
            &attribute(1, &[8, 0, 1, 0], order),
            &attribute(10, b"in\0", order),
            &attribute(5, &[0, 0, 0, 3], order),
            &attribute(8, &[0, 6, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0], order),
            &attribute(9, &query(), order),
        ]);
        let network = carries_query(239, &bytes);
        assert_eq!((network.link_interface, network.link_source), (3, MAC));
        assert_eq!(network.direction, Direction::Outgoing);
    }
}

#[test]
fn what_carries_no_ip_is_named() {
    let cases: Vec<(u16, Vec<u8>, Skip)> = vec![
        (1, ethernet(0x0806, &[0; 28]), Skip::NotIp),
        (1, ethernet(0x88cc, &[0; 28]), Skip::NotIp),
        (1, ethernet(38, &[0x42, 0x42, 3, 0, 0]), Skip::NotIp),
        (1, ethernet(0x88e5, &[0; 28]), Skip::UnsupportedEtherType(0x88e5)),
        (1, ethernet(0x8847, &[0, 1, 1, 64, 0, 0, 0, 0]), Skip::UnsupportedEtherType(0x8847)),
        (129, vec![0; 60], Skip::UnsupportedLinkType(129)),
        (101, vec![0x50; 60], Skip::BadHeader),
        (101, ipv4(50, &[0; 40]), Skip::UnsupportedProtocol(50)),
        (101, ipv6(50, &[0; 40]), Skip::UnsupportedProtocol(50)),
        (1, vec![0; 6], Skip::BadHeader),
        (101, ipv4(6, &[0; 20]), Skip::BadHeader),
        (101, ipv4(17, &[0, 1, 0, 53, 0, 7, 0, 0]), Skip::BadHeader),
        (9, vec![0xff, 3, 0xc0, 0x21, 1, 1], Skip::NotIp),
        (9, vec![0xff, 3, 0, 0xfd, 1, 1], Skip::UnsupportedEtherType(0x880b)),
    ];
    for (link_type, bytes, skip) in cases {
        assert_eq!(decode(link_type, &bytes).body, Body::Skip(skip), "{bytes:02x?}");
    }
    assert_eq!(decode(101, &ipv4(89, &[0; 8])).body, Body::Other { protocol: 89 });
    assert_eq!(decode(101, &ipv6(59, &[])).body, Body::Other { protocol: 59 });
}

#[test]
fn link_padding_is_no_payload_and_options_are_passed_over() {
    carries_query(1, &join(&[&ethernet(0x0800, &query()), &[0xee; 18]]));
    let options = ipv4_with(17, 0, &[7, 4, 0, 0], &udp(40000, 53, QUERY));
    carries_query(101, &options);
    // A keep-alive in the smallest Ethernet frame: six octets of padding.
    let ack = join(&[&ethernet(0x0800, &ipv4(6, &tcp(16, 9, &[], &[]))), &[0; 6]]);
    let Body::Segment(segment) = decode(1, &ack).body else { panic!() };
    assert_eq!((segment.payload, segment.sent), (&[][..], 0));
}

#[test]
fn lengths_left_to_the_network_card_are_taken_from_the_frame() {
    let mut packet = query();
    packet[2..4].fill(0);
    carries_query(101, &packet);
    packet[24..26].fill(0);
    carries_query(101, &packet);
    let mut packet = ipv6(17, &udp(40000, 53, QUERY));
    packet[4..6].fill(0);
    carries_query(101, &packet);
    // A UDP length beyond the IP payload is not believed.
    let mut packet = query();
    packet[24] = 0x70;
    carries_query(101, &packet);
}

#[test]
fn a_cut_frame_says_what_was_sent() {
    let bytes = ethernet(0x0800, &query());
    let decoded = frame(ETHERNET, &bytes[..14 + 20 + 8 + 12], bytes.len());
    let Body::Datagram(datagram) = decoded.body else { panic!("{decoded:?}") };
    assert_eq!((datagram.payload, datagram.sent), (&QUERY[..12], QUERY.len()));
    let decoded = frame(ETHERNET, &bytes[..14 + 20 + 7], bytes.len());
    assert_eq!(decoded.body, Body::Skip(Skip::CutShort));
    // The options of a segment may be what was cut.
    let bytes = ipv4(6, &tcp(24, 9, &[1; 12], QUERY));
    let decoded = frame(LinkType(101), &bytes[..45], bytes.len());
    let Body::Segment(segment) = decoded.body else { panic!("{decoded:?}") };
    assert_eq!((segment.payload, segment.sent), (&[][..], QUERY.len()));
}

#[test]
fn segments_carry_their_header() {
    let bytes = ipv6(6, &tcp(Segment::SYN | Segment::ACK, 0xfedc_ba98, &[2, 4, 5, 0xb4], QUERY));
    let expected = Segment {
        source_port: 40000,
        destination_port: 53,
        sequence: 0xfedc_ba98,
        acknowledgment: 77,
        flags: Segment::SYN | Segment::ACK,
        payload: QUERY,
        sent: QUERY.len(),
    };
    assert_eq!(decode(229, &bytes).body, Body::Segment(expected));
}

#[test]
fn extension_headers_are_walked() {
    let datagram = udp(40000, 53, QUERY);
    let hop = |next: u8| [next, 0, 5, 2, 0, 0, 1, 0];
    let authentication = |next: u8| join(&[&[next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &[7; 12]]);
    let all =
        join(&[&hop(60), &hop(43), &hop(51), &authentication(44), &[17, 0, 0, 0, 1, 2, 3, 4]]);
    for (next, headers) in [(0, all), (51, authentication(17)), (60, hop(17).to_vec())] {
        carries_query(229, &ipv6(next, &join(&[&headers, &datagram])));
    }
    carries_query(228, &ipv4(51, &join(&[&authentication(17), &datagram])));
}

#[test]
fn fragments_are_handed_on_with_their_place() {
    let first = ipv4_with(17, 0x2000, &[], &udp(53, 40000, QUERY));
    let Body::Fragment(fragment) = decode(228, &first).body else { panic!() };
    assert_eq!((fragment.identification, fragment.protocol), (0x0102, 17));
    assert_eq!((fragment.offset, fragment.more, fragment.sent), (0, true, 37));
    let last = ipv4_with(17, 185, &[], &[9; 30]);
    let Body::Fragment(fragment) = decode(228, &last).body else { panic!() };
    assert_eq!((fragment.offset, fragment.more, fragment.payload), (1480, false, &[9; 30][..]));
    // What follows a later fragment's header only looks like a destination option header.
    let header = [60, 0, 0x05, 0xa8, 0xde, 0xad, 0xbe, 0xef];
    let last = ipv6(44, &join(&[&header, &[60, 200, 1, 1]]));
    let Body::Fragment(fragment) = decode(229, &last).body else { panic!() };
    assert_eq!((fragment.identification, fragment.offset), (0xdead_beef, 1448));
    assert_eq!((fragment.protocol, fragment.more), (60, false));
}

/// Only what the capture leaves out of a quotation is cut; a router may quote no more.
#[test]
fn icmp_errors_tell_who_ends_the_quotation() {
    let error = |quoted: &[u8], captured: usize| {
        let bytes = ipv4(1, &join(&[&[3, 3, 0, 0, 0, 0, 0, 0], quoted]));
        let kept = captured.min(bytes.len());
        let decoded = frame(LinkType(228), &bytes[..kept], bytes.len());
        let Body::IcmpError(error) = decoded.body else { panic!("{captured}") };
        (error.quoted_destination_port, error.is_cut)
    };
    let quoted = query();
    // The header of the error, its own of 8 octets, the quoted header, four octets of ports.
    let ports = 20 + 8 + 20 + 4;
    for captured in 28..ports {
        assert_eq!(error(&quoted, captured), (0, true), "{captured}");
    }
    for captured in ports..ports + 40 {
        assert_eq!(error(&quoted, captured), (53, false), "{captured}");
    }
    for length in 0..24 {
        assert_eq!(error(&quoted[..length], 500), (0, false), "{length}");
    }
}

#[test]
fn icmp_errors_say_why_and_what_they_quote() {
    use IcmpKind::*;
    let v4: &[(u8, u8, IcmpKind)] = &[
        (3, 0, NetUnreachable),
        (3, 1, HostUnreachable),
        (3, 2, ProtocolUnreachable),
        (3, 3, PortUnreachable),
        (3, 4, TooBig),
        (3, 9, Prohibited),
        (3, 10, Prohibited),
        (3, 13, Prohibited),
        (3, 5, Other),
        (4, 0, Other),
        (11, 0, TtlExceeded),
        (11, 1, ReassemblyTimeExceeded),
        (12, 0, Other),
    ];
    for &(kind, code, expected) in v4 {
        let bytes = ipv4(1, &join(&[&[kind, code, 0, 0, 0, 0, 0, 0], &query()]));
        let Body::IcmpError(error) = decode(228, &bytes).body else { panic!("{kind} {code}") };
        assert_eq!((error.kind, error.code), (expected, (kind, code)));
        assert_eq!(error.quoted_source, Address::from_v4(CLIENT));
        assert_eq!(error.quoted_destination, Address::from_v4(SERVER));
        assert_eq!((error.quoted_source_port, error.quoted_destination_port), (40000, 53));
        assert_eq!((error.quoted_protocol, error.quoted_ip_id), (17, 0x0102));
        assert_eq!(error.quoted_payload, QUERY);
    }
    let v6: &[(u8, u8, IcmpKind)] = &[
        (1, 0, NetUnreachable),
        (1, 1, Prohibited),
        (1, 3, HostUnreachable),
        (1, 4, PortUnreachable),
        (1, 5, Prohibited),
        (1, 6, Prohibited),
        (1, 2, Other),
        (2, 0, TooBig),
        (3, 0, TtlExceeded),
        (3, 1, ReassemblyTimeExceeded),
        (4, 1, ProtocolUnreachable),
        (4, 0, Other),
    ];
    let quoted = ipv6(60, &join(&[&[17, 0, 1, 4, 0, 0, 0, 0], &udp(40000, 53, QUERY)]));
    for &(kind, code, expected) in v6 {
        let bytes = ipv6(58, &join(&[&[kind, code, 0, 0, 0, 0, 0, 0], &quoted]));
        let Body::IcmpError(error) = decode(229, &bytes).body else { panic!("{kind} {code}") };
        assert_eq!((error.kind, error.quoted_protocol), (expected, 17));
        assert_eq!(error.quoted_destination, Address::from_v6(SERVER6));
        assert_eq!((error.quoted_destination_port, error.quoted_payload), (53, QUERY));
    }
    // Echoes, redirects and neighbour discovery refuse nothing.
    for (packet, protocol) in [
        (ipv4(1, &[8, 0, 0, 0, 0, 0, 0, 0]), 1),
        (ipv4(1, &join(&[&[5, 1, 0, 0, 0, 0, 0, 0], &query()])), 1),
        (ipv6(58, &[135, 0, 0, 0, 0, 0, 0, 0]), 58),
    ] {
        assert_eq!(decode(101, &packet).body, Body::Other { protocol });
    }
}

#[test]
fn a_quotation_may_end_anywhere() {
    let quoted = query();
    for end in 0..=quoted.len() {
        let bytes = ipv4(1, &join(&[&[3, 3, 0, 0, 0, 0, 0, 0], &quoted[..end]]));
        let Body::IcmpError(error) = decode(228, &bytes).body else { panic!("{end}") };
        assert_eq!(error.quoted_protocol == 17, end >= 20);
        assert_eq!(error.quoted_destination_port == 53, end >= 24);
        assert_eq!(error.quoted_payload.len(), end.saturating_sub(28));
    }
}

#[test]
fn extensions_behind_a_quotation_are_not_quoted() {
    // RFC 4884: 16 words of quotation with zero padding, then an extension structure. The quoted
    // packet's own length is that of a longer packet.
    let mut quoted = query();
    quoted[2..4].copy_from_slice(&1400_u16.to_be_bytes());
    quoted[24..26].copy_from_slice(&1380_u16.to_be_bytes());
    quoted.resize(64, 0);
    let bytes = ipv4(1, &join(&[&[11, 0, 0, 0, 0, 16, 0, 0], &quoted, &[0x20; 12]]));
    let Body::IcmpError(error) = decode(228, &bytes).body else { panic!() };
    assert_eq!(error.quoted_payload, &quoted[28..]);
}

fn vxlan(port: u16, inner: &[u8]) -> Vec<u8> {
    ipv4(17, &udp(55555, port, &join(&[&[8, 0, 0, 0, 0, 0, 9, 0], inner])))
}

#[test]
fn every_tunnel_leads_to_the_query() {
    let packet = query();
    let packet = packet.as_slice();
    let inner = ethernet(0x0800, packet);
    let inner = inner.as_slice();
    let gre = |header: &[u8], inner: &[u8]| ipv4(47, &join(&[header, inner]));
    let udp_tunnel = |port: u16, header: &[u8], inner: &[u8]| {
        ipv4(17, &udp(55555, port, &join(&[header, inner])))
    };
    let frames: Vec<(&str, Vec<u8>)> = vec![
        ("VXLAN", vxlan(4789, inner)),
        ("VXLAN of Linux", vxlan(8472, inner)),
        ("VXLAN with a group policy", udp_tunnel(4789, &[0x88, 0, 0, 7, 0, 0, 9, 0], inner)),
        ("VXLAN-GPE", udp_tunnel(4789, &[0x0c, 0, 0, 1, 0, 0, 9, 0], packet)),
        ("VXLAN-GPE by its port", udp_tunnel(4790, &[8, 0, 0, 1, 0, 0, 9, 0], packet)),
        (
            "GTP-U from its port",
            ipv4(17, &udp(2152, 1024, &join(&[&[0x30, 255, 0, 57, 0, 0, 0, 1], packet]))),
        ),
        ("Geneve", udp_tunnel(6081, &[0, 0, 0x65, 0x58, 0, 0, 9, 0], inner)),
        (
            "Geneve with options",
            udp_tunnel(6081, &[2, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 1, 1, 1, 1, 1, 1, 1], inner),
        ),
        ("Geneve of IP", udp_tunnel(6081, &[0, 0, 8, 0, 0, 0, 9, 0], packet)),
        ("GTP-U", udp_tunnel(2152, &[0x30, 255, 0, 57, 0, 0, 0, 1], packet)),
        (
            "GTP-U with a sequence",
            udp_tunnel(2152, &[0x32, 255, 0, 61, 0, 0, 0, 1, 0, 5, 0, 0], packet),
        ),
        (
            "GTP-U with extensions",
            udp_tunnel(
                2152,
                &[0x34, 255, 0, 69, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0xc0, 1, 0, 0, 0],
                packet,
            ),
        ),
        ("GRE", gre(&[0, 0, 8, 0], packet)),
        (
            "GRE with checksum, key and sequence",
            gre(&[0xb0, 0, 8, 0, 1, 1, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3], packet),
        ),
        ("GRE of Ethernet", gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 1], inner)),
        (
            "PPTP",
            gre(
                &[0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21],
                packet,
            ),
        ),
        ("ERSPAN I", gre(&[0, 0, 0x88, 0xbe], inner)),
        ("ERSPAN II", gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 2, 3, 0, 0, 0, 4], inner)),
        ("ERSPAN III", gre(&join(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[0x20; 11], &[0]]), inner)),
        (
            "ERSPAN III with a subheader",
            gre(&join(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[0x20; 11], &[1], &[0; 8]]), inner),
        ),
        ("IP in IP", ipv4(4, packet)),
        ("4in6", ipv6(4, packet)),
        ("4in6 behind options", ipv6(60, &join(&[&[4, 0, 4, 1, 4, 1, 1, 0], packet]))),
        ("MPLS in IP", ipv4(137, &join(&[&[0, 2, 1, 64], packet]))),
    ];
    for (name, bytes) in frames {
        let decoded = decode(101, &bytes);
        assert!(
            matches!(decoded.body, Body::Datagram(Datagram { payload: QUERY, .. })),
            "{name}: {decoded:?}"
        );
        assert_eq!(decoded.network.source, Address::from_v4(CLIENT), "{name}");
        assert_eq!(decoded.network.tunnels, 1, "{name}");
    }
    let network = carries_query(228, &ipv4(41, &ipv6(17, &udp(40000, 53, QUERY))));
    assert_eq!((network.source, network.ip_id), (Address::from_v6(CLIENT6), 0));
}

#[test]
fn tunnels_are_followed_to_a_bound() {
    let mut packet = query();
    for depth in 1..=6 {
        packet = vxlan(4789, &ethernet(0x0800, &packet));
        let decoded = decode(101, &packet);
        if depth <= 4 {
            assert_eq!(carries_query(101, &packet).tunnels, depth);
        } else {
            assert_eq!(decoded.body, Body::Skip(Skip::TooManyTunnels));
        }
    }
}

#[test]
fn a_tunnels_port_proves_nothing() {
    // The answer to a client whose port happens to be that of VXLAN.
    for port in [4789, 8472, 6081, 2152] {
        let answer = ipv4(17, &udp(53, port, &join(&[&[8, 0, 0, 0, 0, 0, 9, 0], &[0; 40]])));
        let decoded = decode(228, &answer);
        assert!(matches!(decoded.body, Body::Datagram(Datagram { source_port: 53, .. })));
        assert_eq!(decoded.network.tunnels, 0);
        let garbage = ipv4(17, &udp(5000, port, b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"));
        let decoded = decode(228, &garbage);
        assert!(matches!(decoded.body, Body::Datagram(_)), "{port}: {decoded:?}");
        assert_eq!(decoded.network.source, Address::from_v4(CLIENT));
        assert_eq!(decoded.network.tunnels, 0);
    }
    carries_query(228, &query());
    let client = ipv4(17, &udp(4789, 53, QUERY));
    assert!(matches!(decode(228, &client).body, Body::Datagram(_)));
}

#[test]
fn a_reassembled_payload_is_decoded_like_a_packets() {
    let mut network = Network::default();
    let payload = udp(53, 40000, QUERY);
    let body = super::super::transport(&mut network, 17, &payload[..20], payload.len());
    let Body::Datagram(datagram) = body else { panic!("{body:?}") };
    assert_eq!((datagram.payload, datagram.sent), (&QUERY[..12], QUERY.len()));
    let inner = query();
    let body = super::super::transport(&mut network, 4, &inner, inner.len());
    assert!(matches!(body, Body::Datagram(_)));
    assert_eq!((network.tunnels, network.ttl), (1, 63));
}
