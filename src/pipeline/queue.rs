//! Units in a row between two stages.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::unit::Unit;

/// A queue with room for all units there are, so that nobody waits to put one in.
pub(super) struct Queue {
    put: Sender<Box<Unit>>,
    get: Receiver<Box<Unit>>,
}

impl Queue {
    /// With room for so many.
    pub(super) fn new(units: usize) -> Queue {
        let (put, get) = bounded(units);
        Queue { put, get }
    }

    pub(super) fn put(&self, unit: Box<Unit>) {
        let _ = self.put.send(unit);
    }

    /// The next, if there is one.
    pub(super) fn take(&self) -> Option<Box<Unit>> {
        self.get.try_recv().ok()
    }

    /// The next, and waits for it.
    pub(super) fn wait(&self) -> Option<Box<Unit>> {
        self.get.recv().ok()
    }

    pub(super) fn len(&self) -> usize {
        self.get.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.get.is_empty()
    }
}
