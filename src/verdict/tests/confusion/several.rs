//! Two things at once: both are named, and the larger damage is the root cause.

use super::further::Further;
use super::scenario::Shows::{Cause, Or};
use super::scenario::{Scenario, moment, tell};
use crate::forge::{ms, secs};
use crate::verdict::tests::{Ask, Maker, Reply, Story, Tcp, View, What, race};

const fn two(
    what: &'static str,
    truth: &'static str,
    also: &'static [&'static str],
    views: &'static [(View, super::scenario::Shows)],
    tell: fn(&mut Story),
) -> Further {
    Further::new(Scenario { what, truth, clients: 5, views, tell }).also(also)
}

const NODE: &[(View, super::scenario::Shows)] = &[(View::Node, Cause)];

pub(super) const ALL: &[Further] = &[
    two(
        "upstreams are silent for everybody, and one pod is blocked",
        "upstream_unreachable",
        &["client_egress_dropped"],
        NODE,
        |story| cut_and_blocked(story, 1),
    ),
    two(
        "upstreams are silent at the end, and most pods are blocked all the time",
        "client_egress_dropped",
        &["upstream_unreachable"],
        NODE,
        blocked_and_cut,
    ),
    two(
        "the upstream says SERVFAIL, and a name is missing",
        "upstream_servfail",
        &["name_does_not_exist"],
        NODE,
        |story| {
            missing_beside(story, |ask| {
                if ask.is_external() && ask.luck() < 0.7 {
                    ask.upstream_says(What::ServFail(Maker::Relayed))
                } else {
                    ask.healthy()
                }
            });
        },
    ),
    two(
        "pairs race, and a name is missing",
        "conntrack_dnat_race",
        &["name_does_not_exist"],
        NODE,
        race_and_missing,
    ),
    two(
        "one pod is blocked, and a backend falls silent",
        "coredns_backend_gone",
        &["client_egress_dropped", "coredns_backend_gone"],
        // A pod that asks most loses more than a part of all others' questions.
        &[(View::Node, Or("client_egress_dropped"))],
        backend_and_blocked,
    ),
    two(
        "upstreams are silent, and TCP to port 53 is dropped",
        "upstream_unreachable",
        &["tcp53_blocked"],
        NODE,
        cut_and_tcp,
    ),
    two(
        "the upstream is slow, and one pod gets nothing at all",
        "client_egress_dropped",
        &["upstream_slow"],
        NODE,
        slow_and_blocked,
    ),
];

fn cut_and_blocked(story: &mut Story, some: usize) {
    let (begin, reach) = (moment(story), story.rng.between(1, 2) as u8);
    let length = tell(story, &mut |ask| match () {
        () if ask.client < some => Reply::lost(reach),
        () if ask.time >= begin => ask.upstream_cut(2, true),
        () => ask.healthy(),
    });
    story.probes(begin + secs(2), length, true);
}

fn blocked_and_cut(story: &mut Story) {
    let most = story.clients.len() - 2;
    let (length, rate) = (secs(story.rng.between(60, 100)), story.rng.between(6, 14) as f64);
    let begin = length * 3 / 4;
    story.background(ms(0), length, rate, &mut |ask| match () {
        () if ask.client < most => Reply::lost(1),
        () if ask.time >= begin => ask.upstream_cut(2, true),
        () => ask.healthy(),
    });
    story.probes(begin + secs(2), length, true);
    story.settle(length + secs(25));
}

/// A pod that looks for what is not there, all the time.
fn missing_beside(story: &mut Story, fate: impl Fn(&Ask<'_>) -> Reply) {
    let length = tell(story, &mut |ask| fate(ask));
    let mut time = secs(1);
    while time < length {
        story.lookup(time, 1, "gone-1.shop", &mut |ask| ask.healthy());
        time += story.rng.span(ms(800), secs(5));
    }
}

fn race_and_missing(story: &mut Story) {
    let share = story.rng.between(5, 15) as f64 / 100.0;
    let mut racing = race(story, share);
    let length = tell(story, &mut |ask| racing(ask));
    let mut time = secs(1);
    while time < length {
        story.lookup(time, 1, "gone-1.shop", &mut |ask| ask.healthy());
        time += story.rng.span(ms(800), secs(5));
    }
}

fn backend_and_blocked(story: &mut Story) {
    let (begin, dead) = (moment(story), story.backends.len() - 1);
    tell(story, &mut |ask| match () {
        () if ask.client == 0 && ask.time >= begin * 2 => Reply::lost(1),
        () if ask.backend == dead && ask.time >= begin => Reply::lost(3),
        () => ask.healthy(),
    });
}

fn cut_and_tcp(story: &mut Story) {
    let begin = moment(story);
    let length = tell(story, &mut |ask| {
        if ask.time >= begin { ask.upstream_cut(2, true) } else { ask.healthy() }
    });
    story.probes(begin + secs(2), length, true);
    for n in 0..story.rng.between(6, 12) {
        let at = secs(1 + n * 3) + story.rng.span(ms(0), secs(2));
        story.truncated(at, 0, &format!("large-{n}.shop.svc.cluster.local"), Tcp::Silent(1));
    }
}

fn slow_and_blocked(story: &mut Story) {
    let begin = moment(story);
    tell(story, &mut |ask| match () {
        () if ask.client == 0 => Reply::lost(1),
        () if ask.is_external() && ask.time >= begin => {
            ask.upstream_takes(ask.rng.clone().span(ms(700), ms(1_900)))
        }
        () => ask.healthy(),
    });
}
