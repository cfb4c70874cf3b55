//! Reading one input from front to back: pipes, compressed files, and each of several files.

use std::io::{self, Read};

use super::ledger::Ledger;
use super::walk::{Span, Stop, Walker};
use super::{Record, report};

/// The beginning of an item that is incomplete at the end of a block moves to the next one.
pub(super) struct Stream {
    input: Box<dyn Read + Send>,
    file: u16,
    walker: Option<Walker>,
    /// Bytes that were read but not walked.
    carried: Vec<u8>,
    /// Bytes to skip behind the carried ones, which then are none.
    skip: u64,
    /// Offset of the first byte of `carried` in the input.
    offset: u64,
    packets: u64,
    /// Why nothing more can be read.
    failure: Option<io::Error>,
    ended: bool,
}

impl Stream {
    /// A stream of `input`, which is the file of this number in the ledger.
    pub(super) fn new(input: Box<dyn Read + Send>, file: u16) -> Stream {
        Stream {
            input,
            file,
            walker: None,
            carried: Vec::new(),
            skip: 0,
            offset: 0,
            packets: 0,
            failure: None,
            ended: false,
        }
    }

    /// Reads the next records, about `block_size` bytes, into `data` and `records`. False at the
    /// end of the input; the ledger says why if that is not in order.
    pub(super) fn fill(
        &mut self,
        data: &mut Vec<u8>,
        records: &mut Vec<Record>,
        block_size: usize,
        ledger: &mut Ledger,
    ) -> bool {
        records.clear();
        while !self.ended && records.is_empty() {
            self.fill_once(data, records, block_size, ledger);
        }
        !records.is_empty()
    }

    fn fill_once(
        &mut self,
        data: &mut Vec<u8>,
        records: &mut Vec<Record>,
        block_size: usize,
        ledger: &mut Ledger,
    ) {
        self.discard(data);
        let mut filled = self.carried.len();
        if data.len() < filled {
            data.resize(filled, 0);
        }
        data[..filled].copy_from_slice(&self.carried);
        self.carried.clear();
        let mut span = Span { position: 0, limit: block_size as u64 };
        loop {
            let bytes = &data[..filled];
            let stop = match &mut self.walker {
                Some(walker) => walker.walk(bytes, &mut span, records, ledger),
                None => match Walker::begin(bytes, self.file, ledger) {
                    Ok(Some((walker, length))) => {
                        self.walker = Some(walker);
                        span.position = length;
                        continue;
                    }
                    Ok(None) => {
                        self.ended = true;
                        return report::replaced(ledger, self.file);
                    }
                    Err(count) => Stop::Need(count),
                },
            };
            let packets = self.packets + records.len() as u64;
            match stop {
                Stop::Limit => break,
                // Behind a long item that is skipped: first discard, then go on.
                Stop::Need(_) if span.position > filled as u64 && filled > 0 => break,
                Stop::Need(_) if !records.is_empty() && filled >= block_size => break,
                Stop::Need(count) => {
                    let wanted = span.position as usize + count;
                    let before = filled;
                    self.read_to(data, &mut filled, wanted.max(block_size));
                    if filled > before {
                        continue;
                    }
                    self.ended = true;
                    let end = self.offset + filled as u64;
                    let complete = span.position == filled as u64
                        && self.walker.as_ref().is_some_and(Walker::may_end);
                    return match &self.failure {
                        Some(error) => report::unreadable(ledger, self.file, end, packets, error),
                        None if complete => {}
                        None => report::ends_early(ledger, self.file, end, packets),
                    };
                }
                Stop::Damage(damage) => {
                    self.ended = true;
                    let at = self.offset + span.position;
                    return report::damaged(ledger, self.file, at, packets, &damage);
                }
            }
        }
        self.packets += records.len() as u64;
        if let Some(rest) = data.get(span.position as usize..filled) {
            self.carried.extend_from_slice(rest);
            self.offset += span.position;
        } else {
            self.skip = span.position - filled as u64;
            self.offset += filled as u64;
        }
    }

    /// Reads on until `data` holds `wanted` bytes or nothing more comes.
    fn read_to(&mut self, data: &mut Vec<u8>, filled: &mut usize, wanted: usize) {
        if data.len() < wanted {
            // Grows rarely: the buffers are recycled and keep their length.
            data.resize(wanted, 0);
        }
        while *filled < wanted && self.failure.is_none() {
            match self.input.read(&mut data[*filled..wanted]) {
                Ok(0) => break,
                Ok(count) => *filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failure = Some(error),
            }
        }
    }

    /// Reads over the bytes to skip. At the end of the input some are left: the walk, which expects
    /// the end of the skipped block, notices that.
    fn discard(&mut self, scratch: &mut Vec<u8>) {
        const CHUNK: u64 = 64 << 10;
        while self.skip > 0 {
            let mut read = 0;
            self.read_to(scratch, &mut read, self.skip.min(CHUNK) as usize);
            self.offset += read as u64;
            self.skip -= read as u64;
            if read == 0 {
                break;
            }
        }
    }
}
