use crate::forge::{AAAA, ms, secs};
use crate::verdict::tests::{Ask, Known, Reply, Seen, Story, Stub, View, race};

const OTHERS: [&str; 7] = [
    "random_loss",
    "client_egress_dropped",
    "coredns_backend_gone",
    "upstream_unreachable",
    "vpc_dns_pps_exceeded",
    "wrong_nameserver",
    "servfail_burst",
];

/// Lookups of all clients with the race, so many a second.
fn racing(story: &mut Story, share: f64, rate: f64) -> Seen {
    let mut fate = race(story, share);
    story.background(ms(0), secs(120), rate, &mut fate);
    story.settle(secs(150));
    story.judge()
}

#[test]
fn the_race_is_found_on_the_node() {
    Story::each(&[View::Node], 2..=12, |story| {
        // Somebody has to send pairs.
        story.stubs[0] = *story.rng.pick(&[Stub::Glibc, Stub::Musl]);
        let share = story.rng.between(15, 100) as f64 / 1000.0;
        let seen = racing(story, share, 10.0);
        let finding = seen.is("conntrack_dnat_race");
        assert!(finding.confidence > 0.8, "{}", seen.words());
        assert_eq!(finding.scope.servers, [story.service.to_string()]);
        assert!(!finding.evidence[0].frames.is_empty());
        for other in OTHERS {
            seen.has_not(other);
        }
    });
}

#[test]
fn the_race_is_found_in_a_pod() {
    for stub in [Stub::Glibc, Stub::Musl] {
        Story::each(&[View::Pod], 2..=12, |story| {
            story.stubs[0] = stub;
            let share = story.rng.between(20, 100) as f64 / 1000.0;
            let seen = racing(story, share, 8.0);
            let finding = seen.is("conntrack_dnat_race");
            assert!((0.6..=0.75).contains(&finding.confidence), "{}", seen.words());
            for other in OTHERS {
                seen.has_not(other);
            }
        });
    }
}

/// Three are enough for a word, and not for certainty.
#[test]
fn a_few_pairs_are_a_guess() {
    Story::each(&[View::Pod], 2..=3, |story| {
        story.stubs[0] = Stub::Glibc;
        let mut left = 4;
        story.background(ms(0), secs(60), 1.5, &mut |ask| {
            let second = ask.client == 0 && ask.kind == AAAA && ask.attempt == 0;
            if second && left > 0 && ask.luck() < 0.2 {
                left -= 1;
                return Reply::lost(1);
            }
            ask.healthy()
        });
        story.settle(secs(90));
        let seen = story.judge();
        let finding = seen.is("conntrack_dnat_race");
        assert!(finding.confidence <= 0.75 && finding.alternatives[0].cause == "random_loss");
    });
}

#[test]
fn behind_the_dnat_there_is_nothing_to_see() {
    Story::each(&[View::Eni, View::Dns], 3..=12, |story| {
        let seen = racing(story, 0.05, 10.0);
        assert!(seen.faults().is_empty(), "{}", seen.words());
    });
}

/// Loses this share of the packets, to and from the server.
fn lossy(share: f64) -> impl FnMut(&Ask<'_>) -> Reply {
    move |ask| {
        let mut rng = ask.rng.clone();
        let reach = rng.between(1, 5) as u8;
        if ask.luck() < share { Reply { reach, ..ask.healthy() } } else { ask.healthy() }
    }
}

#[test]
fn random_loss_is_no_race() {
    Story::each(&View::ALL, 3..=12, |story| {
        let share = story.rng.between(10, 100) as f64 / 1000.0;
        story.background(ms(0), secs(200), 10.0, &mut lossy(share));
        story.settle(secs(230));
        story.judge().has_not("conntrack_dnat_race");
    });
}

#[test]
fn go_has_no_pairs() {
    Story::each(&[View::Node, View::Pod], 2..=5, |story| {
        story.stubs.fill(Stub::Go);
        story.background(ms(0), secs(120), 8.0, &mut |ask| {
            let lost = ask.kind == AAAA && ask.attempt == 0 && ask.luck() < 0.05;
            if lost { Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(150));
        story.judge().has_not("conntrack_dnat_race");
    });
}

#[test]
fn a_server_that_drops_aaaa_is_no_race() {
    Story::each(&[View::Node, View::Pod], 2..=5, |story| {
        story.background(ms(0), secs(90), 4.0, &mut |ask| {
            let dropped = ask.kind == AAAA && ask.name.contains("api");
            if dropped { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(120));
        story.judge().has_not("conntrack_dnat_race");
    });
}

/// The NodeLocal cache's address is answered on the node, without DNAT.
#[test]
fn a_link_local_server_has_no_race() {
    Story::each(&[View::Pod], 2..=5, |story| {
        let v6 = story.service.is_ipv6();
        story.service = if v6 { "fe80::20:10" } else { "169.254.20.10" }.parse().unwrap();
        story.stubs[0] = Stub::Glibc;
        racing(story, 0.04, 8.0).has_not("conntrack_dnat_race");
    });
}

#[test]
fn pairs_of_which_both_are_lost_are_no_race() {
    Story::each(&[View::Node, View::Pod], 2..=6, |story| {
        let mut hit = false;
        story.background(ms(0), secs(120), 8.0, &mut |ask| {
            if ask.kind != AAAA {
                hit = ask.luck() < 0.04;
            }
            if hit && ask.attempt == 0 { Reply::lost(3) } else { ask.healthy() }
        });
        story.settle(secs(150));
        story.judge().has_not("conntrack_dnat_race");
    });
}

/// What a client's file and the node's rules say is told, and the pairs that the packets show are lost all
/// the same.
#[test]
fn options_and_rules_are_told_beside() {
    const CODE: &str = "conntrack_dnat_race";
    Story::each(&[View::Node], 3..=6, |story| {
        story.stubs[0] = Stub::Glibc;
        let plain = racing(story, 0.06, 10.0);
        let (confidence, advice) = (plain.is(CODE).percent(), plain.is(CODE).mitigation.clone());
        let head = format!("nameserver {}\nsearch svc.cluster.local\n", story.service);
        let service = story.service;
        for (known, words, set) in [
            (format!("{head}options ndots:5\n"), "timeout:5 attempts:2", false),
            (
                format!("{head}options single-request-reopen timeout:2\n"),
                "is set in resolv.conf",
                true,
            ),
        ] {
            let seen = Known::resolv_conf(&known).judge(story.file());
            let finding = seen.is(CODE);
            assert_eq!(finding.percent(), confidence, "{}", seen.words());
            assert!(seen.words().contains(words), "{}", seen.words());
            let already = finding.mitigation.immediate.contains("set in the --resolv-conf given");
            assert_eq!(already, set, "{}", finding.mitigation.immediate);
            assert!(finding.mitigation.immediate.starts_with(&advice.immediate));
        }
        let rules = format!(
            "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SVC-X - [0:0]\n\
             -A PREROUTING -d {service} -p udp --dport 53 -j KUBE-SVC-X\n\
             -A KUBE-SVC-X -j DNAT --to-destination {}\nCOMMIT\n",
            story.backends[0]
        );
        let seen = Known::rules(&rules).judge(story.file());
        assert_eq!(seen.is(CODE).percent(), confidence, "{}", seen.words());
        assert!(seen.words().contains("works in iptables mode"), "{}", seen.words());
    });
}
