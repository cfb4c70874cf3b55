//! Captures of the lab written in another order, and without their answers.
//!
//! What a report says must not depend on how late a packet was written, as `dumpcap` does with several
//! interfaces; and where only questions were captured it must not say that nobody answers them.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

#[path = "forge/mod.rs"]
mod forge;
mod recorded;

use std::path::{Path, PathBuf};

use recorded::layers::{ip_at, layers};
use recorded::{Packet, Recorded, each, expecting, report};
use serde_json::Value;

/// Half of the packets of so many nanoseconds are written behind the other half.
const SLICE: u64 = 400_000_000;

/// Where questions alone look as if nobody answered them, and why.
const SILENT: [(&str, &str); 5] = [
    (
        "authority-unreachable/",
        "CoreDNS asked all upstreams again and again before it was answered",
    ),
    ("clients-resolved-cut/", "the upstream was cut off: all answers are late SERVFAILs"),
    ("two-faults/", "a third had no answer"),
    ("upstream-refuses", "a third had no answer"),
    ("upstream-too-slow/", "all answers came after CoreDNS had asked again"),
];

/// What two reports have to say alike. `place` says which packet a frame is.
fn comparable(file: Vec<u8>, place: &dyn Fn(u64) -> u64) -> Value {
    let mut report = serde_json::to_value(report(file)).unwrap();
    report["capture"].as_object_mut().unwrap().remove("out_of_order");
    for finding in report["findings"].as_array_mut().unwrap() {
        for evidence in finding["evidence"].as_array_mut().unwrap() {
            // Of many, those with the lowest numbers are named.
            let frames = evidence["frames"].as_array().unwrap().len();
            evidence["frames"] = frames.into();
            let text = evidence["text"].as_str().unwrap();
            if let Some((frame, rest)) = text.strip_prefix("Frame ").and_then(|t| t.split_once(' '))
            {
                let text = format!("Frame {} {rest}", place(frame.parse().unwrap()));
                evidence["text"] = text.into();
                for field in ["display_filter", "value"] {
                    evidence[field] = Value::Null;
                }
            }
        }
    }
    report
}

/// The numbers of the packets with those of each slice in two halves, packets of one moment together.
fn disordered(packets: &[Packet]) -> Vec<usize> {
    let lane = |time: u64| time.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63;
    let first = packets.first().map_or(0, |packet| packet.time);
    let mut order: Vec<usize> = (0..packets.len()).collect();
    order.sort_by_key(|&at| {
        let time = packets[at].time;
        ((time - first) / SLICE, lane(time))
    });
    order
}

#[test]
fn a_report_does_not_depend_on_how_late_packets_were_written() {
    let paths: Vec<PathBuf> = expecting(|_| true);
    assert!(paths.len() > 100, "few captures were found: {}", paths.len());
    let different = |path: &Path| -> Vec<String> {
        let recorded = Recorded::read(path);
        let mut ordered = recorded.packets.clone();
        ordered.sort_by_key(|packet| packet.time);
        let order = disordered(&ordered);
        assert!(ordered.len() < 100 || !order.is_sorted(), "{}", recorded.name);
        let whole = comparable(recorded.file(&ordered), &|frame| frame);
        let late = recorded.file(order.iter().map(|&at| &ordered[at]));
        let late = comparable(late, &|frame| order[frame as usize - 1] as u64 + 1);
        let [whole, late] = [whole, late].map(|report| format!("{report:#}"));
        let line = whole.lines().zip(late.lines()).find(|(whole, late)| whole != late);
        line.map(|line| format!("{}: {line:?}", recorded.name)).into_iter().collect()
    };
    let seen = each(&paths, different);
    assert!(seen.is_empty(), "{} of {}:\n  {}\n", seen.len(), paths.len(), seen.join("\n  "));
}

/// What `tcpdump dst port 53` would have written.
fn questions(recorded: &Recorded) -> Vec<u8> {
    let asks = |packet: &&Packet| {
        let link = recorded.interfaces[packet.interface as usize].link;
        let found = ip_at(link, &packet.bytes).and_then(|at| layers(&packet.bytes, at));
        found.and_then(|found| found.ports(&packet.bytes)).is_some_and(|[_, to]| to == 53)
    };
    recorded.file(recorded.packets.iter().filter(asks))
}

#[test]
fn questions_alone_are_no_silence() {
    let paths: Vec<PathBuf> = expecting(|_| true);
    let alarm = |path: &Path| -> Vec<String> {
        let recorded = Recorded::read(path);
        let whole = report(recorded.file(&recorded.packets)).traffic;
        if whole.transactions < 40 || whole.answered * 2 < whole.transactions {
            return Vec::new();
        }
        let seen = report(questions(&recorded));
        let known = SILENT.iter().any(|(case, _)| recorded.name.starts_with(case));
        let silent = !seen.capture.one_sided && !known;
        let name = recorded.name;
        silent.then(|| format!("{name}: {}", seen.verdict.summary)).into_iter().collect()
    };
    let seen = each(&paths, alarm);
    assert!(seen.is_empty(), "{} of {}:\n  {}\n", seen.len(), paths.len(), seen.join("\n  "));
}
