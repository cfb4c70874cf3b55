//! The commands that findings offer, as somebody copies them: for every finding of every capture of the
//! lab they are single commands that a shell parses, with the addresses filled in.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dnspect::config::Config;
use dnspect::verdict::commands::HOLES;

/// What a shell reads as something else than a word.
const META: &str = "|&;<>$`\\*?~(){}#!\n";

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let cases = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = cases
        .filter(|case| case.join("expected.json").exists())
        .flat_map(|case| fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| {
            let name = path.to_string_lossy();
            let compressed = name.ends_with(".gz") || name.ends_with(".zst");
            name.contains(".pcap") && (cfg!(feature = "compressed") || !compressed)
        })
        .collect();
    files.sort();
    files
}

/// All commands of all findings, each with one that offers it.
fn commands() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for path in captures() {
        let paths = [path.clone()];
        let document = dnspect::analyse(&paths, &Config::default(), &mut |_, _, _| {}).unwrap();
        for finding in document.findings {
            assert!(!finding.confirm.is_empty(), "{}: {}", path.display(), finding.cause);
            let known = [("CLIENT", &finding.scope.clients), ("SERVER", &finding.scope.servers)];
            for command in finding.confirm {
                for (hole, addresses) in known {
                    let left = words(&command).contains(hole) && !addresses.is_empty();
                    assert!(!left, "{}: {}: {command}", path.display(), finding.cause);
                }
                all.insert(command, format!("{}: {}", path.display(), finding.cause));
            }
        }
    }
    all
}

fn words(command: &str) -> BTreeSet<&str> {
    command.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

/// What `bash -n` says to a script; `None` without bash.
fn bash(script: &str) -> Option<Result<(), String>> {
    let mut bash = Command::new("bash");
    let bash = bash.arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut bash = bash.ok()?;
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() && said.is_empty() { Ok(()) } else { Err(said) })
}

#[test]
fn every_command_of_every_finding_is_shell() {
    let all = commands();
    for (command, whose) in &all {
        let bare: Vec<&str> = command.split('\'').step_by(2).collect();
        let plain = !bare.concat().contains(|c: char| META.contains(c));
        assert!(plain && command.matches('\'').count() % 2 == 0, "{whose}: {command}");
        match bash(command) {
            Some(said) => assert_eq!(said, Ok(()), "{whose}: {command}"),
            None => println!("skipped: bash is not installed"),
        }
    }
    // Some are filled in, and some are left to the reader.
    let holes = |command: &&String| words(command).iter().any(|word| HOLES.contains(word));
    let filled = all.keys().filter(|command| command.contains("10.0.")).count();
    assert!(filled > 10 && all.keys().any(|command| holes(&command)), "{filled}");
}

#[test]
fn brackets_would_be_noticed() {
    for (command, fine) in
        [("dig @SERVER NAME", true), ("dig @<server> <name>", false), ("dig 'x", false)]
    {
        let Some(said) = bash(command) else { return };
        assert_eq!(said.is_ok(), fine, "{command}");
    }
}
