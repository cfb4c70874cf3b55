//! Answers from somebody who was not asked, at the client's own interface.

use super::Counting;
use crate::aggregate::handover::Told;
use crate::aggregate::marks::{Frames, Period};
use crate::matcher::{COPY_WINDOW, Stranger, Transaction};
use crate::model::{Address, Timestamp};

/// Answers from another address than was asked, seen where the question was first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// How many.
    pub count: u64,
    /// Of these, those whose question counts as unanswered: nothing else came.
    pub unanswered: u64,
    /// Where the last came from.
    pub source: Address,
    /// When they came.
    pub period: Period,
    /// Their frames.
    pub frames: Frames,
}

impl Strangers {
    pub(super) fn note(&mut self, stranger: Stranger) {
        self.count += 1;
        self.source = stranger.source;
        self.period.note(stranger.time);
        self.frames.note(stranger.frame);
    }

    /// Counts one that was all that came. A question that was refused as well is its refusal's.
    pub(super) fn lose(&mut self, stranger: Stranger, refused: bool) {
        self.note(stranger);
        self.unanswered += u64::from(!refused);
    }
}

impl Counting {
    /// Counts responses from elsewhere to a question that is answered at `time`: the same packet before
    /// it was translated, or responses to nothing that was asked.
    pub(super) fn count_strange(&mut self, transaction: &Transaction, time: Timestamp) {
        let Some(stranger) = transaction.stranger() else { return };
        let same = time.since(stranger.time).0.abs() <= COPY_WINDOW.0;
        let sum = if same { &mut self.totals.copies } else { &mut self.totals.orphans };
        *sum += u64::from(stranger.count);
    }

    /// A transaction was answered by a stranger, or, where there is none, after all by whom it had
    /// asked.
    pub(super) fn note_stranger(&mut self, told: Told, stranger: Option<Stranger>) {
        let strangers = &mut self.pairs.get_mut(told.pair).rare_mut().strangers;
        match stranger {
            Some(stranger) => strangers.note(stranger),
            None => strangers.count = strangers.count.saturating_sub(1),
        }
    }
}
