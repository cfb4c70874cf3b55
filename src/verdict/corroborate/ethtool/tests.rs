use std::net::Ipv4Addr;

use crate::config::Config;
use crate::context::{Context, Ethtool, Text};
use crate::forge::{A, Capture, Link, ms, query, response, secs, us};
use crate::verdict::tests::{Reply, Seen, Story, View};

/// Queries to the VPC resolver, so many a second for three seconds; of the rest nothing is answered.
fn limited(rate: u64, passes: u64) -> Vec<u8> {
    let mut capture = Capture::new(Link::Ethernet);
    let (client, server) = ("10.0.1.10:", "169.254.169.253:53");
    for n in 0..rate * 3 {
        let at = us(n * 1_000_000 / rate);
        let from = format!("{client}{}", 20_000 + n % 40_000);
        let message = query(format!("n{n}.example.com").as_str(), A).id(n as u16);
        capture.at(at).message(&*from, server, &message);
        if n % rate < passes {
            let told = response(&message).address(Ipv4Addr::new(192, 0, 2, 1));
            capture.at(at + ms(1)).message(server, &*from, &told);
        }
    }
    capture.at(secs(30)).udp("10.0.9.5:999", "10.0.9.6:999", []);
    capture.pcap()
}

/// The report, with these counters before and after.
fn with(file: Vec<u8>, before: &str, after: Option<&str>) -> Seen {
    let before = Text { file: "before.txt", text: before };
    let after = after.map(|text| Text { file: "after.txt", text });
    let ethtool = Some(Ethtool::parse(before, after).unwrap());
    let context = Context { ethtool, ..Context::default() };
    Seen::with(file, &Config { context, ..Config::default() })
}

fn linklocal(value: u64) -> String {
    format!("NIC statistics:\n     linklocal_allowance_exceeded: {value}\n")
}

#[test]
fn a_counter_that_rose_confirms_and_one_that_did_not_contradicts() {
    let file = limited(1600, 1024);
    let plain = Seen::of(file.clone());
    assert!((plain.is("vpc_dns_pps_exceeded").confidence - 0.85).abs() < 1e-9);
    assert!(!plain.words().contains("--ethtool"));

    let rose = with(file.clone(), &linklocal(7), Some(&linklocal(1735)));
    let finding = rose.is("vpc_dns_pps_exceeded");
    assert!((finding.confidence - 0.95).abs() < 1e-9);
    assert!((rose.0.verdict.confidence - 0.95).abs() < 1e-9);
    let evidence = finding.evidence.iter().find(|e| e.metric == "linklocal_allowance_exceeded");
    assert!((evidence.unwrap().value - 1728.0).abs() < 1e-9);
    assert!(rose.words().contains("--ethtool: linklocal_allowance_exceeded rose by 1728"));

    let same = with(file.clone(), &linklocal(7), Some(&linklocal(7)));
    assert!((same.is("vpc_dns_pps_exceeded").confidence - 0.3).abs() < 1e-9, "{}", same.words());
    assert!(same.words().contains("contradicts the packets"));

    // One reading, a counter set back, or another one: worth a word, and nothing more.
    for (before, after, word) in [
        (linklocal(7), None, "One reading"),
        (linklocal(7), Some(linklocal(0)), "set back"),
        ("conntrack_allowance_exceeded: 3".to_owned(), None, "not among the counters"),
    ] {
        let seen = with(file.clone(), &before, after.as_deref());
        let confidence = seen.is("vpc_dns_pps_exceeded").confidence;
        assert!(
            (confidence - 0.85).abs() < 1e-9 && seen.words().contains(word),
            "{}",
            seen.words()
        );
    }
}

#[test]
fn near_the_limit_with_drops_counted_is_no_longer_without_loss() {
    let file = limited(900, 900);
    let rose = with(file.clone(), &linklocal(0), Some(&linklocal(3)));
    let finding = rose.is("vpc_dns_pps_near_limit");
    let other = finding.alternatives.iter().find(|other| other.cause == "vpc_dns_pps_exceeded");
    assert!(other.unwrap().why_less_likely.starts_with("not excluded"));
    assert!((finding.confidence - 0.95).abs() < 1e-9);

    let same = with(file, &linklocal(3), Some(&linklocal(3)));
    let finding = same.is("vpc_dns_pps_near_limit");
    assert!((finding.confidence - 0.95).abs() < 1e-9);
    assert!(same.words().contains("nothing was dropped yet"));
}

#[test]
fn counters_do_not_make_a_fault_of_a_healthy_capture() {
    let mut story = Story::new(3, View::Node, 4);
    story.healthy(secs(20), 8.0);
    let after = "linklocal_allowance_exceeded: 9\nconntrack_allowance_exceeded: 9\n";
    let before = "linklocal_allowance_exceeded: 0\nconntrack_allowance_exceeded: 0\n";
    with(story.file(), before, Some(after)).is_healthy();
}

#[test]
fn loss_here_and_there_names_the_limits_that_may_be_behind_it() {
    let mut story = Story::new(2, View::Node, 6);
    story.background(ms(0), secs(60), 12.0, &mut |ask| {
        if ask.luck() < 0.06 {
            Reply { reach: 1 + (ask.luck() * 80.0) as u8, ..ask.healthy() }
        } else {
            ask.healthy()
        }
    });
    story.settle(secs(90));
    let before = "pps_allowance_exceeded: 5\nbw_in_allowance_exceeded: 1\n";
    let after = "pps_allowance_exceeded: 9\nbw_in_allowance_exceeded: 1\n";
    let seen = with(story.file(), before, Some(after));
    let finding = seen.is("random_loss");
    let evidence = finding.evidence.iter().find(|e| e.metric == "pps_allowance_exceeded").unwrap();
    assert!((evidence.value - 4.0).abs() < 1e-9);
    let still = finding.evidence.iter().find(|e| e.metric == "bw_in_allowance_exceeded").unwrap();
    assert!(still.text.contains("did not rise"), "{}", still.text);
}

/// A live capture knows the seconds: in those of the losses it confirms, at another time it does not.
#[test]
fn a_live_reading_tells_whether_it_was_then() {
    use crate::context::ethtool::Counter;
    use crate::context::series::Series;
    use crate::forge::START;
    use crate::model::Timestamp;
    let file = limited(1600, 1024);
    let live = |rises: &dyn Fn(u64) -> u64| {
        let at = |second: u64| Timestamp((START + secs(second)).as_nanos() as i64);
        let (mut value, mut series) = (7, Series::new(at(0), 7));
        for second in 1..=60 {
            value += rises(second - 1);
            series.add(at(second), value);
        }
        let read = [("eth0".to_owned(), [(Counter::LinkLocal, series)].into_iter().collect())];
        let context = Context { ethtool: Ethtool::sampled(&read), ..Context::default() };
        Seen::with(file.clone(), &Config { context, ..Config::default() })
    };
    let then = live(&|second| if second < 3 { 576 } else { 0 });
    assert!((then.is("vpc_dns_pps_exceeded").confidence - 0.95).abs() < 1e-9);
    assert!(then.words().contains("live: linklocal_allowance_exceeded rose by 1728"));
    let later = live(&|second| if second > 40 { 576 } else { 0 });
    assert!((later.is("vpc_dns_pps_exceeded").confidence - 0.6).abs() < 1e-9, "{}", later.words());
    assert!(later.words().contains("while no question was lost"), "{}", later.words());
    let never = live(&|_| 0);
    assert!((never.is("vpc_dns_pps_exceeded").confidence - 0.3).abs() < 1e-9);
}
