mod first_step;

use crate::forge::{ms, secs};
use crate::verdict::tests::{Ask, Reply, Story, Stub, View, What};

const CLOUD: &str = "us-west-2.compute.internal";

/// A search domain with a wildcard: whatever is asked for in it exists, without addresses.
fn trapped(ask: &Ask<'_>) -> Reply {
    let reply = ask.healthy();
    let what = if ask.name.ends_with(CLOUD) { What::NoData } else { reply.what };
    Reply { what, ..reply }
}

fn untroubled(ask: &Ask<'_>) -> Reply {
    ask.healthy()
}

/// Names outside are looked up by client 0 and, if there are any, by the others.
fn told(story: &mut Story, stub: Stub, lookups: u64, fate: fn(&Ask<'_>) -> Reply) {
    story.stubs = (0..story.clients.len())
        .map(|n| if n == 0 { stub } else { *story.rng.pick(&[Stub::Glibc, Stub::Go]) })
        .collect();
    let name = format!("api-{}.example.com", story.rng.between(1, 40));
    for n in 0..lookups {
        let client = if n % 3 == 2 { n as usize % story.clients.len() } else { 0 };
        let at = secs(2 + n * 4) + story.rng.span(ms(0), ms(900));
        story.lookup(at, client, &name, &mut |ask| fate(ask));
        story.lookup(at + secs(2), client, "service-4.shop", &mut |ask| fate(ask));
    }
    story.background(ms(0), secs(60), 3.0, &mut |ask| fate(ask));
    story.settle(secs(80));
}

#[test]
fn musl_in_a_search_domain_with_a_wildcard_is_found() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        let lookups = story.rng.between(8, 14);
        told(story, Stub::Musl, lookups, trapped);
        let seen = story.judge();
        let finding = seen.is("musl_search_stopped");
        assert_eq!(finding.scope.clients, [story.clients[0].to_string()], "{}", seen.words());
        // In the pod nobody else shows that the name exists.
        let alone = story.is_pod() || story.clients.len() == 1;
        assert!(finding.confidence >= if alone { 0.6 } else { 0.75 }, "{}", seen.words());
        assert_eq!(seen.faults(), ["musl_search_stopped"], "{}", seen.words());
    });
}

#[test]
fn who_goes_on_finds_the_name() {
    for stub in [Stub::Glibc, Stub::Go] {
        Story::each(&View::ALL, 1..=6, |story| {
            told(story, stub, 10, trapped);
            let seen = story.judge();
            assert_eq!(seen.faults(), [""; 0], "{}", seen.words());
        });
    }
}

#[test]
fn a_name_that_is_empty_as_it_is_ends_there_for_everybody() {
    for stub in Stub::ALL {
        Story::each(&[View::Pod, View::Node], 1..=6, |story| {
            told(story, stub, 12, |ask| {
                let reply = ask.healthy();
                let empty = ask.name.starts_with("api-") && ask.name.ends_with(".example.com");
                Reply { what: if empty { What::NoData } else { reply.what }, ..reply }
            });
            story.judge().has_not("musl_search_stopped");
        });
    }
}

/// A headless Service none of whose pods is ready: its name exists, and nothing would be found behind.
#[test]
fn a_service_without_endpoints_is_none() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        told(story, Stub::Musl, 12, |ask| {
            let reply = ask.healthy();
            let empty = ask.name == "service-4.shop.svc.cluster.local";
            Reply { what: if empty { What::NoData } else { reply.what }, ..reply }
        });
        story.judge().has_not("musl_search_stopped");
    });
}

/// One backend of several sees parts of walks, which break off anywhere.
#[test]
fn parts_of_walks_say_nothing() {
    for stub in [Stub::Glibc, Stub::Go] {
        Story::each(&[View::Eni, View::Dns], 1..=6, |story| {
            told(story, stub, 14, trapped);
            story.judge().has_not("musl_search_stopped");
        });
    }
}

#[test]
fn musl_in_a_healthy_cluster_is_healthy() {
    Story::each(&View::ALL, 1..=6, |story| {
        told(story, Stub::Musl, 12, untroubled);
        story.judge().is_healthy();
    });
}
