use std::time::Duration;

use crate::config::Config;
use crate::forge::{ms, secs};
use crate::verdict::Severity;
use crate::verdict::tests::{Refusal, Reply, Seen, Story, Stub, View};

const LOOK_ALIKES: [&str; 8] = [
    "dns_port_closed",
    "client_egress_dropped",
    "wrong_nameserver",
    "firewall_reject",
    "coredns_backend_gone",
    "kube_dns_no_endpoints",
    "random_loss",
    "nodelocaldns_bypass",
];

fn down(closed: bool) -> Reply {
    if closed { Reply::refused(Refusal::Backend, ms(0)) } else { Reply::lost(2) }
}

/// The pods of a node ask its cache, which is down from one moment to another.
fn told(story: &mut Story, from: Duration, to: Duration, closed: bool) -> (Seen, String) {
    let address = story.put_cache(|_| true);
    // Without a single answer, a busy pod looks like a capture of one direction.
    let most = if from.is_zero() { 8 } else { 80 };
    let rate = story.rng.between(4, most) as f64 * 0.1 * story.clients.len() as f64;
    story.background(ms(0), secs(60), rate, &mut |ask| {
        if (from..to).contains(&ask.time) { down(closed) } else { ask.healthy() }
    });
    story.settle(secs(95));
    let mut config = Config::default();
    if address.is_ipv6() {
        config.cluster_dns = vec![address.into()];
    }
    (Seen::with(story.file(), &config), address.to_string())
}

#[test]
fn a_cache_that_is_down_is_found_by_its_address() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        for closed in [true, false] {
            let mut story = Story::new(story.rng.next() % 50 + 1, story.view, story.clients.len());
            let v6 = story.service.is_ipv6();
            let (seen, address) = told(&mut story, ms(0), secs(600), closed);
            if v6 && !closed {
                // Nothing shows that the address is the node's own.
                seen.has_not("nodelocaldns_down");
                continue;
            }
            let finding = seen.is("nodelocaldns_down");
            assert_eq!(finding.scope.servers, [address], "{}", seen.words());
            assert_eq!(finding.severity, Severity::High);
            assert!((0.6..=0.85).contains(&finding.confidence), "{}", seen.words());
            for cause in LOOK_ALIKES {
                seen.has_not(cause);
            }
        }
    });
}

#[test]
fn a_cache_that_stops_is_found_from_that_moment_on() {
    Story::each(&[View::Pod, View::Node], 2..=6, |story| {
        for closed in [true, false] {
            let mut story = Story::new(story.rng.next() % 50 + 1, story.view, story.clients.len());
            let (seen, _) = told(&mut story, secs(30), secs(600), closed);
            let finding = seen.is("nodelocaldns_down");
            assert!(finding.window.start.as_str() >= "2026-01-01T00:00:29", "{}", seen.words());
            for cause in LOOK_ALIKES {
                seen.has_not(cause);
            }
        }
    });
}

#[test]
fn a_restart_is_of_low_severity_and_an_outage_is_not() {
    Story::each(&[View::Node], 3..=6, |story| {
        for closed in [true, false] {
            for (length, low) in [(4, true), (25, false)] {
                let mut story =
                    Story::new(story.rng.next() % 50 + 1, View::Node, story.clients.len());
                story.stubs =
                    vec![if closed { Stub::Glibc } else { Stub::Go }; story.clients.len()];
                let (seen, _) = told(&mut story, secs(20), secs(20 + length), closed);
                let found = seen.find("nodelocaldns_down");
                let severity = found.map(|finding| finding.severity);
                // Few may ask in four seconds.
                if low {
                    assert!(severity.is_none_or(|s| s == Severity::Low), "{}", seen.words());
                    // It explains them, so they are not without a cause.
                    let root = seen.root();
                    assert_eq!(root == "nodelocaldns_down", found.is_some(), "{}", seen.words());
                } else {
                    assert_eq!(severity, Some(Severity::High), "{}", seen.words());
                }
                for cause in LOOK_ALIKES {
                    seen.has_not(cause);
                }
            }
        }
    });
}

#[test]
fn a_policy_against_some_pods_is_no_cache_that_is_down() {
    Story::each(&[View::Node], 4..=8, |story| {
        story.put_cache(|_| true);
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.client == 0 { Reply::lost(1) } else { ask.healthy() }
        });
        story.lookup(secs(4), 0, "service-1", &mut |_| Reply::lost(1));
        story.lookup(secs(30), 0, "service-1", &mut |_| Reply::lost(1));
        story.settle(secs(95));
        let seen = story.judge();
        seen.is("client_egress_dropped");
        seen.has_not("nodelocaldns_down");
    });
}

#[test]
fn a_rule_that_prohibits_is_a_firewall() {
    Story::each(&[View::Node, View::Pod], 1..=5, |story| {
        story.put_cache(|_| true);
        let code = if story.service.is_ipv6() { (1, 1) } else { (3, 13) };
        story.background(ms(0), secs(40), 6.0, &mut |_| {
            Reply::refused(Refusal::Forward(code), ms(0))
        });
        story.settle(secs(60));
        let seen = story.judge();
        seen.is("firewall_reject");
        seen.has_not("nodelocaldns_down");
    });
}

#[test]
fn a_closed_backend_elsewhere_is_none() {
    Story::each(&[View::Node, View::Eni], 3..=6, |story| {
        story.background(ms(0), secs(40), 6.0, &mut |_| Reply::refused(Refusal::Backend, ms(1)));
        story.settle(secs(60));
        story.judge().has_not("nodelocaldns_down");
    });
}

#[test]
fn a_cache_that_works_is_healthy() {
    Story::each(&[View::Pod, View::Node, View::Eni], 3..=8, |story| {
        story.put_cache(|_| true);
        story.healthy(secs(60), 6.0);
        let seen = story.judge();
        assert_eq!(seen.faults(), [""; 0], "{}", seen.words());
    });
}
