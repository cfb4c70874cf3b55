use std::net::SocketAddr;
use std::time::Duration;

use crate::forge::{A, Capture, Direction, Link, Packet, ms, query, response, secs, us};
use crate::verdict::tests::{Ask, Reply, Seen, Story, Stub, View};

const OTHERS: [&str; 5] = [
    "random_loss",
    "client_egress_dropped",
    "coredns_backend_gone",
    "wrong_nameserver",
    "conntrack_dnat_race",
];

/// Backend 0 is on the clients' node, and its answers are not translated back.
fn bridged(ask: &Ask<'_>) -> Reply {
    Reply { untranslated: ask.backend == 0, ..ask.healthy() }
}

#[test]
fn answers_of_the_pod_s_own_address_are_found() {
    Story::each(&[View::Pod, View::Node], 2..=10, |story| {
        story.background(ms(0), secs(60), 6.0, &mut bridged);
        story.settle(secs(90));
        let seen = story.judge();
        let finding = seen.is("reply_source_mismatch");
        assert!(finding.confidence > 0.8);
        assert_eq!(finding.scope.servers, [story.service.to_string()]);
        assert!(finding.summary.contains(&story.backends[0].to_string()), "{}", seen.words());
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// Some clients get nothing but such answers, all others get theirs: what reaches a client is not dropped.
#[test]
fn answers_from_elsewhere_are_not_dropped_beside_others_that_arrive() {
    Story::each(&[View::Node], 6..=20, |story| {
        let behind = story.clients.len() / 2;
        story.background(ms(0), secs(60), 10.0, &mut |ask| Reply {
            untranslated: ask.client < behind,
            ..ask.healthy()
        });
        story.settle(secs(90));
        let seen = story.judge();
        seen.is("reply_source_mismatch");
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// All backends on the client's node: nothing at all works.
#[test]
fn a_pod_that_accepts_no_answer_is_not_blocked() {
    Story::each(&[View::Pod], 1..=3, |story| {
        story.background(ms(0), secs(60), 2.0, &mut |ask| Reply {
            untranslated: true,
            ..ask.healthy()
        });
        story.settle(secs(90));
        let seen = story.judge();
        seen.is("reply_source_mismatch");
        seen.has_not("client_egress_dropped");
        let traffic = &seen.0.traffic;
        assert_eq!(traffic.answered, 0, "{}", seen.words());
        assert!(traffic.orphan_responses >= traffic.unanswered, "{}", seen.words());
    });
}

/// Where both sides of the NAT share one interface, as on a bridge or in cooked v1, the pod's address
/// is seen a moment before the Service's.
#[test]
fn a_translation_on_the_same_interface_is_none() {
    for link in [Link::Ethernet, Link::Sll] {
        let mut capture = Capture::new(link);
        let (pod, service): (SocketAddr, SocketAddr) =
            ("10.0.1.5:4000".parse().unwrap(), "172.20.0.10:53".parse().unwrap());
        let backend: SocketAddr = "10.0.2.9:53".parse().unwrap();
        for n in 0..60_u16 {
            let pod = SocketAddr::new(pod.ip(), pod.port() + n);
            let message = query("service-1.shop.svc.cluster.local", A).id(n);
            let asked = Packet::udp(pod, service, message.encode()).ip_id(n);
            let told = response(&message).address("192.0.2.1".parse::<std::net::IpAddr>().unwrap());
            let answered = Packet::udp(backend, pod, told.encode()).ip_id(900 + n);
            let (onward, back) = (asked.dnat(backend), answered.snat(service));
            let steps: [(u64, &Packet, Direction); 4] = [
                (0, &asked, Direction::Incoming),
                (15, &onward, Direction::Outgoing),
                (800, &answered, Direction::Incoming),
                (815, &back, Direction::Outgoing),
            ];
            for (after, packet, direction) in steps {
                capture.going(direction).at(secs(u64::from(n)) + us(after)).packet(packet);
            }
        }
        let seen = Seen::of(capture.pcap());
        seen.is_healthy();
        assert_eq!(seen.0.traffic.answered, 60);
    }
}

/// A lie of somebody who is not asked, beside the truth.
#[test]
fn spoofed_answers_beside_the_true_ones_are_none() {
    Story::each(&[View::Pod], 1..=2, |story| {
        story.stubs[0] = Stub::Go;
        for n in 0..40_u64 {
            let at = ms(n * 700);
            let (client, port) = (story.clients[0], story.port());
            let pod = SocketAddr::new(client, port);
            let message = query("api-1.example.com", A).id(n as u16);
            let told = response(&message).address("192.0.2.1".parse::<std::net::IpAddr>().unwrap());
            let server = SocketAddr::new(story.service, 53);
            let liar = SocketAddr::new(story.upstreams[1], 53);
            let mut see = |after: Duration, packet: Packet| {
                story.capture.at(at + after).packet(&packet);
            };
            see(us(0), Packet::udp(pod, server, message.encode()).ip_id(n as u16));
            see(ms(1), Packet::udp(liar, pod, told.encode()).ip_id(7000 + n as u16));
            see(ms(9), Packet::udp(server, pod, told.encode()).ip_id(9000 + n as u16));
        }
        story.settle(secs(40));
        let seen = story.judge();
        seen.has_not("reply_source_mismatch");
        assert_eq!(seen.0.traffic.orphan_responses, 40, "{}", seen.words());
    });
}

#[test]
fn random_loss_and_blocks_are_none() {
    Story::each(&View::ALL, 3..=8, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            let lost = ask.luck() < 0.05 || ask.client == 1;
            if lost { Reply::lost(2) } else { ask.healthy() }
        });
        story.settle(secs(90));
        story.judge().has_not("reply_source_mismatch");
    });
}
