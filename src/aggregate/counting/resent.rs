//! Questions from fresh ports that were sent again, in vain or not.

use super::activity::Activity;
use crate::aggregate::handover::{REUSED, Told};
use crate::aggregate::marks::{Frames, Period};
use crate::classify::Zone;
use crate::matcher::Transaction;
use crate::model::{Span, Timestamp, qtype};

/// Whether fresh ports are answered is looked at so often at most: A and AAAA are sent again together.
const LOOK: Span = Span::from_secs(1);

/// Questions sent again from the same fresh port, and what became of them.
///
/// What is lost here and there mostly arrives when it is sent again; what a whole port loses does not (Linux
/// keeps to one backend for a port: signatures.md, `coredns_backend_gone`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resent {
    /// Queries sent again, from fresh ports.
    pub queries: u64,
    /// Of these, those before which another question from a fresh port was answered since the client last
    /// sent something again: old sockets are spared by what stops new flows.
    pub amid_fresh: u64,
    /// Never answered.
    pub in_vain: u64,
    /// Of these, those for names of the cluster.
    pub in_vain_cluster: u64,
    /// Of these in vain, those for IPv6 addresses.
    pub in_vain_v6: u64,
    /// Of these in vain, those whose client got other answers from the same server between the first
    /// transmission and the last: nothing was cut off then.
    pub in_vain_amid: u64,
    /// Answered after they were sent again.
    pub answered: u64,
    /// Of these, those whose client got other answers in between.
    pub answered_amid: u64,
    /// When those in vain were first sent.
    pub period: Period,
    /// Their queries.
    pub frames: Frames,
    /// When it was last looked whether fresh ports are answered, how many had been, and whether that was
    /// more than before.
    looked: Option<(Timestamp, u64, bool)>,
}

impl Resent {
    /// Whether a question counts here: nobody said anything.
    pub(super) fn counts(transaction: &Transaction, told: Told) -> bool {
        transaction.retransmissions > 0
            && !told.is(REUSED)
            && transaction.refusal().is_none()
            && transaction.stranger().is_none()
    }

    /// Counts a query that is sent again, given how many questions from fresh ports have been answered by now.
    pub(super) fn note(&mut self, time: Timestamp, answers: u64) {
        let (at, before, _) = self.looked.unwrap_or_default();
        if self.looked.is_none() || time.since(at) >= LOOK {
            self.looked = Some((time, answers, answers > before));
        }
        self.queries += 1;
        self.amid_fresh += u64::from(self.looked.is_some_and(|(_, _, more)| more));
    }

    /// Counts one of them that was answered, where its client was when `heard` says.
    pub(super) fn rescue(&mut self, transaction: &Transaction, heard: &Activity) {
        self.answered += 1;
        self.answered_amid += u64::from(is_amid(transaction, heard));
    }

    /// Counts one of them that had no answer.
    #[cold]
    pub(super) fn lose(&mut self, transaction: &Transaction, told: Told, heard: &Activity) {
        self.in_vain += 1;
        self.in_vain_cluster += u64::from(told.zone() == Zone::Cluster as u8);
        self.in_vain_v6 += u64::from(transaction.qtype == qtype::AAAA);
        self.in_vain_amid += u64::from(is_amid(transaction, heard));
        self.period.note(transaction.first_sent);
        self.frames.note(transaction.first_frame);
    }

    /// Adds those of another pair.
    pub fn add(&mut self, other: &Resent) {
        self.queries += other.queries;
        self.amid_fresh += other.amid_fresh;
        self.in_vain += other.in_vain;
        self.in_vain_cluster += other.in_vain_cluster;
        self.in_vain_v6 += other.in_vain_v6;
        self.in_vain_amid += other.in_vain_amid;
        self.answered += other.answered;
        self.answered_amid += other.answered_amid;
        self.period.join(other.period);
        other.frames.iter().for_each(|frame| self.frames.note(frame));
    }
}

/// Whether others were answered between the first transmission and the last.
fn is_amid(transaction: &Transaction, heard: &Activity) -> bool {
    heard.any_inside(transaction.first_sent, transaction.last_sent)
}
