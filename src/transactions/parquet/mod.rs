//! Apache Parquet: the columns of a row group are encoded and compressed side by side as batches come,
//! and appended to the file when it is full. What is held is one row group in its compressed form.
//!
//! Written with the crate `parquet` without Arrow: there are no arrays to convert from, and Arrow would
//! treble its compile time.

mod column;

use std::io::{self, Write};
use std::sync::Arc;

use ::parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel,
};
use ::parquet::column::writer::{ColumnWriter, get_column_writer};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use ::parquet::schema::types::{ColumnPath, Type, TypePtr};
use bytes::Bytes;

use super::row::{Kind, Width, columns};
use super::{Batches, SCHEMA};
use column::Table;

/// Rows of a row group: DuckDB reads row groups in parallel and makes its own of 122,880 rows. With some
/// 30 octets a row, one is held in 2 MiB; the list of row groups at the end of a file takes
/// 40 MB for a billion rows.
const ROW_GROUP: usize = 1 << 16;

/// Rows of a page: zstd's work space grows with what it compresses at a time, and each column has its own.
const PAGE: usize = 1 << 13;

/// The fastest of zstd's levels that compress in earnest: the time is taken from the analysis.
const LEVEL: i32 = 1;

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
    let properties = Arc::new(properties()?);
    let mut file = SerializedFileWriter::new(out, schema()?, Arc::clone(&properties))?;
    let descriptions = file.schema_descr().columns().to_vec();
    let mut table = Table::new();
    let mut over = false;
    while !over {
        let mut chunks: Vec<TrackedWrite<Vec<u8>>> =
            descriptions.iter().map(|_| TrackedWrite::new(Vec::new())).collect();
        let pairs = descriptions.iter().zip(&mut chunks);
        let mut writers: Vec<ColumnWriter<'_>> = pairs
            .map(|(description, chunk)| {
                let pages = Box::new(SerializedPageWriter::new(chunk));
                get_column_writer(Arc::clone(description), Arc::clone(&properties), pages)
            })
            .collect();
        let mut rows = 0;
        while rows < ROW_GROUP {
            let Some(batch) = batches.next() else {
                over = true;
                break;
            };
            rows += batch.rows().len();
            table.write(batch, &mut writers)?;
        }
        let closed: Vec<_> = writers.into_iter().map(ColumnWriter::close).collect::<Result<_>>()?;
        if rows > 0 {
            let mut group = file.next_row_group()?;
            for (chunk, close) in chunks.into_iter().zip(closed) {
                group.append_column(&Bytes::from(chunk.into_inner()?), close)?;
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

fn properties() -> Result<WriterProperties> {
    let version = concat!("dnspect version ", env!("CARGO_PKG_VERSION"));
    let schema = KeyValue::new("dnspect.schema".to_owned(), SCHEMA.to_owned());
    let mut properties = WriterProperties::builder()
        .set_created_by(version.to_owned())
        .set_key_value_metadata(Some(vec![schema]))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_data_page_row_count_limit(PAGE)
        // Row groups are skipped by their times and frames. Pages are not looked at one by one.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for (column, kind) in columns() {
        let path = ColumnPath::from(column.name);
        properties = match kind {
            // Times and frames rise, and the others are small or random: nothing repeats exactly.
            Kind::Time | Kind::Number(_) => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Kind::Flag => properties.set_column_dictionary_enabled(path, false),
            // Every row group holds names from first to last: their extremes would skip nothing.
            Kind::Text => properties
                .set_column_dictionary_enabled(path.clone(), true)
                .set_column_statistics_enabled(path, EnabledStatistics::None),
        };
    }
    Ok(properties.build())
}
