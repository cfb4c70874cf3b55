//! Follows questions: whose they are, which of them are one lookup, what clients wanted, and what counts towards
//! a limit.
//!
//! This half gives out the places at which the other one counts.

mod chance;
mod clients;
mod created;
mod limited;
mod missing;
mod observe;
mod oddities;
mod places;
mod rates;
mod samples;
mod stops;
mod strays;

pub use clients::Client;
pub use created::{Created, CreatedNames};
pub use limited::Limited;
pub use missing::{Missing, MissingNames};
pub use rates::{Rates, Row, Sender};
pub use samples::{Sample, SampleKind, Samples};
pub use stops::{Stop, Stops};
pub use strays::{Stray, Strays};

use super::counting::{Asker, MAX_PAIRS, MAX_SOCKETS};
use super::handover::{Ends, Handover};
use super::{Settings, Table};
use crate::classify::{Ended, Ending, Lookups};
use crate::model::{Address, NameHasher, PacketMeta};
use chance::Chance;

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

/// What is known of questions as they follow each other.
#[derive(Clone)]
pub struct Following {
    /// Clients.
    pub clients: Table<Client>,
    /// Names that do not exist.
    pub missing: MissingNames,
    /// Open lookups and search suffixes.
    pub lookups: Lookups,
    /// Packets to limited destinations.
    pub rates: Rates,
    /// Which destinations are limited.
    pub limited: Limited,
    /// A few failing responses, octet for octet.
    pub samples: Samples,
    /// Walks that ended at an empty answer within the search list.
    pub stops: Stops,
    /// Services that began to exist.
    pub created: CreatedNames,
    /// Names of the cluster that were answered from outside.
    pub strays: Strays,
    /// Clients and servers, each with a row of the other half.
    pairs: Table<Ends>,
    /// Long-lived sockets, the same way.
    sockets: Table<(u32, u16)>,
    metering: Metering,
    /// Known when all lookups have ended.
    chance: Chance,
    hasher: NameHasher,
}

impl Following {
    /// Nothing yet. `hasher` must be the one that the messages were read with.
    pub(super) fn new(settings: &Settings, hasher: NameHasher) -> Following {
        let capacity = settings.capacity;
        Following {
            clients: Table::new(capacity.of(clients::MAX_CLIENTS), Client::default()),
            missing: MissingNames::default(),
            lookups: Lookups::new(capacity, hasher),
            rates: Rates::new(settings.pps_limit),
            limited: Limited::new(settings.vpc_dns.clone()),
            samples: Samples::default(),
            stops: Stops::default(),
            created: CreatedNames::default(),
            strays: Strays::default(),
            pairs: Table::new(capacity.of(MAX_PAIRS), Ends::default()),
            sockets: Table::new(capacity.of(MAX_SOCKETS), (0, 0)),
            metering: Metering::Off,
            chance: Chance::default(),
            hasher,
        }
    }

    /// Closes what is still open at the end of the capture.
    pub(super) fn finish(&mut self) {
        let Following { lookups, clients, missing, stops, created, hasher, .. } = self;
        lookups.finish(&mut |ended| {
            count_lookup(&ended, clients, missing, stops, created, hasher);
        });
    }

    /// Takes how clients ask, in their order: all lookups have ended, and all questions were counted.
    pub(super) fn learn<'a>(&mut self, askers: impl Iterator<Item = &'a Asker>) {
        for (client, asker) in self.clients.all_mut().zip(askers) {
            client.asker = *asker;
        }
        self.chance = Chance::among(&self.clients);
    }

    /// Whether a client asks what somebody else is waiting for more often than chance would have it.
    pub(super) fn passes_on(&self, client: &Client) -> bool {
        client.asker.may_pass_on() && !self.chance.explains(client)
    }

    /// Says whether and how the packet of the next message counts towards a limit.
    pub fn set_metering(&mut self, metering: Metering) {
        self.metering = metering;
    }

    /// What was seen of a client.
    pub fn client(&self, address: Address) -> Option<&Client> {
        let hash = self.hasher.hash_words(address.halves());
        self.clients.find(hash, |client| client.address == address)
    }

    /// State given up for want of room, all tables together.
    pub(super) fn overflowed(&self) -> u64 {
        self.pairs.overflowed
            + self.sockets.overflowed
            + self.clients.overflowed
            + self.rates.overflowed
            + self.strays.overflowed
            + self.stops.overflowed
            + self.created.overflowed
            + self.lookups.overflowed
    }

    /// The place of a client and a server. `ends` is the hash of the two, which decoding has made
    /// already for what is frequent.
    #[inline]
    fn pair_place(
        &mut self,
        ends: u64,
        client: Address,
        server: Address,
        handover: &mut Handover,
    ) -> u32 {
        let Following { pairs, clients, hasher, .. } = self;
        let same = |pair: &Ends| pair.client == client && pair.server == server;
        pairs.place(ends, same, || {
            let hash = hasher.hash_words(client.halves());
            let client_index = clients.place(hash, |c| c.address == client, || Client::new(client));
            let ends = Ends { client, server, client_index };
            handover.pairs.push(ends);
            ends
        })
    }

    /// The place of a long-lived socket.
    fn socket_place(&mut self, pair: u32, port: u16, handover: &mut Handover) -> u32 {
        let hash = self.hasher.hash_words([u64::from(pair) << 16 | u64::from(port)]);
        self.sockets.place(
            hash,
            |&known| known == (pair, port),
            || {
                handover.sockets.push((pair, port));
                (pair, port)
            },
        )
    }

    /// Counts the packet of a message towards its sender's limit, and says whether that is over it where
    /// there is one.
    fn count_limited(&mut self, packet: &PacketMeta) -> Option<bool> {
        match self.metering {
            Metering::Count { named } => Some(self.rates.count(packet, named, true)),
            Metering::Counted | Metering::Off => None,
        }
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
