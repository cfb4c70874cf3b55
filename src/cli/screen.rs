//! What the terminal can show: its width and whether colours are wanted.

use std::io::{IsTerminal, stdout};

use anstream::{AutoStream, ColorChoice};
use clap::{Args, ValueEnum};

use crate::report::Options;

/// `--color`, for every command that prints text.
#[derive(Debug, Args)]
pub(super) struct Color {
    /// Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(long = "color", value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    when: When,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

impl Color {
    /// How text is to look on standard output or, otherwise, in a file.
    pub(super) fn options(&self, to_standard_output: bool) -> Options {
        let color = match self.when {
            When::Always => true,
            When::Never => false,
            // anstream knows NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb.
            When::Auto => to_standard_output && AutoStream::choice(&stdout()) != ColorChoice::Never,
        };
        let width = if to_standard_output && stdout().is_terminal() {
            terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
        } else {
            None
        };
        // A file or a pipe gets UTF-8, as JSON and YAML are.
        let ascii = width.is_some() && !shows_utf8(|name| std::env::var(name).ok());
        Options { width: width.unwrap_or(Options::default().width), color, ascii }
    }
}

#[cfg(feature = "tui")]
impl Color {
    /// How a screen on standard error looks.
    pub(super) fn palette(&self) -> crate::view::screen::Palette {
        let color = match self.when {
            When::Always => true,
            When::Never => false,
            When::Auto => AutoStream::choice(&std::io::stderr()) != ColorChoice::Never,
        };
        let ascii = !shows_utf8(|name| std::env::var(name).ok());
        crate::view::screen::Palette { color, ascii }
    }
}

/// Whether the locale says that the terminal shows UTF-8 (POSIX: the first of these that is set and not
/// empty). Where none is, nothing is known, and nearly all do.
fn shows_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_tells_what_the_terminal_shows() {
        let told = |set: &[(&str, &str)]| {
            let find = |name: &str| set.iter().find(|(known, _)| *known == name);
            shows_utf8(|name| find(name).map(|(_, value)| (*value).to_owned()))
        };
        assert!(told(&[]) && told(&[("LANG", "en_US.UTF-8")]) && told(&[("LANG", "C.utf8")]));
        assert!(!told(&[("LANG", "C")]) && !told(&[("LC_ALL", "POSIX"), ("LANG", "de_DE.UTF-8")]));
        assert!(told(&[("LC_ALL", ""), ("LC_CTYPE", "de_DE.UTF-8"), ("LANG", "C")]));
    }
}
