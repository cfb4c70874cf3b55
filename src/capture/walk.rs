//! Walking over the records in a run of bytes: the part that the parallel and the streaming reader
//! share. A walker is a resumable state machine: it never reads, it is given bytes and says how far
//! it came and why it stopped.

use thiserror::Error;

use super::format::{Format, recognise};
use super::ledger::Ledger;
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::{MAX_CAPTURED, Record};
use crate::model::Timestamp;

/// Why a walk stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The position has reached the limit.
    Limit,
    /// The item at the position needs at least so many bytes, counted from the position.
    Need(usize),
    /// The bytes at the position are no record: nothing behind can be trusted.
    Damage(Damage),
}

/// What is wrong with the bytes at the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Damage {
    #[error("a packet of {0} bytes cannot be (the most is {MAX_CAPTURED})")]
    CapturedLength(u32),
    #[error("a block of {0} bytes cannot be")]
    BlockLength(u32),
    #[error("a block's length is {start} at its start and {end} at its end")]
    Trailer { start: u32, end: u32 },
    #[error("a section has no byte-order mark")]
    ByteOrderMark,
    #[error("an interface description is cut short")]
    InterfaceDescription,
}

/// Where a walk is to begin and to end, and where it came to: offsets into the bytes given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// The next item. May come to lie far behind the bytes, where an item is skipped.
    pub(super) position: u64,
    /// No item that begins here or behind is walked.
    pub(super) limit: u64,
}

/// The state between two items of a file.
#[derive(Debug)]
pub(super) enum Walker {
    /// In a pcap file.
    Pcap(Pcap),
    /// In a pcapng file.
    Pcapng(Pcapng),
}

impl Walker {
    /// The walker for a file that begins with these bytes, and the offset of its first item.
    /// `Err(n)`: at least n bytes are needed to tell; `Ok(None)`: this is no capture.
    pub(super) fn begin(
        start: &[u8],
        file: u16,
        ledger: &mut Ledger,
    ) -> Result<Option<(Walker, u64)>, usize> {
        match recognise(start) {
            Format::Pcap => Pcap::begin(start, file, ledger)
                .map(|(pcap, length)| Some((Walker::Pcap(pcap), length))),
            Format::Pcapng => Ok(Some((Walker::Pcapng(Pcapng::new(file)), 0))),
            _ if start.len() < 4 => Err(4),
            _ => Ok(None),
        }
    }

    /// Walks over the items of `bytes` that begin within `span`, and enters their packets.
    pub(super) fn walk(
        &mut self,
        bytes: &[u8],
        span: &mut Span,
        records: &mut Vec<Record>,
        ledger: &mut Ledger,
    ) -> Stop {
        match self {
            Walker::Pcap(pcap) => pcap.walk(bytes, span, records, ledger),
            Walker::Pcapng(pcapng) => pcapng.walk(bytes, span, records, ledger),
        }
    }

    /// Whether a file may end here.
    pub(super) fn may_end(&self) -> bool {
        match self {
            Walker::Pcap(_) => true,
            Walker::Pcapng(pcapng) => pcapng.may_end(),
        }
    }
}

/// Seconds and nanoseconds since the epoch as a time: cannot overflow, as both are 32 bits wide.
pub(super) fn time_of(seconds: u32, nanoseconds: u64) -> Timestamp {
    Timestamp(i64::from(seconds) * 1_000_000_000 + nanoseconds as i64)
}
