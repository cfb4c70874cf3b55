//! The JSON report of the contract (`spec/report.md`, schema `dnspect.report/1`) as plain data.
//! Field order here is field order there.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::aggregate::Timeline;
use crate::verdict::{Finding, Kinds, Verdict};

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// `dnspect.report/1`.
    pub schema: &'static str,
    /// The sum.
    pub verdict: Verdict,
    /// Most important first, normal ones last.
    pub findings: Vec<Finding>,
    /// DNS in numbers, after copies of the same packet are merged.
    pub traffic: Traffic,
    /// The capture as read, before copies are merged.
    pub capture: Capture,
    /// What happened when: the text report draws it; the contract has no place for it.
    #[serde(skip)]
    pub timeline: Timeline,
    /// What the addresses in scopes and of senders belong to, where the context tells: for people, so
    /// that programs find plain addresses there.
    #[serde(skip)]
    pub names: BTreeMap<String, String>,
}

/// DNS in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Names that clients wanted: a search walk, its A/AAAA pair and its retries are one.
    pub lookups: u64,
    /// Distinct questions sent to a server.
    pub transactions: u64,
    /// Of these: answered, late ones included.
    pub answered: u64,
    /// Of these: no answer within the query timeout, the capture going on for at least as long.
    pub unanswered: u64,
    /// Of these: sent within one query timeout of the capture's end.
    pub pending_at_end: u64,
    /// Of those answered: after the query timeout.
    pub late: u64,
    /// Queries sent again.
    pub retransmissions: u64,
    /// Responses to nothing that was asked in the capture.
    pub orphan_responses: u64,
    /// First answers by RCODE. The report shows the four of the contract first, be they 0.
    #[serde(serialize_with = "rcodes")]
    pub rcodes: BTreeMap<String, u64>,
    /// First transmission of a question to its first answer, in microseconds.
    pub latency_us: Latency,
    /// Search-domain walks.
    pub search: Search,
    /// Whose resolvers the clients use: for people, not part of the contract.
    #[serde(skip)]
    pub resolvers: Kinds,
    /// Packets per second to link-local services and the VPC resolver.
    pub resolver_pps: Vec<ResolverRate>,
}

/// RCODEs that every report holds, in the contract's order.
const ALWAYS: [&str; 4] = ["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"];

impl Traffic {
    /// First answers by RCODE: the four of the contract, then the others by name.
    pub fn rcodes_in_order(&self) -> impl Iterator<Item = (&str, u64)> {
        in_order(&self.rcodes)
    }
}

fn in_order(rcodes: &BTreeMap<String, u64>) -> impl Iterator<Item = (&str, u64)> {
    let others = rcodes.iter().filter(|(name, _)| !ALWAYS.contains(&name.as_str()));
    ALWAYS
        .into_iter()
        .map(|name| (name, rcodes.get(name).copied().unwrap_or(0)))
        .chain(others.map(|(name, number)| (name.as_str(), *number)))
}

fn rcodes<S: Serializer>(rcodes: &BTreeMap<String, u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(in_order(rcodes))
}

/// Percentiles, in microseconds; 0 where nothing was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// The largest.
    pub max: u64,
}

/// What search domains cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Search {
    /// Lookups that tried more than one name.
    pub lookups_with_search: u64,
    /// Transactions for names that only the search list made.
    pub extra_queries: u64,
    /// Transactions of lookups ÷ those that would have done without the search list.
    pub amplification: f64,
    /// Search domains seen, in the order in which clients try them.
    pub search_domains: Vec<String>,
}

/// Packets sent by one ENI to one group of destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResolverRate {
    /// Interface name, where the capture tells it.
    pub interface: Option<String>,
    /// Source MAC or, without one, source address.
    pub source: Option<String>,
    /// `link_local` (link-local services and the VPC resolver: one budget).
    pub destination_group: String,
    /// Most packets in any one second.
    pub peak: u64,
    /// The end of that second.
    pub peak_at: String,
    /// Disjoint one-second windows over the limit.
    pub seconds_over_limit: u64,
    /// The limit, in packets per second.
    pub limit: u64,
}

/// The capture as read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Capture {
    /// Files, in the order of their first packets.
    pub files: Vec<String>,
    /// Time of the first packet; null for an empty capture.
    pub first_packet: Option<String>,
    /// Time of the last packet.
    pub last_packet: Option<String>,
    /// Where it was taken, and what that shows: for people, not part of the contract.
    #[serde(skip)]
    pub taken: String,
    /// What was read of the node meanwhile, a line each: for people, not part of the contract.
    #[serde(skip)]
    pub node: Vec<String>,
    /// Packets read.
    pub packets: u64,
    /// Their lengths on the wire, summed.
    pub bytes: u64,
    /// DNS messages.
    pub dns: DnsMessages,
    /// Packets that repeat another: seen on another interface, before and after DNAT, mirrored.
    pub copies: u64,
    /// Frames that the snap length cut.
    pub snaplen_truncated: u64,
    /// Frames that could not be decoded for want of support.
    pub unsupported: u64,
    /// IP datagrams of which fragments are missing.
    pub fragments_incomplete: u64,
    /// Holes in TCP streams of port 53.
    pub tcp_gaps: u64,
    /// Questions whose answers may be among octets that the capture lacks: for people, not part of the contract.
    #[serde(skip)]
    pub answers_lacking: u64,
    /// Packets that the kernel dropped; null: the source does not say.
    pub dropped_by_kernel: Option<u64>,
    /// Packets that dnspect dropped.
    pub dropped_by_dnspect: u64,
    /// State that was given up for want of room.
    pub state_evicted: u64,
    /// Only queries or only responses were captured.
    pub one_sided: bool,
    /// Packets with a timestamp before that of an earlier packet.
    pub out_of_order: u64,
    /// In words, each one that lowers a confidence.
    pub caveats: Vec<String>,
}

/// DNS messages by transport and direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DnsMessages {
    /// Queries over UDP.
    pub udp_queries: u64,
    /// Responses over UDP.
    pub udp_responses: u64,
    /// Queries over TCP.
    pub tcp_queries: u64,
    /// Responses over TCP.
    pub tcp_responses: u64,
    /// Messages on port 53 that break RFC 1035 or RFC 6891.
    pub malformed: u64,
}

impl DnsMessages {
    /// All that could be read.
    pub fn total(&self) -> u64 {
        self.udp_queries + self.udp_responses + self.tcp_queries + self.tcp_responses
    }
}
