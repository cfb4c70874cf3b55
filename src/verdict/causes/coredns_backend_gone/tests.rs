use std::time::Duration;

use crate::forge::{ms, secs};
use crate::verdict::tests::{Reply, Story, View};

/// The last backend is silent from some moment on.
fn silent(story: &mut Story, from: Duration) -> std::net::IpAddr {
    let dead = story.backends.len() - 1;
    story.background(ms(0), secs(60), 10.0, &mut |ask| {
        let lost = ask.backend == dead && ask.time >= from;
        if lost { Reply::lost(3) } else { ask.healthy() }
    });
    story.settle(secs(90));
    story.backends[dead]
}

#[test]
fn a_backend_that_falls_silent_is_found_and_named() {
    Story::each(&[View::Node], 3..=10, |story| {
        let from = secs(story.rng.between(15, 30));
        let backend = silent(story, from);
        let seen = story.judge();
        let finding = seen.is("coredns_backend_gone");
        assert_eq!(finding.scope.servers, [backend.to_string()], "{}", seen.words());
        for other in ["random_loss", "client_egress_dropped", "wrong_nameserver"] {
            seen.has_not(other);
        }
    });
}

#[test]
fn loss_at_all_backends_is_no_backend_gone() {
    Story::each(&[View::Node, View::Eni], 3..=20, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.luck() < 0.1 { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(90));
        story.judge().has_not("coredns_backend_gone");
    });
}

#[test]
fn a_blocked_client_is_no_backend_gone() {
    Story::each(&[View::Node], 4..=10, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            let blocked = ask.client == 0 && ask.time >= secs(20);
            if blocked { Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(90));
        story.judge().has_not("coredns_backend_gone");
    });
}

#[test]
fn silent_upstreams_are_no_backend_gone() {
    Story::each(&[View::Node, View::Dns], 3..=8, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| {
            if ask.time < secs(20) { ask.healthy() } else { ask.upstream_cut(3, true) }
        });
        story.settle(secs(90));
        story.judge().has_not("coredns_backend_gone");
    });
}
