//! What can go wrong at the edges: the arguments, the input, the output. Each ends in exit status 2.

use std::io;
use std::path::PathBuf;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A capture cannot be read.
    #[error(transparent)]
    Capture(#[from] crate::capture::OpenError),
    /// A live capture cannot begin.
    #[cfg(feature = "live")]
    #[error(transparent)]
    Live(#[from] crate::capture::live::LiveError),
    /// Rights cannot be given up.
    #[cfg(feature = "live")]
    #[error(transparent)]
    Confine(#[from] crate::confine::Error),
    /// Signals cannot be listened to.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] io::Error),
    /// A stream was asked for of captures that are over.
    #[error(
        "--format ndjson is the stream of `dnspect live`; of a saved capture, --format json is the report, \
         and --transactions FILE.ndjson has a line for every transaction"
    )]
    StreamOfFiles,
    /// A stream was to go to a file that is there only when it is complete.
    #[cfg(feature = "live")]
    #[error("--format ndjson streams to standard output: leave out --output, or use `> FILE`")]
    StreamToFile,
    /// The terminal cannot be drawn on.
    #[cfg(feature = "tui")]
    #[error("cannot draw on the terminal: {0}; --plain writes lines instead")]
    Terminal(#[source] io::Error),
    /// Packets cannot be kept.
    #[error(transparent)]
    Record(#[from] crate::capture::record::OpenError),
    /// Packets were to be kept where they cannot be.
    #[error("{0}")]
    Keep(&'static str),
    /// The thread that keeps packets cannot be started.
    #[error("cannot start the thread that writes packets: {0}")]
    RecordThread(#[source] io::Error),
    /// There is no key to replace addresses and names with.
    #[error("--anonymize: {0}")]
    Key(#[from] crate::anonymize::KeyError),
    /// The key is in a file that is none.
    #[error("--anonymize-key {}: {source}", .path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: crate::anonymize::KeyError,
    },
    /// A file of context cannot be read.
    #[error("{option}: cannot read {}: {source}", .path.display())]
    ReadContext {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of context is not what its option asks for.
    #[error("{option}: {malformed}")]
    Context {
        /// The option that names it.
        option: &'static str,
        /// Where and what.
        malformed: crate::context::Malformed,
    },
    /// The bounds of the latency histogram are wrong: a mistake of ours.
    #[error("cannot set up the latency histogram: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// The report cannot be written to its file.
    #[error("cannot write the report to {}: {source}", .path.display())]
    WriteReport {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The report would replace a capture that it is about.
    #[error("--output {} is one of the captures to read: choose another file", .0.display())]
    OutputIsInput(PathBuf),
    /// The name of the file for transactions does not tell their format.
    #[error("--transactions {}: {source}", .path.display())]
    TransactionsFormat {
        /// The file.
        path: PathBuf,
        /// Why.
        source: crate::transactions::FormatError,
    },
    /// Transactions cannot be written to their file.
    #[error("cannot write the transactions to {}: {source}", .path.display())]
    WriteTransactions {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The transactions would replace a capture that they are from.
    #[error("--transactions {} is one of the captures to read: choose another file", .0.display())]
    TransactionsAreInput(PathBuf),
    /// Report and transactions would go to the same file.
    #[error("--output and --transactions are both {}: choose two files", .0.display())]
    SameOutput(PathBuf),
    /// Rows cannot be written, wherever they go.
    #[error("cannot write the transactions: {0}")]
    Rows(#[source] io::Error),
    /// Standard output does not take the report.
    #[error("cannot write the report to standard output: {0}")]
    WriteOutput(#[source] io::Error),
    /// No cause has this code.
    #[error("{}", unknown_cause(.code, .nearest))]
    UnknownCause {
        /// What was asked for.
        code: String,
        /// Codes that resemble it, the nearest first.
        nearest: Vec<&'static str>,
    },
}

fn unknown_cause(code: &str, nearest: &[&str]) -> String {
    let tip = match nearest {
        [] => String::new(),
        some => format!("\n\n  tip: did you mean {}?", some.join(" or ")),
    };
    // The code was typed or pasted: Debug's quotes and escapes keep it from acting on the terminal.
    format!("there is no cause {code:?}{tip}\n\n`dnspect explain` lists all causes.")
}
