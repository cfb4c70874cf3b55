//! The captures of the lab: for each of them the verdict that its `expected.json` asks for, and the
//! figures that tshark counted in it.
//!
//! `cargo test --test lab_captures -- --nocapture` shows the verdicts as a table.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dnspect::config::Config;
use dnspect::context::{Ethtool, Text};
use dnspect::verdict::causes;
use serde_json::Value;

/// All captures together, lab included, in bytes: a clone stays quick.
const MAX_SIZE: u64 = 25_000_000;

/// Where our figure is another than tshark's, and why ours is right.
const DISAGREEMENTS: &[(&str, &str, u64, &str)] = &[
    (
        "tcp-large/node-any.pcap.zst",
        "tcp_queries",
        178,
        "tshark joins the interfaces' streams; each for itself: 64 + 52 + 32 + 29 + 1",
    ),
    ("tcp-large/node-any.pcap.zst", "tcp_responses", 178, "the same"),
];

/// What `expected.json` may say of a capture: a misspelt key would check nothing.
const KEYS: [&str; 7] =
    ["status", "root_cause", "category", "include", "exclude", "facts", "with_ethtool"];

/// What `ethtool -S` would have said before and after, in cases in which a counter would have risen.
const ETHTOOL: [&str; 2] = ["ethtool-before.txt", "ethtool-after.txt"];

/// A capture, what is expected of it, and what dnspect says.
struct Case {
    /// Folder and file.
    name: String,
    expected: Value,
    report: Value,
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// Folders that hold a case.
fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(captures()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.join("expected.json").exists()).collect();
    folders.sort();
    folders
}

fn expected(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Whether this build reads a file of this name.
fn is_readable(name: &str) -> bool {
    let compressed = Path::new(name).extension().is_some_and(|e| e == "gz" || e == "zst");
    cfg!(feature = "compressed") || !compressed
}

/// Every capture that is listed, analysed.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for folder in folders() {
        let listed = expected(&folder);
        for (file, expected) in listed["captures"].as_object().unwrap() {
            let name = format!("{}/{file}", file_name(&folder));
            if !is_readable(file) {
                println!("skipped {name}: this build reads no compressed captures");
                continue;
            }
            if let Some(surer) = expected.get("with_ethtool") {
                let mut config = Config::default();
                config.context.ethtool = Some(ethtool(&folder));
                let report = analysed(&folder.join(file), &config);
                cases.push(Case { name: format!("{name} +"), expected: surer.clone(), report });
            }
            let report = analysed(&folder.join(file), &Config::default());
            cases.push(Case { name, expected: expected.clone(), report });
        }
    }
    assert!(!cases.is_empty());
    cases
}

fn analysed(path: &Path, config: &Config) -> Value {
    let document = dnspect::analyse(&[path.to_owned()], config, &mut |_, _, _| {});
    serde_json::to_value(document.unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

fn ethtool(folder: &Path) -> Ethtool {
    let texts = ETHTOOL.map(|file| fs::read_to_string(folder.join(file)).unwrap());
    let text = |i: usize| Text { file: ETHTOOL[i], text: &texts[i] };
    Ethtool::parse(text(0), Some(text(1))).unwrap()
}

/// Whether `value` is what is expected, or one of those that are.
fn accepts(expected: &Value, value: &Value) -> bool {
    match expected {
        Value::Array(several) => several.contains(value),
        one => one == value,
    }
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

impl Case {
    fn findings(&self) -> impl Iterator<Item = (&str, f64)> {
        let findings = self.report["findings"].as_array().unwrap().iter();
        findings.map(|f| (f["cause"].as_str().unwrap(), f["confidence"].as_f64().unwrap()))
    }

    /// What is wrong with the verdict.
    fn verdict_complaints(&self) -> Vec<String> {
        let verdict = &self.report["verdict"];
        let mut complaints = Vec::new();
        for key in ["status", "root_cause", "category"] {
            let (wanted, found) = (&self.expected[key], &verdict[key]);
            if !accepts(wanted, found) {
                complaints.push(format!("{key} is {found}, not {wanted}"));
            }
        }
        let summary = verdict["summary"].as_str().unwrap();
        if summary.starts_with("0 ") {
            complaints.push(format!("the verdict is about nothing: {summary}"));
        }
        for cause in strings(&self.expected["include"]) {
            if !self.findings().any(|(found, _)| found == cause) {
                complaints.push(format!("{cause} is not among the findings"));
            }
        }
        for (cause, confidence) in self.findings() {
            if strings(&self.expected["exclude"]).contains(&cause) {
                complaints.push(format!("finds {cause} ({confidence}), which is excluded"));
            }
        }
        complaints
    }

    /// What is wrong with the figures.
    fn figure_complaints(&self) -> Vec<String> {
        let (facts, capture) = (&self.expected["facts"], &self.report["capture"]);
        let mut complaints = Vec::new();
        let mut same = |what: &str, ours: &Value| {
            let known = DISAGREEMENTS.iter().find(|d| (d.0, d.1) == (self.name.as_str(), what));
            let wanted = known.map_or(facts[what].clone(), |d| d.2.into());
            if wanted != *ours {
                complaints.push(format!("{what}: {ours}, not {wanted}"));
            }
        };
        same("frames", &capture["packets"]);
        same("cut", &capture["snaplen_truncated"]);
        for what in ["udp_queries", "udp_responses", "tcp_queries", "tcp_responses"] {
            same(what, &capture["dns"][what]);
        }
        complaints.extend(self.rcode_complaints());
        complaints.extend(self.rate_complaints());
        complaints
    }

    /// The report counts first answers, the facts frames. What another address sends is no answer.
    fn rcode_complaints(&self) -> Vec<String> {
        let frames = &self.expected["facts"]["rcodes"];
        let mut complaints = Vec::new();
        for (rcode, answers) in self.report["traffic"]["rcodes"].as_object().unwrap() {
            let (answers, frames) =
                (answers.as_u64().unwrap(), frames[rcode].as_u64().unwrap_or(0));
            let foreign = accepts(&self.expected["root_cause"], &"reply_source_mismatch".into());
            if answers > frames || (answers == 0) != (frames == 0) && !foreign {
                complaints.push(format!("{rcode}: {answers} answers in {frames} frames"));
            }
        }
        complaints
    }

    /// The facts count packets to 169.254.169.0/24 by the second of the clock; the busiest second of
    /// any beginning, the VPC resolver included, cannot hold fewer. On an ENI there are no copies.
    fn rate_complaints(&self) -> Option<String> {
        let peak = self.expected["facts"]["link_local_peak"].as_u64().unwrap();
        let rows = self.report["traffic"]["resolver_pps"].as_array().unwrap();
        let ours: u64 = rows.iter().map(|row| row["peak"].as_u64().unwrap()).sum();
        (self.name.contains("eth0") && ours < peak)
            .then(|| format!("{ours} packets/s at most, tshark counts {peak} in a second"))
    }
}

/// Fails with all complaints at once.
fn check(cases: &[Case], complaints_of: impl Fn(&Case) -> Vec<String>) {
    let mut all = String::new();
    for case in cases {
        for complaint in complaints_of(case) {
            let _ = write!(all, "\n  {}: {complaint}", case.name);
        }
    }
    assert!(all.is_empty(), "{all}\n");
}

/// The table of recorded cases in `docs/confusion.md`, without confidences' last digit.
fn keep(cases: &[Case]) {
    let mut rows = String::new();
    for Case { name, report, expected, .. } in cases {
        let Value::Object(verdict) = &report["verdict"] else { panic!("no verdict") };
        let wanted = match &expected["root_cause"] {
            Value::Array(several) => strings(&Value::Array(several.clone())).join(" or "),
            one => one.as_str().unwrap().to_owned(),
        };
        let (root, confidence) = (verdict["root_cause"].as_str().unwrap(), &verdict["confidence"]);
        let _ = writeln!(rows, "| {name} | {wanted} | `{root}` | {confidence} |");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/confusion.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once("<!-- recorded -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- /recorded -->").unwrap();
    if found != rows && std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        let document = format!("{before}<!-- recorded -->\n{rows}<!-- /recorded -->{after}");
        fs::write(&path, document).unwrap();
    } else if cfg!(feature = "compressed") {
        assert!(found == rows, "docs/confusion.md says something else: UPDATE_SNAPSHOTS=1");
    }
}

fn table(cases: &[Case]) {
    println!("{:<42} {:<13} {:<24} {:>5}", "capture", "status", "root cause", "conf.");
    for case in cases {
        let verdict = &case.report["verdict"];
        let text = |key: &str| verdict[key].as_str().unwrap().to_owned();
        let complaints = case.verdict_complaints();
        let note = match complaints.len() {
            0 => String::new(),
            _ => format!("  expected: {} {}", case.expected["status"], case.expected["root_cause"]),
        };
        println!(
            "{:<42} {:<13} {:<24} {:>5.2}{note}",
            case.name,
            text("status"),
            text("root_cause"),
            verdict["confidence"].as_f64().unwrap(),
        );
    }
}

#[test]
fn every_capture_gets_its_verdict() {
    let cases = cases();
    table(&cases);
    keep(&cases);
    check(&cases, Case::verdict_complaints);
}

#[test]
fn every_capture_is_counted_as_tshark_counts_it() {
    let mut cases = cases();
    cases.retain(|case| case.expected["facts"].is_object()); // once, not again with the counters
    check(&cases, Case::figure_complaints);
}

#[test]
fn every_expected_cause_is_known() {
    let mut unknown = Vec::new();
    for folder in folders() {
        for (file, expected) in expected(&folder)["captures"].as_object().unwrap() {
            let (root, include) = (&expected["root_cause"], &expected["include"]);
            let one = root.as_str().into_iter();
            let codes = one.chain(strings(root)).chain(strings(include)).filter(|code| {
                !["none", "undetermined"].contains(code) && causes::find(code).is_none()
            });
            unknown.extend(codes.map(|code| format!("{}/{file}: {code}", file_name(&folder))));
        }
    }
    assert!(unknown.is_empty(), "no such causes:\n  {}\n", unknown.join("\n  "));
}

#[test]
fn every_case_says_how_it_was_recorded() {
    for folder in folders() {
        let name = file_name(&folder);
        let readme = fs::read_to_string(folder.join("README.md")).unwrap_or_default();
        let command = format!("captures/lab/record {name}");
        assert!(readme.contains(&command), "{name}/README.md does not say {command:?}");
        let listed = expected(&folder);
        let listed = listed["captures"].as_object().unwrap();
        let surer = |expected: &Value| expected.get("with_ethtool").is_some();
        for (file, expected) in listed {
            assert!(folder.join(file).exists(), "{name}/{file} is listed, and missing");
            for key in expected.as_object().unwrap().keys() {
                assert!(KEYS.contains(&key.as_str()), "{name}/{file}: nobody checks {key:?}");
            }
        }
        for entry in fs::read_dir(&folder).unwrap() {
            let file = file_name(&entry.unwrap().path());
            let text = ["README.md", "expected.json"].contains(&file.as_str());
            let text = text || (ETHTOOL.contains(&file.as_str()) && listed.values().any(surer));
            assert!(text || listed.contains_key(&file), "{name}/{file}: nothing is expected of it");
        }
    }
}

#[test]
fn a_clone_stays_quick() {
    let mut size = 0;
    let mut open = vec![captures()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                size += entry.metadata().unwrap().len();
            }
        }
    }
    assert!(size < MAX_SIZE, "captures/ takes {size} bytes, more than {MAX_SIZE}");
}
