//! Which verdict for which truth: every generated scenario from every useful vantage point, with
//! seeds that no other test uses. The table is kept in `docs/confusion.md`; `UPDATE_SNAPSHOTS=1` puts
//! what this build says there.

mod answers;
mod places;
mod scenario;

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Rng, Seen, Story, View};
use scenario::{Scenario, Shows};

/// Seeds of their own.
const SEEDS: std::ops::Range<u64> = 2_000..2_008;

/// What one scenario came to from one vantage point.
#[derive(Default)]
struct Row {
    /// Root causes, how often, and the confidences.
    verdicts: BTreeMap<String, Vec<f64>>,
    /// Faults found beside.
    beside: BTreeMap<String, u64>,
    /// What went wrong, in words.
    complaints: Vec<String>,
}

/// The root cause, as the table has it.
fn verdict(seen: &Seen) -> (&str, f64) {
    (seen.root(), seen.0.verdict.confidence)
}

fn run(scenario: &Scenario, view: View, shows: Shows) -> Row {
    let mut row = Row::default();
    for seed in SEEDS {
        let most = scenario.clients + 8;
        let clients = Rng(seed * 31 + view as u64).between(scenario.clients, most);
        let mut story = Story::new(seed, view, clients as usize);
        (scenario.tell)(&mut story);
        let seen = story.judge();
        let (root, confidence) = verdict(&seen);
        row.verdicts.entry(root.to_owned()).or_default().push(confidence);
        for fault in seen.faults().into_iter().filter(|fault| *fault != root) {
            *row.beside.entry(fault.to_owned()).or_default() += 1;
        }
        let nothing = shows == Shows::Something && ["none", "undetermined"].contains(&root);
        if root != scenario.truth && !nothing && shows != Shows::Or(root_code(root)) {
            let at = format!("{} from {view:?}, seed {seed}", scenario.what);
            row.complaints.push(format!("{at}: {}", seen.words()));
        }
    }
    row
}

/// The code as the registry has it.
fn root_code(root: &str) -> &'static str {
    crate::verdict::causes::find(root).map_or("", |cause| cause.code)
}

impl Row {
    /// One line of the table.
    fn line(&self, scenario: &Scenario, view: View) -> String {
        let runs = SEEDS.end - SEEDS.start;
        let said: Vec<String> = self
            .verdicts
            .iter()
            .map(|(root, all)| {
                let least = all.iter().copied().fold(f64::MAX, f64::min);
                let most = all.iter().copied().fold(0.0, f64::max);
                let range = if most - least < 0.005 {
                    format!("{most}")
                } else {
                    format!("{least}–{most}")
                };
                format!("`{root}` {}/{runs} ({range})", all.len())
            })
            .collect();
        let beside: Vec<String> =
            self.beside.iter().map(|(fault, count)| format!("`{fault}` {count}")).collect();
        format!(
            "| {} | `{}` | {} | {} | {} |",
            scenario.what,
            scenario.truth,
            place(view),
            said.join(", "),
            beside.join(", ")
        )
    }
}

fn place(view: View) -> &'static str {
    match view {
        View::Pod => "a pod",
        View::Node => "node, `any`",
        View::Eni => "ENI",
        View::Dns => "DNS pod",
    }
}

#[test]
fn generated_cases_get_their_verdict() {
    let (mut table, mut complaints) = (String::new(), Vec::new());
    for scenario in scenario::ALL.iter().chain(answers::ALL).chain(places::ALL) {
        for &(view, shows) in scenario.views {
            let row = run(scenario, view, shows);
            let _ = writeln!(table, "{}", row.line(scenario, view));
            complaints.extend(row.complaints);
        }
    }
    println!("{table}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/confusion.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (before, found) = document.split_once("<!-- generated -->\n").unwrap();
    if found != table && std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, format!("{before}<!-- generated -->\n{table}")).unwrap();
    } else {
        assert!(found == table, "docs/confusion.md says something else: UPDATE_SNAPSHOTS=1");
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
