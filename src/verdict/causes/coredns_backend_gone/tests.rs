use std::time::Duration;

use crate::forge::{AAAA, ms, secs};
use crate::verdict::tests::{Ask, Refusal, Reply, Seen, Story, Stub, View};

/// The last backend is silent from some moment on.
fn silent(story: &mut Story, from: Duration) -> std::net::IpAddr {
    let dead = story.backends.len() - 1;
    story.background(ms(0), secs(60), 10.0, &mut |ask| {
        let lost = ask.backend == dead && ask.time >= from;
        if lost { Reply::lost(3) } else { ask.healthy() }
    });
    story.settle(secs(90));
    story.backends[dead]
}

#[test]
fn a_backend_that_falls_silent_is_found_and_named() {
    Story::each(&[View::Node], 3..=10, |story| {
        let from = secs(story.rng.between(15, 30));
        let backend = silent(story, from);
        let seen = story.judge();
        let finding = seen.is("coredns_backend_gone");
        assert_eq!(finding.scope.servers, [backend.to_string()], "{}", seen.words());
        for other in ["random_loss", "client_egress_dropped", "wrong_nameserver"] {
            seen.has_not(other);
        }
    });
}

#[test]
fn a_backend_that_never_answers_is_found_behind_its_service() {
    Story::each(&[View::Node], 3..=10, |story| {
        let backend = silent(story, secs(0));
        let seen = story.judge();
        let finding = seen.is("coredns_backend_gone");
        assert_eq!(finding.scope.servers, [backend.to_string()], "{}", seen.words());
    });
}

#[test]
fn loss_at_all_backends_is_no_backend_gone() {
    Story::each(&[View::Node, View::Eni], 3..=20, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            if ask.luck() < 0.1 { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(90));
        story.judge().has_not("coredns_backend_gone");
    });
}

#[test]
fn a_blocked_client_is_no_backend_gone() {
    Story::each(&[View::Node], 4..=10, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            let blocked = ask.client == 0 && ask.time >= secs(20);
            if blocked { Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(90));
        story.judge().has_not("coredns_backend_gone");
    });
}

#[test]
fn silent_upstreams_are_no_backend_gone() {
    Story::each(&[View::Node, View::Dns], 3..=8, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| {
            if ask.time < secs(20) { ask.healthy() } else { ask.upstream_cut(3, true) }
        });
        story.settle(secs(90));
        story.judge().has_not("coredns_backend_gone");
    });
}

/// The pod of a client that has many lookups at a time, with glibc: what it asks again goes the same way.
fn busy_pod(tell: impl Fn(&mut Story), check: impl Fn(&Story, &Seen)) {
    Story::each(&[View::Pod], 1..=3, |story| {
        story.stubs[0] = Stub::Glibc;
        tell(story);
        story.settle(secs(800));
        check(story, &story.judge());
    });
}

fn none_gone(_: &Story, seen: &Seen) {
    seen.has_not("coredns_backend_gone");
}

#[test]
fn a_silent_backend_is_told_from_a_pod_by_the_ports_that_are_tied_to_it() {
    busy_pod(
        |story| {
            let dead = story.backends.len() - 1;
            let from = secs(story.rng.between(0, 30));
            story.background_of(&[0], ms(0), secs(150), 4.0, &mut |ask| {
                let lost = ask.backend == dead && ask.time >= from;
                if lost { Reply::lost(3) } else { ask.healthy() }
            });
        },
        |story, seen| {
            let finding = seen.is("coredns_backend_gone");
            assert_eq!(finding.scope.servers, [story.service.to_string()], "{}", seen.words());
            assert!(finding.confidence <= 0.5, "{}", seen.words());
            assert!(finding.evidence[0].value >= 10.0, "{}", seen.words());
        },
    );
}

/// One lookup at a time: while one is lost, nobody is answered.
#[test]
fn a_silent_backend_is_told_from_a_pod_that_waits() {
    busy_pod(
        |story| {
            let dead = story.backends.len() - 1;
            one_after_the_other(story, |ask| ask.backend == dead);
        },
        |_, seen| {
            seen.is("coredns_backend_gone");
        },
    );
}

/// Lookups one after the other, for ten minutes.
fn one_after_the_other(story: &mut Story, lost: impl Fn(&Ask<'_>) -> bool) {
    let mut time = Duration::ZERO;
    while time < secs(600) {
        let name = story.any_name();
        let end = story.lookup(time, 0, &name, &mut |ask| {
            if lost(ask) { Reply::lost(3) } else { ask.healthy() }
        });
        time = end + story.rng.span(ms(1), ms(900));
    }
    story.settle(time + secs(60));
}

/// A link that is down now and then for a while, as it likes.
#[test]
fn a_pod_that_waits_while_its_link_is_down_has_no_backend_gone() {
    busy_pod(
        |story| {
            let (mut rng, mut down, mut time) = (story.rng.clone(), Vec::new(), secs(0));
            while time < secs(600) {
                time += rng.span(secs(5), secs(25));
                let end = time + rng.span(secs(1), secs(20));
                down.push(time..end);
                time = end;
            }
            one_after_the_other(story, |ask| down.iter().any(|down| down.contains(&ask.time)));
        },
        none_gone,
    );
}

/// Now and then it is down for longer than until a question is sent again, and not until the client gives up: by
/// chance, as long as that is seldom.
#[test]
fn a_few_waits_in_vain_are_no_backend_gone() {
    busy_pod(
        |story| {
            one_after_the_other(story, |ask| (91..100).contains(&(ask.time.as_secs() % 120)));
        },
        none_gone,
    );
}

#[test]
fn loss_that_spares_what_is_sent_again_is_no_backend_gone() {
    busy_pod(
        |story| {
            let mut rng = story.rng.clone();
            let share = rng.between(20, 500) as f64 / 1_000.0;
            story.background_of(&[0], ms(0), secs(150), 4.0, &mut |ask| {
                if rng.chance(share) { Reply::lost(3) } else { ask.healthy() }
            });
        },
        none_gone,
    );
}

/// A link that is down now and then, for longer than a stub resolver waits before it asks again.
#[test]
fn a_link_that_fails_for_all_ports_is_no_backend_gone() {
    busy_pod(
        |story| {
            let (length, every) = (story.rng.between(6, 15), story.rng.between(25, 40));
            story.background_of(&[0], ms(0), secs(150), 4.0, &mut |ask| {
                let lost = ask.time.as_secs() % every < length;
                if lost { Reply::lost(3) } else { ask.healthy() }
            });
        },
        none_gone,
    );
}

/// An allowance for connections that is used up: all new ports are silent for a minute, and old ones answered.
#[test]
fn old_ports_that_are_spared_are_no_backend_gone() {
    busy_pod(
        |story| {
            let full = secs(story.rng.between(10, 60));
            let full = full..full + secs(60);
            for _ in 0..3 {
                let kept = story.resolver(0, 1);
                story.keeps_asking(kept, (ms(0), secs(150)), &mut |ask| ask.healthy());
            }
            story.background_of(&[0], ms(0), secs(150), 4.0, &mut |ask| {
                if full.contains(&ask.time) { Reply::lost(1) } else { ask.healthy() }
            });
        },
        none_gone,
    );
}

/// A pair of A and AAAA is lost together, as a queue that is full for a moment would have it, and sent again later.
#[test]
fn pairs_that_are_lost_together_are_no_backend_gone() {
    busy_pod(
        |story| {
            let mut rng = story.rng.clone();
            let mut last = (Duration::ZERO, false);
            story.background_of(&[0], ms(0), secs(150), 4.0, &mut |ask| {
                if ask.time >= last.0 + ms(3) {
                    last = (ask.time, rng.chance(0.4));
                }
                if last.1 { Reply::lost(3) } else { ask.healthy() }
            });
        },
        none_gone,
    );
}

/// Something on the way drops questions for IPv6 addresses, some names' always.
#[test]
fn one_of_a_pair_that_is_never_answered_is_no_backend_gone() {
    busy_pod(
        |story| {
            story.background_of(&[0], ms(0), secs(150), 4.0, &mut |ask| {
                let lost = ask.kind == AAAA && ask.name.len().is_multiple_of(2);
                if lost { Reply::lost(3) } else { ask.healthy() }
            });
        },
        none_gone,
    );
}

/// A forwarder whose upstream says nothing of one zone: what is asked again is lost again, and of the cluster's
/// names nothing is.
#[test]
fn a_zone_without_an_answer_is_no_backend_gone() {
    busy_pod(
        |story| {
            story.background_of(&[0], ms(0), secs(150), 4.0, &mut |ask| {
                let lost = ask.name.ends_with("example.net");
                if lost { Reply::lost(3) } else { ask.healthy() }
            });
        },
        none_gone,
    );
}

/// A server that hangs over its own zone, and forwards all else.
#[test]
fn names_of_the_cluster_without_an_answer_are_no_backend_gone() {
    busy_pod(
        |story| {
            let from = secs(story.rng.between(20, 60));
            story.background_of(&[0], ms(0), secs(150), 4.0, &mut |ask| {
                let lost = ask.time >= from && ask.name.ends_with("cluster.local");
                if lost { Reply::lost(3) } else { ask.healthy() }
            });
        },
        none_gone,
    );
}

/// Its node says so, 3 s late; the pod sees the Service's address only, which answers in between.
#[test]
fn a_backend_without_an_address_is_told_from_a_pod() {
    Story::each(&[View::Pod], 1..=3, |story| {
        let dead = story.backends.len() - 1;
        let code = if story.service.is_ipv4() { (3, 1) } else { (1, 3) };
        story.background(ms(0), secs(60), 10.0, &mut |ask| {
            let gone = ask.backend == dead && (secs(20)..secs(50)).contains(&ask.time);
            if gone { Reply::refused(Refusal::Forward(code), secs(3)) } else { ask.healthy() }
        });
        story.settle(secs(90));
        let seen = story.judge();
        let finding = seen.is("coredns_backend_gone");
        assert_eq!(finding.percent(), 60, "{}", seen.words());
        assert!(finding.summary.contains("ICMP host unreachable"), "{}", finding.summary);
        seen.has_not("firewall_reject");
    });
}
