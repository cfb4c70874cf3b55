//! Every variant of the two formats.

use dnspect::capture::{Interface, open_reader};
use dnspect::model::{Direction, LinkType};

use crate::build::{BIG, LITTLE, MICRO, MODIFIED, NANO, Pcap, Pcapng, pcap_of};
use crate::read::{Folder, drain, options, read_all_ways, read_files, read_pipe};

fn times(bytes: &[u8]) -> Vec<i64> {
    read_all_ways(bytes).0.iter().map(|packet| packet.time).collect()
}

#[test]
fn pcap_of_both_byte_orders_and_all_units() {
    for order in [LITTLE, BIG] {
        for (magic, nanoseconds) in [(MICRO, 5_000), (NANO, 5), (MODIFIED, 5_000)] {
            let mut file = Pcap::new(order, magic, 113);
            file.packet((7, 5), b"one").packet((u32::MAX, 999_999), b"").raw(
                (8, 0),
                2,
                1_500,
                b"ab",
            );
            let (packets, notes) = read_all_ways(&file.bytes);
            assert_eq!(packets.len(), 3, "{order:?} {magic:x}");
            assert_eq!(
                (packets[0].time, &packets[0].bytes[..]),
                (7_000_000_000 + nanoseconds, &b"one"[..])
            );
            assert_eq!(packets[1].bytes, b"");
            assert_eq!((packets[2].original, &packets[2].bytes[..]), (1_500, &b"ab"[..]));
            let direction =
                if magic == MODIFIED { Direction::Outgoing } else { Direction::Unknown };
            assert_eq!(packets[2].direction, direction);
            assert_eq!(notes.warnings, [""; 0]);
            assert_eq!(notes.dropped, None);
            let interface =
                Interface { name: None, link_type: LinkType(113), snap_length: 65_535, file: 0 };
            assert_eq!(notes.interfaces, [interface]);
        }
    }
}

#[test]
fn upper_bits_of_the_link_type_are_no_part_of_it() {
    let file = Pcap::new(LITTLE, MICRO, 0x2400_0001);
    assert_eq!(read_all_ways(&file.bytes).1.interfaces[0].link_type, LinkType(1));
}

#[test]
fn ixia_files_have_a_longer_header() {
    for order in [LITTLE, BIG] {
        let mut file = Pcap::new(order, 0x1c00_01ac, 1);
        file.bytes.extend([9; 4]);
        file.packet((1, 2), b"x");
        assert_eq!(times(&file.bytes), [1_000_000_002]);
    }
}

#[test]
fn old_versions_have_the_lengths_swapped() {
    for minor in [2, 3] {
        let mut file = Pcap::version(BIG, MICRO, 1, minor);
        file.raw((1, 0), 60, 2, b"ab").raw((2, 0), 60, 2, b"cd");
        let (packets, _) = read_all_ways(&file.bytes);
        assert_eq!((packets[1].original, &packets[1].bytes[..]), (60, &b"cd"[..]));
    }
}

#[test]
fn captured_may_exceed_original() {
    let mut file = Pcap::new(LITTLE, MICRO, 1);
    file.raw((1, 0), 4, 2, b"abcd");
    let (packets, notes) = read_all_ways(&file.bytes);
    assert_eq!((packets[0].original, packets[0].bytes.len()), (2, 4));
    assert_eq!(notes.warnings, [""; 0]);
}

#[test]
fn pcapng_with_all_that_there_is() {
    for order in [LITTLE, BIG] {
        let mut file = Pcapng::new(order);
        let offset = file.long(100);
        let seven = file.long(7);
        file.interface(1, 0, &[(2, b"eth0\0".to_vec()), (9, vec![9])])
            .interface(276, 4, &[(9, vec![0x80 | 0x0a]), (14, offset)])
            .enhanced(0, 5, b"first", &[(2, order.u32(1).to_vec())])
            .block(4, b"names") // NRB
            .enhanced(1, 1_536, b"second", &[(1, b"note".to_vec()), (2, order.u32(2).to_vec())])
            .block(0x0bad, b"custom, of an odd length")
            .simple(900, b"simple")
            .obsolete(1, 3, 1_024, b"old")
            .enhanced(2, 0, b"no such interface", &[])
            .statistics(0, &[(5, seven.clone())])
            .statistics(0, &[(4, seven.clone()), (5, seven.clone()), (7, seven)]);
        file.section(if order == BIG { LITTLE } else { BIG });
        file.interface(101, 65_535, &[]).enhanced(0, 9, b"third", &[]);
        let (packets, notes) = read_all_ways(&file.bytes);
        let seen: Vec<_> = packets
            .iter()
            .map(|packet| (packet.time, packet.interface, packet.direction, &packet.bytes[..]))
            .collect();
        assert_eq!(
            seen,
            [
                (5, 0, Direction::Incoming, &b"first"[..]),
                (101_500_000_000, 1, Direction::Outgoing, b"second"),
                // The body may be longer than the packet only by padding: the limit is unknown.
                (101_000_000_000, 1, Direction::Unknown, b"old"),
                (9_000, 2, Direction::Unknown, b"third"),
            ]
        );
        assert_eq!(notes.damaged_records, 2, "a packet of interface 2, a simple one of 900 bytes");
        // Interface 0 by its last statistics, 1 by what its packets say.
        assert_eq!(notes.dropped, Some(14 + 3));
        assert_eq!(notes.warnings, [""; 0]);
        assert_eq!(notes.interfaces[0].name.as_deref(), Some("eth0"));
        assert_eq!(notes.interfaces[1].link_type, LinkType(276));
        assert_eq!(notes.interfaces[2].link_type, LinkType(101));
    }
}

#[test]
fn simple_packets_are_as_long_as_the_snap_length_and_take_the_time_before() {
    let mut file = Pcapng::new(LITTLE);
    file.interface(1, 4, &[]).simple(60, b"abcd").enhanced(0, 8, b"x", &[]).simple(3, b"abc");
    let (packets, _) = read_all_ways(&file.bytes);
    let seen: Vec<_> =
        packets.iter().map(|packet| (packet.time, packet.original, &packet.bytes[..])).collect();
    assert_eq!(seen, [(0, 60, &b"abcd"[..]), (8_000, 1, b"x"), (8_000, 3, b"abc")]);
}

#[test]
fn long_blocks_of_no_interest_are_not_loaded() {
    let mut file = Pcapng::new(BIG);
    file.interface(1, 0, &[]).enhanced(0, 1, b"a", &[]);
    file.block(0x0bad, &vec![1; 17 << 20]);
    file.enhanced(0, 2, b"b", &[]);
    let folder = Folder::new();
    let path = folder.file("capture", &file.bytes);
    for block_size in [1 << 10, 1 << 18] {
        let (packets, _) = read_files(std::slice::from_ref(&path), 2, block_size);
        assert_eq!(packets.len(), 2);
        assert_eq!(read_pipe(&file.bytes, 2, block_size).0, packets);
    }
}

#[cfg(feature = "compressed")]
#[test]
fn compressed_captures_of_several_members() {
    use std::io::Write;

    let plain = pcap_of(5, &vec![50; 3_000]);
    let (expected, _) = read_pipe(&plain, 1, 4_096);
    let (one, two) = plain.split_at(100_000);
    let gzip = |part: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let lz4 = |part: &[u8]| {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let xz = |part: &[u8]| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |part: &[u8]| zstd::encode_all(part, 1).unwrap();
    for (name, encode) in
        [("gzip", &gzip as &dyn Fn(&[u8]) -> Vec<u8>), ("lz4", &lz4), ("xz", &xz), ("zstd", &zstd)]
    {
        let file = [encode(one), encode(b""), encode(two)].concat();
        for threads in [1, 3] {
            let (packets, notes) = read_pipe(&file, threads, 4_096);
            assert!(packets == expected, "{name}");
            assert_eq!(notes.warnings, [""; 0], "{name}");
        }
        // Cut: what can be decompressed is read.
        let boundaries = [encode(one).len(), encode(one).len() + encode(b"").len()];
        for length in (200..file.len()).step_by(397) {
            let reader = Box::new(std::io::Cursor::new(file[..length].to_vec()));
            let blocks = match open_reader("pipe", reader, &options(2, 4_096)) {
                Ok(blocks) => blocks,
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("nothing can be decompressed"), "{name} {text}");
                    continue;
                }
            };
            let (packets, notes) = drain(&*blocks, 2);
            assert!(packets.len() < expected.len(), "{name} {length}");
            assert!(packets[..] == expected[..packets.len()], "{name} {length}");
            assert_eq!(notes.warnings.len(), 1, "{name} {length} {:?}", notes.warnings);
            let early = notes.warnings[0].contains("ends early: the compressed data is cut");
            assert!(early || boundaries.contains(&length), "{name} {:?}", notes.warnings);
        }
        // Wrapped twice, or no capture inside.
        let error = |bytes: Vec<u8>| {
            let reader = Box::new(std::io::Cursor::new(bytes));
            open_reader("x", reader, &options(1, 4_096)).err().unwrap().to_string()
        };
        assert!(error(encode(&file)).contains("outer layer"), "{name}");
        assert!(error(encode(b"hello, world")).contains("not a packet capture but text"), "{name}");
    }
}

#[test]
fn a_pipe_that_gives_single_bytes() {
    struct Slow(std::vec::IntoIter<u8>);
    impl std::io::Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            Ok(match (buffer.first_mut(), self.0.next()) {
                (Some(slot), Some(byte)) => {
                    *slot = byte;
                    1
                }
                _ => 0,
            })
        }
    }
    let bytes = pcap_of(1, &[3, 70, 0, 9]);
    let reader = Box::new(Slow(bytes.clone().into_iter()));
    let blocks = open_reader("slow", reader, &options(2, 50)).unwrap();
    assert_eq!(drain(&*blocks, 2).0, read_pipe(&bytes, 1, 64).0);
}
