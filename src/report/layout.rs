//! A page of text: prose wrapped to a width, lines that must not be wrapped, small tables, styles.
//!
//! Invariant: everything that reaches the page is escaped here, so that no caller can forget it.

use anstyle::{AnsiColor, Style};

use super::Options;
use super::escape;

/// Narrower than this the indents leave no room for words.
const MIN_WIDTH: usize = 60;
/// Longer lines than this are hard to read, however wide the terminal is.
const MAX_WIDTH: usize = 100;
/// Units that stay on the line of their number.
const UNITS: [&str; 7] = ["%", "µs", "ms", "s", "min", "h", "MB"];

/// What a piece of text is, for those who see colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Faint,
    Code,
    Good,
    Warning,
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        let bold = Style::new().bold();
        match self {
            Tone::Plain => Style::new(),
            Tone::Strong => bold,
            Tone::Faint => Style::new().dimmed(),
            Tone::Code => AnsiColor::Cyan.on_default(),
            Tone::Good => bold.fg_color(Some(AnsiColor::Green.into())),
            Tone::Warning => bold.fg_color(Some(AnsiColor::Yellow.into())),
            Tone::Bad => bold.fg_color(Some(AnsiColor::Red.into())),
        }
    }
}

/// How a column of a table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A page that grows line by line.
pub(crate) struct Page {
    text: String,
    width: usize,
    color: bool,
    ascii: bool,
}

impl Page {
    pub(crate) fn new(options: &Options) -> Page {
        let width = options.width.clamp(MIN_WIDTH, MAX_WIDTH);
        Page { text: String::new(), width, color: options.color, ascii: options.ascii }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Whether only ASCII may be drawn with.
    pub(crate) fn ascii(&self) -> bool {
        self.ascii
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A heading on a line of its own, after an empty line.
    pub(crate) fn heading(&mut self, indent: usize, text: &str) {
        if !self.text.is_empty() {
            self.blank();
        }
        self.line(indent, Tone::Strong, text);
    }

    /// One line that is never wrapped: something to copy.
    pub(crate) fn line(&mut self, indent: usize, tone: Tone, text: &str) {
        self.pad(indent);
        self.put(tone, &escape::for_terminal(text));
        self.text.push('\n');
    }

    /// A label and a line that is never wrapped.
    pub(crate) fn labelled(&mut self, indent: usize, label: &str, tone: Tone, text: &str) {
        self.pad(indent);
        self.put(Tone::Faint, label);
        self.put(tone, &escape::for_terminal(text));
        self.text.push('\n');
    }

    /// Wrapped prose behind a label; the lines after the first stand `hang` columns in.
    pub(crate) fn prose(&mut self, indent: usize, label: (&str, Tone), hang: usize, text: &str) {
        let (label, tone) = label;
        let label = escape::for_terminal(label);
        self.pad(indent);
        self.put(tone, &label);
        let mut column = indent + label.chars().count();
        let mut first = true;
        for word in words(text) {
            let length = word.chars().count();
            let gap = usize::from(!first);
            if !first && column + gap + length > self.width {
                self.text.push('\n');
                self.pad(hang);
                column = hang;
            } else if !first {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(&word);
            column += length;
            first = false;
        }
        self.text.push('\n');
    }

    /// A wrapped paragraph.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.prose(indent, ("", Tone::Plain), indent, text);
    }

    /// A wrapped item of a list.
    pub(crate) fn item(&mut self, indent: usize, text: &str) {
        self.prose(indent, ("- ", Tone::Plain), indent + 2, text);
    }

    /// Rows in aligned columns, two spaces between them.
    pub(crate) fn table(&mut self, indent: usize, columns: &[Align], rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| escape::for_terminal(cell).into_owned()).collect())
            .collect();
        let widths: Vec<usize> = (0..columns.len())
            .map(|c| {
                rows.iter()
                    .filter_map(|row| row.get(c))
                    .map(|s| s.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in &rows {
            let mut line = String::new();
            self.pad(indent);
            for ((cell, align), width) in row.iter().zip(columns).zip(&widths) {
                let gap = " ".repeat(width - cell.chars().count());
                let parts = match align {
                    Align::Left => [cell, gap.as_str(), "  "],
                    Align::Right => [gap.as_str(), cell, "  "],
                };
                line.extend(parts);
            }
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    fn pad(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }

    /// Appends text that is already escaped.
    fn put(&mut self, tone: Tone, text: &str) {
        if self.color && tone != Tone::Plain && !text.is_empty() {
            let style = tone.style();
            self.text.extend([
                &style.render().to_string(),
                text,
                &style.render_reset().to_string(),
            ]);
        } else {
            self.text.push_str(text);
        }
    }
}

/// The words of prose, each escaped, a number and its unit being one. Line breaks in the text are
/// spaces: nobody can start a line of the report from within a name.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches([',', ';', '.', ':', ')']);
        match words.last_mut() {
            Some(last) if UNITS.contains(&bare) && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(escape::for_terminal(word).into_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page::new(&Options { width: 60, ..Options::default() })
    }

    #[test]
    fn prose_is_wrapped_and_hangs() {
        let mut page = page();
        page.item(
            2,
            "All queries that the cluster DNS forwarded to its upstream got no answer within 5 s.",
        );
        assert_eq!(
            page.finish(),
            "  - All queries that the cluster DNS forwarded to its\n    \
             upstream got no answer within 5 s.\n"
        );
    }

    #[test]
    fn a_number_keeps_its_unit() {
        assert_eq!(
            words("within 5 s, at 85 % of it"),
            ["within", "5 s,", "at", "85 %", "of", "it"]
        );
    }

    #[test]
    fn a_word_longer_than_the_line_is_left_whole() {
        let name = "a".repeat(90);
        let mut page = page();
        page.paragraph(2, &format!("name {name} end"));
        assert_eq!(page.finish(), format!("  name\n  {name}\n  end\n"));
    }

    #[test]
    fn nothing_reaches_the_page_unescaped() {
        let hostile = "x\x1b[31m\ny\u{202e}";
        let mut page = page();
        page.line(0, Tone::Plain, hostile);
        page.prose(0, (hostile, Tone::Bad), 0, hostile);
        page.labelled(0, "filter ", Tone::Code, hostile);
        page.table(0, &[Align::Left], &[vec![hostile.to_owned()]]);
        page.heading(0, hostile);
        let text = page.finish();
        assert!(!text.contains(['\x1b', '\u{202e}']), "{text:?}");
        // Four entries and an empty line before the heading, and nothing else started a line.
        assert_eq!(text.lines().count(), 6, "{text}");
    }

    #[test]
    fn styles_come_only_with_colour() {
        let mut page = Page::new(&Options { width: 60, color: true, ..Options::default() });
        page.line(0, Tone::Bad, "FAILING");
        let text = page.finish();
        assert!(text.starts_with('\x1b') && text.ends_with("\x1b[0m\n"), "{text:?}");
    }
}
