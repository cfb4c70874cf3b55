//! A glance as a frame of a terminal, of whatever size.

mod failures;
mod findings;
mod heading;
mod limit;
mod pages;
mod palette;
mod tables;
mod text;
mod traffic;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Widget};

use super::glance::{Glance, Place};
use super::state::{Mode, State};
pub use palette::Palette;

/// Narrower or lower than this there are the verdict and the keys.
const LEAST: (u16, u16) = (40, 12);

/// Narrower than this, limits stand below the traffic and not beside it, and of the tables there is one.
const NARROW: u16 = 70;

/// Draws what there is. Before the first look there is no glance.
pub fn draw(
    frame: &mut Frame<'_>,
    (place, glance): (&Place, Option<&Glance>),
    state: &State,
    palette: Palette,
) {
    let area = frame.area();
    match (&state.mode, glance) {
        (Mode::Help, _) => put(frame, area, pages::help()),
        (Mode::Explanation(cause, line), _) => {
            put(frame, area, pages::explanation(cause, *line, area, palette));
        }
        (_, Some(glance)) => overview(frame, Panel { glance, state, area, palette }),
        (_, None) => put(frame, area, heading::waiting(place)),
    }
    if palette.ascii {
        text::to_ascii(frame.buffer_mut());
    }
}

/// What a panel is drawn from, and where.
#[derive(Clone, Copy)]
struct Panel<'a> {
    glance: &'a Glance,
    state: &'a State,
    area: Rect,
    palette: Palette,
}

fn put(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    Paragraph::new(lines).render(area, frame.buffer_mut());
}

/// Heights of the panels, from the top down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Heights {
    heading: u16,
    findings: u16,
    traffic: u16,
    limit: u16,
    tables: u16,
    failures: u16,
}

impl Heights {
    /// Shares `height` rows, of which the last is for the keys. What matters more is served first.
    fn of(width: u16, height: u16, findings: usize) -> Heights {
        let rows = if height == 1 { 1 } else { height.saturating_sub(1) };
        if width < LEAST.0 || height < LEAST.1 {
            return Heights { heading: rows, ..Heights::default() };
        }
        let mut left = rows;
        let mut take = |wanted: u16| {
            let taken = wanted.min(left);
            left -= taken;
            taken
        };
        let roomy = height >= 30;
        let heading = take(if roomy { 5 } else { 4 });
        let findings = u16::try_from(findings.clamp(1, if roomy { 6 } else { 2 })).unwrap_or(1);
        let findings = take(1 + findings);
        let traffic = take(traffic::HEIGHT);
        let limit = if width < NARROW { take(3) } else { 0 };
        // What is left goes to the tables and the last failures, half and half.
        let failures = (left / 2).max(2).min(left);
        let tables = left - failures;
        Heights { heading, findings, traffic, limit, tables, failures }
    }
}

fn overview(frame: &mut Frame<'_>, panel: Panel<'_>) {
    let Panel { glance, state, area, palette } = panel;
    let (width, height) = (area.width, area.height);
    let at = |area| Panel { area, ..panel };
    let heights = Heights::of(width, height, glance.findings.len());
    let mut top = area.y;
    let mut row = |height: u16| {
        let rect = Rect { y: top, height, ..area };
        top += height;
        rect
    };
    let rect = row(heights.heading);
    put(frame, rect, heading::lines(at(rect)));
    let rect = row(heights.findings);
    put(frame, rect, findings::lines(at(rect)));
    let rect = row(heights.traffic);
    if width < NARROW {
        put(frame, rect, traffic::lines(at(rect)));
        let rect = row(heights.limit);
        put(frame, rect, limit::lines(at(rect)));
    } else {
        let [left, right] = text::shares(rect, [3, 2]);
        put(frame, left, traffic::lines(at(left)));
        put(frame, right, limit::lines(at(right)));
    }
    let rect = row(heights.tables);
    tables::put(frame, at(rect));
    let rect = row(heights.failures);
    put(frame, rect, failures::lines(at(rect)));
    if height > 1 {
        let last = Rect { y: area.bottom() - 1, height: 1, ..area };
        put(frame, last, heading::keys(state, last, palette));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_screen_is_somebodys() {
        for width in [40, 80, 200] {
            for height in 0..=100 {
                for findings in [0, 1, 3, 40] {
                    let all = Heights::of(width, height, findings);
                    let sum = all.heading
                        + all.findings
                        + all.traffic
                        + all.limit
                        + all.tables
                        + all.failures;
                    let rows = if height == 1 { 1 } else { height.saturating_sub(1) };
                    assert_eq!(sum, rows, "{width}×{height}: {all:?}");
                }
            }
        }
    }

    #[test]
    fn a_small_terminal_shows_a_little_of_everything() {
        let heights = Heights::of(80, 24, 3);
        let wanted =
            Heights { heading: 4, findings: 3, traffic: 7, limit: 0, tables: 5, failures: 4 };
        assert_eq!(heights, wanted);
    }
}
