//! A live run from its first packet to its report: capture, looks in between, signals, the end.
//!
//! Whoever calls opens the handles, and may drop rights before [`run`]. Nothing is printed here: looks go
//! to whoever wants to show them.

mod beside;
pub mod line;
pub mod signals;

use std::time::{Duration, Instant};

use crate::analysis::{judge, observe};
use crate::anonymize::Anonymized;
use crate::capture::Blocks;
use crate::capture::Stop;
use crate::capture::live::Opened;
use crate::capture::record::{Finding, Recorder, Tee};
use crate::config::Config;
use crate::error::Error;
use crate::model::{Span, Timestamp};
use crate::node::Node;
use crate::pipeline::{Analysed, Moment};
use crate::report::{Document, percent};
use crate::transactions::{Overdue, Sinks};
use beside::Beside;
use signals::Signals;

/// Looks take at most one part in so many of the time: on a node with large tables they become rarer.
const LOOK_SHARE: u32 = 20;

/// Questions without an answer that a look tells by name, the latest: as many as a screen could show many
/// times over. Half a MiB.
const MAX_OVERDUE: usize = 4096;

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
    /// Questions that should have been answered by now, the latest first; known only where somebody takes
    /// rows.
    pub overdue: Vec<Overdue>,
}

/// Whoever watches a run. Both are called from the thread that called [`run`].
pub trait Watcher {
    /// There is something to look at.
    fn look(&mut self, look: &Look);

    /// A tenth of a second has gone by.
    fn tick(&mut self) {}
}

/// Captures and analyses until `stop`, by whoever; `watcher` is shown a look each `interval` where there is
/// one, and when asked by a signal. `recorder` takes what is analysed; what `node` tells is read each second.
pub fn run(
    opened: Opened,
    mut config: Config,
    (recorder, node): (Option<&Recorder>, Option<Node>),
    (stop, signals): (&Stop, &Signals),
    interval: Option<Duration>,
    sinks: Sinks<'_>,
    watcher: &mut dyn Watcher,
) -> Result<Document, Error> {
    let mut beside = Beside::new(node);
    let live = opened.start(stop)?;
    // Nobody behind this sees what was there: what is written is what was analysed.
    let anonymizer = config.anonymizer.clone();
    let hidden = anonymizer.as_ref().map(|anonymizer| Anonymized::new(&live, anonymizer));
    let seen: &dyn Blocks = hidden.as_ref().map_or(&live, |hidden| hidden);
    let tee = recorder.map(|recorder| Tee::new(seen, recorder));
    let source: &dyn Blocks = tee.as_ref().map_or(seen, |tee| tee);
    let settings = config.without_context();
    let began = now();
    let mut due = interval;
    // Who listens to rows beside a file wants them soon.
    let soon = sinks.listener.is_some();
    let analysed = observe(source, &settings, sinks, &mut |moment: &Moment<'_>| {
        if soon {
            moment.hand_on_rows();
        }
        watcher.tick();
        let elapsed = now().saturating_duration_since(began);
        beside.read_if_due(elapsed);
        let asked = signals.take_asked();
        let timely = due.is_some_and(|due| elapsed >= due) && !stop.is_stopped();
        if !asked && !timely {
            return;
        }
        let occasion = if asked { Occasion::Asked } else { Occasion::Interval };
        let analysed = moment.so_far();
        beside.tell(&mut config);
        let document = judge(&analysed, &config);
        let overdue = match analysed.quality.last {
            Some(last) if soon => moment.overdue(before(last, config.query_timeout), MAX_OVERDUE),
            _ => Vec::new(),
        };
        watcher.look(&Look { occasion, elapsed, analysed, document, overdue });
        if timely {
            let took = now().saturating_duration_since(began).saturating_sub(elapsed);
            due = interval.map(|interval| next(elapsed, interval).max(elapsed + took * LOOK_SHARE));
        }
    })?;
    beside.read();
    beside.tell(&mut config);
    Ok(judge(&analysed, &config))
}

/// What a file of packets is to say of the findings. That a capture shows too little, as it does when it
/// begins, is no moment to keep.
pub fn findings(document: &Document) -> Vec<Finding> {
    let one = |finding: &crate::verdict::Finding| Finding {
        cause: finding.cause.to_owned(),
        text: format!("{} ({} sure)", finding.summary, percent(finding.confidence)),
        normal: finding.normal || finding.category == "capture",
    };
    document.findings.iter().map(one).collect()
}

/// The next moment of the row that began with the capture: a late look does not move those behind it.
fn next(elapsed: Duration, interval: Duration) -> Duration {
    let passed = elapsed.as_nanos() / interval.as_nanos().max(1);
    interval.saturating_mul(u32::try_from(passed + 1).unwrap_or(u32::MAX))
}

fn before(time: Timestamp, span: Span) -> Timestamp {
    Timestamp(time.0.saturating_sub(span.0))
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
