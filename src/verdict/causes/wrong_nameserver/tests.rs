use std::net::IpAddr;

use crate::config::Config;
use crate::forge::{ms, secs};
use crate::verdict::tests::{Ask, Refusal, Reply, Seen, Sender, Story, View};

/// An address that is nobody's: any, or the other one of the two that EKS gives out.
fn nobodys(story: &mut Story) -> IpAddr {
    let own = story.rng.between(2, 200);
    match (story.service.is_ipv6(), story.rng.chance(0.5)) {
        (true, _) => format!("fd01:10::{own:x}").parse().unwrap(),
        (false, true) => "10.100.0.10".parse().unwrap(),
        (false, false) => format!("10.99.{own}.10").parse().unwrap(),
    }
}

/// Pods that are served, and some that ask somebody else.
fn told(story: &mut Story, wrong: IpAddr, fate: impl Fn(&Ask<'_>) -> Reply) {
    let some = story.rng.between(2, 4) as usize;
    let sender = *story.rng.pick(&[Sender::Pod, Sender::Translated]);
    story.send(wrong, |client| client % some == 0).from_node = sender;
    let rate = story.rng.between(3, 10) as f64;
    let lost = |client: usize| client.is_multiple_of(some);
    story.background(ms(0), secs(60), rate, &mut |ask| {
        if lost(ask.client) { fate(ask) } else { ask.healthy() }
    });
    for client in 0..story.clients.len() {
        story.lookup(secs(3), client, "service-1", &mut |ask| {
            if lost(ask.client) { fate(ask) } else { ask.healthy() }
        });
    }
    story.settle(secs(95));
}

const LOOK_ALIKES: [&str; 6] = [
    "client_egress_dropped",
    "firewall_reject",
    "coredns_backend_gone",
    "random_loss",
    "dns_port_closed",
    "nodelocaldns_down",
];

#[test]
fn an_address_that_answers_nobody_is_found() {
    Story::each(&[View::Node, View::Eni], 4..=9, |story| {
        let wrong = nobodys(story);
        told(story, wrong, |_| Reply::lost(2));
        let seen = story.judge();
        let finding = seen.is("wrong_nameserver");
        assert_eq!(finding.scope.servers, [wrong.to_string()], "{}", seen.words());
        let other = wrong.to_string() == "10.100.0.10";
        assert_eq!(finding.percent(), if other { 85 } else { 60 }, "{}", seen.words());
        assert_eq!(finding.evidence.iter().any(|e| e.metric == "other_eks_default"), other);
        for cause in LOOK_ALIKES {
            seen.has_not(cause);
        }
        // Who knows the right address knows more.
        let cluster_dns = vec![story.service.into()];
        let seen = Seen::with(story.file(), &Config { cluster_dns, ..Config::default() });
        assert_eq!(seen.is("wrong_nameserver").percent(), 85, "{}", seen.words());
    });
}

#[test]
fn an_address_without_a_host_is_found() {
    Story::each(&[View::Node, View::Eni], 4..=9, |story| {
        let (wrong, v6) = (nobodys(story), story.service.is_ipv6());
        let code = match (v6, story.rng.chance(0.5)) {
            (true, true) => (1, 3),
            (true, false) => (1, 0),
            (false, true) => (3, 1),
            (false, false) => (3, 0),
        };
        let after = story.rng.span(ms(0), ms(900));
        told(story, wrong, |_| Reply::refused(Refusal::Node(code), after).reaching(2));
        let seen = story.judge();
        let finding = seen.is("wrong_nameserver");
        assert_eq!(finding.percent(), 85, "{}", seen.words());
        assert!(finding.evidence.iter().any(|e| e.metric == "unreachable"), "{}", seen.words());
        for cause in LOOK_ALIKES {
            seen.has_not(cause);
        }
    });
}

#[test]
fn from_one_pod_it_takes_the_right_address_to_tell() {
    Story::each(&[View::Pod], 1..=1, |story| {
        let wrong = nobodys(story);
        story.send(wrong, |_| true);
        story.background(ms(0), secs(60), 0.8, &mut |_| Reply::lost(2));
        story.lookup(secs(1), 0, "service-1", &mut |_| Reply::lost(2));
        story.settle(secs(95));
        story.judge().has_not("wrong_nameserver");
        let cluster_dns = vec![story.service.into()];
        let seen = Seen::with(story.file(), &Config { cluster_dns, ..Config::default() });
        assert_eq!(seen.is("wrong_nameserver").percent(), 85, "{}", seen.words());
        seen.has_not("client_egress_dropped");
    });
}

#[test]
fn a_server_that_answers_others_is_the_right_one() {
    Story::each(&[View::Node, View::Eni], 4..=9, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.client % 4 == 0 { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(95));
        story.judge().has_not("wrong_nameserver");
    });
}

/// A dead backend answers nobody, while another serves the same clients.
#[test]
fn a_backend_that_is_gone_before_the_capture_is_no_wrong_address() {
    Story::each(&[View::Node, View::Eni], 4..=9, |story| {
        let rate = story.rng.between(6, 12) as f64;
        story.background(ms(0), secs(60), rate, &mut |ask| {
            if ask.backend == 1 { Reply::lost(2) } else { ask.healthy() }
        });
        story.settle(secs(95));
        story.judge().has_not("wrong_nameserver");
    });
}

#[test]
fn an_address_that_refuses_is_no_silence() {
    Story::each(&[View::Node, View::Eni], 4..=9, |story| {
        let wrong = nobodys(story);
        let closed = if wrong.is_ipv6() { (1, 4) } else { (3, 3) };
        told(story, wrong, |_| Reply::refused(Refusal::Node(closed), ms(1)).reaching(2));
        story.judge().has_not("wrong_nameserver");
    });
}

/// Pods on the host network ask the VPC resolver, those of a socket load balancer a backend itself.
#[test]
fn who_asks_somebody_else_on_purpose_is_fine() {
    Story::each(&View::ALL, 3..=9, |story| {
        let host = story.rng.chance(0.5);
        if host {
            let detour = story.send(story.upstreams[1], |client| client % 3 == 0);
            (detour.from_node, detour.outside) = (Sender::Node, true);
        } else {
            story.send(story.backends[0], |client| client % 2 == 0);
        }
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if host && ask.client % 3 == 0 { ask.outside() } else { ask.healthy() }
        });
        story.lookup(secs(1), 0, "cdn-7.a.b.c.d.example.net.", &mut |ask| ask.healthy());
        story.settle(secs(90));
        let seen = story.judge();
        seen.has_not("wrong_nameserver");
    });
}
