use std::time::Duration;

use crate::forge::{A, AAAA, Answer, Capture, Link, ms, query, secs, us};
use crate::verdict::tests::{Ask, Round, Seen, Story, View};

/// Clients ask for names outside, which go round; names of the cluster are fine.
fn told(story: &mut Story, round: Round, most: u64) {
    let mut begun: Vec<(Duration, String, u16, u64)> = Vec::new();
    let rate = story.rng.between(2, 6) as f64;
    let mut rng = story.rng.clone();
    let mut fate = |ask: &Ask<'_>| {
        if !ask.is_external() {
            return ask.healthy();
        }
        if ask.backend == 0 {
            begun.push((ask.time, ask.name.to_owned(), ask.kind, rng.between(20, most)));
        }
        ask.upstream_cut(0, true).reaching(3)
    };
    story.background(ms(0), secs(40), rate, &mut fate);
    story.lookup(secs(1), 0, "api-1.example.com.", &mut fate);
    for (time, name, kind, times) in begun {
        story.go_round(time + us(100), 0, (&name, kind), round, times);
    }
    story.settle(secs(75));
}

const RIVALS: [&str; 7] = [
    "upstream_unreachable",
    "servfail_burst",
    "random_loss",
    "client_egress_dropped",
    "wrong_nameserver",
    "coredns_backend_gone",
    "servfail_transient",
];

#[test]
fn questions_that_go_round_are_found() {
    for round in [Round::Service, Round::Mutual] {
        Story::each(&[View::Node, View::Dns], 2..=6, |story| {
            told(story, round, 80);
            let seen = story.judge();
            let finding = seen.is("dns_forwarding_loop");
            let own = story.backends[0].to_string();
            assert!(finding.scope.clients.contains(&own), "{}", seen.words());
            assert_eq!(finding.percent(), 85, "{}", seen.words());
            for cause in RIVALS {
                seen.has_not(cause);
            }
        });
    }
}

#[test]
fn on_the_eni_two_servers_that_ask_each_other_are_seen() {
    Story::each(&[View::Eni], 2..=6, |story| {
        told(story, Round::Mutual, 80);
        story.judge().is("dns_forwarding_loop");
    });
}

#[test]
fn within_one_host_it_is_less_sure() {
    Story::each(&[View::Dns], 2..=6, |story| {
        told(story, Round::Itself, 200);
        let seen = story.judge();
        assert_eq!(seen.is("dns_forwarding_loop").percent(), 60, "{}", seen.words());
        for cause in RIVALS {
            seen.has_not(cause);
        }
    });
}

/// The `loop` plugin ends the process when its probe comes back.
#[test]
fn the_probes_of_the_loop_plugin_are_enough() {
    const HINFO: u16 = 13;
    for round in [Round::Service, Round::Itself] {
        Story::each(&[View::Dns], 2..=4, |story| {
            for start in [3, 25, 50] {
                let name = format!("{}.{}", story.rng.next() | 1 << 60, story.rng.next() | 1 << 60);
                story.backends.truncate(1);
                story.go_round(secs(start), 0, (&name, HINFO), round, 6);
            }
            story.settle(secs(90));
            let seen = story.judge();
            let finding = seen.is("dns_forwarding_loop");
            assert!(finding.evidence.iter().any(|e| e.metric == "loop_probes"), "{}", seen.words());
        });
    }
}

/// Once, to an upstream that is silent: sent again, never back.
#[test]
fn a_probe_that_is_merely_not_answered_is_none() {
    Story::each(&[View::Dns, View::Node], 2..=4, |story| {
        story.background(ms(0), secs(60), 5.0, &mut |ask| ask.upstream_cut(3, true));
        story.probes(secs(2), secs(60), true);
        story.settle(secs(95));
        let seen = story.judge();
        seen.has_not("dns_forwarding_loop");
        seen.is("upstream_unreachable");
    });
}

/// Everybody wants one name at one moment, and the upstream takes its time.
#[test]
fn one_name_that_many_want_is_none() {
    Story::each(&View::ALL, 3..=9, |story| {
        for n in 0..20 {
            for k in 0..60 {
                let client = k % story.clients.len();
                let at = secs(2 * n) + us(k as u64 * 40);
                story.lookup(at, client, "api-1.example.com.", &mut |ask| ask.healthy());
            }
        }
        story.settle(secs(60));
        story.judge().has_not("dns_forwarding_loop");
    });
}

/// Threads of one host that ask its stub for one name, all at once.
#[test]
fn threads_of_one_host_are_none() {
    for seed in 1..7_u64 {
        let mut story = Capture::new(Link::Sll2);
        story.on("lo");
        for n in 0..20 * seed {
            for thread in 0..20 + 10 * seed {
                let client = format!("127.0.0.1:{}", 30_000 + n * 100 + thread);
                story.at(secs(n) + us(thread * 70)).ask(
                    &*client,
                    "127.0.0.53",
                    "api.example.com",
                    if thread % 2 == 0 { A } else { AAAA },
                    ms(20 + thread),
                    Answer::Address("192.0.2.1"),
                );
            }
        }
        Seen::of(story.pcap()).has_not("dns_forwarding_loop");
    }
}

/// CoreDNS before 1.13.2 asks an upstream that refuses again without a pause.
#[test]
fn a_storm_of_retries_is_none() {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..40_u64 {
        let client = format!("10.0.1.5:{}", 30_000 + n);
        story.at(secs(n)).message(&*client, "10.0.1.61", &query("api.example.com", A).id(n as u16));
        for again in 0..80_u64 {
            let forwarder = format!("10.0.1.61:{}", 40_000 + again + 100 * (n % 90));
            let message = query("api.example.com", A).id((n * 100 + again) as u16);
            let asked = crate::forge::Packet::udp(&*forwarder, "10.0.0.2", message.encode());
            story.at(secs(n) + us(100 + again * 300)).packet(&asked);
            story.after(us(100)).packet(&crate::forge::Packet::port_unreachable(&asked));
        }
    }
    story.at(secs(60)).udp("10.0.1.5:9", "10.0.1.6:9", []);
    Seen::of(story.pcap()).has_not("dns_forwarding_loop");
}

#[test]
fn a_healthy_cluster_has_none() {
    Story::each(&View::ALL, 1..=8, |story| {
        story.healthy(secs(60), 15.0);
        story.judge().is_healthy();
    });
}

#[test]
fn a_cut_upstream_is_none() {
    Story::each(&[View::Node, View::Dns, View::Eni], 2..=8, |story| {
        story.background(ms(0), secs(60), 8.0, &mut |ask| ask.upstream_cut(2, true));
        story.settle(secs(95));
        story.judge().has_not("dns_forwarding_loop");
    });
}
