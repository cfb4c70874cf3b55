//! What a client wanted: search walks, retries and pairs are one lookup; what resolvers do is none.

use crate::forge::*;
use crate::seen::{Seen, see};

const POD: &str = "10.244.1.7";
const SERVER: &str = "10.96.0.10";
const SEARCH: [&str; 4] =
    ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "ec2.internal"];

/// A resolver in a pod: glibc asks A and AAAA on one socket, waits for both, goes on.
struct Resolver {
    port: u16,
    id: u16,
    now: std::time::Duration,
}

impl Resolver {
    fn new(port: u16, at: std::time::Duration) -> Resolver {
        Resolver { port, id: port, now: at }
    }

    /// One step: both families, and what comes back for A; AAAA is empty where A has an address.
    fn step(&mut self, story: &mut Capture, name: &str, answer: Answer<'_>) -> &mut Resolver {
        let socket = format!("{POD}:{}", self.port);
        self.port += 1;
        for (n, kind) in [A, AAAA].into_iter().enumerate() {
            let n = n as u64;
            self.id = self.id.wrapping_add(1);
            let asked = query(name, kind).id(self.id);
            story.at(self.now + us(30 * n)).message(&*socket, SERVER, &asked);
            let answer = match answer {
                Answer::Address(_) if kind == AAAA => Answer::NoData("example.com"),
                other => other,
            };
            if let Some(response) = answer.to(&asked) {
                story.at(self.now + us(800 + 50 * n)).message(SERVER, &*socket, &response);
            }
        }
        self.now += ms(1);
        self
    }

    /// The whole search list in vain, then the name as it is.
    fn walk(&mut self, story: &mut Capture, name: &str) -> &mut Resolver {
        for suffix in SEARCH {
            self.step(story, &format!("{name}.{suffix}"), Answer::NxDomain(suffix));
        }
        self.step(story, name, Answer::Address("192.0.2.1"))
    }
}

fn doubled(seen: &Seen) -> u64 {
    seen.analysed.aggregate.following.clients.iter().map(|client| client.doubled).sum()
}

#[test]
fn a_search_walk_is_one_lookup() {
    let mut story = Capture::new(Link::Ethernet);
    Resolver::new(40_000, ms(0)).walk(&mut story, "api.example.com");
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([10, 10, 0, 0, 0], [1, 1, 8]));
    assert_eq!(seen.traffic.search.search_domains, SEARCH);
    assert_eq!(format!("{:.1}", seen.traffic.search.amplification), "5.0");
    assert_eq!(seen.traffic.rcodes["NXDOMAIN"], 8);
    assert_eq!(doubled(&seen), 0);
}

#[test]
fn walks_one_after_the_other_are_as_many_lookups() {
    let mut story = Capture::new(Link::Ethernet);
    let mut resolver = Resolver::new(40_000, ms(0));
    for name in ["api.example.com", "www.example.org", "api.example.com"] {
        resolver.walk(&mut story, name);
        resolver.now += ms(40);
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([30, 30, 0, 0, 0], [3, 3, 24]));
}

#[test]
fn two_threads_of_one_pod_walk_side_by_side() {
    for (other, shift) in
        [("www.example.org", 300), ("db.example.com", 10), ("api.example.com", 350)]
    {
        let mut story = Capture::new(Link::Ethernet);
        Resolver::new(40_000, ms(0)).walk(&mut story, "api.example.com");
        Resolver::new(50_000, us(shift)).walk(&mut story, other);
        let seen = see(&story);
        assert_eq!(seen.matched(), [20, 20, 0, 0, 0], "{other}");
        assert_eq!(seen.lookups(), [2, 2, 16], "{other}");
        assert_eq!(seen.traffic.search.search_domains, SEARCH, "{other}");
    }
}

#[test]
fn a_name_that_is_found_as_it_is_first_and_missing_is_walked_afterwards() {
    // Five dots or more: the name as it is comes first.
    let mut story = Capture::new(Link::Ethernet);
    let mut resolver = Resolver::new(40_000, ms(0));
    let name = "a.b.c.d.e.example.com";
    resolver.step(&mut story, name, Answer::NxDomain("example.com"));
    for suffix in SEARCH {
        resolver.step(&mut story, &format!("{name}.{suffix}"), Answer::NxDomain(suffix));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([10, 10, 0, 0, 0], [1, 1, 8]));
    assert_eq!(seen.traffic.search.search_domains, SEARCH);
}

#[test]
fn a_short_service_name_found_at_once_is_a_lookup_without_search() {
    let mut story = Capture::new(Link::Ethernet);
    let mut resolver = Resolver::new(40_000, ms(0));
    for name in ["web", "cart", "db"] {
        let name = format!("{name}.shop.svc.cluster.local");
        resolver.step(&mut story, &name, Answer::Address("10.96.4.4"));
        resolver.now += ms(3);
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([6, 6, 0, 0, 0], [3, 0, 0]));
    assert_eq!((doubled(&seen), seen.traffic.search.search_domains.len()), (0, 0));
}

#[test]
fn a_name_of_the_cluster_with_the_list_behind_it_is_a_doubled_suffix() {
    // `web.shop.svc.cluster.local` has four dots: the whole list comes first.
    let mut story = Capture::new(Link::Ethernet);
    let mut resolver = Resolver::new(40_000, ms(0));
    let name = "web.shop.svc.cluster.local";
    for suffix in SEARCH {
        resolver.step(&mut story, &format!("{name}.{suffix}"), Answer::NxDomain(suffix));
    }
    resolver.step(&mut story, name, Answer::Address("10.96.4.4"));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([10, 10, 0, 0, 0], [1, 1, 8]));
    assert_eq!(doubled(&seen), 1);
}

#[test]
fn a_retry_on_a_new_port_is_the_same_lookup() {
    let name = "web.shop.svc.cluster.local";
    for pause in [ms(500), secs(2), secs(5) + ms(40)] {
        let mut story = Capture::new(Link::Ethernet);
        Resolver::new(40_000, ms(0)).step(&mut story, name, Answer::Nothing);
        Resolver::new(50_000, pause).step(&mut story, name, Answer::Address("10.96.4.4"));
        story.at(secs(20)).udp("10.0.0.1:9", "10.0.0.2:9", []);
        let seen = see(&story);
        assert_eq!((seen.matched(), seen.lookups()), ([4, 2, 2, 0, 0], [1, 0, 0]), "{pause:?}");
    }
}

#[test]
fn who_asks_again_when_no_timer_has_run_out_is_another_lookup() {
    // The program was told after 5 s that there is no answer, slept for 100 ms and asks anew.
    let name = "web.shop.svc.cluster.local";
    for pause in [ms(400), ms(3_300), ms(5_100)] {
        let mut story = Capture::new(Link::Ethernet);
        for n in 0..3_u32 {
            Resolver::new(40_000 + 5_000 * n as u16, pause * n).step(
                &mut story,
                name,
                Answer::Nothing,
            );
        }
        story.at(secs(30)).udp("10.0.0.1:9", "10.0.0.2:9", []);
        let seen = see(&story);
        assert_eq!((seen.matched(), seen.lookups()), ([6, 0, 6, 0, 0], [3, 0, 0]), "{pause:?}");
    }
}

#[test]
fn a_lookup_that_waits_does_not_take_the_steps_of_one_that_is_answered() {
    // The first answers to one of them take 0.65 s. To the other they get lost, half a second before: so that
    // its timer may have run out.
    let mut story = Capture::new(Link::Ethernet);
    let first = format!("api.example.com.{}", SEARCH[0]);
    for (n, kind) in [A, AAAA].into_iter().enumerate() {
        let asked = query(&*first, kind).id(7 + n as u16);
        let answer = Answer::NxDomain(SEARCH[0]).to(&asked).unwrap();
        story.at(us(30 * n as u64)).message(&*format!("{POD}:39000"), SERVER, &asked);
        story.at(ms(650)).message(SERVER, &*format!("{POD}:39000"), &answer);
    }
    let mut found = Resolver::new(40_000, ms(651));
    for suffix in &SEARCH[1..] {
        found.step(&mut story, &format!("api.example.com.{suffix}"), Answer::NxDomain(suffix));
    }
    found.step(&mut story, "api.example.com", Answer::Address("192.0.2.1"));
    Resolver::new(50_000, ms(151)).step(&mut story, &first, Answer::Nothing);
    Resolver::new(50_000, ms(5_151)).walk(&mut story, "api.example.com");
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([20, 20, 0, 0, 2], [2, 2, 16]));
}

#[test]
fn a_step_may_be_captured_before_the_answer_that_led_to_it() {
    // A mirror swaps neighbours, and does not say so. The node's own suffix is known from another walk.
    let mut story = Capture::new(Link::Ethernet);
    Resolver::new(30_000, ms(0)).walk(&mut story, "www.example.org");
    for (name, start) in [("api.example.com", ms(100)), ("db", ms(200))] {
        let names = SEARCH.map(|suffix| format!("{name}.{suffix}"));
        for (step, name) in (0_u32..).zip(names.iter().map(String::as_str).chain([name])) {
            let socket = format!("{POD}:{}", 40_000 + step);
            for (n, kind) in [A, AAAA].into_iter().enumerate() {
                let asked = query(name, kind).id(7 + n as u16);
                let at = start + ms(1) * step + us(30 * n as u64);
                let answer = match SEARCH.get(step as usize) {
                    Some(suffix) => Answer::NxDomain(suffix).to(&asked),
                    None => Answer::Address("192.0.2.1").to(&asked),
                };
                story.at(at).message(&*socket, SERVER, &asked);
                // The answers for AAAA come 5 us behind the next question for A.
                let later = us(if kind == AAAA { 975 } else { 800 });
                story.at(at + later).message(SERVER, &*socket, &answer.unwrap());
            }
        }
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([30, 30, 0, 0, 0], [3, 3, 24]));
    assert_eq!(seen.traffic.search.search_domains, SEARCH);
}

#[test]
fn walks_of_which_no_answer_was_captured_are_lookups() {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..5_u16 {
        let mut resolver = Resolver::new(40_000 + n * 100, ms(700) * u32::from(n));
        for suffix in &SEARCH[..3] {
            resolver.step(&mut story, &format!("db.{suffix}"), Answer::Nothing);
        }
        resolver.step(&mut story, "db", Answer::Nothing);
    }
    story.at(secs(20)).udp("10.0.0.1:9", "10.0.0.2:9", []);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([40, 0, 40, 0, 0], [5, 5, 30]));
    assert_eq!(seen.traffic.search.search_domains, SEARCH[..3]);
}

#[test]
fn who_is_refused_goes_on_at_once() {
    let mut story = Capture::new(Link::Ethernet);
    for (n, (port, name)) in [(40_000, "api.shop.svc.cluster.local"), (40_001, "api.shop")]
        .into_iter()
        .flat_map(|step| [step, (step.0 + 5_000, step.1)])
        .enumerate()
    {
        let asked = query(name, A).id(7 + n as u16);
        let asked = Packet::udp(&*format!("{POD}:{port}"), SERVER, asked.encode());
        story.at(ms(n as u64)).packet(&asked);
        story.after(us(90)).packet(&Packet::icmp_error(SERVER, (3, 3), &asked));
    }
    story.at(secs(20)).udp("10.0.0.1:9", "10.0.0.2:9", []);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([4, 0, 4, 0, 0], [1, 1, 2]));
}

#[test]
fn a_retry_of_another_server_is_the_same_lookup() {
    let mut story = Capture::new(Link::Ethernet);
    let asked = query("web.example.com", A).id(7);
    let port = "10.244.1.7:40000";
    story.message(port, "10.96.0.10", &asked).at(secs(5)).message(port, "10.96.0.11", &asked);
    story.after(ms(1)).message("10.96.0.11", port, &response(&asked).address([192, 0, 2, 1]));
    story.at(secs(20)).udp("10.0.0.1:9", "10.0.0.2:9", []);
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([2, 1, 1, 0, 0], [1, 0, 0]));
}

#[test]
fn a_retry_over_tcp_after_truncation_is_the_same_lookup() {
    let mut story = Capture::new(Link::Ethernet);
    let asked = query("big.example.com", A).id(7);
    story.message("10.244.1.7:40000", SERVER, &asked);
    story.after(ms(1)).message(SERVER, "10.244.1.7:40000", &response(&asked).truncated());
    let answer = response(&asked).address([192, 0, 2, 1]);
    story.after(us(80)).converse("10.244.1.7:40001", SERVER, &[asked], &[answer], us(100));
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([2, 2, 0, 0, 0], [1, 0, 0]));
}

#[test]
fn what_coredns_forwards_is_no_lookup() {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..20u64 {
        let name = format!("n{n}.example.com");
        let (pod, upstream) =
            (format!("{POD}:{}", 40_000 + n), format!("10.244.200.3:{}", 30_000 + n));
        story.at(ms(n * 50)).ask(
            &*pod,
            "10.244.200.3",
            &name,
            A,
            ms(3),
            Answer::Address("192.0.2.1"),
        );
        story.at(ms(n * 50) + us(300));
        story.ask(&*upstream, "10.0.0.2", &name, A, ms(2), Answer::Address("192.0.2.1"));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([40, 40, 0, 0, 0], [20, 0, 0]));
}

#[test]
fn what_is_forwarded_is_no_lookup_when_coredns_is_seen_from_the_node_only() {
    // The pods ask the ClusterIP; only CoreDNS' own questions show its address.
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..20u64 {
        let name = format!("n{n}.example.com");
        let (pod, upstream) =
            (format!("{POD}:{}", 40_000 + n), format!("10.244.200.3:{}", 30_000 + n));
        story.at(ms(n * 50)).ask(&*pod, SERVER, &name, A, ms(3), Answer::Address("192.0.2.1"));
        story.at(ms(n * 50) + us(300));
        story.ask(&*upstream, "10.0.0.2", &name, A, ms(2), Answer::Address("192.0.2.1"));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([40, 40, 0, 0, 0], [20, 0, 0]));
}

#[test]
fn a_probe_for_the_root_is_no_lookup() {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..3u64 {
        let socket = format!("10.244.200.3:{}", 30_000 + n);
        story.at(ms(n * 500)).ask(&*socket, "10.0.0.2", ".", NS, ms(1), Answer::NoData("."));
    }
    let seen = see(&story);
    assert_eq!((seen.matched(), seen.lookups()), ([3, 3, 0, 0, 0], [0; 3]));
}
