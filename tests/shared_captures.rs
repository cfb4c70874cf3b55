//! Every capture of `../shared/captures` against the truth that tshark told of it.
//!
//! Nobody of this project made those files or that truth. Where the two differ from dnspect there is
//! a row in `shared_captures/disagreements.tsv` with the reason; a difference without a row fails the
//! test, and so does a row without a difference.

// A test may panic anywhere; Clippy knows only the functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dnspect::aggregate::Settings;
use dnspect::capture;
use dnspect::config::Config;
use dnspect::model::Rcode;
use dnspect::pipeline::{self, Analysed};
use serde_json::Value;

const TABLE: &str = include_str!("shared_captures/disagreements.tsv");

/// What differs: file and metric; then what the truth and what dnspect says.
type Differences = BTreeMap<(String, &'static str), (String, String)>;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    if folder.join("truth").is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is absent", folder.display());
    None
}

/// The sums of one capture, read with one thread.
fn sums(path: &Path, config: &Config) -> Result<Analysed, String> {
    let options = capture::Options { threads: 1, ..capture::Options::default() };
    let source = capture::open(&[path.to_owned()], &options).map_err(|error| error.to_string())?;
    let options = pipeline::Options {
        threads: 1,
        ports: config.ports.clone(),
        settings: Settings {
            query_timeout: config.query_timeout,
            pps_limit: config.pps_limit,
            vpc_dns: config.vpc_dns.clone(),
            capacity: config.capacity,
        },
    };
    pipeline::run(&*source, &options, &mut |_, _, _| {}).map_err(|error| error.to_string())
}

/// First answers by the RCODE of the header, which is all that tshark's `dns.flags.rcode` holds.
fn rcodes_of(analysed: &Analysed) -> BTreeMap<String, u64> {
    let mut rcodes = BTreeMap::new();
    for (number, &count) in analysed.aggregate.counting.totals.rcodes.iter().enumerate() {
        if count > 0 {
            let name = Rcode(number as u16 & 15).mnemonic().into_owned();
            *rcodes.entry(name).or_default() += count;
        }
    }
    rcodes
}

fn compare(name: &str, truth: &Value, analysed: &Analysed, differences: &mut Differences) {
    let count = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{name}: {value}"));
    let mut expect = |metric, truth: String, ours: String| {
        if truth != ours {
            differences.insert((name.to_owned(), metric), (truth, ours));
        }
    };
    let messages = analysed.quality.messages;
    let kinds = ["udp_queries", "udp_responses", "tcp_queries", "tcp_responses"];
    for (metric, ours) in kinds.into_iter().zip(messages) {
        expect(metric, count(&truth[metric]).to_string(), ours.to_string());
    }
    let opinion = &truth["second_opinion"];
    let totals = &analysed.aggregate.counting.totals;
    let matching = [
        ("transactions", totals.transactions),
        ("answered", totals.answered),
        ("unanswered", totals.unanswered + totals.pending + totals.evicted),
        ("repeated_queries", totals.retransmissions),
        ("duplicate_responses", totals.duplicates),
        ("responses_without_query", totals.orphans),
        ("copies", totals.copies),
    ];
    for (metric, ours) in matching {
        // The truth merges no copies.
        let truth = opinion.get(metric).map_or(0, count);
        expect(metric, truth.to_string(), ours.to_string());
    }
    // The report's RCODEs are those of first answers: comparable where there are no others.
    if totals.answered == count(&truth["responses"]) {
        let rcodes: BTreeMap<String, u64> = truth["responses_by_rcode"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, number)| {
                let name =
                    name.parse().map_or_else(|_| name.clone(), |n| Rcode(n).mnemonic().into());
                (name, count(number))
            })
            .collect();
        expect("rcodes", format!("{rcodes:?}"), format!("{:?}", rcodes_of(analysed)));
    }
}

/// Analyses one file in both ways; what differs from the truth.
fn check(folder: &Path, path: &Path) -> Differences {
    let mut differences = Differences::new();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let config = Config { threads: NonZeroUsize::MIN, ..Config::default() };
    let document = dnspect::analyse(&[path.to_owned()], &config, &mut |_, _, _| {});
    let analysed = match (sums(path, &config), document) {
        (Ok(analysed), Ok(document)) => {
            let messages = document.capture.dns;
            let reported = [
                messages.udp_queries,
                messages.udp_responses,
                messages.tcp_queries,
                messages.tcp_responses,
            ];
            assert_eq!(reported, analysed.quality.messages, "{name}");
            let traffic = &document.traffic;
            let parts = traffic.answered + traffic.unanswered + traffic.pending_at_end;
            assert_eq!(
                traffic.transactions,
                parts + analysed.aggregate.counting.totals.evicted,
                "{name}"
            );
            assert_eq!(traffic.rcodes.values().sum::<u64>(), traffic.answered, "{name}");
            analysed
        }
        (Err(error), Err(_)) => {
            // The name is in the message; the reason is what counts.
            let reason = error.rsplit_once(&name).map_or(&*error, |(_, reason)| reason);
            let reason = reason.trim_start_matches(": ").to_owned();
            differences.insert((name, "opens"), ("yes".into(), reason));
            return differences;
        }
        (one, other) => panic!("{name}: {:?}, {:?}", one.err(), other.err()),
    };
    let truth = fs::read_to_string(folder.join("truth").join(format!("{name}.json"))).unwrap();
    compare(&name, &serde_json::from_str(&truth).unwrap(), &analysed, &mut differences);
    differences
}

/// All files, side by side.
fn check_all(folder: &Path) -> Differences {
    let entries = fs::read_dir(folder.join("files")).unwrap();
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 358, "{} files", files.len());
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Differences::new()));
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = check(folder, path);
                    all.lock().unwrap().extend(found);
                }
            });
        }
    });
    all.into_inner().unwrap()
}

/// The rows of the table: file, metric, truth, ours; each must have a reason.
fn table() -> Vec<[&'static str; 4]> {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [file, metric, truth, ours, reason] if !reason.is_empty() => {
                [file, metric, truth, ours]
            }
            _ => panic!("not file, metric, truth, ours and reason: {line:?}"),
        })
        .collect()
}

#[test]
fn counts_and_matching_agree_with_the_truth_or_are_in_the_table() {
    let Some(folder) = folder() else { return };
    let found: Vec<String> = check_all(&folder)
        .into_iter()
        .map(|((file, metric), (truth, ours))| [&*file, metric, &truth, &ours].join("\t"))
        .collect();
    let listed: Vec<String> = table().iter().map(|row| row.join("\t")).collect();
    let unlisted: Vec<_> = found.iter().filter(|row| !listed.contains(row)).collect();
    let gone: Vec<_> = listed.iter().filter(|row| !found.contains(row)).collect();
    let lines =
        |rows: &[&String]| rows.iter().map(|row| format!("\n{row}")).collect::<Vec<_>>().concat();
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "{} disagreements are not in the table:{}\n{} rows of the table are no longer true:{}",
        unlisted.len(),
        lines(&unlisted),
        gone.len(),
        lines(&gone),
    );
}
