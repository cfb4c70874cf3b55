//! What a view learns from transactions as they settle, beside the sums: who and what is asked about most,
//! how fast, and the last failures. It listens only while somebody watches, and not on the threads of the
//! analysis.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::counts::{Counts, Tally};
use super::failures::{Failures, is_error};
use crate::model::Address;
use crate::transactions::{Batch, Fate, Listener, Overdue, Row};

/// All that was heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// By the address that asked.
    pub(super) clients: Counts<Address>,
    /// By the address that was asked, and the one that the query was last seen going to.
    pub(super) servers: Counts<Address>,
    /// By QNAME.
    pub(super) names: Counts<Box<[u8]>>,
    pub(super) failures: Failures,
}

impl Heard {
    fn hear(&mut self, row: &Row, batch: &Batch) {
        let answer = row.response.as_ref();
        let delay = answer.map_or(0, |answer| answer.time.since(row.first_sent).as_micros());
        let lost = matches!(row.fate, Fate::Unanswered | Fate::Rejected);
        let tally = Tally {
            questions: 1,
            lost: u64::from(lost),
            failed: u64::from(answer.is_some_and(|answer| is_error(answer.rcode))),
            answered: u64::from(answer.is_some()),
            delays_us: delay,
        };
        self.clients.add(&row.client.address, |&address| address, &tally);
        self.servers.add(&row.server.address, |&address| address, &tally);
        if let Some(backend) = row.backend {
            self.servers.add(&backend, |&address| address, &tally);
        }
        if let Some(name) = batch.name_of(row) {
            self.names.add(name, |name: &[u8]| name.into(), &tally);
        }
        self.failures.hear(row, batch);
    }
}

/// What was heard, shared by whoever hears it and whoever looks at it.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Heard>>);

impl Seen {
    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a look says of questions without an answer.
    pub(super) fn overdue(&self, overdue: &[Overdue]) {
        self.heard().failures.overdue(overdue);
    }
}

impl Listener for Seen {
    fn hear(&mut self, batch: &Batch) {
        let mut heard = self.heard();
        for row in batch.rows() {
            heard.hear(row, batch);
        }
    }
}
