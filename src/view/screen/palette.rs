//! What things look like: with colours, or with none; with all signs, or with those of ASCII.

use ratatui::style::{Color, Modifier, Style};

use crate::verdict::{Severity, Status};

/// What the terminal can show, and is to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// Whether there are colours; bold, dim and reversed text there is always.
    pub color: bool,
    /// Whether there is nothing but ASCII.
    pub ascii: bool,
}

/// What stands out.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
/// What does not.
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// What is selected.
pub(super) const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

impl Palette {
    fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    pub(super) fn good(self) -> Style {
        self.colored(Color::Green).add_modifier(Modifier::BOLD)
    }

    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn chart(self) -> Style {
        self.colored(Color::Cyan)
    }

    /// A figure that should be nothing.
    pub(super) fn should_be_none(self, figure: u64) -> Style {
        if figure == 0 { Style::new() } else { self.bad() }
    }

    pub(super) fn status(self, status: Status) -> Style {
        match status {
            Status::Healthy => self.good(),
            Status::Degraded | Status::Inconclusive => self.warning(),
            Status::Failing => self.bad(),
        }
    }

    pub(super) fn severity(self, severity: Severity, normal: bool) -> Style {
        match severity {
            _ if normal => FAINT,
            Severity::None => FAINT,
            Severity::Low | Severity::Medium => self.warning(),
            Severity::High | Severity::Critical => self.bad(),
        }
    }

    /// From little to much.
    pub(super) fn sparks(self) -> [char; 8] {
        if self.ascii {
            ['.', ':', '-', '=', '+', '*', '#', '@']
        } else {
            ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        }
    }

    /// Full and empty parts of a bar.
    pub(super) fn bar(self) -> (char, char) {
        if self.ascii { ('#', '-') } else { ('█', '░') }
    }
}
