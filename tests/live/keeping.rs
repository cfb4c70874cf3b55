//! What is kept is what was analysed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::net::FAR;
use crate::net_or_skip;
use crate::process::{live, report, scratch};
use crate::traffic::{Client, serve};

/// The report of saved files, without what only files can say.
pub(crate) fn read(files: &[PathBuf]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_dnspect"))
        .args(["read", "--format", "json"])
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout);
    comparable(report.unwrap_or_else(|error| panic!("{error}: {said}")))
}

fn comparable(mut report: Value) -> Value {
    report["capture"].as_object_mut().unwrap().remove("files");
    report
}

/// The report of a live capture is that of the files that it wrote.
#[track_caller]
pub(crate) fn assert_same(live: Value, file: Value) {
    let [live, file] =
        [comparable(live), file].map(|report| serde_json::to_string_pretty(&report).unwrap());
    let different = live.lines().zip(file.lines()).find(|(live, file)| live != file);
    assert_eq!((different, live.lines().count()), (None, file.lines().count()));
}

/// Files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn folder(name: &str) -> PathBuf {
    let folder = scratch(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_report_of_the_file_is_the_live_one() {
    let net = net_or_skip!();
    net.second();
    for server in [FAR, "10.8.0.2", "169.254.169.253"] {
        serve(&net.far, server);
    }
    for interfaces in [&["-i", "va"][..], &["-i", "va", "-i", "wa"], &["-i", "any"]] {
        let file = scratch("kept.pcapng");
        let options = [interfaces, &["-w", file.to_str().unwrap()]].concat();
        let process = live(Some(&net.node), &options);
        for server in [FAR, "10.8.0.2", "169.254.169.253"] {
            Client::new(&net.node, server).ask_all();
        }
        let seen = report(process, Some("INT"));
        assert!(seen["traffic"]["answered"].as_u64().unwrap() > 50);
        assert_same(seen, read(&[file]));
    }
}

#[test]
fn files_of_a_rotation_are_the_capture() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let folder = folder("rotated");
    let pattern = folder.join("dns");
    let process =
        live(Some(&net.node), &["-i", "va", "-w", pattern.to_str().unwrap(), "-C", "10k"]);
    Client::new(&net.node, FAR).ask_all();
    let seen = report(process, Some("TERM"));
    let mut files = files(&folder);
    assert!(files.len() > 3, "{files:?}");
    files.sort_by_key(|path| path.to_str().unwrap().len());
    assert_same(seen, read(&files));
}

#[test]
fn a_ring_of_files_has_the_last_packets() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let folder = folder("ringed");
    let pattern = folder.join("dns");
    let options = ["-i", "va", "-w", pattern.to_str().unwrap(), "-C", "10k", "-W", "2"];
    let process = live(Some(&net.node), &options);
    Client::new(&net.node, FAR).ask_all();
    let seen = report(process, Some("INT"));
    let files = files(&folder);
    let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["dns0", "dns1"]);
    let kept = read(&files);
    assert_eq!(kept["capture"]["last_packet"], seen["capture"]["last_packet"]);
    assert!(kept["capture"]["packets"].as_u64() < seen["capture"]["packets"].as_u64());
}

#[test]
fn enough_seconds_end_it() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let folder = folder("timed");
    let pattern = folder.join("dns-%Y%m%d-%H%M%S.pcapng");
    let options = ["-i", "va", "-w", pattern.to_str().unwrap(), "-G", "1", "-W", "2"];
    let process = live(Some(&net.node), &options);
    let namespace = net.node.clone();
    // A file ends with a packet behind it.
    let asking = std::thread::spawn(move || {
        let mut client = Client::new(&namespace, FAR);
        for number in 0..80 {
            client.ask(&format!("n{number}.test"));
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let seen = report(process, None);
    asking.join().unwrap();
    let files = files(&folder);
    assert_eq!(files.len(), 2, "{files:?}");
    let kept = read(&files);
    assert!(kept["capture"]["packets"].as_u64() > Some(10), "{}", kept["capture"]);
    assert!(kept["capture"]["packets"].as_u64() <= seen["capture"]["packets"].as_u64());
}

#[test]
fn the_moments_around_a_fault_are_kept_and_no_others() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let folder = folder("faults");
    let pattern = folder.join("fault.pcapng");
    let options = ["-i", "va", "--interval", "200ms", "--ring", "60s"];
    let options = [&options[..], &["--on-finding", pattern.to_str().unwrap()]].concat();
    let process = live(Some(&net.node), &options);
    let mut client = Client::new(&net.node, FAR);
    (0..20).for_each(|number| client.ask(&format!("n{number}.test")));
    std::thread::sleep(Duration::from_millis(600));
    assert!(files(&folder).is_empty(), "nothing has happened yet");
    (0..40).for_each(|number| client.ask(&format!("fail.n{number}.test")));
    let seen = report(process, Some("INT"));
    let files = files(&folder);
    let cause = seen["verdict"]["root_cause"].as_str().unwrap();
    let wanted = format!("fault-1-{cause}.pcapng");
    assert!(files[0].ends_with(&wanted), "{files:?}, not {wanted}");
    assert_eq!(read(&files[..1])["capture"]["packets"], seen["capture"]["packets"]);
}

#[test]
fn what_is_written_is_anonymous() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let file = scratch("hidden.pcapng");
    let options = ["-i", "va", "--anonymize", "-w", file.to_str().unwrap()];
    let process = live(Some(&net.node), &options);
    let mut client = Client::new(&net.node, FAR);
    (0..10).for_each(|number| client.ask(&format!("payments-{number}.acme-corp.com")));
    let seen = report(process, Some("INT"));
    let text = seen.to_string() + &String::from_utf8_lossy(&fs::read(&file).unwrap());
    for secret in ["payments", "acme", "10.9.0.1", "10.9.0.2"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert_eq!(seen["traffic"]["answered"], 10);
    assert_same(seen, read(&[file]));
}

#[test]
fn a_file_that_cannot_be_written_is_said_at_once() {
    let net = net_or_skip!();
    let output = Command::new("ip")
        .args(["netns", "exec", &net.node, env!("CARGO_BIN_EXE_dnspect"), "live", "-i", "va"])
        .args(["-w", "/nowhere/dns.pcapng"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot write packets to /nowhere/dns.pcapng: No such file"), "{said}");
}
