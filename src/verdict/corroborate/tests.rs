use crate::forge::{ms, secs};
use crate::verdict::tests::{Cluster, Known, Refusal, Reply, Story, View};

/// A walled client, and objects and rules that are judged together: each source adds what it knows, and
/// nothing is forgotten of it.
#[test]
fn several_sources_add_up() {
    Story::each(&[View::Node], 3..=5, |story| {
        story.background(ms(0), secs(40), 10.0, &mut |ask| {
            if ask.client == 0 { Reply::lost(1) } else { ask.healthy() }
        });
        story.settle(secs(70));
        let rule = format!(
            "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s {} -p udp --dport 53 -j DROP\nCOMMIT\n",
            story.clients[0]
        );
        let rules = Known::rules(&rule);
        assert_eq!(rules.judge(story.file()).is("client_egress_dropped").percent(), 95);
        let both = Known::kube(&Cluster::of(story)).and(rules).judge(story.file());
        assert_eq!(both.is("client_egress_dropped").percent(), 95, "{}", both.words());
        assert!(both.words().contains("shop/cart-0 ("), "{}", both.words());
    });
}

/// The rules still lead to endpoints: that no pod is Ready now does not make it sure again that there were
/// none then.
#[test]
fn what_one_source_speaks_against_another_does_not_make_sure() {
    const CODE: &str = "kube_dns_no_endpoints";
    Story::each(&[View::Node], 3..=5, |story| {
        let code = if story.service.is_ipv4() { (3, 3) } else { (1, 4) };
        let refusal = Refusal::Node(code);
        story.background(ms(0), secs(40), 5.0, &mut |_| Reply::refused(refusal, ms(1)));
        story.settle(secs(60));
        let mut cluster = Cluster::of(story);
        cluster.dns.iter_mut().for_each(|pod| pod.ready = false);
        let rules = || {
            let (service, backend) = (story.service, story.backends[0]);
            Known::rules(&format!(
                "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SVC-X - [0:0]\n\
                 -A PREROUTING -d {service} -p udp --dport 53 -j KUBE-SVC-X\n\
                 -A KUBE-SVC-X -j DNAT --to-destination {backend}\nCOMMIT\n"
            ))
        };
        let percent = |known: &Known| known.judge(story.file()).is(CODE).percent();
        assert_eq!(story.judge().is(CODE).percent(), 85);
        assert_eq!(percent(&Known::kube(&cluster)), 95);
        assert_eq!(percent(&rules()), 60);
        let both = Known::kube(&cluster).and(rules());
        assert_eq!(percent(&both), 60);
        let words = both.judge(story.file()).words();
        for told in ["is Ready: kube-system/coredns", "do lead from"] {
            assert!(words.contains(told), "{words}");
        }
    });
}
