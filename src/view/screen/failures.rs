//! The last questions that failed, as they happen.

use ratatui::text::{Line, Span};

use super::Panel;
use super::palette::{FAINT, Palette};
use super::text::{fit, left, rule, width};
use crate::view::failures::{Failure, What};
use crate::view::glance::Glance;

/// `HH:MM:SS.mmm` of a moment in RFC 3339.
fn clock(failure: &Failure) -> String {
    let time = failure.time.to_string();
    let clock = time.split_once('T').map_or(time.as_str(), |(_, clock)| clock);
    clock.trim_end_matches('Z').chars().take(12).collect()
}

pub(super) fn lines(panel: Panel<'_>) -> Vec<Line<'static>> {
    let Panel { glance, state, area, palette } = panel;
    let columns = usize::from(area.width);
    let room = usize::from(area.height).saturating_sub(1);
    let mut lines = vec![rule("Last failures", "UTC", columns)];
    let told = glance.failures.iter().map(|failure| (failure, ends(failure, glance)));
    let shown = told.filter(|(failure, ends)| {
        state.filter.is_empty() || state.shows(ends) || state.shows(&failure.question())
    });
    let shown: Vec<(&Failure, String)> = shown.take(room).collect();
    if shown.is_empty() {
        lines.push(Line::styled(fit("none so far", columns), FAINT));
    }
    let widest = shown.iter().map(|(_, ends)| width(ends)).max().unwrap_or(0);
    let widest = widest.min(columns.saturating_sub(14) / 2);
    for (failure, ends) in shown {
        lines.push(one(failure, &left(&ends, widest), columns, palette));
    }
    lines
}

/// Who asked whom.
fn ends(failure: &Failure, glance: &Glance) -> String {
    let client = failure.client.address.to_string();
    let owner = glance.owners.get(&client).map(|owner| format!(" {owner}")).unwrap_or_default();
    format!("{client}{owner} → {}", failure.server.address)
}

fn one(failure: &Failure, ends: &str, columns: usize, palette: Palette) -> Line<'static> {
    let what = failure.words();
    let clock = clock(failure);
    let room = columns.saturating_sub(width(&clock) + width(ends) + width(&what) + 6);
    let question = left(&failure.question(), room);
    let style = match failure.what {
        What::Silent | What::Refused => palette.bad(),
        What::Late(_) | What::Error(_) => palette.warning(),
    };
    Line::from(vec![
        Span::styled(clock, FAINT),
        Span::raw(format!("  {ends}  {question}  ")),
        Span::styled(fit(&what, columns), style),
    ])
}
