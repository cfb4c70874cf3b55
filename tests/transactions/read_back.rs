//! Reads the three formats back. Each into the same form: a row is its cells as text, by column.

use std::collections::BTreeMap;

use serde_json::Value;

/// The cells of a row that hold something.
pub(crate) type Row = BTreeMap<String, String>;

/// RFC 4180 without quotes, which this program never writes.
pub(crate) fn csv(file: &[u8]) -> Vec<Row> {
    let text = std::str::from_utf8(file).unwrap();
    assert!(text.ends_with("\r\n") && !text.contains('"'));
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), header.len(), "{line}");
        let pairs = header.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        pairs.map(|(&name, cell)| (name.to_owned(), cell.to_owned())).collect()
    };
    lines.map(row).collect()
}

pub(crate) fn ndjson(file: &[u8]) -> Vec<Row> {
    let text = std::str::from_utf8(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let row = |line: &str| {
        let Value::Object(mut object) = serde_json::from_str(line).unwrap() else {
            panic!("no object: {line}")
        };
        assert_eq!(object.remove("v"), Some(Value::from(1)));
        let cell = |(name, value): (String, Value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        };
        object.into_iter().filter_map(cell).collect()
    };
    text.lines().map(row).collect()
}

#[cfg(feature = "parquet")]
pub(crate) fn parquet(file: &[u8]) -> Vec<Row> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(file)).unwrap();
    let cell = |(name, field): (&String, &Field)| {
        let text = match field {
            Field::Null => return None,
            Field::Bool(flag) => flag.to_string(),
            Field::Int(number) => number.to_string(),
            Field::UInt(number) => number.to_string(),
            Field::UShort(number) => number.to_string(),
            Field::Long(number) if is_time(name) => dnspect::model::Timestamp(*number).to_string(),
            Field::Long(number) => number.to_string(),
            Field::Str(text) => text.clone(),
            other => panic!("{name}: {other:?}"),
        };
        Some((name.clone(), text))
    };
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_column_iter().filter_map(cell).collect()).collect()
}

/// Whether a column holds moments.
pub(crate) fn is_time(column: &str) -> bool {
    matches!(column, "first_sent" | "last_sent" | "answered_at")
}

/// A name without the escapes of its presentation form.
pub(crate) fn unescaped(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((&octet, tail)) = rest.split_first() {
        rest = match tail {
            [a @ b'0'..=b'9', b, c, tail @ ..] if octet == b'\\' => {
                octets.push((a - b'0') * 100 + (b - b'0') * 10 + (c - b'0'));
                tail
            }
            // A dot within a label is not the dot between two.
            [b'.', tail @ ..] if octet == b'\\' => {
                octets.extend_from_slice(b"\\.");
                tail
            }
            [escaped, tail @ ..] if octet == b'\\' => {
                octets.push(*escaped);
                tail
            }
            tail => {
                octets.push(octet);
                tail
            }
        };
    }
    octets
}

/// The rows with what may be written in several ways written in one.
pub(crate) fn normal(mut rows: Vec<Row>) -> Vec<Row> {
    for (name, cell) in rows.iter_mut().flatten() {
        if is_time(name) {
            *cell = cell.parse::<jiff::Timestamp>().unwrap().to_string();
        } else if name == "qname" {
            *cell = format!("{:?}", unescaped(cell));
        }
    }
    rows
}

#[test]
fn the_formats_say_the_same() {
    use dnspect::transactions::Format;
    let mut rows = 0;
    for path in super::cases() {
        let file = |format| super::analysed(&path, format, 1).1;
        let csv = normal(csv(&file(Format::Csv)));
        assert!(csv == normal(ndjson(&file(Format::Ndjson))), "{}", path.display());
        #[cfg(feature = "parquet")]
        assert!(csv == normal(parquet(&file(Format::Parquet))), "{}", path.display());
        rows += csv.len();
    }
    assert!(rows > 1_000);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_knows_its_schema_and_its_types() {
    use dnspect::transactions::{Format, SCHEMA};
    use parquet::basic::{Compression, Encoding, LogicalType, TimeUnit};
    use parquet::file::reader::{FileReader, SerializedFileReader};

    let path = super::long("schema");
    let (_, file) = super::analysed(&path, Format::Parquet, 2);
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let metadata = reader.metadata();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let version = pairs.iter().find(|pair| pair.key == "dnspect.schema").unwrap();
    assert_eq!(version.value.as_deref(), Some(SCHEMA));
    assert_eq!(metadata.file_metadata().num_rows(), 60_000);
    assert!(metadata.row_groups().iter().all(|group| group.num_rows() <= 1 << 16));
    for column in metadata.row_groups()[0].columns() {
        let name = column.column_path().string();
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{name}");
        let logical = column.column_descr().logical_type_ref();
        if is_time(&name) {
            assert_eq!(logical, Some(&LogicalType::timestamp(true, TimeUnit::NANOS)), "{name}");
        }
        if logical == Some(&LogicalType::String) {
            let dictionary = column.encodings().any(|one| one == Encoding::RLE_DICTIONARY);
            assert!(dictionary, "{name}");
        }
    }
    std::fs::remove_file(path).unwrap();
}
