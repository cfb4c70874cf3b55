//! A column of a row group in the making: values are encoded as they come, and pages compressed when they
//! are full.

use std::io;

use ::parquet::basic::{Compression, Encoding, PageType, ZstdLevel};
use ::parquet::column::page::{CompressedPage, Page, PageWriter as _};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::errors::Result;
use ::parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use ::parquet::file::statistics::Statistics;
use ::parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use ::parquet::schema::types::ColumnDescPtr;
use bytes::Bytes;

use super::bits::{Bits, indices, width};
use super::delta::Delta;
use super::dictionary::Dictionary;
use crate::transactions::row::{Column, Kind, Width};

/// The fastest of zstd's levels that compress in earnest: the time is taken from the analysis.
const LEVEL: i32 = 1;

/// A page that loses less than a tenth by compression stays as it is, and with it the others of its
/// row group: ports and IDs are random.
const WORTH: usize = 10;

/// The values of a page.
pub(super) enum Values {
    /// Times and frames rise, and other numbers are small or random: nothing repeats exactly.
    Numbers(Delta, Extremes),
    Flags(Bits, Extremes),
    /// Texts repeat: a page has indices. They have no extremes: every row group holds names from first to last.
    Texts(Dictionary, Vec<u32>),
}

/// The smallest and the largest value of a row group, by which readers skip row groups.
type Extremes = Option<(i64, i64)>;

fn widen(extremes: &mut Extremes, values: &[i64]) {
    let Some(&first) = values.first() else { return };
    let wider = |(least, most): (i64, i64), value: &i64| (least.min(*value), most.max(*value));
    *extremes = Some(values.iter().fold(extremes.unwrap_or((first, first)), wider));
}

impl Values {
    fn new(kind: Kind) -> Values {
        let narrow = match kind {
            Kind::Flag => return Values::Flags(Bits::default(), None),
            Kind::Text => return Values::Texts(Dictionary::default(), Vec::new()),
            Kind::Time | Kind::Number(Width::I64) => false,
            Kind::Number(Width::U16 | Width::U32) => true,
        };
        Values::Numbers(Delta::new(narrow), None)
    }

    /// Appends numbers; those of other kinds have none.
    pub(super) fn extend(&mut self, numbers: &[i64]) {
        let Values::Numbers(delta, extremes) = self else { return };
        widen(extremes, numbers);
        delta.extend(numbers);
    }

    fn encoding(&self) -> Encoding {
        match self {
            Values::Numbers(..) => Encoding::DELTA_BINARY_PACKED,
            Values::Flags(..) => Encoding::PLAIN,
            Values::Texts(..) => Encoding::RLE_DICTIONARY,
        }
    }

    /// Appends the values of a page to `out` and begins the next.
    fn finish_page(&mut self, out: &mut Vec<u8>) {
        match self {
            Values::Numbers(delta, _) => delta.finish(out),
            Values::Flags(bits, extremes) => {
                let seen = [(bits.unset(), 0), (bits.set(), 1)];
                for (_, flag) in seen.into_iter().filter(|&(count, _)| count > 0) {
                    widen(extremes, &[flag]);
                }
                bits.plain(out);
                bits.clear();
            }
            Values::Texts(dictionary, held) => {
                let width = width(dictionary.len().saturating_sub(1) as u64);
                out.push(width as u8);
                indices(held, width, out);
                held.clear();
            }
        }
    }

    /// What readers skip row groups by, and begins the next.
    fn finish_group(&mut self, nulls: u64) -> Option<Statistics> {
        let nulls = Some(nulls);
        Some(match self {
            Values::Flags(_, extremes) => {
                let [least, most] = ends(extremes).map(|end| end.map(|end| end > 0));
                Statistics::boolean(least, most, None, nulls, false)
            }
            Values::Numbers(delta, extremes) if delta.is_narrow() => {
                let [least, most] = ends(extremes).map(|end| end.map(|end| end as i32));
                Statistics::int32(least, most, None, nulls, false)
            }
            Values::Numbers(_, extremes) => {
                let [least, most] = ends(extremes);
                Statistics::int64(least, most, None, nulls, false)
            }
            Values::Texts(dictionary, _) => {
                dictionary.clear();
                return None;
            }
        })
    }
}

fn ends(extremes: &mut Extremes) -> [Option<i64>; 2] {
    let (least, most) = extremes.take().unzip();
    [least, most]
}

/// zstd, with one work space for all columns.
pub(super) struct Zstd {
    compressor: zstd::bulk::Compressor<'static>,
    /// A page as it was, and compressed.
    plain: Vec<u8>,
    compressed: Vec<u8>,
}

impl Zstd {
    pub(super) fn new() -> io::Result<Zstd> {
        let compressor = zstd::bulk::Compressor::new(LEVEL)?;
        Ok(Zstd { compressor, plain: Vec::new(), compressed: Vec::new() })
    }

    fn compress(&mut self, plain: &[u8]) -> io::Result<&[u8]> {
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        self.compressor.compress_to_buffer(plain, &mut self.compressed)?;
        Ok(&self.compressed)
    }
}

/// A column of a row group.
pub(super) struct Chunk {
    description: ColumnDescPtr,
    /// Which rows of the page have a value, where one may be missing.
    pub(super) present: Option<Bits>,
    pub(super) values: Values,
    pages: TrackedWrite<Vec<u8>>,
    sizes: Sizes,
    incompressible: bool,
}

/// What was written of a row group.
#[derive(Default)]
struct Sizes {
    rows: usize,
    nulls: usize,
    pages: i32,
    /// Octets of the pages, with their headers, before compression.
    plain: usize,
}

impl Chunk {
    pub(super) fn new(column: Column, kind: Kind, description: &ColumnDescPtr) -> Chunk {
        Chunk {
            description: ColumnDescPtr::clone(description),
            present: column.nullable.then(Bits::default),
            values: Values::new(kind),
            pages: TrackedWrite::new(Vec::new()),
            sizes: Sizes::default(),
            incompressible: false,
        }
    }

    /// Completes a page of so many rows.
    pub(super) fn finish_page(&mut self, rows: usize, zstd: &mut Zstd) -> Result<()> {
        let mut page = Vec::new();
        let mut nulls = 0;
        if let Some(present) = &mut self.present {
            present.runs(&mut page);
            nulls = rows - present.set();
            present.clear();
        }
        let levels = page.len();
        let mut plain = std::mem::take(&mut zstd.plain);
        plain.clear();
        self.values.finish_page(&mut plain);
        let mut values = plain.as_slice();
        if !self.incompressible {
            let compressed = zstd.compress(&plain)?;
            self.incompressible = compressed.len() + plain.len() / WORTH > plain.len();
            if !self.incompressible {
                values = compressed;
            }
        }
        page.extend_from_slice(values);
        let data = Page::DataPageV2 {
            buf: page.into(),
            num_values: rows as u32,
            encoding: self.values.encoding(),
            num_nulls: nulls as u32,
            num_rows: rows as u32,
            def_levels_byte_len: levels as u32,
            rep_levels_byte_len: 0,
            is_compressed: !self.incompressible,
            statistics: None,
        };
        let data = CompressedPage::new(data, levels + plain.len());
        zstd.plain = plain;
        let written = SerializedPageWriter::new(&mut self.pages).write_page(data)?;
        self.sizes.rows += rows;
        self.sizes.nulls += nulls;
        self.sizes.pages += 1;
        self.sizes.plain += written.uncompressed_size;
        Ok(())
    }

    /// Octets of the dictionary.
    pub(super) fn dictionary(&self) -> usize {
        match &self.values {
            Values::Texts(dictionary, _) => dictionary.plain().len(),
            _ => 0,
        }
    }

    /// Completes the column, whose pages are complete, and begins that of the next row group.
    pub(super) fn finish(&mut self, zstd: &mut Zstd) -> Result<(Bytes, ColumnCloseResult)> {
        let sizes = std::mem::take(&mut self.sizes);
        self.incompressible = false;
        let encoding = self.values.encoding();
        let mut encodings = vec![encoding, Encoding::RLE];
        let data =
            PageEncodingStats { page_type: PageType::DATA_PAGE_V2, encoding, count: sizes.pages };
        let mut pages = vec![data];
        let mut metadata = ColumnChunkMetaData::builder(ColumnDescPtr::clone(&self.description))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
            .set_num_values(sizes.rows as i64);
        let mut dictionary_size = 0;
        let mut chunk = TrackedWrite::new(Vec::new());
        if let Values::Texts(dictionary, _) = &self.values {
            let encoding = Encoding::PLAIN;
            encodings.push(encoding);
            let stats =
                PageEncodingStats { page_type: PageType::DICTIONARY_PAGE, encoding, count: 1 };
            pages.insert(0, stats);
            let page = Page::DictionaryPage {
                buf: Bytes::copy_from_slice(zstd.compress(dictionary.plain())?),
                num_values: dictionary.len() as u32,
                encoding,
                is_sorted: false,
            };
            let page = CompressedPage::new(page, dictionary.plain().len());
            let written = SerializedPageWriter::new(&mut chunk).write_page(page)?;
            dictionary_size = written.uncompressed_size;
            metadata = metadata.set_dictionary_page_offset(Some(0));
        }
        if let Some(statistics) = self.values.finish_group(sizes.nulls as u64) {
            metadata = metadata.set_statistics(statistics);
        }
        let begin = chunk.bytes_written();
        let mut chunk = chunk.into_inner()?;
        let data = std::mem::replace(&mut self.pages, TrackedWrite::new(Vec::new()));
        chunk.append(&mut data.into_inner()?);
        let metadata = metadata
            .set_encodings(encodings)
            .set_page_encoding_stats(pages)
            .set_data_page_offset(begin as i64)
            .set_total_compressed_size(chunk.len() as i64)
            .set_total_uncompressed_size((sizes.plain + dictionary_size) as i64)
            .build()?;
        let closed = ColumnCloseResult {
            bytes_written: chunk.len() as u64,
            rows_written: sizes.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((chunk.into(), closed))
    }
}
