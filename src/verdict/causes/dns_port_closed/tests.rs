use crate::forge::{ms, secs, us};
use crate::verdict::Severity;
use crate::verdict::tests::{Refusal, Reply, Story, View};

#[test]
fn a_closed_port_is_found_from_everywhere() {
    Story::each(&[View::Pod, View::Node, View::Dns, View::Eni], 2..=8, |story| {
        story.background(ms(0), secs(40), 5.0, &mut |_| Reply::refused(Refusal::Backend, us(200)));
        story.settle(secs(60));
        let seen = story.judge();
        let finding = seen.is("dns_port_closed");
        assert_eq!(finding.severity, Severity::High, "{}", seen.words());
        for other in
            ["firewall_reject", "kube_dns_no_endpoints", "client_egress_dropped", "random_loss"]
        {
            seen.has_not(other);
        }
    });
}

#[test]
fn behind_the_dnat_the_backend_is_named() {
    Story::each(&[View::Node], 3..=8, |story| {
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            if ask.backend == 0 { Reply::refused(Refusal::Backend, us(200)) } else { ask.healthy() }
        });
        story.settle(secs(60));
        let seen = story.judge();
        let finding = seen.is("dns_port_closed");
        assert_eq!(finding.scope.servers, [story.backends[0].to_string()], "{}", seen.words());
        assert!(finding.confidence >= 0.8);
        for other in ["firewall_reject", "kube_dns_no_endpoints"] {
            seen.has_not(other);
        }
    });
}

/// As the process stops, the answers before tell how far away the server is.
#[test]
fn the_pod_tells_it_by_the_ttl() {
    Story::each(&[View::Pod], 1..=4, |story| {
        story.background(ms(0), secs(60), 6.0, &mut |ask| {
            if ask.time > secs(25) {
                Reply::refused(Refusal::Backend, us(200))
            } else {
                ask.healthy()
            }
        });
        story.settle(secs(80));
        let seen = story.judge();
        seen.is("dns_port_closed");
        seen.has_not("firewall_reject");
    });
}

#[test]
fn a_reject_of_the_node_is_none() {
    Story::each(&[View::Node], 2..=6, |story| {
        let code = if story.service.is_ipv4() { (3, 3) } else { (1, 4) };
        story.background(ms(0), secs(40), 6.0, &mut |ask| {
            if ask.client == 0 {
                Reply::refused(Refusal::Forward(code), us(80))
            } else {
                ask.healthy()
            }
        });
        story.settle(secs(60));
        story.judge().has_not("dns_port_closed");
    });
}
