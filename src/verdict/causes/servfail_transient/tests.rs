use std::time::Duration;

use crate::forge::{ms, secs};
use crate::verdict::tests::{Maker, Reply, Story, View, What};

/// A cluster in which `count` questions that reach a dying backend are answered SERVFAIL, from
/// `from` on, `gap` apart at least.
pub(crate) fn dying(story: &mut Story, count: u64, from: Duration, gap: Duration, maker: Maker) {
    let (mut left, mut next) = (count, from);
    story.background(ms(0), secs(60), 8.0, &mut |ask| {
        let seen = ask.backend == 0 && ask.attempt == 0 && ask.client == 0;
        if seen && left > 0 && ask.time >= next {
            left -= 1;
            next = ask.time + gap;
            return Reply::answer(What::ServFail(maker), ms(1));
        }
        ask.healthy()
    });
    assert_eq!(left, 0, "the story is too short");
    story.settle(secs(75));
}

const VIEWS: [View; 3] = [View::Pod, View::Node, View::Dns];

#[test]
fn a_few_in_a_moment_are_a_scale_down() {
    for count in [1, 4, 9] {
        Story::each(&VIEWS, 1..=3, |story| {
            dying(story, count, secs(10), ms(0), Maker::Forwarder);
            let seen = story.judge();
            let finding = seen.has("servfail_transient");
            assert!(
                finding.normal && (finding.confidence > 0.6 || story.view == View::Dns),
                "{}",
                seen.words()
            );
            assert_eq!(finding.evidence[0].value as u64, count, "{}", seen.words());
            seen.is_healthy();
        });
    }
}

#[test]
fn the_tenth_is_a_burst() {
    Story::each(&VIEWS, 1..=3, |story| {
        dying(story, 10, secs(10), ms(0), Maker::Forwarder);
        let seen = story.judge();
        seen.has_not("servfail_transient");
        seen.is("servfail_burst");
    });
}

#[test]
fn few_over_a_long_time_are_no_moment() {
    Story::each(&VIEWS, 1..=2, |story| {
        dying(story, 9, secs(1), ms(4500), Maker::Forwarder);
        let seen = story.judge();
        seen.has_not("servfail_transient");
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}
