//! The capture's clock, its end, and its direction.

use std::time::Duration;

use crate::forge::*;
use crate::seen::see;

const POD: &str = "10.244.1.7:40000";
const SERVER: &str = "10.96.0.10";

#[test]
fn unanswered_or_pending_depends_on_the_last_packet_of_any_kind() {
    // DNS-collector used the wall clock for files; here an unrelated packet tells that time went on.
    for (end, expected) in [(us(4_999_999), [1, 0, 0, 1, 0]), (secs(5), [1, 0, 1, 0, 0])] {
        let mut story = Capture::new(Link::Ethernet);
        story.ask(POD, SERVER, "web.example.com", A, ms(0), Answer::Nothing);
        story.at(end).tcp("10.0.0.1:443", "10.0.0.2:5000", ACK, (1, 1), []);
        assert_eq!(see(&story).matched(), expected, "{end:?}");
    }
}

#[test]
fn a_frame_that_is_no_ip_tells_the_time_too() {
    let mut story = Capture::new(Link::Ethernet);
    story.ask(POD, SERVER, "web.example.com", A, ms(0), Answer::Nothing);
    let mut arp = vec![0xff; 12];
    arp.extend([0x08, 0x06]);
    arp.resize(42, 0);
    story.at(secs(6)).frame(arp);
    assert_eq!(see(&story).matched(), [1, 0, 1, 0, 0]);
}

#[test]
fn a_retry_does_not_make_an_old_question_pending() {
    let asked = query("web.example.com", A).id(7);
    let mut story = Capture::new(Link::Ethernet);
    story.message(POD, SERVER, &asked).at(secs(5)).message(POD, SERVER, &asked);
    story.at(secs(7)).udp("10.0.0.1:9", "10.0.0.2:9", [0]);
    assert_eq!(see(&story).matched(), [1, 0, 1, 0, 1]);
}

#[test]
fn steps_back_in_time_are_counted_and_lose_nothing() {
    // DPP: time regressions; merged interfaces give them.
    let mut story = Capture::new(Link::Ethernet);
    story.as_told();
    for n in 0..50u64 {
        let client = format!("10.244.1.7:{}", 40_000 + n);
        // Each pair lies 3 ms before the one told last.
        story.at(ms(1000 - 3 * n));
        story.ask(&*client, SERVER, "web.example.com", A, ms(1), Answer::Address("192.0.2.1"));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([50, 50, 0, 0, 0], [0; 3]));
    assert_eq!((seen.traffic.latency_us.max, seen.capture.out_of_order), (1000, 98));
}

#[test]
fn a_clock_that_is_set_back_does_not_hold_questions_for_ever() {
    let mut story = Capture::new(Link::Ethernet);
    story.as_told().at(secs(4000));
    story.ask(POD, SERVER, "a.example.com", A, ms(1), Answer::Address("192.0.2.1"));
    // An hour back.
    for n in 0..100u64 {
        let client = format!("10.244.1.7:{}", 41_000 + n);
        story.at(secs(400 + n));
        story.ask(&*client, SERVER, "b.example.com", A, ms(1), Answer::Address("192.0.2.1"));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([101, 101, 0, 0, 0], [0; 3]));
}

#[test]
fn a_capture_of_queries_alone_is_one_sided() {
    // dnspeep #10: "no response" for everything, because the VPN hid them.
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..100u64 {
        let client = format!("10.244.1.7:{}", 40_000 + n);
        let name = format!("n{n}.example.com");
        story.at(ms(n * 200)).ask(&*client, SERVER, &name, A, ms(0), Answer::Nothing);
    }
    let seen = see(&story);
    assert!(seen.capture.one_sided);
    assert!(seen.capture.caveats.iter().any(|caveat| !caveat.is_empty()));
    assert_eq!(seen.messages(), [100, 0, 0, 0]);
}

/// Each question is asked once more after `wait`, in vain: whether that is one side of a conversation.
fn is_one_side(wait: Duration, connected: bool) -> bool {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..40_u16 {
        let client = format!("10.244.1.7:{}", 40_000 + n);
        let asked = query(&*format!("n{n}.example.com"), A).id(n);
        let start = ms(700 * u64::from(n));
        story.at(start).message(&*client, SERVER, &asked);
        story.at(start + wait).message(&*client, SERVER, &asked);
    }
    // A question over TCP can only be sent when the server has accepted the connection.
    let asked = query("web.example.com", A).id(7).over_tcp();
    story.at(secs(1)).tcp(POD, SERVER, SYN, (100, 0), []);
    if connected {
        story.after(ms(1)).tcp(POD, SERVER, PSH | ACK, (101, 501), asked);
    } else {
        story.after(ms(1_000)).tcp(POD, SERVER, SYN, (100, 0), []);
    }
    story.at(secs(60)).udp("10.0.0.1:9", "10.0.0.2:9", []);
    see(&story).capture.one_sided
}

#[test]
fn who_asks_again_at_once_was_answered_and_who_waits_was_not() {
    // SERVFAIL leads glibc to ask again at once; nothing at all, after 5 s.
    assert!(is_one_side(us(900), false));
    assert!(!is_one_side(secs(5), false));
    assert!(is_one_side(secs(5), true));
}

#[test]
fn a_capture_of_responses_alone_is_one_sided() {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..600u16 {
        let asked = query("web.example.com", A).id(n);
        story.at(us(u64::from(n) * 10)).message(SERVER, POD, &response(&asked).servfail());
    }
    let seen = see(&story);
    assert!(seen.capture.one_sided);
    assert_eq!((seen.matched(), seen.others()), ([0; 5], [0, 600, 0]));
}

#[test]
fn a_capture_without_packets_is_a_report_of_nothing() {
    let seen = see(&Capture::new(Link::Ethernet));
    assert_eq!((seen.capture.packets, seen.capture.first_packet), (0, None));
}
