//! Cases of what carries DNS: TCP, fragments, an address that is nobody's, an upstream's closed port.

use super::further::Further;
use super::scenario::Shows::{Among, Cause, Or, Something};
use super::scenario::{EVERYWHERE, Scenario, moment, tell};
use crate::forge::{ms, secs, us};
use crate::verdict::tests::{Arrives, Ask, Maker, Refusal, Reply, Sender, Story, Tcp, View, What};

pub(super) const ALL: &[Further] = &[
    Further::new(Scenario {
        what: "TCP to port 53 is dropped: truncated answers cannot be fetched",
        truth: "tcp53_blocked",
        clients: 2,
        views: &[(View::Pod, Cause), (View::Node, Cause), (View::Eni, Something)],
        tell: |story| over_tcp(story, false),
    })
    .never(&["client_egress_dropped", "random_loss", "upstream_unreachable"]),
    Further::new(Scenario {
        what: "TCP to port 53 is reset: truncated answers cannot be fetched",
        truth: "tcp53_blocked",
        clients: 2,
        views: &[(View::Pod, Cause), (View::Node, Cause), (View::Eni, Something)],
        tell: |story| over_tcp(story, true),
    })
    .never(&["firewall_reject", "dns_port_closed"]),
    Further::new(Scenario {
        what: "truncated answers are fetched over TCP",
        truth: "none",
        clients: 2,
        views: EVERYWHERE,
        tell: |story| fetches(story, |_| Tcp::Works),
    }),
    Further::new(Scenario {
        what: "of answers in fragments only the first arrive",
        truth: "fragment_loss",
        clients: 2,
        views: &[(View::Pod, Cause), (View::Node, Cause), (View::Eni, Cause)],
        tell: |story| fragments(story, Arrives::First),
    })
    .never(&["random_loss", "client_egress_dropped"]),
    Further::new(Scenario {
        what: "answers in fragments arrive whole",
        truth: "none",
        clients: 2,
        views: &[(View::Pod, Cause), (View::Node, Cause), (View::Eni, Cause)],
        tell: |story| fragments(story, Arrives::All),
    }),
    Further::new(Scenario {
        what: "some pods ask an address that is nobody's",
        truth: "wrong_nameserver",
        clients: 5,
        views: &[(View::Node, Cause), (View::Eni, Cause)],
        tell: |story| astray(story, |_, _| Reply::lost(2)),
    })
    .never(&[
        "client_egress_dropped",
        "firewall_reject",
        "coredns_backend_gone",
        "random_loss",
    ]),
    Further::new(Scenario {
        what: "some pods ask an address without a host, and a router says so",
        truth: "wrong_nameserver",
        clients: 5,
        views: &[(View::Node, Cause), (View::Eni, Cause)],
        tell: |story| {
            astray(story, |_, v6| {
                let code = if v6 { (1, 3) } else { (3, 1) };
                Reply::refused(Refusal::Node(code), ms(30)).reaching(2)
            });
        },
    })
    .never(&["firewall_reject", "dns_port_closed"]),
    Further::new(Scenario {
        what: "some pods ask another resolver, and it answers",
        truth: "none",
        clients: 5,
        views: &[(View::Node, Cause), (View::Eni, Cause)],
        tell: elsewhere,
    }),
    Further::new(Scenario {
        what: "nobody listens on the upstreams, and their hosts say so",
        truth: "dns_port_closed",
        clients: 2,
        views: &[
            (View::Node, Or("upstream_unreachable")),
            (View::Eni, Or("upstream_unreachable")),
            (View::Dns, Or("upstream_unreachable")),
            (View::Pod, Among(&["upstream_unreachable", "servfail_burst", "undetermined"])),
        ],
        tell: upstreams_closed,
    })
    .never(&["firewall_reject", "client_egress_dropped"]),
];

/// Everybody's usual questions, and large ones of some.
fn fetches(story: &mut Story, how: impl Fn(usize) -> Tcp) {
    let (gap, mut time) = (story.rng.between(800, 4_000), secs(1));
    let length = tell(story, &mut |ask| ask.healthy());
    while time < length {
        let own = story.is_pod() || story.rng.chance(0.4);
        let client = if own { 0 } else { story.rng.between(0, 99) as usize % story.clients.len() };
        let name = format!("large-{}.example.com", story.rng.between(1, 9));
        story.truncated(time, client, &name, how(client));
        time += story.rng.span(ms(gap / 2), ms(gap));
    }
}

fn over_tcp(story: &mut Story, reset: bool) {
    // A rule in the pod's node, behind it, or on the server's side.
    let reach = if story.view == View::Eni { 2 } else { story.rng.between(1, 3) as u8 };
    fetches(story, move |_| if reset { Tcp::Reset } else { Tcp::Silent(reach) });
}

fn fragments(story: &mut Story, arrives: Arrives) {
    let (count, icmp) = (story.rng.between(5, 20), story.rng.chance(0.5));
    let gap = story.rng.between(900, 3_000);
    // What else is cut up arrives: else the capture's filter may have left fragments out.
    for n in 0..count {
        let arrives = if n % 4 == 3 { Arrives::All } else { arrives };
        let icmp = icmp && arrives == Arrives::First;
        story.in_fragments(ms(500 + n * gap), &format!("big-{n}.example.com"), arrives, icmp);
    }
    story.background(ms(0), secs(60), 5.0, &mut |ask| ask.healthy());
    story.settle(secs(105));
}

/// Some clients ask somebody who is not there.
fn astray(story: &mut Story, fate: impl Fn(&Ask<'_>, bool) -> Reply) {
    let (own, v6) = (story.rng.between(2, 200), story.service.is_ipv6());
    let wrong = match (v6, story.rng.chance(0.4)) {
        (true, _) => format!("fd01:10::{own:x}"),
        (false, true) => "10.100.0.10".to_owned(),
        (false, false) => format!("10.99.{own}.10"),
    };
    let some = story.rng.between(2, 4) as usize;
    let sender = *story.rng.pick(&[Sender::Pod, Sender::Translated]);
    story.send(wrong.parse().unwrap(), |client| client % some == 0).from_node = sender;
    let mut fate = |ask: &Ask<'_>| {
        if ask.client.is_multiple_of(some) { fate(ask, v6) } else { ask.healthy() }
    };
    for client in 0..story.clients.len() {
        story.lookup(secs(3), client, "service-1", &mut fate);
    }
    tell(story, &mut fate);
}

/// Pods on the host network have the VPC resolver, and are served by it.
fn elsewhere(story: &mut Story) {
    let upstream = story.upstreams[1];
    let detour = story.send(upstream, |client| client % 3 == 0);
    (detour.from_node, detour.outside) = (Sender::Node, true);
    let length = secs(story.rng.between(30, 80));
    for n in 0..length.as_secs() {
        let name = format!("cdn-{}.a.b.c.d.example.net.", n % 20);
        let client = 3 * (story.rng.between(0, 99) as usize % story.clients.len().div_ceil(3));
        story.lookup(secs(n) + ms(40), client, &name, &mut |ask| ask.outside());
    }
    let others: Vec<usize> = (0..story.clients.len()).filter(|client| client % 3 > 0).collect();
    story.background_of(&others, ms(0), length, 6.0, &mut |ask| ask.healthy());
    story.settle(length + secs(20));
}

/// Some of the refusals are told, one a second; what else CoreDNS asks runs into its 2 s.
fn upstreams_closed(story: &mut Story) {
    let begin = moment(story);
    let (mut refused, mut next) = (Vec::new(), [begin; 2]);
    let length = tell(story, &mut |ask| {
        if !ask.is_external() || ask.time < begin {
            return ask.healthy();
        }
        let mut reply = ask.upstream_cut(1, true);
        let first = reply.tries[0].upstream;
        if ask.backend == 0 && ask.time >= next[first] {
            next[first] = ask.time + secs(1);
            refused.push((ask.time, ask.name.to_owned(), ask.kind, first));
            reply.tries.remove(0);
        }
        Reply { what: What::ServFail(Maker::Forwarder), ..reply }
    });
    for (time, name, kind, upstream) in refused {
        let rng = story.rng.clone();
        let ask = Ask { time, client: 0, backend: 0, name: &name, kind, attempt: 0, rng };
        story.refused_upstream(&ask, us(70), upstream);
    }
    story.probes(begin + secs(2), length, true);
}
