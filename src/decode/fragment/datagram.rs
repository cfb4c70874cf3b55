//! One datagram on its way to being whole.

use crate::model::Timestamp;

use super::super::transport::{GRE, IPV4, IPV6, TCP, UDP};
use super::super::{Fragment, Network, tunnel};
use super::pieces::Pieces;
use super::{FragmentCounters, Knowledge};

/// Pieces of one datagram that do not touch each other. 64 KiB are 120 fragments of 576 octets.
const MAX_PIECES: usize = 128;

#[derive(Clone)]
pub(super) struct Datagram {
    pub(super) serial: u64,
    pub(super) born: Timestamp,
    /// Set when it needs no more fragments, or gets none.
    pub(super) done: Option<Timestamp>,
    pub(super) time: Timestamp,
    pub(super) frame: u64,
    pub(super) network: Network,
    pub(super) fragments: u32,
    pub(super) knowledge: Knowledge,
    /// Octet ranges of the payload that arrived, captured or not.
    pub(super) arrived: Pieces,
    /// Octet ranges that were captured.
    pub(super) captured: Pieces,
    pub(super) total: Option<u32>,
    pub(super) payload: Vec<u8>,
}

/// What became of a fragment.
pub(super) enum Added {
    More,
    Complete,
    /// Complete, but nothing of ours.
    Foreign,
    /// In more pieces than any sender makes of a datagram.
    Hopeless,
}

impl Datagram {
    pub(super) fn new(
        serial: u64,
        born: Timestamp,
        time: Timestamp,
        frame: u64,
        network: &Network,
    ) -> Datagram {
        Datagram {
            serial,
            born,
            done: None,
            time,
            frame,
            network: *network,
            fragments: 0,
            knowledge: Knowledge::Unknown,
            arrived: Pieces::default(),
            captured: Pieces::default(),
            total: None,
            payload: Vec::new(),
        }
    }

    fn is_whole(&self) -> bool {
        self.total.is_some_and(|total| self.arrived.covers(total))
    }

    /// The captured payload up to the first hole.
    pub(super) fn take_payload(&mut self, octets: &mut usize) -> Vec<u8> {
        let mut payload = std::mem::take(&mut self.payload);
        *octets -= payload.len();
        payload.truncate(self.captured.prefix() as usize);
        payload
    }

    pub(super) fn add(
        &mut self,
        time: Timestamp,
        frame: u64,
        network: &Network,
        fragment: &Fragment<'_>,
        counters: &mut FragmentCounters,
    ) -> Added {
        // The caller has checked that both fit.
        let start = fragment.offset;
        let end = start + fragment.sent as u32;
        let conflicting =
            self.total.is_some_and(|total| end > total || (!fragment.more && end != total))
                || (!fragment.more && self.arrived.end() > end);
        if conflicting {
            counters.bad += 1;
            return Added::More;
        }
        self.fragments += 1;
        if !fragment.more {
            self.total = Some(end);
        }
        if start == 0 && self.arrived.prefix() == 0 {
            (self.time, self.frame, self.network) = (time, frame, *network);
            self.knowledge = knowledge(fragment);
        }
        counters.overlapping += u64::from(self.arrived.overlaps(start, end));
        if self.knowledge == Knowledge::Foreign {
            // Only its coming together is followed, none of its octets.
            self.payload = Vec::new();
        } else {
            self.copy(start, fragment.payload);
        }
        self.arrived.insert(start, end);
        if self.arrived.count() > MAX_PIECES {
            return Added::Hopeless;
        }
        match (self.is_whole(), self.knowledge) {
            (true, Knowledge::Foreign) => Added::Foreign,
            (true, _) => Added::Complete,
            (false, _) => Added::More,
        }
    }

    /// Copies what is not there yet: the first copy of an octet stays.
    fn copy(&mut self, start: u32, bytes: &[u8]) {
        let end = start + bytes.len() as u32;
        if self.payload.len() < end as usize {
            self.payload.resize(end as usize, 0);
        }
        let mut from = start;
        while from < end {
            let (gap_start, gap_end) = self.captured.next_gap(from, end);
            let target = self.payload.get_mut(gap_start as usize..gap_end as usize);
            let source = bytes.get((gap_start - start) as usize..(gap_end - start) as usize);
            if let (Some(target), Some(source)) = (target, source) {
                target.copy_from_slice(source);
            }
            from = gap_end.max(from + 1);
        }
        self.captured.insert(start, end);
    }
}

/// What the first fragment tells of the datagram.
fn knowledge(fragment: &Fragment<'_>) -> Knowledge {
    const DNS: u16 = 53;
    if matches!(fragment.protocol, IPV4 | IPV6 | GRE) {
        return Knowledge::Unknown;
    }
    if !matches!(fragment.protocol, UDP | TCP) {
        return Knowledge::Foreign;
    }
    let Some(&[s0, s1, d0, d1]) = fragment.payload.first_chunk() else {
        return Knowledge::Unknown;
    };
    let ports = [u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])];
    if ports.contains(&DNS) {
        Knowledge::Dns
    } else if fragment.protocol == UDP && ports.into_iter().any(tunnel::is_port) {
        Knowledge::Unknown
    } else {
        Knowledge::Foreign
    }
}
