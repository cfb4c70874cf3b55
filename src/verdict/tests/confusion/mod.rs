//! Which verdict for which truth: every generated scenario from every useful vantage point, with
//! seeds that no other test uses. The table is kept in `docs/confusion.md`; `UPDATE_SNAPSHOTS=1` puts
//! what this build says there.

mod answers;
mod carriage;
mod further;
mod limits;
mod places;
mod scenario;
mod several;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Rng, Seen, Story, View};
use further::Further;
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

/// A scenario from one vantage point, and what is asked of it.
struct Case {
    scenario: &'static Scenario,
    further: Option<&'static Further>,
    view: View,
    shows: Shows,
}

/// All of them, in the order of the table.
fn cases() -> Vec<Case> {
    let plain = scenario::ALL.iter().chain(answers::ALL).chain(places::ALL).map(|one| (one, None));
    let further = [further::ALL, limits::ALL, carriage::ALL, several::ALL].into_iter().flatten();
    let further = further.map(|one| (&one.scenario, Some(one)));
    let views = plain.chain(further).flat_map(|(scenario, further)| {
        let views = scenario.views.iter();
        views.map(move |&(view, shows)| Case { scenario, further, view, shows })
    });
    views.collect()
}

impl Case {
    fn run(&self) -> Row {
        let Case { scenario, view, .. } = *self;
        let mut row = Row::default();
        for seed in SEEDS {
            let most = scenario.clients + 8;
            let clients = Rng(seed * 31 + view as u64).between(scenario.clients, most);
            let mut story = Story::new(seed, view, clients as usize);
            (scenario.tell)(&mut story);
            let seen = self.further.map_or(Story::judge as fn(&Story) -> Seen, |f| f.read)(&story);
            let (root, confidence) = verdict(&seen);
            row.verdicts.entry(root.to_owned()).or_default().push(confidence);
            let also = self.further.map_or(&[][..], |further| further.also);
            let beside = seen.0.findings.iter().map(|finding| (finding.cause, finding.normal));
            for (cause, normal) in beside {
                if cause != root && (!normal || also.contains(&cause)) {
                    *row.beside.entry(cause.to_owned()).or_default() += 1;
                }
            }
            let wrong = self.complaints(&seen);
            if !wrong.is_empty() {
                let at = format!("{} from {view:?}, seed {seed}", scenario.what);
                row.complaints.push(format!("{at}: {}: {}", wrong.join(", "), seen.words()));
            }
        }
        row
    }

    /// What is not as it has to be.
    fn complaints(&self, seen: &Seen) -> Vec<String> {
        let (root, confidence) = verdict(seen);
        let mut wrong = Vec::new();
        if !self.shows.accepts(self.scenario.truth, root) {
            wrong.push(format!("it is {root}"));
        }
        let Some(further) = self.further else { return wrong };
        let told = matches!(self.shows, Shows::Cause | Shows::Or(_));
        let demanded = if told { further.also } else { &[] };
        let missing = demanded.iter().filter(|cause| seen.find(cause).is_none());
        wrong.extend(missing.map(|cause| format!("no {cause}")));
        let extra = further.never.iter().filter(|cause| seen.find(cause).is_some());
        wrong.extend(extra.map(|cause| format!("{cause} is found")));
        if root != "none" && confidence > further.most {
            wrong.push(format!("too sure: {confidence}"));
        }
        wrong
    }
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
    let cases = cases();
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { break };
                    let row = case.run();
                    rows.lock().unwrap().insert(at, row);
                }
            });
        }
    });
    let (mut table, mut complaints) = (String::new(), Vec::new());
    for (case, row) in cases.iter().zip(rows.into_inner().unwrap().into_values()) {
        let _ = writeln!(table, "{}", row.line(case.scenario, case.view));
        complaints.extend(row.complaints);
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
