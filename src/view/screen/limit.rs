//! Packets to link-local services and the VPC resolver, by ENI, beside what AWS lets through.

use ratatui::text::{Line, Span};

use super::Panel;
use super::palette::{FAINT, Palette, STRONG};
use super::text::{fit, left, rule};
use crate::report::count;
use crate::view::glance::Gauge;

/// From this share of the limit on it is near, as the finding has it.
const NEAR: f64 = 0.8;

pub(super) fn lines(panel: Panel<'_>) -> Vec<Line<'static>> {
    let Panel { glance, area, palette, .. } = panel;
    let columns = usize::from(area.width);
    let room = usize::from(area.height).saturating_sub(1);
    let limit = glance.gauges.first().map(|gauge| gauge.limit);
    let title = match limit {
        Some(limit) => format!("PPS, limit {} an ENI", count(limit)),
        None => "PPS to VPC resolver".to_owned(),
    };
    let hidden = glance.gauges.len().saturating_sub(room / 2);
    let more = if hidden > 0 { format!("{hidden} more") } else { String::new() };
    let mut lines = vec![rule(&title, &more, columns)];
    if limit.is_none() {
        let none = "nothing to 169.254.0.0/16 or the VPC resolver";
        lines.push(Line::styled(fit(none, columns), FAINT));
    }
    for gauge in glance.gauges.iter().take(room / 2) {
        lines.extend(one(gauge, columns, palette));
    }
    lines
}

/// Two lines: the figures, and a bar with the head-room.
fn one(gauge: &Gauge, columns: usize, palette: Palette) -> [Line<'static>; 2] {
    let share = gauge.now as f64 / gauge.limit.max(1) as f64;
    let style = match share {
        _ if share > 1.0 => palette.bad(),
        _ if share >= NEAR => palette.warning(),
        _ => palette.good(),
    };
    let over = match gauge.over {
        0 => String::new(),
        seconds => format!(", over it {} s", count(seconds)),
    };
    let figures = format!("{}/s now, peak {}{over}", count(gauge.now), count(gauge.peak));
    let sender = fit(&gauge.sender, 17);
    let first = fit(&format!("{sender}  {figures}"), columns);
    let (full, empty) = palette.bar();
    let head_room = match gauge.limit.checked_sub(gauge.now) {
        Some(room) => format!(" room for {}", count(room)),
        None => format!(" {} too many", count(gauge.now - gauge.limit)),
    };
    let length = columns.saturating_sub(head_room.len());
    let filled = (share.min(1.0) * length as f64).round() as usize;
    let bar: String = std::iter::repeat_n(full, filled)
        .chain(std::iter::repeat_n(empty, length - filled))
        .collect();
    let peaked = if gauge.over > 0 { palette.bad() } else { STRONG };
    [
        Line::styled(left(&first, columns), peaked),
        Line::from(vec![Span::styled(bar, style), Span::raw(head_room)]),
    ]
}
