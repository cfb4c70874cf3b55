use crate::forge::{AAAA, ms, secs};
use crate::verdict::tests::{Ask, Reply, Seen, Story, Stub, View};

const OTHERS: [&str; 6] = [
    "client_egress_dropped",
    "upstream_unreachable",
    "vpc_dns_pps_exceeded",
    "servfail_burst",
    "firewall_reject",
    "dns_port_closed",
];

/// Loses this share of the packets, somewhere between pod and server, and back.
fn lossy(share: f64) -> impl FnMut(&Ask<'_>) -> Reply {
    move |ask| {
        let mut rng = ask.rng.clone();
        if ask.luck() < share {
            return Reply { reach: rng.between(1, 5) as u8, ..ask.healthy() };
        }
        ask.healthy()
    }
}

#[test]
fn loss_here_and_there_is_found() {
    Story::each(&[View::Node, View::Eni], 3..=20, |story| {
        // The ENI sees what is lost behind it, and only those who reach it.
        let node = story.view == View::Node;
        let share = story.rng.between(if node { 10 } else { 30 }, 100) as f64 / 1000.0;
        story.background(ms(0), secs(120), 12.0, &mut lossy(share));
        story.settle(secs(150));
        let seen = story.judge();
        let finding = seen.is("random_loss");
        assert!((0.4..=0.7).contains(&finding.confidence));
        let found = finding.evidence[0].value;
        assert!(
            found > share * if node { 0.4 } else { 0.15 } && found < share * 2.0,
            "{share} {}",
            seen.words()
        );
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// Thousands of losses, up to the last second of a capture that ends while the loss goes on, over a link that
/// loses twice as much at one time as at another.
#[test]
fn a_busy_lossy_cluster_is_found_while_it_loses() {
    Story::each(&[View::Node], 30..=60, |story| {
        let phase = story.rng.between(0, 19);
        story.background(ms(0), secs(60), 120.0, &mut |ask| {
            let worse = (ask.time.as_secs() + phase) % 20 < 8;
            lossy(if worse { 0.06 } else { 0.03 })(ask)
        });
        let seen = story.judge();
        let finding = seen.is("random_loss");
        assert!(finding.damage > 1000, "{}", seen.words());
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// One of two backends is silent from the first seconds on: whoever is sent there asks it again and again.
#[test]
fn what_is_lost_again_and_again_is_not_random() {
    Story::each(&[View::Pod], 1..=3, |story| {
        let dead = story.backends.len() - 1;
        // Go asks again from a new port, and may have luck with it.
        story.stubs.fill(Stub::Glibc);
        story.background(ms(0), secs(120), 10.0, &mut |ask| {
            let silent = ask.backend == dead && ask.time > secs(3);
            if silent { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(150));
        story.judge().has_not("random_loss");
    });
}

/// As many packets of the node and beyond, seen from one pod: less sure.
#[test]
fn one_pod_sees_its_own_part() {
    Story::each(&[View::Pod], 3..=5, |story| {
        story.background(ms(0), secs(200), 10.0, &mut lossy(0.05));
        story.settle(secs(230));
        let seen = story.judge();
        assert!(seen.is("random_loss").confidence <= 0.5);
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// A link goes bad, and may be mended before the capture ends.
#[test]
fn loss_that_begins_in_the_midst_is_found_and_dated() {
    Story::each(&[View::Node], 5..=12, |story| {
        let bad = secs(story.rng.between(50, 90))..secs(story.rng.between(150, 200));
        story.background(ms(0), secs(200), 12.0, &mut |ask| {
            if bad.contains(&ask.time) { lossy(0.06)(ask) } else { ask.healthy() }
        });
        story.settle(secs(230));
        let seen = story.judge();
        let finding = seen.is("random_loss");
        assert_eq!(finding.percent(), 50);
        assert!(finding.summary.contains(" of the questions from 00:0"), "{}", finding.summary);
        // Of what was asked then, not of all.
        assert!(finding.evidence[0].value > 0.03, "{}", seen.words());
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

/// Their upstream loses it, not the way of those who ask.
#[test]
fn names_outside_that_are_lost_for_a_time_are_not_random() {
    Story::each(&[View::Pod], 3..=6, |story| {
        let bad = secs(60)..secs(150);
        story.background(ms(0), secs(200), 12.0, &mut |ask| {
            let hit = bad.contains(&ask.time) && ask.is_external() && ask.luck() < 0.1;
            if hit { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(230));
        story.judge().has_not("random_loss");
    });
}

/// A server that ignores AAAA, as a firewall makes of it.
#[test]
fn one_type_that_is_never_answered_is_not_random() {
    Story::each(&[View::Node, View::Pod], 3..=6, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.kind == AAAA { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(90));
        let seen = story.judge();
        seen.has_not("random_loss");
        assert_eq!(seen.root(), "undetermined", "{}", seen.words());
        assert!(seen.0.verdict.summary.contains(" asked for AAAA: "), "{}", seen.words());
    });
}

#[test]
fn loss_that_comes_with_the_load_is_not_random() {
    Story::each(&[View::Node], 5..=10, |story| {
        for turn in 0..6 {
            let from = secs(turn * 20);
            story.background(from, from + secs(16), 3.0, &mut |ask| ask.healthy());
            story.background(from + secs(16), from + secs(20), 60.0, &mut lossy(0.1));
        }
        story.settle(secs(150));
        story.judge().has_not("random_loss");
    });
}

#[test]
fn loss_at_one_backend_is_not_random() {
    Story::each(&[View::Node], 5..=10, |story| {
        let dead = story.backends.len() - 1;
        story.background(ms(0), secs(90), 8.0, &mut |ask| {
            if ask.backend == dead && ask.luck() < 0.3 { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(120));
        story.judge().has_not("random_loss");
    });
}

#[test]
fn loss_of_one_client_is_not_random() {
    Story::each(&[View::Node], 5..=10, |story| {
        story.background(ms(0), secs(120), 10.0, &mut |ask| {
            if ask.client == 1 && ask.luck() < 0.4 { Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(150));
        let seen = story.judge();
        seen.has_not("random_loss");
    });
}

#[test]
fn loss_in_one_moment_is_not_random() {
    Story::each(&[View::Node], 5..=10, |story| {
        let from = secs(story.rng.between(20, 100));
        story.background(ms(0), secs(120), 10.0, &mut |ask| {
            let moment = (from..from + secs(4)).contains(&ask.time);
            if moment { Reply::lost(2) } else { ask.healthy() }
        });
        story.settle(secs(150));
        story.judge().has_not("random_loss");
    });
}

#[test]
fn a_capture_that_lost_packets_itself_cannot_tell() {
    Story::each(&[View::Node], 3..=8, |story| {
        story.background(ms(0), secs(90), 10.0, &mut lossy(0.08));
        story.settle(secs(120));
        let file = story.capture.pcapng_with(false, [90_000, 40, 300]);
        let seen = Seen::of(file);
        seen.has_not("random_loss");
        assert_eq!(seen.faults(), ["capture_incomplete"], "{}", seen.words());
    });
}

#[test]
fn a_packet_in_a_thousand_is_noise() {
    Story::each(&[View::Node, View::Eni], 5..=10, |story| {
        story.background(ms(0), secs(120), 15.0, &mut lossy(0.001));
        story.settle(secs(150));
        let seen = story.judge();
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}
