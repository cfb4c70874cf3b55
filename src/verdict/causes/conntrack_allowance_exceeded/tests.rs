use crate::config::Config;
use crate::context::{Context, Ethtool, Text};
use crate::forge::{A, ms, secs};
use crate::verdict::Severity;
use crate::verdict::tests::{Ask, Reply, Seen, Story, View};

/// What dnspect says with the counter of tracked connections before and after.
fn with(story: &Story, before: u64, after: u64) -> Seen {
    let text = |value: u64| {
        format!(
            "NIC statistics:\n     linklocal_allowance_exceeded: 3\n     \
             conntrack_allowance_exceeded: {value}\n"
        )
    };
    let (before, after) = (text(before), text(after));
    let before = Text { file: "before.txt", text: &before };
    let after = Text { file: "after.txt", text: &after };
    let context = Context {
        ethtool: Some(Ethtool::parse(before, Some(after)).unwrap()),
        ..Context::default()
    };
    Seen::with(story.file(), &Config { context, ..Config::default() })
}

/// A new flow is dropped at the ENI with both of its questions, as chance has it.
fn dropping(share: f64) -> impl FnMut(&Ask<'_>) -> Reply {
    let mut dropped = false;
    move |ask| {
        if ask.kind == A && ask.attempt == 0 {
            dropped = ask.luck() < share;
        }
        if dropped { Reply::lost(2) } else { ask.healthy() }
    }
}

/// Fresh ports lose, long-lived ones do not; and both.
fn told(story: &mut Story, share: f64, kept: f64) {
    for client in 0..story.clients.len() {
        let resolver = story.resolver(client, (client + 1) % 2);
        story.keeps_asking(resolver, (ms(0), secs(120)), &mut |ask| {
            if ask.luck() < kept { Reply::lost(2) } else { ask.healthy() }
        });
    }
    story.background(ms(0), secs(120), 6.0, &mut dropping(share));
    story.settle(secs(150));
}

#[test]
fn new_flows_that_are_lost_with_the_counter_rising_are_sure() {
    Story::each(&[View::Node, View::Eni, View::Pod], 4..=10, |story| {
        let share = story.rng.between(60, 250) as f64 / 1000.0;
        told(story, share, 0.0);
        let seen = with(story, 40, 40 + story.rng.clone().between(10, 4000));
        let finding = seen.has("conntrack_allowance_exceeded");
        assert!(finding.confidence > 0.9, "{}", seen.words());
        assert!(finding.severity >= Severity::High);
        seen.is("conntrack_allowance_exceeded");
        seen.has_not("random_loss");
    });
}

#[test]
fn without_the_counter_it_is_never_named() {
    Story::each(&[View::Node, View::Eni], 4..=8, |story| {
        told(story, 0.1, 0.0);
        story.judge().has_not("conntrack_allowance_exceeded");
        with(story, 40, 40).has_not("conntrack_allowance_exceeded");
    });
}

#[test]
fn loss_of_all_flows_is_not_its() {
    Story::each(&[View::Node], 4..=8, |story| {
        told(story, 0.08, 0.08);
        let seen = with(story, 40, 95);
        assert_eq!(
            seen.has("conntrack_allowance_exceeded").severity,
            Severity::Low,
            "{}",
            seen.words()
        );
        assert_ne!(seen.root(), "conntrack_allowance_exceeded", "{}", seen.words());
    });
}

#[test]
fn a_counter_that_rises_beside_healthy_dns_makes_no_fault_of_it() {
    Story::each(&View::ALL, 2..=6, |story| {
        story.healthy(secs(40), 5.0);
        with(story, 40, 95).is_healthy();
        with(story, 40, 40).is_healthy();
    });
}
