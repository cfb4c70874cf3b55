//! Captures of the lab in memory: what tests make other captures of.

// Every test file compiles its own copy and uses a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod layers;

use std::fs;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dnspect::capture::{self, Block};
use dnspect::config::Config;
use dnspect::report::Document;
use serde_json::Value;

use crate::forge::{Interface, Link, PcapNgWriter};

/// A packet as the capture has it.
#[derive(Clone)]
pub struct Packet {
    /// Nanoseconds since 1970.
    pub time: u64,
    pub interface: u32,
    pub bytes: Vec<u8>,
    pub original: u32,
}

/// A capture.
pub struct Recorded {
    /// Folder and file.
    pub name: String,
    pub interfaces: Vec<Interface>,
    pub packets: Vec<Packet>,
}

impl Recorded {
    pub fn read(path: &Path) -> Recorded {
        let options = capture::Options { threads: 1, ..capture::Options::default() };
        let blocks = capture::open(&[path.to_owned()], &options).unwrap();
        let (mut block, mut packets) = (Block::default(), Vec::new());
        while blocks.fill(&mut block) {
            packets.extend(block.records.iter().map(|record| {
                let from = record.offset as usize;
                Packet {
                    time: record.time.0 as u64,
                    interface: u32::from(record.interface),
                    bytes: block.data[from..from + record.captured as usize].to_vec(),
                    original: record.original,
                }
            }));
        }
        let interfaces = blocks.notes().interfaces.into_iter().map(|known| {
            let name = known.name.unwrap_or_default();
            Interface { link: known.link_type.0, ..Interface::new(&name, Link::Ethernet) }
        });
        let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
        let name = format!("{}/{}", parts[1], parts[0]);
        Recorded { name, interfaces: interfaces.collect(), packets }
    }

    /// Other packets of the same interfaces, as a file.
    pub fn file<'a>(&self, packets: impl IntoIterator<Item = &'a Packet>) -> Vec<u8> {
        let mut out = PcapNgWriter::new(Vec::new(), false, &self.interfaces).unwrap();
        for Packet { time, interface, bytes, original } in packets {
            out.cut_packet(*interface, *time, bytes, *original).unwrap();
        }
        out.finish().unwrap()
    }
}

/// The report of a file.
pub fn report(file: Vec<u8>) -> Document {
    let options = capture::Options { threads: 1, ..capture::Options::default() };
    let source = capture::open_reader("part", Box::new(Cursor::new(file)), &options).unwrap();
    let config = Config { threads: NonZeroUsize::MIN, ..Config::default() };
    dnspect::analyse_blocks(&*source, &config, &mut |_, _, _| {}).unwrap()
}

/// Captures of the lab of which this is expected, in order; those that this build cannot read left out.
pub fn expecting(wanted: impl Fn(&Value) -> bool) -> Vec<PathBuf> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut found = Vec::new();
    for folder in fs::read_dir(captures).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = fs::read_to_string(folder.join("expected.json")) else { continue };
        let listed: Value = serde_json::from_str(&text).unwrap();
        for (file, expected) in listed["captures"].as_object().unwrap() {
            let compressed = Path::new(file).extension().is_some_and(|e| e == "gz" || e == "zst");
            let readable = cfg!(feature = "compressed") || !compressed;
            if readable && wanted(expected) {
                found.push(folder.join(file));
            }
        }
    }
    found.sort();
    found
}

/// What there is to say of each capture, by two threads, sorted.
pub fn each(paths: &[PathBuf], say: impl Fn(&Path) -> Vec<String> + Sync) -> Vec<String> {
    let (next, said) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    said.lock().unwrap().extend(say(path));
                }
            });
        }
    });
    let mut said = said.into_inner().unwrap();
    said.sort();
    said
}
