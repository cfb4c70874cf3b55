//! Real captures of other projects, with pcap-parser as the oracle of the records and the catalogue
//! of `../shared/captures` as that of the counts.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

use crate::read::{Packet, read_file, read_files};

/// Files whose number of packets the catalogue gives differently, and why.
const OTHER_COUNTS: &[(&str, u64, &str)] = &[];

/// Files of which pcap-parser reads other records, and why.
const OTHER_RECORDS: &[(&str, &str)] = &[];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    if folder.join("catalog.tsv").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: {} is absent", folder.display());
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join("files")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The numbers of packets by file name, as the catalogue has them.
fn catalogue(folder: &Path) -> HashMap<String, u64> {
    let text = fs::read_to_string(folder.join("catalog.tsv")).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let column = |name: &str| head.iter().position(|field| *field == name).unwrap();
    let (name, packets) = (column("name"), column("packets"));
    lines.filter_map(|line| Some((line[name].to_owned(), line[packets].parse().ok()?))).collect()
}

#[test]
fn every_file_has_as_many_packets_as_the_catalogue_says() {
    let Some(folder) = folder() else { return };
    let expected = catalogue(&folder);
    let mut wrong = Vec::new();
    for path in files(&folder) {
        let name = name_of(&path);
        let (packets, notes) = read_file(&path);
        let count = packets.len() as u64;
        let listed = OTHER_COUNTS.iter().find(|(file, ..)| *file == name);
        let expected = listed.map(|(_, count, _)| *count).or(expected.get(&name).copied());
        if expected.is_some_and(|expected| expected != count) {
            wrong.push(format!("{name}: {count}, not {expected:?}; {:?}", notes.warnings));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn blocks_of_any_size_and_threads_give_the_same() {
    let Some(folder) = folder() else { return };
    for path in files(&folder) {
        let whole = read_file(&path);
        let paths = [path.clone()];
        if whole.0.len() < 5_000 {
            assert_eq!(read_files(&paths, 3, 500), whole, "{}", path.display());
        }
        assert_eq!(read_files(&paths, 2, 5_000), whole, "{}", path.display());
    }
}

#[test]
fn every_record_is_the_one_that_pcap_parser_reads() {
    let Some(folder) = folder() else { return };
    let mut wrong = Vec::new();
    for path in files(&folder) {
        let name = name_of(&path);
        if OTHER_RECORDS.iter().any(|(file, _)| *file == name) {
            continue;
        }
        let (packets, _) = read_file(&path);
        let oracle = oracle(&path);
        if packets.len() < oracle.len() {
            wrong.push(format!("{name}: {} packets, not {}", packets.len(), oracle.len()));
        }
        let differs = packets.iter().zip(&oracle).position(|(ours, theirs)| {
            let Packet { time, original, bytes, .. } = ours;
            (time, original, bytes) != (&theirs.0, &theirs.1, &theirs.2)
        });
        if let Some(at) = differs {
            wrong.push(format!("{name}: packet {} differs, not {:?}", at + 1, oracle[at]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Time, original length and bytes of each packet up to where pcap-parser stops.
fn oracle(path: &Path) -> Vec<(i64, u32, Vec<u8>)> {
    let mut raw = Vec::new();
    File::open(path).unwrap().read_to_end(&mut raw).unwrap();
    let mut bytes = Vec::new();
    match raw[..4] {
        [0x1f, 0x8b, ..] => {
            flate2::read::MultiGzDecoder::new(&raw[..]).read_to_end(&mut bytes).unwrap();
        }
        [0x28, 0xb5, ..] => bytes = zstd::decode_all(&raw[..]).unwrap(),
        [0xfd, b'7', ..] => {
            liblzma::read::XzDecoder::new_multi_decoder(&raw[..]).read_to_end(&mut bytes).unwrap();
        }
        _ => bytes = raw,
    }
    let nanoseconds = matches!(bytes[..4], [0xa1, 0xb2, 0x3c, 0x4d] | [0x4d, 0x3c, 0xb2, 0xa1]);
    let mut packets = Vec::new();
    let mut interfaces = Vec::new();
    let mut last = 0;
    let Ok(mut reader) = create_reader(bytes.len().max(1 << 20), std::io::Cursor::new(bytes))
    else {
        return packets;
    };
    loop {
        let (offset, block) = match reader.next() {
            Ok(next) => next,
            Err(PcapError::Incomplete(_)) => {
                if reader.refill().is_err() || reader.reader_exhausted() {
                    return packets;
                }
                continue;
            }
            Err(_) => return packets,
        };
        match block {
            PcapBlockOwned::Legacy(packet) => {
                let unit = if nanoseconds { 1 } else { 1_000 };
                let time =
                    i64::from(packet.ts_sec) * 1_000_000_000 + i64::from(packet.ts_usec) * unit;
                let bytes = packet.data[..packet.caplen as usize].to_vec();
                packets.push((time, packet.origlen, bytes));
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                interfaces.push((interface.if_tsresol, interface.if_tsoffset, interface.snaplen));
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let Some(&(resolution, offset, _)) = interfaces.get(packet.if_id as usize) else {
                    return packets;
                };
                let units = u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low);
                let per_second = if resolution & 0x80 == 0 {
                    10_u128.pow(u32::from(resolution))
                } else {
                    1 << (resolution & 0x7f)
                };
                let nanoseconds = units * 1_000_000_000 / per_second;
                last = i64::try_from(nanoseconds)
                    .unwrap_or(i64::MAX)
                    .saturating_add(offset * 1_000_000_000);
                let bytes = packet.data[..packet.caplen as usize].to_vec();
                packets.push((last, packet.origlen, bytes));
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let limit = match interfaces.first() {
                    Some(&(_, _, limit)) if limit > 0 => limit,
                    _ => u32::MAX,
                };
                let captured = packet.origlen.min(limit) as usize;
                packets.push((last, packet.origlen, packet.data[..captured].to_vec()));
            }
            _ => {}
        }
        reader.consume(offset);
    }
}
