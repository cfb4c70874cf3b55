//! What was asked of each server address, on whichever leg a query was seen.

use super::pairs::Period;
use crate::model::Address;

/// Servers at most: a recursive resolver asks thousands of authoritative ones.
pub(super) const MAX_SERVERS: usize = 1 << 14;

/// One server address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Its address.
    pub address: Address,
    /// Transactions that were seen on their way to it.
    pub asked: u64,
    /// Responses that came from it, copies left out.
    pub answered: u64,
    /// Unanswered transactions that were seen on their way to it.
    pub unanswered: u64,
    /// Transactions that it answered only after they were sent again.
    pub rescued: u64,
    /// SERVFAILs from it.
    pub servfail: u64,
    /// When it answered.
    pub answers: Period,
    /// When questions to it stayed unanswered.
    pub losses: Period,
    /// When it answered SERVFAIL.
    pub failures: Period,
    /// SERVFAILs from it that say it has the zone, but not its data.
    pub unsynced: u64,
    /// When it answered so.
    pub unsynced_times: Period,
}
