//! `dnspect live` on a node: what it reads of the kernel beside the packets, and which rights it has left.
//! In a network namespace of its own, as root; skipped with a word where that cannot be.

#![cfg(all(feature = "live", target_os = "linux"))]
#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

mod namespace;
mod race;
mod run;

use std::net::UdpSocket;

use namespace::Namespace;
use run::{Live, Status};

/// Datagrams that no program took in a namespace, as the kernel tells it.
fn counters_of_sockets(namespace: &Namespace) -> u64 {
    namespace.run(|| {
        let snmp = std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
        let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Udp:"));
        let names: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        let at = names.iter().position(|name| *name == "RcvbufErrors").unwrap();
        lines.next().unwrap().split_whitespace().nth(at).unwrap().parse().unwrap()
    })
}

/// The same, and packets that lost a race in connection tracking.
fn counters(namespace: &Namespace) -> (u64, u64) {
    let full = counters_of_sockets(namespace);
    namespace.run(move || {
        let stat = std::fs::read_to_string("/proc/thread-self/net/stat/nf_conntrack").unwrap();
        let names: Vec<&str> = stat.lines().next().unwrap().split_whitespace().collect();
        let at = names.iter().position(|name| *name == "insert_failed").unwrap();
        let of = |line: &str| u64::from_str_radix(line.split_whitespace().nth(at).unwrap(), 16);
        (full, stat.lines().skip(1).map(|line| of(line).unwrap()).sum())
    })
}

/// Fills the buffer of a socket that nobody reads.
fn overrun(namespace: &Namespace) {
    namespace.run(|| {
        let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = deaf.local_addr().unwrap();
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..2_000 {
            let _ = from.send_to(&[0; 1_000], to);
        }
    });
}

/// Packets that lost a race in connection tracking, and datagrams that no program took, stand in the report
/// with their numbers, and DNS that works stays healthy.
#[test]
fn what_the_kernel_dropped_stands_beside_the_packets() {
    let Some(namespace) = Namespace::new("facts") else { return };
    if !namespace.tracks_connections() {
        return println!("skipped: needs iptables and connection tracking");
    }
    let live = Live::start(&namespace, &[], &["-i", "lo"]);
    let before = counters(&namespace);
    let _server = namespace.dns_server();
    namespace.ask(20);
    race::run(&namespace, 3_000);
    overrun(&namespace);
    namespace.ask(20);
    let after = counters(&namespace);
    let (full, failed) = (after.0 - before.0, after.1 - before.1);
    let (status, report) = live.end();
    println!("{report}");
    assert_eq!(status, 0, "counters are no fault");
    let words = report.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(failed > 0 && full > 0, "{failed} races were lost, {full} datagrams");
    assert!(words.contains("Node, while the capture ran"));
    assert!(words.contains(&format!("insert_failed +{failed},")), "{failed}");
    assert!(words.contains(&format!("UdpRcvbufErrors +{full},")), "{full}");
    assert!(words.contains("40 questions were answered"));
}

#[test]
fn the_node_is_not_read_where_nobody_wants_to_know() {
    let Some(namespace) = Namespace::new("silent") else { return };
    let live = Live::start(&namespace, &[], &["--no-node-facts"]);
    let _server = namespace.dns_server();
    namespace.ask(10);
    let (_, report) = live.end();
    assert!(report.contains("10 questions were answered"), "{report}");
    assert!(!report.contains("Node, while"), "{report}");
}

/// Outside of the namespace, capturing inside: both tell, each of its own sockets.
#[test]
fn a_namespace_that_is_captured_in_tells_beside_the_node() {
    let Some(namespace) = Namespace::new("other") else { return };
    let live = Live::outside(&["--netns", namespace.name()], &namespace);
    let _server = namespace.dns_server();
    namespace.ask(10);
    let before = counters_of_sockets(&namespace);
    overrun(&namespace);
    let full = counters_of_sockets(&namespace) - before;
    let (_, report) = live.end();
    let words = report.split_whitespace().collect::<Vec<_>>().join(" ");
    let there = format!("sockets in the network namespace {}: UdpInErrors +", namespace.name());
    assert!(words.contains(&there) && words.contains("- sockets: UdpInErrors +"), "{report}");
    assert!(full > 0 && words.contains(&format!("UdpRcvbufErrors +{full},")), "{full}: {report}");
    assert!(words.contains("10 questions were answered"), "{report}");
}

/// Nothing that root may and others may not, in any thread.
fn assert_bare(status: &Status) {
    for field in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status.field(field), "0000000000000000", "{field}");
    }
    assert_eq!(status.field("NoNewPrivs"), "1");
    if cfg!(feature = "sandbox") {
        assert_eq!(status.field("Seccomp"), "2");
    }
}

#[test]
fn root_goes_once_all_is_open() {
    if cfg!(not(feature = "sandbox")) {
        return println!("skipped: without the feature `sandbox`");
    }
    let Some(namespace) = Namespace::new("root") else { return };
    // Its report goes to a folder that the caller of sudo may write in.
    let live = Live::start(&namespace, &[("SUDO_UID", "47114"), ("SUDO_GID", "47114")], &[]);
    let threads = live.threads();
    assert!(threads.len() > 2, "{} threads", threads.len());
    for status in &threads {
        assert_bare(status);
        assert_eq!(status.field("Uid"), "47114\t47114\t47114\t47114");
        assert_eq!(status.field("CapBnd"), "0000000000000000");
        assert_eq!(status.field("Groups"), "");
    }
    let _server = namespace.dns_server();
    namespace.ask(10);
    let (status, report) = live.end();
    assert!(report.contains("10 questions were answered"), "{report}");
    assert_eq!(status, 0);
}

#[test]
fn rights_are_kept_when_asked() {
    let Some(namespace) = Namespace::new("keeps") else { return };
    let live =
        Live::start(&namespace, &[("SUDO_UID", "47114"), ("SUDO_GID", "47114")], &["--no-sandbox"]);
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    for status in live.threads() {
        assert_eq!(status.field("Uid"), "0\t0\t0\t0");
        assert_eq!(status.field("CapEff"), Status(own.clone()).field("CapEff"));
        assert_eq!(status.field("Seccomp"), Status(own.clone()).field("Seccomp"));
    }
    live.end();
}

/// CAP_NET_RAW alone is enough, and is given up as well.
#[test]
fn one_capability_is_enough() {
    let Some(namespace) = Namespace::new("raw") else { return };
    let Some(live) = Live::with_capabilities(&namespace, 47_114, "-all,+net_raw") else { return };
    live.threads().iter().for_each(assert_bare);
    let _server = namespace.dns_server();
    namespace.ask(10);
    let (status, report) = live.end();
    assert!(report.contains("10 questions were answered"), "{report}");
    assert!(report.contains("UdpInErrors +0"), "counters of sockets need no right: {report}");
    assert_eq!(status, 0);
}

#[test]
fn without_it_what_is_missing_is_told() {
    let Some(namespace) = Namespace::new("none") else { return };
    let Some(why) = Live::refused(&namespace, 47_114) else { return };
    assert!(why.contains("needs the capability CAP_NET_RAW"), "{why}");
}
