//! Evidence that a person can open: tshark takes the display filter of every piece of evidence, and it
//! shows the frames named beside it. Skipped where tshark is not installed.
//!
//! A few captures of each case, so that it takes a minute; `ALL_CAPTURES=1` takes all of them.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dnspect::config::Config;
use serde_json::Value;

/// So many captures of each case are enough, and those that show a figure that no other has shown so far.
const OF_EACH_CASE: usize = 1;

/// What a filter has to show.
#[derive(Debug, Default)]
struct Wanted {
    /// Causes and figures that it belongs to.
    of: BTreeSet<String>,
    frames: BTreeSet<u64>,
}

/// A capture, and by filter what its findings want.
struct Shown {
    path: PathBuf,
    filters: BTreeMap<String, Wanted>,
}

impl Shown {
    /// Of one capture; normal findings have evidence too.
    fn of(path: PathBuf) -> Shown {
        let paths = [path.clone()];
        let document = dnspect::analyse(&paths, &Config::default(), &mut |_, _, _| {}).unwrap();
        let report = serde_json::to_value(document).unwrap();
        let mut filters: BTreeMap<String, Wanted> = BTreeMap::new();
        for finding in report["findings"].as_array().unwrap() {
            for evidence in finding["evidence"].as_array().unwrap() {
                let filter = evidence["display_filter"].as_str().unwrap();
                if filter.is_empty() {
                    continue;
                }
                let of =
                    [&finding["cause"], &evidence["metric"]].map(|text| text.as_str().unwrap());
                let wanted = filters.entry(filter.to_owned()).or_default();
                wanted.of.insert(of.join(" "));
                let frames = evidence["frames"].as_array().unwrap().iter();
                wanted.frames.extend(frames.map(|frame| frame.as_u64().unwrap()));
            }
        }
        Shown { path, filters }
    }

    /// Frames that are named and not shown by the filter beside them: one call for all filters.
    fn hidden(&self) -> Result<BTreeSet<u64>, String> {
        let parts: Vec<String> = self
            .filters
            .iter()
            .filter(|(_, wanted)| !wanted.frames.is_empty())
            .map(|(filter, wanted)| format!("({} && !({filter}))", numbers(&wanted.frames)))
            .collect();
        if parts.is_empty() { Ok(BTreeSet::new()) } else { tshark(&self.path, &parts.join(" || ")) }
    }

    /// What is wrong, filter by filter where anything is.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let fine = self.hidden().is_ok_and(|frames| frames.is_empty());
        for (filter, wanted) in &self.filters {
            if fine && !wanted.frames.is_empty() {
                continue;
            }
            let complaint = match tshark(&self.path, filter) {
                Err(words) => Some(format!("is not understood: {words}")),
                Ok(shown) if shown.is_empty() => Some("shows nothing".to_owned()),
                Ok(shown) if !wanted.frames.is_subset(&shown) => {
                    let hidden: Vec<&u64> = wanted.frames.difference(&shown).collect();
                    Some(format!("does not show the frames {hidden:?}"))
                }
                Ok(_) => None,
            };
            let at = format!("{}: {:?}: {filter:?}", name(&self.path), wanted.of);
            complaints.extend(complaint.map(|what| format!("{at} {what}")));
        }
        complaints
    }
}

/// A filter for frames by number.
fn numbers(frames: &BTreeSet<u64>) -> String {
    let all: Vec<String> = frames.iter().map(ToString::to_string).collect();
    format!("frame.number in {{{}}}", all.join(", "))
}

/// The frames that a filter shows, or why it shows none.
fn tshark(path: &Path, filter: &str) -> Result<BTreeSet<u64>, String> {
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(path).args([
        "-Y",
        filter,
        "-T",
        "fields",
        "-e",
        "frame.number",
    ]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    Ok(text.lines().map(|line| line.parse().unwrap()).collect())
}

fn has_tshark() -> bool {
    let mut command = Command::new("tshark");
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let found = command.status().is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: tshark is not installed");
    }
    found
}

/// Folder and file.
fn name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    format!("{}/{}", parts[1], parts[0])
}

/// The captures of the lab, case by case.
fn cases() -> Vec<Vec<PathBuf>> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(captures).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let listed = |folder: &PathBuf| -> Option<Vec<PathBuf>> {
        let text = fs::read_to_string(folder.join("expected.json")).ok()?;
        let listed: Value = serde_json::from_str(&text).unwrap();
        let plain = |file: &&String| {
            let compressed = Path::new(file).extension().is_some_and(|e| e == "gz" || e == "zst");
            cfg!(feature = "compressed") || !compressed
        };
        let files = listed["captures"].as_object().unwrap().keys().filter(plain);
        Some(files.map(|file| folder.join(file)).collect())
    };
    folders.iter().filter_map(listed).collect()
}

/// Those captures that are looked at.
fn chosen() -> Vec<Shown> {
    let all = std::env::var_os("ALL_CAPTURES").is_some();
    let (mut chosen, mut known) = (Vec::new(), BTreeSet::new());
    for case in cases() {
        let mut left = OF_EACH_CASE;
        for path in case {
            let shown = Shown::of(path);
            let of: Vec<&String> = shown.filters.values().flat_map(|wanted| &wanted.of).collect();
            let news = of.iter().any(|of| !known.contains(*of));
            if !of.is_empty() && (all || news || left > 0) {
                left = left.saturating_sub(1);
                known.extend(of.into_iter().cloned());
                chosen.push(shown);
            }
        }
    }
    chosen
}

#[test]
fn every_display_filter_shows_its_frames() {
    if !has_tshark() {
        return;
    }
    let chosen = chosen();
    let figures: BTreeSet<&String> =
        chosen.iter().flat_map(|shown| shown.filters.values()).flat_map(|w| &w.of).collect();
    println!("{} captures, {} figures with a filter", chosen.len(), figures.len());
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(shown) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    complaints.lock().unwrap().extend(shown.complaints());
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().unwrap();
    complaints.sort();
    let text = complaints.iter().fold(String::new(), |mut text, one| {
        let _ = write!(text, "\n  {one}");
        text
    });
    assert!(complaints.is_empty() && figures.len() > 50, "{text}\n");
}

/// The check can fail: of a filter that hides a frame, of one that is none, of one that shows nothing.
#[test]
fn wrong_filters_are_noticed() {
    if !has_tshark() {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/healthy/coredns.pcap");
    for (filter, frames, said) in [
        ("dns", &[1, 2][..], None),
        ("dns.flags.response == 1", &[1], Some("does not show the frames [1]")),
        ("dns.no_such_field", &[1], Some("is not understood")),
        ("ip.src == 192.0.2.1", &[], Some("shows nothing")),
        ("udp", &[], None),
    ] {
        let wanted = Wanted { frames: frames.iter().copied().collect(), ..Wanted::default() };
        let filters = BTreeMap::from([(filter.to_owned(), wanted)]);
        let complaints = Shown { path: path.clone(), filters }.complaints();
        match said {
            None => assert!(complaints.is_empty(), "{complaints:?}"),
            Some(words) => assert!(complaints[0].contains(words), "{filter}: {complaints:?}"),
        }
    }
}
