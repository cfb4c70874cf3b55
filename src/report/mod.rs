//! From the verdict to bytes: text for people, JSON and YAML for programs.
//!
//! A format is one file that turns a [`Document`] into bytes; the text report and the explanations
//! share `layout`, which escapes all that it is given.

mod build;
mod document;
mod escape;
pub mod explain;
mod incident;
mod json;
mod layout;
mod limits;
mod moment;
mod number;
mod text;
mod yaml;

use std::io::{self, Write};

pub(crate) use escape::for_terminal;
// The progress line shows figures as the report does.
#[cfg(feature = "live")]
pub(crate) use json::write_line;
#[cfg(feature = "live")]
pub(crate) use number::percent;
pub(crate) use number::{bytes, count, duration};

use crate::verdict::Severity;

pub use build::document;
pub use document::{Capture, DnsMessages, Document, Latency, ResolverRate, Search, Traffic};

/// How a report is written. HTML and Markdown come later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs, by the contract.
    Json,
    /// The incident form of runbooks, then the same as JSON.
    Yaml,
}

/// How text looks; the formats for programs do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Columns to fill; kept within 60 and 100.
    pub width: usize,
    /// Whether to use colours and bold.
    pub color: bool,
    /// Whether sparklines are drawn with letters: for terminals that do not show UTF-8.
    pub ascii: bool,
}

impl Default for Options {
    /// What suits a file or a pipe.
    fn default() -> Options {
        Options { width: 80, color: false, ascii: false }
    }
}

/// Writes the report.
pub fn write(
    document: &Document,
    format: Format,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Text => out.write_all(text::render(document, options).as_bytes()),
        Format::Json => json::write(document, out),
        Format::Yaml => yaml::write(document, out),
    }
}

/// The word of the contract.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::None => "NONE",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}
