use std::time::Duration;

use crate::forge::{ms, secs};
use crate::verdict::tests::{Ask, Reply, Resolver, Story, Stub, View};

const OTHERS: [&str; 7] = [
    "random_loss",
    "client_egress_dropped",
    "coredns_backend_gone",
    "conntrack_dnat_race",
    "upstream_unreachable",
    "wrong_nameserver",
    "vpc_dns_pps_exceeded",
];

/// Backend 1 is replaced at some moment; new ports go to the new one, and these sockets stay tied to
/// the old one, which is silent from then on.
fn replaced(story: &mut Story, tied: &[Resolver], clients: &[usize], rate: f64) -> Duration {
    let at = secs(story.rng.between(15, 40));
    let end = at + secs(story.rng.between(40, 80));
    let rate = if clients.is_empty() { 0.0 } else { rate };
    if rate > 0.0 {
        story.background_of(clients, ms(0), at, rate, &mut |ask| ask.healthy());
    }
    for &resolver in tied {
        story.keeps_asking(resolver, (ms(0), end), &mut |ask| {
            if ask.time >= at { Reply::lost(3) } else { ask.healthy() }
        });
    }
    story.replace_backend();
    if rate > 0.0 {
        story.background_of(clients, at, end, rate, &mut |ask| ask.healthy());
    }
    story.settle(end + secs(20));
    end
}

#[test]
fn stuck_sockets_are_found_beside_fresh_ports() {
    Story::each(&[View::Node, View::Pod, View::Eni], 3..=12, |story| {
        let tied: Vec<Resolver> =
            (0..story.rng.between(1, 3)).map(|_| story.resolver(0, 1)).collect();
        let clients: Vec<usize> = (0..story.clients.len()).collect();
        replaced(story, &tied, &clients, 8.0);
        let seen = story.judge();
        let finding = seen.is("stale_conntrack_udp");
        let least = if story.view == View::Node { 0.85 } else { 0.6 };
        assert!(finding.confidence >= least, "{}", seen.words());
        assert_eq!(finding.scope.clients, [story.clients[0].to_string()]);
        let port = tied[0].port.to_string();
        assert!(finding.evidence[0].text.contains(&port), "{port} {}", seen.words());
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// They were stuck before the capture began, and for a moment their client asks from no other port.
#[test]
fn sockets_that_are_stuck_from_the_start_cut_off_no_client() {
    Story::each(&[View::Node, View::Pod], 3..=8, |story| {
        let client = Resolver { rate: 4.0, ..story.resolver(0, 1) };
        story.keeps_asking(client, (ms(0), secs(80)), &mut |_| Reply::lost(3));
        let clients: Vec<usize> = (1..story.clients.len()).collect();
        story.replace_backend();
        if !story.is_pod() {
            story.background_of(&clients, ms(0), secs(80), 8.0, &mut |ask| ask.healthy());
        }
        story.background_of(&[0], secs(2), secs(80), 8.0, &mut |ask| ask.healthy());
        story.settle(secs(100));
        let seen = story.judge();
        assert_eq!(
            seen.root(),
            "stale_conntrack_udp",
            "{:?} {:?} {}",
            story.view,
            client,
            seen.words()
        );
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// A client that has no other port, and was answered on this one before.
#[test]
fn a_single_socket_is_found_and_a_policy_not_excluded() {
    Story::each(&[View::Node], 3..=12, |story| {
        let tied = [story.resolver(0, 1)];
        let clients: Vec<usize> = (1..story.clients.len()).collect();
        replaced(story, &tied, &clients, 8.0);
        let seen = story.judge();
        let finding = seen.is("stale_conntrack_udp");
        assert!(finding.alternatives.iter().any(|a| a.cause == "client_egress_dropped"));
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

#[test]
fn long_lived_sockets_are_healthy() {
    Story::each(&View::ALL, 2..=12, |story| {
        for client in 0..story.clients.len() {
            let backend = story.rng.between(0, 1) as usize;
            let resolver = story.resolver(client, backend);
            story.keeps_asking(resolver, (ms(0), secs(60)), &mut |ask| ask.healthy());
        }
        story.background(ms(0), secs(60), 5.0, &mut |ask| ask.healthy());
        story.settle(secs(62));
        story.judge().is_healthy();
    });
}

#[test]
fn a_backend_that_takes_fresh_ports_with_it_is_gone() {
    Story::each(&[View::Node, View::Pod], 4..=12, |story| {
        let at = secs(story.rng.between(15, 30));
        let mut fate = |ask: &Ask<'_>| {
            if ask.backend == 1 && ask.time >= at { Reply::lost(3) } else { ask.healthy() }
        };
        let tied = [story.resolver(0, 1), story.resolver(1, 1)];
        for resolver in tied {
            story.keeps_asking(resolver, (ms(0), secs(80)), &mut fate);
        }
        story.background(ms(0), secs(80), 8.0, &mut fate);
        story.settle(secs(110));
        let seen = story.judge();
        seen.has_not("stale_conntrack_udp");
        if story.view == View::Node {
            seen.is("coredns_backend_gone");
        }
    });
}

/// The backend that these sockets are tied to is gone: the fresh ports of others lose their part as well.
#[test]
fn single_sockets_of_a_backend_that_is_gone_are_not_stale() {
    Story::each(&[View::Node], 4..=12, |story| {
        let at = secs(story.rng.between(15, 30));
        let mut fate = |ask: &Ask<'_>| {
            if ask.backend == 1 && ask.time >= at { Reply::lost(1) } else { ask.healthy() }
        };
        for client in 0..2 {
            let resolver = story.resolver(client, 1);
            story.keeps_asking(resolver, (ms(0), secs(80)), &mut fate);
        }
        let clients: Vec<usize> = (2..story.clients.len()).collect();
        story.background_of(&clients, ms(0), secs(80), 8.0, &mut fate);
        story.settle(secs(110));
        story.judge().has_not("stale_conntrack_udp");
    });
}

#[test]
fn a_blocked_client_is_not_stuck() {
    Story::each(&[View::Node], 4..=12, |story| {
        let at = secs(story.rng.between(15, 30));
        let mut fate = |ask: &Ask<'_>| {
            if ask.client == 0 && ask.time >= at { Reply::lost(1) } else { ask.healthy() }
        };
        let resolver = story.resolver(0, 1);
        story.keeps_asking(resolver, (ms(0), secs(80)), &mut fate);
        story.background_of(&[0], ms(0), secs(80), 0.5, &mut fate);
        story.background(ms(0), secs(80), 8.0, &mut fate);
        story.settle(secs(110));
        let seen = story.judge();
        seen.is("client_egress_dropped");
        seen.has_not("stale_conntrack_udp");
    });
}

/// Blocked from its first question on, with one socket: a policy is what is named, with less
/// confidence than where it tried other ports.
#[test]
fn a_single_socket_that_never_worked_may_be_either() {
    Story::each(&[View::Node], 4..=12, |story| {
        let resolver = story.resolver(0, 1);
        story.keeps_asking(resolver, (ms(0), secs(60)), &mut |_| Reply::lost(1));
        let clients: Vec<usize> = (1..story.clients.len()).collect();
        story.background_of(&clients, ms(0), secs(60), 8.0, &mut |ask| ask.healthy());
        story.settle(secs(100));
        let seen = story.judge();
        let finding = seen.is("client_egress_dropped");
        assert!(finding.confidence < 0.7);
        assert!(finding.alternatives.iter().any(|a| a.cause == "stale_conntrack_udp"));
    });
}

#[test]
fn random_loss_does_not_stick() {
    Story::each(&[View::Node, View::Pod], 4..=10, |story| {
        let share = story.rng.between(10, 80) as f64 / 1000.0;
        let mut fate = move |ask: &Ask<'_>| {
            if ask.luck() < share { Reply::lost(2) } else { ask.healthy() }
        };
        for client in 0..story.clients.len() {
            let resolver = story.resolver(client, 0);
            story.keeps_asking(resolver, (ms(0), secs(120)), &mut fate);
        }
        story.stubs.fill(Stub::Go);
        story.background(ms(0), secs(120), 6.0, &mut fate);
        story.settle(secs(150));
        let seen = story.judge();
        seen.has_not("stale_conntrack_udp");
        seen.has_not("conntrack_dnat_race");
    });
}
