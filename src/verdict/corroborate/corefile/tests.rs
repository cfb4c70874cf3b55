use crate::forge::{A, ms, secs, us};
use crate::verdict::tests::{Ask, Known, Maker, Reply, Round, Seen, Story, View, What};

const REFUSED: What = What::Refused(Maker::Forwarder);

/// A Corefile with these lines in its only block.
fn with(story: &Story, lines: &str) -> Seen {
    Known::corefile(&format!(".:53 {{\n{lines}\n}}\n")).judge(story.file())
}

fn text<'s>(seen: &'s Seen, cause: &str, metric: &str) -> &'s str {
    let evidence = seen.has(cause).evidence.iter().find(|one| one.metric == metric);
    evidence.map_or("", |one| one.text.as_str())
}

fn told(story: &mut Story, refuse: &mut dyn FnMut(&Ask<'_>) -> Option<Reply>) {
    let fate = &mut |ask: &Ask<'_>| refuse(ask).unwrap_or_else(|| ask.healthy());
    story.background(ms(0), secs(60), 8.0, fate);
    story.settle(secs(90));
}

#[test]
fn a_cap_that_is_not_set_refuses_nobody() {
    Story::each(&[View::Node, View::Dns], 3..=6, |story| {
        told(story, &mut |ask| {
            let slow = ask.upstream_takes(ask.rng.clone().span(ms(500), ms(1500)));
            let refused = ask.rng.clone().chance(0.5);
            ask.is_external().then(|| if refused { ask.says(REFUSED) } else { slow })
        });
        let plain = story.judge().has("query_refused").clone();
        assert!(plain.summary.contains("max_concurrent"), "{}", plain.summary);

        let set = with(story, "forward . 10.9.9.9 {\n max_concurrent 1000\n}");
        assert_eq!(set.has("query_refused").percent(), plain.percent(), "{}", set.words());
        assert!(text(&set, "query_refused", "max_concurrent").contains("more than 1000 forwarded"));

        let unset = with(story, "forward . 10.9.9.9");
        let finding = unset.has("query_refused");
        assert!(finding.percent() <= 60.min(plain.percent()), "{}", unset.words());
        let told = text(&unset, "query_refused", "max_concurrent");
        assert!(told.contains("refuses nothing for it"), "{told}");
        assert_eq!(finding.summary, plain.summary);
    });
}

#[test]
fn a_corefile_without_a_forward_is_why_names_outside_are_refused() {
    Story::each(&[View::Node, View::Dns], 2..=6, |story| {
        told(story, &mut |ask| ask.is_external().then(|| ask.says(REFUSED)));
        let plain = story.judge().is("query_refused").percent();
        let none = with(story, "kubernetes cluster.local");
        assert!(plain < 95 && none.is("query_refused").percent() == 95, "{}", none.words());
        assert!(text(&none, "query_refused", "forward").contains("has no `forward`"));

        let there = with(story, "kubernetes cluster.local\nforward . 10.9.9.9\nacl {\n block\n}");
        assert_eq!(there.is("query_refused").percent(), plain, "{}", there.words());
        assert!(text(&there, "query_refused", "forward").contains("not refused for want of a way"));
        assert!(text(&there, "query_refused", "acl").contains("refuses by the client's address"));
    });
}

#[test]
fn an_upstream_that_refuses_is_named_by_its_line() {
    Story::each(&[View::Node, View::Dns], 2..=6, |story| {
        let refused = What::Refused(Maker::Relayed);
        told(story, &mut |ask| ask.is_external().then(|| ask.upstream_says(refused)));
        let plain = story.judge().is("query_refused").percent();
        let [one, two] = story.upstreams;
        for (lines, metric, words) in [
            (format!("forward . {one} {two}"), "configured_upstreams", "upstreams of CoreDNS"),
            (
                "forward . /etc/resolv.conf".to_owned(),
                "configured_upstreams",
                "that of their nodes",
            ),
            ("forward . 10.99.9.9".to_owned(), "configured_upstreams", ""),
        ] {
            let seen = with(story, &lines);
            assert_eq!(seen.is("query_refused").percent(), plain, "{}", seen.words());
            let told = text(&seen, "query_refused", metric);
            assert!(told.contains(words) && told.is_empty() == words.is_empty(), "{told}");
            assert!(seen.words().contains("upstream refuses"), "{}", seen.words());
        }
    });
}

/// Names outside go round.
fn rounds(story: &mut Story, round: Round) {
    let begun = story.forwarded(|story, fate| {
        story.background(ms(0), secs(40), 4.0, fate);
        story.lookup(secs(1), 0, "api-1.example.com.", fate);
    });
    for (time, name, kind) in begun {
        story.go_round(time + us(100), 0, (&name, kind), round, 60);
    }
    story.go_round(secs(41), 0, ("api-2.example.com", A), round, 60);
    story.settle(secs(75));
}

#[test]
fn a_forward_that_leads_back_makes_a_loop_sure() {
    const LOOP: &str = "dns_forwarding_loop";
    Story::each(&[View::Dns], 2..=4, |story| {
        rounds(story, Round::Service);
        let plain = story.judge().is(LOOP).percent();
        assert_eq!(plain, 85);
        let service = story.service;
        let back = with(story, &format!("loop\nforward . {service}"));
        assert_eq!(back.is(LOOP).percent(), 95, "{}", back.words());
        let told = text(&back, LOOP, "forwards_to_itself");
        assert!(told.contains(&format!("forwards to {service}, where the questions go round")));
        assert!(text(&back, LOOP, "loop_plugin").is_empty());

        // What leads elsewhere, or nobody knows where, takes nothing from what the packets show.
        for (lines, metric, words) in [
            ("forward . 10.99.9.9", "forwards_to_itself", "another day's"),
            ("forward . /etc/resolv.conf", "forwards_to_resolv_conf", "systemd-resolved"),
            ("forward . 127.0.0.1", "forwards_to_itself", "may come back"),
        ] {
            let seen = with(story, lines);
            assert_eq!(seen.is(LOOP).percent(), plain, "{}", seen.words());
            assert!(text(&seen, LOOP, metric).contains(words), "{}", seen.words());
            assert!(text(&seen, LOOP, "loop_plugin").contains("has no `loop` plugin"));
        }
    });
}

#[test]
fn a_loop_within_the_pod_is_sure_with_a_forward_to_its_loopback() {
    Story::each(&[View::Dns], 2..=4, |story| {
        rounds(story, Round::Itself);
        let (plain, local) = (story.judge(), with(story, "loop\nforward . 127.0.0.53"));
        let is = |seen: &Seen| seen.is("dns_forwarding_loop").percent();
        assert_eq!((is(&plain), is(&local)), (60, 95), "{}", local.words());
    });
}
