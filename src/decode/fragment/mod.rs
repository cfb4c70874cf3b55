//! IP datagrams put together from their fragments (RFC 791, section 3.2; RFC 8200, section 4.5).
//!
//! etherparse's `IpDefragBuf` lets later octets overwrite earlier ones and knows no fragment that
//! the snap length cut, so the bookkeeping is our own. Here the first copy of an octet stays, and a
//! datagram of which every fragment arrived is complete even where some were cut: it then is
//! delivered as far as its octets are known, like any other cut datagram.
//!
//! A datagram of which fragments are missing ends as an [`Incomplete`]. If its first fragment was
//! there, that holds the beginning of the payload, DNS header and all, with the ports: the response
//! can be told from one that never came.

mod datagram;
mod pieces;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::model::{Address, Direction, Span, Timestamp};

use super::transport::UDP;
use super::{Fragment, Network};

use datagram::{Added, Datagram};

/// How long the rest of a datagram is waited for. The fragments of a datagram leave back to back;
/// the 30 s of `ip_frag_time` are for receivers that have nothing better to do. This is less than
/// the 5 s after which glibc's resolver gives up, so that an incomplete response still meets its
/// query.
pub const WAIT: Span = Span::from_secs(3);

/// How long a complete datagram is remembered, so that copies of its fragments (`tcpdump -i any`
/// sees them once an interface) do not begin another one. Short, because identifications are used
/// again, in IPv4 after 65,536 datagrams.
const COPIES: Span = Span::from_secs(1);

/// Datagrams waited for at once. In three seconds a resolver at 1,000 fragmented responses a second
/// would need all of them.
const MAX_DATAGRAMS: usize = 4_096;

/// Octets held for them all: four times the kernel's `ipfrag_high_thresh`.
const MAX_OCTETS: usize = 16 << 20;

/// The longest payload of an IP packet; an offset that leads beyond it is an attack (ping of death).
const MAX_PAYLOAD: u32 = 65_535;

/// Incomplete datagrams that wait to be fetched by [`Reassembler::next_incomplete`].
const MAX_REPORTS: usize = MAX_DATAGRAMS;

/// What the fragments of one datagram have in common on one leg of their way. Link addresses and
/// TTL are not among it: routers may send the fragments on different ways.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: Address,
    destination: Address,
    identification: u32,
    link_interface: u32,
    interface: u16,
    protocol: u8,
    tunnels: u8,
    direction: Direction,
}

/// A datagram put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassembled {
    /// The network layer of its first fragment.
    pub network: Network,
    /// IP protocol of the payload: hand it to [`transport`](fn@super::transport).
    pub protocol: u8,
    /// The payload, as far as it was captured without a hole.
    pub payload: Vec<u8>,
    /// Its length as it was sent.
    pub sent: usize,
}

/// A datagram of which fragments are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// When its first fragment was captured, or whichever came first.
    pub time: Timestamp,
    /// The frame of that fragment.
    pub frame: u64,
    /// The interface that it was captured on.
    pub interface: u16,
    /// The network layer of that fragment.
    pub network: Network,
    /// IP protocol of the payload.
    pub protocol: u8,
    /// What is known of it.
    pub knowledge: Knowledge,
    /// The beginning of the payload; empty where the first fragment is what is missing.
    pub payload: Vec<u8>,
    /// The length of the whole payload; where the last fragment is missing, at least so much.
    pub sent: usize,
    /// How many fragments were seen.
    pub fragments: u32,
}

/// What an incomplete datagram would have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Knowledge {
    /// UDP or TCP from or to port 53, by its first fragment.
    Dns,
    /// Something else, by its first fragment.
    Foreign,
    /// The first fragment is missing, or was cut before the ports, or it is a tunnel.
    Unknown,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentCounters {
    /// Fragments of all kinds.
    pub fragments: u64,
    /// Among them, those that are not the first of their datagram.
    pub non_first: u64,
    /// Datagrams put together.
    pub reassembled: u64,
    /// Datagrams with missing fragments that were DNS.
    pub incomplete_dns: u64,
    /// Datagrams with missing fragments of which nobody can tell what they were.
    pub incomplete_unknown: u64,
    /// Datagrams with missing fragments that were something else.
    pub incomplete_other: u64,
    /// Among the incomplete, those given up to stay within the bounds, before their time was over.
    pub evicted: u64,
    /// Fragments that were repeated or overlapped others.
    pub overlapping: u64,
    /// Fragments that contradict themselves or the others of their datagram.
    pub bad: u64,
}

impl FragmentCounters {
    /// Adds what another reassembler counted.
    pub fn merge(&mut self, other: &FragmentCounters) {
        self.fragments += other.fragments;
        self.non_first += other.non_first;
        self.reassembled += other.reassembled;
        self.incomplete_dns += other.incomplete_dns;
        self.incomplete_unknown += other.incomplete_unknown;
        self.incomplete_other += other.incomplete_other;
        self.evicted += other.evicted;
        self.overlapping += other.overlapping;
        self.bad += other.bad;
    }
}

/// Puts datagrams together, within fixed bounds. It serves any number of interfaces.
#[derive(Clone)]
pub struct Reassembler {
    table: HashMap<Key, Datagram, foldhash::fast::RandomState>,
    /// Datagrams in the order in which they ran out or will: all wait equally long.
    order: VecDeque<(u64, Key)>,
    /// Tells a datagram from an earlier one with its key.
    serial: u64,
    /// The latest time seen: a capture whose clock was set back does not stop it.
    now: Timestamp,
    octets: usize,
    wait: Span,
    reports: VecDeque<Incomplete>,
    counters: FragmentCounters,
}

impl Default for Reassembler {
    fn default() -> Reassembler {
        Reassembler::new(WAIT)
    }
}

impl Reassembler {
    /// A reassembler that gives a datagram up after `wait` of capture time.
    pub fn new(wait: Span) -> Reassembler {
        Reassembler {
            table: HashMap::default(),
            order: VecDeque::new(),
            serial: 0,
            now: Timestamp::MIN,
            octets: 0,
            wait,
            reports: VecDeque::new(),
            counters: FragmentCounters::default(),
        }
    }

    /// Takes a fragment and returns its datagram if this was what was missing.
    pub fn observe(
        &mut self,
        time: Timestamp,
        frame: u64,
        interface: u16,
        network: &Network,
        fragment: &Fragment<'_>,
    ) -> Option<Reassembled> {
        self.counters.fragments += 1;
        self.counters.non_first += u64::from(fragment.offset != 0);
        self.expire(time);
        let end =
            u32::try_from(fragment.sent).ok().and_then(|sent| fragment.offset.checked_add(sent));
        if end.is_none_or(|end| end > MAX_PAYLOAD) {
            self.counters.bad += 1;
            return None;
        }
        let key = Key {
            source: network.source,
            destination: network.destination,
            identification: fragment.identification,
            link_interface: network.link_interface,
            interface,
            protocol: fragment.protocol,
            tunnels: network.tunnels,
            direction: network.direction,
        };
        let now = self.now;
        let datagram = match self.table.entry(key) {
            hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hashbrown::hash_map::Entry::Vacant(entry) => {
                self.serial += 1;
                self.order.push_back((self.serial, key));
                entry.insert(Datagram::new(self.serial, now, time, frame, network))
            }
        };
        if let Some(done) = datagram.done {
            if now.since(done) <= COPIES {
                return None;
            }
            // The identification is used again.
            self.serial += 1;
            self.order.push_back((self.serial, key));
            *datagram = Datagram::new(self.serial, now, time, frame, network);
        }
        let before = datagram.payload.len();
        let added = datagram.add(time, frame, network, fragment, &mut self.counters);
        self.octets += datagram.payload.len();
        self.octets -= before;
        let complete = match added {
            Added::More => None,
            Added::Complete => {
                self.counters.reassembled += 1;
                datagram.done = Some(now);
                let payload = datagram.take_payload(&mut self.octets);
                let sent = datagram.total.unwrap_or_default() as usize;
                let network = datagram.network;
                Some(Reassembled { network, protocol: fragment.protocol, payload, sent })
            }
            Added::Foreign => {
                datagram.done = Some(now);
                None
            }
            Added::Hopeless => {
                self.counters.bad += 1;
                datagram.done = Some(now);
                datagram.take_payload(&mut self.octets);
                None
            }
        };
        while self.table.len() > MAX_DATAGRAMS || self.octets > MAX_OCTETS {
            if !self.drop_oldest(true) {
                break;
            }
        }
        complete
    }

    /// Whether anything is kept.
    pub fn is_waiting(&self) -> bool {
        !self.order.is_empty()
    }

    /// Gives up what has waited too long at `now`. [`observe`](Self::observe) does it too.
    pub fn expire(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some((serial, key)) = self.order.front() {
            let waiting = self.table.get(key).is_some_and(|datagram| {
                datagram.serial == *serial && self.now.since(datagram.born) <= self.wait
            });
            if waiting {
                break;
            }
            self.drop_oldest(false);
        }
    }

    /// Gives up everything: the capture has ended.
    pub fn finish(&mut self) {
        while self.drop_oldest(false) {}
    }

    /// The next datagram that was given up, oldest first.
    pub fn next_incomplete(&mut self) -> Option<Incomplete> {
        self.reports.pop_front()
    }

    /// What was counted so far.
    pub fn counters(&self) -> &FragmentCounters {
        &self.counters
    }

    /// Drops the oldest datagram and reports it unless it is done; false when there is none.
    fn drop_oldest(&mut self, evicted: bool) -> bool {
        let Some((serial, key)) = self.order.pop_front() else { return false };
        if self.table.get(&key).is_none_or(|datagram| datagram.serial != serial) {
            return true;
        }
        let Some(mut datagram) = self.table.remove(&key) else { return true };
        let payload = datagram.take_payload(&mut self.octets);
        if datagram.done.is_some() {
            return true;
        }
        self.counters.evicted += u64::from(evicted);
        match datagram.knowledge {
            Knowledge::Dns => self.counters.incomplete_dns += 1,
            Knowledge::Unknown => self.counters.incomplete_unknown += 1,
            Knowledge::Foreign => self.counters.incomplete_other += 1,
        }
        if datagram.knowledge != Knowledge::Foreign && self.reports.len() < MAX_REPORTS {
            let end = match datagram.total {
                Some(total) => total,
                // The last fragment is missing: the UDP header says where the datagram ends, and
                // what the others do not hold was sent nevertheless.
                None if key.protocol == UDP => MAX_PAYLOAD,
                None => datagram.arrived.end(),
            };
            self.reports.push_back(Incomplete {
                time: datagram.time,
                frame: datagram.frame,
                interface: key.interface,
                network: datagram.network,
                protocol: key.protocol,
                knowledge: datagram.knowledge,
                payload,
                sent: end as usize,
                fragments: datagram.fragments,
            });
        }
        true
    }
}
