//! Files of context on the command line.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::{dnspect, refuses};

/// All options that name files of context.
const OPTIONS: &[&str] = &["--ethtool", "--kube", "--iptables", "--corefile", "--resolv-conf"];

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

/// What an operator of the lab's cluster has at hand.
fn context(path: &str) -> String {
    format!("{}/tests/context/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Exit status and JSON report.
fn judged(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = dnspect(&[&["read", "--format=json", "--quiet"], arguments].concat());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// The evidence of the first finding that comes from an option.
fn said<'a>(report: &'a Value, option: &str) -> Vec<&'a str> {
    let evidence = report["findings"][0]["evidence"].as_array().unwrap();
    let texts = evidence.iter().map(|one| one["text"].as_str().unwrap());
    texts.filter(|text| text.starts_with(&format!("{option}: "))).collect()
}

#[test]
fn a_file_that_is_missing_or_something_else_is_refused_before_the_capture_is_looked_for() {
    let folder = Folder::new("context-bad");
    let bad = folder.file("bad\x1b[2J.txt", "# one\n\nwhat is \x1b[31m this?\n");
    let name = "bad\\x1b[2J.txt, line 3";
    for option in OPTIONS {
        refuses(&["read", option, "/nonexistent/f", "x.pcap"], &[option, "/nonexistent/f"]);
        refuses(&["read", option, "/", "x.pcap"], &[option, "cannot read /: "]);
        let line = if *option == "--kube" { "bad\\x1b[2J.txt, line 1" } else { name };
        refuses(&["read", option, &bad, "x.pcap"], &[option, line, "expected"]);
        let empty = folder.file("empty.txt", "");
        refuses(&["read", option, &empty, "x.pcap"], &[option, "empty.txt, line 1"]);
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
    assert!(said(&report, "--ethtool")[0].contains("rose by 890"));

    let (_, report) = judged(&["--ethtool", &format!("{before},{before}"), &path]);
    assert_eq!(report["verdict"]["confidence"], 0.3);
}

/// Each case of the lab with the rules that its node had then: what the rules say is quoted by line.
#[test]
fn rules_of_the_node_are_quoted() {
    for (path, rules, cause, confidence, word) in [
        (
            "pod-blocked/node-any.pcap",
            "pod-blocked.rules",
            "client_egress_dropped",
            0.95,
            "10.0.1.53/32 -p udp",
        ),
        ("pod-blocked/node-any.pcap", "clean.rules", "client_egress_dropped", 0.85, ""),
        (
            "pod-rejected/node-any.pcap",
            "pod-rejected.rules",
            "firewall_reject",
            0.95,
            "admin-prohibited",
        ),
        (
            "tcp53-blocked/node-any.pcap",
            "tcp53-blocked.rules",
            "tcp53_blocked",
            0.95,
            "-p tcp -m tcp --dport 53",
        ),
        (
            "no-endpoints/node-any.pcap",
            "no-endpoints.rules",
            "kube_dns_no_endpoints",
            0.95,
            "has no endpoints",
        ),
        // The rule names an interface: whose it is, neither file says.
        (
            "upstream-blocked/node2-any.pcap",
            "upstream-blocked.rules",
            "upstream_unreachable",
            0.85,
            "-i eni91441c17b0b -j DROP",
        ),
    ] {
        let (_, report) = judged(&["--iptables", &context(rules), &capture(path)]);
        let verdict = &report["verdict"];
        assert_eq!(verdict["root_cause"], cause, "{path}");
        assert_eq!(
            verdict["confidence"], confidence,
            "{path} {rules}: {:#?}",
            report["findings"][0]
        );
        let quoted = said(&report, "--iptables");
        if word.is_empty() {
            let none = ["no rule of ", "clean.rules"];
            assert!(none.iter().all(|part| quoted[0].contains(part)), "{quoted:?}");
        } else {
            assert!(
                quoted.iter().any(|text| text.contains(word) && text.contains(", line ")),
                "{path}: {quoted:?}"
            );
        }
    }
}

#[test]
fn names_stand_beside_addresses_where_people_read() {
    let path = capture("pod-blocked/node-any.pcap");
    let (_, report) = judged(&["--kube", &context("kube.json"), &path]);
    let summary = report["verdict"]["summary"].as_str().unwrap();
    assert!(summary.starts_with("batch/job-28871340-fkk9r (10.0.1.53) gets nothing"), "{summary}");
    assert!(summary.contains("service kube-system/kube-dns (172.20.0.10)"), "{summary}");
    let finding = &report["findings"][0];
    // What programs read stays as it is.
    assert_eq!(finding["scope"]["clients"][0], "10.0.1.53");
    assert!(!finding["evidence"][0]["display_filter"].as_str().unwrap().contains("batch"));
    assert_eq!(report["verdict"]["root_cause"], "client_egress_dropped");

    let output = dnspect(&["read", "--kube", &context("kube.json"), &path]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Clients  batch/job-28871340-fkk9r (10.0.1.53)"), "{text}");
}

#[test]
fn objects_of_the_cluster_confirm_and_doubt() {
    let folder = Folder::new("context-kube");
    let lab = fs::read_to_string(context("kube.json")).unwrap();
    let unready = lab.replace(
        "\"type\": \"Ready\",\n      \"status\": \"True\"",
        "\"type\": \"Ready\",\n      \"status\": \"False\"",
    );
    assert_ne!(lab, unready);
    let unready = folder.file("unready.json", unready);
    let path = capture("no-endpoints/node-any.pcap");
    let (_, report) = judged(&["--kube", &unready, &path]);
    assert_eq!(report["verdict"]["root_cause"], "kube_dns_no_endpoints");
    assert_eq!(report["verdict"]["confidence"], 0.95);
    assert!(said(&report, "--kube")[0].contains("none of 2 CoreDNS pods is Ready"));
    let (_, report) = judged(&["--kube", &context("kube.json"), &path]);
    assert_eq!(report["verdict"]["confidence"], 0.6);

    let path = capture("wrong-nameserver/node-any.pcap");
    let (_, report) = judged(&["--kube", &context("kube.json"), &path]);
    assert_eq!(report["verdict"]["root_cause"], "wrong_nameserver");
    assert_eq!(report["verdict"]["confidence"], 0.95);
    let words = said(&report, "--kube")[0];
    assert!(
        words.contains("172.20.0.10") && words.contains("nothing in this cluster has 10.100.0.10"),
        "{words}"
    );

    // A pod that is deleted while the capture runs.
    let path = capture("backend-gone/node-any.pcap");
    let (_, report) = judged(&[&path]);
    assert_eq!(report["verdict"]["root_cause"], "coredns_backend_gone");
    let backend = report["findings"][0]["scope"]["servers"][0].as_str().unwrap();
    let gone = folder.file("gone.json", lab.replace(&format!("\"{backend}\""), "\"10.0.77.77\""));
    let (_, report) = judged(&["--kube", &gone, &path]);
    assert_eq!(report["verdict"]["confidence"], 0.95, "{:#?}", report["findings"][0]);
    assert!(said(&report, "--kube")[0].contains("the one that had it is gone"));
}

#[test]
fn configurations_name_upstreams_and_nameservers() {
    let path = capture("upstream-blocked/node2-any.pcap");
    let (_, report) = judged(&["--corefile", &context("Corefile"), &path]);
    assert_eq!(report["verdict"]["root_cause"], "upstream_unreachable");
    let words = said(&report, "--corefile")[0];
    assert!(
        words.contains("line 12, `forward . 10.0.0.2 10.0.0.3`")
            && words.contains("upstreams of CoreDNS"),
        "{words}"
    );

    let folder = Folder::new("context-conf");
    let path = capture("wrong-nameserver/node-any.pcap");
    let wrong =
        folder.file("resolv.conf", "search default.svc.cluster.local\nnameserver 10.100.0.10\n");
    let (_, report) = judged(&["--resolv-conf", &wrong, &path]);
    assert_eq!(report["verdict"]["confidence"], 0.95);
    assert!(said(&report, "--resolv-conf")[0].contains("line 2 of"), "{report}");
    let (_, report) = judged(&["--resolv-conf", &context("resolv.conf"), &path]);
    assert!(said(&report, "--resolv-conf")[0].contains("names 172.20.0.10, not 10.100.0.10"));
}

#[test]
fn advice_that_is_followed_already_is_not_given_again() {
    let folder = Folder::new("context-lameduck");
    let path = capture("servfail-transient/node-any.pcap");
    let long =
        fs::read_to_string(context("Corefile")).unwrap().replace("lameduck 5s", "lameduck 45s");
    let long = folder.file("Corefile", long);
    for (file, advised) in [(context("Corefile"), true), (long, false)] {
        let (_, report) = judged(&["--corefile", &file, &path]);
        let findings = report["findings"].as_array().unwrap();
        let finding = findings.iter().find(|one| one["cause"] == "servfail_transient").unwrap();
        let advice = finding["mitigation"]["long_term"].as_str().unwrap();
        assert_eq!(advice.contains("Set `lameduck 30s`"), advised, "{advice}");
        assert!(finding["evidence"].to_string().contains("--corefile: "), "{finding}");
    }
}

/// All of it at once changes no verdict of a healthy capture, nor its figures.
#[test]
fn context_makes_no_fault_of_a_healthy_capture() {
    let folder = Folder::new("context-healthy");
    let counters = folder.file("c.txt", "linklocal_allowance_exceeded: 1\n");
    let after = folder.file("d.txt", "linklocal_allowance_exceeded: 9\n");
    let path = capture("healthy/node-any.pcap");
    let (_, plain) = judged(&[&path]);
    let (status, with) = judged(&[
        "--kube",
        &context("kube.json"),
        "--iptables",
        &context("pod-blocked.rules"),
        "--corefile",
        &context("Corefile"),
        "--resolv-conf",
        &context("resolv.conf"),
        "--ethtool",
        &format!("{counters},{after}"),
        &path,
    ]);
    assert_eq!(status, Some(0));
    assert_eq!(plain["traffic"], with["traffic"]);
    assert_eq!(plain["verdict"]["status"], with["verdict"]["status"]);
}

/// A rule's text goes to the terminal as harmless as everything else.
#[test]
fn what_context_says_cannot_act_on_the_terminal() {
    let folder = Folder::new("context-escape");
    let rules = fs::read_to_string(context("pod-blocked.rules")).unwrap();
    let evil = rules.replace(
        "--dport 53 -j DROP",
        "--dport 53 -m comment --comment \"\x1b[2J\u{202e}\" -j DROP",
    );
    let evil = folder.file("evil\x1b[2J.rules", evil);
    for format in ["text", "json", "yaml"] {
        let path = capture("pod-blocked/node-any.pcap");
        let output = dnspect(&["read", "--format", format, "--iptables", &evil, &path]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("--dport 53") && !text.contains(['\x1b', '\u{202e}']), "{format}");
    }
}
