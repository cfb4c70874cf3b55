//! Cases that ask for more than a root cause: findings that have to stand beside it or must not, a
//! capture that is flawed, context that the operator gives.

use super::scenario::Shows::{Among, Cause};
use super::scenario::{EVERYWHERE, Scenario, Shows, tell};
use crate::forge::{Capture, Link, ms, secs};
use crate::verdict::tests::{Seen, Story, View, What};

/// A scenario, and what else is asked of it.
pub(super) struct Further {
    pub(super) scenario: Scenario,
    /// Findings that have to be there where a cause has to be named.
    pub(super) also: &'static [&'static str],
    /// Findings that must not be.
    pub(super) never: &'static [&'static str],
    /// No verdict on a cause may be surer.
    pub(super) most: f64,
    /// How it is read.
    pub(super) read: fn(&Story) -> Seen,
}

impl Further {
    pub(super) const fn new(scenario: Scenario) -> Further {
        Further { scenario, also: &[], never: &[], most: 1.0, read: Story::judge }
    }

    pub(super) const fn also(self, also: &'static [&'static str]) -> Further {
        Further { also, ..self }
    }

    pub(super) const fn never(self, never: &'static [&'static str]) -> Further {
        Further { never, ..self }
    }
}

const fn fine(what: &'static str, tell: fn(&mut Story)) -> Further {
    Further::new(Scenario { what, truth: "none", clients: 2, views: EVERYWHERE, tell })
}

/// A flawed capture of a cluster in which nothing is wrong.
const fn flawed(what: &'static str, read: fn(&Story) -> Seen) -> Further {
    let (clients, views, tell) = (2, EVERYWHERE, steady as fn(&mut Story));
    let scenario = Scenario { what, truth: "undetermined", clients, views, tell };
    Further { also: &["capture_incomplete"], read, ..Further::new(scenario) }
}

/// The losses may be the capture's own.
const DOUBT: Shows = Among(&["none", "undetermined", "random_loss"]);

pub(super) const ALL: &[Further] = &[
    fine("names are found by walks through the search list", walks).also(&["ndots_search_chain"]),
    fine("the same names with a final dot", |story| named(story, true))
        .never(&["ndots_search_chain", "name_does_not_exist"]),
    fine("names without an IPv6 address", |story| named(story, false)).also(&["nodata_no_ipv6"]),
    fine("names with both kinds of addresses", both).never(&["nodata_no_ipv6"]),
    Further::new(Scenario {
        what: "some SERVFAILs of one backend in a moment, then it is fine",
        truth: "none",
        clients: 2,
        views: &[(View::Node, Cause), (View::Dns, Cause)],
        tell: scale_down,
    })
    .also(&["servfail_transient"]),
    flawed("only queries were captured", |story| Seen::of(story.one_sided(false))),
    flawed("only responses were captured", |story| Seen::of(story.one_sided(true))),
    Further {
        most: 0.3,
        read: |story| {
            let received = story.capture.packets().len() as u64;
            Seen::of(story.capture.pcapng_with(false, [received, 0, received / 20]))
        },
        ..Further::new(Scenario {
            what: "the kernel dropped some packets of a healthy capture, and says so",
            truth: "undetermined",
            clients: 2,
            views: &[
                (View::Pod, DOUBT),
                (View::Node, DOUBT),
                (View::Eni, DOUBT),
                (View::Dns, DOUBT),
            ],
            tell: holes,
        })
    },
];

fn steady(story: &mut Story) {
    story.lookup(ms(5), 0, "service-1", &mut |ask| ask.healthy());
    tell(story, &mut |ask| ask.healthy());
}

fn walks(story: &mut Story) {
    for client in 0..story.clients.len() {
        for n in 0..story.rng.between(2, 6) {
            let name = format!("service-{n}.shop");
            let at = secs(2 + n * 5) + story.rng.span(ms(0), secs(3));
            story.lookup(at, client, &name, &mut |ask| ask.healthy());
        }
    }
    tell(story, &mut |ask| ask.healthy());
}

/// Nobody's name is looked for.
fn named(story: &mut Story, as_is: bool) {
    let (length, gap) = (secs(story.rng.between(20, 90)), story.rng.between(50, 600));
    let mut time = ms(3);
    while time < length {
        let (n, client) = (story.rng.between(1, 30), story.rng.between(0, 99) as usize);
        let name = match story.rng.between(0, 2) {
            0 => format!("service-{n}.shop.svc.cluster.local."),
            1 => format!("api-{n}.example.com."),
            _ if as_is => format!("bucket-{n}.s3.us-west-2.amazonaws.com."),
            _ => format!("service-{n}"),
        };
        story.lookup(time, client % story.clients.len(), &name, &mut |ask| ask.healthy());
        time += story.rng.span(ms(gap / 2), ms(gap));
    }
    story.settle(length + secs(12));
}

fn both(story: &mut Story) {
    let rate = story.rng.between(2, 12);
    for n in 0..rate * 30 {
        let client = story.rng.between(0, 99) as usize % story.clients.len();
        let (name, at) = (format!("six-{}.example.net.", n % 17), ms(2 + n * 1000 / rate));
        story.lookup(at, client, &name, &mut |ask| ask.healthy());
    }
    story.settle(secs(45));
}

/// A CoreDNS that goes away hands out some SERVFAILs.
fn scale_down(story: &mut Story) {
    let (begin, mut left) = (secs(story.rng.between(5, 20)), story.rng.between(2, 8));
    tell(story, &mut |ask| {
        let fails = ask.backend == 0 && ask.time >= begin && left > 0 && ask.attempt == 0;
        left -= u64::from(fails);
        let what = What::ServFail(crate::verdict::tests::Maker::Forwarder);
        if fails { ask.says(what) } else { ask.healthy() }
    });
}

/// A share of all packets is not in the file.
fn holes(story: &mut Story) {
    steady(story);
    let share = story.rng.between(3, 15) as f64 / 100.0;
    let link = if story.view == View::Node { Link::Sll2 } else { Link::Ethernet };
    let mut kept = Capture::new(link);
    for packet in story.capture.packets() {
        if !story.rng.chance(share) {
            kept.at(packet.time).frame(packet.frame);
        }
    }
    story.capture = kept;
}
