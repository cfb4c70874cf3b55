//! Rows on their way: from the counting stage, a batch at a time, to the one thread that writes them.

use std::io;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::transactions::{self, Batch, Batches, Outlet, Sinks};

/// Batches there are: one is filled, one is written, and what waits in between bridges the milliseconds
/// in which a row group is completed. When all are full the analysis waits for the disk. 4 MiB.
const MAX_BATCHES: usize = 16;

/// The end of the counting stage.
struct Supply {
    full: Sender<Box<Batch>>,
    empty: Receiver<Box<Batch>>,
}

impl Outlet for Supply {
    fn exchange(&mut self, full: Box<Batch>) -> Option<Box<Batch>> {
        self.full.send(full).ok()?;
        self.empty.recv().ok()
    }

    fn has_room(&self) -> bool {
        // Of the batches that there are, one waits: so there is room for another in the queue.
        !self.empty.is_empty()
    }
}

/// The end of the thread that writes.
pub(super) struct Demand {
    full: Receiver<Box<Batch>>,
    empty: Sender<Box<Batch>>,
    written: Option<Box<Batch>>,
}

impl Demand {
    /// Gives what comes to all who want it, until there is no more.
    pub(super) fn spread(mut self, sinks: Sinks<'_>) -> io::Result<()> {
        transactions::spread(&mut self, sinks)
    }

    fn give_back(&mut self) {
        if let Some(mut batch) = self.written.take() {
            batch.clear();
            // The capture may be over: nobody needs it then.
            let _ = self.empty.send(batch);
        }
    }
}

impl Batches for Demand {
    fn next(&mut self) -> Option<&Batch> {
        self.give_back();
        self.written = self.full.recv().ok();
        self.written.as_deref()
    }
}

/// Both ends. When one of them goes, the other hears of it.
pub(super) fn connect() -> (Box<dyn Outlet>, Demand) {
    let (full, to_write) = bounded(MAX_BATCHES);
    let (give_back, empty) = bounded(MAX_BATCHES);
    // One more is made by whoever fills the first.
    for _ in 1..MAX_BATCHES {
        let _ = give_back.send(Box::default());
    }
    let demand = Demand { full: to_write, empty: give_back, written: None };
    (Box::new(Supply { full, empty }), demand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_who_has_gone() {
        let (mut outlet, demand) = connect();
        drop(demand);
        assert!(outlet.exchange(Box::default()).is_none());
        let (outlet, mut demand) = connect();
        drop(outlet);
        assert!(demand.next().is_none());
    }

    #[test]
    fn there_are_no_more_batches_than_that() {
        let (mut outlet, mut demand) = connect();
        let mut taken = 0;
        std::thread::scope(|scope| {
            let (done, finished) = bounded::<()>(0);
            scope.spawn(move || {
                // 15 empty ones are there; the 16th has to be written first.
                for _ in 0..MAX_BATCHES {
                    outlet.exchange(Box::default()).unwrap();
                }
                drop(done);
            });
            let patience = std::time::Duration::from_millis(50);
            assert!(finished.recv_timeout(patience).is_err_and(|error| error.is_timeout()));
            while demand.next().is_some() {
                taken += 1;
            }
        });
        assert_eq!(taken, MAX_BATCHES);
    }
}
