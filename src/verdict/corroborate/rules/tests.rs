use crate::config::Config;
use crate::context::{Context, Ruleset, Text};
use crate::forge::{ms, secs};
use crate::verdict::tests::{Cluster, Known, Reply, Seen, Story, View};

/// The story's clients all ask; what the first one sends is dropped on the node.
fn walled(seed: u64) -> Story {
    let mut story = Story::new(seed, View::Node, 4);
    story.background(ms(0), secs(40), 10.0, &mut |ask| {
        if ask.client == 0 { Reply::lost(1) } else { ask.healthy() }
    });
    story.settle(secs(70));
    story
}

fn judge(story: &Story, rules: &str) -> Seen {
    let rules = Ruleset::parse(Text { file: "node.rules", text: rules }).unwrap();
    let context = Context { iptables: Some(rules), ..Context::default() };
    Seen::with(story.file(), &Config { context, ..Config::default() })
}

#[test]
fn a_rule_that_drops_the_client_confirms_and_one_for_another_does_not() {
    for seed in 1..5 {
        let story = walled(seed);
        let (first, other) = (story.clients[0], story.clients[1]);
        let rule = |client, end: &str| {
            format!(
                "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s {client} -p udp -m udp --dport 53 {end}\nCOMMIT\n"
            )
        };
        let hit = judge(&story, &rule(first, "-j DROP"));
        let finding = hit.is("client_egress_dropped");
        assert!((finding.confidence - 0.95).abs() < 1e-9, "{}", hit.words());
        let evidence = finding.evidence.iter().find(|e| e.metric == "firewall_rule_line").unwrap();
        assert!(evidence.text.starts_with("--iptables: node.rules, line 3, `-A FORWARD -s "));
        assert!((evidence.value - 3.0).abs() < 1e-9);

        for harmless in [rule(other, "-j DROP"), rule(first, "-j ACCEPT"), rule(first, "-j REJECT")]
        {
            let missed = judge(&story, &harmless);
            let finding = missed.is("client_egress_dropped");
            assert!((finding.confidence - 0.85).abs() < 1e-9, "{}", missed.words());
            let word = finding.evidence.iter().find(|e| e.metric == "rules");
            assert!(word.unwrap().text.contains("node.rules"), "{}", missed.words());
        }

        // Perhaps: it is quoted, and no more.
        let maybe = judge(&story, &rule(first, "-m mark --mark 0x1 -j DROP"));
        let finding = maybe.is("client_egress_dropped");
        assert!((finding.confidence - 0.85).abs() < 1e-9);
        assert!(maybe.words().contains("it depends on more than addresses"), "{}", maybe.words());
        // The answers are as good as the questions.
        let family = if first.is_ipv4() { "ip" } else { "ip6" };
        let answers = format!(
            "table inet f {{\n\tchain forward {{\n\t\ttype filter hook forward priority filter; policy accept;\n\
             \t\t{family} daddr {first} udp sport 53 counter packets 41 bytes 9000 drop\n\t}}\n}}\n"
        );
        let seen = judge(&story, &answers);
        assert!((seen.is("client_egress_dropped").confidence - 0.95).abs() < 1e-9);
        assert!(
            seen.words().contains("drops answers to")
                && seen.words().contains("matched 41 packets")
        );
        let policy = judge(&story, "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n");
        assert!(policy.words().contains("the default policy of FORWARD"), "{}", policy.words());
    }
}

#[test]
fn rules_do_not_make_a_fault_of_a_healthy_capture() {
    let mut story = Story::new(5, View::Node, 4);
    story.healthy(secs(20), 8.0);
    judge(&story, "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n").is_healthy();
}

#[test]
fn loss_by_chance_is_found_in_the_rules() {
    let mut story = Story::new(2, View::Node, 6);
    story.background(ms(0), secs(60), 12.0, &mut |ask| {
        let reach = if ask.luck() < 0.06 { 1 } else { 6 };
        Reply { reach, ..ask.healthy() }
    });
    story.settle(secs(90));
    let seen = judge(
        &story,
        "*filter\n:FORWARD ACCEPT [0:0]\n\
         -A FORWARD -p udp -m statistic --mode random --probability 0.05 -j DROP\nCOMMIT\n",
    );
    let finding = seen.is("random_loss");
    assert!((finding.confidence - 0.95).abs() < 1e-9, "{}", seen.words());
    assert!(seen.words().contains("drops a part of the questions"), "{}", seen.words());
}

/// Calico and the AWS VPC CNI call a pod's interface by a hash of its name: a rule that names the one of a
/// pod that `--kube` lists is about that pod, and any other interface is anybody's.
#[test]
fn a_rule_by_interface_is_tied_to_the_pod_that_has_it() {
    // SHA-1 of `shop.cart-0` and of `shop.cart-1`.
    const FIRST: &str = "18582a65b10";
    const OTHER: &str = "acbb63ef3db";
    for seed in 1..5 {
        let story = walled(seed);
        let kube = || Known::kube(&Cluster::of(&story));
        let judged = |rule: &str, known: Option<Known>| {
            let rules = format!("*filter\n:FORWARD ACCEPT [0:0]\n{rule}\nCOMMIT\n");
            let rules = Known::rules(&rules);
            let known = match known {
                Some(known) => rules.and(known),
                None => rules,
            };
            let seen = known.judge(story.file());
            (seen.is("client_egress_dropped").percent(), seen.words())
        };
        for sure in [
            format!("-A FORWARD -i eni{FIRST} -j DROP"),
            format!("-A FORWARD -i cali{FIRST} -p udp -j DROP"),
            format!("-A FORWARD -o cali{FIRST} -j DROP"),
            format!("-A FORWARD ! -i cali{FIRST} -j ACCEPT\n-A FORWARD -i cali{FIRST} -j DROP"),
            format!(
                "-A FORWARD -i eni{FIRST} -m conntrack --ctdir REPLY -j ACCEPT\n-A FORWARD -i eni{FIRST} -j DROP"
            ),
        ] {
            let (percent, words) = judged(&sure, Some(kube()));
            assert_eq!(percent, 95, "{sure}: {words}");
            assert!(words.contains("whose interface (--kube) the rule names"), "{words}");
            // Without the list it is quoted, and no more.
            let (percent, words) = judged(&sure, None);
            assert_eq!(percent, 85, "{sure}: {words}");
            assert!(words.contains("if they take that interface"), "{words}");
        }
        for unsure in [
            format!("-A FORWARD -i eni{OTHER} -j DROP"),
            "-A FORWARD -i veth1a2b3c4d -j DROP".to_owned(),
            format!("-A FORWARD ! -i eni{FIRST} -j DROP"),
            format!("-A FORWARD -o eni{FIRST} -p udp --dport 53 -j DROP"),
            format!("-A FORWARD -i eni{FIRST} -m mark --mark 0x1 -j DROP"),
        ] {
            let (percent, words) = judged(&unsure, Some(kube()));
            assert_eq!(percent, 85, "{unsure}: {words}");
        }
        let nft = Known::rules(&format!(
            "table inet f {{\n\tchain forward {{\n\t\ttype filter hook forward priority filter; policy accept;\n\
             \t\tiifname \"cali{FIRST}\" udp dport 53 drop\n\t}}\n}}\n"
        ));
        let nft = nft.and(kube()).judge(story.file());
        assert_eq!(nft.is("client_egress_dropped").percent(), 95, "{}", nft.words());
        let rule = format!("-A FORWARD -i eni{FIRST} -j DROP");
        let elsewhere = judged(&rule, Some(Known::kube(&Cluster::foreign(&story))));
        assert_eq!(elsewhere.0, 85, "{}", elsewhere.1);
    }
}
