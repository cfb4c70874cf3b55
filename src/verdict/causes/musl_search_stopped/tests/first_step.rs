//! The trap at the first step of the list: no walk is ever seen to go on.

use crate::forge::{AAAA, ms, secs, us};
use crate::verdict::tests::{Ask, Reply, Story, Stub, View, What};

/// A pod's own namespace and the cluster's zone.
struct Place {
    namespace: String,
    zone: &'static str,
}

impl Place {
    fn of(story: &mut Story) -> Place {
        let zone = *story.rng.pick(&["cluster.local", "k8s.corp.example", "prod.test"]);
        let n = story.rng.between(1, 99);
        let namespace = story.rng.pick(&["default", "shop", "team-a", "svcs"]).to_string();
        let place = Place { namespace: format!("{namespace}-{n}"), zone };
        let own = format!("{}.svc.{zone}", place.namespace);
        story.search = vec![own, format!("svc.{zone}"), zone.to_owned()];
        place
    }

    /// `outside` decides of names outside with the namespace's suffix behind them.
    fn reply(&self, ask: &Ask<'_>, outside: What) -> Reply {
        let Some(own) = ask.name.strip_suffix(self.zone) else { return ask.healthy() };
        let suffix = format!("{}.svc.", self.namespace);
        if own.starts_with("headless") {
            return Reply::answer(What::NoData, us(300));
        }
        let what = match own.strip_suffix(suffix.as_str()) {
            Some(name) if name.matches('.').count() > 1 => outside,
            Some(name) if name.starts_with("service") && ask.kind == AAAA => What::NoData,
            Some(name) if name.starts_with("service") => What::Address,
            _ => What::NxDomain,
        };
        Reply::answer(what, ask.rng.clone().span(us(80), us(900)))
    }
}

/// Client 0 wants names outside; the others, too, now and then.
fn told(story: &mut Story, stub: Stub, outside: What) {
    let place = Place::of(story);
    let others = [Stub::Glibc, Stub::Go];
    story.stubs = (0..story.clients.len())
        .map(|n| if n == 0 { stub } else { *story.rng.pick(&others) })
        .collect();
    let names = story.rng.between(1, 6);
    for n in 0..story.rng.between(8, 30) {
        let name = format!("api-{}.example.{}", n % names, if n % 2 == 0 { "com" } else { "net" });
        let client = if n % 3 == 2 { n as usize % story.clients.len() } else { 0 };
        let at = secs(1 + n * 2) + story.rng.span(ms(0), ms(400));
        story.lookup(at, client, &name, &mut |ask| place.reply(ask, outside));
        story.lookup(at + secs(1), client, "service-4", &mut |ask| place.reply(ask, outside));
    }
    story.settle(secs(80));
}

#[test]
fn musl_that_stops_at_the_first_step_is_found() {
    Story::each(&[View::Pod, View::Node], 1..=6, |story| {
        told(story, Stub::Musl, What::NoData);
        let seen = story.judge();
        let finding = seen.is("musl_search_stopped");
        assert_eq!(finding.scope.clients, [story.clients[0].to_string()], "{}", seen.words());
        assert_eq!(seen.faults(), ["musl_search_stopped"], "{}", seen.words());
        let alone = story.is_pod() || story.clients.len() == 1;
        assert!(finding.percent() >= if alone { 60 } else { 75 }, "{}", seen.words());
    });
}

#[test]
fn who_goes_on_after_the_first_step_is_fine() {
    for stub in [Stub::Glibc, Stub::Go] {
        Story::each(&View::ALL, 1..=6, |story| {
            told(story, stub, What::NoData);
            let seen = story.judge();
            assert_eq!(seen.faults(), [""; 0], "{}", seen.words());
        });
    }
}

#[test]
fn musl_without_a_trap_is_fine() {
    Story::each(&View::ALL, 1..=6, |story| {
        told(story, Stub::Musl, What::NxDomain);
        let seen = story.judge();
        assert_eq!(seen.faults(), [""; 0], "{}", seen.words());
    });
}

/// Names that are written out: a Service without endpoints, and names that have an A record only.
#[test]
fn names_written_out_are_no_steps() {
    Story::each(&View::ALL, 1..=6, |story| {
        let place = Place::of(story);
        story.stubs = vec![Stub::Musl; story.clients.len()];
        let suffix = format!("{}.svc.{}", place.namespace, place.zone);
        for n in 0..20 {
            let client = n as usize % story.clients.len();
            let mut fate = |ask: &Ask<'_>| place.reply(ask, What::NoData);
            let elsewhere = format!("headless-7.other.svc.{}.", place.zone);
            story.lookup(secs(n * 2), client, &elsewhere, &mut fate);
            let name = format!("service-{n}.{suffix}.");
            story.lookup(secs(n * 2) + ms(500), client, &name, &mut fate);
            story.lookup(secs(n * 2) + ms(700), client, "api-9.example.com.", &mut fate);
            // It does have a list, and goes through it.
            story.lookup(secs(n * 2) + ms(900), client, "gone.else", &mut fate);
        }
        story.settle(secs(60));
        story.judge().has_not("musl_search_stopped");
    });
}
