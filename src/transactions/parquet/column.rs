//! A batch turned from rows to columns.

use std::borrow::Cow;

use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result};
use bytes::Bytes;

use crate::model::{Address, Timestamp};
use crate::transactions::row::{Batch, Cells, Column, Kind, Row, Width, cells, columns};
use crate::transactions::text;

/// The values of one column.
enum Values {
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
    Flags(Vec<bool>),
    Texts(Vec<ByteArray>),
}

/// A column of a batch.
struct Buffer {
    values: Values,
    /// 1 for a value, 0 for none: Parquet's definition levels.
    levels: Vec<i16>,
    nullable: bool,
}

impl Buffer {
    fn new((column, kind): (Column, Kind)) -> Buffer {
        let values = match kind {
            Kind::Number(Width::U16 | Width::U32) => Values::Narrow(Vec::new()),
            Kind::Time | Kind::Number(Width::I64) => Values::Wide(Vec::new()),
            Kind::Flag => Values::Flags(Vec::new()),
            Kind::Text => Values::Texts(Vec::new()),
        };
        Buffer { values, levels: Vec::new(), nullable: column.nullable }
    }

    /// Hands the values on to the column of the file.
    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<()> {
        let levels = self.nullable.then_some(self.levels.as_slice());
        match (&mut self.values, writer) {
            (Values::Narrow(values), ColumnWriter::Int32ColumnWriter(writer)) => {
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            (Values::Wide(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            (Values::Flags(values), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            (Values::Texts(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            _ => return Err(ParquetError::General("a column of another type".to_owned())),
        }
        self.levels.clear();
        Ok(())
    }
}

/// All columns of a batch.
pub(super) struct Table {
    columns: Vec<Buffer>,
    addresses: Addresses,
}

impl Table {
    pub(super) fn new() -> Table {
        let columns = columns().into_iter().map(Buffer::new).collect();
        Table { columns, addresses: Addresses::new() }
    }

    /// Hands a batch on to the columns of the file.
    pub(super) fn write(&mut self, batch: &Batch, writers: &mut [ColumnWriter<'_>]) -> Result<()> {
        let Table { columns, addresses } = self;
        cells(&mut Filling { batch, columns: columns.iter_mut(), addresses });
        columns.iter_mut().zip(writers).try_for_each(|(column, writer)| column.write(writer))
    }
}

/// The batch that is being turned, and the columns that are still to be filled.
struct Filling<'a> {
    batch: &'a Batch,
    columns: std::slice::IterMut<'a, Buffer>,
    addresses: &'a mut Addresses,
}

/// Puts the values there are into `values`, and where there are none into `levels`.
#[inline]
fn fill<T, U: Default>(
    rows: &[Row],
    values: &mut Vec<U>,
    levels: Option<&mut Vec<i16>>,
    value: impl Fn(&Row) -> Option<T>,
    mut put: impl FnMut(T) -> U,
) {
    if let Some(levels) = levels {
        values.reserve(rows.len());
        levels.reserve(rows.len());
        for row in rows {
            let value = value(row);
            levels.push(i16::from(value.is_some()));
            if let Some(value) = value {
                values.push(put(value));
            }
        }
    } else {
        // Every row has a value here: how many there will be is known, and room is made once.
        values.extend(rows.iter().map(|row| value(row).map_or_else(U::default, &mut put)));
    }
}

impl Cells for Filling<'_> {
    fn time(&mut self, column: Column, value: impl Fn(&Row) -> Option<Timestamp>) {
        self.number(column, Width::I64, |row| value(row).map(|time| time.0));
    }

    fn number(&mut self, _: Column, _: Width, value: impl Fn(&Row) -> Option<i64>) {
        let Some(Buffer { values, levels, nullable }) = self.columns.next() else { return };
        let levels = nullable.then_some(levels);
        match values {
            Values::Wide(values) => fill(self.batch.rows(), values, levels, value, |value| value),
            // An unsigned number of 32 bits is kept as the signed one with the same bits.
            Values::Narrow(values) => {
                fill(self.batch.rows(), values, levels, value, |value| value as i32);
            }
            Values::Flags(_) | Values::Texts(_) => {}
        }
    }

    fn flag(&mut self, _: Column, value: impl Fn(&Row) -> Option<bool>) {
        let Some(Buffer { values, levels, nullable }) = self.columns.next() else { return };
        if let Values::Flags(values) = values {
            fill(self.batch.rows(), values, nullable.then_some(levels), value, |value| value);
        }
    }

    fn word(&mut self, _: Column, value: impl Fn(&Row) -> Option<Cow<'static, str>>) {
        let Some(Buffer { values, levels, nullable }) = self.columns.next() else { return };
        if let Values::Texts(values) = values {
            fill(self.batch.rows(), values, nullable.then_some(levels), value, |word| {
                ByteArray::from(match word {
                    Cow::Borrowed(word) => Bytes::from_static(word.as_bytes()),
                    Cow::Owned(word) => Bytes::from(word),
                })
            });
        }
    }

    fn address(&mut self, _: Column, value: impl Fn(&Row) -> Option<Address>) {
        let Some(Buffer { values, levels, nullable }) = self.columns.next() else { return };
        if let Values::Texts(values) = values {
            let text = |address| self.addresses.text(address);
            fill(self.batch.rows(), values, nullable.then_some(levels), value, text);
        }
    }

    fn name(&mut self, _: Column) {
        let Some(Buffer { values, levels, .. }) = self.columns.next() else { return };
        let Values::Texts(values) = values else { return };
        // One allocation a batch: names are slices of it.
        let rows = self.batch.rows().len();
        let (mut text, mut ends) = (Vec::with_capacity(rows * TYPICAL), Vec::with_capacity(rows));
        for row in self.batch.rows() {
            let name = self.batch.name_of(row);
            levels.push(i16::from(name.is_some()));
            if let Some(wire) = name {
                text::name(wire, &mut text, |_, _| false);
                ends.push(text.len());
            }
        }
        let whole = Bytes::from(text);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let ranges = starts.zip(ends.iter());
        values.extend(ranges.map(|(start, &end)| ByteArray::from(whole.slice(start..end))));
    }
}

/// Octets of a name as text, a little above what is usual: longer ones make the buffer grow.
const TYPICAL: usize = 48;

/// Places for addresses that were written lately: a node has some hundred clients and servers.
const PLACES: usize = 1 << 10;

/// Addresses as text, kept for the next time.
struct Addresses {
    places: Vec<(Address, ByteArray)>,
}

impl Addresses {
    fn new() -> Addresses {
        let first = (Address::default(), ByteArray::from(Bytes::from_static(b"::")));
        Addresses { places: vec![first; PLACES] }
    }

    /// An address that shares its place with another takes the longer way and no more: which place
    /// it has need not be hard to guess.
    #[inline]
    fn text(&mut self, address: Address) -> ByteArray {
        let [high, low] = address.halves();
        let hash = (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (known, text) = &mut self.places[(hash >> 54) as usize];
        if *known != address {
            let mut written = Vec::new();
            text::address(address, &mut written);
            (*known, *text) = (address, ByteArray::from(written));
        }
        text.clone()
    }
}

const _: () = assert!(PLACES == 1 << (64 - 54), "a place is the upper ten bits of a hash");
