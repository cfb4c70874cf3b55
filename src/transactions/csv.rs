//! Comma-separated values: a header, then a line a row, each ended by `\r\n`, no cell that needs quotes
//! (RFC 4180). An empty cell is one without a value.
//!
//! Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, and some cut cells at
//! `;`. Names come from the network, so in them these, quotes and commas are written as `\DDD`: another
//! form of the same name (RFC 1035, section 5.1). Tabs and line ends are written so anyway. All other
//! cells hold numbers, addresses and words of our own, and no number is below zero.

use std::borrow::Cow;
use std::io::{self, Write};

use super::Batches;
use super::row::{Batch, Cells, Column, Row, Width, cells, columns};
use super::text::{self, Clock};
use crate::model::{Address, Timestamp};

/// Writes the header and all rows.
pub(super) fn write(batches: &mut dyn Batches, out: &mut dyn Write) -> io::Result<()> {
    let header: Vec<&str> = columns().iter().map(|(column, _)| column.name).collect();
    out.write_all(format!("{}\r\n", header.join(",")).as_bytes())?;
    let mut clock = Clock::new();
    text::lines(batches, out, |row, batch, text| {
        cells(&mut Line { row, batch, text, clock: &mut clock });
        // The last cell has no comma behind it.
        text.pop();
        text.extend_from_slice(b"\r\n");
    })
}

/// A line in the making: every cell with a comma behind it.
struct Line<'a> {
    row: &'a Row,
    batch: &'a Batch,
    text: &'a mut Vec<u8>,
    clock: &'a mut Clock,
}

impl Line<'_> {
    #[inline]
    fn cell<T>(&mut self, value: Option<T>, write: impl FnOnce(T, &mut Vec<u8>)) {
        if let Some(value) = value {
            write(value, self.text);
        }
        self.text.push(b',');
    }
}

impl Cells for Line<'_> {
    fn time(&mut self, _: Column, value: impl Fn(&Row) -> Option<Timestamp>) {
        if let Some(time) = value(self.row) {
            self.clock.write(time, self.text);
        }
        self.text.push(b',');
    }

    fn number(&mut self, _: Column, _: Width, value: impl Fn(&Row) -> Option<i64>) {
        self.cell(value(self.row), text::number);
    }

    fn flag(&mut self, _: Column, value: impl Fn(&Row) -> Option<bool>) {
        self.cell(value(self.row), |flag, out| out.extend_from_slice(text::flag(flag)));
    }

    fn word<W: Copy + PartialEq>(
        &mut self,
        _: Column,
        value: impl Fn(&Row) -> Option<W>,
        text: impl Fn(W) -> Cow<'static, str>,
    ) {
        let word = value(self.row).map(text);
        self.cell(word, |word, out| out.extend_from_slice(word.as_bytes()));
    }

    fn address(&mut self, _: Column, value: impl Fn(&Row) -> Option<Address>) {
        self.cell(value(self.row), text::address);
    }

    fn name(&mut self, _: Column) {
        self.cell(self.batch.name_of(self.row), |wire, out| text::name(wire, out, acts));
    }
}

/// Whether a spreadsheet or a reader of CSV would act on an octet of a name.
fn acts(octet: u8, first: bool) -> bool {
    match octet {
        b'"' | b',' | b';' => true,
        b'=' | b'+' | b'-' | b'@' => first,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_formula_or_a_second_cell() {
        for wire in [
            b"\x03=1+\x00".as_slice(),
            b"\x01+\x00",
            b"\x02-x\x00",
            b"\x02@x\x00",
            b"\x02\tx\x00",
            b"\x02\r\n\x00",
            b"\x06a\",\"=1\x00",
            b"\x04a;=1\x00",
            b"\x02 =\x00",
        ] {
            let mut text = Vec::new();
            text::name(wire, &mut text, acts);
            let text = String::from_utf8(text).unwrap();
            assert!(text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '\\'), "{text}");
            assert!(!text.contains(['"', ',', ';', '\t', '\r', '\n']), "{text}");
        }
    }

    #[test]
    fn hyphens_within_a_name_stay() {
        let mut text = Vec::new();
        text::name(b"\x03a-b\x02-c\x00", &mut text, acts);
        assert_eq!(text, b"a-b.-c");
    }
}
