use crate::forge::{ms, secs};
use crate::verdict::tests::{Story, View};

/// The cache is asked by every other pod; the rest ask the Service.
fn half(story: &mut Story) -> Vec<String> {
    story.put_cache(|client| client % 2 == 0);
    let rate = story.rng.between(4, 12) as f64;
    story.healthy(secs(60), rate);
    for client in 0..story.clients.len() {
        for n in 0..6 {
            story.lookup(secs(5 + 7 * n), client, "service-3.shop", &mut |ask| ask.healthy());
        }
    }
    story.clients.iter().skip(1).step_by(2).map(ToString::to_string).collect()
}

#[test]
fn pods_that_ask_the_service_past_the_cache_are_found() {
    Story::each(&[View::Node], 2..=8, |story| {
        let past = half(story);
        // Of an address of fd00::/8 nothing says that it is the node's own; its questions over TCP do.
        let seen = story.judge();
        let finding = seen.is("nodelocaldns_bypass");
        assert_eq!(finding.scope.servers, [story.service.to_string()], "{}", seen.words());
        assert_eq!(finding.scope.clients.len(), past.len(), "{}", seen.words());
        assert!(finding.confidence >= 0.8, "{}", seen.words());
        assert_eq!(seen.faults(), ["nodelocaldns_bypass"]);
    });
}

/// musl asks all servers of its list at once: nobody goes past what he asks.
#[test]
fn who_asks_the_service_beside_the_cache_goes_past_nothing() {
    Story::each(&[View::Node], 2..=8, |story| {
        story.put_cache(|_| true);
        let cached = story.cached.clone();
        for second in 0..60 {
            for cached in [cached.clone(), None] {
                story.cached = cached;
                for client in 0..story.clients.len() {
                    let at = secs(second) + ms(37 * client as u64);
                    story.lookup(at, client, "service-3.shop", &mut |ask| ask.healthy());
                }
            }
        }
        story.settle(secs(70));
        let seen = story.judge();
        assert_eq!(seen.faults(), [""; 0], "{}", seen.words());
    });
}

#[test]
fn on_the_eni_it_is_less_sure() {
    Story::each(&[View::Eni], 6..=9, |story| {
        half(story);
        let seen = story.judge();
        if let Some(finding) = seen.find("nodelocaldns_bypass") {
            assert!(finding.confidence <= 0.6, "{}", seen.words());
        }
        assert!(seen.faults().iter().all(|&f| f == "nodelocaldns_bypass"), "{}", seen.words());
    });
}

#[test]
fn from_one_pod_it_cannot_be_seen() {
    Story::each(&[View::Pod, View::Dns], 2..=8, |story| {
        half(story);
        story.judge().is_healthy();
    });
}

/// In iptables mode the cache has the Service's address and answers there.
#[test]
fn a_cache_that_answers_for_the_service_is_none() {
    Story::each(&[View::Node, View::Eni, View::Pod], 2..=8, |story| {
        story.put_cache(|_| true);
        story.cached.as_mut().unwrap().address = story.service;
        story.healthy(secs(60), 8.0);
        story.judge().is_healthy();
    });
}

/// While it restarts, the Service's rules take over for a moment.
#[test]
fn a_restart_in_iptables_mode_is_none() {
    Story::each(&[View::Node], 2..=6, |story| {
        story.put_cache(|_| true);
        let cached = story.cached.clone();
        story.cached.as_mut().unwrap().address = story.service;
        story.background(ms(0), secs(40), 8.0, &mut |ask| ask.healthy());
        story.cached = None;
        story.background(secs(40), secs(43), 8.0, &mut |ask| ask.healthy());
        story.cached = cached;
        story.cached.as_mut().unwrap().address = story.service;
        story.background(secs(43), secs(90), 8.0, &mut |ask| ask.healthy());
        story.settle(secs(100));
        let seen = story.judge();
        assert_eq!(seen.faults(), [""; 0], "{}", seen.words());
    });
}

#[test]
fn a_cluster_without_a_cache_is_healthy() {
    Story::each(&View::ALL, 1..=8, |story| {
        story.healthy(secs(60), 8.0);
        story.judge().is_healthy();
    });
}
