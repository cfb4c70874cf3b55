use crate::config::Config;
use crate::context::{Context, Ruleset, Text};
use crate::forge::{ms, secs};
use crate::verdict::tests::{Reply, Seen, Story, View};

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
            let word = finding.alternatives.iter().find(|o| o.cause.starts_with("a rule of this"));
            assert!(word.unwrap().why_less_likely.contains("node.rules"), "{}", missed.words());
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
