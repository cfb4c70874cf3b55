use std::time::Duration;

use crate::forge::{ms, secs};
use crate::verdict::Severity;
use crate::verdict::tests::{Maker, Reply, Seen, Story, View, What};

const RESOLVER: [View; 3] = [View::Node, View::Eni, View::Dns];
const OTHERS: [&str; 10] = [
    "servfail_burst",
    "servfail_transient",
    "upstream_unreachable",
    "upstream_slow",
    "dnssec_validation_failure",
    "query_refused",
    "coredns_not_synced",
    "random_loss",
    "client_egress_dropped",
    "name_does_not_exist",
];

/// From some moment on the upstream says SERVFAIL to this part of the questions.
fn failing(story: &mut Story, from: Duration, maker: Maker, part: f64) {
    let length = secs(story.rng.between(30, 80));
    let rate = story.rng.between(3, 15) as f64;
    story.background(ms(0), length, rate, &mut |ask| {
        if ask.time >= from && ask.is_external() && ask.luck() < part {
            ask.upstream_says(What::ServFail(maker))
        } else {
            ask.healthy()
        }
    });
    story.settle(length + secs(10));
}

fn misses_others(seen: &Seen) {
    for other in OTHERS {
        seen.has_not(other);
    }
}

#[test]
fn the_upstream_leg_proves_it() {
    Story::each(&RESOLVER, 2..=8, |story| {
        let from = secs(story.rng.between(0, 20));
        failing(story, from, Maker::Relayed, 1.0);
        let seen = story.judge();
        let finding = seen.is("upstream_servfail");
        assert!(finding.confidence > 0.8 && finding.severity == Severity::High, "{}", seen.words());
        let upstreams = story.upstreams.map(|upstream| upstream.to_string());
        assert!(finding.scope.servers.iter().all(|at| upstreams.contains(at)), "{}", seen.words());
        misses_others(&seen);
    });
}

#[test]
fn the_pod_sees_who_set_ra() {
    Story::each(&[View::Pod], 1..=5, |story| {
        failing(story, ms(0), Maker::Relayed, 1.0);
        let seen = story.judge();
        let finding = seen.is("upstream_servfail");
        assert!((0.4..=0.6).contains(&finding.confidence), "{}", seen.words());
        assert!(finding.summary.contains("upstream leg not captured"), "{}", seen.words());
        assert_eq!(finding.scope.servers, [story.service.to_string()]);
        misses_others(&seen);
    });
}

/// A part of all names: some lookups fail.
#[test]
fn a_part_is_less_severe() {
    Story::each(&View::ALL, 2..=6, |story| {
        let part = story.rng.between(10, 20) as f64 / 100.0;
        failing(story, ms(0), Maker::Relayed, part);
        let seen = story.judge();
        assert_eq!(seen.is("upstream_servfail").severity, Severity::Medium, "{}", seen.words());
        misses_others(&seen);
    });
}

/// One zone: it is named, and DNSSEC is not excluded for those who do not use EDNS.
#[test]
fn a_broken_zone_is_named() {
    Story::each(&View::ALL, 2..=6, |story| {
        story.background(ms(0), secs(90), 12.0, &mut |ask| {
            if ask.name.ends_with("example.net") {
                ask.upstream_says(What::ServFail(Maker::Relayed))
            } else {
                ask.healthy()
            }
        });
        story.settle(secs(110));
        let seen = story.judge();
        let finding = seen.is("upstream_servfail");
        assert!(finding.summary.contains("example.net"), "{}", seen.words());
        assert!(!finding.scope.names.is_empty());
        assert!(finding.scope.names.iter().all(|name| name.ends_with("example.net")));
        let dnssec = finding.alternatives.iter().find(|a| a.cause == "dnssec_validation_failure");
        assert!(dnssec.unwrap().why_less_likely.contains("EDNS"));
        misses_others(&seen);
    });
}

/// Others' broken zones are always about.
#[test]
fn noise_is_none() {
    Story::each(&View::ALL, 2..=8, |story| {
        failing(story, ms(0), Maker::Relayed, 0.003);
        let seen = story.judge();
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}

#[test]
fn extended_errors_say_whose_fault_it_is() {
    Story::each(&[View::Node, View::Dns], 2..=5, |story| {
        let code = *story.rng.pick(&[22, 23]);
        failing(story, ms(0), Maker::Extended(code), 1.0);
        let seen = story.judge();
        let finding = seen.is("upstream_servfail");
        let extended = finding.evidence.iter().find(|one| one.metric == "extended_errors");
        assert!(extended.unwrap().text.contains("did not reach"), "{}", seen.words());
        misses_others(&seen);
    });
}

#[test]
fn what_the_server_makes_itself_is_not_its_upstreams() {
    Story::each(&View::ALL, 2..=5, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| {
            if ask.backend == 0 && ask.is_external() {
                ask.says(What::ServFail(Maker::Forwarder))
            } else {
                ask.healthy()
            }
        });
        story.settle(secs(80));
        story.judge().has_not("upstream_servfail");
    });
}

/// Upstream fails, and one client is cut off besides: both are found.
#[test]
fn two_at_once_are_both_found() {
    Story::each(&[View::Node], 4..=8, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| match () {
            () if ask.client == 0 => Reply::lost(1),
            () if ask.is_external() => ask.upstream_says(What::ServFail(Maker::Relayed)),
            () => ask.healthy(),
        });
        story.settle(secs(90));
        let seen = story.judge();
        seen.has("upstream_servfail");
        seen.has("client_egress_dropped");
        seen.has_not("servfail_burst");
    });
}
