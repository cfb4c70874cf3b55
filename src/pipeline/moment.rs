//! A look at a run that goes on.

use std::sync::atomic::Ordering;

use super::Analysed;
use super::line::Line;
use crate::model::Timestamp;
use crate::transactions::Overdue;

/// A moment of a run: how far it is, and what there is so far.
pub struct Moment<'a> {
    pub(super) line: &'a Line<'a>,
}

impl Moment<'_> {
    /// Bytes read and, where it is known, bytes in all.
    pub fn progress(&self) -> (u64, Option<u64>) {
        self.line.intake.source.progress()
    }

    /// Packets decoded.
    pub fn packets(&self) -> u64 {
        self.line.packets.load(Ordering::Relaxed)
    }

    /// What the run would yield if the capture ended here. The sums are copied while the ordered stages
    /// wait, which takes milliseconds, since they are a few MiB on a node; closing the books of the
    /// copy holds nobody up. Without it a loss would be seen after half a minute, when its question
    /// leaves the table, not after the query timeout.
    pub fn so_far(&self) -> Analysed {
        self.line.so_far()
    }

    /// Has rows handed on to those who take them, though there are few: on a quiet node a batch takes hours
    /// to be full.
    pub fn hand_on_rows(&self) {
        self.line.hand_on_rows();
    }

    /// Questions without an answer that were first sent by `until`, or were refused: the latest `most` of
    /// them, the latest first. None where nobody takes rows.
    pub fn overdue(&self, until: Timestamp, most: usize) -> Vec<Overdue> {
        self.line.overdue(until, most)
    }
}
