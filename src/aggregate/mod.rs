//! What was seen, added up: everything the verdict is read from, in bounded memory.
//!
//! It has two halves. [`Following`] is told all that the matcher tells, and hands over where each thing counts: for
//! which client and server, which socket, which zone. [`Counting`] is told the same and counts it there.
//! Nothing goes back from the second to the first before the end, so each may be at its own part of a capture; both
//! are told in the order of the capture, so the same capture gives the same sums whoever decoded its packets.

mod counting;
mod following;
mod given_up;
mod handover;
mod marks;
mod quality;
mod table;

pub use counting::{
    Activity, Asker, Assembly, Bin, Counting, Delays, Failed, FailingName, FailingNames, Failures,
    Fragmented, Habit, Habits, Lapse, Lapses, Load, Loads, Look, Loop, Loops, Missed, Octaves,
    Pair, Rare, Repeats, Resent, SLOW_CLASSES, Server, ServerLoad, Silence, Slow, Socket, Spread,
    Strangers, Tally, Timeline, Totals, TwinLosses, Types, Unaccepted,
};
pub use following::{
    Client, Created, CreatedNames, Following, Limited, Metering, Missing, MissingNames, Rates, Row,
    Sample, SampleKind, Samples, Sender, Stop, Stops, Stray, Strays,
};
pub use handover::{Handover, number_of, zone_and_reuse};
pub use marks::{Frames, Period};
pub use quality::Quality;
pub use table::{Listing, SHARED, Table};

use crate::model::{Address, Capacity, NameHasher, Span};

/// What the sums depend on besides the packets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a question may wait for its answer.
    pub query_timeout: Span,
    /// Packets per second that one ENI may send to limited destinations.
    pub pps_limit: u32,
    /// Addresses of the VPC resolver beside the well-known ones.
    pub vpc_dns: Vec<Address>,
    /// How large tables may become.
    pub capacity: Capacity,
}

/// All sums.
#[derive(Clone)]
pub struct Aggregate {
    /// What follows questions.
    pub following: Following,
    /// What counts them.
    pub counting: Counting,
}

impl Aggregate {
    /// No sums yet. `hasher` must be the one that the messages were read with.
    pub fn new(
        settings: &Settings,
        hasher: NameHasher,
    ) -> Result<Aggregate, hdrhistogram::CreationError> {
        let counting = Counting::new(settings, hasher)?;
        Ok(Aggregate { following: Following::new(settings, hasher), counting })
    }

    /// Closes what is still open at the end of the capture.
    pub fn finish(&mut self) {
        self.following.finish();
        self.following.learn(self.counting.askers.all());
    }

    /// Whether this address forwards questions rather than asks them for itself: it answers others,
    /// probes its upstream as CoreDNS does, or asks what somebody else is waiting for.
    pub fn is_forwarder(&self, client: &Client) -> bool {
        /// One `. NS` may be a person with `dig`; a health check goes on.
        const PROBES: u64 = 2;
        /// Nobody is asked what it asks, so deep in a chain, but a server.
        const DEEP: u32 = 8;
        let loops = |row: &Loop| row.client == client.address && row.deepest >= DEEP && !row.own;
        client.asker.probes >= PROBES
            || self.counting.loops.iter().any(loops)
            || self.following.passes_on(client)
            || self.counting.server(client.address).is_some_and(|server| server.answered > 0)
    }

    /// State given up for want of room, all tables together.
    pub fn evicted(&self) -> u64 {
        self.following.overflowed() + self.counting.overflowed()
    }
}
