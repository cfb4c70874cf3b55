//! The formats as others read them: Python's own modules, DuckDB and PyArrow. Where one of them is not
//! installed its test says so and is skipped; `.ci/setup test` installs them in `target/python`, and
//! `DNSPECT_PYTHON` names another interpreter.

use std::path::{Path, PathBuf};
use std::process::Command;

use dnspect::transactions::Format;

/// A Python that has these modules.
fn python(modules: &[&str]) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let named = std::env::var_os("DNSPECT_PYTHON").map(PathBuf::from);
    let candidates = named.into_iter().chain([own, "python3".into()]);
    let import = format!("import {}", modules.join(", "));
    let found = candidates.into_iter().find(|python| {
        let output = Command::new(python).args(["-c", &import]).output();
        output.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        eprintln!("skipped: no Python here has {}", modules.join(" and "));
    }
    found
}

/// Has Python read the rows of a case, and compares what it says with the report.
fn read(modules: &[&str], format: Format, name: &str, program: &str) {
    let Some(python) = python(modules) else { return };
    for case in super::cases() {
        let (document, file) = super::analysed(&case, format, 2);
        let path = super::scratch(modules[0]).with_extension(name);
        std::fs::write(&path, file).unwrap();
        let output = Command::new(&python).args(["-c", program]).arg(&path).output().unwrap();
        std::fs::remove_file(path).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {error}", case.display());
        let document = serde_json::to_value(document).unwrap();
        let traffic = |name: &str| document["traffic"][name].as_u64().unwrap();
        let expected = [
            traffic("transactions"),
            traffic("answered"),
            traffic("unanswered"),
            traffic("pending_at_end"),
            traffic("late"),
        ];
        let text = String::from_utf8(output.stdout).unwrap();
        let counted: Vec<u64> = text.split_whitespace().map(|n| n.parse().unwrap()).collect();
        assert_eq!(counted, expected, "{}", case.display());
    }
}

/// What the programs print: rows, answered, unanswered, pending, late.
const COUNT: &str = "
def show(outcomes):
    n = lambda *names: sum(o in names for o in outcomes)
    print(len(outcomes), n('answered', 'late'), n('unanswered', 'rejected'), n('pending'), n('late'))
";

#[test]
fn python_reads_csv() {
    let program = format!(
        "import csv, sys, ipaddress, datetime\n{COUNT}
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
for row in rows:
    assert None not in row and None not in row.values(), row
    ipaddress.ip_address(row['client']), int(row['client_port']), int(row['query_frame'])
    datetime.datetime.strptime(row['first_sent'][:26], '%Y-%m-%dT%H:%M:%S.%f')
show([row['outcome'] for row in rows])"
    );
    read(&["csv"], Format::Csv, "csv", &program);
}

#[test]
fn python_reads_ndjson() {
    let program = format!(
        "import json, sys\n{COUNT}
rows = [json.loads(line) for line in open(sys.argv[1])]
assert len({{tuple(row) for row in rows}}) == 1, 'all keys in every line'
assert all(row['v'] == 1 and (row['latency_ns'] is None) == (row['rcode'] is None) for row in rows)
show([row['outcome'] for row in rows])"
    );
    read(&["json"], Format::Ndjson, "ndjson", &program);
}

#[cfg(feature = "parquet")]
#[test]
fn pyarrow_reads_parquet() {
    let program = format!(
        "import sys, pyarrow as pa, pyarrow.parquet as pq, pyarrow.compute as pc\n{COUNT}
table = pq.read_table(sys.argv[1])
assert table.schema.metadata[b'dnspect.schema'] == b'dnspect.transactions/1'
kind = lambda name: table.schema.field(name).type
assert kind('first_sent') == kind('answered_at') == pa.timestamp('ns', tz='UTC')
assert (kind('client_port'), kind('latency_ns'), kind('tc')) == (pa.uint16(), pa.int64(), pa.bool_())
assert kind('qname') == kind('client') == kind('outcome') == pa.string()
passed = pc.subtract(table['answered_at'].cast(pa.int64()), table['first_sent'].cast(pa.int64()))
assert pc.all(pc.equal(pc.max_element_wise(passed, 0, skip_nulls=False), table['latency_ns'])).as_py()
show(table['outcome'].to_pylist())"
    );
    read(&["pyarrow"], Format::Parquet, "parquet", &program);
}

#[test]
fn duckdb_reads_all_formats() {
    let program = "
import duckdb, sys
n = lambda names: f'count(*) filter (outcome in ({names}))'
counts = ', '.join(map(n, [\"'answered', 'late'\", \"'unanswered', 'rejected'\", \"'pending'\", \"'late'\"]))
rows = duckdb.sql(f\"select count(*), {counts} from '{sys.argv[1]}'\").fetchall()
print(*rows[0])
types = dict(duckdb.sql(f\"select column_name, column_type from (describe select * from '{sys.argv[1]}')\").fetchall())
assert types['first_sent'].startswith('TIMESTAMP'), types";
    read(&["duckdb"], Format::Csv, "csv", program);
    read(&["duckdb"], Format::Ndjson, "ndjson", program);
    #[cfg(feature = "parquet")]
    read(&["duckdb"], Format::Parquet, "parquet", program);
}

/// The questions of docs/transactions.md are questions that DuckDB answers.
#[cfg(feature = "parquet")]
#[test]
fn the_documented_questions_can_be_asked() {
    let Some(python) = python(&["duckdb"]) else { return };
    let document = include_str!("../../docs/transactions.md");
    let questions = document.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let readme = include_str!("../../README.md");
    let questions = format!(
        "{questions};{}",
        readme.split("```sql\n").nth(1).unwrap().split("```").next().unwrap()
    );
    let folder = super::scratch("questions");
    std::fs::create_dir_all(&folder).unwrap();
    let (_, file) = super::analysed(&super::cases()[0], Format::Parquet, 1);
    std::fs::write(folder.join("rows.parquet"), file).unwrap();
    let program = "
import duckdb, sys
questions = [q for q in sys.argv[1].split(';') if 'select' in q]
for question in questions:
    # Without a conversion to Python, which would ask for one more package.
    duckdb.sql('create or replace temp table answer as\\n' + question)
print(len(questions))";
    let mut command = Command::new(python);
    let output = command.current_dir(&folder).args(["-c", program, &questions]).output().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "6");
}
