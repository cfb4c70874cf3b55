//! Chunks of all handles to blocks in the order of time.
//!
//! A handle says with each chunk up to which time it has given everything; a quiet one says so several
//! times a second. A packet is given when no other handle can have an earlier one, so it waits for the
//! slowest of them: some 150 ms where one of them is quiet.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::Chunk;
use super::pool::Pool;
use crate::capture::{BLOCK_SIZE, Block, Record};
use crate::model::Timestamp;

/// What comes from the handles.
pub(super) struct Gather {
    chunks: Receiver<Box<Chunk>>,
    lanes: Vec<Lane>,
    /// All handles have ended.
    over: bool,
    /// Packets that may still be given, where that is bounded.
    left: Option<u64>,
    packets: u64,
    sequence: u64,
}

/// The packets of one handle that are waiting.
struct Lane {
    waiting: VecDeque<Box<Chunk>>,
    /// The next record of the first chunk.
    next: usize,
    /// Up to when everything was given.
    until: Timestamp,
    pool: Arc<Pool>,
}

impl Gather {
    pub(super) fn new(
        chunks: Receiver<Box<Chunk>>,
        pools: Vec<Arc<Pool>>,
        left: Option<u64>,
    ) -> Gather {
        let lane = |pool| Lane { waiting: VecDeque::new(), next: 0, until: Timestamp::MIN, pool };
        let lanes = pools.into_iter().map(lane).collect();
        Gather { chunks, lanes, over: false, left, packets: 0, sequence: 0 }
    }

    /// Whether as many packets were given as were wanted.
    pub(super) fn is_complete(&self) -> bool {
        self.left == Some(0)
    }

    /// Puts the next packets into `block`, and waits for them; false when there are no more.
    pub(super) fn fill(&mut self, block: &mut Block) -> bool {
        block.records.clear();
        block.data.clear();
        while block.records.is_empty() && !self.is_complete() {
            if let [lane] = self.lanes.as_mut_slice() {
                lane.pass(block);
            } else {
                self.merge(block);
            }
            if !block.records.is_empty() || !self.receive() {
                break;
            }
        }
        if let Some(left) = &mut self.left {
            block.records.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= block.records.len() as u64;
        }
        block.first_frame = self.packets + 1;
        block.sequence = self.sequence;
        self.packets += block.records.len() as u64;
        self.sequence += u64::from(!block.records.is_empty());
        !block.records.is_empty()
    }

    /// Waits for a chunk and takes all that are there; false when there is nothing left to wait for.
    fn receive(&mut self) -> bool {
        let Ok(chunk) = self.chunks.recv() else {
            // What is held back for a handle that has ended can go.
            return !std::mem::replace(&mut self.over, true);
        };
        self.take(chunk);
        while let Ok(chunk) = self.chunks.try_recv() {
            self.take(chunk);
        }
        true
    }

    fn take(&mut self, chunk: Box<Chunk>) {
        let Some(lane) = self.lanes.get_mut(chunk.tap) else { return };
        lane.until = lane.until.max(chunk.until);
        if chunk.records.is_empty() {
            lane.pool.give(chunk);
        } else {
            lane.waiting.push_back(chunk);
        }
    }

    /// Merges what can be given, up to a block; of equal times those of the earlier handle first.
    fn merge(&mut self, block: &mut Block) {
        while block.data.len() < BLOCK_SIZE {
            let next = |lane: &Lane| lane.first().map(|record| record.time);
            let times = self.lanes.iter().enumerate();
            let first = times.filter_map(|(at, lane)| Some((next(lane)?, at))).min();
            let Some((time, at)) = first else { return };
            let sure = |lane: &Lane| self.over || next(lane).is_some() || lane.until >= time;
            if !self.lanes.iter().all(sure) {
                return;
            }
            self.lanes[at].copy_next(block);
        }
    }
}

impl Drop for Gather {
    /// Nobody takes packets any more: whoever waits for room does so in vain.
    fn drop(&mut self) {
        for lane in &self.lanes {
            lane.pool.close();
        }
    }
}

impl Lane {
    fn first(&self) -> Option<&Record> {
        self.waiting.front()?.records.get(self.next)
    }

    /// Exchanges the first chunk with what `block` holds.
    fn pass(&mut self, block: &mut Block) {
        let Some(mut chunk) = self.waiting.pop_front() else { return };
        std::mem::swap(&mut chunk.data, &mut block.data);
        std::mem::swap(&mut chunk.records, &mut block.records);
        self.pool.give(chunk);
    }

    /// Copies the next record to the end of `block`.
    fn copy_next(&mut self, block: &mut Block) {
        let Some(chunk) = self.waiting.front() else { return };
        let Some(record) = chunk.records.get(self.next) else { return };
        let start = record.offset as usize;
        let bytes = chunk.data.get(start..start + record.captured as usize).unwrap_or_default();
        block.records.push(Record { offset: block.data.len() as u32, ..*record });
        block.data.extend_from_slice(bytes);
        self.next += 1;
        if self.next == chunk.records.len() {
            self.next = 0;
            if let Some(chunk) = self.waiting.pop_front() {
                self.pool.give(chunk);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Sender, bounded};

    /// A gathering of `taps` handles, and the way in.
    fn gather(taps: usize, left: Option<u64>) -> (Gather, Sender<Box<Chunk>>) {
        let (out, chunks) = bounded(64);
        let supplies = (0..taps).map(|_| Arc::new(Pool::new(4))).collect();
        (Gather::new(chunks, supplies, left), out)
    }

    #[allow(clippy::unnecessary_box_returns, reason = "as they are sent")]
    fn chunk(tap: usize, times: &[i64], until: i64) -> Box<Chunk> {
        let record = |(at, &time): (usize, &i64)| Record {
            time: Timestamp(time),
            offset: at as u32,
            captured: 1,
            original: 1,
            interface: tap as u16,
            ..Record::default()
        };
        let records = times.iter().enumerate().map(record).collect();
        let data = times.iter().map(|&time| time as u8).collect();
        Box::new(Chunk { tap, data, records, until: Timestamp(until) })
    }

    fn times(block: &Block) -> Vec<i64> {
        for record in &block.records {
            assert_eq!(block.data[record.offset as usize], record.time.0 as u8);
        }
        block.records.iter().map(|record| record.time.0).collect()
    }

    #[test]
    fn one_handle_goes_through_as_it_is() {
        let (mut gather, out) = gather(1, None);
        let mut block = Block::default();
        for times in [&[3, 1][..], &[], &[2]] {
            out.send(chunk(0, times, 0)).unwrap();
        }
        drop(out);
        assert!(gather.fill(&mut block));
        assert_eq!((times(&block), block.first_frame, block.sequence), (vec![3, 1], 1, 0));
        assert!(gather.fill(&mut block));
        assert_eq!((times(&block), block.first_frame, block.sequence), (vec![2], 3, 1));
        assert!(!gather.fill(&mut block) && block.records.is_empty());
    }

    #[test]
    fn several_wait_for_each_other() {
        let (mut gather, out) = gather(2, None);
        let mut block = Block::default();
        out.send(chunk(0, &[1, 4, 9], 9)).unwrap();
        out.send(chunk(1, &[2, 4], 4)).unwrap();
        assert!(gather.fill(&mut block));
        // 9 has to wait: the second handle may still give 5.
        assert_eq!(times(&block), [1, 2, 4, 4]);
        assert_eq!(block.records[2].interface, 0);
        out.send(chunk(1, &[], 7)).unwrap();
        out.send(chunk(1, &[8], 8)).unwrap();
        assert!(gather.fill(&mut block));
        assert_eq!(times(&block), [8]);
        drop(out);
        assert!(gather.fill(&mut block));
        assert_eq!(times(&block), [9]);
        assert!(!gather.fill(&mut block));
    }

    #[test]
    fn a_quiet_handle_holds_nobody_up() {
        let (mut gather, out) = gather(2, None);
        let mut block = Block::default();
        out.send(chunk(0, &[5], 5)).unwrap();
        out.send(chunk(1, &[], 6)).unwrap();
        assert!(gather.fill(&mut block));
        assert_eq!(times(&block), [5]);
    }

    #[test]
    fn so_many_packets_and_no_more() {
        let (mut gather, out) = gather(1, Some(3));
        let mut block = Block::default();
        out.send(chunk(0, &[1, 2], 2)).unwrap();
        out.send(chunk(0, &[3, 4], 4)).unwrap();
        assert!(gather.fill(&mut block) && !gather.is_complete());
        assert!(gather.fill(&mut block) && gather.is_complete());
        assert_eq!(times(&block), [3]);
        // Nobody has to hang up for it to end.
        assert!(!gather.fill(&mut block));
    }
}
