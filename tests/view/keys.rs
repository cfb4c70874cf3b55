//! What keys do.

use dnspect::view::screen::Palette;
use dnspect::view::{Action, Mode, Press, Sort, State};

use crate::glances::{glance, lab, screen, text};

fn letters(state: &mut State, text: &str) {
    for letter in text.chars() {
        state.press(Press::Letter(letter), None);
    }
}

#[test]
fn the_capture_ends_by_q_and_by_ctrl_c_only() {
    let mut state = State::default();
    assert_eq!(state.press(Press::Letter('q'), None), Action::End);
    letters(&mut state, "/");
    assert_eq!(state.press(Press::Letter('q'), None), Action::Draw);
    assert_eq!(state.press(Press::Interrupt, None), Action::End);
    let mut state = State { mode: Mode::Help, ..State::default() };
    assert_eq!(state.press(Press::Letter('q'), None), Action::Draw);
}

#[test]
fn a_filter_is_typed_kept_and_left() {
    let glance = glance(&lab("upstream-blocked/node2-any.pcap"));
    let mut state = State::default();
    let shown = |state: &State| text(&screen(Some(&glance), state, (200, 50), Palette::default()));
    assert!(shown(&state).contains("10.0.2.6"));
    letters(&mut state, "/AMAZON");
    let typed = shown(&state);
    assert!(typed.contains("/AMAZON_") && typed.contains("sqs.us-west-2.amazonaws.com"), "{typed}");
    assert!(!typed.contains("kubernetes.default"), "{typed}");
    state.press(Press::Enter, None);
    assert_eq!((state.filter.as_str(), &state.mode), ("AMAZON", &Mode::Overview));
    letters(&mut state, "/x");
    state.press(Press::Escape, None);
    assert_eq!(state.filter, "AMAZON");
    letters(&mut state, "/");
    state.press(Press::Backspace, None);
    state.press(Press::Enter, None);
    assert_eq!(state.filter, "");
    letters(&mut state, "/no such thing");
    assert!(shown(&state).contains("none so far"));
}

#[test]
fn tables_are_sorted_by_what_is_asked_for() {
    let glance = glance(&lab("upstream-blocked/node2-any.pcap"));
    let mut state = State::default();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let top = state.top(&glance.names, |row| row.label(&glance.owners), 5);
        let figure: Vec<u64> = top
            .iter()
            .map(|(row, _)| match state.sort {
                Sort::Questions => row.tally.questions,
                Sort::Losses => row.tally.lost,
                Sort::Latency => row.tally.mean_us().unwrap_or(0),
            })
            .collect();
        assert!(figure.is_sorted_by(|a, b| a >= b) && figure[0] > 0, "{figure:?}");
        seen.push(state.sort.word());
        letters(&mut state, "s");
    }
    assert_eq!(seen, ["questions", "losses", "latency"]);
    assert_eq!(state.sort, Sort::Questions);
}

#[test]
fn findings_are_selected_and_explained() {
    let glance = glance(&lab("upstream-blocked/node2-any.pcap"));
    assert!(glance.findings.len() > 2, "{:?}", glance.findings);
    let mut state = State::default();
    assert_eq!(state.place(&glance), Some(0));
    state.press(Press::Previous, Some(&glance));
    assert_eq!(state.place(&glance), Some(0));
    for _ in 0..20 {
        state.press(Press::Next, Some(&glance));
    }
    let last = glance.findings.last().unwrap().cause;
    assert_eq!(state.selected, Some(last));
    state.press(Press::Enter, Some(&glance));
    assert_eq!(state.mode, Mode::Explanation(last, 0));
    state.press(Press::Next, Some(&glance));
    assert_eq!(state.mode, Mode::Explanation(last, 1));
    state.press(Press::Escape, Some(&glance));
    assert_eq!(state.mode, Mode::Overview);
    let mut nothing = State::default();
    nothing.press(Press::Enter, None);
    assert!(nothing.notice.is_some());
    nothing.press(Press::Next, None);
    assert!(nothing.notice.is_none());
}
