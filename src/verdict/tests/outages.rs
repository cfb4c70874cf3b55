//! Faults with a beginning and an end, anywhere in a capture that is much longer: found, named, dated;
//! and what is no outage.

use std::ops::Range;
use std::time::Duration;

use super::{Ask, Maker, Refusal, Reply, Rng, SEEDS, Seen, Story, View, What};
use crate::forge::{START, ms, secs};
use crate::verdict::{Finding, Status};

/// Minutes of the capture, and lookups a second: long ones are quiet, so that tests stay quick.
const LENGTHS: [(u64, f64); 3] = [(3, 6.0), (12, 3.0), (60, 1.5)];

/// A capture with a fault from some moment to another.
struct Told {
    seen: Seen,
    fault: Range<Duration>,
    /// Between two questions of those concerned, at most, more or less.
    pace: i64,
    what: String,
}

/// Tells of an outage of 20 to 60 s at a random place, in captures of several lengths. `fate`: what
/// becomes of a question in it.
fn outage(
    views: &[View],
    clients: Range<u64>,
    mut fate: impl FnMut(&Ask<'_>, &Facts) -> Reply,
    mut check: impl FnMut(&Told, &Facts),
) {
    for seed in SEEDS {
        for &view in views {
            let (minutes, rate) = LENGTHS[(seed as usize + view as usize) % LENGTHS.len()];
            let clients = Rng(seed * 31).between(clients.start, clients.end - 1) as usize;
            let mut story = Story::new(seed + 40, view, clients);
            let length = story.rng.span(secs(20), secs(60));
            let from = story.rng.span(secs(30), secs(minutes * 60 - 90));
            let fault = from..from + length;
            let facts = Facts {
                v6: story.service.is_ipv6(),
                dead: story.backends.len() - 1,
                victim: story.backends[story.backends.len() - 1].to_string(),
                client: story.clients[0].to_string(),
            };
            story.background(ms(0), secs(minutes * 60), rate, &mut |ask| {
                if fault.contains(&ask.time) { fate(ask, &facts) } else { ask.healthy() }
            });
            story.settle(secs(minutes * 60 + 30));
            let what =
                format!("seed {seed}, {view:?}, {clients} clients, {minutes} min, {fault:?}");
            println!("{what}");
            let told = Told {
                seen: story.judge(),
                fault,
                pace: (4.0 * clients as f64 / rate) as i64 + 6,
                what,
            };
            check(&told, &facts);
        }
    }
}

/// What fates and checks need to know.
struct Facts {
    v6: bool,
    dead: usize,
    victim: String,
    client: String,
}

impl Told {
    /// The finding, which has to be the root cause, and in time.
    #[track_caller]
    fn is(&self, cause: &str) -> &Finding {
        let finding = self.seen.is(cause);
        self.dated(finding);
        finding
    }

    #[track_caller]
    fn dated(&self, finding: &Finding) {
        let second = |text: &str| {
            text.parse::<jiff::Timestamp>().unwrap().as_second() - START.as_secs() as i64
        };
        let (start, end) = (second(&finding.window.start), second(&finding.window.end));
        let (from, to) = (self.fault.start.as_secs() as i64, self.fault.end.as_secs() as i64);
        assert!(
            (from - 1..=from + self.pace).contains(&start)
                && (to - self.pace - 6..=to + 7).contains(&end),
            "{} {start} {end}: {}",
            self.what,
            self.seen.words()
        );
    }

    #[track_caller]
    fn is_only(&self, cause: &str) {
        assert_eq!(self.seen.faults(), [cause], "{} {}", self.what, self.seen.words());
    }
}

#[test]
fn a_backend_that_restarts_is_dated() {
    outage(
        &[View::Node],
        3..9,
        |ask, facts| if ask.backend == facts.dead { Reply::lost(3) } else { ask.healthy() },
        |told, facts| {
            let finding = told.is("coredns_backend_gone");
            assert_eq!(
                finding.scope.servers,
                std::slice::from_ref(&facts.victim),
                "{}",
                told.seen.words()
            );
            assert!(
                finding
                    .evidence
                    .iter()
                    .any(|e| e.text.contains(" stop at ") && e.text.contains(" and resume at ")),
                "{}",
                told.seen.words()
            );
            told.is_only("coredns_backend_gone");
        },
    );
}

#[test]
fn a_client_that_is_blocked_for_a_while_is_dated() {
    outage(
        &[View::Node],
        3..6,
        |ask, _| if ask.client == 0 { Reply::lost(1) } else { ask.healthy() },
        |told, facts| {
            let finding = told.is("client_egress_dropped");
            assert_eq!(finding.scope.clients, std::slice::from_ref(&facts.client));
            assert!(finding.summary.contains("answered before and after"), "{}", finding.summary);
            told.is_only("client_egress_dropped");
        },
    );
}

#[test]
fn upstreams_that_are_cut_off_for_a_while_are_dated() {
    outage(
        &[View::Node, View::Eni, View::Dns],
        2..6,
        |ask, _| ask.upstream_cut(1, true),
        |told, _| {
            let finding = told.is("upstream_unreachable");
            assert!(finding.summary.contains("answered before and after"), "{}", finding.summary);
            told.is_only("upstream_unreachable");
        },
    );
}

#[test]
fn a_pod_dates_it_by_its_servfails() {
    outage(
        &[View::Pod],
        1..3,
        |ask, _| ask.upstream_cut(1, true),
        |told, _| {
            assert!(
                told.is("upstream_unreachable").summary.contains("fine before and after"),
                "{}",
                told.seen.words()
            );
            told.is_only("upstream_unreachable");
        },
    );
}

#[test]
fn refusals_for_a_while_are_dated() {
    let closed = |_: &Ask<'_>, _: &Facts| Reply::refused(Refusal::Backend, ms(1));
    outage(&[View::Node, View::Dns], 2..6, closed, |told, _| {
        told.is("dns_port_closed");
        told.is_only("dns_port_closed");
    });
    let gone = |_: &Ask<'_>, facts: &Facts| {
        Reply::refused(Refusal::Node(if facts.v6 { (1, 4) } else { (3, 3) }), ms(1))
    };
    outage(&[View::Node, View::Pod], 2..6, gone, |told, _| {
        told.is("kube_dns_no_endpoints");
        told.is_only("kube_dns_no_endpoints");
    });
    let rejected = |ask: &Ask<'_>, facts: &Facts| match ask.client {
        0 => Reply::refused(Refusal::Forward(if facts.v6 { (1, 1) } else { (3, 13) }), ms(1)),
        _ => ask.healthy(),
    };
    outage(&[View::Node, View::Pod], 2..5, rejected, |told, _| {
        told.is("firewall_reject");
        told.is_only("firewall_reject");
    });
}

#[test]
fn servfails_for_a_while_are_dated() {
    let failing = |_: &Ask<'_>, _: &Facts| Reply::answer(What::ServFail(Maker::Forwarder), ms(1));
    outage(&View::ALL, 2..6, failing, |told, _| {
        told.is("servfail_burst");
        told.is_only("servfail_burst");
    });
}

/// Nobody is answered: from the node, by several clients; which of the causes of that it is, nothing tells.
#[test]
fn a_service_that_is_silent_for_everybody_is_told_with_little_confidence() {
    outage(
        &[View::Node],
        3..8,
        |_, _| Reply::lost(3),
        |told, _| {
            let finding = told.is("coredns_backend_gone");
            assert!(finding.confidence <= 0.5);
            told.is_only("coredns_backend_gone");
        },
    );
}

#[test]
fn a_pod_that_gets_nothing_for_a_while_says_when_and_not_why() {
    outage(
        &[View::Pod],
        1..3,
        |_, _| Reply::lost(3),
        |told, _| {
            let seen = &told.seen;
            assert_eq!(
                (seen.status(), seen.root()),
                (Status::Inconclusive, "undetermined"),
                "{} {}",
                told.what,
                seen.words()
            );
            assert!(seen.0.verdict.summary.contains(" from "), "{}", seen.words());
        },
    );
}

#[test]
fn two_outages_are_two() {
    for seed in SEEDS {
        let mut story = Story::new(seed, View::Node, 4);
        let (one, two) = (secs(40)..secs(60), secs(200)..secs(240));
        story.background(ms(0), secs(300), 5.0, &mut |ask| {
            let blocked = ask.client == 0 && (one.contains(&ask.time) || two.contains(&ask.time));
            if blocked { Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(330));
        let seen = story.judge();
        let finding = seen.is("client_egress_dropped");
        assert!(finding.summary.contains("the worst of 2 outages"), "{}", seen.words());
        assert_eq!(seen.faults(), ["client_egress_dropped"], "{}", seen.words());
    }
}

/// Loss here and there for an hour, of clients that ask now and then.
#[test]
fn loss_all_the_time_is_no_outage() {
    for seed in SEEDS {
        for view in [View::Node, View::Pod] {
            let clients = Rng(seed * 5).between(2, 12) as usize;
            let mut story = Story::new(seed + 70, view, clients);
            let share = story.rng.between(10, 100) as f64 / 1000.0;
            let length = secs([600, 3600][seed as usize % 2]);
            story.background(ms(0), length, 1.0, &mut |ask| {
                let mut rng = ask.rng.clone();
                let reach = rng.between(1, 5) as u8;
                if ask.luck() < share { Reply { reach, ..ask.healthy() } } else { ask.healthy() }
            });
            story.settle(length + secs(30));
            let seen = story.judge();
            assert_eq!(seen.faults(), ["random_loss"], "{seed} {view:?} {share} {}", seen.words());
        }
    }
}

#[test]
fn an_hour_of_quiet_health_is_healthy() {
    for seed in SEEDS {
        for view in View::ALL {
            let mut story = Story::new(seed + 90, view, 1 + seed as usize * 3);
            story.healthy(secs(3600), 0.5);
            story.judge().is_healthy();
        }
    }
}
