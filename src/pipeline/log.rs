//! What the matcher told of a unit, written down for the two stages behind it: so all three can be at
//! work at once, and each one's code and tables stay in the cache of the thread that is at it.
//!
//! Replayed in order, a log has the same effect as if the sums had listened themselves.

use crate::aggregate::{Assembly, Handover};
use crate::matcher::{Keys, Refusal, Sighting, Stranger, Transaction, Transport, Unwanted};
use crate::model::{Message, PacketMeta};

/// Transactions that settle within one unit at most before the log is replayed in between: those of a
/// block are fewer, but after a pause of a minute all that was in flight runs out at once. 0.5 MB.
const MAX_SETTLED: usize = 4096;

/// Octets kept of messages that do not stand in the unit: those of reassembled streams and fragments.
const MAX_KEPT: usize = 256 << 10;

/// Where a sighting stands: an event of the unit, or one that the log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(u32);

const KEPT: u32 = 1 << 31;

impl At {
    /// None, yet.
    pub(super) const NOWHERE: At = At(u32::MAX);

    /// The sighting of an event.
    pub(super) fn event(index: usize) -> At {
        At(index as u32)
    }

    /// Index of the event; `None` where the log keeps it.
    pub(super) fn as_event(self) -> Option<usize> {
        (self.0 & KEPT == 0).then_some(self.0 as usize)
    }
}

/// One thing that was told. Indexes are those of the log's lists.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    Opened {
        token: u32,
        at: At,
        reused: bool,
    },
    Resent {
        token: u32,
        at: At,
        answered: bool,
    },
    Answered {
        transaction: u32,
        at: At,
    },
    Duplicate {
        token: u32,
        at: At,
        late: bool,
    },
    Unanswered {
        transaction: u32,
        pending: bool,
    },
    Evicted {
        transaction: u32,
    },
    Orphan {
        packet: u32,
        copy: bool,
    },
    Copied {
        token: u32,
        at: At,
        same_interface: bool,
    },
    Strange {
        token: u32,
        stranger: u32,
    },
    Refused {
        packet: u32,
        refusal: u32,
    },
    Unwanted {
        packet: u32,
        unwanted: u32,
    },
    Shared {
        from: u32,
        to: u32,
    },
    /// A packet that is no DNS message as it stands and may count towards a limit.
    Packet {
        packet: u32,
        named: bool,
    },
    /// One that does, to a service that is limited for all.
    Sent {
        packet: u32,
        named: bool,
    },
    /// What follows came with packets to this packet's destination that were counted when they came.
    Counted {
        packet: u32,
    },
    Connection {
        packet: u32,
        accepted: bool,
    },
    Assembly(Assembly),
    /// Nothing counts any more: the capture is over.
    Over,
}

const _: () = assert!(size_of::<Entry>() == 12, "one or two are written for each message");

/// A message that does not stand in the unit.
struct Kept {
    packet: PacketMeta,
    transport: Transport,
    message: Message,
    keys: Keys,
    bytes: (usize, usize),
}

/// All that was told of a unit. Reused.
#[derive(Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    /// Places are reused.
    pub(super) transactions: Vec<Transaction>,
    settled: usize,
    pub(super) packets: Vec<PacketMeta>,
    /// Each with the transaction that it refuses.
    pub(super) refusals: Vec<(Refusal, Option<u32>)>,
    pub(super) strangers: Vec<Option<Stranger>>,
    pub(super) unwanted: Vec<Unwanted>,
    kept: Vec<Kept>,
    bytes: Vec<u8>,
    /// What whoever follows questions has to say to whoever counts.
    pub(super) handover: Handover,
}

impl Log {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        let Log { entries, settled, packets, refusals, strangers, unwanted, .. } = self;
        entries.clear();
        *settled = 0;
        packets.clear();
        refusals.clear();
        strangers.clear();
        unwanted.clear();
        self.kept.clear();
        self.bytes.clear();
        self.handover.clear();
    }

    /// Whether another transaction is one too many.
    pub(super) fn has_settled_enough(&self) -> bool {
        self.settled >= MAX_SETTLED
    }

    /// Whether it is time to replay it.
    pub(super) fn is_full(&self) -> bool {
        self.has_settled_enough()
            || self.packets.len() >= MAX_SETTLED
            || self.bytes.len() >= MAX_KEPT
    }

    /// Keeps a transaction that ends.
    #[inline]
    pub(super) fn settle(&mut self, transaction: &Transaction) -> u32 {
        let at = self.settled;
        if at == self.transactions.len() {
            self.transactions.push(Transaction::default());
        }
        self.transactions[at].clone_from(transaction);
        self.settled = at + 1;
        at as u32
    }

    /// Keeps a message.
    pub(super) fn keep(&mut self, sighting: &Sighting<'_>) -> At {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(sighting.bytes);
        let &Sighting { packet: &packet, transport, message: &message, keys, .. } = sighting;
        let bytes = (from, self.bytes.len());
        self.kept.push(Kept { packet, transport, message, keys, bytes });
        At((self.kept.len() - 1) as u32 | KEPT)
    }

    /// A message that was kept.
    pub(super) fn kept(&self, At(at): At) -> Sighting<'_> {
        let kept = &self.kept[(at & !KEPT) as usize];
        let &Kept { ref packet, transport, ref message, keys, bytes: (from, to) } = kept;
        let bytes = self.bytes.get(from..to).unwrap_or_default();
        Sighting { packet, transport, message, bytes, keys }
    }
}
