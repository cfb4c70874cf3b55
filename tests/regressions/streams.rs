//! DNS over TCP, as it is really captured.

use crate::forge::*;
use crate::seen::{see, see_bytes};

const POD: &str = "10.244.1.7:40000";
const SERVER: &str = "10.96.0.10";

fn ask(name: &str, id: u16) -> (Message, Message) {
    let asked = query(name, A).id(id);
    let answer = response(&asked).address([192, 0, 2, 1]);
    (asked, answer)
}

#[test]
fn the_length_may_come_alone_or_in_halves() {
    for cut in [1, 2, 3, 13] {
        let (asked, answer) = ask("web.example.com", 7);
        let mut story = Capture::new(Link::Ethernet);
        story.tcp(POD, SERVER, SYN, (100, 0), []).tcp(SERVER, POD, SYN | ACK, (500, 101), []);
        let mut numbers = [101, 501];
        for (n, message) in [asked, answer].into_iter().enumerate() {
            let ends = if n == 0 { (POD, SERVER) } else { (SERVER, POD) };
            let bytes = message.over_tcp();
            let mut seq = numbers[n];
            for part in [&bytes[..cut], &bytes[cut..]] {
                story.after(us(50)).tcp(ends.0, ends.1, PSH | ACK, (seq, numbers[1 - n]), part);
                seq += part.len() as u32;
            }
            numbers[n] = seq;
        }
        let seen = see(&story);
        assert_eq!((seen.messages(), seen.matched()), ([0, 0, 1, 1], [1, 1, 0, 0, 0]), "{cut}");
    }
}

#[test]
fn several_messages_in_one_segment_are_several() {
    let (asked, answers): (Vec<_>, Vec<_>) =
        (0..5).map(|n| ask(&format!("n{n}.example.com"), n)).unzip();
    let mut story = Capture::new(Link::Ethernet);
    story.converse(POD, SERVER, &asked, &answers, us(200));
    let seen = see(&story);
    assert_eq!((seen.messages(), seen.matched()), ([0, 0, 5, 5], [5, 5, 0, 0, 0]));
}

#[test]
fn a_stream_that_is_joined_in_the_middle_is_followed() {
    let mut story = Capture::new(Link::Ethernet);
    let (mut seq, mut ack) = (7_000, 9_000);
    // The rest of an answer whose beginning was not captured.
    story.tcp(SERVER, POD, PSH | ACK, (ack, seq), vec![0xc0; 77]);
    ack += 77;
    for n in 0..10u16 {
        let (asked, answer) = ask(&format!("n{n}.example.com"), n);
        let (asked, answer) = (asked.over_tcp(), answer.over_tcp());
        story.after(ms(5)).tcp(POD, SERVER, PSH | ACK, (seq, ack), asked.clone());
        seq += asked.len() as u32;
        story.after(ms(1)).tcp(SERVER, POD, PSH | ACK, (ack, seq), answer.clone());
        ack += answer.len() as u32;
    }
    let seen = see(&story);
    assert_eq!((seen.messages(), seen.matched()), ([0, 0, 10, 10], [10, 10, 0, 0, 0]));
}

#[test]
fn a_connection_may_live_for_hours_without_a_goodbye() {
    // pktvisor #226: reassembly without FIN or RST was never freed.
    let mut story = Capture::new(Link::Ethernet);
    story.tcp(POD, SERVER, SYN, (6_999, 0), []).tcp(SERVER, POD, SYN | ACK, (8_999, 7_000), []);
    let (mut seq, mut ack) = (7_000, 9_000);
    for n in 0..12u16 {
        let (asked, answer) = ask(&format!("n{n}.example.com"), n);
        let (asked, answer) = (asked.over_tcp(), answer.over_tcp());
        // Twenty minutes of silence are longer than idle streams are kept.
        story.at(secs(u64::from(n) * 1200));
        story.tcp(POD, SERVER, PSH | ACK, (seq, ack), asked.clone());
        seq += asked.len() as u32;
        story.after(ms(1)).tcp(SERVER, POD, PSH | ACK, (ack, seq), answer.clone());
        ack += answer.len() as u32;
    }
    let seen = see(&story);
    assert_eq!((seen.messages(), seen.matched()), ([0, 0, 12, 12], [12, 12, 0, 0, 0]));
}

#[test]
fn ten_thousand_connections_without_a_goodbye_lose_nothing() {
    let mut story = Capture::new(Link::Raw);
    for n in 0..10_000u32 {
        let client = format!("10.244.{}.{}:40000", n >> 8, n & 255);
        let (asked, answer) = ask("web.example.com", n as u16);
        let asked = asked.over_tcp();
        let next = 101 + asked.len() as u32;
        story.at(ms(u64::from(n)));
        story.tcp(&*client, SERVER, SYN, (100, 0), []);
        story.after(us(100)).tcp(SERVER, &*client, SYN | ACK, (500, 101), []);
        story.after(us(100)).tcp(&*client, SERVER, PSH | ACK, (101, 501), asked);
        story.after(us(100)).tcp(SERVER, &*client, PSH | ACK, (501, next), answer.over_tcp());
    }
    let seen = see(&story);
    assert_eq!(seen.matched(), [10_000, 10_000, 0, 0, 0]);
    assert_eq!((seen.others(), seen.capture.state_evicted), ([0; 3], 0));
}

/// A zone transfer of several MB that takes so long, with or without a question in each message.
fn transfer(pause: std::time::Duration, questions: bool) -> crate::seen::Seen {
    const MESSAGES: u64 = 256;
    let asked = query("example.com", 252).id(7);
    let mut answer = response(&asked);
    if !questions {
        // RFC 5936, section 2.2.1: messages after the first may leave the question out.
        answer.questions.clear();
    }
    for _ in 0..70 {
        answer = answer.answer(TXT, dns::Data::Bytes([&[200][..], &[b'x'; 200]].concat()));
    }
    let first = response(&asked).soa("example.com").over_tcp();
    let mut story = Capture::new(Link::Raw);
    story.tcp(POD, SERVER, SYN, (100, 0), []).tcp(SERVER, POD, SYN | ACK, (500, 101), []);
    let query = asked.over_tcp();
    let next = 101 + query.len() as u32;
    story.after(us(50)).tcp(POD, SERVER, PSH | ACK, (101, 501), query);
    let bytes = [first, answer.over_tcp().repeat(MESSAGES as usize - 1)].concat();
    let mut seq = 501;
    let segments = bytes.chunks(1448).len() as u32;
    for segment in bytes.chunks(1448) {
        story.after(pause / segments).tcp(SERVER, POD, ACK, (seq, next), segment);
        seq += segment.len() as u32;
    }
    let seen = see(&story);
    assert!(bytes.len() > 3 << 20);
    assert_eq!(seen.messages(), [0, 0, 1, MESSAGES], "{pause:?}");
    seen
}

#[test]
fn a_zone_transfer_is_one_transaction_with_many_messages() {
    // compactor #11: 300 MB of AXFR.
    let seen = transfer(secs(2), true);
    assert_eq!((seen.matched(), seen.lookups()), ([1, 1, 0, 0, 0], [0; 3]));
    assert_eq!((seen.others(), seen.capture.state_evicted), ([255, 0, 0], 0));
}

#[test]
fn a_zone_transfer_that_takes_minutes_has_no_orphans() {
    let seen = transfer(secs(180), true);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [255, 0, 0]));
}

#[test]
fn a_zone_transfer_that_repeats_no_question_has_no_orphans() {
    for pause in [secs(2), secs(180)] {
        let seen = transfer(pause, false);
        assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [255, 0, 0]), "{pause:?}");
    }
}

/// Two questions in one segment, two answers in another, of which the snap length leaves so much.
fn two_in_one(snap_length: u32) -> Vec<u8> {
    let (asked, answers): (Vec<_>, Vec<_>) =
        (0..2).map(|n| ask(&format!("n{n}.example.com"), n)).unzip();
    let together =
        |messages: &[Message]| -> Vec<u8> { messages.iter().flat_map(Message::over_tcp).collect() };
    let (asked, answers) = (together(&asked), together(&answers));
    let (seq, ack) = (101 + asked.len() as u32, 501 + answers.len() as u32);
    let mut story = Capture::new(Link::Ethernet);
    story.tcp(POD, SERVER, SYN, (100, 0), []).tcp(SERVER, POD, SYN | ACK, (500, 101), []);
    story.after(us(50)).tcp(POD, SERVER, PSH | ACK, (101, 501), asked);
    story.after(us(500)).tcp(SERVER, POD, PSH | ACK, (501, seq), answers);
    story.after(us(50)).tcp(POD, SERVER, ACK, (seq, ack), []);
    // The capture goes on for longer than anybody waits.
    let (other, answer) = ask("other.example.com", 7);
    story.after(secs(60)).udp(POD, SERVER, other.encode());
    story.after(us(500)).udp(SERVER, POD, answer.encode());
    story.pcap_with(PcapOptions { snap_length, ..PcapOptions::new(Link::Ethernet) })
}

#[test]
fn an_answer_behind_the_cut_of_another_one_may_have_come() {
    let whole = see_bytes(two_in_one(65_535));
    assert_eq!((whole.matched(), whole.totals.lacking), ([3, 3, 0, 0, 0], 0));
    // The ID of the second answer is left.
    let cut = see_bytes(two_in_one(110));
    assert_eq!((cut.matched(), cut.totals.lacking), ([3, 3, 0, 0, 0], 0));
    // Nothing of it, and the ID of its question.
    let cut = see_bytes(two_in_one(104));
    assert_eq!((cut.matched(), cut.totals.lacking), ([3, 2, 0, 1, 0], 1));
    let limits = cut.capture.limits();
    assert!(limits.iter().any(|limit| limit.starts_with("1 question was asked over TCP and may")));
}
