//! The architecture, enforced: which folder of `src/` may use which, what the core must not touch,
//! and how long a file may be. ARCHITECTURE.md gives the reasons in full.
//!
//! The scanner knows as much Rust as it needs: comments, literals, `use` trees, paths.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::{Code, is_test_file, module_path};

/// What each part may use, from the bottom up: only parts that stand before it. A new edge belongs
/// here, with its reason, or it is a mistake.
const LAYERS: &[(&str, &[&str], &str)] = &[
    ("model", &[], "plain values that every stage shares"),
    ("capture", &["model"], "readers know records and times, not what the bytes mean"),
    (
        "anonymize",
        &["capture", "model"],
        "a source around another: it knows packets as decode does, and shares no code with it, so that what \
         one forgets the other does not tell",
    ),
    ("decode", &["model"], "a pure function of one frame, and the two reassemblers"),
    ("matcher", &["decode", "model"], "ICMP errors are matched as decode quotes them"),
    ("classify", &["model"], "outcomes and lookups do not depend on how they were matched"),
    (
        "aggregate",
        &["classify", "decode", "matcher", "model"],
        "takes what the matcher tells; counts frames by why they were skipped, refusals by their kind",
    ),
    (
        "transactions",
        &["aggregate", "classify", "decode", "matcher", "model"],
        "beside the sums as they count, and formats that write to whatever takes bytes",
    ),
    ("context", &["model"], "texts of an operator to values: it knows nothing of packets"),
    ("confine", &[], "gives up rights of the process: it knows nothing of what that does"),
    ("node", &["context", "model"], "reads the node that a live capture runs on, into context"),
    (
        "verdict",
        &["aggregate", "classify", "context", "decode", "matcher", "model"],
        "reads the sums, in the words of the stages below, and holds them against the context",
    ),
    (
        "config",
        &["anonymize", "context", "model"],
        "plain settings: whoever needs one is handed it",
    ),
    (
        "pipeline",
        &["aggregate", "capture", "decode", "matcher", "model", "transactions"],
        "the only place with threads: it wires the stages and knows no verdict",
    ),
    (
        "report",
        &["aggregate", "capture", "model", "verdict"],
        "the document is made from the verdict's facts and from what the reader noted",
    ),
    (
        "error",
        &["anonymize", "capture", "confine", "context", "transactions"],
        "what can go wrong at the edges",
    ),
    (
        "analysis",
        &[
            "aggregate",
            "anonymize",
            "capture",
            "config",
            "context",
            "error",
            "pipeline",
            "report",
            "transactions",
            "verdict",
        ],
        "everything behind one call",
    ),
    (
        "live",
        &[
            "analysis",
            "anonymize",
            "capture",
            "config",
            "error",
            "model",
            "node",
            "pipeline",
            "report",
            "transactions",
            "verdict",
        ],
        "a run that goes on: capture, looks in between, signals; what the node tells goes beside",
    ),
    (
        "view",
        &["aggregate", "live", "model", "report", "transactions", "verdict"],
        "a look and what was heard of transactions, as a screen and as a stream",
    ),
    ("progress", &["report"], "shows figures as the report does"),
    (
        "cli",
        &[
            "analysis",
            "anonymize",
            "capture",
            "confine",
            "config",
            "context",
            "error",
            "live",
            "model",
            "node",
            "progress",
            "report",
            "transactions",
            "verdict",
            "view",
        ],
        "the only place that knows options, that reads files of context, and that opens those of rows",
    ),
];

/// Bytes and times in, values out; rows go to whatever takes bytes.
const CORE: &[&str] =
    &["model", "decode", "matcher", "classify", "aggregate", "transactions", "context", "verdict"];

/// What the core must not name, and why.
const NOT_IN_CORE: &[(&str, &str)] = &[
    ("std::fs", "the core does no I/O"),
    ("std::env", "settings are handed in"),
    ("std::process", "the core does no I/O"),
    ("std::net::TcpStream", "the core does no I/O"),
    ("std::net::TcpListener", "the core does no I/O"),
    ("std::net::UdpSocket", "the core does no I/O"),
    ("std::net::ToSocketAddrs", "it asks a resolver"),
    ("std::os", "the core is the same on every system"),
    ("std::thread", "threads live in pipeline"),
    ("crossbeam_channel", "threads live in pipeline"),
    ("std::time::Instant", "the capture's clock is the only clock"),
    ("std::time::SystemTime", "the capture's clock is the only clock"),
    ("clap", "options live in cli"),
    ("anyhow", "a library's errors are typed"),
];

/// Where anything may be printed: everybody else returns what there is to say.
const PRINTERS: &[&str] = &["cli", "progress"];

/// Files that may hold `unsafe`, with the reason.
const UNSAFE: &[(&str, &str)] = &[
    (
        "src/node/ethtool/ioctl.rs",
        "the counters of `ethtool -S` are told by an ioctl only, which no crate offers",
    ),
    ("src/capture/live/fanout.rs", "no safe crate sets PACKET_FANOUT: two calls of the C library"),
];

/// Lines of a file that one can keep in one's head; tests are read one at a time.
const MAX_LINES: usize = 350;
const MAX_TEST_LINES: usize = 700;

/// Longer files: how long they may be, and why they are not two.
const LONG: &[(&str, usize, &str)] = &[(
    "src/classify/lookup.rs",
    520,
    "the table of open lookups and the rules that join a question to one share every field",
)];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder, by path from the root of the project.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Names that lib.rs re-exports, with the module that they come from.
fn reexports() -> BTreeMap<String, String> {
    let lib = Code::of(&read(Path::new("src/lib.rs")));
    let pairs = lib.paths(&[]).into_iter().filter(|path| path.len() == 2);
    pairs.map(|path| (path[1].clone(), path[0].clone())).collect()
}

/// The parts that a file uses: first elements of its paths from the root of the crate.
fn parts_used(
    code: &Code,
    module: &[String],
    reexports: &BTreeMap<String, String>,
) -> BTreeSet<String> {
    let own = code.paths(module).into_iter().filter(|path| path[0] == "crate");
    own.filter_map(|path| path.get(1).cloned())
        .map(|name| reexports.get(&name).cloned().unwrap_or(name))
        .filter(|name| Some(name) != module.first())
        .collect()
}

/// Edges that the table does not allow.
fn forbidden_edges(part: &str, used: &BTreeSet<String>) -> Vec<String> {
    let Some((_, allowed, _)) = LAYERS.iter().find(|(name, ..)| *name == part) else {
        return vec![format!("{part} is not in the table of tests/layering.rs")];
    };
    used.iter()
        .filter(|name| !allowed.contains(&name.as_str()))
        .map(|name| format!("{part} must not use {name}"))
        .collect()
}

/// What a file of the core names that it must not.
fn forbidden_names(code: &Code, module: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for path in code.paths(module) {
        let path = path.join("::");
        for (name, why) in NOT_IN_CORE {
            let begins = path.strip_prefix(name);
            if begins.is_some_and(|rest| rest.is_empty() || rest.starts_with("::")) {
                found.push(format!("{path}: {why}"));
            }
        }
        if path.ends_with("Instant::now") || path.ends_with("SystemTime::now") {
            found.push(format!("{path}: the capture's clock is the only clock"));
        }
    }
    found
}

/// Where all pairs are gone through for those of one client or one server, which `verdict/ends` finds: done for
/// each of 32,768 pairs, that takes half a minute.
fn slow_searches(code: &Code) -> Vec<String> {
    let line = code.line();
    let of_all = ["client_pairs()", "upstream_pairs()", "counting.pairs.iter()"];
    let ways = [".filter(|", ".any(|", ".find(|"].map(|way| of_all.map(|all| [all, way].concat()));
    let searches = ways.as_flattened().iter().flat_map(|search| line.match_indices(search));
    let conditions = searches.map(|(at, search)| {
        let (start, mut depth) = (at + search.len(), 1);
        let end = line[start..].find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        &line[at..end.map_or(line.len(), |end| start + end)]
    });
    let ends = [".client==", ".server=="];
    let slow = conditions.filter(|condition| ends.iter().any(|end| condition.contains(end)));
    slow.map(|condition| format!("{condition}: pairs_of and pairs_to find these")).collect()
}

fn check(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}

#[test]
fn the_table_leads_one_way() {
    let mut below: Vec<&str> = Vec::new();
    for (part, allowed, why) in LAYERS {
        assert!(!why.is_empty());
        for used in *allowed {
            assert!(below.contains(used), "{part} may use {used}, which does not stand before it");
        }
        below.push(part);
    }
}

#[test]
fn every_part_uses_only_what_the_table_allows() {
    let reexports = reexports();
    let mut complaints = Vec::new();
    for path in rust_files("src") {
        let module = module_path(&path);
        // The root of the crate names everything, and main.rs is another crate.
        let Some(part) = module.first().filter(|_| !is_test_file(&path)) else { continue };
        let code = Code::of(&read(&path)).without_tests();
        let edges = forbidden_edges(part, &parts_used(&code, &module, &reexports));
        complaints.extend(edges.into_iter().map(|edge| format!("{}: {edge}", path.display())));
    }
    check(&complaints);
}

#[test]
fn the_core_is_pure() {
    let mut complaints = Vec::new();
    for path in rust_files("src") {
        let module = module_path(&path);
        let core = module.first().is_some_and(|part| CORE.contains(&part.as_str()));
        if !core || is_test_file(&path) {
            continue;
        }
        let code = Code::of(&read(&path)).without_tests();
        let names = forbidden_names(&code, &module);
        complaints.extend(names.into_iter().map(|name| format!("{}: {name}", path.display())));
    }
    check(&complaints);
}

#[test]
fn no_verdict_goes_through_all_pairs_for_one() {
    let mut complaints = Vec::new();
    for path in rust_files("src/verdict").into_iter().filter(|path| !is_test_file(path)) {
        let slow = slow_searches(&Code::of(&read(&path)).without_tests());
        complaints.extend(slow.into_iter().map(|search| format!("{}: {search}", path.display())));
    }
    check(&complaints);
}

#[test]
fn only_the_command_line_prints() {
    let mut complaints = Vec::new();
    for path in rust_files("src") {
        let module = module_path(&path);
        let may = module.first().is_some_and(|part| PRINTERS.contains(&part.as_str()));
        if !may && !is_test_file(&path) {
            let code = Code::of(&read(&path)).without_tests();
            let prints = code.printing();
            complaints.extend(prints.into_iter().map(|name| format!("{}: {name}", path.display())));
        }
    }
    check(&complaints);
}

#[test]
fn nothing_is_unsafe() {
    let mut complaints = Vec::new();
    for path in rust_files("src") {
        let listed = UNSAFE.iter().any(|(file, _)| Path::new(file) == path);
        if !listed && Code::of(&read(&path)).holds("unsafe") {
            complaints.push(format!("{} holds unsafe code", path.display()));
        }
    }
    check(&complaints);
}

#[test]
fn files_can_be_kept_in_mind() {
    let mut complaints = Vec::new();
    for path in ["src", "benches", "tests"].into_iter().flat_map(rust_files) {
        let lines = read(&path).lines().count();
        let listed = LONG.iter().find(|(file, ..)| Path::new(file) == path);
        let tests = is_test_file(&path) || path.starts_with("tests");
        let most = match listed {
            Some((_, most, _)) => *most,
            None if tests => MAX_TEST_LINES,
            None => MAX_LINES,
        };
        if lines > most {
            complaints.push(format!("{} has {lines} lines, more than {most}", path.display()));
        }
    }
    for (file, ..) in LONG {
        if !root().join(file).exists() {
            complaints.push(format!("{file} is listed as long, and is gone"));
        }
    }
    check(&complaints);
}

#[test]
fn names_say_what_is_inside() {
    let mut complaints = Vec::new();
    for path in ["src", "benches", "tests"].into_iter().flat_map(rust_files) {
        let empty = path.iter().filter_map(|name| Path::new(name).file_stem()?.to_str());
        let empty = empty.filter(|name| EMPTY_NAMES.contains(name));
        complaints.extend(empty.map(|name| format!("{}: {name} says nothing", path.display())));
    }
    check(&complaints);
}

#[test]
fn main_is_thin() {
    let path = Path::new("src/main.rs");
    let used: BTreeSet<_> = Code::of(&read(path))
        .paths(&[])
        .into_iter()
        .filter(|path| path[0] == "dnspect")
        .map(|path| path[1].clone())
        .collect();
    assert_eq!(used.into_iter().collect::<Vec<_>>(), ["cli"]);
    assert!(read(path).lines().count() <= 60);
}

/// The checks can fail: each of these was wrong once, somewhere.
mod the_checks {
    use super::*;

    fn used(code: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<String> = module.iter().map(|&name| name.to_owned()).collect();
        let reexports = [("analyse".to_owned(), "analysis".to_owned())].into();
        let code = Code::of(code).without_tests();
        parts_used(&code, &module, &reexports).into_iter().collect()
    }

    #[test]
    fn see_an_edge_against_the_stream() {
        let used = used("use crate::report::Format;", &["decode", "link"]);
        assert_eq!(
            forbidden_edges("decode", &used.into_iter().collect()),
            ["decode must not use report"]
        );
        assert_eq!(forbidden_edges("sniff", &BTreeSet::new()).len(), 1);
    }

    #[test]
    fn see_searches_that_go_through_all_pairs() {
        let slow = |code: &str| slow_searches(&Code::of(code)).len();
        let counting = "facts.aggregate.counting\n.pairs\n.iter()";
        assert_eq!(slow("facts.client_pairs().filter(|pair| pair.server == server)"), 1);
        assert_eq!(slow(&format!("{counting}.any(|p| p.all().sent > 0 && p.client == one)")), 1);
        assert_eq!(
            slow(&format!("{counting}.filter(|p| p.translated > 0).any(|p| p.server == a)")),
            0
        );
        assert_eq!(slow("facts.pairs_to(server).any(|pair| pair.client == client)"), 0);
    }

    #[test]
    fn see_through_use_trees_and_super() {
        let code = "use crate::{model::{Span, Address}, verdict as judge};
                    use super::super::cli::value; fn f() { crate::analyse(super::other()) }";
        assert_eq!(used(code, &["capture", "walk"]), ["analysis", "cli", "model", "verdict"]);
        assert!(used("use super::part; use crate::decode::x;", &["decode", "link"]).is_empty());
    }

    #[test]
    fn see_neither_comments_nor_strings_nor_tests() {
        let code = r##"
            //! [`crate::report`]
            /* crate::cli /* crate::error */ */
            const A: &str = "crate::report"; const B: &str = r#"crate::cli " x"#;
            fn f<'a>(x: &'a u8) -> char { '"' }
            #[cfg(test)]
            mod tests { use crate::pipeline::run; fn g() { { } } }
            use crate::model::Span;
        "##;
        assert_eq!(used(code, &["decode"]), ["model"]);
    }

    #[test]
    fn see_clocks_files_and_printing() {
        let module = ["matcher".to_owned()];
        let names = |code: &str| forbidden_names(&Code::of(code), &module).len();
        assert_eq!(names("use std::{fs::File, collections::HashMap};"), 1);
        assert_eq!(names("fn f() { let t = Instant::now(); }"), 1);
        assert_eq!(names("use std::net::{IpAddr, UdpSocket};"), 1);
        assert_eq!(names("use std::net::IpAddr; use std::fmt; use std::threads;"), 0);
        assert_eq!(Code::of("fn f() { eprintln!(\"x\"); writeln!(f) }").printing(), ["eprintln!"]);
        assert!(Code::of("unsafe { x() }").holds("unsafe"));
        assert!(!Code::of("// unsafe\nlet unsafer = \"unsafe\";").holds("unsafe"));
    }
}
