//! The stream of a live capture, read by another program as it comes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::net::{FAR, Net};
use crate::traffic::{Client, serve};

/// Rows come though there are few, findings and counters with them; a reader that goes ends it.
#[test]
fn lines_come_as_things_happen_and_end_with_their_reader() {
    let net = match Net::new() {
        Ok(net) => net,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    serve(&net.far, FAR);
    let mut process = Command::new("ip")
        .args(["netns", "exec", &net.node, env!("CARGO_BIN_EXE_dnspect"), "live", "-i", "va"])
        .args(["--format", "ndjson", "--interval", "200ms", "port", "53"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Whoever hangs is ended, so that the test fails instead of waiting.
    let id = process.id().to_string();
    let (done, over) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let patience = over.recv_timeout(Duration::from_secs(90));
        if patience == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut until = |kind: &str, is: &dyn Fn(&Value) -> bool| loop {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if line["type"] == kind && is(&line) {
            return line;
        }
    };
    let start = until("start", &|_| true);
    assert_eq!((&start["interfaces"], &start["filter"]), (&"va".into(), &"port 53".into()));
    let mut client = Client::new(&net.node, FAR);
    client.ask("web.test");
    let row = until("transaction", &|_| true);
    assert_eq!((&row["qname"], &row["outcome"]), (&"web.test".into(), &"answered".into()));
    (0..20).for_each(|number| client.ask(&format!("fail.n{number}.test")));
    until("finding", &|line| line["finding"]["cause"] == "upstream_servfail");
    until("interval", &|line| line["rcodes"]["SERVFAIL"] == 20);
    drop(lines);
    let status = process.wait().unwrap();
    drop(done);
    assert_eq!(status.code(), Some(1));
}
