//! JSON, one object a line: all keys in every line, `null` where there is no value, and the version of
//! the schema as `v`, for lines are cut apart and sent on alone.
//!
//! Names hold printable ASCII only (`\DDD` for the rest), so that of JSON's escapes they need two:
//! a backslash and a quote. What fools terminals and readers in the report cannot occur here.

use std::borrow::Cow;
use std::io::{self, Write};

use super::Batches;
use super::row::{Batch, Cells, Column, Row, Width, cells};
use super::text::{self, Clock};
use crate::model::{Address, Timestamp};

/// What a line begins with.
const BEGINNING: &[u8] = b"{\"v\":1";

/// Appends the rows of a batch as lines. What stands in front of the columns comes from the caller: an
/// object that is not closed.
pub fn lines(batch: &Batch, beginning: &[u8], text: &mut Vec<u8>) {
    let (mut name, mut clock) = (Vec::new(), Clock::new());
    for row in batch.rows() {
        text.extend_from_slice(beginning);
        cells(&mut Line { row, batch, text, name: &mut name, clock: &mut clock });
        text.extend_from_slice(b"}\n");
    }
}

/// Writes all rows.
pub(super) fn write(batches: &mut dyn Batches, out: &mut dyn Write) -> io::Result<()> {
    let (mut name, mut clock) = (Vec::new(), Clock::new());
    text::lines(batches, out, |row, batch, text| {
        text.extend_from_slice(BEGINNING);
        cells(&mut Line { row, batch, text, name: &mut name, clock: &mut clock });
        text.extend_from_slice(b"}\n");
    })
}

/// A line in the making.
struct Line<'a> {
    row: &'a Row,
    batch: &'a Batch,
    text: &'a mut Vec<u8>,
    /// A name before JSON's escapes.
    name: &'a mut Vec<u8>,
    clock: &'a mut Clock,
}

impl Line<'_> {
    #[inline]
    fn cell<T>(&mut self, column: Column, value: Option<T>, write: impl FnOnce(T, &mut Vec<u8>)) {
        self.text.extend_from_slice(column.key.as_bytes());
        match value {
            Some(value) => write(value, self.text),
            None => self.text.extend_from_slice(b"null"),
        }
    }

    #[inline]
    fn quoted<T>(&mut self, column: Column, value: Option<T>, write: impl FnOnce(T, &mut Vec<u8>)) {
        self.cell(column, value, |value, out| {
            out.push(b'"');
            write(value, out);
            out.push(b'"');
        });
    }
}

impl Cells for Line<'_> {
    fn time(&mut self, column: Column, value: impl Fn(&Row) -> Option<Timestamp>) {
        self.text.extend_from_slice(column.key.as_bytes());
        match value(self.row) {
            Some(time) => {
                self.text.push(b'"');
                self.clock.write(time, self.text);
                self.text.push(b'"');
            }
            None => self.text.extend_from_slice(b"null"),
        }
    }

    fn number(&mut self, column: Column, _: Width, value: impl Fn(&Row) -> Option<i64>) {
        self.cell(column, value(self.row), text::number);
    }

    fn flag(&mut self, column: Column, value: impl Fn(&Row) -> Option<bool>) {
        self.cell(column, value(self.row), |flag, out| out.extend_from_slice(text::flag(flag)));
    }

    fn word<W: Copy + PartialEq>(
        &mut self,
        column: Column,
        value: impl Fn(&Row) -> Option<W>,
        text: impl Fn(W) -> Cow<'static, str>,
    ) {
        let word = value(self.row).map(text);
        self.quoted(column, word, |word, out| out.extend_from_slice(word.as_bytes()));
    }

    fn address(&mut self, column: Column, value: impl Fn(&Row) -> Option<Address>) {
        self.quoted(column, value(self.row), text::address);
    }

    fn name(&mut self, column: Column) {
        self.name.clear();
        let wire = self.batch.name_of(self.row);
        if let Some(wire) = wire {
            text::name(wire, self.name, |_, _| false);
        }
        let name = std::mem::take(self.name);
        self.quoted(column, wire, |_, out| {
            if !name.iter().any(|octet| matches!(octet, b'"' | b'\\')) {
                return out.extend_from_slice(&name);
            }
            for &octet in &name {
                if matches!(octet, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(octet);
            }
        });
        *self.name = name;
    }
}
