//! Packets as they come: handles of libpcap as one source of blocks.
//!
//! Each handle has a thread of its own (`tap`), which copies packets out of the kernel's ring into a
//! [`Chunk`] and hands it on when it is full or 50 ms old. [`Live`] takes the chunks (`gather`): those of
//! one handle as they are, those of several merged by time. What is learned beside the packets stands
//! on a `Board`, which can be read while a worker waits for packets.

mod board;
mod clock;
mod drops;
mod error;
pub mod filter;
mod gather;
mod handle;
mod tap;

pub use error::LiveError;
pub use filter::Filter;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::bounded;

use super::{Block, Blocks, Notes, Record};
use crate::model::Timestamp;
use board::Board;
use gather::Gather;
use handle::Handle;

/// Blocks on their way from all handles to the analysis. At 300,000 packets of 100 octets a second this
/// is two seconds in which nobody takes any.
const QUEUE_MEMORY: usize = 64 << 20;
/// What a chunk of the queue takes with its records, which are 32 octets each.
const CHUNK_MEMORY: usize = super::BLOCK_SIZE + (super::BLOCK_SIZE >> 1);
/// Handles at most: each has a thread and a ring in the kernel.
pub const MAX_HANDLES: usize = 64;

/// What to capture, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Interfaces; none: all of them at once (`any`).
    pub interfaces: Vec<String>,
    /// Which packets.
    pub filter: Filter,
    /// At most so many octets of a packet.
    pub snap_length: u32,
    /// Octets of the kernel's ring of each handle.
    pub buffer_size: u32,
    /// Whether to have the interfaces take packets that are for others.
    pub promiscuous: bool,
    /// Ends after so many packets.
    pub count: Option<u64>,
    /// Ends after so long.
    pub duration: Option<Duration>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            interfaces: Vec::new(),
            filter: Filter::default(),
            // A segment that was put together by the card (GRO) may have 64 KiB: DNS over TCP needs it
            // whole. It costs nothing, for the ring holds packets at their length.
            snap_length: super::MAX_CAPTURED,
            // Eight times what tcpdump takes: 0.3 s of 300,000 packets a second.
            buffer_size: 16 << 20,
            promiscuous: false,
            count: None,
            duration: None,
        }
    }
}

/// Ends a capture, from wherever. Clones end the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Has the capture end; what the kernel has taken until now is still read.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// What a handler of signals sets.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Whether it is to end.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Packets of one handle, in the order in which the kernel gave them.
#[derive(Default)]
struct Chunk {
    tap: usize,
    data: Vec<u8>,
    records: Vec<Record>,
    /// No packet that this handle gives later is earlier than this.
    until: Timestamp,
}

/// Handles that are open: the kernel fills their rings, and nobody reads them yet. Whoever wants to drop
/// rights does it now.
pub struct Opened {
    handles: Vec<Handle>,
    board: Arc<Board>,
    options: Options,
}

/// Opens all handles, or none.
pub fn open(options: &Options) -> Result<Opened, LiveError> {
    let mut names: Vec<String> = Vec::new();
    for name in &options.interfaces {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        names.push(handle::ANY.to_owned());
    }
    if names.len() > MAX_HANDLES {
        return Err(LiveError::TooMany { count: names.len(), limit: MAX_HANDLES });
    }
    options.filter.check()?;
    let board = Arc::new(Board::new(&names));
    let open = |(tap, name): (usize, &String)| handle::open(name, tap, options, &board);
    let handles = names.iter().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
    Ok(Opened { handles, board, options: options.clone() })
}

impl Opened {
    /// Begins to read.
    pub fn start(self, stop: &Stop) -> Result<Live, LiveError> {
        let Opened { handles, board, options } = self;
        let taps = handles.len();
        let (out, chunks) = bounded(QUEUE_MEMORY / CHUNK_MEMORY + taps);
        let each = (QUEUE_MEMORY / CHUNK_MEMORY / taps).max(2);
        let ends = options.duration.map(|duration| clock::now() + duration);
        let mut supplies = Vec::with_capacity(taps);
        for handle in handles {
            let (supply, empty) = bounded(each);
            for _ in 0..each {
                // Empty ones take no memory before they are filled.
                let _ = supply.send(Box::<Chunk>::default());
            }
            supplies.push(supply);
            let tap =
                tap::Tap::new(handle, empty, out.clone(), Arc::clone(&board), stop.clone(), ends);
            let spawned =
                std::thread::Builder::new().name("capture".to_owned()).spawn(|| tap.run());
            spawned.map_err(LiveError::Thread)?;
        }
        let gather = Gather::new(chunks, supplies, options.count);
        Ok(Live { gather: Mutex::new(gather), board, stop: stop.clone() })
    }
}

/// A capture that goes on until it is stopped.
pub struct Live {
    gather: Mutex<Gather>,
    board: Arc<Board>,
    stop: Stop,
}

impl Live {
    /// Packets that the kernel, or dnspect itself, dropped so far.
    pub fn dropped(&self) -> (u64, u64) {
        (self.board.dropped(), self.board.shed())
    }
}

impl Blocks for Live {
    fn waits(&self) -> bool {
        true
    }

    fn fill(&self, block: &mut Block) -> bool {
        let mut gather = self.gather.lock().unwrap_or_else(PoisonError::into_inner);
        let more = gather.fill(block);
        if gather.is_complete() {
            self.stop.stop();
        }
        self.board.add_read(block.data.len() as u64);
        block.interfaces = self.board.interfaces();
        more
    }

    fn notes(&self) -> Notes {
        self.board.notes()
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.board.read(), None)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.stop();
    }
}
