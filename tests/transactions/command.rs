//! `--transactions` on the command line.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::{captures, read_back};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = super::scratch(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// What is in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn capture() -> String {
    captures().join("upstream-blocked/node2-any.pcap").to_str().unwrap().to_owned()
}

fn dnspect(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dnspect"));
    command.arg("read").arg("--quiet").args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn refuses(arguments: &[&str], words: &[&str]) {
    let output = dnspect(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(output.stdout.is_empty() && error.starts_with("error: "), "{error}");
    for word in words {
        assert!(error.contains(word), "{arguments:?} does not say {word:?}:\n{error}");
    }
}

#[test]
fn the_file_stands_beside_the_report() {
    let folder = Folder::new("beside");
    let rows = folder.path("rows.csv");
    fs::write(&rows, "an older one").unwrap();
    let output = dnspect(&["--format=json", "--transactions", &rows, &capture()]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = read_back::csv(&fs::read(&rows).unwrap());
    assert_eq!(rows.len() as u64, report["traffic"]["transactions"].as_u64().unwrap());
    assert_eq!(folder.names(), ["rows.csv"]);
}

#[test]
fn arguments_that_cannot_be_meant_are_refused() {
    let folder = Folder::new("meant");
    let json = folder.path("rows.json");
    refuses(&["--transactions", &json, &capture()], &[".parquet, .csv or .ndjson", "rows.json"]);
    refuses(&["--transactions", "-", &capture()], &[".parquet, .csv or .ndjson"]);
    let nowhere = folder.path("none/rows.csv");
    refuses(&["--transactions", &nowhere, &capture()], &["cannot write the transactions to"]);
    let same = folder.path("same.csv");
    refuses(&["--transactions", &same, "-o", &same, &capture()], &["--output and --transactions"]);
    let input = folder.path("packets.csv");
    fs::copy(capture(), &input).unwrap();
    refuses(&["--transactions", &input, &input], &["one of the captures"]);
    assert_eq!(folder.names(), ["packets.csv"]);
}

#[test]
fn a_capture_that_cannot_be_read_leaves_the_old_rows() {
    let folder = Folder::new("old");
    let rows = folder.path("rows.ndjson");
    fs::write(&rows, "an older one").unwrap();
    refuses(&["--transactions", &rows, "/nowhere.pcap"], &["/nowhere.pcap"]);
    assert_eq!(fs::read_to_string(&rows).unwrap(), "an older one");
    assert_eq!(folder.names(), ["rows.ndjson"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_with_its_name() {
    let folder = Folder::new("device");
    for ending in if cfg!(feature = "parquet") { &["csv", "parquet"][..] } else { &["csv"] } {
        let rows = folder.path(&format!("rows.{ending}"));
        std::os::unix::fs::symlink("/dev/full", &rows).unwrap();
        refuses(&["--transactions", &rows, &capture()], &[&rows, "No space left on device"]);
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_went_away_is_an_error() {
    let folder = Folder::new("pipe");
    let pipe = folder.path("rows.ndjson");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let opened = std::thread::scope(|scope| {
        let gone = scope.spawn(|| drop(fs::File::open(&pipe).unwrap()));
        let output = dnspect(&["--transactions", &pipe, &capture()]);
        gone.join().unwrap();
        output
    });
    let error = String::from_utf8_lossy(&opened.stderr);
    assert_eq!(opened.status.code(), Some(2), "{error}");
    assert!(error.contains("Broken pipe") && error.contains("rows.ndjson"), "{error}");
}
