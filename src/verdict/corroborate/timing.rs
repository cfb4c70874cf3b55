//! Whether a counter rose when packets were lost, or at some other time.

use crate::context::series::Rise;
use crate::model::{Span, Timestamp};
use crate::verdict::{FEW, Facts};

/// A counter is read once a second, so that what it shows happened in the second before; a loss is
/// counted in the second in which the question was asked.
const SLACK: Span = Span::from_secs(1);

/// A question that stays without an answer is sent again, and lost again, for so long.
const AGAIN: Span = Span::from_secs(15);

/// Readings further apart than this do not tell a second.
const COARSE: Span = Span::from_secs(4);

/// Share of a rise that has to lie in the seconds of losses.
const MOST: f64 = 0.8;

/// Where losses are spread over more than this share of the capture, it would by chance.
const SPREAD: f64 = 0.5;

/// When a counter rose, beside the losses of the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    /// In the very seconds of the losses, which are a part of the capture.
    Same,
    /// While nothing was lost.
    Other,
    /// It cannot be told: the losses are everywhere, or the readings too far apart.
    Unclear,
}

impl Timing {
    /// Holds the rises of a counter against the seconds in which questions were lost.
    pub(super) fn of(facts: &Facts<'_>, rises: &[Rise]) -> Timing {
        let timeline = &facts.aggregate.counting.timeline;
        let width = timeline.width();
        let (mut bins, mut lost) = (0_u64, 0_u64);
        let mut losses: Vec<Timestamp> = Vec::new();
        for (start, bin) in timeline.bins() {
            bins += 1;
            lost += u64::from(bin.unanswered + bin.rescued);
            if bin.unanswered + bin.rescued > 0 {
                losses.push(start);
            }
        }
        if rises.is_empty() || lost < FEW {
            return Timing::Unclear;
        }
        // Whether a bin with a loss touches a period.
        let touches = |from: Timestamp, to: Timestamp| {
            let next = losses.partition_point(|&start| start.plus(width) <= from);
            losses.get(next).is_some_and(|&start| start <= to)
        };
        let back = |time: Timestamp, span: Span| time.plus(Span(-span.0));
        if !rises.iter().any(|rise| touches(back(rise.from, AGAIN), rise.to.plus(SLACK))) {
            return Timing::Other;
        }
        let all: u64 = rises.iter().fold(0, |sum, rise| sum.saturating_add(rise.by));
        let fine = rises.iter().filter(|rise| rise.to.since(rise.from) <= COARSE);
        let same = fine.filter(|rise| touches(back(rise.from, SLACK), rise.to.plus(SLACK)));
        let same: u64 = same.fold(0, |sum, rise| sum.saturating_add(rise.by));
        let near = timeline
            .bins()
            .filter(|&(start, _)| touches(back(start, SLACK), start.plus(width).plus(SLACK)))
            .count();
        if width <= COARSE
            && Facts::share(same, all) >= MOST
            && Facts::share(near as u64, bins) <= SPREAD
        {
            return Timing::Same;
        }
        Timing::Unclear
    }

    /// The words for it, after "rose by 3".
    pub(super) fn words(self) -> &'static str {
        match self {
            Timing::Same => " in the very seconds in which questions were lost",
            Timing::Other => " while no question was lost",
            Timing::Unclear => " while the capture ran",
        }
    }
}
