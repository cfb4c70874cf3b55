//! What the documents promise is there: causes, options, files, and the bounds by their names.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dnspect::config::Config;
use dnspect::report::{self, Format, Options};
use dnspect::verdict::causes;

/// What the sample in README.md shows.
const SAMPLE: &str = "captures/upstream-blocked/node2-any.pcap";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The part of a document between `<!-- name -->` and `<!-- /name -->`.
fn part(document: &str, name: &str) -> String {
    let rest = document.split(&format!("<!-- {name} -->")).nth(1).unwrap();
    rest.split(&format!("<!-- /{name} -->")).next().unwrap().to_owned()
}

#[test]
fn the_table_of_causes_is_the_registry() {
    let table = part(&read("README.md"), "causes");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let listed: BTreeSet<(&str, &str)> =
        rows.map(|(code, rest)| (code, rest.split(" | ").next().unwrap())).collect();
    let known: BTreeSet<(&str, &str)> =
        causes::ALL.iter().map(|cause| (cause.code, cause.category)).collect();
    assert_eq!(listed, known, "README.md (left) and dnspect explain (right) differ");
}

/// `UPDATE_SNAPSHOTS=1 cargo test --test readme` puts today's report there.
#[test]
fn the_sample_is_what_the_command_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document =
        dnspect::analyse(&[root.join(SAMPLE)], &Config::default(), &mut |_, _, _| {}).unwrap();
    let mut report = Vec::new();
    report::write(&document, Format::Text, &Options::default(), &mut report).unwrap();
    let report = String::from_utf8(report).unwrap();
    // The rest is long: the readme says what it is.
    let beginning = report.split("\nNormal here").next().unwrap().trim_end();
    let wanted = format!("\n```\n$ dnspect read {SAMPLE}\n{beginning}\n```\n");
    let readme = read("README.md");
    let found = part(&readme, "sample");
    if found != wanted && std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(root.join("README.md"), readme.replace(&found, &wanted)).unwrap();
        return;
    }
    assert_eq!(found, wanted, "UPDATE_SNAPSHOTS=1 cargo test --test readme puts it right");
}

#[test]
fn every_option_that_is_shown_exists() {
    let help = read("tests/snapshots/help-read.txt") + &read("tests/snapshots/help-live.txt");
    // The sample has commands of others in it.
    let readme = read("README.md").replace(&part(&read("README.md"), "sample"), "");
    // Options of other programs stand in the same examples.
    let foreign = ["--path", "--no-default-features"];
    let words = readme.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    for option in words.filter(|word| word.starts_with("--") && word.len() > 3) {
        let rule = option.chars().all(|c| c == '-');
        let known = help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n"));
        assert!(rule || known || foreign.contains(&option), "dnspect has no {option}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = read(document);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(target.split('#').next().unwrap());
            let local = !target.contains("://");
            assert!(!local || path.exists(), "{document} links to {target}, which is not there");
        }
    }
}

/// The line of `src/` that defines a constant, in a file or in any file of a folder.
fn definition(place: &str, name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(place);
    let files: Vec<_> = if path.is_dir() {
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect()
    } else {
        vec![path]
    };
    let wanted = format!("const {name}:");
    files.iter().filter(|file| file.is_file()).find_map(|file| {
        let source = fs::read_to_string(file).ok()?;
        source.lines().find(|line| line.contains(&wanted)).map(str::to_owned)
    })
}

/// Rows of the table of bounds are `| place | name | value | …`: the source must define the name
/// with that value, as it is written there.
#[test]
fn the_table_of_bounds_is_that_of_the_source() {
    let table = part(&read("ARCHITECTURE.md"), "bounds");
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let [place, name, value, ..] = quoted[..] else { panic!("no place, name, value: {line}") };
        let definition = definition(place, name);
        let definition = definition.unwrap_or_else(|| panic!("{place} defines no {name}"));
        let found = definition.split(" = ").nth(1).unwrap().trim_end_matches(';');
        assert_eq!(found, value, "{name} of {place}");
        rows += 1;
    }
    assert!(rows > 20);
}

/// Constants that look like bounds of memory and are none, or are part of one in the table.
const NO_BOUNDS: &[(&str, &str)] = &[
    ("MAX_BLOCK_SIZE", "of a setting"),
    ("MAX_PAYLOAD", "of IP itself"),
    ("MAX_REPORTS", "is MAX_DATAGRAMS"),
    ("MAX_SPARE_CAPACITY", "of each of MAX_SPARE"),
    ("MAX_THREADS", "of a setting"),
    ("MAX_WIDTH", "of a page"),
];

#[test]
fn every_bound_is_in_the_table() {
    let table = part(&read("ARCHITECTURE.md"), "bounds");
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            let names = source.lines().filter_map(|line| line.split_once("const MAX_"));
            for name in
                names.filter_map(|(_, rest)| Some(format!("MAX_{}", rest.split_once(':')?.0)))
            {
                let listed = table.contains(&format!("`{name}`"));
                let none = NO_BOUNDS.iter().any(|(known, _)| *known == name);
                assert!(listed || none, "{}: {name} is not in ARCHITECTURE.md", path.display());
            }
        }
    }
}
