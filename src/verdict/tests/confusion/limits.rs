//! Cases of limits of the platform: packets a second to the VPC resolver, tracked connections.

use std::collections::HashMap;
use std::time::Duration;

use super::further::Further;
use super::scenario::Shows::{Among, Cause, Something};
use super::scenario::{Scenario, Shows};
use crate::config::Config;
use crate::context::{Context, Ethtool, Text};
use crate::forge::{A, AAAA, ms, secs, us};
use crate::verdict::tests::{Ask, Maker, Reply, Rng, Seen, Story, Stub, Try, View, What};

/// Where the upstream leg of a backend passes.
const LEG: &[(View, Shows)] = &[(View::Node, Cause), (View::Eni, Cause), (View::Dns, Cause)];

pub(super) const ALL: &[Further] = &[
    Further::new(Scenario {
        what: "more to the VPC resolver than an ENI may send, some of it dropped",
        truth: "vpc_dns_pps_exceeded",
        clients: 4,
        views: &[
            (View::Node, Cause),
            (View::Eni, Cause),
            (View::Dns, Cause),
            (View::Pod, Among(&["none", "undetermined", "upstream_unreachable", "upstream_slow"])),
        ],
        tell: exceeded,
    })
    .never(&["random_loss", "vpc_dns_pps_near_limit", "coredns_overload", "servfail_burst"]),
    Further::new(Scenario {
        what: "830 to 1000 packets/s to the VPC resolver, all answered",
        truth: "vpc_dns_pps_near_limit",
        clients: 4,
        views: LEG,
        tell: |story| close(story, 850, 1_000),
    })
    .never(&["vpc_dns_pps_exceeded"]),
    Further::new(Scenario {
        what: "more than the limit to the VPC resolver, all answered",
        truth: "vpc_dns_pps_near_limit",
        clients: 4,
        views: LEG,
        tell: |story| close(story, 1_100, 1_700),
    })
    .never(&["vpc_dns_pps_exceeded"]),
    Further::new(Scenario {
        what: "300 to 750 packets/s to the VPC resolver",
        truth: "none",
        clients: 4,
        views: LEG,
        tell: |story| close(story, 300, 750),
    }),
    Further::new(Scenario {
        what: "the upstream loses packets at any rate, 900 packets/s and fewer",
        truth: "random_loss",
        clients: 4,
        views: &[
            (View::Node, Among(&["none", "undetermined", "vpc_dns_pps_near_limit"])),
            (View::Eni, Among(&["none", "undetermined", "vpc_dns_pps_near_limit"])),
        ],
        tell: |story| lossy(story),
    })
    .never(&["vpc_dns_pps_exceeded"]),
    Further {
        read: |story| with_counter(story, true),
        ..Further::new(Scenario {
            what: "new flows are dropped, and the counter of tracked connections rises",
            truth: "conntrack_allowance_exceeded",
            clients: 4,
            views: &[(View::Node, Cause), (View::Eni, Cause), (View::Pod, Something)],
            tell: |story| dropped(story, true),
        })
        .never(&["random_loss"])
    },
    Further {
        read: |story| with_counter(story, false),
        ..Further::new(Scenario {
            what: "new flows are dropped, and the counter stays",
            truth: "random_loss",
            clients: 4,
            views: &[(View::Node, Something), (View::Eni, Something)],
            tell: |story| dropped(story, true),
        })
        .never(&["conntrack_allowance_exceeded"])
    },
    Further {
        read: |story| with_counter(story, true),
        ..Further::new(Scenario {
            what: "old flows lose as much as new ones, and the counter rises",
            truth: "random_loss",
            clients: 4,
            views: &[(View::Node, Cause)],
            tell: |story| dropped(story, false),
        })
    },
];

/// Questions that backend 0 asks its first upstream, so many a second; each upstream query passes or
/// not.
fn loud(
    story: &mut Story,
    (from, to): (Duration, Duration),
    rate: u64,
    passes: &mut dyn FnMut(Duration) -> bool,
) {
    let count = to.saturating_sub(from).as_micros() as u64 * rate / 1_000_000;
    for n in 0..count {
        let time = from + us(n * 1_000_000 / rate) + story.rng.span(us(0), us(400));
        let client = story.rng.between(0, 99) as usize % story.clients.len();
        let name = format!("bucket-{}.s3.us-west-2.amazonaws.com", story.rng.between(1, 400));
        let kind = if n % 2 == 0 { A } else { AAAA };
        let rng = Rng(story.rng.next());
        let ask = Ask { time, client, backend: 0, name: &name, kind, attempt: 0, rng };
        let mut reply = Reply::answer(ask.what(), us(100));
        // CoreDNS asks again after 2 s, and gives up after the second time.
        for again in 0..2 {
            let after = ms(2_000 * again) + us(60);
            let answered = passes(time + after).then(|| story.rng.span(us(200), ms(3)));
            let what = ask.what();
            reply.tries.push(Try { after, upstream: 0, answered, what, leaves: true });
            if let Some(took) = answered {
                reply.after = after + took + us(60);
                break;
            }
            (reply.what, reply.after) = (What::ServFail(Maker::Forwarder), ms(4_000));
        }
        reply.what = if reply.after < ms(4_000) { ask.what() } else { reply.what };
        let (port, id) = (story.port(), story.id());
        story.exchange(&ask, port, id, true, &reply);
    }
}

/// Loud for some seconds among quiet ones.
fn story_of(story: &mut Story, rate: u64, passes: &mut dyn FnMut(Duration) -> bool) {
    let begin = secs(story.rng.between(8, 15));
    let end = begin + secs(story.rng.between(2, 5));
    story.background(ms(0), begin, 3.0, &mut |ask| ask.healthy());
    loud(story, (begin, end), rate, passes);
    story.background(end, end + secs(10), 3.0, &mut |ask| ask.healthy());
    story.settle(end + secs(25));
}

/// So many packets pass in each part of a second, whatever their order.
fn exceeded(story: &mut Story) {
    let (rate, parts) = (story.rng.between(1_250, 2_400), *story.rng.pick(&[1, 4, 20]));
    let mut sent: HashMap<u128, u64> = HashMap::new();
    story_of(story, rate, &mut |time| {
        let count = sent.entry(time.as_micros() * parts / 1_000_000).or_default();
        *count += 1;
        *count <= 1_024 / parts as u64
    });
}

fn close(story: &mut Story, least: u64, most: u64) {
    let rate = story.rng.between(least, most);
    story_of(story, rate, &mut |_| true);
}

fn lossy(story: &mut Story) {
    let (rate, share) = (story.rng.between(400, 950), story.rng.between(20, 60) as f64 / 1_000.0);
    let mut rng = Rng(story.rng.next());
    let mut chance = move |_| !rng.chance(share);
    let quiet = story.rng.between(40, 80);
    loud(story, (ms(0), secs(10)), quiet, &mut chance);
    loud(story, (secs(10), secs(13)), rate, &mut chance);
    loud(story, (secs(13), secs(25)), quiet, &mut chance);
    story.settle(secs(45));
}

/// What `ethtool -S` says before and after.
fn with_counter(story: &Story, rises: bool) -> Seen {
    let mut rng = story.rng.clone();
    let (before, more) = (rng.between(0, 5_000), rng.between(5, 4_000));
    let text =
        |value: u64| format!("NIC statistics:\n     conntrack_allowance_exceeded: {value}\n");
    let texts = [text(before), text(before + if rises { more } else { 0 })];
    let [before, after] = [0, 1].map(|n| Text { file: "ethtool.txt", text: &texts[n] });
    let ethtool = Some(Ethtool::parse(before, Some(after)).unwrap());
    let context = Context { ethtool, ..Context::default() };
    Seen::with(story.file(), &Config { context, ..Config::default() })
}

/// Fresh ports lose their packets before they leave the ENI; long-lived ones do, or do not.
fn dropped(story: &mut Story, new_only: bool) {
    let share = story.rng.between(60, 250) as f64 / 1_000.0;
    for client in 0..story.clients.len() {
        let resolver = story.resolver(client, (client + 1) % 2);
        story.keeps_asking(resolver, (ms(0), secs(100)), &mut |ask| {
            let lost = !new_only && ask.luck() < share;
            if lost { Reply::lost(2) } else { ask.healthy() }
        });
    }
    let (mut flow, rate) = (false, story.rng.between(4, 10) as f64);
    let stubs = story.stubs.clone();
    story.background(ms(0), secs(100), rate, &mut |ask| {
        // All questions of a new flow, or none; Go has a flow for each.
        if stubs[ask.client] == Stub::Go || ask.kind == A && ask.attempt == 0 {
            flow = ask.luck() < share;
        }
        if flow { Reply::lost(2) } else { ask.healthy() }
    });
    story.settle(secs(130));
}
