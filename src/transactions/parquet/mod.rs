//! Apache Parquet: the columns of a row group are encoded and compressed side by side as batches come,
//! and appended to the file when it is full. What is held is one row group in its compressed form.
//!
//! Headers of pages and the list of row groups are written by the crate `parquet` (without Arrow, which would
//! treble its compile time). Its encoders are not used: they compare and hash every text and have a zstd for
//! each column, and a row took three times the instructions.

mod bits;
mod chunk;
mod column;
mod delta;
mod dictionary;

use std::io::{self, Write};
use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{Type, TypePtr};

use super::row::{Kind, Width, columns};
use super::{Batches, SCHEMA};
use crate::model::NameHasher;
use chunk::{Chunk, Zstd};

/// Rows of a row group: DuckDB reads row groups in parallel and makes its own of 122,880 rows. With some
/// 30 octets a row, one is held in 2 MiB; the list of row groups at the end of a file takes
/// 40 MB for a billion rows.
const ROW_GROUP: usize = 1 << 16;

/// Rows of a page: what a column holds of it before it is compressed stays in the second-level cache.
const PAGE: usize = 1 << 13;

/// Octets of a dictionary with which a row group ends too: 65,536 names of 60 characters. Names may be ten times
/// as long.
const DICTIONARY: usize = 4 << 20;

/// Writes all rows.
pub(super) fn write(batches: &mut dyn Batches, out: &mut (dyn Write + Send)) -> io::Result<()> {
    file(batches, out).map_err(|error| match error {
        // The crate wraps what the disk said.
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(inner) => *inner,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    })
}

fn file(batches: &mut dyn Batches, out: &mut (dyn Write + Send)) -> Result<()> {
    let mut file = SerializedFileWriter::new(out, schema()?, Arc::new(properties()))?;
    let columns = columns();
    let descriptions = file.schema_descr().columns();
    let mut chunks: Vec<Chunk> = columns
        .into_iter()
        .zip(descriptions)
        .map(|((column, kind), description)| Chunk::new(column, kind, description))
        .collect();
    let (hasher, mut zstd) = (NameHasher::random(), Zstd::new()?);
    let mut over = false;
    while !over {
        let (mut rows, mut rows_of_page) = (0, 0);
        let mut finish_page = |rows: &mut usize, chunks: &mut [Chunk]| {
            chunks.iter_mut().try_for_each(|chunk| chunk.finish_page(*rows, &mut zstd))?;
            *rows = 0;
            Ok::<_, ParquetError>(())
        };
        while rows < ROW_GROUP && chunks.iter().all(|chunk| chunk.dictionary() < DICTIONARY) {
            let Some(batch) = batches.next() else {
                over = true;
                break;
            };
            column::append(batch, &hasher, &mut chunks);
            rows += batch.rows().len();
            rows_of_page += batch.rows().len();
            if rows_of_page >= PAGE {
                finish_page(&mut rows_of_page, &mut chunks)?;
            }
        }
        if rows_of_page > 0 {
            finish_page(&mut rows_of_page, &mut chunks)?;
        }
        if rows > 0 {
            let mut group = file.next_row_group()?;
            for chunk in &mut chunks {
                let (octets, closed) = chunk.finish(&mut zstd)?;
                group.append_column(&octets, closed)?;
            }
            group.close()?;
        }
    }
    file.close()?;
    Ok(())
}

fn schema() -> Result<TypePtr> {
    let fields = columns().into_iter().map(|(column, kind)| {
        let (physical, logical) = match kind {
            Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
            Kind::Number(Width::U16) => (Physical::INT32, Some(LogicalType::integer(16, false))),
            Kind::Number(Width::U32) => (Physical::INT32, Some(LogicalType::integer(32, false))),
            Kind::Number(Width::I64) => (Physical::INT64, None),
            Kind::Flag => (Physical::BOOLEAN, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let field = Type::primitive_type_builder(column.name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()?;
        Ok(Arc::new(field))
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Type::group_type_builder("transaction").with_fields(fields).build()?))
}

fn properties() -> WriterProperties {
    let version = concat!("dnspect version ", env!("CARGO_PKG_VERSION"));
    let schema = KeyValue::new("dnspect.schema".to_owned(), SCHEMA.to_owned());
    WriterProperties::builder()
        .set_created_by(version.to_owned())
        .set_key_value_metadata(Some(vec![schema]))
        .set_offset_index_disabled(true)
        .build()
}

#[cfg(test)]
mod tests;
