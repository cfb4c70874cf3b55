use std::time::Duration;

use crate::forge::{A, Capture, Link, Packet, ms, query, response, secs};
use crate::verdict::Severity;
use crate::verdict::tests::{Ask, Maker, Reply, Seen, Story, Try, View, What};

const RESOLVER: [View; 3] = [View::Node, View::Eni, View::Dns];
const OTHERS: [&str; 9] = [
    "upstream_unreachable",
    "upstream_servfail",
    "servfail_burst",
    "servfail_transient",
    "random_loss",
    "query_refused",
    "client_egress_dropped",
    "firewall_reject",
    "dns_port_closed",
];

/// Names outside take between these.
fn slow(story: &mut Story, low: Duration, high: Duration) {
    let length = secs(story.rng.between(30, 70));
    let rate = story.rng.between(3, 8) as f64;
    story.background(ms(0), length, rate, &mut |ask| {
        if ask.is_external() {
            ask.upstream_takes(ask.rng.clone().span(low, high))
        } else {
            ask.healthy()
        }
    });
    story.settle(length + secs(30));
}

fn is_slow(seen: &Seen, surest: bool) {
    let finding = seen.is("upstream_slow");
    assert_eq!(finding.confidence > 0.8, surest, "{}", seen.words());
    assert!(!finding.evidence[0].frames.is_empty() && !finding.window.start.is_empty());
    for other in OTHERS {
        seen.has_not(other);
    }
}

#[test]
fn the_upstream_leg_shows_slow_answers() {
    Story::each(&RESOLVER, 2..=8, |story| {
        let low = ms(story.rng.between(250, 600));
        slow(story, low, low * 2);
        let seen = story.judge();
        is_slow(&seen, true);
        assert_eq!(seen.is("upstream_slow").severity, Severity::Medium, "{}", seen.words());
    });
}

/// CoreDNS still listens: it gives up after 2 s.
#[test]
fn answers_just_before_two_seconds_are_not_later() {
    Story::each(&RESOLVER, 2..=8, |story| {
        slow(story, ms(1_720), ms(1_960));
        let seen = story.judge();
        let finding = seen.is("upstream_slow");
        assert!(!finding.summary.contains(" 2 s after"), "{}", seen.words());
        assert!(finding.evidence[0].text.contains("2 s: 0"), "{}", seen.words());
    });
}

#[test]
fn the_pod_sees_slow_names_outside_beside_fast_ones_of_the_cluster() {
    Story::each(&[View::Pod], 1..=4, |story| {
        let low = ms(story.rng.between(250, 600));
        slow(story, low, low * 2);
        let seen = story.judge();
        is_slow(&seen, false);
        assert!(seen.is("upstream_slow").summary.contains("upstream leg not captured"));
    });
}

/// Later than 2 s: the clients get SERVFAIL although upstream answers.
#[test]
fn answers_after_two_seconds_are_too_late() {
    Story::each(&RESOLVER, 2..=6, |story| {
        let low = ms(story.rng.between(2_010, 3_500));
        slow(story, low, low + ms(400));
        let seen = story.judge();
        is_slow(&seen, true);
        let finding = seen.is("upstream_slow");
        assert_eq!(finding.severity, Severity::High, "{}", seen.words());
        let refused = finding.evidence.iter().find(|one| one.metric == "late_answers_refused");
        assert!(refused.unwrap().value >= 3.0, "{}", seen.words());
    });
}

/// From the pod late answers and none are the same; it says so.
#[test]
fn the_pod_cannot_tell_late_from_never() {
    Story::each(&[View::Pod], 1..=4, |story| {
        slow(story, ms(2_500), ms(3_000));
        let seen = story.judge();
        let finding = seen.is("upstream_unreachable");
        assert!(finding.confidence <= 0.6);
        assert!(finding.alternatives.iter().any(|other| other.cause == "upstream_slow"));
    });
}

/// It begins within the capture, and ends.
#[test]
fn it_is_dated() {
    Story::each(&[View::Node, View::Pod], 1..=5, |story| {
        story.background(ms(0), secs(80), 6.0, &mut |ask| {
            if ask.is_external() && (secs(20)..secs(50)).contains(&ask.time) {
                ask.upstream_takes(ask.rng.clone().span(ms(500), ms(1500)))
            } else {
                ask.healthy()
            }
        });
        story.settle(secs(100));
        let seen = story.judge();
        let window = &seen.is("upstream_slow").window;
        let at = |text: &str| {
            let time: jiff::Timestamp = text.parse().unwrap();
            time.as_second() - crate::forge::START.as_secs() as i64
        };
        assert!((20..=26).contains(&at(&window.start)), "{window:?}");
        assert!((44..=53).contains(&at(&window.end)), "{window:?}");
    });
}

/// A resolver whose cache is cold asks around the world for a part of the names.
fn cold(ask: &Ask<'_>) -> Reply {
    let luck = ask.luck();
    match () {
        () if !ask.is_external() => ask.healthy(),
        () if luck < 0.01 => ask.upstream_takes(ask.rng.clone().span(ms(400), ms(1800))),
        () if luck < 0.3 => ask.upstream_takes(ask.rng.clone().span(ms(100), ms(300))),
        () => ask.healthy(),
    }
}

#[test]
fn a_cold_cache_is_healthy() {
    Story::each(&View::ALL, 1..=6, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| cold(ask));
        story.settle(secs(80));
        let seen = story.judge();
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}

#[test]
fn a_few_lookups_of_a_slow_name_are_healthy() {
    Story::each(&View::ALL, 1..=6, |story| {
        let fate = &mut |ask: &Ask<'_>| {
            let name = ask.name == "api-1.example.com";
            if name { ask.upstream_takes(ms(900)) } else { ask.healthy() }
        };
        story.background(ms(0), secs(30), 4.0, &mut |ask| ask.healthy());
        story.lookup(secs(31), 0, "api-1.example.com", fate);
        story.settle(secs(50));
        let seen = story.judge();
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}

/// The server itself is slow, for names of the cluster as for others.
#[test]
fn slow_names_of_the_cluster_are_the_servers_own() {
    Story::each(&[View::Pod, View::Eni], 1..=5, |story| {
        story.background(ms(0), secs(60), 5.0, &mut |ask| {
            let mut reply = ask.healthy();
            reply.tries.clear();
            reply.after += ask.rng.clone().span(ms(300), ms(900));
            reply
        });
        story.settle(secs(80));
        story.judge().has_not("upstream_slow");
    });
}

/// One of two upstreams is dead: answers come after 2 s, from the other.
#[test]
fn a_round_number_of_waits_is_a_dead_upstream() {
    Story::each(&View::ALL, 1..=5, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| {
            let fine = ask.healthy();
            if fine.tries.is_empty() || fine.tries[0].upstream == 0 {
                return fine;
            }
            let dead = Try { answered: None, ..fine.tries[0] };
            let other = Try { after: secs(2) + ms(1), upstream: 0, ..fine.tries[0] };
            Reply { tries: vec![dead, other], after: secs(2) + fine.after, ..fine }
        });
        story.settle(secs(80));
        story.judge().has_not("upstream_slow");
    });
}

#[test]
fn lost_packets_are_not_slow() {
    Story::each(&[View::Pod, View::Node], 3..=8, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| {
            let lost = ask.attempt == 0 && ask.luck() < 0.2;
            if lost { Reply::lost(2) } else { ask.healthy() }
        });
        story.settle(secs(80));
        story.judge().has_not("upstream_slow");
    });
}

#[test]
fn failures_at_once_are_not_slow() {
    Story::each(&View::ALL, 2..=5, |story| {
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            if ask.is_external() {
                ask.upstream_says(What::ServFail(Maker::Relayed))
            } else {
                ask.healthy()
            }
        });
        story.settle(secs(60));
        story.judge().has_not("upstream_slow");
    });
}

/// A client with a short timer asks again before the answer comes, and then has two.
#[test]
fn a_client_that_gives_up_early_is_evidence() {
    let mut told = Capture::new(Link::Ethernet);
    let (client, server) = ("10.0.1.2", "172.20.0.10:53");
    for n in 0..60_u64 {
        let from = format!("{client}:{}", 40_000 + n);
        let outside = n % 2 == 0;
        let name = if outside {
            format!("host-{n}.example.com")
        } else {
            "db.shop.svc.cluster.local".to_owned()
        };
        let asked = query(&*name, A).id(n as u16 + 1);
        let answer = response(&asked).address("192.0.2.7".parse::<std::net::IpAddr>().unwrap());
        let start = n * 1_000;
        let times: &[(u64, u64)] = if outside { &[(0, 800), (250, 1_050)] } else { &[(0, 1)] };
        for &(sent, came) in times {
            let ip_id = (n * 8 + sent / 200) as u16;
            let packet = Packet::udp(&*from, server, asked.encode()).ip_id(ip_id);
            told.at(ms(start + sent)).packet(&packet);
            let packet = Packet::udp(server, &*from, answer.encode()).ip_id(ip_id + 9_000);
            told.at(ms(start + came)).packet(&packet);
        }
    }
    told.at(secs(90)).udp("10.1.2.3:9", "10.1.2.4:9", []);
    let seen = Seen::of(told.pcap());
    let finding = seen.is("upstream_slow");
    let early = finding.evidence.iter().find(|one| one.metric == "client_gave_up_early");
    assert_eq!(early.unwrap().value as u64, 30, "{}", seen.words());
    seen.has_not("random_loss");
}
