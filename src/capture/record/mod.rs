//! Keeping packets while they are analysed: `-w`, its rotation, and the ring that is written when
//! something is found.
//!
//! A [`Tee`] around a source copies each block on its way to the analysis and hands the copy to a thread
//! of its own through a bounded queue. A slow disk costs nothing until the queue is full; then the *files*
//! lack packets, which are counted, and the analysis does not.

mod chunk;
mod incident;
mod pcapng;
mod ring;
mod rotation;
mod savefile;
mod status;
#[cfg(test)]
mod tests;
mod writer;

pub use incident::Finding;
pub use pcapng::Counters;
pub use rotation::Rotation;
pub use status::Status;
pub use writer::Count;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use jiff::tz::TimeZone;

use super::{Block, Blocks, Notes};
use crate::model::{Span, Timestamp};
use chunk::Chunk;
use incident::Incidents;
use ring::Ring;
use rotation::Schedule;
use savefile::Disk;
use writer::{Create, Writer};

/// Octets that wait to be written: the packets of a second at 200,000 a second. A disk that stands still
/// for longer costs packets in the files.
pub const MAX_QUEUED: usize = 32 << 20;

/// What a waiting chunk takes besides its packets.
const CHUNK: usize = 256;

/// Empty buffers kept for the next blocks.
const MAX_SPARE: usize = 16;

/// The memory of the ring, unless another size is asked for: some 400,000 DNS packets, or half a
/// minute at 13,000 a second.
pub const RING_SIZE: usize = 64 << 20;

/// What is to be kept.
pub struct Options {
    /// `-w`: to this file.
    pub file: Option<PathBuf>,
    /// `-C`, `-G`, `-W`: in so many of them.
    pub rotation: Rotation,
    /// `--ring`, `--ring-size`, `--on-finding`: and the moments around findings.
    pub on_finding: Option<OnFinding>,
    /// The filter that the packets passed, for whoever reads the file.
    pub filter: Option<String>,
    /// When the capture begins: the time in the name of the first file.
    pub now: Timestamp,
    /// What the kernel counts.
    pub count: Count,
}

/// What is to be kept of findings.
pub struct OnFinding {
    /// Files are called after this one.
    pub file: PathBuf,
    /// So much before and after.
    pub span: Span,
    /// In so many octets.
    pub size: usize,
}

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot write packets to {}: {source}", .path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Files that are open, before anything is written: between these two rights are dropped.
pub struct Recording {
    writer: Writer,
    outputs: Vec<PathBuf>,
    status: Arc<Mutex<Status>>,
}

impl Recording {
    /// Opens what has to be open before the capture begins.
    pub fn open(options: Options) -> Result<Recording, OpenError> {
        Recording::open_with(options, Box::new(Disk::create))
    }

    fn open_with(options: Options, create: Create) -> Result<Recording, OpenError> {
        let status = Arc::<Mutex<Status>>::default();
        let filter = options.filter.map(Arc::from);
        let later = options.on_finding.as_ref().map(|later| later.file.clone());
        let outputs = options.file.iter().cloned().chain(later).collect();
        let mut writer = Writer::new(create, options.count, filter, Arc::clone(&status));
        if let Some(path) = options.file {
            // Names are patterns of text, as those of tcpdump are.
            let opened = text(&path).and_then(|pattern| {
                let zone = TimeZone::system();
                writer.save(Schedule::new(options.rotation, pattern, zone, options.now))
            });
            opened.map_err(|source| OpenError { path, source })?;
        }
        if let Some(OnFinding { file, span, size }) = options.on_finding {
            let pattern = text(&file).and_then(|pattern| is_folder(&file).map(|()| pattern));
            let pattern = match pattern {
                Ok(pattern) => pattern.to_owned(),
                Err(source) => return Err(OpenError { path: file, source }),
            };
            writer.guard(Ring::new(span, size), Incidents::new(&pattern, span));
        }
        Ok(Recording { writer, outputs, status })
    }

    /// Files that will be written, or opened later: for whoever gives up rights before [`Recording::start`].
    pub fn outputs(&self) -> &[PathBuf] {
        &self.outputs
    }

    /// The file that was begun.
    #[cfg(unix)]
    pub fn begun(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.writer.begun()
    }

    /// Begins to write.
    pub fn start(self) -> io::Result<Recorder> {
        let Recording { mut writer, status, .. } = self;
        let (sender, items) = unbounded();
        let (give_back, spare) = bounded(MAX_SPARE);
        let queued = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::clone(&queued);
        let thread = std::thread::Builder::new().name("dnspect-write".into()).spawn(move || {
            for item in items {
                match item {
                    Item::Chunk { chunk, lost } => {
                        let size = chunk.bytes.len() + CHUNK;
                        writer.take(chunk, lost, &mut |done| {
                            // Nobody waits for it where there are enough.
                            let _ = give_back.try_send(done);
                        });
                        waiting.fetch_sub(size, Ordering::Relaxed);
                    }
                    Item::Findings(findings) => writer.found(&findings),
                    Item::End(findings) => return writer.finish(&findings),
                }
            }
            writer.finish(&[]);
        })?;
        Ok(Recorder { sender, spare, queued, status, thread: Some(thread) })
    }
}

fn text(path: &Path) -> io::Result<&str> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8");
    path.to_str().ok_or_else(wrong)
}

/// Whether there is a folder for a file that is written later.
fn is_folder(file: &Path) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if folder.metadata()?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

enum Item {
    /// Packets, and how many of this block had no room in the queue.
    Chunk {
        chunk: Chunk,
        lost: u64,
    },
    Findings(Vec<Finding>),
    End(Vec<Finding>),
}

/// Takes what is to be kept.
pub struct Recorder {
    sender: Sender<Item>,
    spare: Receiver<Chunk>,
    queued: Arc<AtomicUsize>,
    status: Arc<Mutex<Status>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Takes a copy of the packets of a block. Blocks may come in any order; none may come twice.
    pub fn take(&self, block: &Block) {
        let mut chunk = self.spare.try_recv().unwrap_or_default();
        chunk.fill(block);
        let mut lost = 0;
        if self.queued.load(Ordering::Relaxed) + chunk.bytes.len() > MAX_QUEUED {
            lost = chunk.packets;
            chunk.bytes.clear();
            self.lock().queue_overflowed += lost;
        }
        self.queued.fetch_add(chunk.bytes.len() + CHUNK, Ordering::Relaxed);
        // A writer that has gone is found out at the end.
        let _ = self.sender.send(Item::Chunk { chunk, lost });
    }

    /// Takes what is found so far: something new has the ring written.
    pub fn found(&self, findings: Vec<Finding>) {
        let _ = self.sender.send(Item::Findings(findings));
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Whether as many files are full as were asked for.
    pub fn is_over(&self) -> bool {
        self.lock().over
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is left, with the findings of the report, and ends all files.
    pub fn finish(mut self, findings: Vec<Finding>) -> Status {
        let _ = self.sender.send(Item::End(findings));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.lock()
                .trouble("the file", &io::Error::other("the thread that writes has stopped"));
        }
        self.status()
    }
}

impl Drop for Recorder {
    /// Whoever leaves early leaves whole files behind.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.sender.send(Item::End(Vec::new()));
            let _ = thread.join();
        }
    }
}

/// A source whose blocks are recorded as they are handed out.
pub struct Tee<'a> {
    source: &'a dyn Blocks,
    recorder: &'a Recorder,
}

impl<'a> Tee<'a> {
    /// Records what `source` hands out.
    pub fn new(source: &'a dyn Blocks, recorder: &'a Recorder) -> Tee<'a> {
        Tee { source, recorder }
    }
}

impl Blocks for Tee<'_> {
    fn fill(&self, block: &mut Block) -> bool {
        let more = !self.recorder.is_over() && self.source.fill(block);
        if more {
            self.recorder.take(block);
        }
        more
    }

    fn notes(&self) -> Notes {
        self.source.notes()
    }

    fn waits(&self) -> bool {
        self.source.waits()
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.source.progress()
    }
}
