//! Text in columns: cut to a width, padded, escaped, and in ASCII where there is nothing else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

use super::palette::{FAINT, STRONG};
use crate::report::for_terminal;

/// The columns that a character takes.
fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Text that acts on nothing, cut to so many columns; where it was cut there is a mark.
pub(super) fn fit(text: &str, most: usize) -> String {
    let text = for_terminal(text);
    if width(&text) <= most {
        return text.into_owned();
    }
    let mut out = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let next = columns(c);
        if taken + next + 1 > most {
            break;
        }
        taken += next;
        out.push(c);
    }
    if most > 0 {
        out.push('…');
    }
    out
}

/// The same, filled up with spaces.
pub(super) fn left(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    let gap = columns - width(&text);
    text + &" ".repeat(gap)
}

/// The same, with the spaces in front.
pub(super) fn right(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    " ".repeat(columns - width(&text)) + &text
}

/// Wraps prose into at most so many lines; the last one is cut where there is more.
pub(super) fn wrap(text: &str, columns: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = for_terminal(word);
        let room = lines.len() < most;
        let fits = |line: &String| width(line) + 1 + width(&word) <= columns;
        match lines.last_mut() {
            // The last line takes one more than fits, which says that there is more.
            Some(line) if fits(line) || !room => {
                let is_over = !fits(line);
                line.extend([" ", &*word]);
                if is_over {
                    break;
                }
            }
            _ if room => lines.push(word.into_owned()),
            _ => break,
        }
    }
    lines.iter().map(|line| fit(line, columns)).collect()
}

/// A rule with the title of a panel, and what stands at its right end.
pub(super) fn rule(title: &str, at_end: &str, columns: usize) -> Line<'static> {
    let title = fit(&format!(" {title} "), columns.saturating_sub(2));
    let at_end = if at_end.is_empty() { String::new() } else { format!(" {at_end} ") };
    let room = columns.saturating_sub(2 + width(&title));
    let at_end = if width(&at_end) <= room { at_end } else { String::new() };
    let gap = room - width(&at_end);
    Line::from(vec![
        Span::styled("─", FAINT),
        Span::styled(title, STRONG),
        Span::styled("─".repeat(gap), FAINT),
        Span::styled(at_end, FAINT),
        Span::styled("─", FAINT),
    ])
}

/// Shares a row of a screen among panels, a column apart.
pub(super) fn shares<const N: usize>(area: Rect, parts: [u16; N]) -> [Rect; N] {
    let all = parts.iter().sum::<u16>().max(1);
    let mut x = area.x;
    let mut before = 0;
    parts.map(|part| {
        before += part;
        let end = area.x + (u32::from(area.width) * u32::from(before) / u32::from(all)) as u16;
        let gap = u16::from(before < all && end > x);
        let rect = Rect { x, width: end - x - gap, ..area };
        x = end;
        rect
    })
}

/// Puts something of ASCII in the place of all else.
pub(super) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().is_ascii() {
            continue;
        }
        let symbol = match cell.symbol() {
            "─" => "-",
            "…" => "~",
            "µ" => "u",
            "→" => ">",
            "×" => "x",
            _ => "?",
        };
        cell.set_symbol(symbol);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_its_columns_whatever_it_is() {
        for text in ["", "a", "abcdef", "\x1b[31mred", "名前名前名前", "a\u{301}\u{301}b", "…"]
        {
            for columns in 0..20 {
                for text in [left(text, columns), right(text, columns)] {
                    assert_eq!(width(&text), columns, "{text:?}");
                    assert!(!text.contains('\x1b'));
                }
            }
        }
        assert_eq!(fit("abcdef", 4), "abc…");
    }

    #[test]
    fn prose_is_wrapped_and_its_end_is_marked() {
        assert_eq!(wrap("one two three", 7, 5), ["one two", "three"]);
        assert_eq!(wrap("one two three four", 7, 2), ["one two", "three …"]);
        assert!(wrap("one", 0, 2).iter().all(String::is_empty));
        assert!(wrap("one", 5, 0).is_empty());
    }

    #[test]
    fn panels_share_all_columns() {
        for width in 0..300 {
            let area = Rect { x: 3, y: 0, width, height: 1 };
            let [a, b, c] = shares(area, [3, 3, 4]);
            assert!(a.right() <= b.x && b.right() <= c.x && c.right() == area.right());
        }
    }
}
