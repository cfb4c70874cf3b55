use std::time::Duration;

use crate::forge::{A, Capture, Link, Packet, ms, query, response, secs, us};
use crate::verdict::tests::{Ask, Refusal, Reply, Seen, Story, View};

/// Kinds of REJECT by family: admin prohibited, host prohibited, host, net, port unreachable.
const V4: [(u8, u8); 5] = [(3, 13), (3, 10), (3, 1), (3, 0), (3, 3)];
const V6: [(u8, u8); 3] = [(1, 1), (1, 3), (1, 4)];

fn kinds(story: &Story) -> &'static [(u8, u8)] {
    if story.service.is_ipv4() { &V4 } else { &V6 }
}

/// A REJECT for some clients; Linux limits the errors to one a second after a burst.
fn rejected(story: &mut Story, blocked: usize, from: Duration, code: (u8, u8)) {
    let mut next = ms(0);
    let mut fate = |ask: &Ask<'_>| {
        if ask.client >= blocked || ask.time < from {
            return ask.healthy();
        }
        if ask.time < next {
            return Reply::lost(1);
        }
        next = ask.time + ms(150);
        Reply::refused(Refusal::Forward(code), us(90))
    };
    story.background(ms(0), secs(60), 6.0, &mut fate);
    story.settle(secs(90));
}

#[test]
fn every_kind_of_reject_for_some_clients_is_found() {
    Story::each(&[View::Node], 3..=10, |story| {
        for &code in kinds(story) {
            let mut story = Story::new(story.rng.next(), View::Node, story.clients.len());
            if !kinds(&story).contains(&code) {
                continue;
            }
            rejected(&mut story, 1, ms(0), code);
            let seen = story.judge();
            let finding = seen.is("firewall_reject");
            assert_eq!(finding.scope.clients, [story.clients[0].to_string()], "{}", seen.words());
            for other in
                ["dns_port_closed", "kube_dns_no_endpoints", "client_egress_dropped", "random_loss"]
            {
                seen.has_not(other);
            }
        }
    });
}

/// Behind the DNAT the error bears the Service's address; its TTL is that of the own node, where the
/// answers before it came from further away.
#[test]
fn the_pod_tells_it_by_the_ttl() {
    Story::each(&[View::Pod], 1..=4, |story| {
        let code = if story.service.is_ipv4() { (3, 3) } else { (1, 4) };
        rejected(story, 1, secs(20), code);
        let seen = story.judge();
        seen.is("firewall_reject");
        seen.has_not("dns_port_closed");
    });
}

#[test]
fn prohibited_is_plain_from_the_first_packet_on() {
    Story::each(&[View::Pod], 1..=4, |story| {
        let code = if story.service.is_ipv4() { (3, 13) } else { (1, 1) };
        rejected(story, 1, ms(0), code);
        assert!(story.judge().is("firewall_reject").confidence >= 0.8);
    });
}

/// glibc closes its socket at the first truncated answer, and any client has gone when an answer is
/// late: its ICMP error is about the answer.
#[test]
fn what_a_client_says_about_a_late_answer_is_no_reject() {
    for (client, server) in
        [("10.1.2.3:4000", "172.20.0.10:53"), ("[fd00::3]:4000", "[fd00::a]:53")]
    {
        let mut story = Capture::new(Link::Ethernet);
        for n in 0..30 {
            let asked = query("www.example.com", A).id(n);
            let told = response(&asked).address("192.0.2.1".parse::<std::net::IpAddr>().unwrap());
            let answer = Packet::udp(server, client, told.encode()).ttl(62);
            let at = ms(u64::from(n) * 400);
            story.at(at).message(client, server, &asked);
            story.at(at + ms(3)).packet(&answer);
            story.at(at + ms(4)).packet(&answer).packet(&Packet::port_unreachable(&answer));
        }
        story.at(secs(30)).udp(
            client,
            "[fd00::9]:9"
                .replace(
                    "[fd00::9]:9",
                    if client.starts_with('[') { "[fd00::9]:9" } else { "10.1.2.9:9" },
                )
                .as_str(),
            [],
        );
        Seen::of(story.pcap()).is_healthy();
    }
}

#[test]
fn one_refusal_is_chance() {
    Story::each(&[View::Node, View::Pod], 2..=4, |story| {
        let mut left = 1;
        let code = if story.service.is_ipv4() { (3, 13) } else { (1, 1) };
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            if ask.client == 0 && left > 0 && ask.time > secs(10) {
                left -= 1;
                return Reply::refused(Refusal::Forward(code), us(90));
            }
            ask.healthy()
        });
        story.settle(secs(60));
        let seen = story.judge();
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}

/// Silence without a word is not called a REJECT.
#[test]
fn a_drop_is_none() {
    Story::each(&[View::Node], 3..=6, |story| {
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            if ask.client == 0 { Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(70));
        story.judge().has_not("firewall_reject");
    });
}

/// A connection is accepted, and reset when the question comes. From as far away as the server's answers it is the server
/// that closes it; from nearer it is somebody in between.
#[test]
fn resets_from_nearer_than_the_server_are_those_of_a_device() {
    for (ttl, found) in [(64, false), (61, true)] {
        let mut story = Capture::new(Link::Ethernet);
        for turn in 0..8_u64 {
            let (udp, tcp) =
                (format!("10.0.1.7:{}", 40_000 + turn), format!("10.0.1.7:{}", 50_000 + turn));
            let question = query("www.example.com", A).id(turn as u16);
            let answer = response(&question).address([192, 0, 2, 1]);
            story.at(secs(turn)).message(&*udp, "10.9.0.2", &question);
            story.after(ms(1)).message("10.9.0.2", &*udp, &answer);
            let stream = query("api.example.com", A).id(turn as u16).over_tcp();
            story.at(secs(turn) + ms(10)).packet(&Packet::tcp(&*tcp, "10.9.0.2", 2, (1000, 0), []));
            story.after(us(200)).packet(&Packet::tcp("10.9.0.2", &*tcp, 18, (5000, 1001), []));
            story.after(us(200)).packet(&Packet::tcp(&*tcp, "10.9.0.2", 24, (1001, 5001), stream));
            story.after(us(200)).packet(&Packet::tcp("10.9.0.2", &*tcp, 4, (5001, 0), []).ttl(ttl));
        }
        story.at(secs(60)).udp("10.0.0.1:9", "10.0.0.2:9", vec![0]);
        let seen = Seen::of(story.pcap());
        assert_eq!(seen.find("firewall_reject").is_some(), found, "{ttl} {}", seen.words());
        seen.has_not("dns_port_closed");
    }
}
