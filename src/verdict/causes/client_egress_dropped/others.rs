//! Whether those who are not cut off lose as well: then something befalls all, and spares a part.

use std::rc::Rc;

use super::super::coredns_backend_gone::{Gone, gone};
use crate::aggregate::{Lapse, Pair, Period};
use crate::model::{Address, Span, Timestamp};
use crate::verdict::addresses::holds;
use crate::verdict::outage::Outage;
use crate::verdict::seconds::Seconds;
use crate::verdict::{FEW, Facts};

/// Others who lose so much of what they ask are struck by the same: a link that loses as much is rare, and would be
/// trouble enough.
const STRUCK: f64 = 0.1;

/// The pairs of clients that are not cut off.
pub(in super::super) struct Others<'a> {
    facts: &'a Facts<'a>,
    gone: Option<Rc<Gone>>,
    pairs: Vec<&'a Pair>,
    struck: Seconds<(), bool>,
    most: Seconds<(), bool>,
}

impl<'a> Others<'a> {
    /// All but those of `cut`, which are in order.
    pub(super) fn of(facts: &'a Facts<'a>, cut: &[Address]) -> Others<'a> {
        Others { gone: gone(facts), ..Others::than(facts, cut) }
    }

    /// The same for a cause that is asked whether a backend is gone, and cannot ask that itself.
    pub(in super::super) fn than(facts: &'a Facts<'a>, cut: &[Address]) -> Others<'a> {
        let pairs = facts.client_pairs().filter(|pair| !holds(cut, pair.client)).collect();
        Others { facts, gone: None, pairs, struck: Seconds::default(), most: Seconds::default() }
    }

    /// Whether they lose most of what they lose in the time of `outage`, from its beginning to its end, or much of
    /// what they ask in it: some of it spares a part of their questions (old sockets, another backend).
    pub(super) fn share(&self, outage: &Outage) -> bool {
        let time = outage.lapse.losses;
        let is_over = outage.stopped.is_some() && outage.resumed.is_some();
        self.are_struck(time) || is_over && self.lose_most(time)
    }

    /// Whether they lose most of what they lose in the seconds of this time.
    fn lose_most(&self, time: Period) -> bool {
        self.most.of((), time, || self.lose_most_in(whole_seconds(time)))
    }

    fn lose_most_in(&self, time: Period) -> bool {
        let (mut then, mut ever) = (0, 0);
        for pair in &self.pairs {
            let lapses = pair.lapses.iter().filter(|lapse| lapse.losses.overlaps(time));
            then += lapses.map(Lapse::hurt).sum::<u64>();
            ever += pair.all().unanswered + pair.rare().rescued;
        }
        then >= FEW && then * 2 > ever
    }

    /// Whether those of them who are answered in this time, now and then, lose much in it: where a Service has a dead
    /// backend, each new socket of anybody may be tied to it, and who asks little may have had no other.
    pub(in super::super) fn are_struck(&self, time: Period) -> bool {
        self.struck.of((), time, || self.are_struck_in(whole_seconds(time)))
    }

    fn are_struck_in(&self, time: Period) -> bool {
        // What a backend that is seen to be silent takes is told from a wall by how much it would take.
        let riddle = |lapse: &&Lapse| {
            let told = self.gone.as_ref().is_some_and(|gone| gone.explains(lapse.losses));
            !told && lapse.losses.overlaps(time)
        };
        let (mut hurt, mut sent) = (0, 0);
        for pair in &self.pairs {
            if pair.heard.any_within(time.first, time.last) {
                hurt += pair.lapses.iter().filter(riddle).map(Lapse::hurt).sum::<u64>();
                sent += pair.all().sent;
            }
        }
        hurt >= FEW && hurt as f64 >= STRUCK * sent as f64 * self.part_asked(time)
    }

    /// Which part of all questions was asked in this time.
    fn part_asked(&self, time: Period) -> f64 {
        let counting = &self.facts.aggregate.counting;
        let then = counting.timeline.within(time).map(|bin| u64::from(bin.asked)).sum();
        let ever = counting.timeline.bins().map(|(_, bin)| u64::from(bin.asked)).sum();
        Facts::share(then, ever)
    }
}

/// From the beginning of the first second of a time to the end of its last.
fn whole_seconds(time: Period) -> Period {
    let start = |time: Timestamp| Timestamp(time.seconds().saturating_mul(1_000_000_000));
    Period { first: start(time.first), last: start(time.last).plus(Span(999_999_999)) }
}
