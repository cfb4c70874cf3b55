//! What whoever watches has asked for, and what keys do.

use std::cmp::Reverse;

use super::glance::{Glance, Row};
use crate::verdict::causes;

/// Letters of a filter: a name has no more.
const MAX_FILTER: usize = 255;

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Press {
    Letter(char),
    Enter,
    Escape,
    Backspace,
    Next,
    Previous,
    PageDown,
    PageUp,
    Interrupt,
    Other,
}

/// What has to be done by whoever can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing but to draw anew.
    Draw,
    /// To end the capture.
    End,
    /// To write the report so far to a file.
    Export,
}

/// What the tables are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Questions.
    #[default]
    Questions,
    /// Questions without an answer, then failures.
    Losses,
    /// Mean latency.
    Latency,
}

impl Sort {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Sort::Questions => "questions",
            Sort::Losses => "losses",
            Sort::Latency => "latency",
        }
    }

    fn next(self) -> Sort {
        match self {
            Sort::Questions => Sort::Losses,
            Sort::Losses => Sort::Latency,
            Sort::Latency => Sort::Questions,
        }
    }
}

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All panels.
    #[default]
    Overview,
    /// The same while a filter is typed; the filter that was there before.
    Filter(String),
    /// The explanation of a cause, from this line on.
    Explanation(&'static str, usize),
    /// The keys.
    Help,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What is shown stays as it is; the capture goes on.
    pub paused: bool,
    /// What the tables are sorted by.
    pub sort: Sort,
    /// Only what holds this, without case.
    pub filter: String,
    /// The cause that is selected, if one was.
    pub selected: Option<&'static str>,
    /// What is shown.
    pub mode: Mode,
    /// Something to say once; the next key takes it away.
    pub notice: Option<String>,
}

impl State {
    /// Takes a key.
    pub fn press(&mut self, key: Press, glance: Option<&Glance>) -> Action {
        self.notice = None;
        if key == Press::Interrupt {
            return Action::End;
        }
        match &mut self.mode {
            Mode::Overview => return self.in_overview(key, glance),
            Mode::Filter(before) => match key {
                Press::Enter => self.mode = Mode::Overview,
                Press::Escape => {
                    self.filter = std::mem::take(before);
                    self.mode = Mode::Overview;
                }
                Press::Backspace => {
                    self.filter.pop();
                }
                Press::Letter(letter) if self.filter.len() < MAX_FILTER => self.filter.push(letter),
                _ => {}
            },
            Mode::Explanation(_, line) => match key {
                Press::Next => *line += 1,
                Press::Previous => *line = line.saturating_sub(1),
                Press::PageDown | Press::Letter(' ') => *line += 10,
                Press::PageUp => *line = line.saturating_sub(10),
                _ => self.mode = Mode::Overview,
            },
            Mode::Help => self.mode = Mode::Overview,
        }
        Action::Draw
    }

    fn in_overview(&mut self, key: Press, glance: Option<&Glance>) -> Action {
        match key {
            Press::Letter('q') => return Action::End,
            Press::Letter('x') => return Action::Export,
            Press::Letter('p' | ' ') => self.paused = !self.paused,
            Press::Letter('s') => self.sort = self.sort.next(),
            Press::Letter('/') => self.mode = Mode::Filter(std::mem::take(&mut self.filter)),
            Press::Letter('?' | 'h') => self.mode = Mode::Help,
            Press::Letter('e') | Press::Enter => self.explain(glance),
            Press::Next => self.select(glance, 1),
            Press::Previous => self.select(glance, -1),
            Press::Escape => self.filter.clear(),
            _ => {}
        }
        Action::Draw
    }

    /// The place of the selected finding.
    pub fn place(&self, glance: &Glance) -> Option<usize> {
        let known = glance.findings.iter().position(|f| Some(f.cause) == self.selected);
        known.or((!glance.findings.is_empty()).then_some(0))
    }

    fn select(&mut self, glance: Option<&Glance>, step: isize) {
        let Some(glance) = glance else { return };
        let Some(place) = self.place(glance) else { return };
        let next = place.saturating_add_signed(step).min(glance.findings.len() - 1);
        // Several findings may have one cause: a step goes to the next other one.
        let mut next = next;
        while next + 1 < glance.findings.len()
            && step > 0
            && glance.findings[next].cause == glance.findings[place].cause
        {
            next += 1;
        }
        self.selected = Some(glance.findings[next].cause);
    }

    fn explain(&mut self, glance: Option<&Glance>) {
        let finding = glance.and_then(|glance| glance.findings.get(self.place(glance)?));
        match finding.and_then(|finding| causes::find(finding.cause)) {
            Some(cause) => self.mode = Mode::Explanation(cause.code, 0),
            None => self.notice = Some("There is no finding to explain yet.".to_owned()),
        }
    }

    /// Whether something is shown that holds the filter.
    pub fn shows(&self, text: &str) -> bool {
        self.filter.is_empty() || text.to_lowercase().contains(&self.filter.to_lowercase())
    }

    /// The first `most` rows in the order asked for, as far as the filter lets them through.
    pub fn top<'g>(
        &self,
        rows: &'g [Row],
        label: impl Fn(&Row) -> String,
        most: usize,
    ) -> Vec<(&'g Row, String)> {
        let mut shown: Vec<&Row> = rows.iter().collect();
        let key = |row: &&Row| {
            let tally = &row.tally;
            let rank = match self.sort {
                Sort::Questions => (tally.questions, 0),
                Sort::Losses => (tally.lost, tally.failed),
                Sort::Latency => (tally.mean_us().unwrap_or(0), tally.answered),
            };
            (Reverse(rank), Reverse(tally.questions))
        };
        let order = |a: &&Row, b: &&Row| key(a).cmp(&key(b)).then_with(|| a.key.cmp(&b.key));
        if self.filter.is_empty() {
            if shown.len() > most && most > 0 {
                shown.select_nth_unstable_by(most - 1, order);
            }
            shown.truncate(most);
        }
        shown.sort_unstable_by(order);
        let labelled = shown.into_iter().map(|row| (row, label(row)));
        labelled.filter(|(_, label)| self.shows(label)).take(most).collect()
    }
}
