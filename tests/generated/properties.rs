//! What the report must not depend on: threads, blocks, where a capture is cut into files, the format
//! of the file.

use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use dnspect::capture::{self, Block, Blocks};
use dnspect::config::Config;
use serde_json::Value;

use crate::Generated;
use crate::forge::{Interface, Link, Packet, PcapNgWriter, PcapOptions, PcapWriter, dns};

/// A packet as it was read.
struct Read {
    time: u64,
    original: u32,
    bytes: Vec<u8>,
}

/// The recordings of the lab, compressed ones too where they can be read.
fn recordings() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    for case in std::fs::read_dir(folder).unwrap() {
        let Ok(files) = std::fs::read_dir(case.unwrap().path()) else { continue };
        for file in files {
            let path = file.unwrap().path();
            let name = path.to_string_lossy();
            let packed = name.ends_with(".gz") || name.ends_with(".zst");
            if name.contains(".pcap") && (cfg!(feature = "compressed") || !packed) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 40, "{}", found.len());
    found
}

fn json(source: &dyn Blocks, threads: usize) -> Value {
    let threads = NonZeroUsize::new(threads).unwrap();
    let config = Config { threads, ..Config::default() };
    let document = dnspect::analyse_blocks(source, &config, &mut |_, _, _| {}).unwrap();
    serde_json::to_value(document).unwrap()
}

/// The report of files, read in blocks of this size.
fn report(paths: &[PathBuf], threads: usize, block_size: usize) -> Value {
    let source = capture::open(
        paths,
        &capture::Options { threads, block_size, ..capture::Options::default() },
    )
    .unwrap();
    json(&*source, threads)
}

fn report_of_bytes(bytes: Vec<u8>) -> Value {
    let options = capture::Options { threads: 1, ..capture::Options::default() };
    json(&*capture::open_reader("bytes", Box::new(Cursor::new(bytes)), &options).unwrap(), 1)
}

/// All packets of a file with one link type, and that.
fn packets(path: &Path) -> (Vec<Read>, u16) {
    let options = capture::Options { threads: 1, ..capture::Options::default() };
    let source = capture::open(&[path.to_owned()], &options).unwrap();
    let (mut block, mut packets, mut link) = (Block::default(), Vec::new(), 0);
    while source.fill(&mut block) {
        for record in &block.records {
            let start = record.offset as usize;
            let bytes = block.data[start..start + record.captured as usize].to_vec();
            link = block.interfaces[usize::from(record.interface)].link_type.0;
            packets.push(Read { time: record.time.0 as u64, original: record.original, bytes });
        }
    }
    (packets, link)
}

fn pcap(packets: &[Read], link: u16) -> Vec<u8> {
    let options = PcapOptions { link, nanoseconds: true, ..PcapOptions::new(Link::Ethernet) };
    let mut writer = PcapWriter::new(Vec::new(), options).unwrap();
    for packet in packets {
        writer.record(packet.time, &packet.bytes, packet.original).unwrap();
    }
    writer.finish().unwrap()
}

fn pcapng(packets: &[Read], link: u16, big_endian: bool) -> Vec<u8> {
    let interface = Interface { link, ..Interface::new("", Link::Ethernet) };
    let mut writer = PcapNgWriter::new(Vec::new(), big_endian, &[interface]).unwrap();
    for packet in packets {
        // The writer takes the length that was captured for that on the wire.
        let mut frame = packet.bytes.clone();
        frame.resize(packet.original as usize, 0);
        writer.packet(0, packet.time, &frame).unwrap();
    }
    writer.finish().unwrap()
}

/// Takes away what may differ: the names of the files.
fn without_files(mut report: Value) -> Value {
    report["capture"]["files"] = Value::Null;
    report
}

/// Where two reports differ, as paths.
fn differences(one: &Value, other: &Value, at: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            for (key, value) in a {
                differences(value, &other[key], &format!("{at}.{key}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (x, y)) in a.iter().zip(b).enumerate() {
                differences(x, y, &format!("{at}[{n}]"), found);
            }
        }
        _ if one != other => found.push(format!("{at}: {one} and {other}")),
        _ => {}
    }
}

fn assert_same(one: &Value, other: &Value, what: &str) {
    let mut found = Vec::new();
    differences(one, other, "", &mut found);
    assert!(found.is_empty(), "{what}: {found:#?}");
}

/// A file that goes away with its test.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Temporary {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, bytes).unwrap();
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn threads_and_blocks_do_not_change_the_report_of_a_recording() {
    for path in recordings() {
        let paths = [path.clone()];
        let one = report(&paths, 1, capture::BLOCK_SIZE);
        for (threads, block_size) in [(8, 30_000), (3, 8_000)] {
            let other = report(&paths, threads, block_size);
            assert_same(&one, &other, &format!("{}, {threads} threads", path.display()));
        }
    }
}

#[test]
fn threads_and_blocks_do_not_change_the_report_of_a_workload() {
    let arguments =
        "--packets 12000 --pps 1000 --seed 21 --link sll2 --copies 3 --noise 0.1 --tcp 0.1";
    let generated = Generated::new("threads.pcap", arguments);
    let paths = [generated.path.clone()];
    let one = report(&paths, 1, capture::BLOCK_SIZE);
    for threads in 1..=8 {
        let block_size = [300, 2_000, 20_000, capture::BLOCK_SIZE][threads % 4];
        let other = report(&paths, threads, block_size);
        assert_same(&one, &other, &format!("{threads} threads, blocks of {block_size}"));
    }
}

/// What a minute without packets lets run out: many more transactions than one block holds.
#[test]
fn what_runs_out_all_at_once_is_counted() {
    const LOST: usize = 20_000;
    let options = PcapOptions::new(Link::Raw);
    let mut writer = PcapWriter::new(Vec::new(), options).unwrap();
    let mut ask = |number: usize, time: u64, answered: bool| {
        let client = format!("10.244.{}.{}:{}", number >> 6 & 255, number & 63, 20_000 + number);
        let query = dns::query("example.com.", 1).id(number as u16);
        let frame = Packet::udp(client.as_str(), "10.96.0.10:53", query.encode()).encode();
        writer.packet(time, &frame).unwrap();
        if answered {
            let response = dns::response(&query).address([192, 0, 2, 1]);
            let frame = Packet::udp("10.96.0.10:53", client.as_str(), response.encode()).encode();
            writer.packet(time + 1_000_000, &frame).unwrap();
        }
    };
    let start = 1_700_000_000_000_000_000;
    for number in 0..LOST {
        ask(number, start + number as u64 * 50_000, false);
    }
    for number in LOST..LOST + 1000 {
        ask(number, start + 60_000_000_000 + number as u64 * 2_000_000, true);
    }
    let file = Temporary::new("all-at-once.pcap", &writer.finish().unwrap());
    let paths = [file.0.clone()];
    let one = report(&paths, 1, capture::BLOCK_SIZE);
    for (count, expected) in
        [("transactions", LOST + 1000), ("unanswered", LOST), ("answered", 1000)]
    {
        assert_eq!(one["traffic"][count], expected, "{count}");
    }
    for threads in [2, 4, 8] {
        for block_size in [1_000, capture::BLOCK_SIZE] {
            let other = report(&paths, threads, block_size);
            assert_same(&one, &other, &format!("{threads} threads, blocks of {block_size}"));
        }
    }
}

/// Cuts a capture in two at so many places, evenly, and compares.
fn cut(path: &Path, name: &str, places: usize) {
    let (packets, link) = packets(path);
    if packets.len() < 2 || packets.windows(2).any(|pair| pair[0].time > pair[1].time) {
        // Files are merged by time: a capture whose time runs back has another order then.
        return;
    }
    let file = Temporary::new(&format!("{name}-whole.pcap"), &pcap(&packets, link));
    let whole = without_files(report(std::slice::from_ref(&file.0), 1, capture::BLOCK_SIZE));
    for n in 1..=places {
        let at = (packets.len() * n / (places + 1)).clamp(1, packets.len() - 1);
        let first = Temporary::new(&format!("{name}-{n}a.pcap"), &pcap(&packets[..at], link));
        let second = Temporary::new(&format!("{name}-{n}b.pcap"), &pcap(&packets[at..], link));
        // Their order does not matter either.
        let paths = [second.0.clone(), first.0.clone()];
        let split = without_files(report(&paths, 1 + n % 2, capture::BLOCK_SIZE));
        let what = format!("{} cut behind packet {at} of {}", path.display(), packets.len());
        assert_same(&whole, &split, &what);
    }
}

#[test]
fn a_recording_may_be_cut_in_two_anywhere() {
    for (n, path) in recordings().into_iter().enumerate() {
        cut(&path, &format!("recording{n}"), 2);
    }
}

#[test]
fn a_workload_may_be_cut_in_two_anywhere() {
    let arguments = "--packets 8000 --pps 800 --seed 22 --copies 3 --tcp 0.3 --timeouts 0.05";
    let generated = Generated::new("cut.pcap", arguments);
    cut(&generated.path, "workload", 15);
}

#[test]
fn pcap_and_pcapng_of_the_same_packets_give_the_same_report() {
    for path in recordings() {
        let (packets, link) = packets(&path);
        let classic = report_of_bytes(pcap(&packets, link));
        for big_endian in [false, true] {
            let other = report_of_bytes(pcapng(&packets, link, big_endian));
            if classic["capture"]["snaplen_truncated"] == 0 {
                assert_same(&classic, &other, &path.display().to_string());
            }
        }
    }
}
