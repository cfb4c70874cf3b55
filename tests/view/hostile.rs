//! What the network says does not act on a terminal.

use dnspect::view::screen::Palette;
use dnspect::view::{Place, Sort, State};
use ratatui::backend::TestBackend;

use crate::forge::{A, Answer, Capture, Link, SERVFAIL, ms};
use crate::glances::{glance_of, screen, text};

/// Escape sequences, controls of C1, marks of direction, line breaks, and labels without end.
const NAMES: [&str; 6] = [
    "\\027[2J\\027[1;1HHEALTHY.example",
    "\\027]0;title\\007.example",
    "\\155\\063\\049m.example",
    "\\226\\128\\174moc.example",
    "a\\010b\\013c\\009d.example",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.test",
];

fn is_harmless(screen: &TestBackend) {
    let shown = text(screen);
    for symbol in screen.buffer().content.iter().map(ratatui::buffer::Cell::symbol) {
        for c in symbol.chars() {
            let acts =
                c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
            assert!(!acts, "{c:?} in {shown}");
        }
    }
}

#[test]
fn names_that_would_act_on_a_terminal_are_written_out() {
    let mut capture = Capture::new(Link::Ethernet);
    for round in 0..20 {
        for name in NAMES {
            let answer = if round % 2 == 0 { Answer::Rcode(SERVFAIL) } else { Answer::Nothing };
            capture.after(ms(100)).ask("10.0.0.1:4000", "10.0.0.2:53", name, A, ms(1), answer);
        }
    }
    let mut glance = glance_of(&capture.pcap());
    glance.place = Place { interfaces: "va\x1b[31m".to_owned(), filter: "\u{202e}x".to_owned() };
    glance.verdict.summary.push_str(" \x1b[2Jcleared \u{9b}31m");
    glance.owners.insert("10.0.0.1".to_owned(), "shop/\x1b[7mweb".to_owned());
    for sort in [Sort::Questions, Sort::Losses] {
        for size in [(80, 24), (200, 50), (30, 8)] {
            let state = State { sort, ..State::default() };
            is_harmless(&screen(Some(&glance), &state, size, Palette::default()));
        }
    }
    let shown = text(&screen(Some(&glance), &State::default(), (200, 50), Palette::default()));
    assert!(shown.contains("\\027[2J\\027[1\\;1HHEALTHY") || shown.contains("\\027[2j"), "{shown}");
}
