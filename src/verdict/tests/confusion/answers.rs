//! Cases of answers that fail or are slow.

use std::time::Duration;

use super::scenario::Shows::{Cause, Something};
use super::scenario::{EVERYWHERE, Scenario, moment, tell};
use crate::forge::ms;
use crate::verdict::tests::{Ask, Maker, Story, Stub, View, What};

/// Where the upstream leg of some backend passes, and the pod, which sees what comes of it.
const LEG: &[(View, super::scenario::Shows)] =
    &[(View::Pod, Cause), (View::Node, Cause), (View::Eni, Cause), (View::Dns, Cause)];

/// All of them.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        what: "the upstream says SERVFAIL",
        truth: "upstream_servfail",
        clients: 1,
        views: LEG,
        tell: servfail,
    },
    Scenario {
        what: "a signed zone is broken, for clients with EDNS",
        truth: "dnssec_validation_failure",
        clients: 1,
        views: &[(View::Node, Cause), (View::Dns, Cause), (View::Pod, Cause)],
        tell: bogus,
    },
    Scenario {
        what: "the upstream refuses CoreDNS",
        truth: "query_refused",
        clients: 1,
        views: LEG,
        tell: refused,
    },
    Scenario {
        what: "a DNS policy refuses a pod some names",
        truth: "query_refused",
        clients: 3,
        views: &[(View::Node, Cause), (View::Pod, Cause)],
        tell: policy,
    },
    Scenario {
        what: "a CoreDNS starts and does not reach the API server",
        truth: "coredns_not_synced",
        clients: 2,
        views: &[(View::Node, Cause), (View::Dns, Cause), (View::Pod, Something)],
        tell: unsynced,
    },
    Scenario {
        what: "the upstream takes 0.3 to 1.9 s",
        truth: "upstream_slow",
        clients: 1,
        views: LEG,
        tell: |story| slow(story, ms(300), ms(1_900)),
    },
    Scenario {
        what: "the upstream takes 2 to 5 s",
        truth: "upstream_slow",
        clients: 1,
        views: &[(View::Node, Cause), (View::Dns, Cause), (View::Eni, Cause)],
        tell: |story| slow(story, ms(2_050), ms(5_000)),
    },
    Scenario {
        what: "the upstream says nothing about one zone",
        truth: "upstream_slow",
        clients: 2,
        views: &[(View::Node, Cause), (View::Dns, Cause)],
        tell: silent_zone,
    },
    Scenario {
        what: "nothing, with an upstream whose cache is cold",
        truth: "none",
        clients: 1,
        views: EVERYWHERE,
        tell: cold,
    },
    Scenario {
        what: "nothing, with a broken zone of others' now and then",
        truth: "none",
        clients: 2,
        views: EVERYWHERE,
        tell: noise,
    },
];

fn servfail(story: &mut Story) {
    let (begin, part) = (moment(story), story.rng.between(30, 100) as f64 / 100.0);
    tell(story, &mut |ask| {
        let fails = ask.is_external() && ask.time >= begin && ask.luck() < part;
        if fails { ask.upstream_says(What::ServFail(Maker::Relayed)) } else { ask.healthy() }
    });
}

fn bogus(story: &mut Story) {
    if story.view == View::Pod {
        // Others are not told why.
        story.stubs.fill(Stub::Go);
    }
    let zone = *story.rng.pick(&["example.net", "example.com", "amazonaws.com"]);
    let code = *story.rng.pick(&[1, 5, 6, 7, 9, 10, 12, 27]);
    tell(story, &mut |ask| {
        if ask.name.ends_with(zone) {
            ask.upstream_says(What::ServFail(Maker::Extended(code)))
        } else {
            ask.healthy()
        }
    });
}

fn refused(story: &mut Story) {
    let begin = moment(story);
    tell(story, &mut |ask| {
        let fails = ask.is_external() && ask.time >= begin;
        if fails { ask.upstream_says(What::Refused(Maker::Relayed)) } else { ask.healthy() }
    });
}

fn policy(story: &mut Story) {
    let zone = *story.rng.pick(&["example.net", "example.com"]);
    tell(story, &mut |ask| {
        let fails = ask.client == 0 && ask.name.ends_with(zone);
        if fails { ask.says(What::Refused(Maker::Forwarder)) } else { ask.healthy() }
    });
}

fn unsynced(story: &mut Story) {
    let end = moment(story) * 2;
    tell(story, &mut |ask| {
        let fails = ask.backend == 0 && ask.time < end && ask.name.ends_with("cluster.local");
        if fails { ask.says(What::ServFail(Maker::Unsynced)) } else { ask.healthy() }
    });
}

fn slow(story: &mut Story, least: Duration, most: Duration) {
    let low = story.rng.span(least, (least + most) / 2);
    let high = story.rng.span(low, most);
    let begin = moment(story);
    tell(story, &mut |ask| {
        let slow = ask.is_external() && ask.time >= begin;
        if slow { ask.upstream_takes(ask.rng.clone().span(low, high)) } else { ask.healthy() }
    });
}

fn silent_zone(story: &mut Story) {
    let zone = *story.rng.pick(&["example.net", "example.com"]);
    let begin = moment(story);
    let length = tell(story, &mut |ask| {
        let silent = ask.name.ends_with(zone) && ask.time >= begin;
        if silent { ask.upstream_cut(3, true) } else { ask.healthy() }
    });
    story.answered_probes(begin + ms(2_000), length);
}

fn cold(story: &mut Story) {
    let part = story.rng.between(5, 40) as f64 / 100.0;
    tell(story, &mut |ask: &Ask<'_>| match ask.luck() {
        _ if !ask.is_external() => ask.healthy(),
        luck if luck < 0.01 => ask.upstream_takes(ask.rng.clone().span(ms(400), ms(1_800))),
        luck if luck < part => ask.upstream_takes(ask.rng.clone().span(ms(80), ms(300))),
        _ => ask.healthy(),
    });
}

fn noise(story: &mut Story) {
    let part = story.rng.between(1, 5) as f64 / 1000.0;
    tell(story, &mut |ask| {
        let fails = ask.is_external() && ask.luck() < part;
        if fails { ask.upstream_says(What::ServFail(Maker::Extended(22))) } else { ask.healthy() }
    });
}
