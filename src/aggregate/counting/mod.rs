//! Counts questions: who asks whom and how, who passes questions on, what became of them, how long that took, when,
//! and by whom.
//!
//! Nearly all of it is counted at places that the other half has given out.

mod activity;
mod askers;
mod delay;
mod failing_names;
mod failures;
mod forwarding;
mod fragmented;
mod habits;
mod lapses;
mod legs;
mod load;
mod loops;
mod losses;
mod observe;
mod octaves;
mod pairs;
mod passing;
mod repeats;
mod resent;
mod rows;
mod runs;
mod servers;
mod sockets;
mod strangers;
mod timeline;
mod trouble;
mod twins;
mod waiting;

pub use activity::Activity;
pub use askers::Asker;
pub use delay::Delays;
pub use failing_names::{FailingName, FailingNames};
pub use failures::{Failed, Failures, Look, SLOW_CLASSES, Slow};
pub use fragmented::{Assembly, Fragmented};
pub(in crate::aggregate) use habits::is_move;
pub use habits::{Habit, Habits};
pub use lapses::{Lapse, Lapses};
pub use load::{Load, Loads, ServerLoad, Spread};
pub use loops::{Loop, Loops};
pub use losses::Types;
pub use octaves::Octaves;
pub(in crate::aggregate) use pairs::MAX_PAIRS;
pub use pairs::{Pair, Rare, Tally};
pub use repeats::Repeats;
pub use resent::Resent;
pub use runs::{Missed, Unaccepted};
pub use servers::Server;
pub(in crate::aggregate) use sockets::MAX_SOCKETS;
pub use sockets::{Silence, Socket};
pub use strangers::Strangers;
pub use timeline::{Bin, Timeline};
pub use twins::TwinLosses;

use super::handover::{Ends, Handover};
use super::{Listing, Settings, Table};
use crate::aggregate::marks::Period;
use crate::model::{Address, NameHasher, Span};
use activity::Second;
use forwarding::Questions;

/// Totals over all transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Distinct questions sent to a server.
    pub transactions: u64,
    /// Of these answered.
    pub answered: u64,
    /// The same by type.
    pub answered_types: Types,
    /// Not answered although there was time.
    pub unanswered: u64,
    /// Of these, those without a word, by type.
    pub lost: Types,
    /// Sent too close to the end of the capture, or of what it holds of their stream, to tell.
    pub pending: u64,
    /// Of these, questions over TCP whose answers may be among octets that the capture lacks.
    pub lacking: u64,
    /// Answered after the query timeout.
    pub late: u64,
    /// Queries sent again.
    pub retransmissions: u64,
    /// Of these, those of unanswered questions that came sooner than any timer: an answer that was not
    /// captured led to them, such as SERVFAIL.
    pub hasty: u64,
    /// Further answers to one question.
    pub duplicates: u64,
    /// Responses to nothing that was asked.
    pub orphans: u64,
    /// The same packet once more.
    pub copies: u64,
    /// First answers by RCODE: 0 to 23, and all beyond together.
    pub rcodes: [u64; 25],
    /// Given up while in flight, for want of room.
    pub evicted: u64,
    /// ICMP errors and RSTs about queries.
    pub refusals: u64,
    /// ICMP errors of clients about answers.
    pub unwanted: u64,
}

/// What is known of questions by their number.
#[derive(Clone)]
pub struct Counting {
    query_timeout: Span,
    /// Totals.
    pub totals: Totals,
    /// Clients and servers: the matrix.
    pub pairs: Listing<Pair>,
    /// Servers, on whichever leg they were seen.
    pub servers: Table<Server>,
    /// Sockets that ask again and again from one port.
    pub sockets: Listing<Socket>,
    /// How clients ask.
    pub(super) askers: Listing<Asker>,
    /// Questions that go round.
    pub loops: Loops,
    /// Latency of all answers.
    pub delays: Delays,
    /// Queries, losses and SERVFAILs in time.
    pub timeline: Timeline,
    /// The load of each cluster DNS server.
    pub loads: Loads,
    /// Names that failed or were slow.
    pub failing_names: FailingNames,
    /// What is wrong with answers, by pair: the first row is that of pairs without trouble.
    failures: Vec<Failures>,
    assembly: Assembly,
    /// When anybody but the server asked refused questions.
    refusing: Period,
    second: Second,
    questions: Questions,
    hasher: NameHasher,
}

impl Counting {
    /// Nothing yet. `hasher` must be the one that the messages were read with.
    pub(super) fn new(
        settings: &Settings,
        hasher: NameHasher,
    ) -> Result<Counting, hdrhistogram::CreationError> {
        Ok(Counting {
            query_timeout: settings.query_timeout,
            totals: Totals::default(),
            pairs: Listing::new(Pair::default()),
            servers: Table::new(settings.capacity.of(servers::MAX_SERVERS), Server::default()),
            sockets: Listing::new(Socket::default()),
            askers: Listing::new(Asker::default()),
            loops: Loops::default(),
            delays: Delays::new()?,
            timeline: Timeline::default(),
            loads: Loads::default(),
            failing_names: FailingNames::default(),
            failures: vec![Failures::default()],
            assembly: Assembly::Single,
            refusing: Period::default(),
            second: Second::default(),
            questions: Questions::new(settings.capacity),
            hasher,
        })
    }

    /// Makes rows for what was seen for the first time in the part of the capture that comes next.
    pub fn begin(&mut self, handover: &Handover) {
        for &Ends { client, server, client_index } in &handover.pairs {
            self.pairs.push(Pair::new(client, server, client_index));
            self.askers.reach(client_index);
        }
        for &(pair, port) in &handover.sockets {
            self.sockets.push(Socket::new(pair, port));
        }
    }

    /// Says how the octets of the next message came.
    pub fn set_assembly(&mut self, assembly: Assembly) {
        self.assembly = assembly;
    }

    /// What was seen of a server.
    pub fn server(&self, address: Address) -> Option<&Server> {
        let hash = self.hasher.hash_words(address.halves());
        self.servers.find(hash, |server| server.address == address)
    }

    /// State given up for want of room, all tables together.
    pub(super) fn overflowed(&self) -> u64 {
        self.totals.evicted
            + self.servers.overflowed
            + self.loads.overflowed
            + self.loops.overflowed
            + self.questions.overflowed
    }
}
