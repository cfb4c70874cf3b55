use crate::forge::{ms, secs};
use crate::verdict::tests::{Story, Stub, View};

#[test]
fn walks_are_normal_from_everywhere() {
    Story::each(&View::ALL, 1..=8, |story| {
        story.healthy(secs(30), 6.0);
        let seen = story.judge();
        let finding = seen.has("ndots_search_chain");
        assert!(finding.normal && finding.confidence >= 0.7);
        seen.is_healthy();
    });
}

/// Names with `dots` dots that are searched for, and names with as many as ndots.
fn inferred(ndots: usize) {
    Story::each(&[View::Pod, View::Node], 1..=1, |story| {
        story.ndots = ndots;
        story.stubs = vec![Stub::Glibc];
        let searched = [
            "gonedb",
            "api-1.example",
            "api.one.example",
            "api.a.one.example",
            "api.a.b.one.example",
        ];
        let as_is = [
            "gone.example",
            "gone.one.example",
            "gone.a.one.example",
            "gone.a.b.one.example",
            "gone.a.b.c.one.example",
        ];
        for n in 0..6 {
            story.lookup(secs(n), 0, searched[ndots - 1], &mut |ask| ask.healthy());
            story.lookup(secs(n) + ms(500), 0, as_is[ndots - 1], &mut |ask| ask.healthy());
        }
        story.settle(secs(20));
        let seen = story.judge();
        let finding = seen.has("ndots_search_chain");
        let text = &finding.evidence[1].text;
        assert!(text.contains(&format!("ndots is {ndots};")), "{text}");
        assert!(text.contains("default.svc.cluster.local, svc.cluster.local, cluster.local, us-west-2.compute.internal"), "{text}");
        assert_eq!(seen.0.traffic.lookups, 12, "{}", seen.words());
        assert_eq!(seen.0.traffic.search.search_domains, story.search);
    });
}

#[test]
fn ndots_1_tries_names_with_a_dot_as_they_are_first() {
    inferred(1);
}

#[test]
fn ndots_2_is_inferred() {
    inferred(2);
}

#[test]
fn ndots_5_is_inferred() {
    inferred(5);
}

#[test]
fn a_doubled_suffix_is_part_of_a_walk() {
    Story::each(&[View::Pod, View::Node], 1..=3, |story| {
        for n in 0..5 {
            let name = format!("service-{n}.shop.svc.cluster.local");
            story.lookup(secs(n), 0, &name, &mut |ask| ask.healthy());
        }
        story.settle(secs(20));
        let seen = story.judge();
        let doubled =
            seen.has("ndots_search_chain").evidence.iter().find(|e| e.metric == "doubled_suffixes");
        assert_eq!(doubled.unwrap().value as u64, 5, "{}", seen.words());
        assert_eq!(seen.0.traffic.lookups, 5);
        seen.is_healthy();
    });
}

#[test]
fn names_with_a_final_dot_walk_nowhere() {
    Story::each(&View::ALL, 1..=4, |story| {
        for n in 0..40 {
            let name = format!("bucket-{n}.s3.us-west-2.amazonaws.com.");
            let client = n as usize % story.clients.len();
            story.lookup(ms(n * 250), client, &name, &mut |ask| ask.healthy());
        }
        story.settle(secs(20));
        let seen = story.judge();
        seen.has_not("ndots_search_chain");
        assert_eq!(seen.0.traffic.search.extra_queries, 0);
    });
}

/// A walk cut by silence is the context of a fault, not its excuse.
#[test]
fn a_walk_does_not_hide_a_fault() {
    Story::each(&[View::Node], 3..=6, |story| {
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            if ask.client == 0 { crate::verdict::tests::Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(70));
        story.judge().is("client_egress_dropped");
    });
}
