//! Pages that take the whole screen: the keys, and the explanation of a cause.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::palette::{FAINT, Palette, STRONG};
use crate::report::{self, explain};
use crate::verdict::causes;

/// What keys do.
const KEYS: [(&str, &str); 10] = [
    ("q, Ctrl-C", "end the capture with the verdict"),
    ("p, space", "pause what is shown; the capture goes on"),
    ("s", "sort the tables by questions, losses or latency"),
    ("/", "show only clients, servers and names that hold a text; Esc shows all"),
    ("Tab, arrows", "select a finding"),
    ("Enter, e", "explain the selected finding, as `dnspect explain` does"),
    ("x", "export the report so far, as JSON and text, to files in the current directory"),
    ("?", "this page"),
    ("", ""),
    ("Any key", "goes back"),
];

/// What is shown.
const WORDS: [&str; 7] = [
    "The verdict is that of a capture that ends now; losses count after the query timeout.",
    "asked: questions; lost: without an answer; failed: errors but NXDOMAIN; mean: latency.",
    "PPS: packets in the last second from one ENI to link-local services and the VPC resolver,",
    "  which AWS limits, all of them together.",
    "Names are counted when their question is settled, and rare ones make room for others.",
    "Packets that the kernel dropped, or dnspect, were not seen: what they were part of may seem",
    "  lost. History: a column is a second, and more after an hour.",
];

pub(super) fn help() -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled("dnspect live: keys", STRONG), Line::raw("")];
    lines.extend(KEYS.iter().map(|(key, does)| Line::raw(format!("  {key:<12} {does}"))));
    lines.push(Line::raw(""));
    lines.extend(WORDS.iter().map(|&words| Line::raw(words)));
    lines
}

/// The explanation of a cause from a line on, as far as there is one.
pub(super) fn explanation(
    code: &str,
    line: usize,
    area: Rect,
    palette: Palette,
) -> Vec<Line<'static>> {
    let Some(cause) = causes::find(code) else { return Vec::new() };
    let width = usize::from(area.width);
    let options = report::Options { width, color: false, ascii: palette.ascii };
    let text = explain::page(cause, &options);
    let all: Vec<&str> = text.lines().collect();
    let room = usize::from(area.height).saturating_sub(1);
    let first = line.min(all.len().saturating_sub(room));
    let mut lines: Vec<Line<'static>> = all.iter().skip(first).take(room).map(page_line).collect();
    lines.resize(room, Line::raw(""));
    let more = if first + room < all.len() { "arrows, space: more   " } else { "" };
    lines.push(Line::styled(format!("{more}any other key: back"), FAINT));
    lines
}

fn page_line(line: &&str) -> Line<'static> {
    Line::raw((*line).to_owned())
}
