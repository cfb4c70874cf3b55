//! Files that are cut or damaged: what stands before is kept, and a warning says where it ends.

use proptest::prelude::*;

use crate::build::{BIG, LITTLE, MICRO, Pcap, Pcapng, pcap_of};
use crate::read::{read_all_ways, read_pipe};

#[test]
fn a_pcap_cut_anywhere_gives_the_packets_before() {
    let whole = pcap_of(1, &[10, 0, 33]);
    let ends = [24, 24 + 26, 24 + 26 + 16, whole.len()];
    for length in 4..=whole.len() {
        let (packets, notes) = read_all_ways(&whole[..length]);
        let complete = ends[1..].iter().filter(|end| **end <= length).count();
        assert_eq!(packets.len(), complete, "{length}");
        if ends.contains(&length) {
            assert_eq!(notes.warnings, [""; 0], "{length}");
        } else {
            let expected =
                format!("ends early at byte {length} (packet {}), analysed", complete + 1);
            assert_eq!(notes.warnings.len(), 1, "{length}");
            assert!(notes.warnings[0].contains(&expected), "{:?}", notes.warnings);
        }
    }
}

#[test]
fn a_pcapng_cut_anywhere_gives_the_packets_before() {
    let mut file = Pcapng::new(BIG);
    file.interface(1, 0, &[]);
    let mut ends = vec![28, file.bytes.len()];
    for number in 0..3 {
        file.enhanced(0, number, b"packet", &[]);
        ends.push(file.bytes.len());
        file.block(0x0bad, b"skipped");
        ends.push(file.bytes.len());
    }
    for length in 4..=file.bytes.len() {
        let (packets, notes) = read_all_ways(&file.bytes[..length]);
        let complete = [2, 4, 6].iter().filter(|end| ends[**end] <= length).count();
        assert_eq!(packets.len(), complete, "{length}");
        assert_eq!(notes.warnings.len(), usize::from(!ends.contains(&length)), "{length}");
        assert!(notes.warnings.iter().all(|warning| warning.contains("ends early at byte")));
    }
}

#[test]
fn an_absurd_length_ends_a_pcap() {
    for length in [(256 << 10) + 1, u32::MAX] {
        let mut file = Pcap::new(LITTLE, MICRO, 1);
        file.packet((1, 0), b"good").raw((2, 0), length, length, b"bad").packet((3, 0), b"lost");
        let (packets, notes) = read_all_ways(&file.bytes);
        assert_eq!(packets.len(), 1);
        assert!(notes.warnings[0].contains("is damaged at byte 44 (packet 2)"), "{notes:?}");
    }
}

#[test]
fn blocks_with_wrong_lengths_end_a_pcapng() {
    let mut good = Pcapng::new(LITTLE);
    good.interface(1, 0, &[]).enhanced(0, 1, b"good", &[]);
    let good = good.bytes;
    let bad_blocks: [&[u32]; 9] = [
        &[6, 0, 0],
        &[6, 11, 11],
        &[6, 12, 13],
        &[0x0bad, 4, 4],
        &[0x0bad, 16, 0, 20],
        &[6, 17 << 20, 0],
        &[1, 12, 12],
        &[0x0a0d_0d0a, 28, 0, 0, 0, 0, 28],
        &[0x0a0d_0d0a, 8, 0x1a2b_3c4d, 1, 8],
    ];
    for words in bad_blocks {
        let bytes = [&good[..], &LITTLE.words(words), &good].concat();
        let (packets, notes) = read_all_ways(&bytes);
        assert_eq!(packets.len(), 1, "{words:?}");
        assert!(notes.warnings[0].contains("is damaged at byte"), "{words:?} {notes:?}");
    }
}

#[test]
fn damage_within_a_packet_block_leaves_out_that_packet_only() {
    let mut file = Pcapng::new(LITTLE);
    file.interface(1, 0, &[]);
    file.block(6, &LITTLE.words(&[0, 0, 0, 99, 99])) // longer than its block
        .block(6, &LITTLE.words(&[0, 0])) // too short to be one
        .block(3, &[])
        .enhanced(u32::MAX, 0, b"", &[])
        .enhanced(0, 1, b"good", &[]);
    let (packets, notes) = read_all_ways(&file.bytes);
    assert_eq!(packets.len(), 1);
    assert_eq!((notes.damaged_records, notes.warnings.len()), (4, 0));
}

#[test]
fn a_section_of_another_version_is_read_with_a_warning() {
    let mut file = Pcapng::new(LITTLE);
    file.bytes[12] = 2;
    file.interface(1, 0, &[]).enhanced(0, 1, b"x", &[]);
    let (packets, notes) = read_all_ways(&file.bytes);
    assert_eq!((packets.len(), notes.warnings.len()), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No byte of a file can be changed so that reading panics or does not end.
    #[test]
    fn changed_bytes_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        big in any::<bool>(),
        classic in any::<bool>(),
    ) {
        let order = if big { BIG } else { LITTLE };
        let mut bytes = if classic {
            let mut file = Pcap::new(order, MICRO, 1);
            file.packet((1, 2), b"one").packet((2, 3), b"three").bytes.clone()
        } else {
            let mut file = Pcapng::new(order);
            let number = file.long(5);
            file.interface(1, 0, &[(2, b"e".to_vec()), (9, vec![9]), (14, number.clone())])
                .enhanced(0, 1, b"one", &[(2, order.u32(1).to_vec()), (4, number.clone())])
                .simple(4, b"four")
                .obsolete(0, 1, 5, b"old")
                .block(4, b"names")
                .statistics(0, &[(5, number)])
                .bytes.clone()
        };
        for (index, value) in changes {
            let place = index.index(bytes.len() - 4) + 4;
            bytes[place] = value;
        }
        let (packets, _) = read_pipe(&bytes, 1, 32);
        let (again, _) = read_pipe(&bytes, 2, 100_000);
        prop_assert_eq!(packets, again);
    }
}
