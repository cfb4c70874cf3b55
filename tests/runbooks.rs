//! The runbooks that dnspect was made for (`../shared/runbooks`), walked: each symptom has a capture
//! in which it happens, a finding that answers it, and the fix that the runbook asks for.
//!
//! `cargo test --test runbooks -- --nocapture` shows the walk as a table.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

use std::fs;
use std::path::{Path, PathBuf};

use dnspect::config::Config;
use dnspect::report::Document;
use dnspect::verdict::{Finding, Status};

/// How one entry of a runbook is answered.
struct Answer {
    /// The beginning of the symptom, as the runbook has it.
    symptom: &'static str,
    /// Captures in which it happens.
    captures: &'static [&'static str],
    /// The finding that answers it.
    cause: &'static str,
    /// What its advice has to speak of, as the runbook's resolution does.
    advice: &'static [&'static str],
}

/// Every entry under "Common Issues" of `d5-dns-failures-from-pods.md`, in its order.
const ANSWERS: &[Answer] = &[
    Answer {
        symptom: "search returns DROP.*53 or REJECT.*53 in iptables output",
        captures: &["pod-rejected/node-any.pcap", "pod-rejected-port/node-any.pcap"],
        cause: "firewall_reject",
        advice: &["rule"],
    },
    Answer {
        symptom: "search returns NetworkPolicy deny rules affecting kube-dns",
        captures: &["pod-blocked/node-any.pcap"],
        cause: "client_egress_dropped",
        advice: &["egress", "UDP and TCP", "53"],
    },
    Answer {
        symptom: "search returns linklocal_allowance_exceeded > 0",
        captures: &["over-the-limit/node-eth0.pcap.gz", "over-the-limit/node-any.pcap.zst"],
        cause: "vpc_dns_pps_exceeded",
        advice: &["NodeLocal DNSCache"],
    },
    Answer {
        symptom: "network_diagnostics dns section shows wrong nameserver IP",
        // From inside the pod alone a wrong address and a policy look the same.
        captures: &["wrong-nameserver/node-any.pcap", "wrong-nameserver/node-eth0.pcap"],
        cause: "wrong_nameserver",
        advice: &["clusterDNS", "ClusterIP"],
    },
    Answer {
        symptom: "search returns CoreDNS CrashLooping",
        captures: &["port-closed/node-any.pcap"],
        cause: "dns_port_closed",
        advice: &["CoreDNS"],
    },
    Answer {
        symptom: "search returns NodeLocalDNS CrashLoopBackOff",
        captures: &["nodelocal-down/node-any.pcap"],
        cause: "nodelocaldns_down",
        advice: &["systemd-resolved", "port 53"],
    },
    Answer {
        symptom: "search returns IPVS mode and pods not using NodeLocalDNS",
        captures: &["nodelocal-bypass/node-any.pcap"],
        cause: "nodelocaldns_bypass",
        advice: &["169.254.20.10"],
    },
    Answer {
        symptom: "search returns security group blocking TCP/UDP port 53",
        captures: &["tcp53-blocked/node-any.pcap"],
        cause: "tcp53_blocked",
        advice: &["security group", "TCP"],
    },
    Answer {
        symptom: "tcpdump or DNS logs show queries with doubled/repeated domain suffixes",
        captures: &["ndots-search/node-any.pcap", "ndots-search/pod.pcap"],
        cause: "ndots_search_chain",
        advice: &["ndots", "dot"],
    },
    Answer {
        symptom: "tcpdump shows a small number of DNS SERVFAIL responses",
        captures: &["servfail-transient/node-any.pcap"],
        cause: "servfail_transient",
        advice: &["lameduck"],
    },
];

fn runbook(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/runbooks").join(name);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is not here", path.display());
    }
    text
}

/// The symptoms of a runbook, in their order.
fn symptoms(runbook: &str) -> Vec<&str> {
    let entries = runbook.lines().filter_map(|line| line.trim().strip_prefix("- symptoms: \""));
    entries.map(|entry| entry.trim_end_matches('"')).collect()
}

fn analyse(capture: &str) -> Option<Document> {
    let compressed = capture.rsplit('.').next().is_some_and(|end| end == "gz" || end == "zst");
    if compressed && !cfg!(feature = "compressed") {
        println!("skipped {capture}: this build reads no compressed captures");
        return None;
    }
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(capture);
    Some(dnspect::analyse(&[path], &Config::default(), &mut |_, _, _| {}).unwrap())
}

fn finding<'a>(document: &'a Document, cause: &str) -> Option<&'a Finding> {
    document.findings.iter().find(|finding| finding.cause == cause)
}

fn speaks_of(finding: &Finding, word: &str) -> bool {
    let advice = &finding.mitigation;
    [&advice.immediate, &advice.long_term, &finding.summary].iter().any(|text| text.contains(word))
}

#[test]
fn every_symptom_has_its_answer() {
    let Some(runbook) = runbook("d5-dns-failures-from-pods.md") else { return };
    let symptoms = symptoms(&runbook);
    assert_eq!(symptoms.len(), ANSWERS.len(), "{symptoms:#?}");
    for (symptom, answer) in symptoms.iter().zip(ANSWERS) {
        assert!(symptom.starts_with(answer.symptom), "{symptom}");
    }
}

#[test]
fn every_answer_is_found_in_a_capture_and_brings_the_fix() {
    for answer in ANSWERS {
        for capture in answer.captures {
            let Some(document) = analyse(capture) else { continue };
            let verdict = &document.verdict;
            println!(
                "{:<70.70} {capture:<36} {} {}",
                answer.symptom, verdict.root_cause, verdict.summary
            );
            let found = finding(&document, answer.cause)
                .unwrap_or_else(|| panic!("{capture}: no {}: {}", answer.cause, verdict.summary));
            if found.normal {
                // "THIS IS NORMAL BEHAVIOR": no fault may be made of it.
                assert_eq!(verdict.status, Status::Healthy, "{capture}: {}", verdict.summary);
            } else {
                assert_eq!(verdict.root_cause, answer.cause, "{capture}: {}", verdict.summary);
            }
            for word in answer.advice {
                assert!(speaks_of(found, word), "{capture}: {word}: {:#?}", found.mitigation);
            }
        }
    }
}

/// The incident: an egress policy on kube-system that forgot 10.0.0.2 and 10.0.0.3. Its rounds say what
/// is fine (pods Ready, cluster names), what does not help (restart, scaling), and what does.
#[test]
fn the_incident_comes_out_as_the_egress_policy() {
    for capture in ["node-any.pcap", "node2-any.pcap", "coredns.pcap"] {
        let document = analyse(&format!("upstream-blocked/{capture}")).unwrap();
        let verdict = &document.verdict;
        assert_eq!(verdict.root_cause, "upstream_unreachable", "{capture}: {}", verdict.summary);
        assert_eq!(verdict.category, Some("network_policy"));
        assert_eq!(verdict.status, Status::Failing);
        let found = finding(&document, "upstream_unreachable").unwrap();
        assert_eq!(found.scope.servers, ["10.0.0.2", "10.0.0.3"], "{capture}");
        // Round 3, B: allow the upstreams, on both transports; do not delete the policy.
        for word in ["egress", "UDP and TCP", "53", "ipBlock"] {
            assert!(speaks_of(found, word), "{word}: {:#?}", found.mitigation);
        }
        // Round 4: what keeps it from coming back.
        for word in ["documentation", "review", "smoke test"] {
            assert!(found.mitigation.long_term.contains(word), "{word}");
        }
        // Round 1: no restart, no scaling; the resolvers themselves are not at fault.
        for other in
            ["coredns_overload", "servfail_burst", "dns_port_closed", "coredns_backend_gone"]
        {
            assert!(finding(&document, other).is_none(), "{capture}: {other}");
        }
        assert!(found.confirm.iter().any(|command| command.contains("networkpolicy")));
    }
    let Some(incident) = runbook("incident-replay-coredns-timeout.md") else { return };
    for fact in ["10.0.0.2", "10.0.0.3", "egress", "ipBlock", "smoke test", "reviewed"] {
        assert!(incident.contains(fact), "the runbook speaks no longer of {fact}");
    }
}
