//! The generator of `benches/workload` says what is in the captures that it writes: the report must
//! say exactly the same.

// The generator is a program; this test uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

#[path = "../../benches/workload/answers.rs"]
mod answers;
#[path = "../../benches/workload/attack.rs"]
mod attack;
#[path = "../../benches/workload/cluster.rs"]
mod cluster;
#[path = "../../benches/workload/exchange.rs"]
mod exchange;
#[path = "../forge/mod.rs"]
mod forge;
#[path = "../../benches/workload/generate.rs"]
mod generate;
#[path = "../../benches/workload/lookup.rs"]
mod lookup;
#[path = "../../benches/workload/names.rs"]
mod names;
#[path = "../../benches/workload/noise.rs"]
mod noise;
#[path = "../../benches/workload/options.rs"]
mod options;
#[path = "../../benches/workload/output.rs"]
mod output;
mod properties;
#[path = "../../benches/workload/random.rs"]
mod random;
#[path = "../../benches/workload/schedule.rs"]
mod schedule;
#[path = "../../benches/workload/truth.rs"]
mod truth;
#[path = "../../benches/workload/wire.rs"]
mod wire;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use dnspect::config::Config;
use serde_json::{Value, json};

/// A file that goes away with its test.
struct Generated {
    path: PathBuf,
    truth: Value,
}

impl Generated {
    fn new(name: &str, arguments: &str) -> Generated {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let fixed = ["workload", "--output", path.to_str().unwrap()];
        let arguments = fixed.into_iter().chain(arguments.split_whitespace());
        let file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
        let (_, truth) = generate::write(&options::Options::parse_from(arguments), file).unwrap();
        Generated { path, truth }
    }

    /// The JSON report.
    fn report(&self, threads: usize) -> Value {
        let threads = NonZeroUsize::new(threads).unwrap();
        let config = Config { threads, ..Config::default() };
        let paths = [self.path.clone()];
        let document = dnspect::analyse(&paths, &config, &mut |_, _, _| {}).unwrap();
        serde_json::to_value(document).unwrap()
    }
}

impl Drop for Generated {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The sum of an object's numbers.
fn sum(object: &Value) -> u64 {
    object.as_object().into_iter().flatten().filter_map(|(_, number)| number.as_u64()).sum()
}

/// What the truth and the report say of the same things, by name.
fn both(truth: &Value, report: &Value) -> Vec<(String, Value, Value)> {
    let mut all = Vec::new();
    let traffic = ["lookups", "transactions", "answered", "unanswered", "pending_at_end", "late"];
    for name in traffic.into_iter().chain(["retransmissions", "orphan_responses"]) {
        all.push((name, &truth["traffic"][name], &report["traffic"][name]));
    }
    for name in ["packets", "bytes", "snaplen_truncated"] {
        all.push((name, &truth["capture"][name], &report["capture"][name]));
    }
    for name in ["udp_queries", "udp_responses", "tcp_queries", "tcp_responses"] {
        all.push((name, &truth["capture"]["dns"][name], &report["capture"]["dns"][name]));
    }
    let mut all: Vec<_> =
        all.into_iter().map(|(name, a, b)| (name.to_owned(), a.clone(), b.clone())).collect();
    for (name, count) in report["traffic"]["rcodes"].as_object().unwrap() {
        let truth = truth["traffic"]["rcodes"].get(name).cloned().unwrap_or(json!(0));
        all.push((name.clone(), truth, count.clone()));
    }
    let copies = sum(&truth["capture"]["copies"]);
    all.push(("copies".into(), json!(copies), report["capture"]["copies"].clone()));
    let longest = truth["traffic"]["latency_max_ns"].as_u64().unwrap() / 1000;
    let reported = report["traffic"]["latency_us"]["max"].clone();
    all.push(("longest latency".into(), json!(longest), reported));
    for name in ["malformed", "unsupported", "state_evicted", "tcp_gaps", "out_of_order"] {
        let at = if name == "malformed" { &report["capture"]["dns"] } else { &report["capture"] };
        all.push((name.into(), json!(0), at[name].clone()));
    }
    all
}

fn check(name: &str, arguments: &str) {
    check_all_but(name, arguments, &[]);
}

/// The same without these numbers, which the report may have otherwise.
fn check_all_but(name: &str, arguments: &str, except: &[&str]) {
    let generated = Generated::new(name, arguments);
    let one = generated.report(1);
    let wrong: Vec<String> = both(&generated.truth, &one)
        .into_iter()
        .filter(|(name, truth, report)| truth != report && !except.contains(&&**name))
        .map(|(name, truth, report)| format!("{name}: {truth} in the file, {report} reported"))
        .collect();
    assert!(wrong.is_empty(), "{arguments}: {wrong:#?}");
    assert_eq!(generated.report(4), one, "{arguments}: 4 threads");
}

#[test]
fn a_node_seen_on_one_interface() {
    check("one.pcap", "--packets 200000 --pps 8000 --seed 1");
}

#[test]
fn a_node_seen_on_three_interfaces() {
    check("three.pcap", "--packets 200000 --pps 12000 --seed 2 --link sll2 --copies 3");
}

#[test]
fn a_node_seen_on_three_interfaces_that_the_file_does_not_tell() {
    check("untold.pcap", "--packets 200000 --pps 12000 --seed 3 --copies 3");
}

#[test]
fn a_node_seen_on_five_interfaces_with_names() {
    check("five.pcapng", "--packets 200000 --pps 20000 --seed 4 --copies 5 --format pcapng");
}

#[test]
fn packets_without_a_link_header_in_nanoseconds() {
    check("raw.pcap", "--packets 200000 --pps 8000 --seed 5 --link raw --format pcap-ns");
}

#[test]
fn cooked_packets_of_three_interfaces_that_have_no_names() {
    check("sll.pcap", "--packets 100000 --pps 12000 --seed 12 --link sll --copies 3 --noise 0.2");
}

#[test]
fn packets_of_a_loopback_interface_in_both_byte_orders() {
    check(
        "null.pcap",
        "--packets 100000 --pps 8000 --seed 13 --link null --big-endian --noise 0.2",
    );
    let arguments = "--packets 100000 --pps 8000 --seed 14 --link loop --noise 0.2";
    check("loop.pcapng", &format!("{arguments} --format pcapng --big-endian"));
    check("loop.pcap", &format!("{arguments} --format pcap-ns --big-endian"));
}

#[test]
fn dns_among_much_else() {
    check("noise.pcap", "--packets 200000 --pps 16000 --seed 6 --noise 0.5");
}

#[test]
fn much_over_tcp_and_much_lost() {
    // With seed 7 a pod asks twice, each time for a name that another pod waits for: it must not be
    // taken for a forwarder, whose lookups are not counted (`Aggregate::is_forwarder`).
    for seed in [7, 9] {
        check(
            "tcp.pcap",
            &format!(
                "--packets 200000 --pps 8000 --seed {seed} --tcp 0.4 --timeouts 0.05 --servfail 0.02"
            ),
        );
    }
}

#[test]
fn frames_that_are_cut_hide_answers_but_lose_none() {
    for (length, seed) in [(96, 31), (128, 32), (160, 33), (256, 34)] {
        let arguments = "--packets 60000 --pps 4000 --clients 50 --tcp 0.5 --timeouts 0 --servfail 0 --ipv6 0.2";
        let arguments = format!("{arguments} --seed {seed} --snap-length {length}");
        let generated = Generated::new(&format!("cut-{length}.pcap"), &arguments);
        let [report, truth] = [&generated.report(1), &generated.truth];
        let traffic = |name: &str| report["traffic"][name].as_u64().unwrap();
        assert_eq!(report["capture"]["snaplen_truncated"], truth["capture"]["snaplen_truncated"]);
        assert_eq!(traffic("unanswered") + traffic("retransmissions"), 0, "{arguments}");
        assert_eq!(
            truth["traffic"]["pending_at_end"],
            traffic("pending_at_end"),
            "{arguments}: no answer of the generator shares a segment with another"
        );
        assert!(traffic("answered") > 5_000, "{arguments}");
        assert_eq!(&generated.report(4), report, "{arguments}: 4 threads");
    }
}

#[test]
fn few_clients_with_hundreds_of_lookups_at_once() {
    check("busy.pcap", "--packets 100000 --pps 40000 --seed 15 --clients 20 --timeouts 0.05");
}

#[test]
fn many_clients_that_ask_for_the_same_while_much_fails() {
    // In each of these, some pod seems to pass on what another one waits for, by chance, in all that it asks.
    for seed in [310, 326] {
        check(
            &format!("failing-{seed}.pcap"),
            &format!("--packets 100000 --seed {seed} --servfail 0.3"),
        );
    }
}

/// The root cause that is found in a generated capture.
fn root_cause(name: &str, arguments: &str) -> String {
    let report = Generated::new(name, arguments).report(1);
    report["verdict"]["root_cause"].as_str().unwrap().to_owned()
}

#[test]
fn losses_of_a_short_capture_are_spread_over_what_is_decided() {
    // Nine seconds, of which the last five cannot be told.
    for seed in 40..46 {
        let arguments = format!("--packets 100000 --pps 12000 --timeouts 0.05 --seed {seed}");
        assert_eq!(root_cause("short.pcap", &arguments), "random_loss", "{arguments}");
    }
}

#[test]
fn losses_of_clients_are_not_thinned_out_by_what_forwarders_ask() {
    // Where more than 0.5 % of the clients' questions are lost, and fewer of all.
    for seed in [43, 45, 47, 51] {
        let arguments =
            format!("--packets 40000 --pps 400 --clients 50 --timeouts 0.006 --seed {seed}");
        assert_eq!(root_cause("thinned.pcap", &arguments), "random_loss", "{arguments}");
    }
}

#[test]
fn clients_that_ask_once_or_twice() {
    // Some of them walk through the list at the same moment as another one that wants the same name.
    check("many.pcap", "--packets 200000 --pps 40000 --seed 17 --clients 60000");
}

#[test]
fn an_attack() {
    // More clients than are told apart: those beyond are counted together, and the report says so.
    let arguments = "--packets 200000 --pps 8000 --seed 8 --profile attack";
    check_all_but("attack.pcap", arguments, &["state_evicted"]);
}
