//! A batch turned from rows to columns.

use std::borrow::Cow;

use super::bits::Bits;
use super::chunk::{Chunk, Values};
use super::dictionary::Dictionary;
use crate::model::{Address, NameHasher, Timestamp};
use crate::transactions::row::{Batch, Cells, Column, Row, Width, cells};
use crate::transactions::text;

/// Rows that are turned at a time: so few that they are in the first-level cache for every column, and a
/// word has a bit for each.
const FEW: usize = 64;

/// Words that a column remembers while the rows are turned: most columns have one or two.
const WORDS: usize = 4;

/// Appends a batch to the columns of a row group.
pub(super) fn append(batch: &Batch, hasher: &NameHasher, chunks: &mut [Chunk]) {
    for rows in batch.rows().chunks(FEW) {
        cells(&mut Turning { batch, rows, hasher, chunks: chunks.iter_mut() });
    }
}

/// The rows that are being turned, and the columns that are still to come.
struct Turning<'a> {
    batch: &'a Batch,
    rows: &'a [Row],
    hasher: &'a NameHasher,
    chunks: std::slice::IterMut<'a, Chunk>,
}

/// Takes the values there are, at most [`FEW`], and notes which rows have one, where it may be missing.
#[inline]
fn turn<T: Copy + Default>(
    rows: &[Row],
    present: Option<&mut Bits>,
    mut value: impl FnMut(&Row) -> Option<T>,
    take: impl FnOnce(&[T]),
) {
    let (mut found, mut count, mut word) = ([T::default(); FEW], 0, 0);
    for (at, row) in rows.iter().enumerate() {
        let value = value(row);
        // Written in any case, and overwritten by the next where it is none: no branch.
        found[count % FEW] = value.unwrap_or_default();
        count += usize::from(value.is_some());
        word |= u64::from(value.is_some()) << at;
    }
    if let Some(present) = present {
        present.push(word, rows.len());
    }
    take(&found[..count]);
}

impl Turning<'_> {
    /// Turns a column of texts: `index` finds that of a row, which the dictionary may get to know by it.
    fn texts(&mut self, mut index: impl FnMut(&Row, &mut Dictionary) -> Option<u32>) {
        let Some(Chunk { values, present, .. }) = self.chunks.next() else { return };
        let Values::Texts(dictionary, indices) = values else { return };
        let index = |row: &Row| index(row, dictionary);
        turn(self.rows, present.as_mut(), index, |found| indices.extend_from_slice(found));
    }
}

impl Cells for Turning<'_> {
    fn time(&mut self, column: Column, value: impl Fn(&Row) -> Option<Timestamp>) {
        self.number(column, Width::I64, |row| value(row).map(|time| time.0));
    }

    fn number(&mut self, _: Column, _: Width, value: impl Fn(&Row) -> Option<i64>) {
        let Some(Chunk { values, present, .. }) = self.chunks.next() else { return };
        turn(self.rows, present.as_mut(), value, |numbers| values.extend(numbers));
    }

    fn flag(&mut self, _: Column, value: impl Fn(&Row) -> Option<bool>) {
        let Some(Chunk { values, present, .. }) = self.chunks.next() else { return };
        let Values::Flags(bits, _) = values else { return };
        turn(self.rows, present.as_mut(), value, |flags| {
            let word = flags.iter().rev().fold(0, |word, &flag| word << 1 | u64::from(flag));
            bits.push(word, flags.len());
        });
    }

    fn word<W: Copy + PartialEq>(
        &mut self,
        _: Column,
        value: impl Fn(&Row) -> Option<W>,
        text: impl Fn(W) -> Cow<'static, str>,
    ) {
        let hasher = self.hasher;
        let (mut known, mut count) = ([None; WORDS], 0);
        self.texts(|row, dictionary| {
            let word = value(row)?;
            let seen = known[..count].iter().flatten().find(|(known, _)| *known == word);
            if let Some(&(_, index)) = seen {
                return Some(index);
            }
            let text = text(word);
            let octets = text.as_bytes();
            let new = |out: &mut Vec<u8>| out.extend_from_slice(octets);
            let index = dictionary.index(hasher.hash(octets), octets, new);
            if let Some(place) = known.get_mut(count) {
                *place = Some((word, index));
                count += 1;
            }
            Some(index)
        });
    }

    fn address(&mut self, _: Column, value: impl Fn(&Row) -> Option<Address>) {
        let hasher = self.hasher;
        let mut last = None;
        self.texts(|row, dictionary| {
            let address = value(row)?;
            if let Some((known, index)) = last
                && known == address
            {
                return Some(index);
            }
            let hash = hasher.hash_words(address.halves());
            let index = dictionary.index(hash, &address.0, |out| text::address(address, out));
            last = Some((address, index));
            Some(index)
        });
    }

    fn name(&mut self, _: Column) {
        let batch = self.batch;
        self.texts(|row, dictionary| {
            let name = batch.name_of(row)?;
            Some(dictionary.index(row.name_hash, name, |out| text::name(name, out, |_, _| false)))
        });
    }
}
