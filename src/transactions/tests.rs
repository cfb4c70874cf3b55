//! The schema is a contract: what is documented is what is written.

use super::*;
use std::collections::BTreeSet;

/// Rows of the table in `docs/transactions.md` are "| `name` | type | null? | …".
#[test]
fn the_columns_are_the_documented_ones() {
    let document = include_str!("../../docs/transactions.md");
    let table = document.split("<!-- columns -->").nth(1).unwrap();
    let table = table.split("<!-- /columns -->").next().unwrap();
    let documented: Vec<(String, String, bool)> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned(), cells[3] == "yes")
        })
        .collect();
    let written: Vec<(String, String, bool)> = columns()
        .into_iter()
        .map(|(column, kind)| {
            let kind = match kind {
                Kind::Time => "time",
                Kind::Number(Width::U16) => "16 bits",
                Kind::Number(Width::U32) => "32 bits",
                Kind::Number(Width::I64) => "64 bits",
                Kind::Flag => "flag",
                Kind::Text => "text",
            };
            (column.name.to_owned(), kind.to_owned(), column.nullable)
        })
        .collect();
    assert_eq!(documented, written, "docs/transactions.md (left) and the program (right) differ");
    assert!(document.contains(SCHEMA));
    assert!(SCHEMA.ends_with("/1"), "the NDJSON lines say \"v\":1");
}

#[test]
fn columns_have_names_of_their_own() {
    let names: Vec<&str> = columns().iter().map(|(column, _)| column.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for (column, _) in columns() {
        assert_eq!(column.key, format!(",\"{}\":", column.name));
    }
}

#[test]
fn the_ending_tells_the_format() {
    let of = |name: &str| Format::of(Path::new(name));
    assert_eq!(of("a/rows.csv"), Ok(Format::Csv));
    assert_eq!(of("rows.NDJSON"), Ok(Format::Ndjson));
    for name in ["rows", "-", "rows.json", "rows.csv.gz", ".csv"] {
        assert_eq!(of(name), Err(FormatError::Unknown), "{name}");
    }
    let parquet =
        if cfg!(feature = "parquet") { Ok(Format::Parquet) } else { Err(FormatError::NotBuiltIn) };
    assert_eq!(of("rows.parquet"), parquet);
}
