//! What is found so far; one of them is selected.

use ratatui::text::{Line, Span};

use super::Panel;
use super::heading::severity;
use super::palette::{FAINT, Palette, SELECTED};
use super::text::{fit, left, rule, width};
use crate::report::percent;
use crate::verdict::Finding;

pub(super) fn lines(panel: Panel<'_>) -> Vec<Line<'static>> {
    let Panel { glance, state, area, palette } = panel;
    let columns = usize::from(area.width);
    let room = usize::from(area.height).saturating_sub(1);
    let place = state.place(glance);
    let all = glance.findings.len();
    // The selected one is among those shown.
    let first = place.map_or(0, |place| (place + 1).saturating_sub(room));
    let end = (first + room).min(all);
    let hidden = all - end + first;
    let more = if hidden > 0 { format!("{hidden} more: Tab") } else { String::new() };
    let mut lines = vec![rule("Findings", &more, columns)];
    if all == 0 {
        lines.push(Line::styled(fit("none so far", columns), FAINT));
    }
    let widest = glance.findings[first..end].iter().map(|finding| finding.cause.len()).max();
    for (at, finding) in glance.findings.iter().enumerate().take(end).skip(first) {
        let line = one(finding, widest.unwrap_or(0), columns, palette);
        let selected = Some(at) == place;
        lines.push(if selected { line.style(SELECTED) } else { line });
    }
    lines
}

fn one(finding: &Finding, widest: usize, columns: usize, palette: Palette) -> Line<'static> {
    let cause = left(finding.cause, widest.min(columns));
    let kind = if finding.normal {
        "normal".to_owned()
    } else {
        format!("{}, {}", severity(finding.severity), percent(finding.confidence))
    };
    let kind = left(&kind, 15.min(columns.saturating_sub(width(&cause))));
    let room = columns.saturating_sub(width(&cause) + width(&kind) + 3);
    let summary = left(&finding.summary, room);
    let style = palette.severity(finding.severity, finding.normal);
    Line::from(vec![
        Span::styled(cause, style),
        Span::raw("  "),
        Span::raw(kind),
        Span::raw(" "),
        Span::raw(summary),
    ])
}
