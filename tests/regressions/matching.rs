//! Which response belongs to which query.

use crate::forge::*;
use crate::seen::see;

const POD: &str = "10.244.1.7:40000";
const SERVER: &str = "10.96.0.10";

#[test]
fn a_and_aaaa_share_a_socket_even_with_one_id() {
    // suricata #2380, openwrt #10957: one ID for both lost half of the answers.
    for ids in [[7, 8], [7, 7]] {
        let [a, aaaa] =
            [query("web.example.com", A).id(ids[0]), query("web.example.com", AAAA).id(ids[1])];
        let mut story = Capture::new(Link::Ethernet);
        story.message(POD, SERVER, &a).after(us(20)).message(POD, SERVER, &aaaa);
        story.after(ms(2)).message(SERVER, POD, &response(&aaaa).nodata("example.com"));
        story.after(ms(1)).message(SERVER, POD, &response(&a).address([192, 0, 2, 1]));
        let seen = see(&story);
        assert_eq!((seen.matched(), seen.others()), ([2, 2, 0, 0, 0], [0; 3]), "{ids:?}");
        assert_eq!(seen.lookups(), [1, 0, 0], "{ids:?}");
    }
}

#[test]
fn a_port_and_id_used_again_for_another_question_are_another_transaction() {
    // bandix #10: the answer to the second went to the first.
    let (first, second) = (query("a.example.com", A).id(7), query("b.example.com", A).id(7));
    let mut story = Capture::new(Link::Ethernet);
    story.message(POD, SERVER, &first).after(secs(1)).message(POD, SERVER, &second);
    story.after(ms(4)).message(SERVER, POD, &response(&second).address([192, 0, 2, 1]));
    story.at(secs(20)).udp("10.0.0.1:9", "10.0.0.2:9", [0]);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([2, 1, 1, 0, 0], [0; 3]));
    assert_eq!(seen.traffic.latency_us.max, 4000);
}

#[test]
fn a_retransmission_keeps_the_first_time() {
    // entrada2 #73: the second query took the place of the first.
    let asked = query("web.example.com", A).id(7);
    let mut story = Capture::new(Link::Ethernet);
    story.message(POD, SERVER, &asked).at(secs(1)).message(POD, SERVER, &asked);
    story.at(ms(1500)).message(SERVER, POD, &response(&asked).address([192, 0, 2, 1]));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.traffic.latency_us.max), ([1, 1, 0, 0, 1], 1_500_000));
    assert_eq!(seen.traffic.late, 0);
}

#[test]
fn the_retry_of_glibc_comes_after_five_seconds_or_more() {
    // tshark takes a repeat at 5.000 s or later for a new question, and the first for unanswered.
    for again in [secs(5), us(5_000_123), us(5_005_000), secs(10)] {
        let asked = query("web.example.com", A).id(7);
        let mut story = Capture::new(Link::Ethernet);
        story.message(POD, SERVER, &asked).at(again).message(POD, SERVER, &asked);
        story.after(ms(1)).message(SERVER, POD, &response(&asked).address([192, 0, 2, 1]));
        let seen = see(&story);
        assert_eq!((seen.matched(), seen.traffic.late), ([1, 1, 0, 0, 1], 1), "{again:?}");
        assert_eq!(seen.lookups(), [1, 0, 0], "{again:?}");
    }
}

#[test]
fn a_late_answer_is_an_answer() {
    // DNS-collector #295 and #210: more responses than queries, availability above 100 %.
    let mut story = Capture::new(Link::Ethernet);
    story.ask(POD, SERVER, "web.example.com", A, ms(7000), Answer::Address("192.0.2.1"));
    story.ask(
        "10.244.1.7:40001",
        SERVER,
        "a.example.com",
        A,
        secs(5),
        Answer::Address("192.0.2.1"),
    );
    story.at(secs(60)).udp("10.0.0.1:9", "10.0.0.2:9", [0]);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.traffic.late), ([2, 2, 0, 0, 0], 1));
    assert_eq!(seen.traffic.latency_us.max, 7_000_000);
}

#[test]
fn a_response_may_be_captured_just_before_its_query() {
    // dns-stats compactor -k: 10 µs between two receive queues; up to a few ms between interfaces.
    for early in [us(0), us(10), ms(2)] {
        let asked = query("web.example.com", A).id(7);
        let mut story = Capture::new(Link::Ethernet);
        story.as_told().at(ms(10)).message(SERVER, POD, &response(&asked).address([192, 0, 2, 1]));
        story.after(early).message(POD, SERVER, &asked);
        story.at(secs(20)).udp("10.0.0.1:9", "10.0.0.2:9", [0]);
        let seen = see(&story);
        assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 0], [0; 3]), "{early:?}");
        assert_eq!(seen.traffic.latency_us.max, 0, "{early:?}");
    }
}

#[test]
fn duplicates_orphans_and_late_answers_are_told_apart() {
    let asked = query("web.example.com", A).id(7);
    let answer = response(&asked).address([192, 0, 2, 1]);
    let stranger = response(&query("other.example.com", A).id(9)).address([192, 0, 2, 2]);
    let late = query("late.example.com", A).id(11);
    let mut story = Capture::new(Link::Ethernet);
    story.message(POD, SERVER, &asked).message(POD, SERVER, &late);
    story.at(ms(2)).message(SERVER, POD, &answer);
    // Another IP-ID: the server answered twice.
    story.at(ms(3)).message(SERVER, POD, &answer);
    story.at(ms(4)).message(SERVER, POD, &stranger);
    story.at(ms(5100)).message(SERVER, POD, &response(&late).address([192, 0, 2, 3]));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([2, 2, 0, 0, 0], [1, 1, 0]));
    assert_eq!(seen.traffic.late, 1);
}

#[test]
fn a_question_asked_again_after_its_answer_is_a_retransmission_and_its_answer_a_duplicate() {
    // The answer was captured, but lost on its last hop.
    let asked = query("web.example.com", A).id(7);
    let answer = response(&asked).address([192, 0, 2, 1]);
    let mut story = Capture::new(Link::Ethernet);
    story.message(POD, SERVER, &asked).at(ms(1)).message(SERVER, POD, &answer);
    story.at(secs(5)).message(POD, SERVER, &asked).after(ms(1)).message(SERVER, POD, &answer);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([1, 1, 0, 0, 1], [1, 0, 0]));
}

#[test]
fn musl_asking_all_its_servers_at_once_makes_as_many_transactions() {
    // One socket, one ID, IP-ID 0, the same microseconds: no copies.
    let asked = query("web.example.com", A).id(7).encode();
    let mut story = Capture::new(Link::Ethernet);
    for server in ["10.96.0.10", "10.96.0.11"] {
        story.packet(&Packet::udp(POD, server, asked.clone()).ip_id(0)).after(us(15));
    }
    let answer = response(&query("web.example.com", A).id(7)).address([192, 0, 2, 1]);
    story.at(ms(1)).message("10.96.0.10", POD, &answer);
    story.at(ms(2)).message("10.96.0.11", POD, &answer);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([2, 2, 0, 0, 0], [0; 3]));
}

#[test]
fn musl_asking_a_service_and_the_cache_of_its_node_is_answered_by_both() {
    // `-i any`: the Service's question is seen again behind the DNAT, and no IP-ID tells whose copy that is.
    let asked = query("web.example.com", A).id(7);
    let answer = response(&asked).address([192, 0, 2, 1]).encode();
    let (cache, service, backend) = ("169.254.20.10", "10.96.0.10", "10.244.200.3");
    for servers in [[cache, service], [service, cache], ["10.0.0.2", service]] {
        let mut story = Capture::new(Link::Ethernet);
        for server in servers {
            let asked = Packet::udp(POD, server, asked.encode()).ip_id(0);
            story.on("veth1").packet(&asked).after(us(2));
        }
        let translated = Packet::udp(POD, backend, asked.encode()).ip_id(0);
        story.on("veth9").packet(&Packet { ttl: 63, ..translated });
        let answers = Packet::udp(backend, POD, answer.clone()).ip_id(0);
        story.at(us(400)).packet(&answers).after(us(9));
        story.on("veth1").packet(&answers.clone().snat(service));
        let other = servers.into_iter().find(|&server| server != service).unwrap_or_default();
        story.at(us(700)).packet(&Packet::udp(other, POD, answer.clone()).ip_id(0));
        let seen = see(&story);
        assert_eq!(
            (seen.matched()[..2].to_vec(), seen.strangers()),
            (vec![2, 2], 0),
            "{servers:?}"
        );
    }
}

#[test]
fn an_icmp_error_settles_a_question_at_once() {
    let asked = Packet::udp(POD, SERVER, query("web.example.com", A).id(7).encode());
    let mut story = Capture::new(Link::Ethernet);
    story.packet(&asked).after(us(300)).packet(&Packet::port_unreachable(&asked));
    // A second one without an error is still pending.
    story.after(ms(1)).message("10.244.1.7:40001", SERVER, &query("b.example.com", A).id(8));
    let seen = see(&story);
    assert_eq!(seen.matched(), [2, 0, 1, 1, 0]);
    assert_eq!(seen.totals.refusals, 1);
}

#[test]
fn an_icmpv6_error_settles_a_question_at_once() {
    let asked = Packet::udp("[fd00::7]:40000", "fd00::53", query("web.example.com", A).encode());
    let mut story = Capture::new(Link::Ethernet);
    story.packet(&asked).after(us(300)).packet(&Packet::icmp_error("fd00::1", (1, 1), &asked));
    assert_eq!(see(&story).matched(), [1, 0, 1, 0, 0]);
}

#[test]
fn a_reset_settles_a_question_over_tcp_at_once() {
    let asked = query("web.example.com", A).id(7).over_tcp();
    let length = asked.len() as u32;
    let mut story = Capture::new(Link::Ethernet);
    story.tcp(POD, SERVER, SYN, (100, 0), []).after(us(100));
    story.tcp(SERVER, POD, SYN | ACK, (500, 101), []).after(us(100));
    story.tcp(POD, SERVER, PSH | ACK, (101, 501), asked).after(us(100));
    story.tcp(SERVER, POD, RST | ACK, (501, 101 + length), []);
    assert_eq!(see(&story).matched(), [1, 0, 1, 0, 0]);
}

#[test]
fn very_many_clients_over_ipv6_are_told_apart() {
    // dsc 2.13.0: its hash of IPv6 addresses collided, 75 minutes instead of 51 seconds.
    let mut story = Capture::new(Link::Raw);
    for n in 0..30_000u32 {
        // Prefixes and interface identifiers both differ in a few bits only.
        let client = format!("[2001:db8:{:x}::{:x}]:4000", n >> 8, n & 0xff);
        story.after(us(50));
        story.ask(&*client, "2001:db8::53", "web.example.com", A, us(400), Answer::NoData("com"));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.others()), ([30_000, 30_000, 0, 0, 0], [0; 3]));
}

#[test]
fn nothing_is_lost_at_a_low_rate_with_one_thread() {
    // dnscap #58: more than 1,000 packets lost in 30 s at 200 queries a second on one core.
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..6_000u64 {
        let client = format!("10.244.1.{}:{}", n % 250, 20_000 + n);
        story.at(ms(n * 5)).ask(&*client, SERVER, "web.svc", A, ms(1), Answer::Address("10.0.0.9"));
    }
    let seen = see(&story);
    assert_eq!((seen.capture.packets, seen.capture.dropped_by_dnspect), (12_000, 0));
    assert_eq!((seen.matched(), seen.capture.state_evicted), ([6_000, 6_000, 0, 0, 0], 0));
}
