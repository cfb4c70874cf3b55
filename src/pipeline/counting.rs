//! The last stage: replays what was told to the sums and the rows, at the places that were handed over.

use super::following::Scene;
use super::log::{Entry, Log};
use super::unit::{Event, Unit};
use crate::aggregate;
use crate::capture::Block;
use crate::matcher::Token;
use crate::model::Timestamp;
use crate::transactions::{Overdue, Recorder, Rows};

/// Sums and rows.
pub(super) struct Counting {
    pub(super) sums: aggregate::Counting,
    rows: Option<Rows>,
}

impl Counting {
    pub(super) fn new(sums: aggregate::Counting, rows: Option<Rows>) -> Counting {
        Counting { sums, rows }
    }

    /// Whether rows are wanted, and nobody takes them any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.rows.as_ref().is_some_and(Rows::is_abandoned)
    }

    /// Hands on the rows that there are.
    pub(super) fn hand_on_rows(&mut self) {
        if let Some(rows) = &mut self.rows {
            rows.hand_on();
        }
    }

    /// Questions that are overdue.
    pub(super) fn overdue(&self, until: Timestamp, most: usize) -> Vec<Overdue> {
        self.rows.as_ref().map(|rows| rows.overdue(until, most)).unwrap_or_default()
    }

    /// The same once more, without the rows: to be finished as if the capture ended here.
    pub(super) fn so_far(&self) -> Counting {
        Counting { sums: self.sums.clone(), rows: None }
    }

    /// Counts all that was told of a unit.
    pub(super) fn take(&mut self, unit: &mut Unit) {
        let Unit { block, events, log, .. } = unit;
        self.replay(log, block, events);
        log.clear();
    }

    /// Counts what was told, of a block and its events.
    pub(super) fn replay(&mut self, log: &Log, block: &Block, events: &[Event]) {
        let scene = Scene::new(block, events);
        self.sums.begin(&log.handover);
        let mut told = log.handover.told();
        let mut next = || told.next().unwrap_or_default();
        for &entry in &log.entries {
            // Nearly all are one of these two.
            match entry {
                Entry::Opened { token, at, .. } => {
                    let query = scene.sighting(at, log);
                    self.recorder().opened(next(), token, &query);
                }
                Entry::Answered { transaction, at } => {
                    let response = scene.sighting(at, log);
                    self.recorder().answered(&log.transactions[transaction as usize], &response);
                }
                _ => self.count(entry, log, scene, &mut next),
            }
        }
    }

    /// Closes the books.
    pub(super) fn finish(self) -> aggregate::Counting {
        if let Some(rows) = self.rows {
            rows.finish();
        }
        self.sums
    }

    #[inline(never)]
    fn count(
        &mut self,
        entry: Entry,
        log: &Log,
        scene: Scene<'_>,
        next: &mut dyn FnMut() -> Token,
    ) {
        match entry {
            Entry::Resent { at, answered, .. } => {
                let query = scene.sighting(at, log);
                self.sums.resent(next(), &query, answered);
            }
            Entry::Copied { at, same_interface, .. } => {
                let copy = scene.sighting(at, log);
                self.sums.copied(next(), &copy, same_interface);
            }
            Entry::Duplicate { at, late, .. } => {
                self.sums.duplicate(next(), &scene.sighting(at, log), late);
            }
            Entry::Unanswered { transaction, pending } => {
                let transaction = &log.transactions[transaction as usize];
                self.recorder().unanswered(transaction, pending);
            }
            Entry::Evicted { transaction } => {
                self.recorder().evicted(&log.transactions[transaction as usize]);
            }
            Entry::Orphan { copy, .. } => self.sums.orphan(next(), copy),
            Entry::Strange { stranger, .. } => {
                self.sums.strange(next(), log.strangers[stranger as usize]);
            }
            Entry::Refused { packet, refusal } => {
                let (_, transaction) = log.refusals[refusal as usize];
                let transaction = transaction.map(|at| &log.transactions[at as usize]);
                let packet = &log.packets[packet as usize];
                self.recorder().refused(next(), transaction, packet);
            }
            Entry::Unwanted { packet, unwanted } => {
                let kind = log.unwanted[unwanted as usize].kind;
                let packet = &log.packets[packet as usize];
                self.sums.answer_unwanted(next(), packet, kind);
            }
            Entry::Packet { packet, .. } | Entry::Sent { packet, .. } => {
                self.sums.packet(next(), log.packets[packet as usize].time);
            }
            Entry::Connection { packet, accepted } => {
                let packet = &log.packets[packet as usize];
                self.sums.connection(next(), packet, accepted);
            }
            Entry::Assembly(assembly) => self.sums.set_assembly(assembly),
            // These are for whoever follows.
            Entry::Shared { .. }
            | Entry::Counted { .. }
            | Entry::Over
            | Entry::Opened { .. }
            | Entry::Answered { .. } => {}
        }
    }

    fn recorder(&mut self) -> Recorder<'_> {
        Recorder { counting: &mut self.sums, rows: self.rows.as_mut() }
    }
}
