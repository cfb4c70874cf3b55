//! Screens as they are, of several sizes.

use dnspect::view::screen::Palette;
use dnspect::view::{Mode, State};
use ratatui::style::Color;

use crate::glances::{glance, lab, screen, text};
use crate::snapshot;

const CASE: &str = "upstream-blocked/node2-any.pcap";
const SIZES: [(u16, u16); 2] = [(80, 24), (200, 50)];

#[test]
fn an_outage_in_two_sizes() {
    let glance = glance(&lab(CASE));
    for size in SIZES {
        let shown = screen(Some(&glance), &State::default(), size, Palette::default());
        snapshot::check(&format!("view-{}x{}.txt", size.0, size.1), &text(&shown));
    }
}

#[test]
fn the_readme_shows_a_screen_as_it_is() {
    let read =
        |name| std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
    let readme = read("README.md").unwrap();
    assert!(readme.contains(read("tests/snapshots/view-80x24.txt").unwrap().trim_end()));
}

#[test]
fn an_outage_in_ascii_holds_nothing_else() {
    let glance = glance(&lab(CASE));
    let palette = Palette { ascii: true, ..Palette::default() };
    let shown = text(&screen(Some(&glance), &State::default(), (80, 24), palette));
    assert!(shown.is_ascii(), "{shown}");
    snapshot::check("view-80x24-ascii.txt", &shown);
}

#[test]
fn colours_are_there_only_where_they_are_wanted() {
    let glance = glance(&lab(CASE));
    for color in [false, true] {
        let palette = Palette { color, ..Palette::default() };
        let shown = screen(Some(&glance), &State::default(), (80, 24), palette);
        let cells = &shown.buffer().content;
        assert_eq!(cells.iter().any(|cell| cell.fg != Color::Reset), color);
        assert!(cells.iter().all(|cell| cell.bg == Color::Reset));
    }
}

#[test]
fn pages() {
    let glance = glance(&lab(CASE));
    for (name, mode) in
        [("help", Mode::Help), ("explanation", Mode::Explanation("upstream_unreachable", 3))]
    {
        let state = State { mode, ..State::default() };
        let shown = text(&screen(Some(&glance), &state, (80, 24), Palette::default()));
        snapshot::check(&format!("view-{name}.txt"), &shown);
    }
}

/// Whatever the size, nothing panics; and what there is room for is there.
#[test]
fn any_size() {
    let glance = glance(&lab(CASE));
    let modes = [
        Mode::Overview,
        Mode::Filter(String::new()),
        Mode::Help,
        Mode::Explanation("upstream_unreachable", usize::MAX),
    ];
    for mode in modes {
        let state = State { mode, filter: "10".to_owned(), ..State::default() };
        for width in (0..20).chain([39, 40, 59, 69, 70, 71, 80, 200, 500]) {
            for height in (0..30).chain([50, 200]) {
                for glance in [Some(&glance), None] {
                    screen(glance, &state, (width, height), Palette::default());
                }
            }
        }
    }
    let tiny = |size| text(&screen(Some(&glance), &State::default(), size, Palette::default()));
    assert!(tiny((20, 5)).contains("FAILING"), "{}", tiny((20, 5)));
    assert_eq!(tiny((1, 1)).trim_end().chars().count(), 1);
}

#[test]
fn an_empty_capture_shows_that_it_is_empty() {
    let shown = screen(None, &State::default(), (80, 24), Palette::default());
    assert!(text(&shown).contains("dnspect live  any"));
}
