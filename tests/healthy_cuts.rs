//! False alarms: every capture of the lab in which nothing is wrong, cut anywhere. No part of it, from
//! five seconds on, may show anything but normal findings.
//!
//! A part is what somebody would have recorded who had begun later, or stopped earlier, or with another snap
//! length: then it may be too little to tell.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

#[path = "forge/mod.rs"]
mod forge;
mod recorded;

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dnspect::capture;
use dnspect::config::Config;
use dnspect::verdict::Status;
use recorded::{Packet, Recorded, expecting, report};

/// A part is at least so long, if the capture is.
const SHORTEST: Duration = Duration::from_secs(5);

/// Parts of each capture besides the whole.
const PARTS: u64 = 60;

/// Snap lengths: headers and little more, what old programs take where nobody says, within many names, within
/// many answers.
const SNAP_LENGTHS: [usize; 7] = [54, 60, 68, 80, 96, 128, 256];

/// A capture that is to be cut.
struct Whole(Recorded);

impl Whole {
    fn read(path: &Path) -> Whole {
        Whole(Recorded::read(path))
    }

    /// First and last moment.
    fn span(&self) -> (u64, u64) {
        let times = self.0.packets.iter().map(|packet| packet.time);
        (times.clone().min().unwrap(), times.max().unwrap())
    }

    /// Beginnings and ends of the parts that are looked at, the same in every run: short ones all
    /// through the file, all that begins later, all that ends sooner, and some in between.
    fn cuts(&self) -> Vec<(u64, u64)> {
        let (first, last) = self.span();
        let (length, shortest) = (last - first, SHORTEST.as_nanos() as u64);
        let mut cuts = vec![(first, last)];
        let spare = length.saturating_sub(shortest);
        for n in 0..PARTS {
            // The golden ratio spreads what is between over everything, whatever the number.
            let at = |n: u64| spare as f64 * ((n as f64 * 0.618_033_988_75) % 1.0);
            let begin = first + at(n + 1) as u64;
            cuts.push(match n % 4 {
                0 => (begin, begin + shortest),
                1 => (begin, last),
                2 => (first, begin + shortest),
                _ => (begin, begin + shortest + (at(3 * n + 2) as u64).min(last - begin)),
            });
        }
        cuts
    }

    /// The packets of that time, as a file.
    fn part(&self, (from, to): (u64, u64)) -> Vec<u8> {
        let inside = |packet: &&Packet| (from..=to).contains(&packet.time);
        self.0.file(self.0.packets.iter().filter(inside))
    }

    /// All packets as they would be with this snap length.
    fn snapped(&self, length: usize) -> Vec<u8> {
        let cut = |packet: &Packet| {
            let mut cut = packet.clone();
            cut.bytes.truncate(length);
            cut
        };
        self.0.file(&self.0.packets.iter().map(cut).collect::<Vec<_>>())
    }

    /// What is raised with which snap length.
    fn snapped_alarms(&self) -> (usize, Vec<String>) {
        let raised = SNAP_LENGTHS.into_iter().filter_map(|length| {
            let words = alarm(self.snapped(length), true)?;
            Some(format!("{} of {length} octets: {words}", self.0.name))
        });
        (SNAP_LENGTHS.len(), raised.collect())
    }

    /// What is raised in which part.
    fn alarms(&self) -> (usize, Vec<String>) {
        let (first, _) = self.span();
        let cuts = self.cuts();
        let raised = cuts.iter().filter_map(|&cut| {
            let words = alarm(self.part(cut), false)?;
            let seconds = |time: u64| (time - first) as f64 / 1e9;
            let (from, to) = (seconds(cut.0), seconds(cut.1));
            Some(format!("{} from {from:.3} to {to:.3} s: {words}", self.0.name))
        });
        (cuts.len(), raised.collect())
    }
}

/// What is said to a file that should not be, if anything. `little`: there may be too little to tell.
fn alarm(file: Vec<u8>, little: bool) -> Option<String> {
    let document = report(file);
    let faults: Vec<&str> =
        document.findings.iter().filter(|f| !f.normal).map(|finding| finding.cause).collect();
    // Nothing asked and answered in that time: there is nothing to say.
    let traffic = &document.traffic;
    let empty = traffic.answered + traffic.unanswered == 0;
    let silent = faults.is_empty() && document.verdict.status == Status::Healthy
        || (empty || little) && faults == ["capture_incomplete"];
    (!silent).then(|| format!("{faults:?} {}", document.verdict.summary))
}

/// Captures from which nothing is expected but health.
fn healthy() -> Vec<PathBuf> {
    expecting(|expected| expected["status"] == "healthy")
}

/// No healthy capture raises an alarm, of this kind.
fn check(alarms: impl Fn(&Whole) -> (usize, Vec<String>) + Sync) {
    let paths = healthy();
    let (next, seen) = (AtomicUsize::new(0), Mutex::new((0, Vec::new())));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (parts, alarms) = alarms(&Whole::read(path));
                    let mut seen = seen.lock().unwrap();
                    seen.0 += parts;
                    seen.1.extend(alarms);
                }
            });
        }
    });
    let (parts, mut alarms) = seen.into_inner().unwrap();
    alarms.sort();
    println!("{} captures, {parts} parts", paths.len());
    let text = alarms.iter().fold(String::new(), |mut text, one| {
        let _ = write!(text, "\n  {one}");
        text
    });
    assert!(alarms.is_empty(), "{} of {parts} parts raise an alarm:{text}\n", alarms.len());
    assert!(parts > 200, "few healthy captures were found: {}", paths.len());
}

#[test]
fn no_part_of_a_healthy_capture_raises_an_alarm() {
    check(Whole::alarms);
}

#[test]
fn no_snap_length_makes_a_healthy_capture_raise_an_alarm() {
    check(Whole::snapped_alarms);
}

/// ICMP errors that are cut before they say what they refuse make silence of refusals: no cause that is silent
/// is sure of itself then.
#[test]
fn cut_refusals_leave_silence_unsure() {
    let refused = |cause: &str| matches!(cause, "firewall_reject" | "dns_port_closed");
    let paths = expecting(|expected| expected["root_cause"].as_str().is_some_and(refused));
    assert!(paths.len() > 10, "few captures with refusals were found: {}", paths.len());
    let mut unsure = 0;
    for path in paths {
        let whole = Whole::read(&path);
        for length in [54, 60, 68] {
            let document = report(whole.snapped(length));
            let cut = document.capture.caveats.iter().any(|caveat| caveat.contains("ICMP error"));
            let silent = |cause| matches!(cause, "client_egress_dropped" | "coredns_backend_gone");
            for finding in document.findings.iter().filter(|finding| cut && silent(finding.cause)) {
                let words = format!("{} of {length} octets: {}", whole.0.name, finding.summary);
                assert!(finding.confidence <= 0.6, "{words}");
                assert!(finding.alternatives.iter().any(|other| refused(&other.cause)), "{words}");
                unsure += 1;
            }
        }
    }
    assert!(unsure > 10, "{unsure} findings were held back");
}

/// The check can fail: a part of a capture in which something is wrong raises an alarm.
#[test]
fn a_part_of_a_broken_capture_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/pod-blocked/node-any.pcap");
    let (parts, alarms) = Whole::read(&path).alarms();
    assert!(alarms.len() * 2 > parts, "{} of {parts}", alarms.len());
}

/// What is written is what was read.
#[test]
fn the_whole_as_a_part_is_the_capture() {
    for file in ["healthy/node-interfaces.pcapng", "healthy/node-any.pcap", "tcp-large/pod.pcap"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(file);
        let whole = Whole::read(&path);
        let report = |source: &dyn capture::Blocks| {
            let document =
                dnspect::analyse_blocks(source, &Config::default(), &mut |_, _, _| {}).unwrap();
            let report = serde_json::to_value(document).unwrap();
            [&report["verdict"], &report["findings"], &report["traffic"]].map(Clone::clone)
        };
        let options = capture::Options::default();
        let part = Box::new(Cursor::new(whole.part(whole.span())));
        let again = report(&*capture::open_reader("part", part, &options).unwrap());
        assert_eq!(again, report(&*capture::open(&[path], &options).unwrap()), "{file}");
    }
}
