use crate::forge::dns::CD;
use crate::forge::{A, Capture, Link, Packet, ms, query, response, secs};
use crate::verdict::Severity;
use crate::verdict::tests::{Maker, Seen, Story, Stub, View, What};

/// The codes of RFC 8914 and its successors that are about validation.
const CODES: [u16; 12] = [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 25, 27];

/// A signed zone is broken.
fn bogus(story: &mut Story, code: u16) {
    let rate = story.rng.between(8, 15) as f64;
    story.background(ms(0), secs(80), rate, &mut |ask| {
        if ask.name.ends_with("example.net") {
            ask.upstream_says(What::ServFail(Maker::Extended(code)))
        } else {
            ask.healthy()
        }
    });
    story.settle(secs(100));
}

fn is_bogus(seen: &Seen) {
    let finding = seen.is("dnssec_validation_failure");
    assert!(finding.confidence > 0.8, "{}", seen.words());
    assert!(finding.severity <= Severity::Medium, "{}", seen.words());
    assert!(finding.scope.names.iter().all(|name| name.ends_with("example.net")));
    for other in
        ["upstream_servfail", "servfail_burst", "servfail_transient", "upstream_unreachable"]
    {
        seen.has_not(other);
    }
}

#[test]
fn the_info_code_tells() {
    Story::each(&[View::Node, View::Dns, View::Eni], 2..=8, |story| {
        let code = *story.rng.pick(&CODES);
        bogus(story, code);
        let seen = story.judge();
        is_bogus(&seen);
        let upstreams = story.upstreams.map(|upstream| upstream.to_string());
        let finding = seen.is("dnssec_validation_failure");
        assert!(finding.scope.servers.iter().all(|at| upstreams.contains(at)), "{}", seen.words());
    });
}

#[test]
fn the_pod_is_told_if_it_uses_edns() {
    Story::each(&[View::Pod], 1..=4, |story| {
        story.stubs.fill(Stub::Go);
        bogus(story, 7);
        is_bogus(&story.judge());
    });
}

#[test]
fn without_edns_it_is_only_a_servfail() {
    Story::each(&[View::Pod], 1..=4, |story| {
        story.stubs.fill(Stub::Glibc);
        bogus(story, 6);
        let seen = story.judge();
        seen.is("upstream_servfail");
        seen.has_not("dnssec_validation_failure");
    });
}

#[test]
fn other_codes_are_another_matter() {
    for code in [0, 3, 13, 15, 22, 23, 24, 26, 30, 300] {
        let mut story = Story::new(u64::from(code), View::Dns, 3);
        bogus(&mut story, code);
        story.judge().has_not("dnssec_validation_failure");
    }
}

/// Upstream is broken for all, and one zone is bogus besides.
#[test]
fn both_are_found() {
    Story::each(&[View::Node, View::Dns], 3..=6, |story| {
        story.background(ms(0), secs(80), 10.0, &mut |ask| match () {
            () if ask.name.ends_with("example.net") => {
                ask.upstream_says(What::ServFail(Maker::Extended(6)))
            }
            () if ask.is_external() => ask.upstream_says(What::ServFail(Maker::Extended(22))),
            () => ask.healthy(),
        });
        story.settle(secs(100));
        let seen = story.judge();
        seen.is("upstream_servfail");
        seen.has("dnssec_validation_failure");
    });
}

/// Nobody uses EDNS, but somebody asks with `dig +cd`.
#[test]
fn answers_to_unchecked_questions_prove_it() {
    for (unchecked, proven) in [(true, true), (false, false)] {
        let mut told = Capture::new(Link::Ethernet);
        for n in 0..24_u64 {
            let client = format!("10.0.1.{}:{}", 2 + n % 4, 40_000 + n);
            // Two names of the zone fail, others are fine; the last questions are of a person.
            let by_hand = n >= 20;
            let name =
                if n % 2 == 0 || by_hand { "www.broken.example" } else { "fine.example.org" };
            let mut asked = query(name, A).id(n as u16 + 1);
            if by_hand {
                asked = asked.with(CD);
            }
            let fails = n % 2 == 0 && !by_hand || by_hand && !unchecked;
            let answer = response(&asked);
            let answer = if fails {
                answer.servfail()
            } else {
                answer.address("192.0.2.7".parse::<std::net::IpAddr>().unwrap())
            };
            let from = "172.20.0.10:53";
            told.at(ms(n * 400)).packet(&Packet::udp(&*client, from, asked.encode()));
            told.at(ms(n * 400 + 20)).packet(&Packet::udp(from, &*client, answer.encode()));
        }
        let seen = Seen::of(told.pcap());
        if proven {
            let finding = seen.is("dnssec_validation_failure");
            assert_eq!(finding.scope.names, ["www.broken.example"]);
            assert!(finding.evidence.iter().any(|one| one.metric == "answered_unchecked"));
            assert!(finding.confirm.contains(&"dig +cd +dnssec www.broken.example".to_owned()));
        } else {
            seen.has_not("dnssec_validation_failure");
        }
    }
}
