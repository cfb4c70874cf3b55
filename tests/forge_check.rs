//! The forge is checked by programs that are not ours: tshark, where it is installed.

#[path = "forge/mod.rs"]
mod forge;

use std::io::Write;
use std::process::{Command, Stdio};

use forge::*;

/// The fields that tshark finds, one line a packet; `None` where it is not installed.
fn tshark(capture: &[u8], fields: &[&str]) -> Option<String> {
    let mut command = Command::new("tshark");
    command.args(["-r", "-", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]);
    command.args(["-o", "tcp.check_checksum:TRUE", "-Tfields", "-Eseparator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    child.stdin.take()?.write_all(capture).ok()?;
    String::from_utf8(child.wait_with_output().ok()?.stdout).ok()
}

/// A little of everything that goes into one packet.
fn everything(link: Link) -> Capture {
    let mut story = Capture::new(link);
    let asked = query("shop.example.com", A).id(77).edns(1232);
    let packet = Packet::udp("10.244.1.7:40000", "10.96.0.10", asked.encode());
    story
        .ask("10.244.1.7:40001", "10.96.0.10", "web.svc", A, ms(1), Answer::Address("10.0.0.9"))
        .ask("[fd00::7]:40001", "fd00::53", "web.svc", AAAA, ms(1), Answer::NxDomain("svc"))
        .at(ms(5))
        .packet(&packet)
        .packet(&packet.dnat("10.244.200.3"))
        .packet(&Packet::port_unreachable(&packet))
        .packet(&Packet::port_unreachable(&Packet::udp("[fd00::7]:9", "fd00::53", [0; 12])))
        .at(ms(6))
        .message(
            "10.96.0.10",
            "10.244.1.7:40000",
            &response(&asked)
                .cname("shop.cdn.example.net")
                .address([192, 0, 2, 1])
                .rcode(16)
                .extended_error(9, "no key"),
        )
        .at(ms(10))
        .converse(
            "10.244.1.7:40002",
            "10.96.0.10",
            std::slice::from_ref(&asked),
            &[response(&asked).servfail()],
            ms(1),
        );
    story
}

#[test]
fn tshark_finds_nothing_wrong_on_any_link() {
    for link in [Link::Ethernet, Link::Sll, Link::Sll2, Link::Raw, Link::Null, Link::Loop] {
        let story = everything(link);
        let fields =
            ["_ws.malformed", "ip.checksum.status", "udp.checksum.status", "tcp.checksum.status"];
        for file in [story.pcap(), story.pcapng(), story.pcapng_with(true, [9, 1, 2])] {
            let Some(found) = tshark(&file, &fields) else { return };
            assert_eq!(found.lines().count(), story.packets().len());
            // The quoted packets of ICMP errors repeat the fields: "1,1".
            assert!(found.chars().all(|c| "1,|\n".contains(c)), "{link:?}: {found}");
        }
    }
}

#[test]
fn tshark_reads_the_messages_as_they_were_meant() {
    let story = everything(Link::Ethernet);
    let fields =
        ["dns.id", "dns.qry.name", "dns.flags.rcode", "dns.a", "dns.opt.ext_error.info_code"];
    let Some(found) = tshark(&story.pcap(), &fields) else { return };
    let found: Vec<_> = found.lines().filter(|line| line.contains("shop.example.com")).collect();
    let extended = "0x004d|shop.example.com|0|192.0.2.1|9";
    assert!(found.contains(&extended), "{found:#?}");
    assert!(found.contains(&"0x004d|shop.example.com|2||"), "{found:#?}");
}

#[test]
fn tshark_reads_tags_tunnels_and_fragments() {
    let text = vec![b'x'; 200];
    let mut answer = response(&query("big.example.com", TXT).id(5));
    for _ in 0..20 {
        let data = [&[200], text.as_slice()].concat();
        answer = answer.answer(TXT, dns::Data::Bytes(data));
    }
    let large4 = Packet::udp("10.96.0.10", "10.244.1.7:4000", answer.encode());
    let large6 = Packet::udp("fd00::53", "[fd00::7]:4000", answer.encode());
    let inner = Link::Ethernet.frame(&Hop::default(), &large4.encode());
    let mut story = Capture::new(Link::Ethernet);
    story
        .vlans(&[7])
        .fragments(&large4, 1480)
        .vlans(&[7, 8])
        .fragments(&large6.ip_id(9), 1448)
        .packet(&vxlan("10.0.0.1:999", "10.0.0.2", 5, &inner));
    let fields = ["dns.count.answers", "vlan.id", "vxlan.vni", "udp.checksum.status"];
    let Some(found) = tshark(&story.pcap(), &fields) else { return };
    // The outer tag of a QinQ frame is a field of its own, ieee8021ad.id.
    let decoded: Vec<_> = found.lines().filter(|line| line.starts_with("20")).collect();
    assert_eq!(decoded, ["20|7||1", "20|8||1", "20|8|5|1,1"], "{found}");
}

#[test]
fn pcap_forms_hold_the_same_packets() {
    let mut story = Capture::new(Link::Raw);
    story.at(ms(1500)).udp("10.0.0.1:4000", "10.0.0.2", [1, 2, 3, 4]);
    for nanoseconds in [false, true] {
        for big_endian in [false, true] {
            let options = PcapOptions {
                nanoseconds,
                big_endian,
                snap_length: 30,
                ..PcapOptions::new(Link::Raw)
            };
            let fields = ["frame.time_epoch", "frame.len", "frame.cap_len"];
            let Some(found) = tshark(&story.pcap_with(options), &fields) else { return };
            assert_eq!(found.trim(), "1767225601.500000000|32|30");
        }
    }
}
