//! What is shown of a live capture while it goes on: a screen, lines, a stream, or nothing.

use std::io::{IsTerminal, stderr, stdin};
use std::path::PathBuf;

use super::reporting::{FormatName, Reporting};
#[cfg(feature = "tui")]
use super::terminal::Screen;
use crate::capture::Stop;
use crate::capture::record::Recorder;
use crate::live::line::{self, Before};
use crate::live::{Look, Occasion, Watcher};
use crate::report;
use crate::transactions::Listener;
#[cfg(feature = "tui")]
use crate::view::Seen;
use crate::view::stream::{Progress, Stream};

/// Where a look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The terminal interface.
    Screen,
    /// A line each.
    Lines,
    /// JSON, for programs.
    Stream,
    /// Nowhere, unless it is asked for.
    Nothing,
}

impl Kind {
    /// What suits the options and what standard error and input are.
    pub(super) fn of(reporting: &Reporting, plain: bool) -> Kind {
        let terminal = || cfg!(feature = "tui") && is_terminal();
        match reporting.format {
            FormatName::Ndjson => Kind::Stream,
            _ if reporting.quiet => Kind::Nothing,
            _ if !plain && terminal() => Kind::Screen,
            _ => Kind::Lines,
        }
    }

    /// Where files may be made on the way: what is exported from a screen goes to the current directory.
    pub(super) fn folders(self) -> Vec<PathBuf> {
        if self == Kind::Screen { vec![PathBuf::from(".")] } else { Vec::new() }
    }
}

/// Whether there is a terminal that shows screens, and keys are ours: a process in the background would be
/// stopped when it reads them.
fn is_terminal() -> bool {
    #[cfg(feature = "tui")]
    if !super::terminal::is_foreground() {
        return false;
    }
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    !dumb && stderr().is_terminal() && stdin().is_terminal()
}

/// What is shown, with what it needs.
pub(super) enum Display<'a> {
    #[cfg(feature = "tui")]
    Screen(Box<Screen>),
    Lines,
    Stream(&'a Stream<'static>, Box<Progress>),
    Nothing,
}

/// Whoever watches.
pub(super) struct Watching<'a> {
    pub(super) reporting: &'a Reporting,
    pub(super) display: Display<'a>,
    pub(super) stop: &'a Stop,
    /// Who keeps the moments around a finding.
    recorder: Option<&'a Recorder>,
    before: Before,
    warned: usize,
}

impl<'a> Watching<'a> {
    pub(super) fn new(
        reporting: &'a Reporting,
        display: Display<'a>,
        stop: &'a Stop,
        recorder: Option<&'a Recorder>,
    ) -> Self {
        Watching { reporting, display, stop, recorder, before: Before::default(), warned: 0 }
    }

    /// The report so far, on standard error.
    fn report(&self, look: &Look) {
        let options = report::Options::default();
        if let Ok(bytes) = self.reporting.rendered(&look.document, &options) {
            eprint!("{}", String::from_utf8_lossy(&bytes));
        }
    }
}

/// Writes a line to standard error, where anything is wanted there.
pub(super) fn say(reporting: &Reporting, text: &str) {
    if !reporting.quiet {
        eprintln!("{}", report::for_terminal(text));
    }
}

impl Watcher for Watching<'_> {
    fn look(&mut self, look: &Look) {
        if let Some(recorder) = self.recorder {
            recorder.found(crate::live::findings(&look.document));
        }
        match &mut self.display {
            // All looks are the same there.
            #[cfg(feature = "tui")]
            Display::Screen(screen) => return screen.look(look),
            Display::Stream(stream, progress) => stream.look(look, progress),
            Display::Lines | Display::Nothing => {
                for warning in look.analysed.notes.warnings.iter().skip(self.warned) {
                    say(self.reporting, &format!("warning: {warning}"));
                }
                self.warned = look.analysed.notes.warnings.len();
            }
        }
        if look.occasion == Occasion::Asked {
            self.report(look);
        } else if matches!(self.display, Display::Lines) {
            say(self.reporting, &line::line(look, &mut self.before));
        }
    }

    fn tick(&mut self) {
        match &mut self.display {
            #[cfg(feature = "tui")]
            Display::Screen(screen) => screen.tick(self.stop),
            // Nobody reads it any more.
            Display::Stream(stream, _) if stream.is_closed() => self.stop.stop(),
            _ => {}
        }
    }
}

/// Who listens to transactions: whoever shows them.
pub(super) enum Ear<'a> {
    #[cfg(feature = "tui")]
    Screen(Seen),
    Stream(&'a Stream<'static>),
    None,
}

impl Ear<'_> {
    pub(super) fn listener(&mut self) -> Option<&mut dyn Listener> {
        match self {
            #[cfg(feature = "tui")]
            Ear::Screen(seen) => Some(seen),
            Ear::Stream(stream) => Some(stream),
            Ear::None => None,
        }
    }
}
