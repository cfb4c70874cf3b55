//! Why an input could not be opened, each with the sentence that helps further.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why reading could not begin. Damage found later is a warning in [`super::Notes`] instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No path was given.
    #[error("no capture was named: give one or more files or directories, or - for standard input")]
    NoInput,
    /// The path does not exist.
    #[error("{}: no such file or directory", path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// The path may not be read by this user.
    #[error(
        "{}: permission denied: captures written as root are often readable by root only; \
         try: sudo chmod a+r {}", path.display(), path.display()
    )]
    PermissionDenied {
        /// The path as given.
        path: PathBuf,
    },
    /// Another error of the operating system.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The path as given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A directory holds no capture.
    #[error("{}: no capture directly inside this directory ({files} files looked at)", path.display())]
    NoCaptures {
        /// The path as given.
        path: PathBuf,
        /// How many files were looked at.
        files: usize,
    },
    /// The only input holds no bytes.
    #[error(
        "{}: is empty: a capture has at least a header of 24 bytes; if tcpdump still writes it, \
         record with -U or stop tcpdump first", path.display()
    )]
    Empty {
        /// The path as given.
        path: PathBuf,
    },
    /// The content is no capture.
    #[error("{}: not a packet capture but {what}{}", path.display(), advice.map(|a| format!(": {a}")).unwrap_or_default())]
    NotACapture {
        /// The path as given.
        path: PathBuf,
        /// What it looks like.
        what: String,
        /// What to do with such a file.
        advice: Option<&'static str>,
    },
    /// The program was built without the feature that reads compressed captures.
    #[error(
        "{}: is compressed with {compression}, which this build does not read (built without the \
         feature \"compressed\"): decompress it first", path.display()
    )]
    FeatureMissing {
        /// The path as given.
        path: PathBuf,
        /// The name of the compression.
        compression: &'static str,
    },
    /// `-` was given twice.
    #[error("standard input (-) was named twice")]
    StandardInputTwice,
    /// More files than can be numbered.
    #[error("{count} files are too many: at most {limit} are read as one capture")]
    TooManyFiles {
        /// How many were named.
        count: usize,
        /// How many are possible.
        limit: usize,
    },
}

impl OpenError {
    /// The error for `path` that the operating system's `source` stands for.
    pub(super) fn from_io(path: PathBuf, source: io::Error) -> OpenError {
        match source.kind() {
            io::ErrorKind::NotFound => OpenError::Missing { path },
            io::ErrorKind::PermissionDenied => OpenError::PermissionDenied { path },
            _ => OpenError::Io { path, source },
        }
    }
}
