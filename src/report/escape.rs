//! Makes text from the network or from a file harmless to a terminal and visible to its reader.
//!
//! A QNAME, an interface name or a file name may hold escape sequences that move the cursor, marks
//! that turn the direction of the text, or characters that show nothing. A report that prints them
//! as they are can be made to say something else than it says.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character acts on the terminal or hides instead of being shown.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control() // C0, DEL and C1
        || matches!(c,
            '\u{ad}'                        // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}' // marks of direction
            | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' // no width
            | '\u{2028}' | '\u{2029}'       // line and paragraph separators
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' // overrides and isolates
            | '\u{fff9}'..='\u{fffb}'       // interlinear annotation
            | '\u{e0000}'..='\u{e007f}') // tags
}

/// The text with every such character written out: `\n`, `\x1b`, `\u{202e}`.
pub(crate) fn for_terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        let code = u32::from(c);
        let written = match c {
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            _ if !is_unsafe(c) => out.write_char(c),
            _ if code <= 0xff => write!(out, "\\x{code:02x}"),
            _ => write!(out, "\\u{{{code:x}}}"),
        };
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_written_out() {
        for (hostile, shown) in [
            ("\x1b[2J\x1b[1;32mHEALTHY", "\\x1b[2J\\x1b[1;32mHEALTHY"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("a\rb\nc\td", "a\\rb\\nc\\td"),
            ("\u{9b}31m", "\\x9b31m"),
            ("\x7f\0", "\\x7f\\x00"),
            ("moc.\u{202e}elpmaxe", "moc.\\u{202e}elpmaxe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("pay\u{200b}pal\u{feff}", "pay\\u{200b}pal\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(for_terminal(hostile), shown);
        }
    }

    #[test]
    fn plain_text_is_left_alone() {
        let text = "10.0.0.2 → 412 µs, 80 % of münchen.example";
        assert!(matches!(for_terminal(text), Cow::Borrowed(same) if same == text));
    }
}
