//! What the filter lets through, by real packets on a real interface: frames are put on the far end of the
//! cable, and what comes out of the kernel is counted.

use pcap::Capture;
use serde_json::Value;

use crate::forge::dns::query;
use crate::forge::link::{Hop, Link, vxlan};
use crate::forge::packet::{Packet, Transport, endpoint};
use crate::net::Net;
use crate::net_or_skip;
use crate::process::{live, report};

/// A question from one port to another.
fn datagram(v6: bool, port: u16) -> Packet {
    let (from, to) =
        if v6 { ("[fd50::1]:4000", "fd50::2") } else { ("10.50.0.1:4000", "10.50.0.2") };
    let mut to = endpoint(to);
    to.set_port(port);
    Packet::udp(endpoint(from), to, query("web.test", 1).encode())
}

fn other(from: &str, to: &str, protocol: u8, body: Vec<u8>) -> Packet {
    let transport = Transport::Other { protocol, body };
    Packet {
        from: endpoint(from),
        to: endpoint(to),
        ttl: 64,
        ip_id: 1,
        dont_fragment: true,
        transport,
    }
}

fn ethernet(vlans: &[u16], ip: &[u8]) -> Vec<u8> {
    let hop = Hop { vlans: vlans.to_vec(), ..Hop::default() };
    Link::Ethernet.frame(&hop, ip)
}

/// Everything that may be around a datagram, with its name.
fn carriages(inner: &Packet) -> Vec<(&'static str, Vec<u8>)> {
    const OUTER: [&str; 2] = ["10.60.0.1", "10.60.0.2"];
    const OUTER_V6: [&str; 2] = ["fd60::1", "fd60::2"];
    let ip = inner.encode();
    let v6 = ip[0] >> 4 == 6;
    let kind = if v6 { 0x86dd_u16 } else { 0x0800 }.to_be_bytes();
    let frame = ethernet(&[], &ip);
    let udp = |[from, to]: [&str; 2], port: u16, body: Vec<u8>| {
        let (from, to) = (endpoint(&at(from, 41_000)), endpoint(&at(to, port)));
        Packet::udp(from, to, body).encode()
    };
    let geneve = |options: usize| {
        let mut body = vec![(options / 4) as u8, 0, 0x65, 0x58, 0, 0, 9, 0];
        body.extend(vec![0; options]);
        body.extend(&frame);
        body
    };
    let gre = |flags: u8, kind: [u8; 2], words: usize, body: &[u8]| {
        let mut whole = vec![flags, 0, kind[0], kind[1]];
        whole.extend(vec![0; words * 4]);
        whole.extend(body);
        other(OUTER[0], OUTER[1], 47, whole).encode()
    };
    let mut vxlan_body = vec![8, 0, 0, 0, 0, 0, 9, 0];
    vxlan_body.extend(&frame);
    let protocol = if v6 { 41 } else { 4 };
    let tunnels = [
        ("vxlan", vxlan(endpoint(&at(OUTER[0], 9)), endpoint(OUTER[1]), 9, &frame).encode()),
        ("vxlan of Linux", udp(OUTER, 8472, vxlan_body.clone())),
        ("vxlan over IPv6", udp(OUTER_V6, 4789, vxlan_body)),
        ("geneve", udp(OUTER, 6081, geneve(0))),
        ("geneve with options", udp(OUTER, 6081, geneve(12))),
        ("geneve over IPv6", udp(OUTER_V6, 6081, geneve(8))),
        ("gre", gre(0, kind, 0, &ip)),
        ("gre with a key", gre(0x20, kind, 1, &ip)),
        ("gre with Ethernet", gre(0, [0x65, 0x58], 0, &frame)),
        ("ip in ip", other(OUTER[0], OUTER[1], protocol, ip.clone()).encode()),
        ("ip in ipv6", other(OUTER_V6[0], OUTER_V6[1], protocol, ip.clone()).encode()),
    ];
    let mut all = vec![
        ("plain", frame.clone()),
        ("one tag", ethernet(&[5], &ip)),
        ("two tags", ethernet(&[5, 7], &ip)),
    ];
    all.extend(tunnels.into_iter().map(|(name, ip)| (name, ethernet(&[], &ip))));
    all
}

fn at(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// Puts frames on the cable while dnspect captures; `own`: what the kernel says by itself is left out.
fn captured(net: &Net, options: &[&str], frames: &[Vec<u8>]) -> Value {
    let own =
        "not (ip6 src net fe80::/10 or ip6 dst net ff00::/8 or host 10.9.0.1 or host 10.9.0.2)";
    let process = live(Some(&net.node), &[options, &["--", own]].concat());
    Net::within(&net.far, || {
        let mut cable = Capture::from_device("vb").unwrap().open().unwrap();
        for frame in frames {
            cable.sendpacket(frame.as_slice()).unwrap();
        }
    });
    report(process, Some("INT"))
}

#[test]
fn dns_is_found_wherever_it_is_and_nothing_else_there() {
    let net = net_or_skip!();
    for interface in ["va", "any"] {
        let mut wanted = Vec::new();
        for v6 in [false, true] {
            for (name, frame) in carriages(&datagram(v6, 53)) {
                let seen = captured(&net, &["-i", interface], std::slice::from_ref(&frame));
                let count = &seen["capture"]["dns"]["udp_queries"];
                assert_eq!(*count, 1, "{name} on {interface}, IPv6 {v6}: {}", seen["capture"]);
                wanted.push(frame);
            }
        }
        let count = wanted.len();
        let decoys = [false, true].map(|v6| carriages(&datagram(v6, 5_555)));
        wanted.extend(decoys.into_iter().flatten().map(|(_, frame)| frame));
        let seen = captured(&net, &["-i", interface], &wanted);
        assert_eq!(seen["capture"]["packets"], count, "on {interface}");
        assert_eq!(seen["capture"]["dns"]["udp_queries"], count, "on {interface}");
    }
}

#[test]
fn fragments_and_errors_are_let_through() {
    let net = net_or_skip!();
    let mut frames = Vec::new();
    for v6 in [false, true] {
        let large = Packet::udp(
            endpoint(if v6 { "fd50::2" } else { "10.50.0.2" }),
            endpoint(if v6 { "[fd50::1]:4000" } else { "10.50.0.1:4000" }),
            vec![0; 3_000],
        );
        let fragments = large.fragments(1_400);
        assert_eq!(fragments.len(), 3);
        frames.extend(fragments.iter().map(|ip| ethernet(&[], ip)));
        frames.extend(fragments.iter().map(|ip| ethernet(&[5], ip)));
        frames.push(ethernet(&[], &Packet::port_unreachable(&datagram(v6, 53)).encode()));
    }
    for interface in ["va", "any"] {
        let seen = captured(&net, &["-i", interface], &frames);
        assert_eq!(seen["capture"]["packets"], frames.len(), "on {interface}");
    }
}

#[test]
fn link_local_services_come_when_asked() {
    let net = net_or_skip!();
    let to = |address: &str, port| {
        let packet =
            Packet::udp(endpoint("10.50.0.1:4000"), endpoint(&at(address, port)), vec![0; 40]);
        ethernet(&[], &packet.encode())
    };
    let frames = [
        to("169.254.169.254", 80),
        to("169.254.169.123", 123),
        to("10.50.0.2", 80),
        to("10.77.0.2", 80),
    ];
    let none = captured(&net, &["-i", "va"], &frames);
    assert_eq!(none["capture"]["packets"], 0);
    let some = captured(&net, &["-i", "va", "--link-local", "--vpc-dns", "10.77.0.2"], &frames);
    assert_eq!(some["capture"]["packets"], 3);
}

/// It has to fit in front of a tag or behind it.
#[test]
fn a_filter_narrows_what_is_captured() {
    let net = net_or_skip!();
    let mut frames: Vec<_> =
        carriages(&datagram(false, 53)).into_iter().map(|(_, frame)| frame).collect();
    frames.truncate(3);
    for (filter, count) in [("src host 10.50.0.1", 3), ("src host 10.50.0.3", 0)] {
        for interface in ["va", "any"] {
            let process = live(Some(&net.node), &["-i", interface, filter]);
            Net::within(&net.far, || {
                let mut cable = Capture::from_device("vb").unwrap().open().unwrap();
                for frame in &frames {
                    cable.sendpacket(frame.as_slice()).unwrap();
                }
            });
            let seen = report(process, Some("INT"));
            // On cooked headers a filter by address sees nothing behind a tag that is left there.
            let count = if interface == "any" { count.min(2) } else { count };
            assert_eq!(seen["capture"]["packets"], count, "{filter} on {interface}");
        }
    }
}
