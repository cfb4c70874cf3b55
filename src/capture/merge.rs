//! Reading pipes, compressed files and several files as one capture, one block at a time.
//!
//! Files come in the order of their first packets. A file is opened when its first packet is due
//! and closed at its end, so that a set of a thousand files that follow each other has one of them
//! open. Whole blocks pass through as long as no other file has packets of that time; where files
//! overlap, packets are merged by time, of equal times those of the earlier file first. Within a
//! file the order stays as it is, even where its times go back: as `mergecap` does it.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::mem;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, atomic};

use super::content::{self, Stored};
use super::input::Input;
use super::ledger::Ledger;
use super::stream::Stream;
use super::{Block, Blocks, Notes, Record, report};
use crate::model::Timestamp;

/// All blocks of files that overlap take about so much memory: with many files they get smaller.
const MERGE_MEMORY: usize = 32 << 20;
/// But not smaller than this: each read is a system call.
const MIN_MERGE_BLOCK: usize = 16 << 10;

/// An input that was examined.
pub(super) struct Examined {
    pub(super) input: Input,
    pub(super) stored: Stored,
    /// When its first packet was captured, if that is known and it has one.
    pub(super) first: Option<Timestamp>,
}

/// Inputs read under a lock.
pub(super) struct Merged {
    state: Mutex<State>,
    /// Bytes in all, if all are regular files.
    total: Option<u64>,
    read: Arc<AtomicU64>,
}

struct State {
    block_size: usize,
    own_thread: bool,
    read: Arc<AtomicU64>,
    ledger: Ledger,
    /// Not opened yet, in order; the number is that of the file.
    pending: VecDeque<(u16, Examined)>,
    /// Opened, each with a packet that is next.
    active: BinaryHeap<Box<Active>>,
    /// Opened, to be read on: so late, as reading a pipe may wait.
    drained: Option<Box<Active>>,
    packets: u64,
    sequence: u64,
}

/// An open file with the block that was last read of it.
struct Active {
    file: u16,
    stream: Stream,
    data: Vec<u8>,
    records: Vec<Record>,
    /// The next record.
    next: usize,
}

impl Merged {
    /// Reads `inputs`, which are in the order of the first packets.
    pub(super) fn new(
        inputs: Vec<Examined>,
        warnings: Vec<String>,
        block_size: usize,
        own_thread: bool,
    ) -> Merged {
        let total = inputs.iter().map(|examined| examined.input.size).sum();
        let read = Arc::new(AtomicU64::new(0));
        let names = inputs.iter().map(|examined| examined.input.name.clone()).collect();
        let mut ledger = Ledger::new(names);
        for warning in warnings {
            ledger.warn(warning);
        }
        let state = State {
            block_size,
            own_thread,
            read: Arc::clone(&read),
            ledger,
            pending: (0..).zip(inputs).collect(),
            active: BinaryHeap::new(),
            drained: None,
            packets: 0,
            sequence: 0,
        };
        Merged { state: Mutex::new(state), total, read }
    }
}

impl Blocks for Merged {
    fn fill(&self, block: &mut Block) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        block.records.clear();
        state.fill(block);
        block.first_frame = state.packets + 1;
        block.sequence = state.sequence;
        block.interfaces.clone_from(&state.ledger.interfaces);
        state.packets += block.records.len() as u64;
        state.sequence += u64::from(!block.records.is_empty());
        !block.records.is_empty()
    }

    fn notes(&self) -> Notes {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ledger.notes()
    }

    fn is_serial(&self) -> bool {
        true
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.read.load(atomic::Ordering::Relaxed), self.total)
    }
}

impl State {
    /// Puts the next records into `block`; none at the end.
    fn fill(&mut self, block: &mut Block) {
        if let Some(drained) = self.drained.take() {
            self.read_on(drained);
        }
        loop {
            let due = self.pending.front().map(|(_, examined)| examined.first);
            let Some(mut earliest) = self.active.pop() else {
                if due.is_none() {
                    return;
                }
                self.activate();
                continue;
            };
            let due = due.flatten().unwrap_or(Timestamp::MAX);
            if self.active.is_empty() && earliest.rest().iter().all(|record| record.time <= due) {
                earliest.hand_over(block);
                self.drained = Some(earliest);
                return;
            }
            self.active.push(earliest);
            if !self.pending.is_empty() && self.active.len() == 1 {
                self.activate();
            }
            if self.merge(block) {
                return;
            }
        }
    }

    /// Merges the active files into `block`; false if there is nothing in it because only one is
    /// left.
    fn merge(&mut self, block: &mut Block) -> bool {
        block.data.clear();
        let most = self.block_size.div_ceil(mem::size_of::<Record>());
        while block.data.len() < self.block_size && block.records.len() < most {
            let due = self.pending.front().and_then(|(_, examined)| examined.first);
            let Some(mut earliest) = self.active.pop() else { break };
            let Some((time, _)) = earliest.key() else { continue };
            if due.is_some_and(|due| due < time) {
                self.active.push(earliest);
                self.activate();
                continue;
            }
            let Some(until) = self.active.peek().and_then(|active| active.key()) else {
                self.active.push(earliest);
                break;
            };
            earliest.copy_next(block);
            while block.data.len() < self.block_size
                && earliest
                    .key()
                    .is_some_and(|key| key < until && due.is_none_or(|due| key.0 <= due))
            {
                earliest.copy_next(block);
            }
            if earliest.rest().is_empty() {
                self.read_on(earliest);
            } else {
                self.active.push(earliest);
            }
        }
        !block.records.is_empty()
    }

    /// Opens the file that is next in order.
    fn activate(&mut self) {
        let Some((file, examined)) = self.pending.pop_front() else { return };
        self.ledger.begin_file(self.active.is_empty());
        match self.open(&examined) {
            Ok(reader) => {
                let stream = Stream::new(reader, file);
                let (data, records) = (Vec::new(), Vec::new());
                self.read_on(Box::new(Active { file, stream, data, records, next: 0 }));
            }
            Err(error) => report::not_opened(&mut self.ledger, file, &error),
        }
    }

    fn open(&self, examined: &Examined) -> io::Result<Box<dyn io::Read + Send>> {
        let raw = examined.input.open(&self.read)?;
        content::reader(&examined.input, examined.stored, raw, self.own_thread)
    }

    /// Reads the next block of a file, or closes it at its end.
    fn read_on(&mut self, mut active: Box<Active>) {
        active.next = 0;
        let share = MERGE_MEMORY / (self.active.len() + 1);
        let size = self.block_size.min(share.max(MIN_MERGE_BLOCK));
        let Active { stream, data, records, .. } = &mut *active;
        if stream.fill(data, records, size, &mut self.ledger) {
            self.active.push(active);
        }
    }
}

impl Active {
    fn rest(&self) -> &[Record] {
        self.records.get(self.next..).unwrap_or_default()
    }

    /// What decides whose turn it is.
    fn key(&self) -> Option<(Timestamp, u16)> {
        self.rest().first().map(|record| (record.time, self.file))
    }

    /// Exchanges the rest of the records with what `block` holds.
    fn hand_over(&mut self, block: &mut Block) {
        mem::swap(&mut self.data, &mut block.data);
        mem::swap(&mut self.records, &mut block.records);
        block.records.drain(..self.next);
        self.next = 0;
    }

    /// Copies the next record to the end of `block`.
    fn copy_next(&mut self, block: &mut Block) {
        let Some(record) = self.rest().first() else { return };
        let start = record.offset as usize;
        let bytes = self.data.get(start..start + record.captured as usize).unwrap_or_default();
        block.records.push(Record { offset: block.data.len() as u32, ..*record });
        block.data.extend_from_slice(bytes);
        self.next += 1;
    }
}

impl Ord for Active {
    /// The heap gives the greatest: that is the one with the earliest packet.
    fn cmp(&self, other: &Active) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for Active {
    fn partial_cmp(&self, other: &Active) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Active {
    fn eq(&self, other: &Active) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Active {}
