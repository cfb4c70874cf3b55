//! Processes that capture: started when they say so, ended by signals.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// Long enough for the most loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers of scratch files.
static FILES: AtomicU32 = AtomicU32::new(0);

/// A place for a file of this test.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("dnspect-live-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{number}-{name}"))
}

/// A process that captures, or serves. It does not outlive its test.
pub(crate) struct Process {
    child: Child,
    said: BufReader<ChildStderr>,
    printed: Option<Printed>,
}

/// What a process prints, as it comes, and the thread that reads it.
struct Printed {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Process {
    /// Starts a command in a namespace, or here, and waits until it says `sign` on standard error.
    pub(crate) fn start(namespace: Option<&str>, command: &[&str], sign: &str) -> Process {
        let prefix: &[&str] = match namespace {
            Some(name) => &["ip", "netns", "exec", name],
            None => &[],
        };
        let words = [prefix, command].concat();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let mut process = Process { child, said, printed: None };
        process.until(sign);
        process
    }

    /// Reads standard error up to a line with `sign`, and gives what came.
    #[track_caller]
    pub(crate) fn until(&mut self, sign: &str) -> String {
        let mut all = String::new();
        loop {
            let before = all.len();
            let read = self.said.read_line(&mut all).unwrap();
            assert!(read > 0, "it ended and did not say {sign:?}: {all}");
            if all[before..].contains(sign) {
                return all;
            }
        }
    }

    /// Sends a signal, as `kill -NAME`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Sends SIGSTOP, and waits until the process stands.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
        let status = format!("/proc/{}/stat", self.child.id());
        // The state is behind the name, which is in parentheses.
        while !fs::read_to_string(&status).unwrap().contains(") T ") {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Begins to read standard output; until then, and without this until the end, nobody does.
    pub(crate) fn read_on(&mut self) {
        if self.printed.is_some() {
            return;
        }
        let mut out = BufReader::new(self.child.stdout.take().unwrap());
        let text = Arc::new(Mutex::new(String::new()));
        let all = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).unwrap() > 0 {
                all.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        self.printed = Some(Printed { text, reader });
    }

    /// Whether `words` stand in what it printed so far.
    pub(crate) fn has_printed(&self, words: &str) -> bool {
        self.printed.as_ref().is_some_and(|printed| printed.text.lock().unwrap().contains(words))
    }

    /// Waits for its end: status, standard output, the rest of standard error.
    #[track_caller]
    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        self.read_on();
        let printed = self.printed.take().unwrap();
        // Whoever hangs is ended, so that the test fails instead of waiting.
        let id = self.child.id().to_string();
        let (done, over) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            if over
                .recv_timeout(PATIENCE)
                .is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        drop(done);
        printed.reader.join().unwrap();
        let text = std::mem::take(&mut *printed.text.lock().unwrap());
        (status, text, said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Of one that has ended these do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `dnspect live` with these options, in a namespace.
pub(crate) fn live(namespace: Option<&str>, options: &[&str]) -> Process {
    let command =
        [&[env!("CARGO_BIN_EXE_dnspect"), "live", "--format", "json"][..], options].concat();
    Process::start(namespace, &command, "capturing on")
}

/// Ends a live capture with a signal and gives its report.
#[track_caller]
pub(crate) fn report(process: Process, signal: Option<&str>) -> Value {
    if let Some(signal) = signal {
        process.signal(signal);
    }
    let (status, out, said) = process.end();
    assert!(status.code().is_some_and(|code| code != 2), "{status}: {said}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{said}"))
}

/// tcpdump, writing to a file; `None` where there is none.
pub(crate) fn tcpdump(namespace: &str, interface: &str, file: &Path) -> Option<Process> {
    Command::new("tcpdump").arg("--version").output().ok()?;
    // What the kernel says by itself (neighbours, routers) comes when it likes.
    let filter = "(port 53 or icmp or (ip[6:2] & 0x1fff != 0) or ip6 proto 44) and not icmp6";
    let mut command = vec!["tcpdump", "-Z", "root", "-U", "-n", "--time-stamp-precision=nano"];
    command.extend(["-i", interface, "-w", file.to_str().unwrap()]);
    if interface == "any" {
        command.extend(["-y", "LINUX_SLL2"]);
    }
    command.push(filter);
    Some(Process::start(Some(namespace), &command, "listening on"))
}

/// Ends tcpdump when all of these packets are in its file: it leaves behind what it has not read yet.
pub(crate) fn end_tcpdump(process: Process, file: &Path, packets: u64) -> Value {
    for _ in 0..600 {
        let output = Command::new(env!("CARGO_BIN_EXE_dnspect"))
            .args(["read", "--format", "json", file.to_str().unwrap()])
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if report["capture"]["packets"].as_u64() >= Some(packets) {
            process.signal("INT");
            process.end();
            return report;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("tcpdump did not see {packets} packets");
}
