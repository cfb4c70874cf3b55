//! The last seconds of packets, in bounded memory.

use std::collections::VecDeque;

use super::chunk::packets;
use super::pcapng::Counters;
use crate::model::{Span, Timestamp};

/// Octets of a segment: the ring forgets one at a time.
pub(super) const SEGMENT: usize = 256 << 10;

/// Packets that came one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    /// Their blocks.
    pub(super) bytes: Vec<u8>,
    /// Packets that did not come as far as the ring meanwhile.
    pub(super) lost: u64,
    /// What the kernel had counted when it began.
    pub(super) before: Vec<Counters>,
    first: Timestamp,
    last: Timestamp,
}

/// Packets of the last [`Ring::span`], as many of them as there is room for.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    segments: VecDeque<Segment>,
    spare: Vec<Segment>,
    span: Span,
    most: usize,
    /// The latest time of a packet.
    now: Timestamp,
    /// The latest time of a packet that had to go before its time.
    forgotten: Option<Timestamp>,
}

impl Ring {
    /// A ring of so long in so many octets.
    pub(super) fn new(span: Span, size: usize) -> Ring {
        Ring {
            segments: VecDeque::new(),
            spare: Vec::new(),
            span,
            // Less than two could hold nothing behind what is being filled.
            most: (size / SEGMENT).max(2),
            now: Timestamp::MIN,
            forgotten: None,
        }
    }

    /// The latest time of a packet.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Takes packets, given as their blocks; `lost` more did not come so far. `counters` is asked as
    /// each segment begins.
    pub(super) fn push(&mut self, bytes: &[u8], lost: u64, counters: &dyn Fn() -> Vec<Counters>) {
        for packet in packets(bytes) {
            self.now = self.now.max(packet.time);
            let full = |segment: &Segment| segment.bytes.len() + packet.bytes.len() > SEGMENT;
            if self.segments.back().is_none_or(full) {
                self.begin(packet.time, counters());
            }
            let Some(segment) = self.segments.back_mut() else { return };
            segment.first = segment.first.min(packet.time);
            segment.last = segment.last.max(packet.time);
            segment.bytes.extend_from_slice(packet.bytes);
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.lost += lost;
        }
        let oldest = Timestamp(self.now.0.saturating_sub(self.span.0));
        while self.segments.front().is_some_and(|segment| segment.last < oldest) {
            self.forget();
        }
    }

    fn begin(&mut self, time: Timestamp, before: Vec<Counters>) {
        while self.segments.len() >= self.most {
            self.forgotten = self.segments.front().map(|segment| segment.last);
            self.forget();
        }
        let mut segment = self.spare.pop().unwrap_or_default();
        (segment.first, segment.last, segment.before) = (time, time, before);
        segment.bytes.reserve_exact(SEGMENT);
        self.segments.push_back(segment);
    }

    fn forget(&mut self) {
        let Some(mut segment) = self.segments.pop_front() else { return };
        segment.bytes.clear();
        segment.lost = 0;
        // One is enough to go on with; the others' memory goes back.
        if self.spare.is_empty() {
            self.spare.push(segment);
        }
    }

    /// What is held, the oldest first.
    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// The time of the first packet that belongs to the last [`Ring::span`].
    pub(super) fn start(&self) -> Timestamp {
        Timestamp(self.now.0.saturating_sub(self.span.0))
    }

    /// How much of the span is held, where there was no room for all of it.
    pub(super) fn short(&self) -> Option<Span> {
        let forgotten = self.forgotten.filter(|&time| time >= self.start())?;
        let first = self.segments.front().map_or(self.now, |segment| segment.first);
        Some(self.now.since(first.max(forgotten)))
    }

    /// Octets of memory that it may take.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes.capacity()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pcapng;
    use super::*;
    use crate::capture::Record;

    fn packet(second: i64, length: usize) -> Vec<u8> {
        let time = Timestamp(second * 1_000_000_000);
        let record = Record { time, captured: length as u32, ..Record::default() };
        let mut out = Vec::new();
        pcapng::packet(&mut out, &record, &vec![0; length]);
        out
    }

    fn seconds(ring: &Ring) -> Vec<i64> {
        let all = ring.segments().flat_map(|segment| packets(&segment.bytes));
        all.filter(|packet| packet.time >= ring.start())
            .map(|packet| packet.time.seconds())
            .collect()
    }

    #[test]
    fn the_last_seconds_are_held() {
        let mut ring = Ring::new(Span::from_secs(10), 64 << 20);
        for second in 0..100 {
            ring.push(&packet(second, 100_000), 0, &Vec::new);
        }
        assert_eq!(seconds(&ring), (89..100).collect::<Vec<_>>());
        assert_eq!(ring.short(), None);
        // What is too old goes, a segment at a time.
        assert!(ring.segments().count() <= 7, "{}", ring.segments().count());
    }

    #[test]
    fn memory_is_bounded_and_what_is_missing_is_told() {
        let mut ring = Ring::new(Span::from_secs(1000), 4 * SEGMENT);
        for second in 0..100 {
            ring.push(&packet(second, 100_000), 1, &Vec::new);
            assert!(ring.held() <= 4 * SEGMENT, "{}", ring.held());
        }
        assert_eq!(seconds(&ring), (92..100).collect::<Vec<_>>());
        assert_eq!(ring.short(), Some(Span::from_secs(7)));
        assert_eq!(ring.segments().map(|segment| segment.lost).sum::<u64>(), 8);
    }

    #[test]
    fn each_segment_knows_what_the_kernel_said_before_it() {
        let calls = std::cell::Cell::new(0);
        let count = || {
            calls.set(calls.get() + 1);
            vec![Counters { received: Some(calls.get()), ..Counters::default() }]
        };
        let mut ring = Ring::new(Span::from_secs(1000), 64 << 20);
        for second in 0..5 {
            ring.push(&packet(second, 100_000), 0, &count);
        }
        let said: Vec<_> = ring.segments().map(|segment| segment.before[0].received).collect();
        assert_eq!(said, [Some(1), Some(2), Some(3)]);
    }
}
