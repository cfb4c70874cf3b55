//! The rows of a capture add up to the traffic of its report.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dnspect::aggregate::{Settings, Totals};
use dnspect::capture;
use dnspect::config::Config;
use dnspect::model::Rcode;
use dnspect::pipeline;
use dnspect::transactions::{Format, Sink};

use super::read_back::{self, Row};

/// Rows and totals of a capture; nothing where it cannot be read at all.
fn read(path: &Path) -> Option<(Vec<Row>, Totals, u64)> {
    let source = capture::open(&[path.to_owned()], &capture::Options::default()).ok()?;
    let config = Config::default();
    let options = pipeline::Options {
        threads: 2,
        ports: config.ports,
        settings: Settings {
            query_timeout: config.query_timeout,
            pps_limit: config.pps_limit,
            vpc_dns: config.vpc_dns,
            capacity: config.capacity,
        },
    };
    let mut file = Vec::new();
    let sink = Some(Sink { format: Format::Csv, out: &mut file });
    let aggregate =
        pipeline::run_into(&*source, &options, sink, &mut |_, _, _| {}).unwrap().aggregate;
    let pairs = aggregate.counting.pairs.iter().chain([aggregate.counting.pairs.shared()]);
    let after = pairs.map(|pair| pair.rare().resent_after_answer).sum();
    Some((read_back::csv(&file), aggregate.counting.totals, after))
}

fn check(path: &Path) -> usize {
    let Some((rows, totals, resent_after_answer)) = read(path) else { return 0 };
    let count = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).count() as u64;
    let number = |row: &Row, column: &str| row[column].parse::<u64>().unwrap();
    let mut rcodes: BTreeMap<String, u64> = BTreeMap::new();
    for row in &rows {
        let answered = ["answered", "late"].contains(&row["outcome"].as_str());
        let of_answers = ["answered_at", "latency_ns", "rcode", "tc", "answers", "response_frame"];
        for column in of_answers {
            assert_eq!(row.contains_key(column), answered, "{}: {row:?}", path.display());
        }
        if let Some(rcode) = row.get("rcode") {
            *rcodes.entry(rcode.clone()).or_default() += 1;
        }
        assert!(row["first_sent"] <= row["last_sent"]);
    }
    let name = path.display();
    assert_eq!(rows.len() as u64, totals.transactions, "{name}");
    assert_eq!(count("answered") + count("late"), totals.answered, "{name}");
    assert_eq!(count("late"), totals.late, "{name}");
    assert_eq!(count("unanswered") + count("rejected"), totals.unanswered, "{name}");
    assert_eq!(count("pending"), totals.pending, "{name}");
    assert_eq!(count("evicted"), totals.evicted, "{name}");
    let resent: u64 = rows.iter().map(|row| number(row, "retransmissions")).sum();
    assert_eq!(resent + resent_after_answer, totals.retransmissions, "{name}");
    // RCODEs from 24 on share a place in the totals.
    for (code, &total) in totals.rcodes[..24].iter().enumerate() {
        let mnemonic = Rcode(code as u16).mnemonic().into_owned();
        assert_eq!(rcodes.get(&mnemonic).copied().unwrap_or(0), total, "{name}: {mnemonic}");
    }
    rows.len()
}

#[test]
fn rows_of_the_lab_add_up() {
    let mut rows = 0;
    for folder in fs::read_dir(super::captures()).unwrap().map(|entry| entry.unwrap().path()) {
        if folder.join("expected.json").exists() {
            rows += super::files(&folder).iter().map(|path| check(path)).sum::<usize>();
        }
    }
    assert!(rows > 10_000);
}

/// Damaged, cut, fuzzed: captures that others made.
#[test]
fn rows_of_anything_add_up() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures/files");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("skipped: {} is absent", folder.display());
        return;
    };
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let rows: usize = files.iter().map(|path| check(path)).sum();
    assert!(files.len() > 100 && rows > 1_000, "{} files, {rows} rows", files.len());
}

/// More in flight at once than the matcher keeps: what it gives up has rows, too.
#[test]
fn an_attack_adds_up() {
    use super::forge::{A, Answer, Capture, Link, us};
    let mut story = Capture::new(Link::Raw);
    for i in 0..140_000_u32 {
        let client = format!("10.{}.{}.{}:5353", i >> 16, i >> 8 & 255, i & 255);
        story.ask(client.as_str(), "10.96.0.10:53", "x.example", A, us(0), Answer::Nothing);
        story.after(us(10));
    }
    let path = super::scratch("attack");
    fs::write(&path, story.pcap()).unwrap();
    assert_eq!(check(&path), 140_000);
    let (rows, totals, _) = read(&path).unwrap();
    assert!(totals.evicted > 0);
    assert!(rows.iter().all(|row| row["qname"] == "x.example"));
    fs::remove_file(path).unwrap();
}
