//! Messages that other tools cannot read.

use crate::forge::*;
use crate::seen::{see, see_bytes};

const CLIENT: &str = "10.244.1.7:40000";
const SERVER: &str = "10.96.0.10";

#[test]
fn a_response_without_a_question_answers_by_its_id() {
    // dnspeep #5 and #28: panics on qdcount=0; zeek #5701: no name without a question.
    let asked = query("web.example.com", A).id(7);
    let bare = Message { questions: Vec::new(), ..response(&asked).servfail() };
    let mut story = Capture::new(Link::Ethernet);
    story.message(CLIENT, SERVER, &asked).after(ms(1)).message(SERVER, CLIENT, &bare);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0, 0, 0]));
    assert_eq!(seen.traffic.rcodes["SERVFAIL"], 1);
}

#[test]
fn a_response_without_a_question_of_another_id_answers_nothing() {
    let asked = query("web.example.com", A).id(7);
    let bare = Message { questions: Vec::new(), ..response(&asked).id(8) };
    let mut story = Capture::new(Link::Ethernet);
    story.message(CLIENT, SERVER, &asked).after(ms(1)).message(SERVER, CLIENT, &bare);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 0, 0, 1, 0], [0, 1, 0]));
}

#[test]
fn a_query_without_a_question_is_a_transaction_but_no_lookup() {
    let asked = Message { questions: Vec::new(), ..query("x", A).id(7) };
    let mut story = Capture::new(Link::Ethernet);
    story.message(CLIENT, SERVER, &asked).after(ms(1));
    story.message(SERVER, CLIENT, &response(&asked).rcode(1));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([1, 1, 0, 0, 0], [0, 0, 0]));
    assert_eq!(seen.traffic.rcodes["FORMERR"], 1);
}

#[test]
fn types_that_nobody_knows_are_counted_like_others() {
    // dnspeep #7: types 65 and 256 "invalid".
    let mut story = Capture::new(Link::Ethernet);
    for (n, kind) in [65, 64, 256, 65_280, 0].into_iter().enumerate() {
        story.at(ms(n as u64 * 100));
        story.ask(CLIENT, SERVER, "web.example.com", kind, ms(1), Answer::NoData("example.com"));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([5, 5, 0, 0, 0], [0, 0, 0]));
    assert_eq!((seen.capture.dns.malformed, seen.traffic.rcodes["NOERROR"]), (0, 5));
}

#[test]
fn answers_with_nothing_but_a_soa_have_a_latency() {
    // zeek #1085: no RTT for NXDOMAIN and NODATA.
    for answer in [Answer::NxDomain("example.com"), Answer::NoData("example.com")] {
        let mut story = Capture::new(Link::Ethernet);
        story.ask(CLIENT, SERVER, "web.example.com", A, ms(3), answer);
        let seen = see(&story);
        assert_eq!((seen.traffic.answered, seen.traffic.latency_us.max), (1, 3000), "{answer:?}");
    }
}

#[test]
fn case_that_a_resolver_scrambles_does_not_matter() {
    // draft-vixie-dnsext-dns0x20: the case of a name is random, and a server may change it back.
    let asked = query("wWw.eXAmple.CoM", A).id(7);
    let back = response(&query("www.example.com", A).id(7)).address([192, 0, 2, 1]);
    let mut story = Capture::new(Link::Ethernet);
    story.message(CLIENT, SERVER, &asked);
    story.at(secs(1)).message(CLIENT, SERVER, &query("WWW.EXAMPLE.COM", A).id(7));
    story.after(ms(2)).message(SERVER, CLIENT, &back);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([1, 1, 0, 0, 1], [1, 0, 0]));
}

/// A question with a long answer, cut at this length.
fn cut_at(snap_length: u32) -> crate::seen::Seen {
    let asked = query("big.example.com", TXT).id(7);
    let mut answer = response(&asked);
    for _ in 0..5 {
        answer = answer.answer(TXT, dns::Data::Bytes([&[200][..], &[b'x'; 200]].concat()));
    }
    let mut story = Capture::new(Link::Ethernet);
    story.message(CLIENT, SERVER, &asked).after(ms(1)).message(SERVER, CLIENT, &answer);
    let options = PcapOptions { snap_length, ..PcapOptions::new(Link::Ethernet) };
    see_bytes(story.pcap_with(options))
}

#[test]
fn frames_cut_by_the_snap_length_count() {
    // dnscap #345: frames with len != caplen were dropped; the AWS runbook says `tcpdump -s 350`.
    let seen = cut_at(350);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0, 0, 0]));
    assert_eq!((seen.capture.snaplen_truncated, seen.capture.dns.malformed), (1, 0));
}

#[test]
fn frames_cut_within_the_question_are_matched_by_what_is_left() {
    // 14 + 20 + 8 + 12 octets are the headers; the question is lost in part.
    for snap_length in [54, 58, 68] {
        let seen = cut_at(snap_length);
        assert_eq!(seen.messages(), [1, 1, 0, 0], "{snap_length}");
        assert_eq!(seen.matched(), [1, 1, 0, 0, 0], "{snap_length}");
        assert_eq!((seen.others(), seen.capture.dns.malformed), ([0; 3], 0), "{snap_length}");
    }
}

#[test]
fn padding_of_the_link_belongs_to_no_message() {
    // dnscap #316: Ethernet pads to 60 octets.
    let asked = query(".", NS).id(7);
    let packet = Packet::udp(CLIENT, SERVER, asked.encode());
    let reply = Packet::udp(SERVER, CLIENT, response(&asked).encode());
    let acknowledgement = Packet::tcp("10.244.1.7:40001", SERVER, ACK, (1, 1), []);
    let mut story = Capture::new(Link::Ethernet);
    for packet in [packet, reply, acknowledgement] {
        let mut frame = Link::Ethernet.frame(&Hop::default(), &packet.encode());
        frame.resize(90, 0xee);
        story.after(ms(1)).frame(frame);
    }
    let seen = see(&story);
    assert_eq!((seen.messages(), seen.matched()), ([1, 1, 0, 0], [1, 1, 0, 0, 0]));
    assert_eq!((seen.capture.dns.malformed, seen.capture.tcp_gaps), (0, 0));
}
