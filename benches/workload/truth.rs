//! The ground truth: what is in the file, counted as the packets are written.
//!
//! The definitions are those of the report's `traffic` and `capture`, made exact:
//!
//! - **The time of a message** is its packet's, as precise as the file; over TCP it is that of the
//!   segment that completes it, on its first transmission. A message whose last segment is past the
//!   end of the file is not in the file.
//! - **A copy** is the same packet on a further interface (`--copies`). The first one in the file is
//!   the packet; the others count in `capture` alone. `capture.dns` counts every copy of a message,
//!   over UDP and TCP alike, and `capture.copies` those after the first. Where the file does not say
//!   on which interface a packet was seen, segments seen again are retransmissions like any other:
//!   then the messages of a TCP stream count once before DNAT and once behind it, and no more.
//! - **A transaction** is a question from one client endpoint to one server endpoint over one
//!   transport under one ID; the generator never uses that key twice. TC and then TCP are two.
//!   CoreDNS' own questions to the VPC resolver are transactions, too.
//! - **answered**: its first response is in the file, however late; **late** is the part of them that
//!   took more than [`TIMEOUT`] from the first transmission. Then `transactions = answered +
//!   unanswered + pending_at_end`.
//! - **unanswered**: no response in the file, though its last packet (of any kind) is at least
//!   [`TIMEOUT`] after the first transmission; **`pending_at_end`**: the same, but less than that.
//! - **retransmissions**: datagrams with a question sent again, same port and ID. Segments sent again
//!   by TCP are not messages. **duplicates**: responses after the first. There are no orphans.
//! - **rcodes** and **latency**: of first responses; latency from the first transmission (first
//!   copy) to the first response (first copy).
//! - **lookups**: names that pods wanted: a search walk with its A and AAAA, its retries and its TCP
//!   is one, counted with its first question. One pod never asks for a name again before a second has
//!   passed since it was done with it, so that two lookups never overlap.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde_json::{Value, json};

use super::forge::{Packet, Transport};
use super::schedule::{Copy, Item, Key, Note, Payload, Starts, Time};

/// The analyser's default query timeout.
pub const TIMEOUT: Time = 5_000_000_000;

/// Counts of DNS messages.
#[derive(Clone, Copy, Default)]
struct Messages {
    udp_queries: u64,
    udp_responses: u64,
    tcp_queries: u64,
    tcp_responses: u64,
}

impl Messages {
    fn count(&mut self, tcp: bool, is_query: bool) {
        *match (tcp, is_query) {
            (false, true) => &mut self.udp_queries,
            (false, false) => &mut self.udp_responses,
            (true, true) => &mut self.tcp_queries,
            (true, false) => &mut self.tcp_responses,
        } += 1;
    }

    fn json(self) -> Value {
        json!({
            "udp_queries": self.udp_queries, "udp_responses": self.udp_responses,
            "tcp_queries": self.tcp_queries, "tcp_responses": self.tcp_responses,
        })
    }
}

/// What was written so far.
#[derive(Default)]
pub struct Truth {
    tells_interfaces: bool,
    first: Option<Time>,
    last: Option<Key>,
    pub packets: u64,
    bytes: u64,
    bytes_captured: u64,
    snaplen_truncated: u64,
    noise: u64,
    tcp_packets: u64,
    tcp_packet_copies: u64,
    message_copies: Messages,
    messages: Messages,
    lookups: u64,
    /// Lookups begun by one of two questions, of which the other is still to come.
    begun: HashSet<u64>,
    transactions: u64,
    answered: u64,
    unanswered: u64,
    late: u64,
    retransmissions: u64,
    duplicates: u64,
    rcodes: BTreeMap<u16, u64>,
    latency_sum: u64,
    latency_max: u64,
    /// First transmissions that will never be answered and are not yet older than the timeout.
    hopeless: VecDeque<Time>,
}

impl Truth {
    /// Nothing was written yet; `tells_interfaces`: the file will say where a packet was seen.
    pub fn new(tells_interfaces: bool) -> Truth {
        Truth { tells_interfaces, ..Truth::default() }
    }

    /// One packet of `length` bytes was written, `captured` of them.
    pub fn count(&mut self, key: Key, item: &Item, length: usize, captured: usize) {
        self.first.get_or_insert(key.time);
        self.last = Some(key);
        self.packets += 1;
        self.bytes += length as u64;
        self.bytes_captured += captured as u64;
        self.snaplen_truncated += u64::from(captured < length);
        let tcp =
            matches!(item.payload, Payload::Ip(Packet { transport: Transport::Tcp { .. }, .. }));
        if item.notes[0] == Note::Noise {
            self.noise += 1;
            return;
        }
        self.tcp_packets += u64::from(tcp);
        self.tcp_packet_copies += u64::from(tcp && item.copy != Copy::Original);
        for note in item.notes {
            let is_query = match note {
                Note::Query { .. } | Note::Again => true,
                Note::Answer { .. } | Note::Duplicate => false,
                Note::Nothing | Note::Noise => continue,
            };
            match item.copy {
                Copy::Original => {
                    self.messages.count(tcp, is_query);
                    self.message(key.time, note);
                }
                Copy::SameStream if tcp && !self.tells_interfaces => {}
                Copy::SameStream | Copy::OtherStream => self.message_copies.count(tcp, is_query),
            }
        }
    }

    fn message(&mut self, time: Time, note: Note) {
        match note {
            Note::Query { starts, hopeless } => {
                self.lookups += u64::from(match starts {
                    Starts::Nothing => false,
                    Starts::Lookup => true,
                    // The second of the two takes its number away.
                    Starts::Either(number) => {
                        !self.begun.remove(&number) && self.begun.insert(number)
                    }
                });
                self.transactions += 1;
                if hopeless {
                    self.hopeless.push_back(time);
                }
            }
            Note::Again => self.retransmissions += 1,
            Note::Duplicate => self.duplicates += 1,
            Note::Answer { asked, rcode } => {
                let latency = time - asked.time;
                self.answered += 1;
                self.late += u64::from(latency > TIMEOUT);
                self.latency_sum += latency;
                self.latency_max = self.latency_max.max(latency);
                *self.rcodes.entry(rcode).or_default() += 1;
            }
            Note::Nothing | Note::Noise => {}
        }
        while self.hopeless.front().is_some_and(|sent| time - sent >= TIMEOUT) {
            self.hopeless.pop_front();
            self.unanswered += 1;
        }
    }

    /// The whole truth, once the file has ended; `unwritten` is what would have followed.
    pub fn finish<'a>(mut self, unwritten: impl Iterator<Item = &'a Item>) -> Value {
        let last = self.last.unwrap_or_default();
        let mut pending = 0;
        let cut_off = unwritten.filter(|item| item.copy == Copy::Original).flat_map(|item| {
            item.notes.iter().filter_map(|note| match note {
                Note::Answer { asked, .. } if *asked <= last => Some(asked.time),
                _ => None,
            })
        });
        for sent in cut_off.chain(std::mem::take(&mut self.hopeless)) {
            if last.time - sent >= TIMEOUT {
                self.unanswered += 1;
            } else {
                pending += 1;
            }
        }
        let copies = self.message_copies;
        let read = Messages {
            udp_queries: self.messages.udp_queries + copies.udp_queries,
            udp_responses: self.messages.udp_responses + copies.udp_responses,
            tcp_queries: self.messages.tcp_queries + copies.tcp_queries,
            tcp_responses: self.messages.tcp_responses + copies.tcp_responses,
        };
        let rcodes: BTreeMap<_, _> =
            self.rcodes.iter().map(|(rcode, count)| (mnemonic(*rcode), count)).collect();
        json!({
            "traffic": {
                "lookups": self.lookups,
                "transactions": self.transactions,
                "answered": self.answered,
                "unanswered": self.unanswered,
                "pending_at_end": pending,
                "late": self.late,
                "retransmissions": self.retransmissions,
                "duplicate_responses": self.duplicates,
                "orphan_responses": 0,
                "rcodes": rcodes,
                "latency_sum_ns": self.latency_sum,
                "latency_max_ns": self.latency_max,
                "messages": self.messages.json(),
            },
            "capture": {
                "packets": self.packets,
                "bytes": self.bytes,
                "bytes_captured": self.bytes_captured,
                "first_packet_ns": self.first,
                "last_packet_ns": last.time,
                "dns": read.json(),
                "copies": copies.json(),
                "tcp_packets": self.tcp_packets,
                "tcp_packet_copies": self.tcp_packet_copies,
                "noise_packets": self.noise,
                "snaplen_truncated": self.snaplen_truncated,
            },
        })
    }
}

fn mnemonic(rcode: u16) -> String {
    match rcode {
        0 => "NOERROR".into(),
        2 => "SERVFAIL".into(),
        3 => "NXDOMAIN".into(),
        5 => "REFUSED".into(),
        other => format!("RCODE{other}"),
    }
}
