//! Reading one regular file of a format that is not compressed, by several threads at once.
//!
//! Each thread takes the next block number and reads those bytes of the file without a lock, into
//! the block's own buffer. Where the block's first record begins is only known when the block before
//! was walked; so the walk over the record headers, a few ns a packet in bytes that are in the cache
//! by now, is done one block after the other (see [`Chain`]). Nothing is guessed: the records are
//! those of a sequential reader. A record belongs to the block in which it begins; the rest that
//! reaches into the next one is read once more.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::chain::Chain;
use super::ledger::Ledger;
use super::walk::{Span, Stop, Walker};
use super::{Block, Blocks, Notes, report};

/// Read with every block beyond its end: most records that reach over it are complete then.
const SLACK: usize = 2 << 10;

/// Read at a time of what was written behind the end since the file was opened.
const MORE: usize = 4 << 10;

/// A regular file read by block numbers.
pub(super) struct Parallel {
    file: File,
    size: u64,
    block_size: usize,
    next_block: AtomicU64,
    chain: Chain<Progress>,
    position: AtomicU64,
}

/// What one block hands to the next.
struct Progress {
    walker: Walker,
    ledger: Ledger,
    /// Offset of the next record in the file.
    position: u64,
    packets: u64,
    sequence: u64,
}

impl Parallel {
    /// Begins to read `file`, which is `size` bytes long, with its first item at `position`.
    pub(super) fn new(
        file: File,
        size: u64,
        walker: Walker,
        position: u64,
        ledger: Ledger,
        block_size: usize,
    ) -> Parallel {
        let progress = Progress { walker, ledger, position, packets: 0, sequence: 0 };
        Parallel {
            file,
            size,
            block_size,
            next_block: AtomicU64::new(0),
            chain: Chain::new(progress),
            position: AtomicU64::new(0),
        }
    }

    /// Reads until `data` holds `wanted` bytes from `start` of the file on, or the file ends.
    fn read_to(
        &self,
        data: &mut Vec<u8>,
        filled: usize,
        wanted: usize,
        start: u64,
    ) -> (usize, Option<io::Error>) {
        if data.len() < wanted {
            // Grows rarely: the buffers are recycled and keep their length.
            data.resize(wanted, 0);
        }
        let mut filled = filled;
        while filled < wanted {
            let Some(offset) = start.checked_add(filled as u64) else { break };
            match self.file.read_at(&mut data[filled..wanted], offset) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (filled, Some(error)),
            }
        }
        (filled, None)
    }

    /// Fills `block` with the records that begin in block `number`; `None` at the end of the file.
    fn fill_one(&self, number: u64, block: &mut Block) -> Option<()> {
        let start = number.saturating_mul(self.block_size as u64);
        block.records.clear();
        // A small file gets a small buffer; what was written to it since is asked for by the walk.
        let left = self.size.saturating_sub(start);
        let wanted = left.min((self.block_size + SLACK) as u64) as usize;
        let (mut filled, mut error) = self.read_to(&mut block.data, 0, wanted, start);

        let mut turn = self.chain.wait_for(number)?;
        let progress = turn.value();
        let mut span = Span {
            position: progress.position.saturating_sub(start),
            limit: self.block_size as u64,
        };
        let mut ended = false;
        loop {
            let bytes = &block.data[..filled];
            let stop =
                progress.walker.walk(bytes, &mut span, &mut block.records, &mut progress.ledger);
            let packets = progress.packets + block.records.len() as u64;
            match stop {
                Stop::Limit => break,
                Stop::Need(count) => {
                    let wanted = span.position as usize + count;
                    if error.is_none() {
                        let more = wanted.max(filled + MORE);
                        (filled, error) = self.read_to(&mut block.data, filled, more, start);
                    }
                    if filled >= wanted {
                        continue;
                    }
                    // An item that is skipped may begin before and end behind the end of the file.
                    let end = if filled == 0 { self.size } else { start + filled as u64 };
                    let complete = span.position == filled as u64 && progress.walker.may_end();
                    if let Some(error) = &error {
                        report::unreadable(&mut progress.ledger, 0, end, packets, error);
                    } else if !complete {
                        report::ends_early(&mut progress.ledger, 0, end, packets);
                    }
                }
                Stop::Damage(damage) => {
                    let at = start + span.position;
                    report::damaged(&mut progress.ledger, 0, at, packets, &damage);
                }
            }
            ended = true;
            break;
        }
        progress.position = start + span.position;
        block.first_frame = progress.packets + 1;
        block.sequence = progress.sequence;
        progress.packets += block.records.len() as u64;
        progress.sequence += u64::from(!block.records.is_empty());
        block.interfaces.clone_from(&progress.ledger.interfaces);
        let position = if ended { self.size } else { progress.position.min(self.size) };
        self.position.store(position, Ordering::Relaxed);
        if ended {
            turn.finish();
        } else {
            turn.pass_on();
        }
        Some(())
    }
}

impl Blocks for Parallel {
    fn fill(&self, block: &mut Block) -> bool {
        loop {
            // Who takes a number also takes its turn, in this same call: no one waits for ever.
            let number = self.next_block.fetch_add(1, Ordering::Relaxed);
            if self.fill_one(number, block).is_none() {
                block.records.clear();
                return false;
            }
            if !block.records.is_empty() {
                return true;
            }
        }
    }

    fn notes(&self) -> Notes {
        self.chain.look(|progress| progress.ledger.notes())
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.position.load(Ordering::Relaxed), Some(self.size))
    }
}
