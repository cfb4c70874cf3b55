use std::time::Duration;

use crate::forge::{ms, secs, us};
use crate::verdict::tests::{Cluster, Known, Maker, Refusal, Reply, Seen, Story, View, What};

/// With the list, and what is said of one metric.
fn with(story: &Story, cluster: &Cluster) -> Seen {
    Known::kube(cluster).judge(story.file())
}

fn text<'s>(seen: &'s Seen, cause: &str, metric: &str) -> &'s str {
    let evidence = seen.has(cause).evidence.iter().find(|one| one.metric == metric);
    evidence.map_or("", |one| one.text.as_str())
}

/// The same cause with the same confidence, and what is told of it besides.
#[track_caller]
fn unmoved(plain: &Seen, known: &Seen, cause: &str) {
    assert_eq!((plain.root(), known.root()), (cause, cause), "{}", known.words());
    assert_eq!(plain.is(cause).percent(), known.is(cause).percent(), "{}", known.words());
}

const GONE: &str = "coredns_backend_gone";
const WHEN: Duration = Duration::from_secs(25);

/// The last backend is silent from some moment on.
fn silent(story: &mut Story) -> usize {
    let dead = story.backends.len() - 1;
    story.background(ms(0), secs(60), 10.0, &mut |ask| {
        if ask.backend == dead && ask.time >= WHEN { Reply::lost(3) } else { ask.healthy() }
    });
    story.settle(secs(90));
    dead
}

#[test]
fn the_pod_that_was_deleted_then_is_what_is_gone() {
    Story::each(&[View::Node], 3..=6, |story| {
        let dead = silent(story);
        let plain = story.judge();
        let mut cluster = Cluster::of(story);
        cluster.dns[dead].deleted = Some((WHEN, secs(30)));
        let seen = with(story, &cluster);
        assert!(
            plain.is(GONE).percent() <= 85 && seen.is(GONE).percent() == 95,
            "{}",
            seen.words()
        );
        let told = text(&seen, GONE, "deleted_dns_pods");
        assert!(
            told.contains("1 CoreDNS pod was deleted at that time (00:00:25 UTC)")
                && told.contains(&format!("kube-system/coredns-{dead}")),
            "{told}"
        );
    });
}

/// Somebody else's end, another time's, and a pod that runs: told, and nothing is surer or less sure.
#[test]
fn a_deletion_that_does_not_fit_moves_nothing() {
    Story::each(&[View::Node], 3..=6, |story| {
        let dead = silent(story);
        let plain = story.judge();
        let fine = with(story, &Cluster::of(story));
        unmoved(&plain, &fine, GONE);
        assert!(text(&fine, GONE, "dns_pod_of_address").contains("is Ready as these"));

        let mut other = Cluster::of(story);
        other.dns[0].deleted = Some((WHEN, secs(30)));
        let seen = with(story, &other);
        unmoved(&plain, &seen, GONE);
        let told = text(&seen, GONE, "other_deleted_dns_pods");
        assert!(told.contains("What fails here is not kube-system/coredns-0"), "{}", seen.words());

        let mut before = Cluster::of(story);
        before.dns[dead].deleted = Some((secs(0), secs(2)));
        let seen = with(story, &before);
        unmoved(&plain, &seen, GONE);
        assert!(text(&seen, GONE, "dns_pod_of_address").contains("at another time"));
    });
}

#[test]
fn an_address_that_is_no_longer_listed_is_that_of_a_pod_that_is_gone() {
    Story::each(&[View::Node], 3..=6, |story| {
        let dead = silent(story);
        let plain = story.judge();
        let mut cluster = Cluster::of(story);
        cluster.dns.remove(dead);
        let seen = with(story, &cluster);
        assert_eq!(seen.is(GONE).percent(), 95, "{}", seen.words());
        assert!(text(&seen, GONE, "dns_pod_of_address").contains("the one that had it is gone"));

        // Where no CoreDNS is listed at all, that one is missing says nothing.
        cluster.dns.clear();
        let seen = with(story, &cluster);
        unmoved(&plain, &seen, GONE);
        assert!(text(&seen, GONE, "listed_dns_pods").contains("no CoreDNS pod is listed"));
    });
}

/// The addresses are all missing, because they are another cluster's: not because all are gone.
#[test]
fn the_list_of_another_cluster_is_left_out_and_said_to_be() {
    let check = |story: &Story, cause: &str| {
        let (plain, seen) = (story.judge(), with(story, &Cluster::foreign(story)));
        unmoved(&plain, &seen, cause);
        let caveats = &seen.0.capture.caveats;
        assert!(caveats.iter().any(|one| one.contains("of another cluster")), "{caveats:?}");
        assert!(plain.has(cause).evidence == seen.has(cause).evidence, "{}", seen.words());
    };
    Story::each(&[View::Node], 3..=6, |story| {
        silent(story);
        check(story, GONE);
    });
    Story::each(&[View::Node], 3..=6, |story| {
        let code = if story.service.is_ipv4() { (3, 3) } else { (1, 4) };
        story
            .background(ms(0), secs(40), 5.0, &mut |_| Reply::refused(Refusal::Node(code), us(60)));
        story.settle(secs(60));
        check(story, "kube_dns_no_endpoints");
        // Nor does a list without kube-system tell that nobody is Ready there.
        let mut partial = Cluster::of(story);
        partial.dns.clear();
        let (plain, seen) = (story.judge(), with(story, &partial));
        unmoved(&plain, &seen, "kube_dns_no_endpoints");
        let told = text(&seen, "kube_dns_no_endpoints", "ready_dns_pods");
        assert!(told.contains("no pod of kube-system is listed"), "{}", seen.words());
    });
}

/// A few SERVFAILs of a backend that goes: a deletion at that time makes it sure, another does not.
#[test]
fn a_scale_down_is_surer_with_the_pod_that_was_deleted() {
    const CODE: &str = "servfail_transient";
    Story::each(&[View::Pod, View::Node], 1..=3, |story| {
        let mut left = 4;
        story.background(ms(0), secs(60), 8.0, &mut |ask| {
            let dying = ask.backend == 0 && ask.client == 0 && ask.attempt == 0;
            if dying && left > 0 && ask.time > WHEN {
                left -= 1;
                return Reply::answer(What::ServFail(Maker::Forwarder), ms(1));
            }
            ask.healthy()
        });
        story.settle(secs(80));
        let plain = story.judge().has(CODE).percent();
        let mut cluster = Cluster::of(story);
        cluster.dns[0].deleted = Some((WHEN, secs(30)));
        let seen = with(story, &cluster);
        assert!(plain < 95 && seen.has(CODE).percent() == 95, "{plain} {}", seen.words());
        assert!(text(&seen, CODE, "deleted_dns_pods").contains("kube-system/coredns-0"));
        seen.is_healthy();

        cluster.dns[0].deleted = Some((secs(0), secs(2)));
        let seen = with(story, &cluster);
        assert_eq!(seen.has(CODE).percent(), plain, "{}", seen.words());
        seen.is_healthy();
    });
}

/// Where the replicas run is told, and changes no figure.
#[test]
fn replicas_on_one_node_are_told() {
    let tell = |story: &Story, cause: &str| {
        let plain = story.judge();
        let apart = Cluster::of(story);
        let mut together = apart.clone();
        together.dns.iter_mut().for_each(|pod| pod.node = "crowded".to_owned());
        let mut alone = apart.clone();
        alone.dns.truncate(1);
        let many = apart.dns.len();
        for (cluster, words) in [
            (&apart, format!("{many} CoreDNS pods run on {many} nodes")),
            (&together, format!("all {many} CoreDNS pods run on node crowded")),
            (&alone, "there is one CoreDNS pod, on node n0".to_owned()),
        ] {
            let seen = with(story, cluster);
            let told = text(&seen, cause, "coredns_nodes");
            assert!(told.contains(&words), "{}", seen.words());
            assert_eq!(seen.root(), cause);
            if cause != GONE {
                unmoved(&plain, &seen, cause);
            }
        }
    };
    Story::each(&[View::Node], 3..=6, |story| {
        // All wait in a queue that is full.
        let from = secs(8);
        story.background(ms(0), secs(25), 30.0, &mut |ask| ask.healthy());
        story.background(from, secs(16), 250.0, &mut |ask| {
            let mut reply = ask.healthy();
            let mut rng = ask.rng.clone();
            if rng.chance(0.15) {
                return Reply::lost(3);
            }
            reply.after += rng.span(ms(60), ms(700));
            reply
        });
        story.settle(secs(50));
        tell(story, "coredns_overload");
    });
    Story::each(&[View::Node], 3..=4, |story| {
        silent(story);
        tell(story, GONE);
    });
}

/// The Service's address is the same in many clusters, and in another one it may be another: a list that
/// does not fit neither names it nor says who asks the wrong address.
#[test]
fn a_list_that_does_not_fit_tells_no_address_of_dns() {
    Story::each(&[View::Pod], 1..=2, |story| {
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            if ask.client == 0 { Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(70));
        let mut cluster = Cluster::foreign(story);
        let v6 = story.service.is_ipv6();
        cluster.services[0].1 = if v6 { "fd00:77::a" } else { "10.77.0.10" }.parse().unwrap();
        let (plain, seen) = (story.judge(), with(story, &cluster));
        assert_eq!(
            (plain.root(), plain.faults()),
            (seen.root(), seen.faults()),
            "{}",
            seen.words()
        );
        assert!(!seen.words().contains("10.77.0.10") && !seen.words().contains("kube-dns"));
        // That of this cluster does.
        let mut cluster = Cluster::of(story);
        cluster.services[0].1 = if v6 { "fd00:77::a" } else { "10.77.0.10" }.parse().unwrap();
        with(story, &cluster).is("wrong_nameserver");
    });
}
