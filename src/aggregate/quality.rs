//! What the capture holds and how good it is, before any copies are merged.

use std::collections::BTreeMap;

use crate::decode::Skip;
use crate::model::Timestamp;

/// Kinds of undecodable frames told apart by name; more kinds than protocols exist in one capture
/// only when it is noise.
const MAX_KINDS: usize = 64;

/// Counts of the capture as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Frames.
    pub packets: u64,
    /// Their lengths on the wire, summed.
    pub bytes: u64,
    /// Earliest time of any frame.
    pub first: Option<Timestamp>,
    /// Latest time of any frame.
    pub last: Option<Timestamp>,
    /// Frames with a time before that of an earlier frame.
    pub out_of_order: u64,
    /// Frames shorter than on the wire.
    pub cut: u64,
    /// Queries over UDP, responses over UDP, queries over TCP, responses over TCP.
    pub messages: [u64; 4],
    /// DNS messages that break the rules.
    pub malformed: u64,
    /// Messages of which not even the flags were captured.
    pub headless: u64,
    /// Frames that could not be decoded, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// The same, of further reasons than are told apart.
    pub skipped_otherwise: u64,
    /// ICMP errors of any kind.
    pub icmp_errors: u64,
    /// ICMP errors that the capture cut before what they refuse is told.
    pub cut_refusals: u64,
    /// Frames that are neither from nor to a DNS port: ICMP, other services.
    pub others: u64,
    /// Messages that came in a tunnel.
    pub tunnelled: u64,
    /// Fragments that are not the first of their datagram.
    pub later_fragments: u64,
}

impl Quality {
    /// Counts a frame that could not be decoded.
    pub fn skip(&mut self, reason: Skip) {
        self.skip_many(reason, 1);
    }

    fn skip_many(&mut self, reason: Skip, count: u64) {
        if self.skipped.len() < MAX_KINDS || self.skipped.contains_key(&reason) {
            *self.skipped.entry(reason).or_default() += count;
        } else {
            self.skipped_otherwise += count;
        }
    }

    /// Adds what a later run of frames held. Its regressions of time within itself are in `other`
    /// already; those against this one must be added by the caller, who has the frames.
    pub fn add(&mut self, other: &Quality) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.out_of_order += other.out_of_order;
        self.cut += other.cut;
        for (sum, more) in self.messages.iter_mut().zip(other.messages) {
            *sum += more;
        }
        self.malformed += other.malformed;
        self.headless += other.headless;
        for (&reason, &count) in &other.skipped {
            self.skip_many(reason, count);
        }
        self.skipped_otherwise += other.skipped_otherwise;
        self.icmp_errors += other.icmp_errors;
        self.cut_refusals += other.cut_refusals;
        self.others += other.others;
        self.tunnelled += other.tunnelled;
        self.later_fragments += other.later_fragments;
    }

    /// Frames that dnspect does not support, and frames that are damaged.
    pub fn unsupported(&self) -> u64 {
        let named = self
            .skipped
            .iter()
            .filter(|(reason, _)| !matches!(reason, Skip::NotIp | Skip::CutShort))
            .map(|(_, count)| count);
        named.sum::<u64>() + self.skipped_otherwise
    }
}
