//! `--format ndjson`: lines for programs, and what docs/live-stream.md says of them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use dnspect::model::Span;
use dnspect::transactions::Listener;
use dnspect::view::stream::{Progress, Stream};
use serde_json::Value;

use crate::forge::{A, Answer, Capture, Link, SERVFAIL, ms};
use crate::glances::{lab, look, look_of, place};

/// Takes so many lines and then no more, as a pipe whose reader goes.
#[derive(Clone, Default)]
struct Reader(Arc<Mutex<Vec<u8>>>, usize);

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = self.0.lock().unwrap();
        let lines = taken.split(|&octet| octet == b'\n').count() - 1;
        if self.1 > 0 && lines >= self.1 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        taken.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reader {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// All that a stream says of a capture that is looked at once, at its end.
fn streamed(reader: &Reader, path: &std::path::Path) -> Vec<Value> {
    let stream = Stream::new(reader.clone());
    stream.start(&place(), Span::from_secs(5));
    let mut ear = &stream;
    let look = look(path, &mut ear);
    let mut progress = Progress::default();
    for _ in 0..2 {
        stream.look(&look, &mut progress);
    }
    stream.end(&look.document).unwrap();
    reader.lines()
}

#[test]
fn every_line_has_a_type_and_the_last_is_the_report() {
    let lines = streamed(&Reader::default(), &lab("upstream-blocked/node2-any.pcap"));
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    assert!(lines.iter().all(|line| line["v"] == 1));
    assert_eq!(lines[0]["type"], "start");
    assert_eq!(lines[0]["schema"], "dnspect.live/1");
    let last = lines.last().unwrap();
    assert_eq!(last["type"], "report");
    assert_eq!(last["report"]["schema"], "dnspect.report/1");
    let report = &last["report"];
    let transactions = of("transaction");
    assert_eq!(Some(transactions.len() as u64), report["traffic"]["transactions"].as_u64());
    let lost = transactions.iter().filter(|row| row["outcome"] == "unanswered").count() as u64;
    assert_eq!(Some(lost), report["traffic"]["unanswered"].as_u64());
    // Told once, though there were two looks.
    let findings = of("finding");
    assert_eq!(findings.len(), report["findings"].as_array().unwrap().len());
    for (line, finding) in findings.iter().zip(report["findings"].as_array().unwrap()) {
        assert_eq!((&line["change"], &line["finding"]), (&"appeared".into(), finding));
    }
    let intervals = of("interval");
    assert_eq!(intervals.len(), 2);
    assert_eq!(intervals[1]["root_cause"], "upstream_unreachable");
    assert_eq!(intervals[1]["unanswered"], report["traffic"]["unanswered"]);
    assert_eq!(intervals[1]["questions_per_second"], 0.0);
}

#[test]
fn the_documented_keys_are_those_there_are() {
    let lines = streamed(&Reader::default(), &lab("upstream-blocked/node2-any.pcap"));
    let text = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/live-stream.md"),
    )
    .unwrap();
    for kind in ["start", "interval", "finding"] {
        let section = text.split(&format!("## `{kind}`")).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let mut documented: Vec<&str> = cells.collect();
        documented.extend(["type", "v"]);
        documented.sort_unstable();
        let line = lines.iter().find(|line| line["type"] == kind).unwrap();
        let mut keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, documented, "{kind}");
    }
}

#[test]
fn what_the_network_says_is_escaped() {
    let mut capture = Capture::new(Link::Ethernet);
    for _ in 0..30 {
        let name = "\\027[2J\\226\\128\\174\\\"x.example";
        let answer = Answer::Rcode(SERVFAIL);
        capture.after(ms(100)).ask("10.0.0.1:4000", "10.0.0.2:53", name, A, ms(1), answer);
    }
    let reader = Reader::default();
    let stream = Stream::new(reader.clone());
    let mut ear = &stream;
    let look = look_of(&capture.pcap(), &mut ear);
    stream.look(&look, &mut Progress::default());
    stream.end(&look.document).unwrap();
    let rows = reader.lines();
    let row = rows.iter().find(|line| line["type"] == "transaction").unwrap();
    assert_eq!(row["qname"], "\\027[2j\\226\\128\\174\"x.example");
}

#[test]
fn a_reader_that_goes_is_no_error() {
    for most in [1, 2, 5] {
        let reader = Reader(Arc::default(), most);
        let stream = Stream::new(reader.clone());
        stream.start(&place(), Span::from_secs(5));
        let mut ear = &stream;
        let look = look(&lab("upstream-blocked/node2-any.pcap"), &mut ear);
        stream.look(&look, &mut Progress::default());
        assert!(stream.is_closed());
        (&stream).hear(&dnspect::transactions::Batch::default());
        stream.end(&look.document).unwrap();
        assert_eq!(reader.lines()[0]["type"], "start");
    }
}
