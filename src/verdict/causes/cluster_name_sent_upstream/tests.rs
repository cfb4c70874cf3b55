use crate::forge::{A, AAAA, Capture, Link, ms, query, response, secs, us};
use crate::verdict::Severity;
use crate::verdict::tests::{Ask, Reply, Seen, Story, Try, View, What};

/// Some clients have the node's resolv.conf, and want names of the cluster.
fn on_the_host(story: &mut Story, lookups: u64) -> String {
    let upstream = story.on_the_host(|_| lookups);
    let others: Vec<usize> = (1..story.clients.len()).collect();
    if !others.is_empty() {
        story.background_of(&others, ms(0), secs(60), 6.0, &mut |ask| ask.healthy());
    }
    story.settle(secs(80));
    upstream.to_string()
}

#[test]
fn pods_with_the_nodes_resolver_are_found() {
    Story::each(&[View::Pod, View::Node, View::Eni], 3..=8, |story| {
        let lookups = story.rng.between(4, 12);
        let upstream = on_the_host(story, lookups);
        let seen = story.judge();
        let finding = seen.is("cluster_name_sent_upstream");
        assert_eq!(finding.scope.servers, [upstream], "{}", seen.words());
        assert_eq!(finding.scope.clients.len(), 1, "{}", seen.words());
        assert_eq!(finding.severity, Severity::Medium, "{}", seen.words());
        assert!(finding.scope.names.iter().all(|name| name.ends_with(".svc.cluster.local")));
        assert!(story.is_pod() || finding.percent() == 85, "{}", seen.words());
        assert_eq!(seen.faults(), ["cluster_name_sent_upstream"], "{}", seen.words());
    });
}

#[test]
fn one_try_by_hand_is_none() {
    Story::each(&[View::Pod, View::Node, View::Eni], 3..=8, |story| {
        on_the_host(story, 1);
        story.judge().has_not("cluster_name_sent_upstream");
    });
}

/// CoreDNS whose zone does not hold these names: it asks its upstream, and relays the answer.
fn passed_on(ask: &Ask<'_>) -> Reply {
    if ask.is_external() {
        let reply = ask.healthy();
        let what = if reply.what == What::NxDomain { What::NxOutside } else { reply.what };
        return Reply { what, ..reply };
    }
    let mut rng = ask.rng.clone();
    let took = rng.span(us(300), ms(20));
    let what = What::NxOutside;
    let one = Try { after: us(60), upstream: 0, answered: Some(took), what, leaves: true };
    Reply { tries: vec![one], ..Reply::answer(what, took + us(120)) }
}

#[test]
fn a_cluster_dns_that_passes_its_names_on_is_found() {
    Story::each(&View::ALL, 2..=8, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| passed_on(ask));
        for n in 0..6 {
            let client = n as usize % story.clients.len();
            for client in [0, client] {
                story.lookup(secs(3 + 8 * n), client, "service-1", &mut |ask| passed_on(ask));
            }
        }
        story.settle(secs(80));
        let seen = story.judge();
        let finding = seen.is("cluster_name_sent_upstream");
        let deep = matches!(story.view, View::Node | View::Dns);
        if deep {
            assert_eq!(finding.scope.clients, [story.backends[0].to_string()], "{}", seen.words());
            assert_eq!(finding.severity, Severity::High, "{}", seen.words());
        } else {
            assert!(finding.confidence <= 0.85, "{}", seen.words());
        }
        seen.has_not("name_does_not_exist");
    });
}

/// `fallthrough` for all zones: what exists is answered, what does not goes out.
#[test]
fn names_that_fall_through_are_of_low_severity() {
    Story::each(&[View::Node, View::Dns], 2..=8, |story| {
        let fate = |ask: &Ask<'_>| {
            if ask.what() == What::NxDomain { passed_on(ask) } else { ask.healthy() }
        };
        story.background(ms(0), secs(60), 8.0, &mut |ask| fate(ask));
        story.settle(secs(80));
        let seen = story.judge();
        let finding = seen.is("cluster_name_sent_upstream");
        assert_eq!(finding.severity, Severity::Low, "{}", seen.words());
    });
}

/// Questions of one client to one server, each answered by `told`.
fn asked(names: &[&str], told: impl Fn(&crate::forge::Message) -> crate::forge::Message) -> Seen {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..40_u16 {
        for kind in [A, AAAA] {
            let name = names[usize::from(n) % names.len()];
            let client = format!("10.0.1.5:{}", 40_000 + n);
            let message = query(name, kind).id(n * 2 + kind);
            story.at(secs(u64::from(n))).message(&*client, "10.0.0.2", &message);
            story.after(ms(3)).message("10.0.0.2", &*client, &told(&message));
        }
    }
    story.at(secs(60)).udp("10.0.1.5:9", "10.0.1.6:9", []);
    Seen::of(story.pcap())
}

#[test]
fn steps_of_the_nodes_search_list_go_out_and_are_normal() {
    let names = [
        "db.shop.svc.cluster.local.us-west-2.compute.internal",
        "kubernetes.default.svc.us-west-2.compute.internal",
        "gone.us-west-2.compute.internal",
    ];
    let seen = asked(&names, |query| response(query).nxdomain("us-west-2.compute.internal"));
    seen.has_not("cluster_name_sent_upstream");
}

/// dnsmasq, unbound or a cache on the node sets RA and leaves AA out: the SOA tells whose answer it is.
#[test]
fn a_cache_that_relays_the_zones_own_answer_is_none() {
    let names = ["gone.shop.svc.cluster.local", "api.example.com.cluster.local"];
    let seen = asked(&names, |query| response(query).nxdomain("cluster.local"));
    seen.has_not("cluster_name_sent_upstream");
    let seen = asked(&names, |query| response(query).nxdomain(""));
    seen.is("cluster_name_sent_upstream");
}

#[test]
fn an_authoritative_answer_is_the_clusters_own() {
    let names = ["gone.shop.svc.cluster.local", "api.example.com.cluster.local"];
    let told =
        |query: &crate::forge::Message| response(query).with(crate::forge::dns::AA).nxdomain("");
    asked(&names, told).has_not("cluster_name_sent_upstream");
}

#[test]
fn a_healthy_cluster_sends_none_out() {
    Story::each(&View::ALL, 1..=8, |story| {
        story.healthy(secs(60), 8.0);
        story.judge().is_healthy();
    });
}
