//! What was seen, added up: everything the verdict is read from, in bounded memory.
//!
//! [`Aggregate`] is the matcher's [`Observer`](crate::matcher::Observer). Its tables are filled in
//! the order of the capture, so the same capture gives the same sums whoever decoded its packets.

mod activity;
mod clients;
mod created;
mod delay;
mod failing_names;
mod failures;
mod forwarding;
mod fragmented;
mod habits;
mod lapses;
mod legs;
mod limited;
mod load;
mod loops;
mod losses;
mod missing;
mod observe;
mod octaves;
mod oddities;
mod pairs;
mod places;
mod ports;
mod quality;
mod rates;
mod repeats;
mod rows;
mod samples;
mod servers;
mod sockets;
mod stops;
mod strangers;
mod strays;
mod table;
mod timeline;
mod trouble;
mod twins;
mod waiting;

pub use activity::Activity;
pub use clients::Client;
pub use created::{Created, CreatedNames};
pub use delay::Delays;
pub use failing_names::{FailingName, FailingNames};
pub use failures::{Failed, Failures, Look, SLOW_CLASSES, Slow};
pub use fragmented::{Assembly, Fragmented};
pub use habits::{Habit, Habits};
pub use lapses::{Lapse, Lapses};
pub use limited::Limited;
pub use load::{Load, Loads, ServerLoad, Spread};
pub use loops::{Loop, Loops};
pub use missing::{Missing, MissingNames};
pub use octaves::Octaves;
pub use pairs::{Frames, Pair, Period, Rare, Tally};
pub use quality::Quality;
pub use rates::{Rates, Row, Sender};
pub use repeats::Repeats;
pub use samples::{Sample, SampleKind, Samples};
pub use servers::Server;
pub use sockets::{Silence, Socket};
pub use stops::{Stop, Stops};
pub use strangers::Strangers;
pub use strays::{Stray, Strays};
pub use table::{SHARED, Table};
pub use timeline::{Bin, Timeline};
pub use twins::TwinLosses;

use crate::classify::{Ended, Ending, Lookups};
use crate::model::{Address, Capacity, NameHasher, PacketMeta, Span};
use activity::Second;
use forwarding::Questions;
use ports::Ports;

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

/// Totals over all transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Distinct questions sent to a server.
    pub transactions: u64,
    /// Of these answered.
    pub answered: u64,
    /// Not answered although there was time.
    pub unanswered: u64,
    /// Sent too close to the end to tell.
    pub pending: u64,
    /// Answered after the query timeout.
    pub late: u64,
    /// Queries sent again.
    pub retransmissions: u64,
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

/// How the packet of a message counts towards a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metering {
    /// It goes nowhere limited.
    Off,
    /// It is to be counted, unless it is a copy seen on the same interface. `named`: the capture
    /// tells interfaces apart.
    Count {
        /// Whether it does.
        named: bool,
    },
    /// It was counted already, segment by segment.
    Counted,
}

/// All sums.
#[derive(Clone)]
pub struct Aggregate {
    /// Settings of this run.
    pub settings: Settings,
    /// Totals.
    pub totals: Totals,
    /// Clients and servers: the matrix.
    pub pairs: Table<Pair>,
    /// Clients.
    pub clients: Table<Client>,
    /// Servers, on whichever leg they were seen.
    pub servers: Table<Server>,
    /// Sockets that ask again and again from one port.
    pub sockets: Table<Socket>,
    /// Names that do not exist.
    pub missing: MissingNames,
    /// Open lookups and search suffixes.
    pub lookups: Lookups,
    /// Latency of all answers.
    pub delays: Delays,
    /// Queries, losses and SERVFAILs in time.
    pub timeline: Timeline,
    /// Packets to limited destinations.
    pub rates: Rates,
    /// Which destinations are limited.
    pub limited: Limited,
    /// The load of each cluster DNS server.
    pub loads: Loads,
    /// A few failing responses, octet for octet.
    pub samples: Samples,
    /// Names that failed or were slow.
    pub failing_names: FailingNames,
    /// What is wrong with answers, by pair: the first row is that of pairs without trouble.
    failures: Vec<Failures>,
    /// Walks that ended at an empty answer within the search list.
    pub stops: Stops,
    /// Services that began to exist.
    pub created: CreatedNames,
    /// Questions that go round.
    pub loops: Loops,
    /// Names of the cluster that were answered from outside.
    pub strays: Strays,
    metering: Metering,
    assembly: Assembly,
    questions: Questions,
    ports: Ports,
    second: Second,
    hasher: NameHasher,
}

impl Aggregate {
    /// No sums yet. `hasher` must be the one that the messages were read with.
    pub fn new(
        settings: Settings,
        hasher: NameHasher,
    ) -> Result<Aggregate, hdrhistogram::CreationError> {
        let capacity = settings.capacity;
        Ok(Aggregate {
            totals: Totals::default(),
            pairs: Table::new(capacity.of(pairs::MAX_PAIRS), Pair::default()),
            clients: Table::new(capacity.of(clients::MAX_CLIENTS), Client::default()),
            servers: Table::new(capacity.of(servers::MAX_SERVERS), Server::default()),
            sockets: Table::new(capacity.of(sockets::MAX_SOCKETS), Socket::default()),
            missing: MissingNames::default(),
            lookups: Lookups::new(capacity, hasher),
            delays: Delays::new()?,
            timeline: Timeline::default(),
            rates: Rates::new(settings.pps_limit),
            limited: Limited::new(settings.vpc_dns.clone()),
            loads: Loads::default(),
            samples: Samples::default(),
            failing_names: FailingNames::default(),
            failures: vec![Failures::default()],
            stops: Stops::default(),
            created: CreatedNames::default(),
            loops: Loops::default(),
            strays: Strays::default(),
            metering: Metering::Off,
            assembly: Assembly::Single,
            questions: Questions::new(capacity),
            ports: Ports::default(),
            second: Second::default(),
            hasher,
            settings,
        })
    }

    /// Closes what is still open at the end of the capture.
    pub fn finish(&mut self) {
        let Aggregate { lookups, clients, missing, stops, created, hasher, .. } = self;
        lookups.finish(&mut |ended| {
            count_lookup(&ended, clients, missing, stops, created, hasher);
        });
    }

    /// Says whether and how the packet of the next message counts towards a limit.
    pub fn set_metering(&mut self, metering: Metering) {
        self.metering = metering;
    }

    /// Says how the octets of the next message came.
    pub fn set_assembly(&mut self, assembly: Assembly) {
        self.assembly = assembly;
    }

    /// Counts a packet to a limited destination, copy or not: those that are no DNS message.
    /// `named`: the capture tells interfaces apart.
    pub fn meter(&mut self, packet: &PacketMeta, named: bool) {
        let over = self.rates.count(packet, named, false);
        self.timeline.at(packet.time).over += u32::from(over);
    }

    /// Whether this address forwards questions rather than asks them for itself: it answers others,
    /// probes its upstream as CoreDNS does, or asks what somebody else is waiting for.
    pub fn is_forwarder(&self, client: &Client) -> bool {
        /// One `. NS` may be a person with `dig`; a health check goes on.
        const PROBES: u64 = 2;
        /// Two clients that want the same name at the same moment are chance, however many steps their
        /// walks have; it does not happen to a client again and again.
        const FORWARDED: u32 = 3;
        /// Nobody is asked what it asks, so deep in a chain, but a server.
        const DEEP: u32 = 8;
        let loops = |row: &Loop| row.client == client.address && row.deepest >= DEEP && !row.own;
        client.probes >= PROBES
            || self.loops.iter().any(loops)
            || client.forwarded_lookups >= FORWARDED && client.forwarded * 2 >= client.asked
            || self.server(client.address).is_some_and(|server| server.answered > 0)
    }

    /// What was seen of a server.
    pub fn server(&self, address: Address) -> Option<&Server> {
        let hash = self.hasher.hash_words(address.halves());
        self.servers.find(hash, |server| server.address == address)
    }

    /// What was seen of a client.
    pub fn client(&self, address: Address) -> Option<&Client> {
        let hash = self.hasher.hash_words(address.halves());
        self.clients.find(hash, |client| client.address == address)
    }

    /// State given up for want of room, all tables together.
    pub fn evicted(&self) -> u64 {
        self.totals.evicted
            + self.pairs.overflowed
            + self.clients.overflowed
            + self.servers.overflowed
            + self.sockets.overflowed
            + self.rates.overflowed
            + self.strays.overflowed
            + self.loops.overflowed
            + self.questions.overflowed
            + self.stops.overflowed
            + self.created.overflowed
            + self.loads.overflowed
            + self.lookups.overflowed
    }
}

/// Adds a lookup that has ended to the sums of its client.
fn count_lookup(
    ended: &Ended<'_>,
    clients: &mut Table<Client>,
    missing: &mut MissingNames,
    stops: &mut Stops,
    created: &mut CreatedNames,
    hasher: &NameHasher,
) {
    let client = clients.get_mut(ended.client);
    client.count(ended);
    created.missed(ended, client.address, hasher);
    if ended.all_empty && (ended.within || ended.base == 0) {
        stops.note(ended, client, hasher);
    }
    if ended.ending == Ending::Missing && ended.as_is() {
        let entry = missing.entry(hasher.hash(ended.name), ended.name);
        entry.frames.note(ended.frame);
        entry.period.note(ended.window.0);
        entry.period.note(ended.window.1);
        entry.asked_by(client.address, u64::from(ended.transactions), ended.suffixes.len());
    }
}
