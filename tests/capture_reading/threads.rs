//! The blocks' size and the number of threads do not change what is read.

use proptest::prelude::*;

use crate::build::{BIG, LITTLE, MICRO, Pcap, Pcapng};
use crate::read::{Folder, read_file, read_files, read_pipe};

/// A pcap or pcapng with packets of these lengths, the latter with other blocks between.
fn file_of(lengths: &[usize], classic: bool, big: bool) -> Vec<u8> {
    let order = if big { BIG } else { LITTLE };
    let packets = (0_u32..).zip(lengths);
    if classic {
        let mut file = Pcap::new(order, MICRO, 1);
        for (number, length) in packets {
            file.packet((number, number), &vec![number as u8; *length]);
        }
        return file.bytes;
    }
    let mut file = Pcapng::new(order);
    file.interface(1, 0, &[]);
    for (number, length) in packets {
        let data = vec![number as u8; *length];
        match number % 7 {
            3 => {
                file.block(0x0bad, &data).interface(1, number, &[]);
            }
            5 => {
                file.section(if number % 2 == 0 { BIG } else { LITTLE }).interface(113, 0, &[]);
            }
            _ => {}
        }
        file.enhanced(0, u64::from(number), &data, &[]);
    }
    file.bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_split_into_blocks_gives_the_same(
        lengths in prop::collection::vec(prop_oneof![0..40_usize, 0..3_000_usize], 0..60),
        classic in any::<bool>(),
        big in any::<bool>(),
        block_size in prop_oneof![1..64_usize, 64..1_024_usize, 1_024..100_000_usize],
        threads in 1..=8_usize,
    ) {
        let bytes = file_of(&lengths, classic, big);
        let folder = Folder::new();
        let path = folder.file("capture", &bytes);
        let whole = read_file(&path);
        prop_assert_eq!(whole.0.len(), lengths.len());
        prop_assert!(whole.1.warnings.is_empty());
        prop_assert_eq!(&read_files(&[path], threads, block_size), &whole);
        prop_assert_eq!(&read_pipe(&bytes, threads, block_size).0, &whole.0);
    }
}
