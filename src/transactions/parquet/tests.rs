//! Written here, read by the crate's reader, with numbers and names that no capture of the lab has.

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, RowAccessor as _};

use super::super::row::{Batch, Fate, Response, Row};
use super::*;
use crate::classify::Zone;
use crate::matcher::Transport;
use crate::model::{Address, Endpoint, Rcode, Timestamp, display_name};
use bytes::Bytes;

/// Batches made one after the other, of so many rows each.
struct Made<F> {
    batch: Batch,
    rows: std::vec::IntoIter<usize>,
    number: u64,
    row: F,
}

impl<F: FnMut(u64) -> (Row, Vec<u8>)> Batches for Made<F> {
    fn next(&mut self) -> Option<&Batch> {
        self.batch.clear();
        for _ in 0..self.rows.next()? {
            let (row, name) = (self.row)(self.number);
            self.number += 1;
            let name = self.batch.keep_name(&name);
            self.batch.push(Row { name, ..row });
        }
        Some(&self.batch)
    }
}

fn written(
    rows: Vec<usize>,
    row: impl FnMut(u64) -> (Row, Vec<u8>),
) -> SerializedFileReader<Bytes> {
    let mut made = Made { batch: Batch::default(), rows: rows.into_iter(), number: 0, row };
    let mut file = Vec::new();
    write(&mut made, &mut file).unwrap();
    SerializedFileReader::new(Bytes::from(file)).unwrap()
}

/// Something else for each number.
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

fn row(number: u64) -> (Row, Vec<u8>) {
    let mixed = mixed(number);
    let client = Address::from_v4([10, 0, (mixed >> 8) as u8, mixed as u8]);
    let response = Response {
        time: Timestamp(mixed as i64),
        frame: number + 1,
        rcode: Rcode((mixed % 23) as u16),
        truncated: number % 1000 == 7,
        authoritative: mixed.is_multiple_of(2),
        recursion_available: true,
        answers: mixed as u16,
        size: (!mixed.is_multiple_of(3)).then_some((mixed >> 32) as u32),
        extended_error: None,
    };
    let row = Row {
        first_sent: Timestamp(-(number as i64)),
        last_sent: Timestamp(i64::MAX - number as i64),
        client: Endpoint { address: client, port: mixed as u16 },
        server: Endpoint::default(),
        backend: None,
        transport: Transport::Udp,
        id: (mixed >> 16) as u16,
        opcode: 0,
        question: (number % 90 < 80).then_some(((mixed % 7) as u16, 1)),
        zone: Zone::External,
        fate: Fate::Answered,
        response: (number % 300 > 200).then_some(response),
        retransmissions: 0,
        edns_size: None,
        reused_port: number == 70_000,
        query_frame: number,
        name: (0, 0),
        name_hash: mixed % 4096,
    };
    // Two names for each hash.
    let name = format!("\x06n{:05}\0", mixed % 8192).into_bytes();
    (row, if number.is_multiple_of(5) { Vec::new() } else { name })
}

#[test]
fn what_is_read_is_what_was_written() {
    // More than a row group, in batches that end in the middle of whatever there is.
    let sizes: Vec<usize> =
        (0..130).map(|batch| [1024, 1, 700, 63][batch % 4]).chain([1024; 40]).collect();
    let file = written(sizes.clone(), row);
    let rows = sizes.iter().sum::<usize>();
    assert_eq!(file.metadata().file_metadata().num_rows() as usize, rows);
    assert_eq!(file.num_row_groups(), rows.div_ceil(ROW_GROUP + 1));
    let mut numbers = 0..;
    for (found, number) in file.get_row_iter(None).unwrap().zip(&mut numbers) {
        let (found, (row, name)) = (found.unwrap(), row(number));
        let expect = |at: usize, expected: Option<Field>| {
            let (column, field) = found.get_column_iter().nth(at).unwrap();
            assert_eq!(*field, expected.unwrap_or(Field::Null), "{column} of row {number}");
        };
        let answer = row.response.as_ref();
        expect(0, Some(Field::Long(row.first_sent.0)));
        expect(1, Some(Field::Long(row.last_sent.0)));
        expect(2, answer.map(|answer| Field::Long(answer.time.0)));
        expect(4, Some(Field::Str("answered".to_owned())));
        expect(5, answer.map(|answer| Field::Str(answer.rcode.mnemonic().into_owned())));
        expect(6, Some(Field::Str(row.client.address.to_string())));
        expect(7, Some(Field::UShort(row.client.port)));
        expect(8, Some(Field::Str("::".to_owned())));
        expect(10, None);
        expect(12, Some(Field::UShort(row.id)));
        expect(14, (!name.is_empty()).then(|| Field::Str(display_name(&name))));
        expect(16, row.question.map(|_| Field::Str("IN".to_owned())));
        assert_eq!(found.get_bool(19).unwrap(), row.reused_port);
        expect(21, answer.map(|answer| Field::Bool(answer.truncated)));
        expect(22, answer.map(|answer| Field::Bool(answer.authoritative)));
        expect(24, answer.map(|answer| Field::UShort(answer.answers)));
        expect(25, answer.and_then(|answer| Some(Field::UInt(answer.size?))));
        expect(26, None);
        expect(28, answer.map(|answer| Field::Long(answer.frame as i64)));
    }
    assert_eq!(numbers.next(), Some(rows as u64));
}

#[test]
fn readers_can_skip_row_groups() {
    let file = written(vec![1024; 2], row);
    let group = file.metadata().row_group(0);
    let statistics = |at: usize| group.column(at).statistics().unwrap();
    let ends = |at: usize| {
        let statistics = statistics(at);
        [statistics.min_bytes_opt().unwrap().to_vec(), statistics.max_bytes_opt().unwrap().to_vec()]
    };
    assert_eq!(ends(27), [0_i64, 2047].map(|frame| frame.to_le_bytes().to_vec()));
    assert_eq!(ends(0), [-2047_i64, 0].map(|time| time.to_le_bytes().to_vec()));
    let sizes = (0..2048).filter_map(|number| row(number).0.response?.size);
    let widest =
        [sizes.clone().min(), sizes.max()].map(|size| size.unwrap().to_le_bytes().to_vec());
    assert_eq!(ends(25), widest, "unsigned");
    assert_eq!(ends(19), [[0], [0]]);
    assert_eq!(ends(21), [[0], [1]]);
    let answers = (0..2048).filter(|number| number % 300 > 200).count();
    assert_eq!(statistics(28).null_count_opt(), Some(2048 - answers as u64));
    assert_eq!(statistics(26).null_count_opt(), Some(2048));
    assert!(group.columns().iter().all(|column| column.compression_codec().to_string() == "ZSTD"));
}

#[test]
fn a_row_group_ends_before_its_names_take_too_much() {
    // Names of 250 octets, each of which takes four characters.
    let long = |number: u64| {
        let label = |n: u64| {
            [
                vec![60],
                [number, n]
                    .map(|n| mixed(n + 1) | 0x8080_8080_8080_8080)
                    .map(u64::to_le_bytes)
                    .concat(),
                vec![0xff; 44],
            ]
            .concat()
        };
        let name = [label(1), label(2), label(3), label(4), vec![0]].concat();
        (Row { name_hash: number, ..row(number).0 }, name)
    };
    let file = written(vec![1024; 20], long);
    for group in file.metadata().row_groups() {
        let name = group.column(14);
        assert!(
            name.uncompressed_size() < (DICTIONARY as i64) * 3 / 2,
            "{}",
            name.uncompressed_size()
        );
    }
    assert!(file.num_row_groups() > 3);
    for (number, found) in (0..).zip(file.get_row_iter(None).unwrap()) {
        assert_eq!(*found.unwrap().get_string(14).unwrap(), display_name(&long(number).1));
    }
}

#[test]
fn no_rows_are_a_file_too() {
    let file = written(Vec::new(), row);
    assert_eq!((file.num_row_groups(), file.get_row_iter(None).unwrap().count()), (0, 0));
    let file = written(vec![0, 1], row);
    assert_eq!((file.num_row_groups(), file.get_row_iter(None).unwrap().count()), (1, 1));
}
