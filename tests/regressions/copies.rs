//! One packet, seen several times: on several interfaces, before and after NAT, mirrored.

use crate::forge::*;
use crate::seen::{see, see_bytes};

const POD: &str = "10.244.1.7:40000";
const SERVICE: &str = "10.96.0.10";
const COREDNS: &str = "10.244.200.3";

/// A question and its answer, each with its own IP-ID.
fn exchange(to: &str) -> [Packet; 2] {
    let asked = query("web.example.com", A).id(7);
    let answer = response(&asked).address([192, 0, 2, 1]).encode();
    [Packet::udp(POD, to, asked.encode()).ip_id(100), Packet::udp(to, POD, answer).ip_id(200)]
}

#[test]
fn legs_before_and_after_dnat_are_one_transaction() {
    // Inspektor Gadget's README: one ID and port, two servers, answers from both.
    let [asked, answer] = exchange(COREDNS);
    let mut story = Capture::new(Link::Ethernet);
    let service = Packet { to: endpoint(SERVICE), ttl: 65, ..asked.clone() };
    story.on("veth1").packet(&service).after(us(20)).on("veth9").packet(&asked);
    story.after(ms(1)).packet(&answer).after(us(20)).on("veth1").packet(&answer.snat(SERVICE));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0, 0, 2]));
    assert_eq!((seen.messages(), seen.lookups()), ([2, 2, 0, 0], [1, 0, 0]));
    assert_eq!(seen.traffic.latency_us.max, 1020);
}

#[test]
fn copies_of_what_answers_nothing_are_copies() {
    let [_, answer] = exchange(SERVICE);
    let mut story = Capture::new(Link::Ethernet);
    story.on("eth0").packet(&answer).after(us(10)).on("veth1").packet(&answer);
    story.at(secs(1)).packet(&answer.clone().ip_id(201)).after(us(10)).packet(&answer.ip_id(202));
    story.at(secs(20)).udp("10.0.0.1:9", "10.0.0.2:9", vec![0]);
    assert_eq!(see(&story).others(), [0, 3, 1]);
}

#[test]
fn legs_are_one_transaction_where_the_capture_names_no_interfaces() {
    // `tcpdump -i any` of old (SLL) says only in and out.
    let [asked, answer] = exchange(COREDNS);
    let mut story = Capture::new(Link::Sll);
    let service = Packet { to: endpoint(SERVICE), ttl: 65, ..asked.clone() };
    story.packet(&service).after(us(20)).going(Direction::Outgoing).packet(&asked);
    story.after(ms(1)).going(Direction::Incoming).packet(&answer).after(us(20));
    story.going(Direction::Outgoing).packet(&answer.snat(SERVICE));
    let seen = see_bytes(story.pcap());
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0, 0, 2]));
}

#[test]
fn the_same_packet_on_several_interfaces_is_one() {
    // kubernetes #26255, netobserv: everything counted twice on `any`.
    let [asked, answer] = exchange(SERVICE);
    let mut story = Capture::new(Link::Sll2);
    for (packet, at) in [(asked, 0), (answer, 900)] {
        for (hop, interface) in ["veth1", "cni0", "eth0"].into_iter().enumerate() {
            story.at(us(at + 10 * hop as u64)).on(interface).packet(&packet);
        }
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0, 0, 4]));
    assert_eq!(seen.traffic.latency_us.max, 900);
}

#[test]
fn a_retransmission_among_copies_is_no_copy() {
    // Another IP-ID, 2 ms later, on both interfaces.
    let [asked, answer] = exchange(SERVICE);
    let mut story = Capture::new(Link::Ethernet);
    for (ip_id, at) in [(100, 0), (101, 2000)] {
        let packet = asked.clone().ip_id(ip_id);
        story.at(us(at)).on("veth1").packet(&packet).after(us(9)).on("eth0").packet(&packet);
    }
    story.at(ms(3)).packet(&answer);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 1], [0, 0, 2]));
}

#[test]
fn a_retransmission_after_five_seconds_is_no_copy_even_with_ip_id_zero() {
    let [asked, _] = exchange(SERVICE);
    let packet = asked.ip_id(0);
    let mut story = Capture::new(Link::Ethernet);
    story.packet(&packet).at(ms(2500)).packet(&packet).at(secs(9)).udp(
        "10.0.0.1:9",
        "10.0.0.2:9",
        [],
    );
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 0, 1, 0, 1], [0; 3]));
}

#[test]
fn a_query_behind_source_nat_is_a_copy() {
    // CoreDNS' question leaves the node under the node's address.
    let asked = query("web.example.com", A).id(7);
    let inner = Packet::udp(POD, "10.0.0.2", asked.encode()).ip_id(100);
    let outer = inner.snat("10.0.5.9:61234");
    let back = response(&asked).address([192, 0, 2, 1]).encode();
    let answer = Packet::udp("10.0.0.2", "10.0.5.9:61234", back).ip_id(200).ttl(255);
    let mut story = Capture::new(Link::Ethernet);
    story.on("veth9").packet(&inner).after(us(15)).on("eth0").packet(&outer);
    story.after(ms(1)).packet(&answer).after(us(15)).on("veth9").packet(&answer.dnat(POD));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0, 0, 2]));
    assert_eq!(seen.lookups(), [1, 0, 0]);
}

#[test]
fn a_pair_behind_source_nat_is_two_copies_wherever_it_is_remembered() {
    // Both were sent before either left the node, and where the last queries are remembered they share a place.
    let name = "web.example.com";
    let mut story = Capture::new(Link::Ethernet);
    let sent = [(A, 7, 100, "10.0.5.9:61234"), (AAAA, 7 ^ 32, 101, "10.0.5.9:61235")];
    let sent = sent.map(|(kind, id, ip_id, outside)| {
        let asked = query(name, kind).id(id);
        (Packet::udp(POD, "10.0.0.2", asked.encode()).ip_id(ip_id), outside, asked)
    });
    for (inner, ..) in &sent {
        story.after(us(15)).on("veth9").packet(inner);
    }
    for (inner, outside, _) in &sent {
        story.after(us(15)).on("eth0").packet(&inner.snat(*outside));
    }
    for (_, outside, asked) in &sent {
        let back = response(asked).address([192, 0, 2, 1]).encode();
        let answer = Packet::udp("10.0.0.2", *outside, back).ip_id(200).ttl(255);
        story
            .after(ms(1))
            .on("eth0")
            .packet(&answer)
            .after(us(15))
            .on("veth9")
            .packet(&answer.dnat(POD));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([2, 2, 0, 0, 0], [0, 0, 4]));
}

#[test]
fn a_duplicate_response_has_another_ip_id_than_a_copy() {
    let [asked, answer] = exchange(SERVICE);
    let mut story = Capture::new(Link::Ethernet);
    story.packet(&asked).after(ms(1)).packet(&answer);
    story.after(us(30)).on("mirror0").packet(&answer);
    story.after(us(30)).on("eth0").packet(&answer.clone().ip_id(201));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [1, 0, 1]));
}

#[test]
fn copies_over_ipv6_have_no_identification_and_are_copies() {
    let asked = query("web.example.com", A).id(7);
    let packet = Packet::udp("[fd00::7]:40000", "fd00::53", asked.encode());
    let answer = Packet::udp("fd00::53", "[fd00::7]:40000", response(&asked).servfail().encode());
    let mut story = Capture::new(Link::Ethernet);
    story.on("veth1").packet(&packet).after(us(9)).on("eth0").packet(&packet.clone().ttl(63));
    story.after(ms(1)).packet(&answer).after(us(9)).on("veth1").packet(&answer.clone().ttl(63));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0, 0, 2]));
}

#[test]
fn copies_of_tcp_messages_are_copies() {
    let asked = query("web.example.com", A).id(7);
    let answer = response(&asked).address([192, 0, 2, 1]);
    let mut one = Capture::new(Link::Ethernet);
    one.converse(
        POD,
        SERVICE,
        std::slice::from_ref(&asked),
        std::slice::from_ref(&answer),
        us(200),
    );
    let mut both = Capture::new(Link::Ethernet);
    for told in one.packets() {
        both.at(told.time).on("veth1").frame(told.frame.clone());
        both.after(us(12)).on("eth0").frame(told.frame);
    }
    let seen = see(&both);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0, 0, 2]));
    assert_eq!(seen.messages(), [0, 0, 2, 2]);
}
