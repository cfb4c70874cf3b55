//! One line on standard error while a long read goes on: how far, how fast, how much longer.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use crate::report::{bytes, count, duration};

/// Most reads are done before a line could be read: it would only flicker.
const FIRST_AFTER: Duration = Duration::from_millis(500);
/// Faster than this nobody can read it.
const REDRAW_EVERY: Duration = Duration::from_millis(200);
/// Into a file or a pipe every line stays: fewer of them.
const PRINT_EVERY: Duration = Duration::from_secs(5);

/// When to show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// On a terminal.
    #[default]
    Auto,
    /// Even where standard error is no terminal.
    Always,
    /// Not at all.
    Never,
}

/// Progress of one read, drawn by the thread that calls it.
pub struct Progress {
    /// Nothing is shown where this is `None`.
    started: Option<Instant>,
    terminal: bool,
    next: Duration,
    drawn: bool,
}

impl Progress {
    /// Starts the clock, where anything will be shown.
    pub fn new(mode: Mode) -> Progress {
        let terminal = stderr().is_terminal();
        let shown = match mode {
            Mode::Auto => terminal,
            Mode::Always => true,
            Mode::Never => false,
        };
        let next = if terminal { FIRST_AFTER } else { PRINT_EVERY };
        Progress { started: shown.then(now), terminal, next, drawn: false }
    }

    /// Tells how far the read is; draws when it is time to.
    pub fn tick(&mut self, done: u64, total: Option<u64>, packets: u64) {
        let Some(started) = self.started else { return };
        let elapsed = now().saturating_duration_since(started);
        if elapsed < self.next {
            return;
        }
        self.next = elapsed + if self.terminal { REDRAW_EVERY } else { PRINT_EVERY };
        let line = line(done, total, packets, elapsed);
        // Standard error may be closed: then there is nobody to tell.
        let _ = if self.terminal {
            self.drawn = true;
            write!(stderr(), "\r\x1b[K{line}")
        } else {
            writeln!(stderr(), "{line}")
        };
    }

    /// Clears the line, so that the report starts on a clean one.
    pub fn finish(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(stderr(), "\r\x1b[K");
        }
        self.started = None;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The wall clock, for the person who waits; the analysis knows only the capture's clock.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// `42%  1.2 GB of 2.9 GB  3,120,000 packets/s  5 s left`, under 80 columns.
fn line(done: u64, total: Option<u64>, packets: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = count((packets as f64 / seconds) as u64);
    match total {
        // A file that grows is read beyond the length it had.
        Some(total) if total >= done && total > 0 => {
            let part = done as f64 / total as f64;
            let left = if done == 0 {
                String::new()
            } else {
                let seconds = (seconds * (1.0 - part) / part).ceil().max(1.0) as u64;
                format!("  {} left", duration(seconds.saturating_mul(1_000_000)))
            };
            format!(
                "{:3.0}%  {} of {}  {rate} packets/s{left}",
                (part * 100.0).floor(),
                bytes(done),
                bytes(total)
            )
        }
        _ => format!("{}  {} packets  {rate} packets/s", bytes(done), count(packets)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_how_fast_and_how_long() {
        let two_seconds = Duration::from_secs(2);
        for (done, total, text) in [
            (
                500_000_000,
                Some(2_000_000_000),
                " 25%  500 MB of 2 GB  1,500,000 packets/s  6 s left",
            ),
            (0, Some(2_000_000_000), "  0%  0 B of 2 GB  1,500,000 packets/s"),
            (2_000, Some(2_000), "100%  2 kB of 2 kB  1,500,000 packets/s  1 s left"),
            (3_000, Some(2_000), "3 kB  3,000,000 packets  1,500,000 packets/s"),
            (500_000_000, None, "500 MB  3,000,000 packets  1,500,000 packets/s"),
        ] {
            assert_eq!(line(done, total, 3_000_000, two_seconds), text);
        }
    }

    #[test]
    fn never_is_never() {
        let mut progress = Progress::new(Mode::Never);
        progress.next = Duration::ZERO;
        progress.tick(1, Some(2), 3);
        assert!(!progress.drawn);
    }
}
