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
        Options { width: width.unwrap_or(Options::default().width), color }
    }
}
