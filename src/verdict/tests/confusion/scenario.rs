//! What happens in the generated cases: each with a truth, told with chance deciding everything that
//! a cluster may have otherwise: when, how often, how long, how many, to whom.

use std::time::Duration;

use crate::forge::{ms, secs, us};
use crate::verdict::tests::sockets;
use crate::verdict::tests::{Ask, Maker, Refusal, Reply, Story, View, What};

/// What a view can show of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// The cause: it has to be named.
    Cause,
    /// Something: it may be named, or nothing may be; nothing else may.
    Something,
    /// The cause, or what it comes to for who does not know the addresses.
    Or(&'static str),
    /// One of these.
    Among(&'static [&'static str]),
}

impl Shows {
    /// Whether a root cause is what this place has to show.
    pub(super) fn accepts(self, truth: &str, root: &str) -> bool {
        let nothing = ["none", "undetermined"].contains(&root);
        root == truth
            || match self {
                Shows::Cause => false,
                Shows::Something => nothing,
                Shows::Or(other) => root == other,
                Shows::Among(others) => others.contains(&root),
            }
    }
}

use Shows::{Cause, Something};

/// Something that happens.
pub(super) struct Scenario {
    /// In a few words.
    pub(super) what: &'static str,
    /// The cause code, or `none`.
    pub(super) truth: &'static str,
    /// Fewest clients that it needs.
    pub(super) clients: u64,
    /// Where it is seen.
    pub(super) views: &'static [(View, Shows)],
    /// Tells it.
    pub(super) tell: fn(&mut Story),
}

pub(super) const EVERYWHERE: &[(View, Shows)] =
    &[(View::Pod, Cause), (View::Node, Cause), (View::Eni, Cause), (View::Dns, Cause)];

/// All of them.
pub(super) const ALL: &[Scenario] = &[
    Scenario { what: "nothing", truth: "none", clients: 1, views: EVERYWHERE, tell: healthy },
    Scenario {
        what: "nothing, at a high rate",
        truth: "none",
        clients: 4,
        views: EVERYWHERE,
        tell: busy,
    },
    Scenario {
        what: "nothing, few questions in a long time",
        truth: "none",
        clients: 1,
        views: EVERYWHERE,
        tell: quiet,
    },
    Scenario {
        what: "one packet in a thousand is lost",
        truth: "none",
        clients: 2,
        views: EVERYWHERE,
        tell: |story| lossy(story, 0.001, 0.001),
    },
    Scenario {
        what: "CoreDNS cannot reach its upstreams",
        truth: "upstream_unreachable",
        clients: 1,
        views: &[
            (View::Pod, Something),
            (View::Node, Cause),
            (View::Eni, Something),
            (View::Dns, Cause),
        ],
        tell: upstream_cut,
    },
    Scenario {
        what: "some pods get nothing from cluster DNS, from some moment on",
        truth: "client_egress_dropped",
        clients: 4,
        views: &[(View::Node, Cause), (View::Eni, Something)],
        tell: blocked,
    },
    Scenario {
        what: "the answers to a pod are dropped on its node",
        truth: "client_egress_dropped",
        clients: 4,
        views: &[(View::Node, Cause)],
        tell: answers_dropped,
    },
    Scenario {
        what: "some pods are refused by ICMP of the node",
        truth: "firewall_reject",
        clients: 4,
        views: &[(View::Node, Cause)],
        tell: rejected,
    },
    Scenario {
        what: "CoreDNS does not listen",
        truth: "dns_port_closed",
        clients: 2,
        views: &[(View::Pod, Something), (View::Node, Cause), (View::Dns, Cause)],
        tell: closed,
    },
    Scenario {
        what: "the Service has no endpoints",
        truth: "kube_dns_no_endpoints",
        clients: 2,
        views: &[(View::Pod, Cause), (View::Node, Cause)],
        tell: no_endpoints,
    },
    Scenario {
        what: "one backend falls silent",
        truth: "coredns_backend_gone",
        clients: 3,
        views: &[(View::Node, Cause), (View::Eni, Something), (View::Pod, Something)],
        tell: backend_gone,
    },
    Scenario {
        what: "ten and more SERVFAILs of CoreDNS' own in a moment",
        truth: "servfail_burst",
        clients: 2,
        views: &[(View::Node, Cause), (View::Eni, Something), (View::Dns, Something)],
        tell: burst,
    },
    Scenario {
        what: "fewer than ten SERVFAILs of one backend in a moment",
        truth: "none",
        clients: 2,
        views: EVERYWHERE,
        tell: transient,
    },
    Scenario {
        what: "packets are lost here and there",
        truth: "random_loss",
        clients: 4,
        views: &[
            (View::Node, Cause),
            (View::Eni, Something),
            (View::Pod, Something),
            (View::Dns, Something),
        ],
        tell: |story| lossy(story, 0.015, 0.1),
    },
    Scenario {
        what: "names that do not exist, again and again",
        truth: "name_does_not_exist",
        clients: 2,
        views: &[(View::Node, Cause), (View::Pod, Cause)],
        tell: missing,
    },
    Scenario {
        what: "one of an A/AAAA pair is lost before the DNAT",
        truth: "conntrack_dnat_race",
        clients: 2,
        views: &[(View::Node, Cause), (View::Pod, Something)],
        tell: sockets::racing,
    },
    Scenario {
        what: "long-lived sockets stay tied to a backend that is gone",
        truth: "stale_conntrack_udp",
        clients: 2,
        views: &[(View::Node, Cause), (View::Pod, Something), (View::Eni, Something)],
        tell: sockets::stuck,
    },
];

/// Length and rate (lookups a second) as chance has them.
fn size(story: &mut Story) -> (Duration, f64) {
    (secs(story.rng.between(40, 120)), story.rng.between(3, 15) as f64)
}

/// Lookups all the time, then quiet.
pub(super) fn tell(story: &mut Story, fate: &mut dyn FnMut(&Ask<'_>) -> Reply) -> Duration {
    let (length, rate) = size(story);
    story.background(ms(0), length, rate, fate);
    story.settle(length + secs(25));
    length
}

/// A moment in the first half of the shortest capture.
pub(super) fn moment(story: &mut Story) -> Duration {
    secs(story.rng.between(5, 20))
}

fn healthy(story: &mut Story) {
    let length = secs(story.rng.between(5, 200));
    let rate = story.rng.between(1, 12) as f64;
    story.healthy(length, rate);
}

fn busy(story: &mut Story) {
    let (length, rate) = (secs(story.rng.between(5, 12)), story.rng.between(60, 200) as f64);
    story.healthy(length, rate);
}

fn quiet(story: &mut Story) {
    let (length, rate) =
        (secs(story.rng.between(900, 3600)), story.rng.between(2, 20) as f64 / 100.0);
    story.healthy(length, rate);
}

fn upstream_cut(story: &mut Story) {
    let (begin, leaves) = (moment(story), story.rng.chance(0.5));
    let length = tell(story, &mut |ask| {
        let waits = 3_u64.saturating_sub(ask.time.saturating_sub(begin).as_secs() / 15).max(1);
        if ask.time < begin { ask.healthy() } else { ask.upstream_cut(waits, leaves) }
    });
    story.probes(begin + secs(2), length, leaves);
}

fn blocked(story: &mut Story) {
    let begin = if story.rng.chance(0.5) { ms(0) } else { moment(story) };
    let some = story.rng.between(1, (story.clients.len() as u64 / 3).max(1)) as usize;
    let reach = if story.view == View::Eni { 2 } else { story.rng.between(1, 2) as u8 };
    tell(story, &mut |ask| {
        let silent = ask.client < some && ask.time >= begin;
        if silent { Reply::lost(reach) } else { ask.healthy() }
    });
}

fn answers_dropped(story: &mut Story) {
    tell(story, &mut |ask| {
        if ask.client == 0 { Reply { reach: 5, ..ask.healthy() } } else { ask.healthy() }
    });
}

fn rejected(story: &mut Story) {
    let codes: &[(u8, u8)] = if story.service.is_ipv4() {
        &[(3, 13), (3, 10), (3, 9), (3, 1), (3, 3)]
    } else {
        &[(1, 1), (1, 3), (1, 4)]
    };
    let (code, begin) = (*story.rng.pick(codes), moment(story));
    let mut next = ms(0);
    tell(story, &mut |ask| {
        if ask.client > 0 || ask.time < begin {
            return ask.healthy();
        }
        if ask.time < next {
            return Reply::lost(1);
        }
        next = ask.time + ms(160);
        Reply::refused(Refusal::Forward(code), us(90))
    });
}

fn closed(story: &mut Story) {
    let begin = moment(story);
    tell(story, &mut |ask| {
        if ask.time < begin { ask.healthy() } else { Reply::refused(Refusal::Backend, us(150)) }
    });
}

fn no_endpoints(story: &mut Story) {
    let begin = if story.rng.chance(0.5) { ms(0) } else { moment(story) };
    let code = if story.service.is_ipv4() { (3, 3) } else { (1, 4) };
    tell(story, &mut |ask| {
        if ask.time < begin { ask.healthy() } else { Reply::refused(Refusal::Node(code), us(40)) }
    });
}

fn backend_gone(story: &mut Story) {
    let (begin, dead) = (moment(story), story.backends.len() - 1);
    tell(story, &mut |ask| {
        if ask.backend == dead && ask.time >= begin { Reply::lost(3) } else { ask.healthy() }
    });
}

/// So many SERVFAILs of backend 0, as fast as they are asked for.
fn servfails(story: &mut Story, count: u64) {
    let (begin, mut left) = (moment(story), count);
    tell(story, &mut |ask| {
        if ask.backend == 0 && ask.client == 0 && ask.time >= begin && left > 0 && ask.attempt == 0
        {
            left -= 1;
            return Reply::answer(What::ServFail(Maker::Forwarder), ms(1));
        }
        ask.healthy()
    });
}

fn burst(story: &mut Story) {
    let (begin, broken) = (moment(story), story.rng.between(4, 9) as f64 / 10.0);
    let end = begin + secs(story.rng.between(10, 20));
    tell(story, &mut |ask| {
        let fails = (begin..end).contains(&ask.time) && ask.luck() < broken;
        if fails { Reply::answer(What::ServFail(Maker::Forwarder), ms(1)) } else { ask.healthy() }
    });
}

fn transient(story: &mut Story) {
    let count = story.rng.between(1, 8);
    servfails(story, count);
}

fn lossy(story: &mut Story, least: f64, most: f64) {
    let part = story.rng.between(0, 100) as f64 / 100.0;
    let share = least + (most - least) * part;
    tell(story, &mut |ask| {
        let mut rng = ask.rng.clone();
        if ask.luck() < share {
            return Reply { reach: rng.between(1, 5) as u8, ..ask.healthy() };
        }
        ask.healthy()
    });
}

fn missing(story: &mut Story) {
    let (length, names) = (size(story).0, story.rng.between(1, 3));
    let mut time = secs(1);
    while time < length {
        let name = format!("gone-{}.shop", story.rng.between(1, names));
        let client = 0;
        story.lookup(time, client, &name, &mut |ask| ask.healthy());
        time += story.rng.span(ms(400), secs(4));
    }
    story.background(ms(0), length, 5.0, &mut |ask| ask.healthy());
    story.settle(length + secs(10));
}
