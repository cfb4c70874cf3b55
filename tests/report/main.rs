//! Reports of documents made by hand, compared with what they should look like.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

mod documents;
#[path = "../snapshot/mod.rs"]
mod snapshot;

use std::process::{Command, Stdio};

use dnspect::report::{self, Document, Format, Options, ResolverRate};
use dnspect::verdict::Cause;
use serde_json::Value;

fn written(document: &Document, format: Format, width: usize) -> String {
    let mut out = Vec::new();
    report::write(document, format, &Options { width, ..Options::default() }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json(document: &Document) -> Value {
    serde_json::from_str(&written(document, Format::Json, 80)).unwrap()
}

#[test]
fn text_for_people() {
    for (name, document) in [
        ("healthy", documents::healthy()),
        ("upstream_unreachable", documents::cut_off()),
        ("inconclusive", documents::one_sided()),
    ] {
        for width in [80, 100] {
            let text = written(&document, Format::Text, width);
            snapshot::check(&format!("{name}-{width}.txt"), &text);
        }
    }
}

#[test]
fn prose_stays_within_the_width() {
    for width in [0, 60, 80, 100, 1_000] {
        for line in written(&documents::cut_off(), Format::Text, width).lines() {
            let copyable = line.contains("kubectl ") || line.contains("filter: ");
            let allowed = width.clamp(60, 100);
            assert!(copyable || line.chars().count() <= allowed, "{width}: {line}");
        }
    }
}

#[test]
fn the_busiest_senders_stand_against_their_limit() {
    let mut document = documents::healthy();
    let rate = document.traffic.resolver_pps.remove(0);
    document.traffic.resolver_pps = (0..7_u64)
        .map(|n| ResolverRate {
            interface: (n != 3).then(|| format!("eni0123456789{n}")),
            source: Some(format!("fe80::42:acff:fe11:{n}")),
            peak: 400 * n,
            seconds_over_limit: if n == 6 { 65 } else { 0 },
            ..rate.clone()
        })
        .collect();
    document.traffic.late = 3;
    document.traffic.orphan_responses = 2;
    snapshot::check("senders-80.txt", &written(&document, Format::Text, 80));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let document = documents::cut_off();
    let mut out = Vec::new();
    report::write(
        &document,
        Format::Text,
        &Options { color: true, ..Options::default() },
        &mut out,
    )
    .unwrap();
    let colored = String::from_utf8(out).unwrap();
    assert!(colored.contains("\x1b["));
    let plain = anstream::adapter::strip_str(&colored).to_string();
    assert_eq!(plain, written(&document, Format::Text, 80));
}

/// The keys of an object in the order in which they are written.
fn keys(text: &str, indent: usize) -> Vec<&str> {
    let start = format!("{}\"", " ".repeat(indent));
    text.lines()
        .filter_map(|line| line.strip_prefix(&start))
        .filter_map(|rest| rest.split_once("\": ").map(|(key, _)| key))
        .collect()
}

#[test]
fn json_has_the_keys_of_the_contract_in_its_order() {
    let mut document = documents::cut_off();
    document.findings.truncate(1);
    document.findings[0].evidence.truncate(1);
    document.findings[0].alternatives.truncate(1);
    document.traffic.resolver_pps.truncate(1);
    let text = written(&document, Format::Json, 80);
    assert!(text.ends_with("}\n"));
    assert_eq!(keys(&text, 2), ["schema", "verdict", "findings", "traffic", "capture"]);
    let words = |list: &'static str| list.split_whitespace().collect::<Vec<_>>();
    assert_eq!(
        keys(&text, 4),
        words(
            "status root_cause category severity confidence summary
             lookups transactions answered unanswered pending_at_end late retransmissions
             orphan_responses rcodes latency_us search resolver_pps
             files first_packet last_packet packets bytes dns copies snaplen_truncated unsupported
             fragments_incomplete tcp_gaps dropped_by_kernel dropped_by_dnspect state_evicted
             one_sided out_of_order caveats"
        )
    );
    assert_eq!(
        keys(&text, 6),
        words(
            "cause category normal severity confidence window scope evidence alternatives
             mitigation confirm
             NOERROR NXDOMAIN SERVFAIL REFUSED
             p50 p90 p99 p999 max
             lookups_with_search extra_queries amplification search_domains
             udp_queries udp_responses tcp_queries tcp_responses malformed"
        )
    );
    assert_eq!(
        keys(&text, 8),
        words(
            "start end clients servers interfaces names immediate long_term
             interface source destination_group peak peak_at seconds_over_limit limit"
        )
    );
    assert_eq!(
        keys(&text, 10),
        words("metric value unit text frames display_filter cause why_less_likely")
    );
}

#[test]
fn json_says_null_where_nothing_is_known() {
    let value = json(&documents::healthy());
    assert_eq!(value["verdict"]["category"], Value::Null);
    assert_eq!(value["verdict"]["severity"], "NONE");
    assert_eq!(value["traffic"]["rcodes"]["REFUSED"], 0);
    assert_eq!(json(&documents::cut_off())["capture"]["dropped_by_kernel"], Value::Null);
}

#[test]
fn yaml_begins_with_the_incident_form() {
    let text = written(&documents::cut_off(), Format::Yaml, 80);
    snapshot::check("upstream_unreachable.yaml", &text);
    let text = written(&documents::healthy(), Format::Yaml, 80);
    assert!(text.starts_with("root_cause: \"none — All 5,310 DNS questions"), "{text}");
}

/// A document with text that tries to act on a terminal, in every field that comes from outside.
fn hostile() -> Document {
    const TEXT: &str = "x\x1b]0;owned\x07\x1b[2J\r\nHEALTHY: fine\u{9b}1m\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}";
    let text = || TEXT.to_owned();
    let mut document = documents::cut_off();
    document.verdict.summary = text();
    for finding in &mut document.findings {
        finding.summary = text();
        finding.scope.names = vec![text()];
        finding.scope.interfaces = vec![text()];
        finding.window.start = text();
        finding.mitigation.immediate = text();
        finding.confirm = vec![text()];
        for evidence in &mut finding.evidence {
            for field in [
                &mut evidence.metric,
                &mut evidence.unit,
                &mut evidence.text,
                &mut evidence.display_filter,
            ] {
                TEXT.clone_into(field);
            }
        }
        for other in &mut finding.alternatives {
            other.why_less_likely = text();
        }
    }
    document.traffic.search.search_domains = vec![text()];
    document.traffic.rcodes.clear();
    document.traffic.resolver_pps[0].interface = Some(text());
    document.traffic.resolver_pps[0].peak_at = text();
    document.capture.files = vec![text()];
    document.capture.caveats = vec![text()];
    document
}

#[test]
fn no_format_lets_hostile_text_through() {
    let document = hostile();
    for format in [Format::Text, Format::Json, Format::Yaml] {
        let text = written(&document, format, 80);
        let bad = text.chars().find(|&c| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{202e}' | '\u{2066}' | '\u{200b}' | '\u{feff}' | '\u{e0041}')
        });
        assert_eq!(bad, None, "{format:?}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("HEALTHY")), "{format:?}: {text}");
    }
    // Escaped, not lost.
    assert_eq!(json(&document)["capture"]["files"][0], document.capture.files[0]);
}

/// YAML read by another program is the same as JSON. Without `PyYAML` there is nothing to ask.
#[test]
fn yaml_is_the_same_document_as_json() {
    let has_yaml =
        Command::new("python3").args(["-c", "import yaml"]).stderr(Stdio::null()).status();
    if !has_yaml.is_ok_and(|status| status.success()) {
        eprintln!("python3 with yaml is not here: not compared");
        return;
    }
    let mut empty = documents::healthy();
    empty.findings.clear();
    empty.capture.files.clear();
    for document in
        [documents::healthy(), documents::cut_off(), documents::one_sided(), hostile(), empty]
    {
        let path = std::env::temp_dir().join(format!("dnspect-{}.yaml", std::process::id()));
        std::fs::write(&path, written(&document, Format::Yaml, 80)).unwrap();
        let script = "import sys, json, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
        let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut value: Value = serde_json::from_slice(&output.stdout).unwrap();
        let map = value.as_object_mut().unwrap();
        for key in ["root_cause", "severity"] {
            assert!(map.remove(key).unwrap().is_string(), "{key}");
        }
        assert!(!map.remove("evidence").unwrap().as_array().unwrap().is_empty());
        let mitigation = map.remove("mitigation").unwrap();
        assert!(mitigation["immediate"].as_str().unwrap().starts_with("Operator: "));
        assert_eq!(value, json(&document));
        std::fs::remove_file(&path).unwrap();
    }
}

static SLOW: Cause = Cause {
    code: "upstream_slow",
    category: "upstream_failure",
    normal: false,
    title: "upstream answers, but late",
    meaning: "The resolver that the cluster DNS forwards to takes longer than its clients wait.\n\n\
              Clients see time-outs, although every question is answered in the end.",
    signature: "Latency p90 of forwarded queries of 1 s or more, answers to almost all of them.",
    look_alikes: &[
        ("coredns_overload", "there the cluster's own names are slow too"),
        ("upstream_unreachable", "there no answer comes at all"),
    ],
    vantage: "On the node of a CoreDNS pod, on all interfaces.",
    immediate: "Point `forward` at a resolver that answers.",
    long_term: "Watch coredns_forward_request_duration_seconds.",
    confirm: &["kubectl -n kube-system get configmap coredns -o yaml"],
    detect: |_| None,
};

static CHAIN: Cause = Cause {
    code: "ndots_search_chain",
    category: "normal",
    normal: true,
    title: "search-domain NXDOMAINs on the way to an answer: works as designed, and so on and on",
    ..SLOW
};

#[test]
fn explanations() {
    let options = Options::default();
    snapshot::check("explain-cause.txt", &report::explain::page(&SLOW, &options));
    snapshot::check("explain-list.txt", &report::explain::list(&[&CHAIN, &SLOW], &options));
}
