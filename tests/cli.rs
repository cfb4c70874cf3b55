//! The command as its users meet it: help, messages, exit status.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

#[path = "cli/context.rs"]
mod context;
#[path = "cli/pipes.rs"]
mod pipes;
mod snapshot;

use std::process::{Command, Output, Stdio};

fn dnspect(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dnspect"))
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap()
}

/// Fails unless the command exits with 2, says nothing on standard output and all these words on
/// standard error.
#[track_caller]
fn refuses(arguments: &[&str], words: &[&str]) {
    let output = dnspect(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(error.starts_with("error: "), "{error}");
    for word in words {
        assert!(error.contains(word), "{arguments:?} does not say {word:?}:\n{error}");
    }
}

#[track_caller]
fn prints(arguments: &[&str]) -> String {
    let output = dnspect(arguments);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_is_as_documented() {
    for (name, arguments) in [
        ("help.txt", &["--help"] as &[&str]),
        ("help-short.txt", &["-h"]),
        ("help-read.txt", &["read", "--help"]),
        ("help-live.txt", &["live", "--help"]),
        ("help-explain.txt", &["explain", "--help"]),
    ] {
        snapshot::check(name, &prints(arguments));
    }
    assert_eq!(prints(&["--version"]), format!("dnspect {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_arguments_it_shows_its_help() {
    let output = dnspect(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: dnspect"));
}

#[test]
fn what_does_not_exist_is_named() {
    refuses(&["read", "--frobnicate", "x.pcap"], &["--frobnicate", "Usage: dnspect read"]);
    refuses(&["read", "--formt=json", "x.pcap"], &["--formt", "--format"]);
    refuses(&["read"], &["<FILE>..."]);
    refuses(&["explain", "no_such_cause"], &["no_such_cause", "dnspect explain"]);
}

#[test]
fn values_are_checked_and_the_message_says_what_is_allowed() {
    for (option, value, allowed) in [
        ("--query-timeout", "5", "500ms, 5s or 2m"),
        ("--query-timeout", "0s", "1ms to 10m"),
        ("--vpc-dns", "10.0.0.2,10.0.0", "IPv4 or IPv6 addresses"),
        ("--cluster-dns", "172.20.0.10:53", "IPv4 or IPv6 addresses"),
        ("--port", "53,0", "1 to 65535"),
        ("--pps-limit", "0", "at least 1"),
        ("--threads", "0", "1 to 1024"),
        ("--format", "xml", "text, json, yaml"),
        ("--color", "sometimes", "auto, always, never"),
        ("--progress", "sometimes", "auto, always, never"),
    ] {
        let last = value.rsplit(',').next().unwrap();
        refuses(&["read", option, value, "x.pcap"], &[option, last, allowed]);
    }
}

#[test]
fn what_comes_later_is_said_to_and_replaced() {
    refuses(&["merge", "a", "b"], &["not in this version", "dnspect read"]);
    refuses(&["read", "--format", "html", "x.pcap"], &["html reports are not in this version"]);
    refuses(&["read", "--format", "markdown", "x"], &["markdown reports are not in this version"]);
    refuses(&["read", "--summary", "f", "x.pcap"], &["--summary", "is not in this version"]);
}

#[test]
fn habits_of_other_tools_get_a_hint() {
    refuses(&["node.pcap"], &["dnspect read FILE"]);
    refuses(&["read", "-r", "node.pcap"], &["dnspect read FILE"]);
    refuses(&["read", "-i", "eth0"], &["dnspect live -i IFACE"]);
}

#[test]
fn the_output_file_is_checked_before_the_work() {
    let missing = "/nonexistent-folder/report.txt";
    refuses(&["read", "-o", missing, "x.pcap"], &["cannot write the report", missing]);
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    refuses(&["read", "-o", input, input], &["is one of the captures"]);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dnspect"))
        .arg("explain")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn file_names_cannot_act_on_the_terminal() {
    let output = dnspect(&["read", "-o", "/nonexistent\x1b[2J/r.txt", "x.pcap"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("/nonexistent\\x1b[2J/r.txt"), "{error:?}");
}

#[test]
fn colour_is_for_terminals_or_on_request() {
    assert!(!prints(&["explain"]).contains('\x1b'));
    assert!(!prints(&["explain", "--color=never"]).contains('\x1b'));
    assert!(prints(&["explain", "--color=always"]).contains('\x1b'));
}
