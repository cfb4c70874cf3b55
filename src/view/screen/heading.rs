//! The first lines, where it is captured and what the verdict is so far, and the last, with the keys.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Panel;
use super::palette::{FAINT, Palette, STRONG};
use super::text::{fit, width, wrap};
use crate::report::{count, duration, percent};
use crate::verdict::{Severity, Status};
use crate::view::glance::{Glance, Place};
use crate::view::state::{Mode, State};

/// The name of a severity.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::None => "none",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Healthy => "HEALTHY",
        Status::Degraded => "DEGRADED",
        Status::Failing => "FAILING",
        Status::Inconclusive => "INCONCLUSIVE",
    }
}

fn place(place: &Place) -> String {
    let Place { interfaces, filter } = place;
    if filter.is_empty() { interfaces.clone() } else { format!("{interfaces}: {filter}") }
}

/// What there is before the first look.
pub(super) fn waiting(at: &Place) -> Vec<Line<'static>> {
    let title = Span::styled("dnspect live", STRONG);
    let place = Span::raw(format!("  {}", fit(&place(at), 200)));
    vec![Line::from(vec![title, place]), Line::raw("The first look comes in a moment.")]
}

/// The head of the screen.
pub(super) fn lines(panel: Panel<'_>) -> Vec<Line<'static>> {
    let Panel { glance, state, area, palette } = panel;
    let columns = usize::from(area.width);
    let mut lines = vec![verdict(glance, palette)];
    // Where there is hardly any room, the verdict is what matters.
    if area.height > 2 {
        lines.insert(0, first(glance, state, columns, palette));
    }
    let most = usize::from(area.height).saturating_sub(lines.len());
    lines.extend(wrap(&glance.verdict.summary, columns, most).into_iter().map(Line::raw));
    lines
}

/// Where, and how much.
fn first(glance: &Glance, state: &State, columns: usize, palette: Palette) -> Line<'static> {
    let kernel = glance.capture.dropped_by_kernel;
    let own = glance.capture.dropped_by_dnspect;
    let mut drops = match kernel {
        Some(dropped) => format!("{} dropped by the kernel", count(dropped)),
        None => "drops not known".to_owned(),
    };
    if own > 0 {
        drops = format!("{drops}, {} by dnspect", count(own));
    }
    let elapsed = duration(glance.elapsed.as_secs() * 1_000_000);
    let packets = count(glance.pace.packets.round() as u64);
    let figures = format!("  {packets} packets/s  ");
    let paused = if state.paused { "  PAUSED" } else { "" };
    let title = "dnspect live";
    let taken = [title, "  ", "  ", &elapsed, &figures, &drops, paused].map(width);
    let room = columns.saturating_sub(taken.iter().sum());
    Line::from(vec![
        Span::styled(title, STRONG),
        Span::raw(format!("  {}  ", fit(&place(&glance.place), room.max(6)))),
        Span::raw(elapsed),
        Span::raw(figures),
        Span::styled(drops, palette.should_be_none(kernel.unwrap_or(0) + own)),
        Span::styled(paused, palette.warning()),
    ])
}

/// What it comes to so far.
fn verdict(glance: &Glance, palette: Palette) -> Line<'static> {
    let verdict = &glance.verdict;
    let word = Span::styled(status(verdict.status), palette.status(verdict.status));
    if verdict.status == Status::Healthy {
        return Line::from(word);
    }
    let text = format!(
        "  {}  {}, {} sure",
        verdict.root_cause,
        severity(verdict.severity),
        percent(verdict.confidence)
    );
    Line::from(vec![word, Span::raw(text)])
}

/// What keys do, what is typed, or what there is to say.
pub(super) fn keys(state: &State, area: Rect, palette: Palette) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    if let Some(notice) = &state.notice {
        return vec![Line::styled(fit(notice, columns), palette.warning())];
    }
    if matches!(state.mode, Mode::Filter(_)) {
        let text = format!("/{}_   Enter keeps it, Esc leaves it as it was", state.filter);
        return vec![Line::styled(fit(&text, columns), STRONG)];
    }
    let filter = match state.filter.as_str() {
        "" => "/ filter".to_owned(),
        some => format!("/ filter: {}", fit(some, 16)),
    };
    let sort = format!("s sort: {}", state.sort.word());
    let all = ["q end", "p pause", &sort, &filter, "Enter explain", "x export", "? help"];
    vec![Line::styled(fit(&all.join("  "), columns), FAINT)]
}
