//! The document as YAML: first the incident form that runbooks ask for, then everything.
//!
//! YAML 1.2 takes JSON's scalars as they are, so `serde_json` writes them, and only the layout of
//! maps and lists is ours: no YAML crate that is kept up supports our minimum Rust version.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::document::Document;
use super::escape::is_unsafe;
use super::incident::Incident;

/// Writes the incident form and the document; their top-level keys do not collide.
pub(crate) fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    incident(&Incident::of(document), out)?;
    // A key whose value starts on the next line leaves a space behind. Strings hold no raw newline.
    for line in block(document)?.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The form as the contract shows it: only what is free text is quoted.
fn incident(form: &Incident, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "root_cause: {}", block(&form.root_cause)?)?;
    writeln!(out, "evidence:")?;
    for content in &form.evidence {
        writeln!(out, "  - type: dns_packets\n    content: {}", block(content)?)?;
    }
    writeln!(out, "severity: {}", super::severity(form.severity))?;
    writeln!(out, "mitigation:\n  immediate: {}", block(&form.immediate)?)?;
    writeln!(out, "  long_term: {}", block(&form.long_term)?)
}

fn block(value: &impl Serialize) -> io::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Block::default()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Maps and lists in block style.
#[derive(Default)]
struct Block {
    /// Maps and lists that are open.
    depth: usize,
    /// The innermost one has nothing in it yet.
    empty: bool,
    /// What comes next goes behind a `- ` on the same line.
    behind_dash: bool,
    /// Something was written: the next entry needs a line of its own.
    started: bool,
    /// Within a key. Keys are field names and RCODEs of our own: they need no quotes.
    key: bool,
}

impl Block {
    fn open(&mut self) {
        self.depth += 1;
        self.empty = true;
    }

    fn close<W: ?Sized + Write>(&mut self, w: &mut W, empty_form: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if std::mem::take(&mut self.empty) {
            self.behind_dash = false;
            w.write_all(empty_form)?;
        }
        Ok(())
    }

    fn entry<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.empty = false;
        let first_of_all = !std::mem::replace(&mut self.started, true);
        if std::mem::take(&mut self.behind_dash) || first_of_all {
            return Ok(());
        }
        write!(w, "\n{:indent$}", "", indent = 2 * (self.depth - 1))
    }
}

impl Formatter for Block {
    fn begin_array<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.open();
        Ok(())
    }
    fn end_array<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.close(w, b"[]")
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, _: bool) -> io::Result<()> {
        self.entry(w)?;
        self.behind_dash = true;
        w.write_all(b"- ")
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.behind_dash = false;
        Ok(())
    }
    fn begin_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.open();
        Ok(())
    }
    fn end_object<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.close(w, b"{}")
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, _: bool) -> io::Result<()> {
        self.key = true;
        self.entry(w)
    }
    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.key = false;
        Ok(())
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b": ")
    }
    fn begin_string<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        if self.key { Ok(()) } else { w.write_all(b"\"") }
    }
    fn end_string<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        if self.key { Ok(()) } else { w.write_all(b"\"") }
    }
    /// Unlike JSON, YAML names a character beyond U+FFFF by its number, not by two surrogates.
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        w: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_unsafe(c)) {
            w.write_all(&rest.as_bytes()[..at])?;
            match u32::from(c) {
                code @ 0..=0xffff => write!(w, "\\u{code:04x}")?,
                code => write!(w, "\\U{code:08x}")?,
            }
            rest = &rest[at + c.len_utf8()..];
        }
        w.write_all(rest.as_bytes())
    }
}
