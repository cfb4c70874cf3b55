use crate::forge::{ms, secs};
use crate::report::{self, Format, Options};
use crate::verdict::tests::{Reply, Seen, Story, View};

/// The section, of a capture so long with a client that is cut off from one moment to another.
fn section(length: u64, cut: std::ops::Range<u64>, options: &Options) -> String {
    let mut story = Story::new(3, View::Node, 4);
    story.background(ms(0), secs(length), 6.0, &mut |ask| {
        let blocked = ask.client == 0 && cut.contains(&ask.time.as_secs());
        if blocked { Reply::lost(1) } else { ask.healthy() }
    });
    story.settle(secs(length + 20));
    shown(&story.judge(), options)
}

fn shown(seen: &Seen, options: &Options) -> String {
    let mut text = Vec::new();
    report::write(&seen.0, Format::Text, options, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let rest = text.split("\nTimeline\n").nth(1).unwrap_or_default();
    rest.split("\nTraffic\n").next().unwrap_or_default().to_owned()
}

fn line(section: &str, name: &str) -> Vec<char> {
    let found = section.lines().find(|line| line.trim_start().starts_with(name));
    found.unwrap_or_else(|| panic!("no {name}: {section}")).chars().collect()
}

#[test]
fn losses_stand_where_the_finding_is_marked() {
    let section = section(300, 100..140, &Options::default());
    for line in section.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let lost = line(&section, "lost");
    let marks: Vec<char> = section
        .lines()
        .find(|line| line.ends_with("client_egress_dropped"))
        .unwrap_or_else(|| panic!("no mark: {section}"))
        .chars()
        .collect();
    for (at, &spark) in lost.iter().enumerate().take_while(|(at, _)| at + 14 < lost.len()) {
        let marked = marks.get(at) == Some(&'^');
        assert!(!('▁'..='█').contains(&spark) || marked, "{section}");
    }
    assert!(marks.iter().filter(|&&mark| mark == '^').count() >= 6, "{section}");
    assert!(section.contains("00:00:00") && section.contains(" UTC"), "{section}");
}

#[test]
fn an_old_terminal_gets_letters() {
    let ascii = Options { ascii: true, ..Options::default() };
    let section = section(120, 40..80, &ascii);
    assert!(section.is_ascii() && section.contains("questions"), "{section}");
    assert!(line(&section, "lost").contains(&'@'), "{section}");
}

#[test]
fn a_moment_or_a_handful_of_questions_has_no_timeline() {
    let none = 0..0;
    assert_eq!(section(4, none.clone(), &Options::default()), "");
    let mut story = Story::new(5, View::Pod, 1);
    story.lookup(secs(1), 0, "service-1", &mut |ask| ask.healthy());
    story.lookup(secs(500), 0, "service-1", &mut |ask| ask.healthy());
    story.settle(secs(600));
    assert_eq!(shown(&story.judge(), &Options::default()), "");
    assert!(section(60, none, &Options::default()).contains("p99"));
}

#[test]
fn no_latency_in_time_is_above_the_longest() {
    let mut story = Story::new(7, View::Pod, 1);
    story.background(ms(0), secs(60), 6.0, &mut |ask| ask.healthy());
    story.settle(secs(80));
    let mut seen = story.judge();
    // Octaves end at powers of two.
    seen.0.traffic.latency_us.max = 300;
    let longest = format!("up to {}", crate::report::number::duration(300));
    let section = shown(&seen, &Options::default());
    for name in ["p50", "p99"] {
        assert!(line(&section, name).iter().collect::<String>().ends_with(&longest), "{section}");
    }
}
