//! A live run from its first packet to its report: capture, looks in between, signals, the end.
//!
//! Whoever calls opens the handles, and may drop rights before [`run`]. Nothing is printed here: looks go
//! to whoever wants to show them.

mod beside;
pub mod line;
pub mod signals;

use std::time::{Duration, Instant};

use crate::analysis::{judge, observe};
use crate::capture::live::{Opened, Stop};
use crate::config::Config;
use crate::error::Error;
use crate::node::Node;
use crate::pipeline::{Analysed, Moment};
use crate::report::Document;
use crate::transactions::Sink;
use beside::Beside;
use signals::Signals;

/// Looks take at most one part in so many of the time: on a node with large tables they become rarer.
const LOOK_SHARE: u32 = 20;

/// Why a look is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It is time again.
    Interval,
    /// SIGUSR1 asked for it.
    Asked,
}

/// What there is so far: what a report would be based on if the capture ended now.
pub struct Look {
    /// Why now.
    pub occasion: Occasion,
    /// Since the capture began.
    pub elapsed: Duration,
    /// The sums.
    pub analysed: Analysed,
    /// The report.
    pub document: Document,
}

/// Captures and analyses until `stop`, by whoever; `show` is called from the calling thread, each
/// `interval` where there is one, and when asked by a signal. What `node` tells is read each second.
pub fn run(
    opened: Opened,
    mut config: Config,
    node: Option<Node>,
    (stop, signals): (&Stop, &Signals),
    interval: Option<Duration>,
    sink: Option<Sink<'_>>,
    show: &mut dyn FnMut(&Look),
) -> Result<Document, Error> {
    let mut beside = Beside::new(node);
    let live = opened.start(stop)?;
    let began = now();
    let mut due = interval;
    let settings = config.without_context();
    let analysed = observe(&live, &settings, sink, &mut |moment: &Moment<'_>| {
        let elapsed = now().saturating_duration_since(began);
        beside.read_if_due(elapsed);
        let asked = signals.take_asked();
        let timely = due.is_some_and(|due| elapsed >= due) && !stop.is_stopped();
        if !asked && !timely {
            return;
        }
        let occasion = if asked { Occasion::Asked } else { Occasion::Interval };
        let analysed = moment.so_far();
        beside.tell(&mut config.context);
        let document = judge(&analysed, &config);
        show(&Look { occasion, elapsed, analysed, document });
        if timely {
            let took = now().saturating_duration_since(began).saturating_sub(elapsed);
            due = interval.map(|interval| next(elapsed, interval).max(elapsed + took * LOOK_SHARE));
        }
    })?;
    beside.read();
    beside.tell(&mut config.context);
    Ok(judge(&analysed, &config))
}

/// The next moment of the row that began with the capture: a late look does not move those behind it.
fn next(elapsed: Duration, interval: Duration) -> Duration {
    let passed = elapsed.as_nanos() / interval.as_nanos().max(1);
    interval.saturating_mul(u32::try_from(passed + 1).unwrap_or(u32::MAX))
}

/// The clock of whoever watches; the analysis knows only the capture's clock.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_stay_in_step() {
        let interval = Duration::from_secs(2);
        for (elapsed, wanted) in [(2_000, 4), (2_090, 4), (3_999, 4), (7_000, 8)] {
            let elapsed = Duration::from_millis(elapsed);
            assert_eq!(next(elapsed, interval), Duration::from_secs(wanted));
        }
    }
}
