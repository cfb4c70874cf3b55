use std::time::Duration;

use crate::forge::{ms, secs, us};
use crate::verdict::tests::{Ask, Reply, SEEDS, Story, View};

const CODE: &str = "coredns_overload";

/// Questions a second for names of the cluster, one transaction a family: each asks one name.
fn flood(
    story: &mut Story,
    from: Duration,
    to: Duration,
    rate: f64,
    fate: &mut dyn FnMut(&Ask<'_>) -> Reply,
) {
    let mut time = from;
    while time < to {
        time += story.rng.span(us(1), Duration::from_secs_f64(2.0 / rate));
        let client = if story.is_pod() {
            0
        } else {
            story.rng.between(0, story.clients.len() as u64 - 1) as usize
        };
        let name = format!("service-{}.shop.svc.cluster.local.", story.rng.between(1, 30));
        story.lookup(time, client, &name, fate);
    }
}

/// A queue that is full: answers wait for the whole of it, and some queries find no room.
fn full(ask: &Ask<'_>, queue: Duration, lost: f64) -> Reply {
    let mut rng = ask.rng.clone();
    let mut reply = ask.healthy();
    if rng.chance(lost) {
        return Reply::lost(3);
    }
    reply.after += rng.span(queue / 10, queue);
    reply
}

/// CFS quota: of each 100 ms the server runs `runs`, then stands still.
fn throttled(ask: &Ask<'_>, runs: Duration) -> Reply {
    let mut reply = ask.healthy();
    let due = ask.time + reply.after;
    let within = Duration::from_nanos((due.as_nanos() % ms(100).as_nanos()) as u64);
    if within > runs {
        let mut rng = ask.rng.clone();
        reply.after += ms(100).saturating_sub(within) + rng.span(us(20), ms(4));
    }
    reply
}

/// Quiet, then busy from a moment on for a while, then quiet.
fn rush(story: &mut Story, quiet: f64, busy: f64, fate: &mut dyn FnMut(&Ask<'_>) -> Reply) {
    let (start, end) = (secs(story.rng.between(8, 12)), secs(story.rng.between(15, 18)));
    story.background(Duration::ZERO, secs(25), 3.0, &mut |ask| {
        if (start..end).contains(&ask.time) { fate(ask) } else { ask.healthy() }
    });
    flood(story, Duration::ZERO, secs(25), quiet, &mut |ask| ask.healthy());
    flood(story, start, end, busy, &mut |ask| {
        if ask.time < end { fate(ask) } else { ask.healthy() }
    });
    story.settle(secs(50));
}

#[test]
fn latency_and_loss_that_come_with_the_load_are_found_from_everywhere() {
    Story::each(&View::ALL, 2..=9, |story| {
        let (quiet, busy) = (story.rng.between(15, 40) as f64, story.rng.between(150, 500) as f64);
        let queue = story.rng.span(ms(90), ms(900));
        let lost = story.rng.between(0, 30) as f64 / 100.0;
        rush(story, quiet, busy, &mut |ask| full(ask, queue, lost));
        let seen = story.judge();
        let finding = seen.is(CODE);
        let most = match story.view {
            View::Pod => 0.6,
            View::Dns => 0.85,
            _ => 0.75,
        };
        assert!(finding.confidence <= most && finding.confidence >= 0.5, "{}", seen.words());
        let alone: Vec<&str> = seen.faults();
        assert_eq!(alone, [CODE], "{}", seen.words());
    });
}

#[test]
fn one_overloaded_server_of_several_is_named() {
    for seed in SEEDS {
        let mut story = Story::new(seed, View::Node, 6);
        rush(&mut story, 40.0, 400.0, &mut |ask| {
            if ask.backend == 0 { full(ask, ms(400), 0.1) } else { ask.healthy() }
        });
        let seen = story.judge();
        let finding = seen.is(CODE);
        assert_eq!(finding.scope.servers, [story.backends[0].to_string()], "{}", seen.words());
        assert!(finding.evidence.iter().any(|e| e.metric == "servers_that_follow"));
    }
}

#[test]
fn an_overload_from_beginning_to_end_is_found_without_a_quiet_time() {
    Story::each(&View::ALL, 2..=6, |story| {
        let rate = story.rng.between(60, 300) as f64;
        let queue = story.rng.span(ms(150), ms(700));
        let lost = story.rng.between(3, 25) as f64 / 100.0;
        flood(story, Duration::ZERO, secs(14), rate, &mut |ask| full(ask, queue, lost));
        story.settle(secs(40));
        let seen = story.judge();
        assert!(seen.is(CODE).confidence <= 0.8, "{}", seen.words());
    });
}

#[test]
fn a_cpu_limit_shows_as_stalls() {
    Story::each(&[View::Node, View::Dns], 2..=6, |story| {
        let (busy, runs) = (story.rng.between(300, 700) as f64, story.rng.span(ms(8), ms(30)));
        rush(story, 30.0, busy, &mut |ask| throttled(ask, runs));
        let seen = story.judge();
        let finding = seen.is(CODE);
        let stalls = finding.evidence.iter().find(|e| e.metric == "stalls");
        assert!(stalls.is_some_and(|e| e.value >= 10.0), "{}", seen.words());
    });
}

#[test]
fn a_healthy_server_under_load_is_none() {
    Story::each(&View::ALL, 2..=9, |story| {
        let busy = story.rng.between(400, 1500) as f64;
        // Slower under load, as a good server is: some milliseconds.
        rush(story, 20.0, busy, &mut |ask| {
            let mut reply = ask.healthy();
            reply.after += ask.rng.clone().span(us(100), ms(12));
            reply
        });
        story.judge().is_healthy();
    });
}

#[test]
fn a_burst_of_some_milliseconds_is_none() {
    Story::each(&View::ALL, 2..=6, |story| {
        story.background(Duration::ZERO, secs(20), 8.0, &mut |ask| ask.healthy());
        flood(story, Duration::ZERO, secs(20), 60.0, &mut |ask| ask.healthy());
        // 300 questions in 30 ms: the buffer overflows, what is in it waits.
        let start = secs(9);
        flood(story, start, start + ms(30), 10_000.0, &mut |ask| {
            if ask.time < start + ms(60) { full(ask, ms(40), 0.2) } else { ask.healthy() }
        });
        story.settle(secs(50));
        story.judge().has_not(CODE);
    });
}

#[test]
fn a_slow_upstream_is_none() {
    Story::each(&View::ALL, 2..=9, |story| {
        rush(story, 30.0, 200.0, &mut |ask| ask.healthy());
        let slow = |ask: &Ask<'_>| {
            let mut reply = ask.healthy();
            if let Some(one) = reply.tries.first_mut() {
                let took = ask.rng.clone().span(ms(300), ms(1500));
                one.answered = Some(took);
                reply.after = took + us(200);
            }
            reply
        };
        story.background(Duration::ZERO, secs(25), 20.0, &mut |ask| slow(ask));
        story.settle(secs(60));
        story.judge().has_not(CODE);
    });
}

#[test]
fn losses_that_no_queue_explains_are_none() {
    Story::each(&View::ALL, 3..=9, |story| {
        // As many a second, or more: what is lost is lost at any load, and the rest is quick.
        let share = story.rng.between(2, 12) as f64 / 100.0;
        let lossy = |ask: &Ask<'_>| {
            let mut rng = ask.rng.clone();
            if rng.chance(share) {
                Reply::lost(if rng.chance(0.5) { 2 } else { 4 })
            } else {
                ask.healthy()
            }
        };
        flood(story, Duration::ZERO, secs(25), 30.0, &mut |ask| lossy(ask));
        rush(story, 30.0, 200.0, &mut |ask| lossy(ask));
        story.judge().has_not(CODE);
    });
}

#[test]
fn a_long_way_is_none() {
    Story::each(&View::ALL, 2..=6, |story| {
        let way = story.rng.span(ms(60), ms(180));
        flood(story, Duration::ZERO, secs(15), 80.0, &mut |ask| {
            let mut reply = ask.healthy();
            reply.after += way;
            reply
        });
        story.settle(secs(40));
        story.judge().has_not(CODE);
    });
}

#[test]
fn a_backend_that_falls_silent_under_load_is_not_overloaded() {
    for seed in SEEDS {
        for view in [View::Node, View::Eni, View::Dns] {
            let mut story = Story::new(seed, view, 6);
            flood(&mut story, Duration::ZERO, secs(25), 40.0, &mut |ask| ask.healthy());
            flood(&mut story, secs(8), secs(20), 150.0, &mut |ask| {
                if ask.time > secs(10) && ask.backend == 0 { Reply::lost(3) } else { ask.healthy() }
            });
            story.settle(secs(60));
            story.judge().has_not(CODE);
        }
    }
}

#[test]
fn a_server_that_hangs_and_answers_all_at_once_is_not_overloaded() {
    Story::each(&[View::Node, View::Eni, View::Dns], 3..=8, |story| {
        let start = secs(story.rng.between(6, 12));
        let end = start + story.rng.span(secs(4), secs(20));
        let rate = story.rng.between(12, 80) as f64;
        flood(story, Duration::ZERO, secs(40), rate, &mut |ask| {
            let mut reply = ask.healthy();
            if ask.backend == 0 && (start..end).contains(&ask.time) {
                reply.after = end.saturating_sub(ask.time) + ask.rng.clone().span(us(100), ms(20));
            }
            reply
        });
        story.settle(secs(80));
        story.judge().has_not(CODE);
    });
}
