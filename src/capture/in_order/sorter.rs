//! Records held back for a moment, so that those that come late find their place.
//!
//! Which record comes when depends on the records alone, not on how they were cut into blocks.

use std::mem;

use crate::capture::{BLOCK_SIZE, Block, Record};
use crate::model::{Span, Timestamp};

/// So late a record may come and still find its place: several times what `dumpcap`'s threads take (0.25 s). What
/// comes later is no disorder, but a clock that was set back, or another capture behind the first.
const WINDOW: Span = Span::from_secs(1);

/// Bytes of packets that are held back, with what is known of them: 0.5 s of 100,000 packets a second. With more the
/// earlier half goes before its time, and the other one is still as long as `dumpcap` takes.
const MAX_HELD: usize = 8 << 20;

/// Bytes of blocks of which something is held back: twice that, for a few late ones keep a whole block. With more
/// all of it goes before its time.
const MAX_BLOCKS: usize = 2 * MAX_HELD;

/// Bytes of packets that are sorted into what is held back at a time: each time all of that is gone through.
const RUN: usize = 1 << 20;

/// Sorts what a source gives.
#[derive(Default)]
pub(super) struct Sorter {
    /// What is held back: `ready` of them sorted and due, the others as they came.
    held: Vec<Held>,
    ready: usize,
    /// How many of those are handed out.
    given: usize,
    /// Their bytes and what is known of them, those handed out left out.
    bytes: usize,
    blocks: Slots,
    /// The block that is being taken, and its next record.
    taken: Option<(u32, usize)>,
    clock: Clock,
    sequence: u64,
    packets: u64,
    ended: bool,
    sorted: u64,
}

/// A record that is held back.
#[derive(Clone, Copy)]
struct Held {
    /// How often the clock was set back before it.
    era: u32,
    time: Timestamp,
    frame: u64,
    /// Its block, and which one of its records it is.
    block: u32,
    at: u32,
}

/// The capture's clock as it was seen to run.
#[derive(Default)]
struct Clock {
    era: u32,
    /// The latest time of this era, and of all eras before.
    latest: Option<Timestamp>,
    before: Option<Timestamp>,
    /// What is earlier has no place left.
    floor: Option<Timestamp>,
}

/// Blocks with records that are held back.
#[derive(Default)]
struct Slots {
    blocks: Vec<Block>,
    /// How many of its records are still to be handed out, by block.
    left: Vec<usize>,
    free: Vec<u32>,
    /// The bytes of all that are not free.
    bytes: usize,
}

impl Sorter {
    /// Records that were earlier than one before them, and found their place.
    pub(super) fn sorted(&self) -> u64 {
        self.sorted
    }

    /// Puts the next records into `block`; false at the end of what `next` gives.
    pub(super) fn fill(
        &mut self,
        block: &mut Block,
        next: &mut dyn FnMut(&mut Block) -> bool,
    ) -> bool {
        while self.given == self.ready && !(self.ended && self.held.is_empty()) {
            self.hold(next);
        }
        block.records.clear();
        block.frames.clear();
        block.data.clear();
        while self.given < self.ready && block.data.len() < BLOCK_SIZE && !is_full(block) {
            let held = self.held[self.given];
            self.given += 1;
            self.bytes -= self.blocks.give(held, block);
        }
        block.first_frame = self.packets + 1;
        block.sequence = self.sequence;
        self.packets += block.records.len() as u64;
        self.sequence += u64::from(!block.records.is_empty());
        !block.records.is_empty()
    }

    /// Holds records back until some are due, and sorts them.
    fn hold(&mut self, next: &mut dyn FnMut(&mut Block) -> bool) {
        self.held.drain(..self.given);
        (self.given, self.ready) = (0, 0);
        let oldest = self.held.first().map(|held| (held.era, held.time));
        let mut oldest = oldest.unwrap_or((self.clock.era, Timestamp::MAX));
        let before = self.bytes;
        let full = loop {
            let Some((slot, at)) = self.taken else {
                if self.blocks.bytes >= MAX_BLOCKS {
                    break true;
                }
                self.taken = self.blocks.take(next).map(|slot| (slot, 0));
                self.ended = self.taken.is_none();
                if self.ended {
                    break false;
                }
                continue;
            };
            let block = &self.blocks.blocks[slot as usize];
            let record = block.records[at];
            let frame = block.first_frame + at as u64;
            self.taken = (at + 1 < block.records.len()).then_some((slot, at + 1));
            self.sorted += u64::from(self.clock.take(record.time));
            self.bytes += size(&record);
            let era = self.clock.era;
            self.held.push(Held { era, time: record.time, frame, block: slot, at: at as u32 });
            oldest = oldest.min((era, record.time));
            let waited = || oldest < (era, self.clock.due());
            if self.bytes > MAX_HELD {
                break true;
            }
            if self.bytes - before >= RUN && waited() {
                break false;
            }
        };
        self.sort(full);
    }

    /// Sorts what is held back, and says how much of it is due.
    fn sort(&mut self, full: bool) {
        // Stable: of equal times the order stays. Runs in order, as each interface's are, take no time.
        self.held.sort_by_key(|held| (held.era, held.time));
        let due = (self.clock.era, self.clock.due());
        self.ready = self.held.partition_point(|held| (held.era, held.time) <= due);
        if self.ended {
            self.ready = self.held.len();
        } else if full && self.ready < self.held.len() / 2 {
            let all = self.blocks.bytes >= MAX_BLOCKS;
            self.ready = if all { self.held.len() } else { self.held.len() / 2 };
            if let Some(last) = self.held[..self.ready].last()
                && last.era == self.clock.era
            {
                self.clock.floor = Some(last.time);
            }
        }
    }
}

/// Whether a block has as many records as it should, however short they are.
fn is_full(block: &Block) -> bool {
    block.records.len() >= BLOCK_SIZE / mem::size_of::<Record>()
}

/// What a record takes while it is held back.
fn size(record: &Record) -> usize {
    record.captured as usize + mem::size_of::<Held>()
}

impl Clock {
    /// Takes the time of the next record. Whether it is earlier than one before it and has its place all the
    /// same.
    fn take(&mut self, time: Timestamp) -> bool {
        let is_late = self.latest.is_some_and(|latest| time < latest);
        if is_late && time < self.due() {
            self.era += 1;
            self.before = self.before.max(self.latest);
            (self.latest, self.floor) = (Some(time), None);
            return false;
        }
        self.latest = self.latest.max(Some(time));
        is_late && self.before.max(self.floor).is_none_or(|before| time >= before)
    }

    /// Nothing earlier of this era is to come.
    fn due(&self) -> Timestamp {
        self.latest.map_or(Timestamp::MIN, |latest| latest.plus(Span(-WINDOW.0)))
    }
}

impl Slots {
    /// Reads a block; `None` at the end.
    fn take(&mut self, next: &mut dyn FnMut(&mut Block) -> bool) -> Option<u32> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.blocks.push(Block::default());
            self.left.push(0);
            (self.blocks.len() - 1) as u32
        });
        if !next(&mut self.blocks[slot as usize]) {
            self.free.push(slot);
            return None;
        }
        let block = &self.blocks[slot as usize];
        self.left[slot as usize] = block.records.len();
        self.bytes += block.data.len();
        Some(slot)
    }

    /// Copies a record to the end of `block`, and says how much it took.
    fn give(&mut self, held: Held, block: &mut Block) -> usize {
        let slot = held.block as usize;
        let from = &self.blocks[slot];
        let record = from.records[held.at as usize];
        block.records.push(Record { offset: block.data.len() as u32, ..record });
        block.frames.push(held.frame);
        block.data.extend_from_slice(from.bytes(&record).unwrap_or_default());
        if block.interfaces.len() < from.interfaces.len() {
            block.interfaces.clone_from(&from.interfaces);
        }
        self.left[slot] -= 1;
        if self.left[slot] == 0 {
            self.bytes -= from.data.len();
            self.free.push(held.block);
        }
        size(&record)
    }
}
