//! What is late finds its place, what cannot is left where it is, and nothing is lost.

use std::sync::atomic::AtomicU64;

use super::*;
use crate::capture::Record;

/// Blocks of these times, in milliseconds; each record's one octet is its number.
struct Row {
    blocks: Mutex<VecDeque<Vec<i64>>>,
    given: AtomicU64,
    interfaces: Vec<Interface>,
}

impl Row {
    fn new(blocks: impl IntoIterator<Item = Vec<i64>>) -> Row {
        let blocks = Mutex::new(blocks.into_iter().collect());
        Row { blocks, given: AtomicU64::new(0), interfaces: vec![Interface::default()] }
    }
}

impl Blocks for Row {
    fn fill(&self, block: &mut Block) -> bool {
        let Some(times) = self.blocks.lock().unwrap().pop_front() else { return false };
        let first = self.given.fetch_add(times.len() as u64, Ordering::Relaxed);
        block.first_frame = first + 1;
        block.interfaces = self.interfaces.clone().into();
        block.data = (first..).take(times.len()).map(|number| number as u8).collect();
        let record = |(offset, &time): (u32, &i64)| Record {
            time: Timestamp(time * 1_000_000),
            offset,
            captured: 1,
            original: 1,
            ..Record::default()
        };
        block.records = (0..).zip(&times).map(record).collect();
        true
    }

    fn notes(&self) -> Notes {
        Notes::default()
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (0, None)
    }
}

/// All that comes, as time in milliseconds and frame, and how many were put in order.
fn drain(row: &Row) -> (Vec<(i64, u64)>, u64) {
    let source = InOrder::new(row);
    let (mut block, mut seen, mut sequence) = (Block::default(), Vec::new(), 0);
    while source.fill(&mut block) {
        assert_eq!(block.sequence, sequence);
        sequence += u64::from(source.state().sorts);
        for (at, record) in block.records.iter().enumerate() {
            let frame = block.frame(at);
            assert_eq!(block.bytes(record), Some(&[(frame - 1) as u8][..]));
            seen.push((record.time.0 / 1_000_000, frame));
        }
    }
    assert!(!source.fill(&mut block));
    (seen, source.notes().sorted)
}

/// The times of each, cut into blocks of so many.
fn cut(times: &[i64], size: usize) -> Row {
    Row::new(times.chunks(size).map(<[i64]>::to_vec))
}

#[test]
fn what_is_in_order_goes_through_as_it_is() {
    let row = cut(&[1, 2, 2, 3, 9], 2);
    let source = InOrder::new(&row);
    assert!(!source.is_serial());
    drop(source);
    let row = cut(&[1, 2, 2, 3, 9], 2);
    assert_eq!(drain(&row), (vec![(1, 1), (2, 2), (2, 3), (3, 4), (9, 5)], 0));
}

#[test]
fn who_comes_late_finds_its_place_and_keeps_its_number() {
    // Two interfaces, the second one 0.3 s behind; of equal times the first to come stays the first.
    let times = [10, 20, 500, 510, 200, 500, 520, 1_900, 1_600, 5_000];
    for size in [1, 3, 100] {
        let (seen, sorted) = drain(&cut(&times, size));
        let frames: Vec<u64> = seen.iter().map(|&(_, frame)| frame).collect();
        assert_eq!(frames, [1, 2, 5, 3, 6, 4, 7, 9, 8, 10], "{size}");
        assert_eq!(sorted, 3, "{size}");
    }
}

#[test]
fn a_clock_that_is_set_back_stays_so() {
    // An hour back, where the times before it come once more.
    let times = [7_000, 6_990, 7_100, 1_000, 990, 1_020, 6_990, 7_050, 7_040];
    for size in [1, 4, 100] {
        let (seen, sorted) = drain(&cut(&times, size));
        let seen: Vec<i64> = seen.into_iter().map(|(time, _)| time).collect();
        assert_eq!(seen, [6_990, 7_000, 7_100, 990, 1_000, 1_020, 6_990, 7_040, 7_050], "{size}");
        // What is earlier than all before the step is found by whoever comes behind.
        assert_eq!(sorted, 1, "{size}");
    }
}

#[test]
fn one_interface_that_is_quiet_at_first_is_waited_for() {
    let two = |file| Interface { file, ..Interface::default() };
    for (files, sorts) in [([0, 0], true), ([0, 1], false)] {
        let mut row = cut(&[1, 2, 3], 100);
        row.interfaces = files.map(two).to_vec();
        assert_eq!(InOrder::new(&row).state().sorts, sorts, "{files:?}");
    }
}

#[test]
fn order_does_not_depend_on_blocks_where_room_is_short() {
    // 50,000 packets a second, each sixteenth of them 30 ms late. There is room for 120 ms: the half of it stays.
    let mut rng = 7_u64;
    let times: Vec<i64> = (0..60_000_i64)
        .map(|n| {
            rng =
                rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            n / 50 - if rng >> 60 == 0 { 30 } else { 0 }
        })
        .collect();
    let mut all = Vec::new();
    for size in [7, 450, 60_000] {
        let mut sorter = Sorter::default();
        let row = cut(&times, size);
        let mut block = Block::default();
        let mut seen = Vec::new();
        let mut next = |block: &mut Block| {
            let more = row.fill(block);
            for record in &mut block.records {
                // They say that they are long, and hold nothing.
                record.captured = 1_400;
            }
            more
        };
        while sorter.fill(&mut block, &mut next) {
            seen.extend((0..block.records.len()).map(|at| block.frame(at)));
        }
        let mut frames = seen.clone();
        frames.sort_unstable();
        assert!(frames.into_iter().eq(1..=60_000), "{size}");
        assert!(seen.iter().map(|&frame| times[frame as usize - 1]).is_sorted(), "{size}");
        assert!(sorter.sorted() > 3_000, "{size}: {}", sorter.sorted());
        all.push((seen, sorter.sorted()));
    }
    assert!(all[0] == all[1] && all[1] == all[2]);
}
