use std::time::Duration;

use super::*;
use crate::forge::{A, AAAA, Capture, Link, Packet, ms, query, secs, us};
use crate::verdict::tests::{Ask, Reply, Rng, SEEDS, Seen, Story, Stub, View};

/// A kind as often as the story's clients have it.
fn expected(story: &Story, seen: impl Fn(usize) -> bool) -> Vec<(StubKind, u64)> {
    let all =
        [(Stub::Glibc, StubKind::Glibc), (Stub::Musl, StubKind::Musl), (Stub::Go, StubKind::Go)];
    all.into_iter()
        .map(|(stub, kind)| {
            let stubs = story.stubs.iter().enumerate();
            (kind, stubs.filter(|&(n, &one)| one == stub && seen(n)).count() as u64)
        })
        .collect()
}

/// Every client asks often enough to be known.
fn ask_all(story: &mut Story, fate: &mut dyn FnMut(&Ask<'_>) -> Reply) {
    for client in 0..story.clients.len() {
        let mut time = ms(client as u64 * 3);
        for _ in 0..14 {
            let name = story.any_name();
            time = story.lookup(time, client, &name, fate).max(time + ms(40));
        }
    }
    story.settle(secs(40));
}

#[test]
fn resolvers_are_recognised_in_health_and_in_silence() {
    for seed in SEEDS {
        for view in [View::Pod, View::Node] {
            for silent in [false, true] {
                let mut story = Story::new(seed, view, 6);
                ask_all(&mut story, &mut |ask| if silent { Reply::lost(1) } else { ask.healthy() });
                let seen = story.judge();
                let kinds = seen.0.traffic.resolvers;
                let pod = view == View::Pod;
                for (kind, count) in expected(&story, |n| !pod || n == 0) {
                    assert_eq!(
                        kinds.of(kind),
                        count,
                        "{seed} {view:?} {silent} {kind:?} {kinds:?}"
                    );
                }
                assert_eq!(kinds.unknown, 0, "{seed} {view:?} {silent}");
            }
        }
    }
}

#[test]
fn no_resolver_is_taken_for_another_from_anywhere() {
    Story::each(&View::ALL, 1..=8, |story| {
        ask_all(story, &mut |ask| ask.healthy());
        let kinds = story.judge().0.traffic.resolvers;
        for (kind, count) in expected(story, |_| true) {
            assert!(kinds.of(kind) <= count, "{kind:?} {kinds:?}");
        }
        assert_eq!(kinds.of(StubKind::CAres) + kinds.of(StubKind::SystemdResolved), 0);
    });
}

#[test]
fn an_address_that_many_pods_share_is_nobodys() {
    for seed in SEEDS {
        let mut story = Story::new(seed, View::Node, 4);
        story.clients = vec![story.clients[0]; 4];
        story.stubs = vec![Stub::Glibc, Stub::Musl, Stub::Go, Stub::Glibc];
        ask_all(&mut story, &mut |ask| ask.healthy());
        let kinds = story.judge().0.traffic.resolvers;
        assert_eq!((kinds.of(StubKind::Glibc), kinds.unknown), (0, 1), "{seed}");
    }
}

#[test]
fn a_lookup_or_two_tell_nothing() {
    let mut story = Story::new(3, View::Node, 1);
    story.lookup(Duration::ZERO, 0, "service-1.shop.svc.cluster.local.", &mut |ask| ask.healthy());
    story.settle(secs(6));
    let kinds = story.judge().0.traffic.resolvers;
    assert_eq!(kinds.unknown, 1);
}

/// Pairs of one client: whether all names leave from one port, whether A and AAAA do, and what EDNS
/// says.
fn pairs(one_port: bool, shared: bool, size: Option<u16>) -> Kinds {
    let mut rng = Rng(u64::from(size.unwrap_or(0)) + 9);
    let mut capture = Capture::new(Link::Ethernet);
    for n in 0..12_u64 {
        let first = if one_port { 40_000 } else { 40_000 + n as u16 * 2 };
        for (at, kind) in [A, AAAA].into_iter().enumerate() {
            let port = if shared { first } else { first + at as u16 };
            let mut message =
                query(format!("api-{n}.example.com").as_str(), kind).id(rng.next() as u16);
            if let Some(size) = size {
                message = message.edns(size);
            }
            let from = format!("10.0.1.51:{port}");
            let packet = Packet::udp(from.as_str(), "10.0.1.61:53", message.encode());
            capture.at(ms(n * 50) + us(at as u64 * 70)).packet(&packet);
        }
    }
    Seen::of(capture.pcap()).0.traffic.resolvers
}

#[test]
fn ports_and_edns_tell_the_others() {
    let only = |kinds: Kinds, kind: Option<StubKind>| {
        assert_eq!(kinds.present().next(), kind, "{kinds:?}");
        assert_eq!(kinds.unknown, u64::from(kind.is_none()));
    };
    only(pairs(true, true, Some(1232)), Some(StubKind::CAres));
    only(pairs(false, false, Some(1232)), Some(StubKind::Go));
    only(pairs(false, false, Some(512)), Some(StubKind::SystemdResolved));
    only(pairs(false, true, Some(1200)), Some(StubKind::Glibc));
    // nginx, and c-ares before 1.22.
    only(pairs(true, true, None), None);
    // A resolver of its own, a port for each name.
    only(pairs(false, true, Some(4096)), None);
    // glibc that reopens, or Go: A is always first.
    only(pairs(false, false, None), None);
}

/// Somebody whose questions get no answer: every try from another port, with the same ID or another, to
/// the same server or the next one.
fn tries(kinds: &[u16], waits: &[u64], same_id: bool, servers: &[&str]) -> Kinds {
    let mut rng = Rng(waits[0] + 5);
    let mut capture = Capture::new(Link::Ethernet);
    for n in 0..8_u64 {
        let name = format!("w{n}.cdn.example.net");
        let mut ids = [rng.next() as u16, rng.next() as u16];
        for (at, wait) in waits.iter().enumerate() {
            if !same_id {
                ids = [rng.next() as u16, rng.next() as u16];
            }
            for (which, &kind) in kinds.iter().enumerate() {
                let port =
                    40_000 + (n * 16) as u16 + at as u16 * 2 + which as u16 * u16::from(!same_id);
                let message = query(name.as_str(), kind).id(ids[which]);
                let from = format!("10.0.1.51:{port}");
                let to = servers[at % servers.len()];
                let packet = Packet::udp(from.as_str(), to, message.encode());
                capture.at(ms(n * 7000 + wait) + us(which as u64 * 90)).packet(&packet);
            }
        }
    }
    Seen::of(capture.pcap()).0.traffic.resolvers
}

/// Node.js 20: tries after 1, 2 and 3 s (captures/clients-upstream-cut).
#[test]
fn another_port_with_the_same_id_is_c_ares() {
    const ONE: &[&str] = &["172.20.0.10:53"];
    let is_cares = |kinds: Kinds| kinds.of(StubKind::CAres) == 1;
    assert!(is_cares(tries(&[A, AAAA], &[0, 1000, 2000, 3000], true, ONE)));
    assert!(is_cares(tries(&[A], &[0, 2000, 3700], true, ONE)));
    // Go draws another ID.
    assert!(!is_cares(tries(&[A, AAAA], &[0, 1000, 2000], false, ONE)));
    // dig and nslookup wait 5 s.
    assert!(!is_cares(tries(&[A], &[0, 5001], true, ONE)));
    // glibc goes on to its next server, from a socket of its own.
    assert!(!is_cares(tries(&[A, AAAA], &[0, 1000], true, &["10.0.0.2:53", "10.0.0.3:53"])));
}

/// `dig +timeout=2` in the same pod, in vain (captures/fragments-lost).
#[test]
fn who_asks_for_one_type_beside_pairs_does_not_change_whose_they_are() {
    let mut rng = Rng(11);
    let mut capture = Capture::new(Link::Ethernet);
    for n in 0..8_u64 {
        let mut ask = |at, port: u64, name: String, kind, id| {
            let message = query(name.as_str(), kind).id(id).encode();
            let from = format!("10.0.1.51:{port}");
            capture.at(at).packet(&Packet::udp(from.as_str(), "172.20.0.10:53", message));
        };
        for (which, kind) in [(0, A), (1, AAAA)] {
            let at = ms(n * 7000) + us(which * 90);
            ask(at, 40_000 + n, format!("w{n}.cdn.example.net"), kind, rng.next() as u16);
        }
        let id = rng.next() as u16;
        for again in 0..2 {
            let at = ms(n * 7000 + 100 + again * 2000);
            ask(at, 50_000 + n * 2 + again, "big.example.com".to_owned(), A, id);
        }
    }
    let kinds = Seen::of(capture.pcap()).0.traffic.resolvers;
    assert_eq!(kinds.of(StubKind::Glibc), 1, "{kinds:?}");
}

#[test]
fn advice_names_what_is_there_and_nothing_else() {
    let mut kinds = Kinds::default();
    kinds.count(Some(StubKind::Musl));
    kinds.count(Some(StubKind::Glibc));
    kinds.count(Some(StubKind::Glibc));
    kinds.count(None);
    assert_eq!(kinds.words(), "2 glibc, 1 musl, 1 not recognised");
    let advice = kinds.advice(StubKind::in_silence);
    assert_eq!(advice, "glibc fails after 20 s (5 s four times); musl fails after 5 s.");
    assert_eq!(Kinds::default().advice(StubKind::in_silence), "");
}
