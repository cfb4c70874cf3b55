use std::net::IpAddr;
use std::time::Duration;

use crate::forge::{A, AAAA, Answer, Capture, Link, ms, secs};
use crate::verdict::tests::{Reply, Seen, Story, Stub, View};

/// Clients below `blocked` get nothing between the two moments.
fn blocked(story: &mut Story, blocked: usize, from: Duration, to: Duration, reach: u8) {
    story.background(ms(0), secs(60), 8.0, &mut |ask| {
        let silent = ask.client < blocked && (from..to).contains(&ask.time);
        if silent { Reply::lost(reach) } else { ask.healthy() }
    });
    story.settle(secs(90));
}

#[track_caller]
fn finds(story: &Story, blocked: usize) {
    let seen = story.judge();
    let finding = seen.is("client_egress_dropped");
    let mut wanted: Vec<String> =
        story.clients[..blocked].iter().map(ToString::to_string).collect();
    let mut found = finding.scope.clients.clone();
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted, "{}", seen.words());
    for other in ["random_loss", "upstream_unreachable", "firewall_reject", "dns_port_closed"] {
        seen.has_not(other);
    }
}

#[test]
fn a_client_blocked_from_birth_is_found() {
    Story::each(&[View::Node], 2..=12, |story| {
        let reach = story.rng.between(1, 2) as u8;
        blocked(story, 1, ms(0), secs(999), reach);
        finds(story, 1);
    });
}

#[test]
fn the_eni_shows_it_when_the_drop_is_behind_it() {
    Story::each(&[View::Eni], 3..=12, |story| {
        blocked(story, 1, ms(0), secs(999), 2);
        finds(story, 1);
    });
}

#[test]
fn two_of_many_are_found() {
    Story::each(&[View::Node], 5..=12, |story| {
        blocked(story, 2, ms(0), secs(999), 1);
        finds(story, 2);
    });
}

#[test]
fn a_client_blocked_from_some_moment_on_is_found_and_dated() {
    Story::each(&[View::Node], 3..=8, |story| {
        let from = secs(story.rng.between(15, 40));
        blocked(story, 1, from, secs(999), 1);
        finds(story, 1);
        let seen = story.judge();
        let start: jiff::Timestamp = seen.is("client_egress_dropped").window.start.parse().unwrap();
        let at = start.as_second() - crate::forge::START.as_secs() as i64;
        assert!(at >= from.as_secs() as i64, "{at} {from:?}");
    });
}

/// The VPC CNI's strict mode denies until its policies are in place.
#[test]
fn a_client_blocked_until_some_moment_is_found() {
    Story::each(&[View::Node], 3..=8, |story| {
        blocked(story, 1, ms(0), secs(20), 1);
        finds(story, 1);
    });
}

#[test]
fn one_pod_alone_is_a_guess() {
    Story::each(&[View::Pod], 1..=4, |story| {
        // Lookups that take half a minute each must not pile up by the hundred in one pod.
        story.background(ms(0), secs(60), 0.8, &mut |_| Reply::lost(1));
        story.settle(secs(120));
        let seen = story.judge();
        let finding = seen.is("client_egress_dropped");
        assert!(finding.confidence <= 0.6, "{}", seen.words());
    });
}

#[test]
fn a_dead_server_is_silent_to_everybody() {
    Story::each(&[View::Node, View::Eni, View::Dns], 3..=12, |story| {
        blocked(story, 99, ms(0), secs(999), 3);
        story.judge().has_not("client_egress_dropped");
    });
}

#[test]
fn a_server_that_dies_is_silent_to_everybody_from_then_on() {
    Story::each(&[View::Node, View::Eni, View::Dns], 3..=12, |story| {
        blocked(story, 99, secs(30), secs(999), 3);
        story.judge().has_not("client_egress_dropped");
    });
}

/// One backend of several: every client loses a part, those with few questions perhaps all.
#[test]
fn a_dead_backend_is_no_blocked_client() {
    Story::each(&[View::Node], 3..=8, |story| {
        let dead = story.backends.len() - 1;
        story.background(ms(0), secs(90), 8.0, &mut |ask| {
            if ask.backend == dead { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(120));
        story.judge().has_not("client_egress_dropped");
    });
}

#[test]
fn random_loss_blocks_nobody() {
    Story::each(&[View::Node, View::Eni], 3..=20, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.luck() < 0.15 { Reply::lost(2) } else { ask.healthy() }
        });
        story.settle(secs(90));
        story.judge().has_not("client_egress_dropped");
    });
}

/// The policy lets queries out and nothing in: the node sees the answers, the pod does not.
#[test]
fn answers_that_end_on_this_node_are_found() {
    Story::each(&[View::Node], 3..=12, |story| {
        story.background(ms(0), secs(90), 8.0, &mut |ask| {
            if ask.client == 0 { Reply { reach: 5, ..ask.healthy() } } else { ask.healthy() }
        });
        story.settle(secs(120));
        let seen = story.judge();
        let finding = seen.is("client_egress_dropped");
        assert_eq!(finding.scope.clients, [story.clients[0].to_string()], "{}", seen.words());
        assert_eq!(finding.evidence[0].metric, "undelivered_ratio");
        for other in ["random_loss", "coredns_backend_gone", "reply_source_mismatch"] {
            seen.has_not(other);
        }
    });
}

/// From some moment on, and to another: all of a node, or one of its clients.
#[test]
fn answers_that_end_on_this_node_for_a_time_are_found() {
    Story::each(&[View::Node], 3..=8, |story| {
        let behind = if story.rng.chance(0.5) { 1 } else { story.clients.len() };
        let till = if story.rng.chance(0.5) { secs(70) } else { secs(999) };
        story.stubs.fill(Stub::Glibc);
        story.background(ms(0), secs(90), 8.0, &mut |ask| {
            let ends = ask.client < behind && (secs(40)..till).contains(&ask.time);
            if ends { Reply { reach: 5, ..ask.healthy() } } else { ask.healthy() }
        });
        story.settle(secs(120));
        let seen = story.judge();
        let finding = seen.is("client_egress_dropped");
        assert_eq!(finding.scope.clients.len(), behind, "{}", seen.words());
        assert!(finding.summary.contains("end on this node from 00:00:4"), "{}", finding.summary);
        for other in ["random_loss", "coredns_backend_gone", "reply_source_mismatch"] {
            seen.has_not(other);
        }
    });
}

/// A policy is of a namespace: half of all pods may be behind it.
#[test]
fn answers_to_many_that_end_on_this_node_are_found() {
    Story::each(&[View::Node], 20..=40, |story| {
        let behind = story.clients.len() / 2;
        story.background(ms(0), secs(60), 30.0, &mut |ask| {
            if ask.client < behind { Reply { reach: 5, ..ask.healthy() } } else { ask.healthy() }
        });
        story.settle(secs(90));
        let seen = story.judge();
        let finding = seen.is("client_egress_dropped");
        let mut clients: Vec<_> = story.clients[..behind].iter().map(ToString::to_string).collect();
        let mut found = finding.scope.clients.clone();
        clients.sort();
        found.sort();
        assert_eq!(found, clients, "{}", seen.words());
        seen.has_not("random_loss");
    });
}

/// Where answers take a way past the clients' interfaces (Cilium's `redirect_peer`), they do for all.
#[test]
fn answers_that_nobody_is_seen_to_get_are_no_drop() {
    Story::each(&[View::Node], 3..=12, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| ask.healthy());
        story.settle(secs(80));
        let seen = Seen::of(story.without_last_leg());
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}

/// Few names that are asked for all the time look like questions asked again.
#[test]
fn one_direction_of_few_names_tells_nothing() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        let name = format!("service-{}", story.rng.between(1, 9));
        let mut time = ms(5);
        while time < secs(40) {
            let client = story.rng.between(0, story.clients.len() as u64 - 1) as usize;
            story.lookup(time, client, "db.shop", &mut |ask| ask.healthy());
            story.lookup(time + ms(3), client, &name, &mut |ask| ask.healthy());
            time += story.rng.span(ms(100), ms(1900));
        }
        story.settle(secs(50));
        let seen = Seen::of(story.one_sided(false));
        assert_eq!(seen.root(), "undetermined", "{}", seen.words());
        assert_eq!(seen.faults(), ["capture_incomplete"], "{}", seen.words());
    });
}

/// Questions only: the walks go on, and nobody asks again.
#[test]
fn one_direction_alone_tells_nothing() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        story.background(ms(0), secs(30), 6.0, &mut |ask| ask.healthy());
        story.settle(secs(45));
        let seen = Seen::of(story.one_sided(false));
        assert_eq!(seen.root(), "undetermined", "{}", seen.words());
        assert_eq!(seen.faults(), ["capture_incomplete"], "{}", seen.words());
    });
}

#[test]
fn an_address_that_nobody_is_answered_by_is_a_wrong_nameserver() {
    for (right, wrong) in [("172.20.0.10", "10.100.0.10"), ("fd00::a", "fd00::b")] {
        let mut story = Capture::new(Link::Ethernet);
        for n in 0..60_u64 {
            let lost = n % 3 == 0;
            let six = right.contains(':');
            let host = 10 + u64::from(lost) * 100 + n % 5;
            let port = 40_000 + n;
            let client = if six {
                format!("[fd00::1:{host}]:{port}")
            } else {
                format!("10.1.2.{host}:{port}")
            };
            let (server, answer) =
                if lost { (wrong, Answer::Nothing) } else { (right, Answer::Address("192.0.2.1")) };
            for at in if lost { vec![0, 5005] } else { vec![0] } {
                story.at(ms(n * 300 + at));
                story.ask(&*client, server, "www.example.com", A, ms(2), answer);
                story.ask(&*client, server, "www.example.com", AAAA, ms(3), answer);
            }
        }
        story.at(secs(60)).udp("10.1.2.3:9", "10.1.2.4:9", []);
        Seen::of(story.pcap()).has_not("client_egress_dropped");
    }
}

#[test]
fn questions_at_the_end_are_pending_not_lost() {
    Story::each(&View::ALL, 2..=6, |story| {
        let last = secs(20);
        story.background(ms(0), secs(24), 6.0, &mut |ask| {
            if ask.time > last && ask.client == 0 { Reply::lost(1) } else { ask.healthy() }
        });
        let seen = Seen::of(story.cut(ms(0), last + ms(4900)));
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}

/// A capture filtered to `port 53` has no ICMP: a REJECT would look the same, and the report says so.
#[test]
fn without_icmp_in_the_capture_a_reject_is_not_excluded() {
    let mut story = Capture::new(Link::Ethernet);
    for second in 0..20_u64 {
        let served = format!("10.0.1.2:{}", 40_000 + second);
        story.at(secs(second)).ask(
            &*served,
            "172.20.0.10",
            "www.example.com",
            A,
            ms(1),
            Answer::Address("192.0.2.1"),
        );
    }
    for second in [1, 6, 11] {
        let query = crate::forge::query("db.shop.svc.cluster.local", A).id(second as u16);
        let client = format!("10.0.1.9:{}", 50_000 + second);
        let sent = crate::forge::Packet::udp(&*client, "172.20.0.10", query.encode());
        story.at(secs(second)).packet(&sent);
    }
    let seen = Seen::of(story.pcap());
    let others = &seen.is("client_egress_dropped").alternatives;
    assert!(others.iter().any(|other| other.cause == "firewall_reject"), "{}", seen.words());
}

/// One of two backends behind a Service dies, seen before the DNAT: a socket is tied to one of them, and what glibc
/// sends again goes there, too. Who asks little may have had the dead one only.
#[test]
fn a_dead_backend_behind_a_service_is_no_policy() {
    const DIES: u64 = 20_000;
    const ENDS: u64 = 60_000;
    let mut story = Capture::new(Link::Ethernet);
    for client in 0..40_u64 {
        let (mut now, mut id) = (client * 37, 0_u16);
        while now < ENDS {
            let port = 40_000 + u64::from(id);
            let toss = (client * 1_000 + port).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63;
            let dead = now >= DIES && toss == 1;
            let (from, server) = (format!("10.244.1.{}:{port}", client + 2), "172.20.0.10:53");
            for at in if dead { vec![0, 5_000] } else { vec![0] } {
                for kind in [A, AAAA] {
                    let query = crate::forge::query("www.example.com", kind).id(id + kind);
                    let sent = crate::forge::Packet::udp(&*from, server, query.encode());
                    story.at(ms(now + at)).packet(&sent);
                    if !dead {
                        let answer = Answer::Address("192.0.2.1").to(&query).unwrap();
                        let answer = crate::forge::Packet::udp(server, &*from, answer.encode());
                        story.after(ms(1)).packet(&answer);
                    }
                }
            }
            id += 100;
            now += if dead { 10_003 } else { 2_500 + 100 * (client % 7) };
        }
    }
    story.at(ms(ENDS + 20_000)).udp("10.1.2.3:9", "10.1.2.4:9", []);
    let seen = Seen::of(story.pcap());
    seen.has_not("client_egress_dropped");
    assert!(!seen.root().is_empty() && seen.root() != "none", "{}", seen.words());
}

/// One client has a server to itself, as the only one of its family has: from one moment on it gets nothing, while
/// others are answered by theirs. That its server is gone is not excluded, and not what is named.
#[test]
fn a_client_with_a_server_of_its_own_is_found_with_less_confidence() {
    Story::each(&[View::Node], 3..=8, |story| {
        let own = if story.service.is_ipv4() { "192.0.2.53" } else { "2001:db8::53" };
        let own: IpAddr = own.parse().unwrap();
        story.send(own, |client| client == 0);
        let from = secs(story.rng.between(15, 30));
        blocked(story, 1, from, secs(999), 1);
        let seen = story.judge();
        let finding = seen.is("client_egress_dropped");
        assert_eq!(finding.scope.servers, [own.to_string()], "{}", seen.words());
        assert!(finding.confidence <= 0.6, "{}", seen.words());
        assert!(finding.alternatives.iter().any(|a| a.cause == "coredns_backend_gone"));
        seen.has_not("coredns_backend_gone");
    });
}
