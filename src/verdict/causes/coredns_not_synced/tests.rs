use std::time::Duration;

use crate::forge::{ms, secs};
use crate::verdict::Severity;
use crate::verdict::tests::{Ask, Maker, Story, View, What};

const OTHERS: [&str; 6] = [
    "servfail_burst",
    "servfail_transient",
    "upstream_servfail",
    "upstream_unreachable",
    "query_refused",
    "coredns_backend_gone",
];

fn is_clusters(ask: &Ask<'_>) -> bool {
    ask.name.ends_with("cluster.local")
}

/// Backend 0 has started as the capture begins and does not know the cluster until then.
fn unsynced(story: &mut Story, until: Duration) {
    let rate = story.rng.between(5, 15) as f64;
    story.background(ms(0), secs(60), rate, &mut |ask| {
        if ask.backend == 0 && ask.time < until && is_clusters(ask) {
            ask.says(What::ServFail(Maker::Unsynced))
        } else {
            ask.healthy()
        }
    });
    story.settle(secs(80));
}

#[test]
fn a_backend_that_starts_is_found_and_named() {
    Story::each(&[View::Node], 3..=8, |story| {
        let until = secs(story.rng.between(5, 20));
        unsynced(story, until);
        let seen = story.judge();
        let finding = seen.is("coredns_not_synced");
        assert_eq!(finding.scope.servers, [story.backends[0].to_string()], "{}", seen.words());
        assert!(finding.confidence > 0.8 && finding.severity == Severity::Low, "{}", seen.words());
        let end: jiff::Timestamp = finding.window.end.parse().unwrap();
        let end = end.as_second() - crate::forge::START.as_secs() as i64;
        assert!(end <= until.as_secs() as i64, "{end} {until:?}");
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

#[test]
fn one_that_never_finds_the_api_server_is_worse() {
    Story::each(&[View::Node, View::Dns, View::Eni], 4..=8, |story| {
        unsynced(story, secs(999));
        let seen = story.judge();
        let finding = seen.is("coredns_not_synced");
        assert!(finding.severity >= Severity::Medium, "{}", seen.words());
        // Names outside it does answer.
        let ended = |text: &str| text.contains("it has started and found");
        assert!(!finding.evidence.iter().any(|one| ended(&one.text)), "{}", seen.words());
        assert_eq!(finding.scope.servers, [story.backends[0].to_string()], "{}", seen.words());
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// One of them is asked by itself as well, past the Service.
#[test]
fn all_that_have_no_data_are_named() {
    Story::each(&[View::Node], 3..=8, |story| {
        story.send(story.backends[0], |client| client == 0);
        story.background(ms(0), secs(40), 8.0, &mut |ask| {
            if is_clusters(ask) { ask.says(What::ServFail(Maker::Unsynced)) } else { ask.healthy() }
        });
        story.settle(secs(60));
        let seen = story.judge();
        let servers = &seen.is("coredns_not_synced").scope.servers;
        let named = |at: &std::net::IpAddr| servers.contains(&at.to_string());
        assert!(story.backends.iter().all(named), "{}", seen.words());
    });
}

#[test]
fn the_pod_sees_that_some_backend_is_not_ready() {
    Story::each(&[View::Pod], 1..=4, |story| {
        unsynced(story, secs(30));
        let seen = story.judge();
        let finding = seen.is("coredns_not_synced");
        assert_eq!(finding.scope.servers, [story.service.to_string()]);
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// All of them, as after a restart of the cluster without rights.
#[test]
fn all_backends_are_a_disaster() {
    Story::each(&[View::Node], 2..=6, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| {
            if is_clusters(ask) { ask.says(What::ServFail(Maker::Unsynced)) } else { ask.healthy() }
        });
        story.settle(secs(80));
        let seen = story.judge();
        assert_eq!(seen.is("coredns_not_synced").severity, Severity::High, "{}", seen.words());
    });
}

/// Flags of another maker are another cause's.
#[test]
fn a_broken_plugin_is_none() {
    for maker in [Maker::Forwarder, Maker::Relayed] {
        Story::each(&View::ALL, 2..=5, |story| {
            story.background(ms(0), secs(40), 8.0, &mut |ask| {
                if ask.backend == 0 && is_clusters(ask) {
                    ask.says(What::ServFail(maker))
                } else {
                    ask.healthy()
                }
            });
            story.settle(secs(60));
            story.judge().has_not("coredns_not_synced");
        });
    }
}

/// Two at once: one backend not synchronised, another's forward plugin broken.
#[test]
fn beside_a_burst_both_are_found() {
    Story::each(&[View::Node], 4..=8, |story| {
        story.background(ms(0), secs(60), 12.0, &mut |ask| match ask.backend {
            0 if is_clusters(ask) => ask.says(What::ServFail(Maker::Unsynced)),
            1 if ask.is_external() => ask.says(What::ServFail(Maker::Forwarder)),
            _ => ask.healthy(),
        });
        story.settle(secs(80));
        let seen = story.judge();
        seen.has("coredns_not_synced");
        seen.has("servfail_burst");
        seen.has_not("upstream_servfail");
    });
}
