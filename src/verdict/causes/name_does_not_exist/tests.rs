use crate::forge::{Answer, Capture, Link, PTR, ms, secs};
use crate::verdict::Severity;
use crate::verdict::tests::{Ask, Reply, Seen, Story, View, What};

/// Somebody asks for a wrong name `times` times, among others who do not.
fn wrong(story: &mut Story, name: &str, times: u64) {
    story.background(ms(0), secs(40), 5.0, &mut |ask| ask.healthy());
    for n in 0..times {
        let at = secs(2) + ms(n * 3000) + story.rng.span(ms(0), ms(900));
        story.lookup(at, 0, name, &mut |ask| ask.healthy());
    }
    story.settle(secs(60));
}

#[test]
fn a_name_in_vain_again_and_again_is_found() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        let (times, host) =
            (story.rng.between(3, 10), "y".repeat(story.rng.between(1, 50) as usize));
        // The name itself goes upstream at last: only there it is known not to exist.
        let name = format!("gone-{host}.example.com");
        wrong(story, &name, times);
        let seen = story.judge();
        let finding = seen.has("name_does_not_exist");
        assert_eq!(finding.scope.names, [name], "{}", seen.words());
        assert_eq!(finding.scope.clients, [story.clients[0].to_string()]);
        assert_eq!(finding.evidence[0].value as u64, times, "{}", seen.words());
        assert_eq!(seen.root(), "name_does_not_exist");
    });
}

#[test]
fn a_short_name_in_vain_is_found() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        wrong(story, "gonedb", 5);
        let seen = story.judge();
        assert_eq!(seen.is("name_does_not_exist").scope.names, ["gonedb"], "{}", seen.words());
    });
}

#[test]
fn twice_is_a_retry() {
    Story::each(&[View::Pod, View::Node, View::Eni], 2..=6, |story| {
        wrong(story, "gone.example.com", 2);
        story.judge().is_healthy();
    });
}

/// Where only a part of the steps passes, each of many clients asks for a name as it is once in a while: its
/// list, and a loss in it, went another way.
#[test]
fn once_for_each_of_many_is_chance_where_walks_are_seen_in_part() {
    Story::each(&[View::Eni, View::Dns], 40..=60, |story| {
        story.background(ms(0), secs(60), 20.0, &mut |ask| ask.healthy());
        story.search.clear();
        for client in 0..story.clients.len() {
            story.lookup(secs(5) + ms(client as u64 * 300), client, "gone.other", &mut |ask| {
                ask.healthy()
            });
        }
        story.settle(secs(90));
        story.judge().has_not("name_does_not_exist");
    });
}

/// One backend of several sees a part of each walk.
#[test]
fn parts_of_walks_are_no_missing_names() {
    Story::each(&[View::Eni, View::Dns], 1..=8, |story| {
        story.background(ms(0), secs(120), 10.0, &mut |ask| ask.healthy());
        for n in 0..60 {
            let client = n as usize % story.clients.len();
            story.lookup(secs(2 * n), client, "api-7.example.com", &mut |ask| ask.healthy());
            story.lookup(secs(2 * n) + ms(700), client, "service-5.shop", &mut |ask| ask.healthy());
        }
        story.settle(secs(140));
        story.judge().is_healthy();
    });
}

#[test]
fn addresses_without_a_name_are_normal() {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..40 {
        let name =
            if n % 2 == 0 { "7.2.0.192.in-addr.arpa" } else { "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" };
        let client = format!("10.1.2.3:{}", 40_000 + n);
        let none = Answer::NxDomain("in-addr.arpa");
        story.at(ms(n * 300)).ask(&*client, "172.20.0.10", name, PTR, ms(2), none);
    }
    story.at(secs(30)).udp("10.1.2.3:9", "10.1.2.4:9", []);
    Seen::of(story.pcap()).is_healthy();
}

#[test]
fn walks_that_find_something_are_none() {
    Story::each(&View::ALL, 1..=4, |story| {
        for n in 0..30 {
            story.lookup(secs(n), 0, "service-9.shop.svc.cluster.local", &mut |ask| ask.healthy());
            story.lookup(secs(n) + ms(500), 0, "api-1.example.com", &mut |ask| ask.healthy());
        }
        story.settle(secs(60));
        story.judge().is_healthy();
    });
}

/// A Service that is created at some moment, and asked for by a client that cannot wait.
fn created(story: &mut Story, wanted: &str, lookups: u64, at: u64) {
    let fate = |ask: &Ask<'_>| {
        let own = ask.name == "service-9.shop.svc.cluster.local";
        let what = if own && ask.time < secs(at) { What::NxDomain } else { ask.what() };
        Reply { what, ..ask.healthy() }
    };
    for n in 0..lookups {
        story.lookup(secs(4 + n * 3), 0, wanted, &mut |ask| fate(ask));
    }
    story.background(ms(0), secs(60), 5.0, &mut |ask| {
        if ask.name.starts_with("service-9.shop") { fate(ask) } else { ask.healthy() }
    });
    story.settle(secs(75));
}

#[test]
fn a_service_that_has_just_been_created_is_told() {
    for wanted in
        ["service-9.shop", "service-9.shop.svc.cluster.local", "service-9.shop.svc.cluster.local."]
    {
        Story::each(&[View::Pod, View::Node], 1..=4, |story| {
            created(story, wanted, 16, 31);
            let seen = story.judge();
            let finding = seen.is("name_does_not_exist");
            let turned =
                finding.evidence.iter().find(|e| e.metric == "negative_cache_after_create");
            let gap = turned.unwrap_or_else(|| panic!("{}", seen.words())).value;
            assert!(gap <= 31.0, "{}", seen.words());
            assert_eq!(finding.severity, Severity::Low, "{}", seen.words());
        });
    }
}

#[test]
fn a_service_that_was_asked_for_once_too_early_is_fine() {
    Story::each(&View::ALL, 1..=4, |story| {
        created(story, "service-9.shop.svc.cluster.local.", 16, 5);
        story.judge().is_healthy();
    });
}

#[test]
fn a_storm_of_nxdomain_weighs_more() {
    Story::each(&[View::Pod, View::Node], 1..=4, |story| {
        for n in 0..300 {
            story.lookup(ms(n * 200), 0, "gone-db.example.com", &mut |ask| ask.healthy());
        }
        story.background(ms(0), secs(60), 1.0, &mut |ask| ask.healthy());
        story.settle(secs(75));
        let seen = story.judge();
        let finding = seen.is("name_does_not_exist");
        assert!(finding.evidence.iter().any(|e| e.metric == "nxdomain_storm"), "{}", seen.words());
        assert_eq!(finding.severity, Severity::Medium, "{}", seen.words());
    });
}
