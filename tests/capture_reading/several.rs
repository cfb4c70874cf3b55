//! Several files are one capture in the order of time.

use std::path::PathBuf;

use proptest::prelude::*;

use crate::build::{LITTLE, MICRO, Pcap, Pcapng, pcap_of};
use crate::read::{Folder, Packet, read_file, read_files};

/// Time and bytes of each packet.
fn essence(packets: &[Packet]) -> Vec<(u64, i64, Vec<u8>)> {
    packets.iter().map(|packet| (packet.frame, packet.time, packet.bytes.clone())).collect()
}

fn with_times(times: &[u32], mark: u8) -> Vec<u8> {
    let mut file = Pcap::new(LITTLE, MICRO, 1);
    for time in times {
        file.packet((*time, 0), &[mark, *time as u8]);
    }
    file.bytes
}

#[test]
fn files_that_overlap_are_merged_by_time() {
    let folder = Folder::new();
    let paths = [
        folder.file("late", &with_times(&[3, 3, 9, 12], b'l')),
        folder.file("none", &with_times(&[], b'n')),
        // Goes back within the file: stays in its own order.
        folder.file("early", &with_times(&[1, 5, 2, 3, 10], b'e')),
    ];
    for block_size in [1, 20, 60, 1 << 18] {
        let (packets, notes) = read_files(&paths, 2, block_size);
        let seen: Vec<_> =
            packets.iter().map(|packet| (packet.bytes[0] as char, packet.bytes[1])).collect();
        let expected = [
            ('e', 1),
            ('l', 3),
            ('l', 3),
            ('e', 5),
            ('e', 2),
            ('e', 3),
            ('l', 9),
            ('e', 10),
            ('l', 12),
        ];
        assert_eq!(seen, expected, "{block_size}");
        let names: Vec<PathBuf> = notes.files.iter().map(PathBuf::from).collect();
        assert_eq!(names, [paths[2].clone(), paths[0].clone(), paths[1].clone()]);
        let file_of = |packet: &Packet| notes.interfaces[usize::from(packet.interface)].file;
        assert!(packets.iter().all(|packet| file_of(packet) == u16::from(packet.bytes[0] == b'l')));
    }
}

#[test]
fn equal_times_are_in_the_order_of_the_files() {
    let folder = Folder::new();
    let paths = [
        folder.file("b", &with_times(&[1, 1, 2], b'b')),
        folder.file("a", &with_times(&[1, 2, 2], b'a')),
    ];
    let (packets, _) = read_files(&paths, 1, 64);
    let seen: String = packets.iter().map(|packet| packet.bytes[0] as char).collect();
    assert_eq!(seen, "bbabaa");
}

#[test]
fn a_thousand_files_that_follow_each_other() {
    let folder = Folder::new();
    let paths: Vec<_> = (0..1_100)
        .map(|number| folder.file(&format!("set{number:04}"), &pcap_of(number, &[9, 5])))
        .collect();
    let (packets, notes) = read_files(&paths, 2, 1 << 18);
    assert_eq!((packets.len(), notes.files.len(), notes.warnings.len()), (2_200, 1_100, 0));
    assert!(packets.is_sorted_by_key(|packet| packet.time));
    // A directory stands for the same, whatever the names.
    let (again, _) = read_files(&[folder.path().to_owned()], 2, 1 << 18);
    assert!(again == packets);
}

#[test]
fn a_damaged_file_does_not_end_the_others() {
    let folder = Folder::new();
    let cut = pcap_of(1, &[20, 20]);
    let paths = [
        folder.file("cut", &cut[..cut.len() - 1]),
        folder.file("good", &pcap_of(2, &[20])),
        folder.file("header", &cut[..10]),
        folder.file("empty", b""),
    ];
    let (packets, notes) = read_files(&paths, 1, 4_096);
    assert_eq!(packets.len(), 2);
    let of = |name: &str| notes.warnings.iter().find(|warning| warning.contains(name)).unwrap();
    assert!(of("/cut").contains("ends early at byte 95 (packet 2)"));
    assert!(of("/header").contains("ends early at byte 10 (packet 1)"));
    assert!(of("/empty").contains("is empty"));
    assert_eq!(notes.warnings.len(), 3);
}

#[test]
fn drops_are_summed_over_files() {
    let folder = Folder::new();
    let mut file = Pcapng::new(LITTLE);
    let three = file.long(3);
    file.interface(1, 0, &[]).enhanced(0, 1, b"x", &[]).statistics(0, &[(7, three)]);
    let paths = [
        folder.file("a", &file.bytes),
        folder.file("b", &file.bytes),
        folder.file("c", &pcap_of(1, &[1])),
    ];
    let (packets, notes) = read_files(&paths, 1, 64);
    // Files that follow each other are parts of one recording: they share its interface.
    assert_eq!((packets.len(), notes.dropped, notes.interfaces.len()), (3, Some(6), 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A file split in two at any packet is read as the whole was, named in either order.
    #[test]
    fn two_halves_are_the_whole(
        lengths in prop::collection::vec(0..200_usize, 1..50),
        cut in any::<prop::sample::Index>(),
        reverse in any::<bool>(),
        block_size in 1..2_000_usize,
        threads in 1..=4_usize,
    ) {
        let whole = pcap_of(1, &lengths);
        let cut = cut.index(lengths.len());
        let place = 24 + lengths[..cut].iter().map(|length| 16 + length).sum::<usize>();
        let folder = Folder::new();
        let one = folder.file("one", &whole[..place]);
        let two = folder.file("two", &[&whole[..24], &whole[place..]].concat());
        let paths = if reverse { [two, one] } else { [one, two] };
        let (halves, notes) = read_files(&paths, threads, block_size);
        let (packets, _) = read_file(&folder.file("whole", &whole));
        prop_assert_eq!(essence(&halves), essence(&packets));
        prop_assert!(notes.warnings.is_empty());
    }

    /// Merging is what sorting by time and file would give, where the files are sorted.
    #[test]
    fn merging_sorts(
        files in prop::collection::vec(prop::collection::vec(0..30_u32, 1..40), 2..6),
        block_size in 1..400_usize,
    ) {
        let folder = Folder::new();
        let mut files = files;
        for times in &mut files {
            times.sort_unstable();
        }
        files.sort_by_key(|times| times[0]);
        let paths: Vec<_> = (0_u8..)
            .zip(&files)
            .map(|(number, times)| folder.file(&number.to_string(), &with_times(times, number)))
            .collect();
        let mut expected: Vec<(u32, u8)> = (0..)
            .zip(&files)
            .flat_map(|(number, times)| times.iter().map(move |time| (*time, number)))
            .collect();
        expected.sort_unstable();
        let (packets, _) = read_files(&paths, 2, block_size);
        let seen: Vec<_> =
            packets.iter().map(|packet| (u32::from(packet.bytes[1]), packet.bytes[0])).collect();
        prop_assert_eq!(seen, expected);
    }
}
