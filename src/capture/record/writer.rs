//! The thread that writes: takes chunks in the order of the capture, and puts their packets into the file
//! of `-w`, into the ring, and out of the ring into files of findings.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::chunk::{Chunk, packets};
use super::incident::{Finding, Incidents, Reaction};
use super::pcapng::Counters;
use super::ring::Ring;
use super::rotation::{Schedule, Step};
use super::savefile::{Medium, Savefile};
use super::status::Status;
use crate::capture::Interface;

/// Makes a file of this name.
pub(super) type Create = Box<dyn Fn(&Path) -> io::Result<Box<dyn Medium>> + Send>;

/// What the kernel has counted, by interface.
pub type Count = Box<dyn Fn() -> Vec<Counters> + Send>;

/// The file of `-w`.
struct Saving {
    schedule: Schedule,
    name: String,
    /// None: it could not be made, or there were enough files.
    file: Option<Savefile>,
}

/// The ring and its files.
struct Guarding {
    ring: Ring,
    incidents: Incidents,
    open: Option<Open>,
}

/// The open file of a finding.
struct Open {
    file: Savefile,
    name: String,
    comments: Vec<String>,
}

/// All of it.
pub(super) struct Writer {
    create: Create,
    count: Count,
    filter: Option<Arc<str>>,
    saving: Option<Saving>,
    guarding: Option<Guarding>,
    status: Arc<Mutex<Status>>,
    /// Chunks that came before their turn: as many as workers fill blocks.
    waiting: BTreeMap<u64, (Chunk, u64)>,
    next: u64,
    interfaces: Arc<Vec<Interface>>,
}

impl Writer {
    pub(super) fn new(
        create: Create,
        count: Count,
        filter: Option<Arc<str>>,
        status: Arc<Mutex<Status>>,
    ) -> Writer {
        Writer {
            create,
            count,
            filter,
            saving: None,
            guarding: None,
            status,
            waiting: BTreeMap::new(),
            next: 0,
            interfaces: Arc::default(),
        }
    }

    /// Opens the first file of `-w`; an error is for whoever asked for it.
    pub(super) fn save(&mut self, schedule: Schedule) -> io::Result<()> {
        let name = schedule.name().map_err(io::Error::other)?;
        let file = self.begin(&name, (self.count)())?;
        self.saving = Some(Saving { schedule, name, file: Some(file) });
        Ok(())
    }

    /// The file that [`Writer::save`] began.
    #[cfg(unix)]
    pub(super) fn begun(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.saving.as_ref()?.file.as_ref()?.descriptor()
    }

    /// Holds the last seconds.
    pub(super) fn guard(&mut self, ring: Ring, incidents: Incidents) {
        self.guarding = Some(Guarding { ring, incidents, open: None });
    }

    fn begin(&self, name: &str, before: Vec<Counters>) -> io::Result<Savefile> {
        let file = Savefile::begin((self.create)(Path::new(name))?, self.filter.clone(), before)?;
        self.note(|status| status.files += 1);
        Ok(file)
    }

    fn note(&self, note: impl FnOnce(&mut Status)) {
        note(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes a chunk, and `lost` packets that had no room in the queue, in any order; gives back those
    /// that are done.
    pub(super) fn take(&mut self, chunk: Chunk, lost: u64, done: &mut impl FnMut(Chunk)) {
        self.waiting.insert(chunk.sequence, (chunk, lost));
        while let Some((chunk, lost)) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.interfaces = Arc::clone(&chunk.interfaces);
            self.put(&chunk, lost);
            done(chunk);
        }
    }

    fn put(&mut self, chunk: &Chunk, lost: u64) {
        if let Some(mut saving) = self.saving.take() {
            if let Some(file) = &mut saving.file {
                file.note_lost(lost);
            }
            self.store(&mut saving, &chunk.bytes);
            self.saving = Some(saving);
        }
        if let Some(mut guarding) = self.guarding.take() {
            self.watch(&mut guarding, &chunk.bytes, lost);
            self.guarding = Some(guarding);
        }
    }

    /// Appends packets to the file of `-w`, and goes on to the next one where it is time.
    fn store(&mut self, saving: &mut Saving, bytes: &[u8]) {
        let (mut start, mut end) = (0, 0);
        for packet in packets(bytes) {
            let length = saving.file.as_ref().map_or(0, Savefile::length) + (end - start) as u64;
            let step = match saving.file {
                None if self.is_over() => return,
                _ => saving.schedule.step(packet.time, length),
            };
            if step != Step::Stay {
                self.append(saving, &bytes[start..end]);
                start = end;
                self.close(saving, &[]);
                if step == Step::Stop {
                    self.note(|status| status.over = true);
                    return;
                }
                self.open(saving);
            }
            end += packet.bytes.len();
        }
        self.append(saving, &bytes[start..end]);
    }

    fn is_over(&self) -> bool {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).over
    }

    fn open(&self, saving: &mut Saving) {
        let opened = saving.schedule.name().map_err(io::Error::other).and_then(|name| {
            saving.name.clone_from(&name);
            self.begin(&name, (self.count)())
        });
        match opened {
            Ok(file) => saving.file = Some(file),
            // The next one may be possible: until then packets are counted as lost.
            Err(error) => self.note(|status| status.trouble(&saving.name, &error)),
        }
    }

    fn append(&self, saving: &mut Saving, bytes: &[u8]) {
        let all = packets(bytes).count() as u64;
        let lost = match &mut saving.file {
            Some(file) => file.append(&self.interfaces, bytes),
            None => all,
        };
        let trouble = saving.file.as_mut().and_then(Savefile::take_trouble);
        self.note(|status| {
            status.written += all - lost;
            status.unwritten += lost;
            if let Some(error) = trouble {
                status.trouble(&saving.name, &error);
            }
        });
    }

    fn close(&self, saving: &mut Saving, comments: &[String]) {
        let Some(mut file) = saving.file.take() else { return };
        file.finish(&(self.count)(), comments);
        if let Some(error) = file.take_trouble() {
            self.note(|status| status.trouble(&saving.name, &error));
        }
    }

    /// Puts packets into the ring, and into the open file of a finding.
    fn watch(&self, guarding: &mut Guarding, bytes: &[u8], lost: u64) {
        let Guarding { ring, incidents, open } = guarding;
        if let Some(mut file) = open.take() {
            let mut end = 0;
            let mut over = false;
            for packet in packets(bytes) {
                over = incidents.ends_before(packet.time);
                if over {
                    break;
                }
                end += packet.bytes.len();
            }
            self.release(&mut file, &bytes[..end], lost);
            if over {
                self.end_incident(file);
            } else {
                *open = Some(file);
            }
        }
        ring.push(bytes, lost, &self.count);
    }

    /// Appends packets to the file of a finding.
    fn release(&self, open: &mut Open, bytes: &[u8], lost: u64) {
        open.file.note_lost(lost);
        let unwritten = open.file.append(&self.interfaces, bytes);
        let trouble = open.file.take_trouble();
        self.note(|status| {
            status.unwritten += unwritten;
            if let Some(error) = trouble {
                status.trouble(&open.name, &error);
            }
        });
    }

    /// Takes what is found by now.
    pub(super) fn found(&mut self, findings: &[Finding]) {
        let Some(mut guarding) = self.guarding.take() else { return };
        match guarding.incidents.found(findings, guarding.ring.now()) {
            Reaction::Nothing => {}
            Reaction::Note(comments) => {
                guarding
                    .open
                    .iter_mut()
                    .for_each(|open| open.comments.extend_from_slice(&comments));
            }
            Reaction::Begin { name, comments } => {
                guarding.open = self.begin_incident(&guarding.ring, name, comments);
            }
        }
        let without = guarding.incidents.without();
        self.note(|status| status.without_file = without);
        self.guarding = Some(guarding);
    }

    /// Begins a file of a finding with what the ring holds.
    fn begin_incident(&self, ring: &Ring, name: String, comments: Vec<String>) -> Option<Open> {
        let before = ring.segments().next().map(|segment| segment.before.clone());
        let file = match self.begin(&name, before.unwrap_or_else(&self.count)) {
            Ok(file) => file,
            Err(error) => {
                self.note(|status| status.trouble(&name, &error));
                return None;
            }
        };
        self.note(|status| status.incidents.push(name.clone()));
        let mut open = Open { file, name, comments };
        if let Some(held) = ring.short() {
            let text = format!("the ring had room for the last {:.1} s", held.as_secs_f64());
            open.comments.push(text);
        }
        for segment in ring.segments() {
            // Packets are nearly in order: the first that is young enough begins.
            let old = packets(&segment.bytes).take_while(|packet| packet.time < ring.start());
            let skipped: usize = old.map(|packet| packet.bytes.len()).sum();
            self.release(&mut open, &segment.bytes[skipped..], segment.lost);
        }
        Some(open)
    }

    fn end_incident(&self, mut open: Open) {
        open.file.finish(&(self.count)(), &open.comments);
        if let Some(error) = open.file.take_trouble() {
            self.note(|status| status.trouble(&open.name, &error));
        }
    }

    /// Ends all files. These are the findings of the report.
    pub(super) fn finish(mut self, findings: &[Finding]) {
        // Where chunks are missing, what came behind them is not.
        for (chunk, lost) in std::mem::take(&mut self.waiting).into_values() {
            self.interfaces = Arc::clone(&chunk.interfaces);
            self.put(&chunk, lost);
        }
        self.found(findings);
        if let Some(open) = self.guarding.take().and_then(|guarding| guarding.open) {
            self.end_incident(open);
        }
        if let Some(mut saving) = self.saving.take() {
            let comments: Vec<String> = findings.iter().map(Finding::comment).collect();
            self.close(&mut saving, &comments);
        }
    }
}
