use crate::forge::dns::RA;
use crate::forge::{self, A, Capture, Link, Packet, ms, query, response, secs};
use crate::verdict::tests::{Ask, Maker, Reply, Seen, Story, View, What};
use crate::verdict::{Finding, Severity};

/// Where the header has the OPCODE: responses bear the query's.
const OPCODE: u16 = 0x7800;
const REFUSED: What = What::Refused(Maker::Forwarder);
const OTHERS: [&str; 9] = [
    "servfail_burst",
    "servfail_transient",
    "upstream_servfail",
    "upstream_unreachable",
    "firewall_reject",
    "dns_port_closed",
    "random_loss",
    "client_egress_dropped",
    "name_does_not_exist",
];

/// A minute in which this is refused.
fn told(story: &mut Story, refuse: &mut dyn FnMut(&Ask<'_>) -> Option<Reply>) -> Seen {
    let rate = story.rng.between(4, 12) as f64;
    story
        .background(ms(0), secs(60), rate, &mut |ask| refuse(ask).unwrap_or_else(|| ask.healthy()));
    story.settle(secs(90));
    story.judge()
}

#[track_caller]
fn is<'s>(seen: &'s Seen, words: &str) -> &'s Finding {
    let finding = seen.is("query_refused");
    assert!(finding.summary.contains(words), "{}", seen.words());
    for other in OTHERS {
        seen.has_not(other);
    }
    finding
}

#[test]
fn an_upstream_that_refuses_is_shown_by_its_leg() {
    Story::each(&[View::Node, View::Eni, View::Dns], 2..=6, |story| {
        let refused = What::Refused(Maker::Relayed);
        let seen = told(story, &mut |ask| ask.is_external().then(|| ask.upstream_says(refused)));
        let finding = is(&seen, "the upstream refuses");
        assert!(finding.confidence > 0.8 && finding.severity == Severity::High, "{}", seen.words());
        let upstreams = story.upstreams.map(|upstream| upstream.to_string());
        assert!(finding.scope.servers.iter().all(|at| upstreams.contains(at)), "{}", seen.words());
    });
}

/// The same names were answered before: it is no policy of names.
#[test]
fn an_access_list_that_comes_into_force_is_one_of_clients() {
    Story::each(&[View::Node], 3..=6, |story| {
        let from = secs(story.rng.between(15, 40));
        let seen = told(story, &mut |ask| {
            let refused = ask.client == 0 && ask.time >= from;
            refused.then(|| ask.says(REFUSED))
        });
        is(&seen, "an access list");
    });
}

#[test]
fn the_pod_sees_who_set_ra() {
    Story::each(&[View::Pod], 1..=4, |story| {
        let refused = What::Refused(Maker::Relayed);
        let seen = told(story, &mut |ask| ask.is_external().then(|| ask.upstream_says(refused)));
        assert!(is(&seen, "upstream leg not captured").confidence <= 0.6);
    });
}

#[test]
fn an_access_list_refuses_a_client_everything() {
    Story::each(&[View::Node], 4..=8, |story| {
        let seen = told(story, &mut |ask| (ask.client == 0).then(|| ask.says(REFUSED)));
        let finding = is(&seen, "an access list");
        assert_eq!(finding.scope.clients, [story.clients[0].to_string()]);
    });
}

/// Cilium's DNS proxy: certain names, one workload, always, at once.
#[test]
fn a_policy_refuses_a_client_certain_names() {
    Story::each(&[View::Node], 4..=8, |story| {
        let seen = told(story, &mut |ask| {
            let refuses = ask.client == 0 && ask.name.contains("example.");
            refuses.then(|| ask.says(REFUSED))
        });
        let finding = is(&seen, "DNS policy");
        assert_eq!(finding.scope.clients, [story.clients[0].to_string()]);
        assert!(finding.mitigation.immediate.contains("toFQDNs"));
        assert!(finding.confidence < 0.85);
    });
}

#[test]
fn a_server_without_a_forward_refuses_everybody() {
    Story::each(&View::ALL, 2..=6, |story| {
        let seen = told(story, &mut |ask| ask.is_external().then(|| ask.says(REFUSED)));
        let one = seen.is("query_refused").scope.clients.len() == 1;
        let whom = if one { "to the one client that is seen" } else { "to everybody" };
        let finding = is(&seen, whom);
        assert_eq!(finding.severity, Severity::High, "{}", seen.words());
    });
}

/// `max_concurrent`: names outside, now and then, while the upstream is slow.
#[test]
fn a_cap_refuses_now_and_then() {
    Story::each(&View::ALL, 3..=8, |story| {
        let seen = told(story, &mut |ask| {
            ask.is_external().then(|| {
                if ask.rng.clone().chance(0.5) {
                    ask.says(REFUSED)
                } else {
                    ask.upstream_takes(ask.rng.clone().span(ms(500), ms(1500)))
                }
            })
        });
        let finding = seen.has("query_refused");
        assert!(finding.summary.contains("max_concurrent"), "{}", seen.words());
        seen.has("upstream_slow");
        seen.has_not("servfail_burst");
    });
}

#[test]
fn two_are_no_pattern() {
    Story::each(&View::ALL, 2..=6, |story| {
        let mut left = 2;
        let seen = told(story, &mut |ask| {
            (ask.client == 0 && ask.backend == 0 && ask.is_external() && left > 0).then(|| {
                left -= 1;
                ask.says(REFUSED)
            })
        });
        seen.has_not("query_refused");
    });
}

/// Updates, zone transfers, looks into the cache, other classes: refused on purpose.
#[test]
fn what_is_no_lookup_may_be_refused() {
    let mut told = Capture::new(Link::Ethernet);
    let server = "10.0.0.2:53";
    for n in 0..40_u64 {
        let client = format!("10.0.1.{}:{}", 2 + n % 3, 40_000 + n);
        let asked = query("www.example.com", A).id(n as u16 + 1);
        let asked = match n % 5 {
            0 => asked.with(5 << 11),
            1 => query("example.com", 252).id(n as u16 + 1),
            2 => asked.without(forge::dns::RD),
            3 => query("version.bind", 16).id(n as u16 + 1).class(3),
            _ => asked,
        };
        let answer = response(&asked).with(RA | asked.flags & OPCODE);
        let answer = if n % 5 == 4 {
            answer.address("192.0.2.7".parse::<std::net::IpAddr>().unwrap())
        } else {
            answer.refused()
        };
        told.at(ms(n * 300)).packet(&Packet::udp(&*client, server, asked.encode()));
        told.at(ms(n * 300 + 2)).packet(&Packet::udp(server, &*client, answer.encode()));
    }
    Seen::of(told.pcap()).has_not("query_refused");
}
