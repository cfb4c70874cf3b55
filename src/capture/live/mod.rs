//! Packets as they come: handles of libpcap as one source of blocks.
//!
//! Each handle has a thread of its own (`tap`), which copies packets out of the kernel's ring into a
//! `Chunk` and hands on several that are full, or what is 50 ms old. [`Live`] takes the chunks (`gather`):
//! those of one handle as they are, those of several merged by time. What is learned beside the packets
//! stands on a `Board`, which can be read while a worker waits for packets.

mod board;
mod clock;
mod drops;
mod error;
#[cfg(target_os = "linux")]
mod fanout;
pub mod filter;
mod gather;
mod handle;
mod namespace;
mod pool;
mod seat;
mod shed;
mod tap;

pub use error::LiveError;
pub use filter::Filter;
pub use namespace::{Place, inside};

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::bounded;

use super::record::Count;
use super::{Block, Blocks, Notes, Record, Stop};
use crate::model::Timestamp;
use board::Board;
use gather::Gather;
use handle::Handle;
use pool::Pool;

/// What a live capture may take where nobody says: beside a node's other work.
pub const MEMORY: usize = 256 << 20;
/// The least that is of use.
pub const LEAST_MEMORY: usize = 32 << 20;
/// One part each is for the kernel's rings, the queue of blocks, the tables of the analysis, and the copy of
/// those that is made for a look at the report so far.
pub const MEMORY_SHARES: usize = 4;
/// The ring of a handle where nobody says: eight times what tcpdump takes, 0.3 s of 300,000 packets a second.
const BUFFER_SIZE: usize = 16 << 20;
/// The least that libpcap makes a ring of, and the least number of chunks that keep a handle going.
const LEAST_BUFFER: usize = 1 << 20;
const LEAST_CHUNKS: usize = 4;
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
    /// Octets of the kernel's ring of each handle; `None`: as the memory allows.
    pub buffer_size: Option<u32>,
    /// Handles an interface, which share its packets, each with a thread.
    pub threads: usize,
    /// Another network namespace than this process's own.
    pub place: Option<Place>,
    /// Octets that all of the capture and its analysis may take.
    pub memory: usize,
    /// Whether to have the interfaces take packets that are for others.
    pub promiscuous: bool,
    /// Ends after so many packets.
    pub count: Option<u64>,
    /// Ends after so long.
    pub duration: Option<Duration>,
}

impl Options {
    /// Octets of each of so many rings.
    fn ring(&self, handles: usize) -> u32 {
        let share = self.memory / MEMORY_SHARES / handles.max(1);
        let size = BUFFER_SIZE.min(share).max(LEAST_BUFFER);
        self.buffer_size.unwrap_or(u32::try_from(size).unwrap_or(u32::MAX))
    }

    /// Chunks for each of so many handles.
    fn chunks(&self, handles: usize) -> usize {
        (self.memory / MEMORY_SHARES / CHUNK_MEMORY / handles.max(1)).max(LEAST_CHUNKS)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            interfaces: Vec::new(),
            filter: Filter::default(),
            // A segment that was put together by the card (GRO) may have 64 KiB: DNS over TCP needs it
            // whole. It costs nothing, for the ring holds packets at their length.
            snap_length: super::MAX_CAPTURED,
            buffer_size: None,
            threads: 1,
            place: None,
            memory: MEMORY,
            promiscuous: false,
            count: None,
            duration: None,
        }
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
    let (count, limit) = (names.len() * options.threads.max(1), MAX_HANDLES);
    if count > limit {
        return Err(LiveError::TooMany { count, limit });
    }
    options.filter.check()?;
    let board = Arc::new(Board::new(&names, count));
    let open = || handle::open_all(&names, options, &board);
    let handles = match &options.place {
        None => open()?,
        Some(place) => namespace::inside(place, open)?,
    };
    Ok(Opened { handles, board, options: options.clone() })
}

impl Opened {
    /// What the kernel counts, for as long as anybody asks.
    pub fn count(&self) -> Count {
        let board = Arc::clone(&self.board);
        Box::new(move || board.counters())
    }

    /// The filter of the first handle, in the words of libpcap.
    pub fn filter(&self) -> Option<String> {
        self.handles.first().map(|handle| handle.filter.clone())
    }

    /// Begins to read.
    pub fn start(self, stop: &Stop) -> Result<Live, LiveError> {
        let Opened { handles, board, options } = self;
        let taps = handles.len();
        let each = options.chunks(taps);
        let (out, chunks) = bounded(each * taps + taps);
        let ends = options.duration.map(|duration| clock::now() + duration);
        let mut pools = Vec::with_capacity(taps);
        // All handles leave out the same flows first: one that passes two interfaces does so on both.
        let seed = clock::wall().0 as u64;
        for handle in handles {
            let pool = Arc::new(Pool::new(each));
            pools.push(Arc::clone(&pool));
            let sampler = shed::Sampler::new(&options.filter.ports, seed);
            let tap = tap::Tap::new(
                (handle, sampler),
                pool,
                out.clone(),
                Arc::clone(&board),
                stop.clone(),
                ends,
            );
            let spawned =
                std::thread::Builder::new().name("capture".to_owned()).spawn(|| tap.run());
            spawned.map_err(LiveError::Thread)?;
        }
        let gather = Gather::new(chunks, pools, options.count);
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
