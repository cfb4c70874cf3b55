use crate::forge::{A, Answer, Capture, Link, ms, secs};
use crate::verdict::tests::Seen;

const SERVICE: &str = "172.20.0.10";
const OTHER_DEFAULT: &str = "10.100.0.10";

/// Pods that are served, and one that asks `server` in vain, again and again.
fn pods(server: &str, refused: bool) -> Seen {
    let mut story = Capture::new(Link::Sll2);
    story.on("veth0");
    for second in 0..20_u64 {
        for pod in 1..=3_u64 {
            let client = format!("10.0.1.{pod}:{}", 40_000 + second);
            let name = format!("service{}.shop.svc.cluster.local", second % 7);
            story.at(secs(second)).ask(
                &*client,
                SERVICE,
                &name,
                A,
                ms(1),
                Answer::Address("10.1.1.1"),
            );
        }
    }
    for (try_, second) in [1_u64, 6, 11, 16].into_iter().enumerate() {
        let client = format!("10.0.1.9:{}", 50_000 + try_);
        let query = crate::forge::query("service1.shop.svc.cluster.local", A).id(try_ as u16 + 9);
        let sent = crate::forge::Packet::udp(&*client, server, query.encode());
        story.at(secs(second)).packet(&sent);
        if refused {
            story.at(secs(second) + ms(1)).packet(&crate::forge::Packet::port_unreachable(&sent));
        }
    }
    // The capture goes on until each question is older than the query timeout.
    story.at(secs(40)).ask(
        "10.0.1.1:41000",
        SERVICE,
        "end.example.com",
        A,
        ms(1),
        Answer::Address("192.0.2.1"),
    );
    Seen::of(story.pcap())
}

#[test]
fn an_address_that_answers_nobody_is_found() {
    let seen = pods(OTHER_DEFAULT, false);
    let finding = seen.is("wrong_nameserver");
    assert_eq!(finding.scope.servers, [OTHER_DEFAULT], "{}", seen.words());
    assert_eq!(finding.scope.clients, ["10.0.1.9"]);
    seen.has_not("client_egress_dropped");
}

#[test]
fn a_server_that_answers_others_is_the_right_one() {
    let seen = pods(SERVICE, false);
    seen.is("client_egress_dropped");
    seen.has_not("wrong_nameserver");
}

#[test]
fn an_address_that_refuses_is_no_silence() {
    pods(OTHER_DEFAULT, true).has_not("wrong_nameserver");
}
