//! Captures as runs of records: the only place that reads packets, from files and from interfaces.
//!
//! A [`Blocks`] source hands out numbered [`Block`]s. Several threads may call [`Blocks::fill`] at
//! once; each gets a block of its own. The blocks' sequence numbers are their order in capture time.

mod ahead;
mod chain;
mod content;
#[cfg(feature = "compressed")]
mod decompress;
mod error;
mod format;
mod held;
mod in_order;
mod input;
mod ledger;
#[cfg(feature = "live")]
pub mod live;
mod merge;
mod open;
mod order;
mod parallel;
mod pcap;
mod pcapng;
mod pipe;
pub mod record;
mod report;
mod steps;
mod stop;
mod stream;
mod walk;

pub use error::OpenError;
pub use in_order::InOrder;
pub use input::any_pipe;
pub use open::{BLOCK_SIZE, Options, open, open_reader};
pub use stop::Stop;

use std::sync::Arc;

use crate::model::{LinkType, Timestamp};

/// The most bytes of a frame that are taken for possible: `tcpdump` captures no more (its largest
/// snap length), and it is the limit of libpcap and Wireshark for all network link types. A length
/// beyond is damage: nothing behind it in the file can be trusted.
pub const MAX_CAPTURED: u32 = 256 << 10;

/// One captured frame within a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// When it was captured.
    pub time: Timestamp,
    /// Where its bytes start in [`Block::data`].
    pub offset: u32,
    /// How many bytes were captured.
    pub captured: u32,
    /// How long the frame was on the wire.
    pub original: u32,
    /// Index into [`Block::interfaces`].
    pub interface: u16,
    /// Which way it crossed the interface, where the record says so (pcapng `epb_flags`).
    pub direction: crate::model::Direction,
}

/// An interface that packets were captured on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name, where the capture tells it (pcapng `if_name`, escaped when printed).
    pub name: Option<String>,
    /// Its link-layer header type.
    pub link_type: LinkType,
    /// At most so many bytes of a frame were kept; 0: no limit known.
    pub snap_length: u32,
    /// Index of the file in [`Notes::files`].
    pub file: u16,
}

/// A run of records in capture order, with the bytes that they point into. Reused: `fill` clears it.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Bytes that the records point into.
    pub data: Vec<u8>,
    /// The records, in the order of the capture.
    pub records: Vec<Record>,
    /// Ordinal of the first record in the whole capture, from 1.
    pub first_frame: u64,
    /// Ordinals of all records, where they do not follow the first.
    pub frames: Vec<u64>,
    /// Position of this block in the order of the capture, from 0 without holes.
    pub sequence: u64,
    /// All interfaces known when this block was read; indexes never change their meaning.
    pub interfaces: Arc<Vec<Interface>>,
}

impl Block {
    /// The octets of one of its records.
    #[inline]
    pub fn bytes(&self, record: &Record) -> Option<&[u8]> {
        let start = record.offset as usize;
        self.data.get(start..start + record.captured as usize)
    }

    /// The ordinal of one of its records in the whole capture.
    #[inline]
    pub fn frame(&self, at: usize) -> u64 {
        self.frames.get(at).copied().unwrap_or(self.first_frame + at as u64)
    }

    /// The link-layer header type of one of its records.
    #[inline]
    pub fn link_type(&self, record: &Record) -> LinkType {
        self.interfaces[usize::from(record.interface)].link_type
    }

    /// Whether the capture tells interfaces apart: by name, or because there are several.
    pub fn is_named(&self) -> bool {
        self.interfaces.len() > 1 || self.interfaces.iter().any(|i| i.name.is_some())
    }
}

/// What is known of the capture when all of it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The files read, in the order of their first packets.
    pub files: Vec<String>,
    /// All interfaces.
    pub interfaces: Vec<Interface>,
    /// Packets that the kernel or the interface dropped, by the capture's own statistics
    /// (pcapng interface statistics blocks); `None` when it has none.
    pub dropped: Option<u64>,
    /// Packets of a live capture that dnspect itself left out, for want of time.
    pub shed: u64,
    /// Packets that came earlier than one before them, and were put in order ([`InOrder`]).
    pub sorted: u64,
    /// Records that were damaged and left out.
    pub damaged_records: u64,
    /// What went wrong while reading, in words, naming the file: it ends early, a block is damaged….
    pub warnings: Vec<String>,
}

/// A capture that hands out blocks.
pub trait Blocks: Sync {
    /// Fills `block` with the next run of records; false at the end of the capture. Damage within
    /// a capture ends that file with a warning in the [`Notes`]; what stood before it was handed out.
    fn fill(&self, block: &mut Block) -> bool;

    /// What was learned; complete once [`Blocks::fill`] has returned false.
    fn notes(&self) -> Notes;

    /// Whether [`Blocks::fill`] may wait for packets that are yet to come: what there is must not wait
    /// with it.
    fn waits(&self) -> bool {
        false
    }

    /// Whether it is read from front to back, by one caller at a time: another one waits in
    /// [`Blocks::fill`].
    fn is_serial(&self) -> bool {
        false
    }

    /// Bytes read so far and, where it is known, bytes to read in all; for the progress line.
    fn progress(&self) -> (u64, Option<u64>);
}
