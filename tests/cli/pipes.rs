//! `tcpdump -w - | dnspect read -` and Ctrl-C, which goes to both.

use std::fs;
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const CAPTURE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/captures/upstream-blocked/node2-any.pcap");

struct Reader(Child);

impl Reader {
    fn start(file: &str) -> Reader {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dnspect"));
        command.args(["read", "--format", "json", file]).stdin(Stdio::piped());
        Reader(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Whoever writes to the pipe, once `bytes` were read from it: then signals are heard.
    fn reads(&mut self, bytes: &[u8]) -> ChildStdin {
        let mut writer = self.0.stdin.take().unwrap();
        writer.write_all(bytes).unwrap();
        while rustix::io::ioctl_fionread(&writer).unwrap() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        writer
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    fn end(self) -> Output {
        self.0.wait_with_output().unwrap()
    }
}

/// The report without what the input is called.
fn report(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    let mut report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report, {}: {error}", output.status));
    report["capture"]["files"].take();
    report
}

fn whole() -> Value {
    let reader = Reader::start(CAPTURE);
    report(&reader.end())
}

#[test]
fn what_the_writer_writes_on_ctrl_c_belongs_to_the_capture() {
    let capture = fs::read(CAPTURE).unwrap();
    // As tcpdump, which writes what it has in pieces of 4 KiB: the header alone, and within a packet.
    for (before, signal) in [(24, Signal::INT), (4096, Signal::INT), (3 * 4096, Signal::TERM)] {
        let mut reader = Reader::start("-");
        let mut writer = reader.reads(&capture[..before]);
        reader.signal(signal);
        writer.write_all(&capture[before..]).unwrap();
        drop(writer);
        let output = reader.end();
        assert_eq!(report(&output), whole(), "{before}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_writer_that_goes_on_is_not_waited_for() {
    let capture = fs::read(CAPTURE).unwrap();
    let mut reader = Reader::start("-");
    let writer = reader.reads(&capture[..capture.len() - 7]);
    reader.signal(Signal::INT);
    let report = report(&reader.end());
    let (packets, all) = (&report["capture"]["packets"], &whole()["capture"]["packets"]);
    assert_eq!(packets.as_u64().map(|packets| packets + 1), all.as_u64());
    let caveats = report["capture"]["caveats"].to_string();
    assert!(caveats.contains("interrupted, and its writer goes on"), "{caveats}");
    drop(writer);
}

#[test]
fn a_pipe_that_nobody_writes_to_can_be_left() {
    let fifo = std::env::temp_dir().join(format!("dnspect-fifo-{}", std::process::id()));
    if !Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: mkfifo is absent");
        return;
    }
    let reader = Reader::start(fifo.to_str().unwrap());
    // Before it hears signals, Ctrl-C kills it, which is as good.
    std::thread::sleep(Duration::from_millis(300));
    reader.signal(Signal::INT);
    let output = reader.end();
    fs::remove_file(fifo).unwrap();
    assert!(output.stdout.is_empty() && !output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_none() || error.contains("interrupted"), "{error}");
}
