use crate::forge::{A, Answer, Capture, Link, PcapOptions, ms, secs};
use crate::verdict::tests::{Reply, Seen, Story, View};
use crate::verdict::{Status, Verdict};

#[track_caller]
fn is_inconclusive(seen: &Seen) {
    assert_eq!(seen.status(), Status::Inconclusive, "{}", seen.words());
    assert_eq!(
        (seen.root(), seen.faults()),
        ("undetermined", vec!["capture_incomplete"]),
        "{}",
        seen.words()
    );
}

#[test]
fn an_empty_capture_shows_nothing() {
    for link in [Link::Ethernet, Link::Sll2, Link::Raw] {
        is_inconclusive(&Seen::of(Capture::new(link).pcap()));
        is_inconclusive(&Seen::of(Capture::new(link).pcapng()));
    }
}

#[test]
fn a_capture_without_dns_shows_nothing() {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..50 {
        story.at(ms(n * 100)).udp("10.1.2.3:4000", "10.1.2.4:8125", b"requests:1|c".to_vec());
    }
    is_inconclusive(&Seen::of(story.pcap()));
}

#[test]
fn one_direction_shows_no_losses() {
    Story::each(&View::ALL, 1..=6, |story| {
        story.background(ms(0), secs(30), 6.0, &mut |ask| ask.healthy());
        story.settle(secs(45));
        for responses in [false, true] {
            let seen = Seen::of(story.one_sided(responses));
            is_inconclusive(&seen);
            let Verdict { summary, confidence, .. } = &seen.0.verdict;
            assert!(summary.starts_with("Only one direction") && *confidence > 0.8, "{summary}");
        }
    });
}

/// Nothing counts what it lost, and nobody asks again: who asked was answered.
#[test]
fn a_capture_that_lacks_packets_is_told_by_what_is_left() {
    Story::each(&[View::Pod, View::Eni], 3..=8, |story| {
        story.background(ms(0), secs(90), 15.0, &mut |ask| ask.healthy());
        story.settle(secs(120));
        let seen = Seen::of(story.thinned(0.04));
        is_inconclusive(&seen);
        let summary = &seen.0.verdict.summary;
        assert!(summary.contains("the capture itself lacks packets"), "{summary}");
    });
}

/// Drops that are as many as the losses are why; a few are not, and the losses come first.
#[test]
fn drops_are_the_reason_for_no_more_losses_than_they_are() {
    Story::each(&[View::Node], 3..=6, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.luck() < 0.05 { Reply::lost(2) } else { ask.healthy() }
        });
        story.settle(secs(90));
        for (dropped, reason) in [(9_000, true), (2, false)] {
            let seen = Seen::of(story.capture.pcapng_with(false, [20_000, 0, dropped]));
            is_inconclusive(&seen);
            let summary = &seen.0.verdict.summary;
            assert!(summary.contains("the kernel dropped"), "{summary}");
            assert_eq!(summary.contains("nothing in this capture tells why"), !reason, "{summary}");
            assert_eq!(summary.contains("Beside that"), !reason, "{summary}");
        }
    });
}

/// Clients that get nothing ask again: that is not one-sided.
#[test]
fn silence_is_not_one_direction() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        story.background(ms(0), secs(30), 3.0, &mut |_| Reply::lost(3));
        story.settle(secs(60));
        let seen = story.judge();
        assert!(!seen.0.capture.one_sided, "{}", seen.words());
        seen.has_not("capture_incomplete");
    });
}

#[test]
fn a_capture_that_ends_before_the_answers_shows_nothing() {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..20 {
        let client = format!("10.1.2.3:{}", 40_000 + n);
        story.at(ms(n * 20)).ask(
            &*client,
            "172.20.0.10",
            "www.example.com",
            A,
            ms(0),
            Answer::Nothing,
        );
    }
    is_inconclusive(&Seen::of(story.pcap()));
}

#[test]
fn frames_cut_before_dns_show_nothing() {
    Story::each(&[View::Pod], 1..=2, |story| {
        story.background(ms(0), secs(10), 6.0, &mut |ask| ask.healthy());
        let options = PcapOptions { snap_length: 40, ..PcapOptions::new(Link::Ethernet) };
        is_inconclusive(&Seen::of(story.capture.pcap_with(options)));
    });
}

#[test]
fn dropped_packets_explain_losses_and_leave_the_rest_in_doubt() {
    Story::each(&[View::Node], 3..=6, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.luck() < 0.05 { Reply::lost(2) } else { ask.healthy() }
        });
        story.settle(secs(90));
        let seen = Seen::of(story.capture.pcapng_with(false, [9_000, 0, 77]));
        is_inconclusive(&seen);
        // A client that gets nothing is a client that gets nothing, but less surely so.
        let mut other = Story::new(story.rng.next(), View::Node, 5);
        other.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.client == 0 { Reply::lost(1) } else { ask.healthy() }
        });
        other.settle(secs(90));
        let seen = Seen::of(other.capture.pcapng_with(false, [9_000, 0, 77]));
        assert!(
            seen.0
                .findings
                .iter()
                .filter(|f| !f.normal && f.cause != "capture_incomplete")
                .all(|f| f.confidence <= 0.3),
            "{}",
            seen.words()
        );
    });
}

#[test]
fn drops_without_losses_are_only_a_caveat() {
    Story::each(&[View::Node], 3..=6, |story| {
        story.healthy(secs(30), 8.0);
        let seen = Seen::of(story.capture.pcapng_with(false, [9_000, 0, 7]));
        assert!(seen.faults().is_empty() && !seen.0.capture.caveats.is_empty(), "{}", seen.words());
        assert!(seen.0.verdict.confidence <= 0.3);
    });
}

/// The shorter the frames, the fewer names are whole, and the less is sure.
#[test]
fn questions_that_are_cut_show_no_health() {
    Story::each(&[View::Pod], 1..=8, |story| {
        story.background(ms(0), secs(30), 6.0, &mut |ask| ask.healthy());
        story.settle(secs(45));
        let cut = |snap_length| {
            let options = PcapOptions { snap_length, ..PcapOptions::new(Link::Ethernet) };
            Seen::of(story.capture.pcap_with(options))
        };
        let mut sure = 1.0;
        for snap_length in (72..=140).rev().step_by(2) {
            let seen = cut(snap_length);
            let Verdict { status, confidence, .. } = seen.0.verdict;
            if status == Status::Inconclusive {
                break;
            }
            assert_eq!(status, Status::Healthy, "{snap_length}: {}", seen.words());
            assert!(confidence <= sure, "{snap_length}: {confidence}, {sure} before");
            let told = seen.0.capture.caveats.iter().any(|caveat| caveat.contains("were cut"));
            assert_eq!(told, confidence < 0.9, "{snap_length}: {}", seen.words());
            sure = confidence;
        }
        assert!(sure < 0.9, "some are cut");
        let seen = cut(70);
        is_inconclusive(&seen);
        assert!(seen.0.verdict.summary.contains("cut within what they ask"), "{}", seen.words());
    });
}
