//! One row a transaction, for those who want to ask their own questions: Parquet, CSV or NDJSON.
//!
//! [`Recorder`] listens to the matcher beside the sums and fills [`Batch`]es with [`Row`]s in the order in
//! which transactions settle. A format takes batches one after the other ([`Batches`]) and writes them
//! to whatever takes bytes. Whoever connects the two decides how many batches there are: nothing here
//! grows with the capture, but the list of row groups that a Parquet file ends with.
//!
//! The columns are those of [`cells`], in that order, in every format; `docs/transactions.md`
//! is their contract.

mod asked;
mod csv;
mod ndjson;
#[cfg(feature = "parquet")]
mod parquet;
mod recorder;
mod row;
mod text;

pub use asked::Overdue;
pub use ndjson::lines as ndjson_lines;
pub use recorder::{Outlet, Recorder, Rows};
pub use row::{Batch, Cells, Column, Fate, Kind, Response, Row, Width, cells, columns};

use std::io::{self, Write};
use std::path::Path;

/// Name and version of the schema. New columns come last and leave it as it is; anything else that
/// a reader could stumble over raises the number.
pub const SCHEMA: &str = "dnspect.transactions/1";

/// Where batches come from.
pub trait Batches {
    /// The next batch; `None` when the capture is over. The one before it is done with.
    fn next(&mut self) -> Option<&Batch>;
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// JSON, one object a line.
    Ndjson,
}

/// Why a file name tells no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Its ending is none of those known.
    #[error("its name must end in .parquet, .csv or .ndjson, which says how it is written")]
    Unknown,
    /// The format was left out of this program.
    #[error("this dnspect was built without Parquet: choose .csv or .ndjson")]
    NotBuiltIn,
}

impl Format {
    /// The format that the ending of a file's name stands for.
    pub fn of(path: &Path) -> Result<Format, FormatError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "parquet" if cfg!(feature = "parquet") => Ok(Format::Parquet),
            "parquet" => Err(FormatError::NotBuiltIn),
            "csv" => Ok(Format::Csv),
            "ndjson" => Ok(Format::Ndjson),
            _ => Err(FormatError::Unknown),
        }
    }
}

/// Where rows are written to, and how.
pub struct Sink<'a> {
    /// The format.
    pub format: Format,
    /// What takes the bytes: a file, as a rule.
    pub out: &'a mut (dyn Write + Send),
}

/// Whoever wants rows as they come, beside a file or without one.
pub trait Listener: Send {
    /// A batch of them.
    fn hear(&mut self, batch: &Batch);
}

/// All who take rows.
#[derive(Default)]
pub struct Sinks<'a> {
    /// What they are written to.
    pub file: Option<Sink<'a>>,
    /// Who else wants them.
    pub listener: Option<&'a mut (dyn Listener + 'a)>,
}

impl Sinks<'_> {
    /// Whether nobody wants rows.
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.listener.is_none()
    }
}

impl<'a> From<Option<Sink<'a>>> for Sinks<'a> {
    fn from(file: Option<Sink<'a>>) -> Sinks<'a> {
        Sinks { file, listener: None }
    }
}

/// Batches that somebody listens to while they are written.
struct Heard<'a, 'b> {
    batches: &'a mut dyn Batches,
    listener: Option<&'b mut (dyn Listener + 'b)>,
}

impl Batches for Heard<'_, '_> {
    fn next(&mut self) -> Option<&Batch> {
        let batch = self.batches.next()?;
        if let Some(listener) = &mut self.listener {
            listener.hear(batch);
        }
        Some(batch)
    }
}

/// Gives all batches to all who want them.
pub fn spread(batches: &mut dyn Batches, Sinks { file, listener }: Sinks<'_>) -> io::Result<()> {
    let mut heard = Heard { batches, listener };
    if let Some(file) = file {
        return write(&mut heard, file);
    }
    while heard.next().is_some() {}
    Ok(())
}

/// Writes all batches.
pub fn write(batches: &mut dyn Batches, Sink { format, out }: Sink<'_>) -> io::Result<()> {
    match format {
        Format::Csv => csv::write(batches, out),
        Format::Ndjson => ndjson::write(batches, out),
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::write(batches, out),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(io::Error::new(io::ErrorKind::Unsupported, FormatError::NotBuiltIn)),
    }
}

#[cfg(test)]
mod tests;
