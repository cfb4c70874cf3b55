use super::*;

/// What `iptables-save` of iptables 1.8.9 prints of the rules of a node, and `nft list ruleset` of nftables
/// 1.0.6 of the same ones, and of a ruleset written for nftables. Recorded in a network namespace.
const SAVED: &str = include_str!("node.save");
const TRANSLATED: &str = include_str!("translated.nft");
const NATIVE: &str = include_str!("node.nft");

fn parsed(text: &str) -> Ruleset {
    Ruleset::parse(Text { file: "node.rules", text }).unwrap()
}

fn question(from: &str, to: &str, protocol: Protocol) -> Packet {
    Packet::question(from.parse().unwrap(), to.parse().unwrap(), protocol)
}

/// What becomes of a forwarded packet: the rules, and whether it is sure.
fn forwarded(rules: &Ruleset, packet: &Packet) -> Vec<(String, bool)> {
    let hits = rules.walk(&[Point::Forward], packet);
    let text = |hit: &Hit<'_>| hit.rule.map_or("policy".to_owned(), |rule| rule.text.clone());
    hits.iter().map(|hit| (text(hit), hit.sure)).collect()
}

/// Ends of the way of questions through both renderings of the same rules.
#[test]
fn rules_are_followed_as_the_kernel_does() {
    use Protocol::{Tcp, Udp};
    for rules in [parsed(SAVED), parsed(TRANSLATED)] {
        for (from, to, protocol, end, sure) in [
            // Through a jump, behind an ACCEPT for another port.
            (
                "10.0.1.51",
                "172.20.0.10",
                Udp,
                ["-A POLICY-web -j DROP", "counter packets 0 bytes 0 drop"],
                true,
            ),
            (
                "10.0.1.61",
                "10.0.0.2",
                Udp,
                ["-s 10.0.1.61/32 -d 10.0.0.0/24", "ip saddr 10.0.1.61 ip daddr 10.0.0.0/24"],
                true,
            ),
            ("10.0.1.53", "10.0.2.62", Udp, ["--dports 53,5353", "{ 53, 5353 }"], true),
            ("10.0.1.53", "10.0.2.62", Tcp, ["tcp-reset", "tcp reset"], true),
            ("10.0.2.52", "10.0.2.62", Udp, ["icmp-admin-prohibited", "admin-prohibited"], true),
            ("10.9.9.9", "172.20.0.99", Udp, ["has no endpoints", "ip daddr 172.20.0.99"], true),
            // By chance.
            ("10.9.9.9", "10.0.2.62", Udp, ["--probability 0.05", "meta random"], false),
        ] {
            let ends = forwarded(&rules, &question(from, to, protocol));
            let first = ends.first().unwrap_or_else(|| panic!("{from} {to}: nothing"));
            let probable = |text: &str| text.replace("0.04999999981", "0.05");
            let fits = end.iter().any(|end| probable(&first.0).contains(end));
            assert!(fits && first.1 == sure, "{from} to {to}: {ends:?}");
        }
        // Only the rules of chance are left for the others, and neither is sure.
        let ends = forwarded(&rules, &question("10.9.9.9", "10.0.0.9", Udp));
        assert!(ends.iter().all(|(_, sure)| !sure) && ends.len() == 2, "{ends:?}");
        assert_eq!(forwarded(&rules, &question("fd00:1::1", "fd00:2::2", Udp)), []);
    }
}

#[test]
fn the_default_policy_is_where_the_way_ends() {
    for rules in [parsed(SAVED), parsed(TRANSLATED)] {
        let input = |from: &str, answer: bool| {
            let packet = question(from, "10.0.1.10", Protocol::Udp);
            let hits = rules.walk(&[Point::Input], &Packet { answer, ..packet });
            hits.iter().map(|hit| (hit.rule.is_none(), hit.sure)).collect::<Vec<_>>()
        };
        // Questions to port 53 are accepted by a range of ports, answers are not.
        assert_eq!(input("10.0.1.51", false), []);
        assert_eq!(input("10.0.1.51", true), [(true, true)]);
        let packet = question("10.0.1.10", "10.0.1.51", Protocol::Udp);
        assert_eq!(rules.walk(&[Point::Output], &packet), []);
        let hits = rules.walk(&[Point::Output], &Packet { answer: true, ..packet });
        assert!(hits.len() == 1 && hits[0].sure);
    }
}

#[test]
fn services_become_pods() {
    let both = ["10.0.1.61".parse().unwrap(), "10.0.2.62".parse().unwrap()];
    for rules in [parsed(SAVED), parsed(TRANSLATED), parsed(NATIVE)] {
        assert_eq!(rules.endpoints("172.20.0.10".parse().unwrap()), both);
        assert_eq!(rules.endpoints("172.20.0.11".parse().unwrap()), []);
    }
    assert_eq!(parsed(SAVED).proxy_mode(), Some(ProxyMode::Iptables));
    assert_eq!(parsed(TRANSLATED).proxy_mode(), Some(ProxyMode::Iptables));
    assert_eq!(parsed(NATIVE).proxy_mode(), None);
    let ipvs = "*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES ! -s 10.0.0.0/16 -m comment --comment \
                \"x\" -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ\nCOMMIT\n";
    assert_eq!(parsed(ipvs).proxy_mode(), Some(ProxyMode::Ipvs));
}

/// As kube-proxy 1.31 writes them in nftables mode, shortened.
#[test]
fn kube_proxy_of_nftables_is_known_by_its_chains() {
    let rules = parsed(
        "table ip kube-proxy {\n\
         \tmap service-ips {\n\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n\
         \t\telements = { 172.20.0.10 . udp . 53 : goto service-FY5PMXPG-kube-system/kube-dns/udp/dns }\n\t}\n\
         \tchain services {\n\t\tip daddr . meta l4proto . th dport vmap @service-ips\n\t}\n\
         \tchain service-FY5PMXPG-kube-system/kube-dns/udp/dns {\n\
         \t\tip daddr 172.20.0.10 udp dport 53 ip saddr != 10.0.0.0/16 jump mark-for-masquerade\n\
         \t\tnumgen random mod 1 vmap { 0 : goto endpoint-WEDHI6Q7-kube-system/kube-dns/udp/dns__10.0.1.61/53 }\n\t}\n\
         \tchain endpoint-WEDHI6Q7-kube-system/kube-dns/udp/dns__10.0.1.61/53 {\n\
         \t\tip saddr 10.0.1.61 jump mark-for-masquerade\n\t\tmeta l4proto udp dnat to 10.0.1.61:53\n\t}\n}\n",
    );
    assert_eq!(rules.proxy_mode(), Some(ProxyMode::Nftables));
    assert_eq!(rules.endpoints("172.20.0.10".parse().unwrap()), ["10.0.1.61".parse().unwrap()]);
    assert_eq!(rules.endpoints("172.20.0.1".parse().unwrap()), []);
}

#[test]
fn nftables_of_their_own() {
    use Protocol::{Tcp, Udp};
    let rules = parsed(NATIVE);
    let udp = forwarded(&rules, &question("10.0.1.7", "10.9.0.2", Udp));
    // A set by its name may hold the address; the list in the rule does.
    assert!(udp[0].0.contains("@dns_servers") && !udp[0].1);
    assert!(udp[1].0.contains("10.0.1.23 }") && !udp[1].1);
    // An interface decides: nobody knows which one it is.
    assert!(!forwarded(&rules, &question("10.0.1.7", "10.9.0.2", Tcp))[0].1);
    let long = rules.rules().find(|rule| rule.text.contains("5353-5360")).unwrap();
    assert_eq!(long.packets, Some(0));
    // Answers are tracked, and pass.
    let answer = Packet::answer("10.9.0.2".parse().unwrap(), "10.0.1.7".parse().unwrap(), Udp);
    assert_eq!(forwarded(&rules, &answer), []);
    assert_eq!(
        rules.walk(&[Point::Forward], &question("10.0.9.9", "10.0.9.8", Udp)).last().unwrap().rule,
        None
    );
}

#[test]
fn counters_and_the_form_of_s_are_read() {
    let rules = parsed(
        "-P FORWARD DROP\n-N X\n[26:1800] -A FORWARD -s 10.0.0.0/255.255.255.0 -p udp --dport 53 -j DROP\n",
    );
    let packet = question("10.0.0.77", "10.0.0.2", Protocol::Udp);
    let hits = rules.walk(&[Point::Forward], &packet);
    assert_eq!((hits.len(), hits[0].line, hits[0].rule.unwrap().packets), (1, 3, Some(26)));
    let other = rules.walk(&[Point::Forward], &question("10.0.1.77", "10.0.0.2", Protocol::Udp));
    assert_eq!((other.len(), other[0].line, other[0].chain), (1, 1, "FORWARD"));
}

#[test]
fn what_may_have_ended_before_leaves_nothing_sure() {
    let rule = |lines: &str| {
        let rules = parsed(&format!("*filter\n:FORWARD DROP [0:0]\n:A - [0:0]\n{lines}COMMIT\n"));
        let packet = question("10.0.0.1", "10.0.0.2", Protocol::Udp);
        let hits = rules.walk(&[Point::Forward], &packet);
        hits.iter().map(|hit| (hit.line, hit.sure)).collect::<Vec<_>>()
    };
    assert_eq!(rule(""), [(2, true)]);
    assert_eq!(rule("-A FORWARD -m mark --mark 1 -j ACCEPT\n"), [(2, false)]);
    assert_eq!(
        rule("-A FORWARD -j A\n-A A -m mark --mark 1 -j RETURN\n-A A -j DROP\n"),
        [(6, false), (2, false)]
    );
    assert_eq!(rule("-A FORWARD -m mark --mark 1 -j A\n-A A -j DROP\n"), [(5, false), (2, false)]);
    assert_eq!(rule("-A FORWARD -m mark --mark 1 -j A\n-A A -p tcp -j DROP\n"), [(2, true)]);
    assert_eq!(rule("-A FORWARD -g A\n-A FORWARD -j ACCEPT\n-A A -p tcp -j DROP\n"), [(2, true)]);
    assert_eq!(
        rule("-A FORWARD -i lo -j ACCEPT\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\n"),
        [(2, true)]
    );
    assert_eq!(rule("-A FORWARD -m conntrack --ctstate NEW,RELATED -j ACCEPT\n"), []);
    assert_eq!(rule("-A FORWARD -m comment --comment \"-j ACCEPT \\\" x\" -j A\n"), [(2, true)]);
    // A loop, which no kernel would take.
    assert_eq!(rule(&"-A A -j A\n".repeat(40)), [(2, true)]);
    assert_eq!(rule(&("-A FORWARD -j A\n".to_owned() + &"-A A -j A\n".repeat(40))), [(2, false)]);
}

#[test]
fn what_is_no_ruleset_is_refused_where_it_begins() {
    for (bad, line) in [
        ("", 1),
        ("# nothing\n\n", 2),
        ("*filter\n:INPUT\n", 2),
        ("*filter\n-A\n", 2),
        ("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j\n", 3),
        ("*filter\n-A FORWARD -m comment --comment \"open -j DROP\n", 2),
        ("{\"items\": []}\n", 1),
        ("Chain INPUT (policy ACCEPT)\n", 1),
        ("table ip filter {\n\tchain FORWARD {\n", 1),
        ("table ip\n", 1),
    ] {
        let error = Ruleset::parse(Text { file: "f", text: bad }).unwrap_err();
        assert_eq!(error.line, line, "{bad:?}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_is_too_odd(any: String, odd in "(table ip x \\{\n|chain a \\{\n|type filter hook forward priority 0; policy drop;|ip saddr |!= |\\{ ?|\\} ?|10.0.0.0/[0-9]{1,3} |udp dport |53|,|-|drop\n|jump a\n|\"|counter packets |-A FORWARD -j A\n|-A A |-s |! |\\.|\n){0,60}") {
        let packet = question("10.0.0.1", "10.0.0.2", Protocol::Udp);
        for text in [any, odd] {
            if let Ok(rules) = Ruleset::parse(Text { file: "f", text: &text }) {
                let _ = (rules.walk(&[Point::Forward], &packet), rules.endpoints(packet.destination));
            }
        }
    }
}
