//! The captures of the lab: whose resolvers asked and where it was taken is known for each
//! (`captures/lab/cases/*.sh`), and dnspect recognises both.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

use std::fs;
use std::path::Path;

use dnspect::config::Config;
use dnspect::verdict::StubKind::{self, Glibc, Go, Musl};

/// A capture, and how many clients of each kind it shows.
const CASES: &[(&str, &[(StubKind, u64)])] = &[
    ("healthy/node-any.pcap", &[(Glibc, 2), (Musl, 1), (Go, 1)]),
    ("healthy/coredns.pcap", &[(Glibc, 2), (Musl, 1), (Go, 1)]),
    ("healthy/node-eth0.pcap", &[(Glibc, 2), (Musl, 1), (Go, 1)]),
    ("ndots-search/node-any.pcap", &[(Glibc, 1), (Musl, 1), (Go, 1)]),
    ("ndots-search/coredns.pcap", &[(Glibc, 1), (Musl, 1), (Go, 1)]),
    ("ndots-search/pod.pcap", &[(Glibc, 1), (Musl, 0), (Go, 0)]),
    ("missing-name/node-any.pcap", &[(Glibc, 2), (Musl, 1), (Go, 1)]),
    // Retries after SERVFAIL, on the same port with the same ID.
    ("servfail-burst/node-any.pcap", &[(Glibc, 2), (Musl, 1), (Go, 1)]),
    // Refused: glibc asks again at once from another port.
    ("port-closed/node-any.pcap", &[(Glibc, 2), (Musl, 1), (Go, 1)]),
    ("no-endpoints/pod.pcap", &[(Glibc, 1), (Musl, 0), (Go, 0)]),
    // A twentieth is lost: glibc asks one after the other, then from two ports.
    ("random-loss/pod.pcap", &[(Glibc, 1), (Musl, 0), (Go, 0)]),
    ("random-loss/coredns.pcap", &[(Glibc, 1), (Musl, 1), (Go, 1)]),
    ("backend-gone/node-any.pcap", &[(Glibc, 2), (Musl, 1), (Go, 1)]),
    // Three kinds in one pod are nobody's.
    ("pod-blocked/pod-blocked.pcap", &[(Glibc, 0), (Musl, 0), (Go, 0)]),
    ("tcp-large/pod.pcap", &[(Glibc, 0), (Musl, 0), (Go, 0)]),
];

#[test]
fn the_labs_clients_are_recognised() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    for (name, kinds) in CASES {
        let path = folder.join(name);
        let report = dnspect::analyse(&[path], &Config::default(), &mut |_, _, _| {}).unwrap();
        for &(kind, count) in *kinds {
            let seen = &report.traffic.resolvers;
            assert_eq!(seen.of(kind), count, "{name}: {kind:?} among {}", seen.words());
        }
    }
}

/// Where a capture was taken, by the beginning of its file's name (`captures/lab/lib/capture.sh`), and
/// what the report says.
const PLACES: &[(&str, &str)] = &[
    ("pod", "in the client 10.0."),
    ("node-eth0", "on one interface of a node"),
    ("node2-eth0", "on one interface of a node"),
    ("node", "on a node, on several interfaces"),
    ("coredns.", "at the DNS server 10.0."),
];

#[test]
fn the_labs_vantage_points_are_recognised() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut seen = 0;
    for case in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if !case.join("expected.json").exists() {
            continue;
        }
        for file in fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let compressed = name.ends_with("gz") || name.ends_with("zst");
            let place = PLACES.iter().find(|(start, _)| name.starts_with(start));
            let Some((_, place)) = place.filter(|_| name.contains(".pcap")) else { continue };
            if compressed && !cfg!(feature = "compressed") {
                continue;
            }
            let report = dnspect::analyse(
                std::slice::from_ref(&file),
                &Config::default(),
                &mut |_, _, _| {},
            );
            let taken = report.unwrap().capture.taken;
            assert!(taken.starts_with(place), "{}: {taken}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
