//! DNS in numbers, and its history.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Panel;
use super::palette::{FAINT, Palette, STRONG};
use super::text::{fit, rule, width};
use crate::report::{count, duration, percent};

/// Rows: a title, four of figures, two of history.
pub(super) const HEIGHT: u16 = 7;

/// Columns beside the history: the name of the row, and its greatest value.
const NAME: usize = 10;
const GREATEST: usize = 12;

pub(super) fn lines(panel: Panel<'_>) -> Vec<Line<'static>> {
    let Panel { glance, area, palette, .. } = panel;
    let columns = usize::from(area.width);
    let traffic = &glance.traffic;
    let rate = |rate: f64| format!("{}/s", count(rate.round() as u64));
    let decided = traffic.answered + traffic.unanswered;
    let share = if decided == 0 { 0.0 } else { traffic.unanswered as f64 / decided as f64 };
    let latency = traffic.latency_us;
    let plain = Style::new();
    let lost = palette.should_be_none(traffic.unanswered);
    let mut codes: Vec<(String, Style)> = traffic
        .rcodes_in_order()
        .map(|(name, number)| {
            let fine = number == 0 || matches!(name, "NOERROR" | "NXDOMAIN");
            let style = if fine { plain } else { palette.warning() };
            (format!("{name} {}", count(number)), style)
        })
        .collect();
    // Those that are there come first: a narrow terminal cuts the end.
    codes.sort_by_key(|(text, _)| text.ends_with(" 0"));
    let mut lines = vec![
        rule("Traffic", "", columns),
        row(
            &[
                (format!("questions {}", rate(glance.pace.questions)), STRONG),
                (format!("answers {}", rate(glance.pace.answers)), STRONG),
                (format!("asked {}", count(traffic.transactions)), plain),
            ],
            columns,
        ),
        row(
            &[
                (format!("lost {} ({})", count(traffic.unanswered), percent(share)), lost),
                (format!("late {}", count(traffic.late)), palette.should_be_none(traffic.late)),
                (format!("sent again {}", count(traffic.retransmissions)), plain),
            ],
            columns,
        ),
        row(
            &[
                (format!("p50 {}", duration(latency.p50)), plain),
                (format!("p90 {}", duration(latency.p90)), plain),
                (format!("p99 {}", duration(latency.p99)), plain),
                (format!("most {}", duration(latency.max)), plain),
            ],
            columns,
        ),
        row(&codes, columns),
    ];
    let asked: Vec<u32> = glance.history.iter().map(|&(asked, _)| asked).collect();
    let unanswered: Vec<u32> = glance.history.iter().map(|&(_, lost)| lost).collect();
    lines.push(history("questions", &asked, columns, palette.chart(), palette));
    lines.push(history("lost", &unanswered, columns, palette.bad(), palette));
    lines
}

/// Figures beside each other, as many as there is room for.
fn row(figures: &[(String, Style)], columns: usize) -> Line<'static> {
    let mut spans = Vec::new();
    let mut taken = 0;
    for (text, style) in figures {
        let gap = if taken == 0 { 0 } else { 2 };
        if taken > 0 && taken + gap + width(text) > columns {
            break;
        }
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(Span::styled(fit(text, columns), *style));
        taken += gap + width(text);
    }
    Line::from(spans)
}

/// The last values, as many as there are columns, the latest at the right.
fn history(
    name: &str,
    values: &[u32],
    columns: usize,
    style: Style,
    palette: Palette,
) -> Line<'static> {
    let room = columns.saturating_sub(NAME + GREATEST);
    let shown = &values[values.len().saturating_sub(room)..];
    let most = shown.iter().copied().max().unwrap_or(0);
    let sparks = palette.sparks();
    let spark = |&value: &u32| match value {
        0 => ' ',
        // The least that there is can be seen.
        some => sparks[((u64::from(some) * 8).div_ceil(most.into()) - 1).min(7) as usize],
    };
    let chart: String = shown.iter().map(spark).collect();
    let gap = " ".repeat(room - shown.len());
    let greatest = if most == 0 { String::new() } else { format!(" up to {}", count(most.into())) };
    Line::from(vec![
        Span::styled(format!("{name:<NAME$}"), FAINT),
        Span::raw(gap),
        Span::styled(chart, style),
        Span::styled(fit(&greatest, GREATEST), FAINT),
    ])
}
