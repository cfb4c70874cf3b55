//! Records held back for a moment, so that those that come late find their place.
//!
//! Which record comes when depends on the records alone, not on how they were cut into blocks.

use std::collections::VecDeque;
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
    /// What is held back: `ready` of them sorted and due, `given` of those handed out.
    held: Vec<Held>,
    ready: usize,
    given: usize,
    /// Whether any of the others came late since they were sorted.
    late: bool,
    /// The earliest of the others.
    oldest: Option<(u32, Timestamp)>,
    /// Bytes of all that is not handed out, with what is known of it; and how many they were when taking began,
    /// until some are due.
    bytes: usize,
    before: Option<usize>,
    blocks: Slots,
    /// The block that is being taken, and its next record.
    taken: Option<(u32, usize)>,
    clock: Clock,
    sequence: u64,
    packets: u64,
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
    /// Whether what comes late has no place, for what is before it was handed out: that begins an era.
    began_late: bool,
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
    /// Blocks that were exchanged for others.
    spare: Vec<Block>,
    /// The bytes of all that are not free.
    bytes: usize,
}

impl Sorter {
    /// Records that were earlier than one before them, and found their place.
    pub(super) fn sorted(&self) -> u64 {
        self.sorted
    }

    /// A sorter of `block` and what follows, behind packets of which one was captured `latest`.
    pub(super) fn behind(block: &Block, latest: Option<Timestamp>) -> Sorter {
        let clock = Clock { began_late: true, latest, ..Clock::default() };
        let (sequence, packets) = (block.sequence, block.first_frame.saturating_sub(1));
        Sorter { clock, sequence, packets, ..Sorter::default() }
    }

    /// A block that is not needed, for its room.
    pub(super) fn spare(&mut self) -> Block {
        self.blocks.spare.pop().unwrap_or_default()
    }

    /// Puts the next records into `block`, as far as `came_in` is enough to tell; more comes until `ended`.
    pub(super) fn fill(
        &mut self,
        block: &mut Block,
        came_in: &mut VecDeque<Block>,
        ended: bool,
    ) -> bool {
        while self.given == self.ready {
            if ended && came_in.is_empty() && self.taken.is_none() && self.given == self.held.len()
            {
                return false;
            }
            if !self.hold(came_in, ended) {
                return false;
            }
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
        self.sequence += 1;
        true
    }

    /// Holds records back until some are due, and sorts them; false if it takes more than `came_in`.
    fn hold(&mut self, came_in: &mut VecDeque<Block>, ended: bool) -> bool {
        if self.given > self.held.len() / 2 {
            self.held.drain(..self.given);
            (self.given, self.ready) = (0, 0);
        }
        let before = *self.before.get_or_insert(self.bytes);
        let full = loop {
            let Some((slot, at)) = self.taken else {
                if self.blocks.bytes >= MAX_BLOCKS {
                    break true;
                }
                match came_in.pop_front() {
                    Some(block) => self.taken = Some((self.blocks.take(block), 0)),
                    None if ended => break false,
                    None => return false,
                }
                continue;
            };
            let block = &self.blocks.blocks[slot as usize];
            let record = block.records[at];
            let frame = block.frame(at);
            self.taken = (at + 1 < block.records.len()).then_some((slot, at + 1));
            self.sorted += u64::from(self.clock.take(record.time));
            self.bytes += size(&record);
            let held =
                Held { era: self.clock.era, time: record.time, frame, block: slot, at: at as u32 };
            self.late |= self.held.last().is_some_and(|last| held.key() < last.key());
            self.held.push(held);
            let oldest = self.oldest.map_or(held.key(), |oldest| oldest.min(held.key()));
            self.oldest = Some(oldest);
            if self.bytes > MAX_HELD {
                break true;
            }
            if self.bytes - before >= RUN && oldest < (self.clock.era, self.clock.due()) {
                break false;
            }
        };
        let ended = ended && came_in.is_empty() && self.taken.is_none();
        self.sort(full, ended);
        true
    }

    /// Sorts what is held back, and says how much of it is due.
    fn sort(&mut self, full: bool, ended: bool) {
        let waiting = &mut self.held[self.given..];
        if mem::take(&mut self.late) {
            // Stable: of equal times the order stays. Runs in order, as each interface's are, take no time.
            waiting.sort_by_key(Held::key);
        }
        let due = (self.clock.era, self.clock.due());
        let mut ready = waiting.partition_point(|held| held.key() <= due);
        if ended {
            ready = waiting.len();
        } else if full && ready < waiting.len() / 2 {
            let all = self.blocks.bytes >= MAX_BLOCKS;
            ready = if all { waiting.len() } else { waiting.len() / 2 };
            if let Some(last) = waiting[..ready].last()
                && last.era == self.clock.era
            {
                self.clock.floor = Some(last.time);
            }
        }
        self.oldest = waiting.get(ready).map(Held::key);
        self.ready = self.given + ready;
        self.before = None;
    }
}

impl Held {
    /// What is sorted by.
    fn key(&self) -> (u32, Timestamp) {
        (self.era, self.time)
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
        if is_late && (time < self.due() || mem::take(&mut self.began_late)) {
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
    /// Keeps a block.
    fn take(&mut self, block: Block) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.blocks.push(Block::default());
            self.left.push(0);
            (self.blocks.len() - 1) as u32
        });
        self.left[slot as usize] = block.records.len();
        self.bytes += block.data.len();
        let gone = mem::replace(&mut self.blocks[slot as usize], block);
        if gone.data.capacity() > 0 {
            self.spare.push(gone);
        }
        slot
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
