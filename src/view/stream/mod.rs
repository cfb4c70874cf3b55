//! `--format ndjson`: a live run as one JSON object a line, for programs. docs/live-stream.md is the
//! contract.

mod changes;
mod lines;

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::glance::{Before, Place};
use crate::live::Look;
use crate::model::Span;
use crate::report::{self, Document};
use crate::transactions::{Batch, Listener, ndjson_lines};
use changes::{Change, Told};
use lines::{Interval, Start};

/// Name and version of the schema. New keys and new types leave it as it is; anything else that a reader
/// could stumble over raises the number.
pub const SCHEMA: &str = "dnspect.live/1";

/// Where the lines go, and whether anybody takes them still.
struct Out<'o> {
    to: Box<dyn Write + Send + 'o>,
    line: Vec<u8>,
    /// Why nobody does.
    failed: Option<io::Error>,
}

impl Out<'_> {
    /// Writes whole lines, at once.
    fn put(&mut self) {
        if self.failed.is_none() {
            let written = self.to.write_all(&self.line).and_then(|()| self.to.flush());
            self.failed = written.err();
        }
        self.line.clear();
    }
}

/// The stream: transactions come from one thread, all else from another.
pub struct Stream<'o> {
    out: Mutex<Out<'o>>,
}

/// What was told of findings and warnings.
#[derive(Debug, Default)]
pub struct Progress {
    told: Told,
    warnings: usize,
    before: Before,
}

/// A line with a type, which is its first key.
#[derive(Serialize)]
struct Typed<'a, T: Serialize> {
    r#type: &'a str,
    v: u8,
    #[serde(flatten)]
    rest: T,
}

impl<'o> Stream<'o> {
    /// A stream to whatever takes bytes.
    pub fn new(out: impl Write + Send + 'o) -> Stream<'o> {
        let out = Out { to: Box::new(out), line: Vec::new(), failed: None };
        Stream { out: Mutex::new(out) }
    }

    fn lock(&self) -> MutexGuard<'_, Out<'o>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line<T: Serialize>(&self, kind: &str, rest: T) {
        let out = &mut *self.lock();
        let typed = Typed { r#type: kind, v: 1, rest };
        // Writing to a Vec cannot fail, and all keys are strings.
        if report::write_line(&typed, &mut out.line).is_ok() {
            out.line.push(b'\n');
            out.put();
        }
        out.line.clear();
    }

    /// Whether nobody takes lines any more.
    pub fn is_closed(&self) -> bool {
        self.lock().failed.is_some()
    }

    /// The first line: what follows, and of what.
    pub fn start(&self, place: &Place, query_timeout: Span) {
        self.line("start", Start::new(place, query_timeout));
    }

    /// What there is so far: warnings and findings that are new, then the counters.
    pub fn look(&self, look: &Look, progress: &mut Progress) {
        for text in look.analysed.notes.warnings.iter().skip(progress.warnings) {
            self.line("warning", lines::Warning { text });
        }
        progress.warnings = look.analysed.notes.warnings.len();
        let elapsed_ms = lines::millis(look.elapsed);
        let line =
            |change: Change, finding| lines::Changed { change: change.word(), elapsed_ms, finding };
        let gone = progress.told.update(&look.document.findings, &mut |change, finding| {
            self.line("finding", line(change, finding));
        });
        for finding in &gone {
            self.line("finding", line(Change::Gone, finding));
        }
        self.line("interval", Interval::new(look, &mut progress.before));
    }

    /// The last line, and whether all lines were taken. That a reader has seen enough is no error.
    pub fn end(&self, document: &Document) -> io::Result<()> {
        self.line("report", lines::Last { report: document });
        match self.lock().failed.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

impl Listener for &Stream<'_> {
    fn hear(&mut self, batch: &Batch) {
        let out = &mut *self.lock();
        if out.failed.is_none() {
            ndjson_lines(batch, b"{\"type\":\"transaction\",\"v\":1", &mut out.line);
            out.put();
        }
    }
}
