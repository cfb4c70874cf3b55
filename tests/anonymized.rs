//! `--anonymize` over the captures of the lab: the verdict stays, nothing of what was there is told, and
//! what is written is well-formed.
//!
//! `cargo test --test anonymized -- --nocapture` shows where reports differ.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dnspect::anonymize::{Anonymized, Anonymizer, Key};
use dnspect::capture::{self, Block, Blocks, record};
use dnspect::config::Config;
use dnspect::decode::{self, Body};
use dnspect::model::{Address, Message, NameHasher, Timestamp, labels};
use serde_json::Value;

const KEY: &str = "6b1e5f0c2d3a49788796a5b4c3d2e1f0";

/// Captures whose root cause is another one when anonymized, and why that cannot be helped.
const OTHERWISE: &[(&str, &str)] = &[];

fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        if !folder.join("expected.json").exists() {
            continue;
        }
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        found.extend(files.filter(|path| {
            let ending = path.extension().unwrap();
            let compressed = ending == "gz" || ending == "zst";
            let capture = path.to_str().unwrap().contains(".pcap");
            capture && (cfg!(feature = "compressed") || !compressed)
        }));
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn anonymizer() -> Anonymizer {
    Anonymizer::new(Key::parse(KEY).unwrap(), &[53])
}

fn source(path: &Path) -> Box<dyn Blocks> {
    capture::open(&[path.to_owned()], &capture::Options::default()).unwrap()
}

fn report(blocks: &dyn Blocks) -> Value {
    let document = dnspect::analyse_blocks(blocks, &Config::default(), &mut |_, _, _| {}).unwrap();
    serde_json::to_value(document).unwrap()
}

fn name(path: &Path) -> String {
    let folder = path.parent().unwrap().file_name().unwrap();
    format!("{}/{}", folder.to_str().unwrap(), path.file_name().unwrap().to_str().unwrap())
}

#[test]
fn the_verdict_stays_the_same() {
    let anonymizer = anonymizer();
    let mut complaints = Vec::new();
    for path in captures() {
        let plain = report(&*source(&path));
        let read = source(&path);
        let hidden = report(&Anonymized::new(&*read, &anonymizer));
        let name = name(&path);
        let verdict = |report: &Value, key: &str| report["verdict"][key].clone();
        let known = OTHERWISE.iter().any(|(other, _)| *other == name);
        let mut same = true;
        for key in ["status", "root_cause", "severity"] {
            let (a, b) = (verdict(&plain, key), verdict(&hidden, key));
            same &= a == b;
            if a != b && !known {
                complaints.push(format!("{name}: {key} is {b}, not {a}"));
            }
        }
        assert!(!(known && same), "{name} needs no exception");
        for part in ["capture", "traffic"] {
            for (key, value) in plain[part].as_object().unwrap() {
                if *value != hidden[part][key]
                    && !["caveats", "search", "resolver_pps"].contains(&key.as_str())
                {
                    println!("{name}: {part}.{key}: {value} and {}", hidden[part][key]);
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n  {}", complaints.join("\n  "));
}

/// What a capture tells of identities: addresses and labels.
#[derive(Default)]
struct Told {
    addresses: BTreeSet<Vec<u8>>,
    labels: BTreeSet<Vec<u8>>,
}

impl Told {
    fn address(&mut self, address: Address) {
        if anonymizer().address(address) == address {
            return;
        }
        match address.ip() {
            IpAddr::V4(ip) => self.addresses.insert(ip.octets().to_vec()),
            IpAddr::V6(ip) => self.addresses.insert(ip.octets().to_vec()),
        };
    }

    fn frame(&mut self, decoded: &decode::Decoded<'_>) {
        self.address(decoded.network.source);
        self.address(decoded.network.destination);
        let Body::Datagram(datagram) = decoded.body else { return };
        if datagram.source_port != 53 && datagram.destination_port != 53 {
            return;
        }
        let hasher = NameHasher::with_seed(0);
        let Some(message) = decode::message::parse(datagram.payload, datagram.sent, &hasher) else {
            return;
        };
        let end = Message::QNAME_OFFSET + usize::from(message.qname_length);
        let name = datagram.payload.get(Message::QNAME_OFFSET..end).unwrap_or_default();
        for label in labels(name).filter(|label| label.len() >= 3) {
            // Three or four octets in a row are somewhere by chance, so with their length before them.
            let length = (label.len() < 5).then_some(label.len() as u8);
            self.labels.insert(length.into_iter().chain(label.to_ascii_lowercase()).collect());
        }
    }
}

/// Words that are the same everywhere, and so stay: those of `captures/`.
const WORDS: [&str; 21] = [
    "amazonaws",
    "arpa",
    "cluster",
    "com",
    "compute",
    "default",
    "dev",
    "ec2",
    "example",
    "in-addr",
    "internal",
    "invalid",
    "ip6",
    "kube-dns",
    "kube-system",
    "kubernetes",
    "local",
    "net",
    "org",
    "svc",
    "test",
];

/// Those of `parts`, of four octets at least, that occur in `bytes`, without case.
fn held<'a>(bytes: &[u8], parts: impl Iterator<Item = &'a Vec<u8>>) -> BTreeSet<&'a [u8]> {
    let bytes = bytes.to_ascii_lowercase();
    let mut by_start: HashMap<[u8; 4], Vec<Vec<u8>>> = HashMap::new();
    let parts: Vec<&[u8]> = parts.map(Vec::as_slice).collect();
    for part in &parts {
        let part = part.to_ascii_lowercase();
        by_start.entry(*part.first_chunk().unwrap()).or_default().push(part);
    }
    let mut found = BTreeSet::new();
    for (at, window) in bytes.windows(4).enumerate() {
        for part in by_start.get(window).into_iter().flatten() {
            if bytes[at..].starts_with(part) {
                found.insert(part.clone());
            }
        }
    }
    parts.into_iter().filter(|part| found.contains(&part.to_ascii_lowercase())).collect()
}

#[test]
fn nothing_of_what_was_there_is_told() {
    let anonymizer = anonymizer();
    let mut complaints = Vec::new();
    for path in captures() {
        let (read, hidden) = (source(&path), source(&path));
        let hidden = Anonymized::new(&*hidden, &anonymizer);
        let mut told = Told::default();
        let (mut before, mut after) = (Block::default(), Block::default());
        let mut frames = Vec::new();
        while read.fill(&mut before) {
            assert!(hidden.fill(&mut after));
            assert_eq!(before.records, after.records);
            for record in &before.records {
                let range = record.offset as usize..(record.offset + record.captured) as usize;
                let link_type = before.interfaces[usize::from(record.interface)].link_type;
                let bytes = &before.data[range.clone()];
                told.frame(&decode::frame(link_type, bytes, record.original as usize));
                frames.extend_from_slice(&after.data[range]);
                // Nothing is found across two frames.
                frames.extend_from_slice(&[0xfe; 16]);
            }
        }
        told.labels.retain(|label| {
            let text = if label[0] < 5 { &label[1..] } else { label };
            !WORDS.iter().any(|word| word.as_bytes() == text)
        });
        // A checksum that ends in 10, no urgent data, and the first option of a SYN look like 10.0.0.2.
        for at in 0..frames.len().saturating_sub(6) {
            if frames[at..].starts_with(&[10, 0, 0, 2, 4, 5]) {
                frames[at] = 0xfe;
            }
        }
        let name = name(&path);
        for label in held(&frames, told.labels.iter()) {
            complaints.push(format!("{name}: {}", String::from_utf8_lossy(label)));
        }
        for address in held(&frames, told.addresses.iter()) {
            complaints.push(format!("{name}: {address:?}"));
        }
        // Lists are not empty for another reason.
        assert!(!told.addresses.is_empty(), "{name}");
    }
    assert!(complaints.is_empty(), "{}\n  {}", complaints.len(), complaints.join("\n  "));
}

/// What tshark says of a file, a line a frame: what has to stay, and whether checksums are wrong. Nothing
/// where it is not installed.
fn shown(path: &Path) -> Option<Vec<(String, bool)>> {
    const STAYS: [&str; 7] = [
        "frame.len",
        "dns.id",
        "dns.flags.rcode",
        "dns.qry.type",
        "icmp.type",
        "tcp.flags.syn",
        "_ws.malformed",
    ];
    const CHECKSUMS: [&str; 3] =
        ["ip.checksum.status", "udp.checksum.status", "tcp.checksum.status"];
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-r"]).arg(path);
    for field in STAYS.iter().chain(&CHECKSUMS) {
        command.args(["-e", field]);
    }
    for protocol in ["udp", "tcp", "ip"] {
        command.args(["-o", &format!("{protocol}.check_checksum:TRUE")]);
    }
    let Ok(output) = command.stdin(Stdio::null()).stderr(Stdio::null()).output() else {
        eprintln!("skipped: tshark is not installed");
        return None;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let frame = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        // 0 is bad, 1 good, 2 not looked at; one for each header.
        let bad =
            fields[STAYS.len()..].iter().any(|status| status.split(',').any(|one| one == "0"));
        (fields[..STAYS.len()].join(" "), bad)
    };
    Some(text.lines().map(frame).collect())
}

#[test]
fn what_is_written_is_well_formed() {
    let folder = std::env::temp_dir().join(format!("dnspect-anonymized-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let written = folder.join("hidden.pcapng");
    let anonymizer = anonymizer();
    for folder in ["healthy", "tcp-large", "rejected-by-router"] {
        // tshark reads no zst before 4.2.
        let plain = captures().into_iter().filter(|path| path.extension().unwrap() == "pcap");
        for path in plain.filter(|path| name(path).starts_with(&format!("{folder}/"))) {
            let source = source(&path);
            let hidden = Anonymized::new(&*source, &anonymizer);
            let options = record::Options {
                file: Some(written.clone()),
                rotation: record::Rotation::default(),
                on_finding: None,
                filter: None,
                now: Timestamp(0),
                count: Box::new(Vec::new),
            };
            let recorder = record::Recording::open(options).unwrap().start().unwrap();
            let tee = record::Tee::new(&hidden, &recorder);
            let mut block = Block::default();
            while tee.fill(&mut block) {}
            let status = recorder.finish(Vec::new());
            assert!(status.written > 0 && status.caveats().is_empty(), "{status:?}");
            let name = name(&path);
            let (Some(hidden), Some(plain)) = (shown(&written), shown(&path)) else { return };
            assert_eq!(hidden.len() as u64, status.written, "{name}");
            for (at, (hidden, plain)) in hidden.iter().zip(&plain).enumerate() {
                assert_eq!(hidden.0, plain.0, "{name}: frame {}", at + 1);
                assert!(!hidden.1, "{name}: frame {}: a checksum is wrong", at + 1);
            }
        }
    }
    fs::remove_dir_all(folder).unwrap();
}
