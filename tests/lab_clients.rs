//! The captures of the lab: whose resolvers asked is known for each (`captures/lab/cases/*.sh`), and
//! dnspect recognises them.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

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
