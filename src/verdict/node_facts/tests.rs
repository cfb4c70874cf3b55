use crate::config::Config;
use crate::context::kernel::{Counter, Kernel, Place};
use crate::context::series::Series;
use crate::context::{Context, Ethtool, ResolvConf, Text, ethtool};
use crate::forge::secs;
use crate::model::Timestamp;
use crate::report;
use crate::verdict::tests::{Seen, Story, View};

fn at(second: i64) -> Timestamp {
    Timestamp(second * 1_000_000_000)
}

/// What was read stands in the text, the absent too; without a live capture nothing does.
#[test]
fn what_rose_what_stayed_and_what_is_not_there() {
    let mut node = Place::new("");
    for (second, drop) in [(0, 5), (1, 5), (2, 9)] {
        node.read(Counter::InsertFailed, at(second), 7);
        node.read(Counter::Drop, at(second), drop);
        node.read(Counter::UdpRcvbufErrors, at(second), 1);
    }
    node.read_table(1_000, 4_000);
    let mut pod = Place::new("namespace shop");
    pod.read(Counter::UdpInErrors, at(0), 3);
    pod.read_table(0, 0);
    let mut series = Series::new(at(0), 1);
    series.add(at(1), 4);
    let read = [("eth0".to_owned(), [(ethtool::Counter::LinkLocal, series)].into_iter().collect())];
    let conf = Text { file: "/etc/resolv.conf", text: "nameserver 10.0.0.2\n" };
    let context = Context {
        kernel: Some(Kernel {
            places: vec![node, pod],
            absent: vec!["not \x1b[31mhere".to_owned()],
        }),
        ethtool: Ethtool::sampled(&read),
        node_resolv_conf: ResolvConf::parse(conf).ok(),
        ..Context::default()
    };
    let mut story = Story::new(3, View::Node, 3);
    story.healthy(secs(10), 5.0);
    let seen = Seen::with(story.file(), &Config { context, ..Config::default() });
    assert_eq!(
        seen.0.capture.node,
        [
            "ENA eth0: linklocal_allowance_exceeded +3",
            "conntrack: insert_failed +0, drop +4; 1000 entries at most, 25 % of 4000",
            "sockets: UdpRcvbufErrors +0",
            "conntrack in namespace shop: 0 entries at most: connections are not tracked here",
            "sockets in namespace shop: UdpInErrors 3, read once",
            "/etc/resolv.conf: 10.0.0.2",
            "not \x1b[31mhere",
        ]
    );
    let page = |seen: &Seen| {
        let mut bytes = Vec::new();
        report::write(&seen.0, report::Format::Text, &report::Options::default(), &mut bytes)
            .unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let text = page(&seen);
    assert!(text.contains("Node, while the capture ran"), "{text}");
    assert!(text.contains("drop +4") && !text.contains('\x1b'), "{text}");
    let plain = Seen::of(story.file());
    assert!(plain.0.capture.node.is_empty() && !page(&plain).contains("Node, while"));
}
