use std::time::Duration;

use crate::forge::{ms, secs};
use crate::verdict::tests::{Reply, Story, View};

fn words(view: View) -> &'static str {
    match view {
        View::Pod => "in the client ",
        View::Node => "on a node, on several interfaces",
        View::Eni => "on one interface of a node",
        View::Dns => "at the DNS server ",
    }
}

#[test]
fn a_healthy_capture_tells_where_it_was_taken() {
    Story::each(&View::ALL, 2..=9, |story| {
        story.lookup(ms(1), 0, "service-1", &mut |ask| ask.healthy());
        story.background(Duration::ZERO, secs(20), 15.0, &mut |ask| ask.healthy());
        story.settle(secs(26));
        let seen = story.judge();
        let taken = &seen.0.capture.taken;
        assert!(taken.starts_with(words(story.view)), "{:?}: {taken}", story.view);
        let of = match story.view {
            View::Pod => story.clients[0].to_string(),
            View::Dns => story.backends[0].to_string(),
            _ => String::new(),
        };
        assert!(taken.contains(&of), "{taken}");
        // Nothing was found, so no confidence was lowered.
        assert_eq!(seen.0.capture.caveats, [""; 0], "{taken}");
    });
}

#[test]
fn a_pod_that_gets_nothing_is_a_pod_still() {
    Story::each(&[View::Pod], 1..=4, |story| {
        story.background(Duration::ZERO, secs(20), 3.0, &mut |_| Reply::lost(1));
        story.settle(secs(60));
        let seen = story.judge();
        assert!(seen.0.capture.taken.starts_with(words(View::Pod)), "{}", seen.0.capture.taken);
    });
}

#[test]
fn what_cannot_be_seen_from_there_caps_the_confidence_and_is_a_caveat() {
    Story::each(&[View::Pod, View::Dns], 3..=9, |story| {
        let lossy = &mut |ask: &crate::verdict::tests::Ask<'_>| {
            if ask.rng.clone().chance(0.08) { Reply::lost(2) } else { ask.healthy() }
        };
        story.background(Duration::ZERO, secs(40), 12.0, lossy);
        story.settle(secs(80));
        let seen = story.judge();
        if let Some(finding) = seen.find("random_loss") {
            assert!(finding.confidence <= 0.6);
            let caveats = &seen.0.capture.caveats;
            assert!(caveats.iter().any(|c| c.contains("between two points")), "{caveats:?}");
        }
    });
}
