//! A live run for those who watch it: the terminal interface, and a stream of lines for programs.
//!
//! Everything here is values to values. A [`Glance`] is made from a look and from what [`Seen`] heard of
//! transactions; `screen` draws it, `state` knows what keys do, `stream` makes lines of it. Whoever calls
//! has the terminal and the files (`cli`).

mod counts;
mod failures;
mod glance;
#[cfg(feature = "tui")]
pub mod screen;
mod seen;
mod state;
pub mod stream;

pub use counts::{Counts, Tally};
pub use failures::{Failure, What};
pub use glance::{Before, Gauge, Glance, Key, Pace, Place, Row};
pub use seen::Seen;
pub use state::{Action, Mode, Press, Sort, State};
