//! Glances of captures, and what a screen shows of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dnspect::config::Config;
use dnspect::live::{Look, Occasion};
use dnspect::transactions::{Listener, Sinks};
use dnspect::view::screen::{Palette, draw};
use dnspect::view::{Before, Glance, Place, Seen, State};
use dnspect::{capture, judge, observe};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// Where everything is captured.
pub(crate) fn place() -> Place {
    Place { interfaces: "any".to_owned(), filter: String::new() }
}

/// A recorded capture of the lab.
pub(crate) fn lab(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

/// The same of a capture that is no file yet.
pub(crate) fn look_of(pcap: &[u8], listener: &mut dyn Listener) -> Look {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("dnspect-view-{}-{number}.pcap", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, pcap).unwrap();
    let look = look(&path, listener);
    fs::remove_file(path).unwrap();
    look
}

/// A glance at the end of it.
pub(crate) fn glance_of(pcap: &[u8]) -> Glance {
    let mut seen = Seen::default();
    let look = look_of(pcap, &mut seen);
    Glance::new(&look, &place(), &mut Before::default(), &seen)
}

/// What a look at the end of a capture would be, with what `listener` heard.
pub(crate) fn look(path: &Path, listener: &mut dyn Listener) -> Look {
    let source = capture::open(&[path.to_owned()], &capture::Options::default()).unwrap();
    let config = Config::default();
    let sinks = Sinks { file: None, listener: Some(listener) };
    let analysed = observe(&*source, &config, sinks, &mut |_| ()).unwrap();
    let document = judge(&analysed, &config);
    let elapsed = Duration::from_secs(27);
    let overdue = Vec::new();
    Look { occasion: Occasion::Interval, elapsed, analysed, document, overdue }
}

/// A glance at the end of a capture.
pub(crate) fn glance(path: &Path) -> Glance {
    let mut seen = Seen::default();
    let look = look(path, &mut seen);
    Glance::new(&look, &place(), &mut Before::default(), &seen)
}

/// What a terminal of this size shows.
pub(crate) fn screen(
    glance: Option<&Glance>,
    state: &State,
    (width, height): (u16, u16),
    palette: Palette,
) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, (&place(), glance), state, palette)).unwrap();
    terminal.backend().clone()
}

/// Its text, without spaces at the ends of lines.
pub(crate) fn text(screen: &TestBackend) -> String {
    let area = screen.buffer().area;
    let row = |y| {
        let cells = (0..area.width).map(|x| screen.buffer()[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    (0..area.height).map(row).collect()
}
