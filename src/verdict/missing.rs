//! What the capture itself lacks: a direction, or packets here and there.

use super::facts::Facts;
use crate::aggregate::Pair;

/// Queries without a single response prove one direction when nobody asked again: of so many
/// unanswered ones, this share would have been sent again by any stub resolver.
const RETRIED_SHARE: f64 = 0.4;

/// Programs that ask for the same name at the same time, and get nothing, send as much again by their timers. So
/// many times as much without one is sent by programs that were answered.
const UNTIMED: u64 = 2;

/// So many of the unanswered questions followed as the next step of a walk at once, as only an answer
/// makes a stub resolver do: the answers were there and were not captured.
const WALKED_SHARE: f64 = 0.03;

/// So many of either kind, queries and responses that lack the other, are no accident of the capture's beginning,
const PATCHES: u64 = 10;

/// if they are more than this share of the questions,
const PATCHY: f64 = 0.005;

/// and neither is much rarer than the other: what loses packets of a capture asks not which.
const BALANCED: f64 = 0.3;

/// Nor are many of them asked again: those who asked were answered.
const PATCHED: f64 = 0.2;

impl Facts<'_> {
    /// Whether the capture itself lost packets, so that a loss in it may be its own.
    pub fn lossy(&self) -> bool {
        self.dropped.unwrap_or(0) > 0 || self.shed > 0 || self.patchy()
    }

    /// Whether it must have, although nothing counted them: responses without their queries as well as queries without
    /// their responses, and nobody behaves as if these were lost.
    pub fn patchy(&self) -> bool {
        let totals = &self.aggregate.counting.totals;
        let both = totals.orphans.min(totals.unanswered);
        both >= PATCHES
            && Facts::share(both, totals.transactions) > PATCHY
            && Facts::share(both, totals.orphans.max(totals.unanswered)) > BALANCED
            && self.asked_again() < PATCHED
    }

    /// Questions of a pair that were answered only when they were sent again, since a packet was lost: those left out
    /// of which the first answer came as well, within a second.
    pub fn rescued(&self, pair: &Pair) -> u64 {
        let late = self.aggregate.counting.failures(pair).only_late;
        pair.rare().rescued.saturating_sub(late)
    }

    /// Whether only queries, or only responses, were captured: there are no answers, and nobody
    /// behaves as if there were none.
    pub fn one_sided(&self) -> bool {
        let [queries, responses] =
            [0, 1].map(|side| self.quality.messages[side] + self.quality.messages[2 + side]);
        let totals = &self.aggregate.counting.totals;
        if queries == 0 || responses == 0 {
            return queries + responses > 0
                && (queries == 0
                    || totals.refusals == 0
                        && (self.nobody_waits() || self.speaks_with_the_unseen()));
        }
        false
    }

    /// Of the questions without an answer, which share was asked again.
    fn asked_again(&self) -> f64 {
        let (totals, lookups) =
            (&self.aggregate.counting.totals, &self.aggregate.following.lookups);
        let resent = totals.retransmissions.saturating_sub(totals.hasty);
        Facts::share(resent + lookups.retried(), totals.unanswered)
    }

    /// Whether those who ask behave as if they were answered: nobody asks again, walks go on at once, the same is
    /// asked at once as after a SERVFAIL, or what is asked again comes at any time but when a timer has run out.
    fn nobody_waits(&self) -> bool {
        let (totals, lookups) =
            (&self.aggregate.counting.totals, &self.aggregate.following.lookups);
        let share = |part| Facts::share(part, totals.unanswered);
        let resent = totals.retransmissions.saturating_sub(totals.hasty);
        let untimed = lookups.retried() - lookups.timed();
        let by_chance = match resent {
            0 => untimed > lookups.timed(),
            _ => untimed > UNTIMED * (resent + lookups.timed()),
        };
        let hurried = totals.hasty + lookups.hurried();
        self.asked_again() < RETRIED_SHARE || share(hurried) >= WALKED_SHARE || by_chance
    }

    /// Whether questions were sent over connections of which no more than one side was captured: a server
    /// that accepts them is there, and would have been seen.
    fn speaks_with_the_unseen(&self) -> bool {
        let pairs = &self.aggregate.counting.pairs;
        let opened = pairs.iter().any(|pair| pair.rare().opened > 0);
        let accepted = pairs.iter().any(|pair| pair.rare().accepted > 0);
        self.quality.messages[2] > 0 && opened && !accepted
    }
}
