use crate::forge::{ms, secs};
use crate::verdict::tests::{Ask, Maker, Reply, Story, Try, View, What};

const RESOLVER: [View; 3] = [View::Node, View::Eni, View::Dns];
const OTHERS: [&str; 7] = [
    "servfail_burst",
    "servfail_transient",
    "client_egress_dropped",
    "random_loss",
    "vpc_dns_pps_exceeded",
    "firewall_reject",
    "dns_port_closed",
];

/// All the time, as CoreDNS marks its upstreams down: 6, 4, then 2 s.
fn cut(story: &mut Story, leaves: bool) {
    let length = story.rng.between(40, 90);
    for (part, waits) in [3, 2, 1].into_iter().enumerate() {
        let from = secs(length / 3 * part as u64);
        story.background(from, from + secs(length / 3), 4.0, &mut |ask| {
            ask.upstream_cut(waits, leaves)
        });
    }
    story.probes(secs(2), secs(length), leaves);
    story.settle(secs(length + 25));
}

#[test]
fn the_resolvers_own_queries_get_nothing_back() {
    for leaves in [false, true] {
        let views: &[View] = if leaves { &RESOLVER } else { &[View::Node, View::Dns] };
        Story::each(views, 1..=8, |story| {
            cut(story, leaves);
            let seen = story.judge();
            let finding = seen.is("upstream_unreachable");
            assert_eq!(finding.category, "network_policy");
            assert!(finding.confidence >= 0.6, "{}", seen.words());
            for upstream in story.upstreams {
                assert!(finding.scope.servers.contains(&upstream.to_string()), "{}", seen.words());
            }
            assert_eq!(finding.scope.clients, [story.backends[0].to_string()]);
            for other in OTHERS {
                seen.has_not(other);
            }
        });
    }
}

#[test]
fn the_pod_sees_servfails_that_are_as_old_as_timeouts() {
    Story::each(&[View::Pod], 1..=5, |story| {
        cut(story, false);
        let seen = story.judge();
        let finding = seen.is("upstream_unreachable");
        assert!((0.4..=0.6).contains(&finding.confidence));
        assert!(finding.summary.contains("upstream leg not captured"));
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

#[test]
fn it_is_dated_when_it_begins_within_the_capture() {
    Story::each(&[View::Node, View::Dns], 2..=6, |story| {
        let begin = secs(story.rng.between(20, 40));
        story.background(ms(0), secs(80), 5.0, &mut |ask| {
            if ask.time >= begin { ask.upstream_cut(1, false) } else { ask.healthy() }
        });
        story.probes(begin + secs(1), secs(80), false);
        story.settle(secs(100));
        let seen = story.judge();
        let start: jiff::Timestamp = seen.is("upstream_unreachable").window.start.parse().unwrap();
        let at = start.as_second() - crate::forge::START.as_secs() as i64;
        assert!(
            (begin.as_secs() as i64..=begin.as_secs() as i64 + 10).contains(&at),
            "{at} {begin:?}"
        );
    });
}

/// One of two: the questions that pick it first wait 2 s and are answered all the same.
#[test]
fn one_dead_upstream_of_two_is_named_alone() {
    Story::each(&[View::Node, View::Dns], 2..=5, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| one_dead(ask));
        story.settle(secs(80));
        let seen = story.judge();
        let finding = seen.is("upstream_unreachable");
        assert_eq!(finding.scope.servers, [story.upstreams[1].to_string()], "{}", seen.words());
        assert!(finding.severity < crate::verdict::Severity::High);
    });
}

fn one_dead(ask: &Ask<'_>) -> Reply {
    let fine = ask.healthy();
    if fine.tries.is_empty() || fine.tries[0].upstream == 0 {
        return fine;
    }
    let took = fine.after;
    let dead = Try { answered: None, ..fine.tries[0] };
    let other = Try { after: secs(2) + ms(1), upstream: 0, ..fine.tries[0] };
    Reply { tries: vec![dead, other], after: secs(2) + took, ..fine }
}

#[test]
fn an_upstream_that_answers_servfail_is_reached() {
    Story::each(&View::ALL, 1..=5, |story| {
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            let mut reply = ask.healthy();
            if ask.is_external() {
                reply.what = What::ServFail(Maker::Relayed);
                reply.tries.iter_mut().for_each(|one| one.what = What::ServFail(Maker::Relayed));
            }
            reply
        });
        story.settle(secs(60));
        story.judge().has_not("upstream_unreachable");
    });
}

/// A resolver that loses 1 to 10 % of its forwarded queries is no dead one.
#[test]
fn a_lossy_upstream_is_reached() {
    Story::each(&RESOLVER, 2..=5, |story| {
        let loss = story.rng.between(1, 10) as f64 / 100.0;
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            let fine = ask.healthy();
            if ask.luck() < loss && !fine.tries.is_empty() {
                let lost = Try { answered: None, ..fine.tries[0] };
                let again = Try { after: secs(2) + ms(1), ..fine.tries[0] };
                return Reply { after: fine.after + secs(2), tries: vec![lost, again], ..fine };
            }
            fine
        });
        story.settle(secs(80));
        story.judge().has_not("upstream_unreachable");
    });
}

#[test]
fn cluster_dns_that_is_dead_altogether_is_not_its_upstream() {
    Story::each(&View::ALL, 1..=5, |story| {
        story.background(ms(0), secs(40), 5.0, &mut |_| Reply::lost(3));
        story.settle(secs(70));
        story.judge().has_not("upstream_unreachable");
    });
}

/// CoreDNS fails a name now and then, after any time: some of those are a multiple of 2 s.
#[test]
fn a_few_failures_among_many_answers_are_no_silence() {
    Story::each(&[View::Pod, View::Eni], 1..=3, |story| {
        story.background(ms(0), secs(240), 12.0, &mut |ask| {
            if ask.is_external() && ask.luck() < 0.012 {
                let after = ms(400 + (ask.luck() * 1e6) as u64 % 3_500);
                return Reply::answer(What::ServFail(Maker::Forwarder), after);
            }
            ask.healthy()
        });
        story.settle(secs(260));
        story.judge().has_not("upstream_unreachable");
    });
}
