use crate::forge::{ms, secs, us};
use crate::verdict::tests::{Ask, Reply, Story, Try, View};

/// One of two upstreams says nothing: CoreDNS waits 2 s for it, and asks again.
fn half_dead(ask: &Ask<'_>) -> Reply {
    let mut rng = ask.rng.clone();
    if !ask.is_external() || rng.chance(0.4) {
        // From the cluster's data or the cache.
        return ask.says(ask.what());
    }
    let mut tries = Vec::new();
    let mut after = us(60);
    // At random, three times at most.
    while tries.len() < 2 && rng.chance(0.5) {
        tries.push(Try { after, upstream: 1, answered: None, what: ask.what(), leaves: true });
        after += secs(2);
    }
    let took = rng.span(us(500), ms(50));
    tries.push(Try { after, upstream: 0, answered: Some(took), what: ask.what(), leaves: true });
    Reply { tries, ..Reply::answer(ask.what(), after + took) }
}

#[test]
fn the_pod_sees_that_answers_come_after_waits_in_vain() {
    Story::each(&[View::Pod], 1..=4, |story| {
        let length = secs(story.rng.between(40, 120));
        let rate = story.rng.between(2, 8) as f64;
        story.background(ms(0), length, rate, &mut |ask| half_dead(ask));
        story.settle(length + secs(30));
        let seen = story.judge();
        let finding = seen.is("upstream_unreachable");
        assert!(finding.percent() <= 60, "{}", seen.words());
        assert!(finding.alternatives.iter().any(|other| other.cause == "vpc_dns_pps_exceeded"));
        assert_eq!(seen.faults(), ["upstream_unreachable"], "{}", seen.words());
    });
}

/// Where the upstream leg is in the capture, it speaks for itself.
#[test]
fn the_leg_itself_names_the_upstream() {
    Story::each(&[View::Node, View::Dns], 2..=4, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| half_dead(ask));
        story.settle(secs(90));
        let seen = story.judge();
        let finding = seen.is("upstream_unreachable");
        assert_eq!(finding.scope.servers, [story.upstreams[1].to_string()], "{}", seen.words());
    });
}

/// A packet lost between CoreDNS and its upstream now and then is no upstream that is gone.
#[test]
fn a_wait_now_and_then_is_chance() {
    Story::each(&[View::Pod], 1..=4, |story| {
        story.background(ms(0), secs(120), 6.0, &mut |ask| {
            if ask.luck() < 0.01 { half_dead(ask) } else { ask.healthy() }
        });
        story.settle(secs(150));
        story.judge().is_healthy();
    });
}

/// Answers that take any time up to 2 s and a little more: some are as late as a wait.
#[test]
fn a_slow_upstream_is_not_silent() {
    Story::each(&[View::Pod], 1..=4, |story| {
        let low = ms(story.rng.between(500, 1000));
        story.background(ms(0), secs(60), 5.0, &mut |ask| {
            if ask.is_external() {
                ask.upstream_takes(ask.rng.clone().span(low, ms(1990)))
            } else {
                ask.healthy()
            }
        });
        story.settle(secs(90));
        let seen = story.judge();
        seen.is("upstream_slow");
        seen.has_not("upstream_unreachable");
    });
}

/// What the clients' own packets lose comes after the clients' own timers.
#[test]
fn losses_of_the_clients_are_their_own() {
    Story::each(&[View::Pod], 1..=4, |story| {
        story.background(ms(0), secs(120), 6.0, &mut |ask| {
            if ask.attempt == 0 && ask.luck() < 0.1 { Reply::lost(2) } else { ask.healthy() }
        });
        story.settle(secs(150));
        story.judge().has_not("upstream_unreachable");
    });
}
