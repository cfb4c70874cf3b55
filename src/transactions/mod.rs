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
