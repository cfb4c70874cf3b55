use crate::forge::{A, Answer, Capture, Link, Packet, TXT, ms, query, response, secs};
use crate::verdict::tests::{Known, Seen};

const SERVER: &str = "172.20.0.10";
const SYN: u8 = 2;
const RST_ACK: u8 = 4 | 16;

/// What becomes of the SYNs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tcp {
    Silent,
    Reset,
    Works,
}

/// RDATA of a TXT record with 800 octets of text.
fn text() -> Vec<u8> {
    [[200].as_slice(), &[b'x'; 200]].concat().repeat(4)
}

/// Lookups of large records: truncated over UDP, then asked over TCP.
fn file(tcp: Tcp) -> Vec<u8> {
    let mut story = Capture::new(Link::Ethernet);
    for second in 0..6_u64 {
        let client = format!("10.0.1.7:{}", 40_000 + second);
        let question = query("large.example.com", TXT).id(100 + second as u16);
        let sent = Packet::udp(&*client, SERVER, question.encode());
        let truncated = response(&question).truncated();
        story.at(secs(second)).packet(&sent).after(ms(1)).packet(&Packet::udp(
            SERVER,
            &*client,
            truncated.encode(),
        ));
        let opened = secs(second) + ms(3);
        let socket = format!("10.0.1.7:{}", 50_000 + second);
        if tcp == Tcp::Works {
            let answer = response(&question).answer(TXT, crate::forge::dns::Data::Bytes(text()));
            story.at(opened).converse(&*socket, SERVER, &[question], &[answer], ms(1));
            continue;
        }
        for again in [0, 1, 3] {
            let syn = Packet::tcp(&*socket, SERVER, SYN, (1000, 0), []);
            story.at(opened + secs(again)).packet(&syn);
        }
        if tcp == Tcp::Reset {
            let reset = Packet::tcp(SERVER, &*socket, RST_ACK, (0, 1001), []);
            story.at(opened + ms(1)).packet(&reset);
        }
    }
    story.at(secs(30)).ask(
        "10.0.1.7:45000",
        SERVER,
        "www.example.com",
        A,
        ms(1),
        Answer::Address("192.0.2.1"),
    );
    story.pcap()
}

fn large(tcp: Tcp) -> Seen {
    Seen::of(file(tcp))
}

#[test]
fn connections_that_nobody_accepts_are_found() {
    let seen = large(Tcp::Silent);
    let finding = seen.is("tcp53_blocked");
    assert_eq!(finding.scope.servers, [SERVER], "{}", seen.words());
}

#[test]
fn connections_that_work_are_none() {
    large(Tcp::Works).is_healthy();
}

#[test]
fn connections_that_are_refused_are_found_and_less_sure() {
    let seen = large(Tcp::Reset);
    assert!(seen.is("tcp53_blocked").confidence <= 0.6, "{}", seen.words());
}

/// The rules of the node, with this one among them.
fn ruled(rule: &str) -> Seen {
    let rules = format!(
        "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp --dport 53 -j ACCEPT\n{rule}\nCOMMIT\n"
    );
    Known::rules(&rules).judge(file(Tcp::Silent))
}

#[test]
fn a_rule_for_tcp_makes_it_sure_and_one_for_udp_does_not() {
    let plain = large(Tcp::Silent).is("tcp53_blocked").percent();
    assert!(plain < 95);
    for rule in [
        "-A FORWARD -p tcp -m tcp --dport 53 -j DROP",
        "-A FORWARD -s 10.0.1.0/24 -p tcp -m tcp --dport 53 -j REJECT --reject-with tcp-reset",
    ] {
        let seen = ruled(rule);
        let finding = seen.is("tcp53_blocked");
        assert_eq!(finding.percent(), 95, "{}", seen.words());
        assert!(finding.evidence.iter().any(|one| one.text.contains(rule)), "{}", seen.words());
    }
    for rule in [
        "-A FORWARD -p udp -m udp --dport 53 -j DROP",
        "-A FORWARD -p tcp -m tcp --dport 443 -j DROP",
        "-A FORWARD -s 10.7.0.0/16 -p tcp -m tcp --dport 53 -j DROP",
    ] {
        let seen = ruled(rule);
        let finding = seen.is("tcp53_blocked");
        assert_eq!(finding.percent(), plain, "{}", seen.words());
        let other = finding.evidence.iter().find(|one| one.metric == "rules");
        assert!(other.unwrap().text.contains("no rule of node.rules"));
    }
}

#[test]
fn force_tcp_tells_what_else_fails() {
    let plain = large(Tcp::Silent);
    let with = |block: &str| Known::corefile(block).judge(file(Tcp::Silent));
    let forced = with(".:53 {\n forward . 10.0.0.2 {\n  force_tcp\n }\n}\n");
    let free = with(".:53 {\n forward . 10.0.0.2\n}\n");
    assert!(forced.words().contains("all names outside fail"), "{}", forced.words());
    assert!(!free.words().contains("--corefile"), "{}", free.words());
    for seen in [forced, free] {
        assert_eq!(seen.is("tcp53_blocked").percent(), plain.is("tcp53_blocked").percent());
    }
}

/// A rule comes into force, and may be taken back: before it connections were accepted.
#[test]
fn tcp_that_is_blocked_for_a_time_is_found() {
    for after in [true, false] {
        let mut story = Capture::new(Link::Ethernet);
        for turn in 0..30_u64 {
            let blocked = (10..20).contains(&turn) || turn >= 20 && !after;
            let (udp, tcp) =
                (format!("10.0.1.7:{}", 40_000 + turn), format!("10.0.1.7:{}", 50_000 + turn));
            let question = query("large.example.com", TXT).id(100 + turn as u16);
            let truncated = response(&question).truncated();
            story
                .at(secs(turn))
                .packet(&Packet::udp(&*udp, SERVER, question.encode()))
                .after(ms(1))
                .packet(&Packet::udp(SERVER, &*udp, truncated.encode()));
            if blocked {
                let syn = Packet::tcp(&*tcp, SERVER, SYN, (1000, 0), []);
                story.at(secs(turn) + ms(3)).packet(&syn);
            } else {
                let answer =
                    response(&question).answer(TXT, crate::forge::dns::Data::Bytes(text()));
                story.at(secs(turn) + ms(3)).converse(&*tcp, SERVER, &[question], &[answer], ms(1));
            }
        }
        story.at(secs(45)).ask(
            "10.0.1.7:45000",
            SERVER,
            "www.example.com",
            A,
            ms(1),
            Answer::Address("192.0.2.1"),
        );
        let seen = Seen::of(story.pcap());
        let finding = seen.is("tcp53_blocked");
        assert!(finding.summary.contains(" from 00:00:10 to "), "{}", finding.summary);
    }
}

/// What another server says over UDP says nothing of one that says nothing at all.
#[test]
fn a_server_that_is_not_there_blocks_no_tcp() {
    let mut story = Capture::new(Link::Ethernet);
    for turn in 0..20_u64 {
        let client = format!("10.0.1.7:{}", 40_000 + turn);
        story.at(secs(turn)).ask(
            &*client,
            SERVER,
            "www.example.com",
            A,
            ms(1),
            Answer::Address("192.0.2.1"),
        );
        let syn = Packet::tcp(&*client, "192.0.2.77", SYN, (1000, 0), []);
        story.at(secs(turn) + ms(3)).packet(&syn);
    }
    Seen::of(story.pcap()).has_not("tcp53_blocked");
}
