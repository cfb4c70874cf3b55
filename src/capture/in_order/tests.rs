//! What is late finds its place, what cannot is left where it is, and nothing is lost.

use super::*;
use crate::capture::Record;

/// Blocks of these times, in milliseconds; each record's one octet is its number.
struct Row {
    /// With how many blocks and records were given.
    blocks: Mutex<(VecDeque<Vec<i64>>, u64, u64)>,
    /// Octets that no record has, in the first block.
    padding: usize,
}

impl Row {
    fn new(blocks: impl IntoIterator<Item = Vec<i64>>) -> Row {
        Row { blocks: Mutex::new((blocks.into_iter().collect(), 0, 0)), padding: 0 }
    }
}

impl Blocks for Row {
    fn fill(&self, block: &mut Block) -> bool {
        let mut row = self.blocks.lock().unwrap();
        let Some(times) = row.0.pop_front() else {
            block.records.clear();
            return false;
        };
        let first = row.2;
        (block.sequence, block.first_frame) = (row.1, first + 1);
        (row.1, row.2) = (row.1 + 1, first + times.len() as u64);
        drop(row);
        block.frames.clear();
        block.data = (first..).take(times.len()).map(|number| number as u8).collect();
        block.data.resize(times.len() + if first == 0 { self.padding } else { 0 }, 0);
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
        sequence += 1;
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
fn who_comes_late_behind_the_beginning_has_what_follows_sorted() {
    let times = [10, 20, 30, 60, 50, 70, 40, 80, 75, 90];
    for size in [1, 2, 3, 4, 5, 10] {
        let row = Row { padding: LOOKED_AT, ..cut(&times, size) };
        let (seen, sorted) = drain(&row);
        let frames: Vec<u64> = seen.iter().map(|&(_, frame)| frame).collect();
        match size {
            // In the first block, which is looked at: all find their places.
            5 | 10 => assert_eq!((&frames[..], sorted), (&[1, 2, 3, 7, 5, 4, 6, 9, 8, 10][..], 3)),
            // 60 is gone when 50 comes, which only 40 still can go before.
            _ => assert_eq!((&frames[..], sorted), (&[1, 2, 3, 4, 7, 5, 6, 9, 8, 10][..], 1)),
        }
    }
}

#[test]
fn whoever_asks_gets_blocks_that_make_the_same_order() {
    let late = |n: i64| if n > 9_000 && n % 7 == 0 { n - 200 } else { n };
    let times: Vec<i64> = (0..20_000).map(late).collect();
    let padded = || Row { padding: LOOKED_AT, ..cut(&times, 50) };
    let (expected, sorted) = drain(&padded());
    assert!(sorted > 1_000);
    for threads in [2, 3, 8] {
        let row = padded();
        let (source, got) = (InOrder::new(&row), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut block = Block::default();
                    while source.fill(&mut block) {
                        let frames = (0..block.records.len()).map(|at| block.frame(at));
                        got.lock().unwrap().push((block.sequence, frames.collect::<Vec<_>>()));
                    }
                    // Who hears of the end stops all others: nothing is left then.
                    assert!(!source.fill(&mut block));
                });
            }
        });
        let mut got = got.into_inner().unwrap();
        got.sort_unstable();
        assert!(got.iter().map(|&(sequence, _)| sequence).eq(0..got.len() as u64));
        let frames = got.into_iter().flat_map(|(_, frames)| frames);
        assert!(frames.eq(expected.iter().map(|&(_, frame)| frame)), "{threads} threads");
        assert_eq!(source.notes().sorted, sorted);
    }
}

#[test]
fn nobody_waits_for_a_caller_who_does_not_come_back() {
    /// Gives two blocks; the second time it is asked, it panics.
    struct Falls(Row, Mutex<u32>);

    impl Blocks for Falls {
        fn fill(&self, block: &mut Block) -> bool {
            let asked = {
                let mut asked = self.1.lock().unwrap();
                *asked += 1;
                *asked
            };
            assert_ne!(asked, 2, "as it should");
            self.0.fill(block)
        }

        fn notes(&self) -> Notes {
            Notes::default()
        }

        fn progress(&self) -> (u64, Option<u64>) {
            (0, None)
        }
    }

    let row = Row { padding: LOOKED_AT, ..cut(&[1, 2], 1) };
    let falls = Falls(row, Mutex::new(0));
    let source = InOrder::new(&falls);
    let mut block = Block::default();
    assert!(source.fill(&mut block));
    let fall = std::panic::AssertUnwindSafe(|| source.fill(&mut Block::default()));
    assert!(std::panic::catch_unwind(fall).is_err());
    assert!(source.fill(&mut block));
    assert!(!source.fill(&mut block));
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
        let (mut came_in, mut ended) = (VecDeque::new(), false);
        loop {
            if sorter.fill(&mut block, &mut came_in, ended) {
                seen.extend((0..block.records.len()).map(|at| block.frame(at)));
            } else if ended {
                break;
            } else {
                let mut next = sorter.spare();
                ended = !row.fill(&mut next);
                for record in &mut next.records {
                    // They say that they are long, and hold nothing.
                    record.captured = 1_400;
                }
                came_in.extend((!ended).then_some(next));
            }
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
