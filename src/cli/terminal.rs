//! The terminal of a live view: drawn on standard error, so that standard output is for the report, and
//! given back as it was however the run ends.

use std::fs::File;
use std::io::{self, BufWriter, Stderr, Write, stderr, stdin};
use std::path::PathBuf;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::crossterm::{cursor, execute, style, terminal};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::capture::Stop;
use crate::live::Look;
use crate::report::{self, Document, Format};
use crate::view::screen::{Palette, draw};
use crate::view::{Action, Before, Glance, Mode, Place, Press, Seen, State};

/// Whether the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Keys taken at a time: a paste must not keep the analysis waiting.
const MAX_KEYS: usize = 256;

/// Files of one name tried at most: exports of one and the same moment.
const MAX_EXPORTS: usize = 99;

/// Whether keys come to this process: one in the background would be stopped.
pub(super) fn is_foreground() -> bool {
    let group = rustix::termios::tcgetpgrp(stdin());
    group.is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Sets up what keys are read with. It opens sockets, so it is done before rights are given up.
pub(super) fn prepare() {
    // Whether a key was pressed does not matter yet; without it the view goes on without keys.
    let _ = event::poll(Duration::ZERO);
}

/// Whether the terminal hung up. SIGHUP tells only those who do not ignore it, and not all of them.
fn is_gone() -> bool {
    let stdin = stdin();
    let mut input = [PollFd::new(&stdin, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    rustix::event::poll(&mut input, Some(&at_once)).is_ok_and(|ready| ready > 0)
        && input[0].revents().intersects(gone)
}

/// Gives the terminal back, if it was taken.
fn give_back() {
    if TAKEN.swap(false, Ordering::AcqRel) {
        let _ = execute!(stderr(), LeaveAlternateScreen, cursor::Show);
        let _ = terminal::disable_raw_mode();
    }
}

/// Takes it: own screen, keys as they are pressed, no cursor. Whoever panics gives it back first.
fn take() -> io::Result<()> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::Release);
    execute!(stderr(), EnterAlternateScreen, cursor::Hide)
}

/// The columns and rows that there are.
fn size() -> Rect {
    let size = terminal_size::terminal_size_of(stderr());
    size.map_or(Rect::new(0, 0, 80, 24), |(width, height)| Rect::new(0, 0, width.0, height.0))
}

/// The view.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stderr>>>,
    area: Rect,
    palette: Palette,
    place: Place,
    seen: Seen,
    before: Before,
    state: State,
    /// What is shown; older than what there is while it is paused.
    shown: Option<Glance>,
    latest: Option<Glance>,
    document: Option<Document>,
    keys: bool,
    stale: bool,
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open(place: Place, seen: Seen, palette: Palette) -> io::Result<Screen> {
        let area = size();
        // What --color says was worked out already, NO_COLOR included.
        style::force_color_output(palette.color);
        let backend = CrosstermBackend::new(BufWriter::new(stderr()));
        // Its size is asked of standard error, not of whatever else may be a terminal.
        let options = TerminalOptions { viewport: Viewport::Fixed(area) };
        let terminal = Terminal::with_options(backend, options)?;
        let screen = Screen {
            terminal,
            area,
            palette,
            place,
            seen,
            before: Before::default(),
            state: State::default(),
            shown: None,
            latest: None,
            document: None,
            keys: true,
            stale: true,
        };
        take()?;
        Ok(screen)
    }

    /// There is something to look at.
    pub(super) fn look(&mut self, look: &Look) {
        self.latest = Some(Glance::new(look, &self.place, &mut self.before, &self.seen));
        self.document = Some(look.document.clone());
        self.renew();
        self.draw();
    }

    /// Takes keys, and a new size.
    pub(super) fn tick(&mut self, stop: &Stop) {
        if is_gone() {
            // Nobody watches any more, and whoever reads keys of a terminal that hung up reads for ever.
            stop.stop();
            return;
        }
        self.take_keys(stop);
        let area = size();
        if area != self.area && self.terminal.resize(area).is_ok() {
            self.area = area;
            self.stale = true;
        }
        self.draw();
    }

    /// Shows what there is, unless it is paused.
    fn renew(&mut self) {
        if !self.state.paused && self.latest.is_some() {
            self.shown = self.latest.take();
            self.stale = true;
        }
    }

    fn draw(&mut self) {
        if !self.stale || !TAKEN.load(Ordering::Acquire) {
            return;
        }
        self.stale = false;
        let Screen { terminal, place, shown, state, palette, .. } = self;
        // A terminal that takes nothing any more does not end the capture.
        let _ = terminal.draw(|frame| draw(frame, (place, shown.as_ref()), state, *palette));
    }

    fn take_keys(&mut self, stop: &Stop) {
        for _ in 0..MAX_KEYS {
            let next = match event::poll(Duration::ZERO) {
                _ if !self.keys => return,
                Ok(false) => return,
                Ok(true) => event::read(),
                Err(error) => Err(error),
            };
            match next {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => self.press(key, stop),
                Ok(_) => {}
                // The terminal is gone. Signals still end the capture.
                Err(_) => self.keys = false,
            }
        }
    }

    fn press(&mut self, key: KeyEvent, stop: &Stop) {
        self.stale = true;
        match self.state.press(pressed(key), self.shown.as_ref()) {
            Action::Draw => {}
            Action::End => {
                self.state.mode = Mode::Overview;
                self.state.notice = Some("Ending: the verdict follows.".to_owned());
                stop.stop();
            }
            Action::Export => self.state.notice = Some(self.export()),
        }
        self.renew();
    }

    /// Writes the report so far, and says where.
    fn export(&self) -> String {
        let Some(document) = &self.document else {
            return "There is nothing to export yet.".to_owned();
        };
        match export(document) {
            Ok(path) => format!("Written: {} and .txt", path.display()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "Not written: the user that dnspect runs as now may not write in the current directory; --user \
                 names another, --no-sandbox keeps all rights."
                    .to_owned()
            }
            Err(error) => format!("Not written: {error}"),
        }
    }
}

/// Writes JSON and text to two new files in the current directory, named after the last packet.
fn export(document: &Document) -> io::Result<PathBuf> {
    let digits = |time: &String| {
        let (date, clock) = time.split_once('T').unwrap_or((time, ""));
        let kept = |part: &str, most| {
            part.chars().filter(char::is_ascii_digit).take(most).collect::<String>()
        };
        format!("{}-{}", kept(date, 8), kept(clock, 6))
    };
    let moment = document.capture.last_packet.as_ref().map_or("empty".to_owned(), digits);
    for number in 1..=MAX_EXPORTS {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        let path = PathBuf::from(format!("dnspect-{moment}{number}.json"));
        let file = match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            opened => opened?,
        };
        let text = File::create_new(path.with_extension("txt"))?;
        for (format, file) in [(Format::Json, file), (Format::Text, text)] {
            let mut out = BufWriter::new(file);
            report::write(document, format, &report::Options::default(), &mut out)?;
            out.flush()?;
        }
        return Ok(path);
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// What a key stands for.
fn pressed(key: KeyEvent) -> Press {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        let ends = matches!(key.code, KeyCode::Char('c' | '\\'));
        return if ends { Press::Interrupt } else { Press::Other };
    }
    match key.code {
        KeyCode::Char(letter) => Press::Letter(letter),
        KeyCode::Enter => Press::Enter,
        KeyCode::Esc => Press::Escape,
        KeyCode::Backspace => Press::Backspace,
        KeyCode::Tab | KeyCode::Down | KeyCode::Right => Press::Next,
        KeyCode::BackTab | KeyCode::Up | KeyCode::Left => Press::Previous,
        KeyCode::PageDown => Press::PageDown,
        KeyCode::PageUp => Press::PageUp,
        _ => Press::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let key = |code, modifiers| pressed(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Press::Interrupt);
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), Press::Letter('c'));
        assert_eq!(key(KeyCode::Char('x'), KeyModifiers::CONTROL), Press::Other);
        assert_eq!(key(KeyCode::BackTab, KeyModifiers::SHIFT), Press::Previous);
    }
}
