//! Generated cases of addresses, search lists, load and outages.

use std::time::Duration;

use super::scenario::Scenario;
use super::scenario::Shows::{Cause, Or, Something};
use crate::forge::{ms, secs, us};
use crate::verdict::tests::{Ask, Refusal, Reply, Round, Story, Stub, View, What};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        what: "NodeLocal DNSCache does not listen on a node",
        truth: "nodelocaldns_down",
        clients: 2,
        // Nothing says that an address of fd00::/8 is the node's own.
        views: &[(View::Pod, Or("dns_port_closed")), (View::Node, Or("dns_port_closed"))],
        tell: cache_closed,
    },
    Scenario {
        what: "NodeLocal DNSCache runs, half of the pods ask past it",
        truth: "nodelocaldns_bypass",
        clients: 4,
        views: &[(View::Node, Cause), (View::Eni, Something), (View::Pod, Something)],
        tell: past_the_cache,
    },
    Scenario {
        what: "CoreDNS forwards to its own Service",
        truth: "dns_forwarding_loop",
        clients: 2,
        views: &[(View::Node, Cause), (View::Dns, Cause)],
        tell: rounds,
    },
    Scenario {
        what: "a pod of the host network asks the VPC resolver for names of the cluster",
        truth: "cluster_name_sent_upstream",
        clients: 3,
        views: &[(View::Pod, Cause), (View::Node, Cause), (View::Eni, Cause)],
        tell: outside,
    },
    Scenario {
        what: "a search domain with a wildcard, and musl in it",
        truth: "musl_search_stopped",
        clients: 3,
        views: &[(View::Pod, Cause), (View::Node, Cause)],
        tell: |story| wildcard(story, Stub::Musl),
    },
    Scenario {
        what: "the same search domain without musl",
        truth: "none",
        clients: 3,
        views: &[(View::Pod, Cause), (View::Node, Cause), (View::Eni, Cause), (View::Dns, Cause)],
        tell: |story| wildcard(story, Stub::Glibc),
    },
    Scenario {
        what: "CoreDNS is asked more than it can answer",
        truth: "coredns_overload",
        clients: 4,
        views: &[
            (View::Node, Cause),
            (View::Dns, Cause),
            (View::Eni, Cause),
            (View::Pod, Something),
        ],
        tell: overload,
    },
    Scenario {
        what: "answers of the backend on the own node are not translated back",
        truth: "reply_source_mismatch",
        clients: 2,
        views: &[(View::Pod, Cause), (View::Node, Cause)],
        tell: untranslated,
    },
    Scenario {
        what: "upstreams are silent for half a minute in ten",
        truth: "upstream_unreachable",
        clients: 2,
        views: &[(View::Node, Cause), (View::Dns, Cause), (View::Pod, Something)],
        tell: upstream_outage,
    },
    Scenario {
        what: "one pod gets nothing for half a minute in ten",
        truth: "client_egress_dropped",
        clients: 4,
        views: &[(View::Node, Cause)],
        tell: pod_outage,
    },
    Scenario {
        what: "a backend is silent for half a minute in ten",
        truth: "coredns_backend_gone",
        clients: 3,
        views: &[(View::Node, Cause), (View::Pod, Something)],
        tell: backend_outage,
    },
];

fn cache_closed(story: &mut Story) {
    story.put_cache(|_| true);
    let rate = story.rng.between(4, 15) as f64 * 0.1 * story.clients.len() as f64;
    story.background(ms(0), secs(60), rate, &mut |_| Reply::refused(Refusal::Backend, ms(0)));
    story.settle(secs(95));
}

fn past_the_cache(story: &mut Story) {
    story.put_cache(|client| client % 2 == 0);
    let (length, rate) = (secs(story.rng.between(40, 90)), story.rng.between(4, 12) as f64);
    story.healthy(length, rate);
    for n in 0..5 {
        for client in 0..story.clients.len() {
            story.lookup(secs(3 + 7 * n), client, "service-3.shop", &mut |ask| ask.healthy());
        }
    }
}

fn rounds(story: &mut Story) {
    let rate = story.rng.between(2, 5) as f64;
    let begun = story.forwarded(|story, fate| story.background(ms(0), secs(30), rate, fate));
    for (time, name, kind) in begun {
        // Real ones end at `max_concurrent`, 1000 by default.
        let times = story.rng.between(60, 200);
        story.go_round(time + us(100), 0, (&name, kind), Round::Service, times);
    }
    story.settle(secs(65));
}

fn outside(story: &mut Story) {
    story.on_the_host(|rng| rng.between(4, 14));
    let others: Vec<usize> = (1..story.clients.len()).collect();
    story.background_of(&others, ms(0), secs(60), 6.0, &mut |ask| ask.healthy());
    story.settle(secs(80));
}

fn wildcard(story: &mut Story, stub: Stub) {
    let trapped = |ask: &Ask<'_>| {
        let reply = ask.healthy();
        let trap = ask.name.ends_with("us-west-2.compute.internal");
        Reply { what: if trap { What::NoData } else { reply.what }, ..reply }
    };
    story.stubs = (0..story.clients.len())
        .map(|n| if n == 0 { stub } else { *story.rng.pick(&[Stub::Glibc, Stub::Go]) })
        .collect();
    let name = format!("api-{}.example.com", story.rng.between(1, 40));
    for n in 0..story.rng.between(9, 14) {
        let client = if n % 3 == 2 { n as usize % story.clients.len() } else { 0 };
        let at = secs(2 + n * 4) + story.rng.span(ms(0), ms(900));
        story.lookup(at, client, &name, &mut |ask| trapped(ask));
        story.lookup(at + secs(2), client, "service-4.shop", &mut |ask| trapped(ask));
    }
    story.background(ms(0), secs(60), 3.0, &mut |ask| trapped(ask));
    story.settle(secs(80));
}

fn overload(story: &mut Story) {
    let (start, end) = (secs(story.rng.between(8, 12)), secs(story.rng.between(15, 18)));
    let (queue, lost) = (ms(story.rng.between(150, 900)), story.rng.between(0, 30) as f64 / 100.0);
    let mut fate = |ask: &Ask<'_>| {
        let mut reply = ask.healthy();
        if !(start..end).contains(&ask.time) {
            return reply;
        }
        let mut rng = ask.rng.clone();
        if rng.chance(lost) {
            return Reply::lost(3);
        }
        reply.after += rng.span(queue / 10, queue);
        reply
    };
    story.background(ms(0), secs(25), 4.0, &mut fate);
    let rate = story.rng.between(60, 200) as f64;
    story.background(start, end, rate, &mut fate);
    story.settle(secs(55));
}

fn untranslated(story: &mut Story) {
    let rate = story.rng.between(3, 9) as f64;
    story.background(ms(0), secs(60), rate, &mut |ask| Reply {
        untranslated: ask.backend == 0,
        ..ask.healthy()
    });
    story.settle(secs(90));
}

/// Ten minutes with trouble for half of one, somewhere.
fn outage(
    story: &mut Story,
    rate: f64,
    fate: &mut dyn FnMut(&Ask<'_>) -> Reply,
) -> (Duration, Duration) {
    let from = secs(story.rng.between(60, 500));
    let to = from + secs(story.rng.between(25, 40));
    story.background(ms(0), secs(600), rate, &mut |ask| {
        if (from..to).contains(&ask.time) { fate(ask) } else { ask.healthy() }
    });
    story.settle(secs(625));
    (from, to)
}

fn upstream_outage(story: &mut Story) {
    let (from, to) = outage(story, 3.0, &mut |ask| ask.upstream_cut(2, false));
    story.probes(from + secs(2), to, false);
}

fn pod_outage(story: &mut Story) {
    outage(story, 6.0, &mut |ask| if ask.client == 0 { Reply::lost(1) } else { ask.healthy() });
}

fn backend_outage(story: &mut Story) {
    let dead = story.backends.len() - 1;
    outage(story, 4.0, &mut |ask| if ask.backend == dead { Reply::lost(3) } else { ask.healthy() });
}
