use std::net::SocketAddr;
use std::time::Duration;

use crate::forge::{Message, Packet, TXT, dns, ms, query, response, secs, us};
use crate::verdict::tests::{Ask, Known, Reply, Story, View};

/// A question for much, and its answer.
fn large(story: &mut Story, n: u64) -> (Message, Message) {
    let records = story.rng.between(13, 20);
    let asked = query(&*format!("big-{n}.example.com"), TXT).id(story.id()).edns(4096);
    let told = (0..records).fold(response(&asked), |answer, _| {
        answer.answer(TXT, dns::Data::Bytes([&[200][..], &[b'x'; 200]].concat()))
    });
    (asked, told)
}

/// What arrives of an answer in fragments.
#[derive(Clone, Copy, PartialEq)]
enum Arrives {
    All,
    First,
    /// All but the second.
    Holed,
}

/// Client 0 asks for something large; what it does not get whole it asks for again, once; 30 s later
/// its kernel says so, if it is one of those that do.
fn fetch(story: &mut Story, at: Duration, n: u64, arrives: Arrives, icmp: bool) {
    let (asked, told) = large(story, n);
    let server = match story.view {
        View::Pod => story.service,
        _ => story.backends[1],
    };
    let server = SocketAddr::new(server, 53);
    let client = SocketAddr::new(story.clients[0], story.port());
    let ttl = if story.view == View::Pod { 64 } else { 63 };
    for attempt in 0..2_u64 {
        let start = at + ms(5003) * attempt as u32;
        let id = (n * 2 + attempt) as u16 + 1;
        let question = Packet::udp(client, server, asked.encode()).ip_id(id).ttl(ttl);
        story.capture.at(start).packet(&question);
        let answer = Packet::udp(server, client, told.encode()).ip_id(id).ttl(62);
        let mut fragments = answer.fragments(1232);
        match arrives {
            Arrives::All => {}
            Arrives::First => fragments.truncate(1),
            Arrives::Holed => drop(fragments.remove(1)),
        }
        for (piece, fragment) in fragments.iter().enumerate() {
            story.capture.at(start + ms(2) + us(piece as u64 * 8)).ip(fragment);
        }
        if arrives == Arrives::All {
            break;
        }
        if icmp {
            let code = if server.is_ipv4() { (11, 1) } else { (3, 1) };
            let error = Packet::icmp_error(client, code, &answer);
            story.capture.at(start + secs(30)).packet(&error.ip_id(id));
        }
    }
}

fn small(story: &mut Story) {
    story.background(ms(0), secs(60), 6.0, &mut |ask: &Ask<'_>| -> Reply { ask.healthy() });
    story.settle(secs(100));
}

#[test]
fn first_fragments_alone_are_found_where_the_receiver_says_so() {
    Story::each(&[View::Pod, View::Eni], 2..=6, |story| {
        for n in 0..story.rng.between(3, 20) {
            fetch(story, secs(n * 2), n, Arrives::First, true);
        }
        small(story);
        let seen = story.judge();
        let finding = seen.is("fragment_loss");
        assert!(finding.confidence > 0.8, "{}", seen.words());
        assert_eq!(finding.scope.clients, [story.clients[0].to_string()]);
        assert!(seen.faults() == ["fragment_loss"], "{}", seen.words());
    });
}

#[test]
fn lost_fragments_are_found_where_others_are_captured() {
    Story::each(&[View::Pod, View::Eni], 2..=6, |story| {
        for n in 0..story.rng.between(4, 20) {
            let part =
                if n == 0 || story.rng.chance(0.3) { Arrives::Holed } else { Arrives::First };
            fetch(story, secs(n * 2), n, part, false);
        }
        small(story);
        let seen = story.judge();
        assert!(seen.is("fragment_loss").confidence > 0.8, "{}", seen.words());
        assert!(seen.faults() == ["fragment_loss"], "{}", seen.words());
    });
}

/// The server's side: all leaves, and the errors come back.
#[test]
fn errors_of_the_receiver_tell_at_the_server() {
    Story::each(&[View::Dns], 2..=4, |story| {
        for n in 0..8 {
            fetch(story, secs(n * 2), n, Arrives::All, false);
            let (_, told) = large(story, 90 + n);
            let server = SocketAddr::new(story.backends[1], 53);
            let client = SocketAddr::new(story.clients[0], story.port());
            let answer = Packet::udp(server, client, told.encode());
            let code = if server.is_ipv4() { (11, 1) } else { (3, 1) };
            let error = Packet::icmp_error(client, code, &answer).ip_id(n as u16);
            story.capture.at(secs(n * 2 + 30)).packet(&error);
        }
        small(story);
        story.judge().has("fragment_loss");
    });
}

#[test]
fn answers_in_fragments_that_all_arrive_are_healthy() {
    Story::each(&[View::Pod, View::Eni, View::Dns], 2..=6, |story| {
        for n in 0..20 {
            fetch(story, secs(n * 2), n, Arrives::All, false);
        }
        small(story);
        story.judge().is_healthy();
    });
}

#[test]
fn a_filter_that_leaves_fragments_out_is_said_and_nothing_is_concluded() {
    Story::each(&[View::Pod, View::Eni], 2..=6, |story| {
        for n in 0..12 {
            let (asked, told) = large(story, n);
            let server = SocketAddr::new(story.backends[1], 53);
            let client = SocketAddr::new(story.clients[0], story.port());
            let question = Packet::udp(client, server, asked.encode()).ip_id(n as u16 + 1);
            let answer = Packet::udp(server, client, told.encode()).ip_id(n as u16 + 1);
            story.capture.at(secs(n * 2)).packet(&question);
            story.capture.at(secs(n * 2) + ms(2)).ip(&answer.fragments(1232)[0]);
        }
        small(story);
        let seen = story.judge();
        seen.is_healthy();
        let caveats = &seen.0.capture.caveats;
        assert!(caveats.iter().any(|text| text.contains("fragments")), "{caveats:?}");
    });
}

#[test]
fn a_fragment_now_and_then_is_no_pattern() {
    Story::each(&[View::Pod, View::Eni], 2..=6, |story| {
        for n in 0..40 {
            let part = if n % 10 == 3 { Arrives::First } else { Arrives::All };
            fetch(story, secs(n), n, part, false);
        }
        small(story);
        story.judge().has_not("fragment_loss");
    });
}

/// The buffer size that CoreDNS is set to is told beside; what the packets show stays.
#[test]
fn bufsize_is_held_against_it() {
    Story::each(&[View::Pod, View::Eni], 2..=4, |story| {
        for n in 0..8 {
            fetch(story, secs(n * 2), n, Arrives::First, true);
        }
        small(story);
        let plain = story.judge();
        let advice = "`bufsize 1232` in the Corefile";
        for (line, words, advised) in [
            ("bufsize 1232", "that is set already", false),
            ("bufsize", "that is set already", false),
            ("bufsize 4096", "larger than 1232", true),
            ("errors", "has no `bufsize`", true),
        ] {
            let seen = Known::corefile(&format!(".:53 {{\n {line}\n}}\n")).judge(story.file());
            let finding = seen.is("fragment_loss");
            assert_eq!(finding.percent(), plain.is("fragment_loss").percent());
            let evidence = finding.evidence.iter().find(|one| one.metric == "bufsize").unwrap();
            assert!(evidence.text.contains(words), "{}", seen.words());
            assert_eq!(finding.mitigation.immediate.contains(advice), advised, "{line}");
        }
    });
}
