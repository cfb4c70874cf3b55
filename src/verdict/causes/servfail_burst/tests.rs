use super::super::servfail_transient::tests::dying;
use crate::forge::{ms, secs};
use crate::verdict::tests::{Maker, Reply, Story, View, What};

const VIEWS: [View; 3] = [View::Pod, View::Node, View::Dns];

#[test]
fn ten_or_more_in_a_moment_are_found() {
    for count in [10, 25, 60] {
        Story::each(&VIEWS, 1..=2, |story| {
            dying(story, count, secs(5), ms(0), Maker::Forwarder);
            let seen = story.judge();
            let finding = seen.is("servfail_burst");
            assert_eq!(finding.evidence[0].value as u64, count, "{}", seen.words());
            assert!(finding.confidence <= 0.85);
            seen.has_not("upstream_unreachable");
        });
    }
}

#[test]
fn a_share_of_all_answers_is_found_however_slow() {
    Story::each(&View::ALL, 1..=6, |story| {
        story.background(ms(0), secs(120), 4.0, &mut |ask| {
            let fails = ask.attempt == 0 && ask.luck() < 0.25;
            if fails {
                Reply::answer(What::ServFail(Maker::Forwarder), ms(1))
            } else {
                ask.healthy()
            }
        });
        story.settle(secs(140));
        let seen = story.judge();
        seen.is("servfail_burst");
        seen.has_not("servfail_transient");
    });
}

#[test]
fn relayed_ones_are_somebody_elses() {
    Story::each(&VIEWS, 1..=1, |story| {
        dying(story, 30, secs(5), ms(0), Maker::Relayed);
        let seen = story.judge();
        assert!(seen.is("upstream_servfail").confidence <= 0.6, "{}", seen.words());
        seen.has_not("servfail_burst");
    });
}

#[test]
fn servfails_of_a_cut_upstream_are_its_symptom() {
    Story::each(&View::ALL, 1..=5, |story| {
        for waits in 1..=3 {
            let from = secs(40 * (waits - 1));
            story.background(from, from + secs(40), 4.0, &mut |ask| {
                ask.upstream_cut(4 - waits, false)
            });
        }
        story.probes(secs(2), secs(120), false);
        story.settle(secs(160));
        let seen = story.judge();
        seen.is("upstream_unreachable");
        seen.has_not("servfail_burst");
    });
}

#[test]
fn nine_are_no_burst() {
    Story::each(&VIEWS, 1..=3, |story| {
        dying(story, 9, secs(5), ms(0), Maker::Forwarder);
        story.judge().has_not("servfail_burst");
    });
}
