//! Clients, servers and names that are asked about most, or have most trouble.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::NARROW;
use super::Panel;
use super::text::{left, right, rule, shares, width};
use crate::report::{count, duration, percent};
use crate::view::counts::Tally;
use crate::view::glance::Row;
use crate::view::state::Sort;

/// A table as wide as this shows all figures.
const WIDE: usize = 48;

pub(super) fn put(frame: &mut Frame<'_>, panel: Panel<'_>) {
    let Panel { glance, area, .. } = panel;
    if area.height == 0 {
        return;
    }
    let lines = |title: &str, rows, area| table(title, rows, Panel { area, ..panel });
    let named = match glance.forgotten {
        0 => "Names".to_owned(),
        some => format!("Names, {} rare ones forgotten", count(some)),
    };
    if area.width < NARROW {
        super::put(frame, area, lines("Clients", &glance.clients, area));
        return;
    }
    let [first, second, third] = shares(area, [3, 3, 4]);
    super::put(frame, first, lines("Clients", &glance.clients, first));
    super::put(frame, second, lines("Servers", &glance.servers, second));
    super::put(frame, third, lines(&named, &glance.names, third));
}

/// A table as wide as this shows two figures; a narrower one that which it is sorted by.
const MIDDLE: usize = 30;

/// The figures of a row, or their names, each in its columns.
fn figures(cells: [&str; 4], columns: usize, sort: Sort) -> String {
    let [asked, lost, failed, mean] = cells;
    match (columns, sort) {
        (WIDE.., _) => {
            format!("{}{}{}{}", right(asked, 9), right(lost, 8), right(failed, 8), right(mean, 8))
        }
        (MIDDLE.., Sort::Latency) => format!("{}{}", right(asked, 7), right(mean, 8)),
        (MIDDLE.., _) => format!("{}{}", right(asked, 7), right(lost, 7)),
        (_, Sort::Questions) => right(asked, 7),
        (_, Sort::Losses) => right(lost, 7),
        (_, Sort::Latency) => right(mean, 7),
    }
}

fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) | (_, 0) => "0".to_owned(),
        _ => percent(part as f64 / whole as f64),
    }
}

fn table(title: &str, rows: &[Row], panel: Panel<'_>) -> Vec<Line<'static>> {
    let Panel { glance, state, area, palette } = panel;
    let columns = usize::from(area.width);
    let heads = figures(["asked", "lost", "failed", "mean"], columns, state.sort);
    let mut lines = vec![rule(title, heads.trim_start(), columns)];
    let most = usize::from(area.height) - 1;
    for (row, label) in state.top(rows, |row| row.label(&glance.owners), most) {
        let Tally { questions, lost, failed, .. } = row.tally;
        let mean = row.tally.mean_us().map(duration).unwrap_or_default();
        let cells = [&count(questions), &share(lost, questions), &share(failed, questions), &mean];
        let figures = figures(cells.map(String::as_str), columns, state.sort);
        // One column at the end, under the end of the rule.
        let room = columns.saturating_sub(width(&figures) + 2);
        let trouble = lost + failed > 0;
        let style = if trouble { palette.warning() } else { ratatui::style::Style::new() };
        lines.push(Line::from(vec![Span::raw(left(&label, room)), Span::styled(figures, style)]));
    }
    lines
}
