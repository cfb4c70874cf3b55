//! Files of context on the command line.

use std::fs;
use std::path::PathBuf;

use super::{dnspect, refuses};

/// All options that name files of context.
const OPTIONS: &[&str] = &["--ethtool"];

/// A folder for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dnspect-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn capture(path: &str) -> String {
    format!("{}/captures/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Exit status and JSON report.
fn judged(arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
    let output = dnspect(&[&["read", "--format=json", "--quiet"], arguments].concat());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_file_that_is_missing_or_something_else_is_refused_before_the_capture_is_looked_for() {
    let folder = Folder::new("context-bad");
    let bad = folder.file("bad\x1b[2J.txt", "one: 1\n\nwhat is this?\n");
    let name = "bad\\x1b[2J.txt, line 3";
    for option in OPTIONS {
        refuses(&["read", option, "/nonexistent/f", "x.pcap"], &[option, "/nonexistent/f"]);
        refuses(&["read", option, "/", "x.pcap"], &[option, "cannot read /: "]);
        refuses(&["read", option, &bad, "x.pcap"], &[option, name, "expected"]);
    }
    let good = folder.file("good.txt", "linklocal_allowance_exceeded: 1\n");
    refuses(&["read", "--ethtool", &format!("{good},{bad}"), "x.pcap"], &["--ethtool", name]);
    let three = format!("{good},{good},{good}");
    refuses(&["read", "--ethtool", &three, "x.pcap"], &["3 files", "before and after"]);
}

#[test]
fn counters_of_the_interface_confirm_the_limit() {
    let folder = Folder::new("context-ethtool");
    let path = capture("over-the-limit/node-eth0.pcap.gz");
    let before = folder.file("before.txt", "NIC statistics:\n  linklocal_allowance_exceeded: 10\n");
    let after =
        folder.file("after.txt", "NIC statistics:\r\n  linklocal_allowance_exceeded: 900\r\n");
    let (status, report) = judged(&["--ethtool", &format!("{before},{after}"), &path]);
    assert_eq!(status, Some(1));
    assert_eq!(report["verdict"]["root_cause"], "vpc_dns_pps_exceeded");
    assert_eq!(report["verdict"]["confidence"], 0.95);
    let evidence = report["findings"][0]["evidence"].as_array().unwrap();
    let counter = evidence.iter().find(|e| e["metric"] == "linklocal_allowance_exceeded").unwrap();
    assert_eq!(counter["value"], 890.0);
    assert!(counter["text"].as_str().unwrap().starts_with("--ethtool: "));

    let (_, report) = judged(&["--ethtool", &format!("{before},{before}"), &path]);
    assert_eq!(report["verdict"]["confidence"], 0.3);
}
