//! Transactions as rows: read back, by this project's own means and by others', they say what the
//! report says.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

mod command;
#[path = "../forge/mod.rs"]
mod forge;
mod hostile;
mod others;
mod read_back;
mod sums;

use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use dnspect::capture::Stop;
use dnspect::config::Config;
use dnspect::report::Document;
use dnspect::transactions::{Format, Sink};

/// The formats that this program was built with.
const FORMATS: &[Format] = if cfg!(feature = "parquet") {
    &[Format::Csv, Format::Ndjson, Format::Parquet]
} else {
    &[Format::Csv, Format::Ndjson]
};

/// Captures of the lab with something of everything: loss, retransmissions, late answers, refusals,
/// DNAT, TCP, fragments, IPv6.
const CASES: &[&str] = &[
    "upstream-blocked",
    "dnat-race",
    "tcp-large",
    "rejected-by-router",
    "fragments-lost",
    "over-the-limit",
    "upstream-too-slow",
    "clients-healthy",
];

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// The captures of a folder, as a directory on the command line stands for them.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.contains(".pcap")
        })
        .collect();
    files.sort();
    files
}

/// The first capture of each case.
fn cases() -> Vec<PathBuf> {
    CASES.iter().map(|case| files(&captures().join(case)).swap_remove(0)).collect()
}

/// The report, and the file of transactions.
fn analysed(path: &Path, format: Format, threads: usize) -> (Document, Vec<u8>) {
    let threads = NonZeroUsize::new(threads).unwrap();
    let config = Config { threads, ..Config::default() };
    let mut file = Vec::new();
    let sink = Some(Sink { format, out: &mut file });
    let document = dnspect::analyse_into(
        &[path.to_owned()],
        &config,
        sink,
        &Stop::default(),
        &mut |_, _, _| {},
    )
    .unwrap();
    (document, file)
}

/// The rows of a capture that the test made.
fn told(story: &forge::Capture, name: &str) -> Vec<read_back::Row> {
    let path = scratch(name);
    fs::write(&path, story.pcap()).unwrap();
    let rows = read_back::ndjson(&analysed(&path, Format::Ndjson, 1).1);
    fs::remove_file(path).unwrap();
    rows
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

#[test]
fn any_number_of_threads_gives_the_same_file() {
    for path in cases() {
        for &format in FORMATS {
            let (_, one) = analysed(&path, format, 1);
            assert!(!one.is_empty());
            for threads in [2, 4] {
                let (_, several) = analysed(&path, format, threads);
                assert!(one == several, "{}: {format:?}, {threads} threads", path.display());
            }
        }
    }
}

#[test]
fn rows_change_nothing_in_the_report() {
    for path in cases() {
        let without =
            dnspect::analyse(std::slice::from_ref(&path), &Config::default(), &mut |_, _, _| {})
                .unwrap();
        let (with, _) = analysed(&path, Format::Csv, 2);
        let json = |document| serde_json::to_string(&document).unwrap();
        assert_eq!(json(with), json(without), "{}", path.display());
    }
}

/// A disk that is full after so many octets.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = octets.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A long capture: there is more of it than units and batches hold.
fn long(name: &str) -> PathBuf {
    use forge::{A, Answer, Capture, Link, ms, us};
    let mut story = Capture::new(Link::Ethernet);
    for i in 0..60_000_u32 {
        let client = format!("10.244.{}.{}:{}", i % 7, i % 199, 20_000 + i % 9_000);
        let name = format!("name-{}.example.com", i % 1_000);
        story.ask(client.as_str(), "10.96.0.10:53", &name, A, us(300), Answer::Address("10.0.0.1"));
        story.after(ms(1));
    }
    let path = scratch(name);
    fs::write(&path, story.pcap()).unwrap();
    path
}

#[test]
fn a_full_disk_ends_the_analysis() {
    let path = long("full");
    for &format in FORMATS {
        for (threads, room) in [(1, 0), (2, 100), (4, 40_000), (3, 60_000)] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let config = Config { threads, ..Config::default() };
            let mut out = Full(room);
            let sink = Some(Sink { format, out: &mut out });
            let error = dnspect::analyse_into(
                std::slice::from_ref(&path),
                &config,
                sink,
                &Stop::default(),
                &mut |_, _, _| {},
            );
            let error = error.map(|_| ()).unwrap_err().to_string();
            assert_eq!(error, "cannot write the transactions: no storage space", "{format:?}");
        }
    }
    fs::remove_file(path).unwrap();
}

/// Takes its time.
struct Slow<'a>(&'a mut Vec<u8>);

impl Write for Slow<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        std::thread::sleep(std::time::Duration::from_millis(3));
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_disk_loses_nothing() {
    let path = long("slow");
    let (_, quick) = analysed(&path, Format::Csv, 2);
    let mut file = Vec::new();
    let sink = Some(Sink { format: Format::Csv, out: &mut Slow(&mut file) });
    let config = Config::default();
    dnspect::analyse_into(
        std::slice::from_ref(&path),
        &config,
        sink,
        &Stop::default(),
        &mut |_, _, _| {},
    )
    .unwrap();
    assert!(quick == file);
    assert_eq!(read_back::csv(&file).len(), 60_000);
    fs::remove_file(path).unwrap();
}
