//! Whether losses lie in time as chance would put them: over the whole capture, or over a part of it that began or
//! ended in its midst. And whether they come with the load.

use crate::aggregate::{Bin, Octaves, Period};
use crate::model::{Span, Timestamp};
use crate::verdict::Facts;
use crate::verdict::chance::at_most;

/// Losses that crowd so much in time would come of chance less often than this.
const CHANCE: f64 = 0.01;

/// The same, of the largest distance between two distributions (Kolmogorov's), times the root of the number of
/// losses.
const DISTANCE: f64 = 1.63;

/// No link loses so evenly that more losses than this would tell more: of thousands chance alone would leave no
/// second without.
const EVEN: u64 = 100;

/// A part of the capture has to hold so many losses: fewer are even by chance,
const LOSSES_OF_PART: u64 = 30;

/// and to last for so long: a stall and a burst are over sooner.
const LASTING: Span = Span::from_secs(10);

/// Answers take so many times as long while they get lost, if it is a server that has too much to do.
const SLOWED: u64 = 4;

/// In quiet seconds, with less than half of the load that the average question meets, a question is lost so
/// many times as rarely as in the others, if the losses are tied to the load.
const LOAD_TIMES: f64 = 1.5;

/// How the losses lie among the questions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Course {
    /// Over all of them.
    Whole,
    /// Over those of a time.
    Part {
        /// Which part of all.
        share: f64,
    },
}

impl Course {
    /// How so many losses lie in their period; nothing where chance would not put them so.
    pub(super) fn of(facts: &Facts<'_>, losses: u64, period: Period) -> Option<Course> {
        let asked = Asked::of(facts, period);
        if asked.encloses(losses) {
            return Some(Course::Whole);
        }
        let lasting = period.last.since(period.first) >= LASTING;
        let part = losses >= LOSSES_OF_PART && lasting && is_even(facts, period);
        (part && !is_slower(facts, period)).then(|| Course::Part { share: asked.share() })
    }
}

/// Questions whose fate is known.
struct Asked {
    all: f64,
    /// Those of the time of the losses.
    enclosed: f64,
}

impl Asked {
    /// What was asked last can be lost, and nobody knows yet.
    fn of(facts: &Facts<'_>, period: Period) -> Asked {
        let width = facts.aggregate.counting.timeline.width();
        let until = facts.decided_until().max(period.last);
        let mut sum = Asked { all: 0.0, enclosed: 0.0 };
        for (start, bin) in facts.aggregate.counting.timeline.bins() {
            // Within a bin the questions are taken to be spread evenly.
            let asked = |from: Timestamp, to: Timestamp| {
                let part = to.min(start.plus(width)).since(from.max(start)).0.max(0);
                f64::from(bin.asked) * part as f64 / width.0 as f64
            };
            sum.all += asked(start, until);
            sum.enclosed += asked(period.first, period.last);
        }
        sum
    }

    fn share(&self) -> f64 {
        self.enclosed / f64::max(self.all, 1.0)
    }

    /// Whether chance may put the losses so far apart, and no further. Of `n` losses the first and the last
    /// enclose the share `c` of all questions or less with the probability `n c^(n-1) - (n-1) c^n` (the range of
    /// uniform order statistics).
    fn encloses(&self, losses: u64) -> bool {
        let (share, n) = (self.share(), losses.min(EVEN) as f64);
        n * share.powf(n - 1.0) - (n - 1.0) * share.powf(n) >= CHANCE
    }
}

/// The bins of a period, and whether each lies in it.
fn bins<'a>(facts: &'a Facts<'_>, period: Period) -> impl Iterator<Item = (&'a Bin, bool)> {
    let timeline = &facts.aggregate.counting.timeline;
    let width = timeline.width();
    let inside = move |start: Timestamp| start.plus(width) > period.first && start <= period.last;
    timeline.bins().map(move |(start, bin)| (bin, inside(start)))
}

/// Whether the losses of a time are spread over its questions as chance would (Kolmogorov and Smirnov).
fn is_even(facts: &Facts<'_>, period: Period) -> bool {
    let inside = || bins(facts, period).filter_map(|(bin, inside)| inside.then_some(bin));
    let hurt = |bin: &Bin| f64::from(bin.unanswered + bin.rescued);
    let losses: f64 = inside().map(hurt).sum();
    let asked: f64 = inside().map(|bin| f64::from(bin.asked)).sum();
    let (mut seen, mut farthest) = ((0.0, 0.0), 0.0_f64);
    for bin in inside() {
        seen = (seen.0 + hurt(bin), seen.1 + f64::from(bin.asked));
        farthest = farthest.max((seen.0 / losses.max(1.0) - seen.1 / asked.max(1.0)).abs());
    }
    farthest * losses.min(EVEN as f64).sqrt() < DISTANCE
}

/// Whether answers take much longer in a time than beside it.
fn is_slower(facts: &Facts<'_>, period: Period) -> bool {
    let mut delays = [Octaves::default(), Octaves::default()];
    for (bin, inside) in bins(facts, period) {
        delays[usize::from(inside)].add(&bin.delays);
    }
    let [beside, then] = delays.map(|delays| delays.quantile(0.5));
    beside.zip(then).is_some_and(|(beside, then)| then > SLOWED * beside)
}

/// Whether the losses come with the load: quiet seconds have fewer of them than their questions should.
pub(super) fn follows_the_load(facts: &Facts<'_>) -> bool {
    let bins = facts.aggregate.counting.timeline.bins();
    let bins: Vec<&Bin> =
        bins.filter(|(start, _)| facts.is_decided(*start)).map(|(_, bin)| bin).collect();
    let sum = |power| bins.iter().map(|bin| f64::from(bin.asked).powi(power)).sum::<f64>();
    let met = sum(2) / f64::max(sum(1), 1.0);
    let (mut quiet, mut busy) = ((0, 0), (0, 0));
    for bin in &bins {
        let side = if f64::from(bin.asked) * 2.0 < met { &mut quiet } else { &mut busy };
        side.0 += u64::from(bin.asked);
        side.1 += u64::from(bin.unanswered) + u64::from(bin.rescued);
    }
    let due = Facts::share(busy.1, busy.0) * quiet.0 as f64;
    (quiet.1 as f64) * LOAD_TIMES < due && at_most(quiet.1, due) < CHANCE
}
