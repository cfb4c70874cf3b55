//! One file: complete in itself whenever it is looked at, and whatever happens to the disk.
//!
//! Only whole blocks count. Where a write fails half-way the file is cut back to the last whole block, the
//! packets are counted as lost, and later ones are tried again: somebody may have made room.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use super::chunk::packets;
use super::pcapng::{self, Counters, Statistics};
use crate::capture::Interface;
use crate::model::{Span, Timestamp};

/// Room for comments in the header of a file: some twenty findings.
const COMMENT_ROOM: usize = 8 << 10;

/// How long a file is left alone after a write failed: a full disk is not asked for every packet.
const PAUSE: Span = Span::from_secs(1);

/// What a file lies on.
pub(super) trait Medium: Send {
    /// Writes all of it at the end, or tells how much it wrote and why no more.
    fn append(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)>;
    /// Writes over what stands at `at`.
    fn overwrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts it to `length` octets.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Whether the last two can be done: not on pipes and devices.
    fn is_regular(&self) -> bool;
    /// The file of the operating system, if it is one.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A file of the operating system.
pub(super) struct Disk {
    file: File,
    regular: bool,
}

impl Disk {
    /// Makes or empties the file of this name.
    pub(super) fn create(path: &Path) -> io::Result<Box<dyn Medium>> {
        let file = File::create(path)?;
        let regular = file.metadata()?.is_file();
        Ok(Box::new(Disk { file, regular }))
    }
}

impl Medium for Disk {
    fn append(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut done = 0;
        while done < bytes.len() {
            match self.file.write(&bytes[done..]) {
                Ok(0) => return Err((done, io::ErrorKind::WriteZero.into())),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((done, error)),
            }
        }
        Ok(())
    }

    fn overwrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)?;
        self.file.seek(SeekFrom::End(0)).map(|_| ())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::End(0)).map(|_| ())
    }

    fn is_regular(&self) -> bool {
        self.regular
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(&self.file))
    }
}

/// A file that is being written.
pub(super) struct Savefile {
    medium: Box<dyn Medium>,
    filter: Option<Arc<str>>,
    /// Octets in it, all of whole blocks.
    length: u64,
    interfaces: Arc<Vec<Interface>>,
    /// Packets of each interface that is described.
    written: Vec<u64>,
    lost: u64,
    /// What the kernel had counted when the file was opened.
    before: Vec<Counters>,
    times: Option<(Timestamp, Timestamp)>,
    /// Not before this a write is tried again; `MAX`: never.
    paused: Option<Timestamp>,
    trouble: Option<io::Error>,
    scratch: Vec<u8>,
}

impl Savefile {
    /// Begins a file. `before` is what the kernel counted up to its first packet.
    pub(super) fn begin(
        mut medium: Box<dyn Medium>,
        filter: Option<Arc<str>>,
        before: Vec<Counters>,
    ) -> io::Result<Savefile> {
        let mut scratch = Vec::new();
        let room = if medium.is_regular() { COMMENT_ROOM } else { 0 };
        pcapng::section_header(&mut scratch, &[], room);
        medium.append(&scratch).map_err(|(_, error)| error)?;
        Ok(Savefile {
            medium,
            filter,
            length: scratch.len() as u64,
            interfaces: Arc::default(),
            written: Vec::new(),
            lost: 0,
            before,
            times: None,
            paused: None,
            trouble: None,
            scratch,
        })
    }

    /// The file of the operating system.
    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.medium.descriptor()
    }

    /// Octets in it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends packets, given as their blocks, and tells how many were lost.
    pub(super) fn append(&mut self, interfaces: &Arc<Vec<Interface>>, bytes: &[u8]) -> u64 {
        let Some(first) = packets(bytes).next() else { return 0 };
        if self.paused.is_some_and(|until| first.time < until) {
            return self.lose(bytes);
        }
        self.paused = None;
        let fresh = interfaces.len() > self.interfaces.len();
        if fresh {
            self.scratch.clear();
            for interface in &interfaces[self.written.len().min(interfaces.len())..] {
                // It is the same for all, and long: the first one says it.
                pcapng::interface(&mut self.scratch, interface, self.filter.take().as_deref());
            }
            let description = std::mem::take(&mut self.scratch);
            let described = self.put(&description, first.time);
            self.scratch = description;
            if described.is_err() {
                return self.lose(bytes);
            }
            self.interfaces = Arc::clone(interfaces);
            self.written.resize(interfaces.len(), 0);
        }
        let whole = match self.put(bytes, first.time) {
            Ok(()) => bytes.len(),
            Err(written) => written,
        };
        for packet in packets(&bytes[..whole]) {
            if let Some(written) = self.written.get_mut(packet.interface as usize) {
                *written += 1;
            }
            let (earliest, latest) = self.times.unwrap_or((packet.time, packet.time));
            self.times = Some((earliest.min(packet.time), latest.max(packet.time)));
        }
        self.lose(&bytes[whole..])
    }

    /// Packets that belong in this file and did not come so far.
    pub(super) fn note_lost(&mut self, packets: u64) {
        self.lost += packets;
    }

    fn lose(&mut self, bytes: &[u8]) -> u64 {
        let lost = packets(bytes).count() as u64;
        self.lost += lost;
        lost
    }

    /// Appends blocks. Where that fails, those are left that were written whole, and their length is told.
    fn put(&mut self, bytes: &[u8], now: Timestamp) -> Result<(), usize> {
        let Err((written, error)) = self.medium.append(bytes) else {
            self.length += bytes.len() as u64;
            return Ok(());
        };
        self.trouble.get_or_insert(error);
        let mut whole = 0;
        for packet in packets(bytes) {
            if whole + packet.bytes.len() > written {
                break;
            }
            whole += packet.bytes.len();
        }
        let length = self.length + whole as u64;
        if self.medium.is_regular() && self.medium.truncate(length).is_ok() {
            self.length = length;
            self.paused = Some(now.plus(PAUSE));
        } else {
            self.paused = Some(Timestamp::MAX);
        }
        Err(whole)
    }

    /// The first thing that went wrong since the last time this was asked.
    pub(super) fn take_trouble(&mut self) -> Option<io::Error> {
        self.trouble.take()
    }

    /// Writes what there is to say at the end. `now`: what the kernel has counted by now.
    pub(super) fn finish(&mut self, now: &[Counters], comments: &[String]) {
        if self.paused == Some(Timestamp::MAX) {
            return;
        }
        let (start, end) = self.times.unwrap_or_default();
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        for (at, &written) in self.written.iter().enumerate() {
            let before = self.before.get(at).copied().unwrap_or_default();
            let counters = since(before, now.get(at).copied().unwrap_or_default());
            let lost = if at == 0 { self.lost } else { 0 };
            let statistics = Statistics { start, end, counters, written, lost };
            pcapng::statistics(&mut out, at as u32, &statistics);
        }
        if !self.medium.is_regular() && !comments.is_empty() {
            pcapng::section_header(&mut out, comments, 0);
        }
        let _ = self.put(&out, end);
        if self.medium.is_regular() && !comments.is_empty() {
            out.clear();
            pcapng::section_header(&mut out, comments, COMMENT_ROOM);
            if let Err(error) = self.medium.overwrite(0, &out) {
                self.trouble.get_or_insert(error);
            }
        }
    }
}

/// What was counted in between.
fn since(before: Counters, now: Counters) -> Counters {
    let between =
        |before: Option<u64>, now: Option<u64>| Some(now?.saturating_sub(before.unwrap_or(0)));
    Counters {
        received: between(before.received, now.received),
        interface_dropped: between(before.interface_dropped, now.interface_dropped),
        kernel_dropped: between(before.kernel_dropped, now.kernel_dropped),
    }
}
