use crate::forge::{ms, secs, us};
use crate::verdict::tests::{Refusal, Reply, Resolver, Story, View};

fn port_unreachable(story: &Story) -> Refusal {
    Refusal::Node(if story.service.is_ipv4() { (3, 3) } else { (1, 4) })
}

#[test]
fn the_node_rejects_the_service_for_everybody() {
    Story::each(&[View::Pod, View::Node], 2..=8, |story| {
        let refusal = port_unreachable(story);
        story.background(ms(0), secs(40), 5.0, &mut |ask| {
            // Linux keeps a part of the errors back.
            if ask.luck() < 0.4 { Reply::lost(1) } else { Reply::refused(refusal, us(60)) }
        });
        story.settle(secs(60));
        let seen = story.judge();
        let finding = seen.is("kube_dns_no_endpoints");
        let sure = if story.view == View::Pod { 0.6 } else { 0.85 };
        assert!((finding.confidence - sure).abs() < 0.01, "{}", seen.words());
        assert_eq!(finding.scope.servers, [story.service.to_string()]);
        for other in ["firewall_reject", "dns_port_closed", "client_egress_dropped"] {
            seen.has_not(other);
        }
    });
}

#[test]
fn the_last_endpoint_goes_in_the_midst() {
    Story::each(&[View::Pod, View::Node], 2..=8, |story| {
        let refusal = port_unreachable(story);
        let gone = secs(story.rng.between(10, 40));
        story.background(ms(0), secs(60), 5.0, &mut |ask| {
            if ask.time > gone { Reply::refused(refusal, us(60)) } else { ask.healthy() }
        });
        story.settle(secs(80));
        let seen = story.judge();
        seen.is("kube_dns_no_endpoints");
        seen.has_not("firewall_reject");
    });
}

/// The processes live on: what conntrack has tied to one of them goes on, every new flow is rejected.
#[test]
fn flows_that_conntrack_knows_are_answered_meanwhile() {
    Story::each(&[View::Pod, View::Node], 2..=6, |story| {
        let refusal = port_unreachable(story);
        let socket = Resolver { rate: 3.0, ..story.resolver(0, 0) };
        story.keeps_asking(socket, (ms(0), secs(60)), &mut |ask| ask.healthy());
        story.background(ms(0), secs(60), 5.0, &mut |ask| {
            if ask.time > secs(20) { Reply::refused(refusal, us(60)) } else { ask.healthy() }
        });
        story.settle(secs(80));
        let seen = story.judge();
        let finding = seen.is("kube_dns_no_endpoints");
        assert!(finding.summary.contains(" from a new port "), "{}", seen.words());
        seen.has_not("firewall_reject");
    });
}

#[test]
fn a_rule_against_one_client_leaves_the_others() {
    Story::each(&[View::Node], 3..=8, |story| {
        let refusal = port_unreachable(story);
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            if ask.client == 0 { Reply::refused(refusal, us(60)) } else { ask.healthy() }
        });
        story.settle(secs(60));
        let seen = story.judge();
        seen.has_not("kube_dns_no_endpoints");
        seen.is("firewall_reject");
    });
}

#[test]
fn prohibited_is_no_missing_endpoint() {
    Story::each(&[View::Node, View::Pod], 2..=6, |story| {
        let code = if story.service.is_ipv4() { (3, 13) } else { (1, 1) };
        story
            .background(ms(0), secs(40), 6.0, &mut |_| Reply::refused(Refusal::Node(code), us(60)));
        story.settle(secs(60));
        let seen = story.judge();
        seen.has_not("kube_dns_no_endpoints");
        seen.is("firewall_reject");
    });
}
