//! One direction of a connection: segments in the order of their sequence numbers.

use crate::model::{PacketMeta, Span, Timestamp};

use super::framing::{Broken, Framer, Start, start};
use super::pool::Pool;
use super::{StreamCounters, StreamMessage};

/// A sequence number so far from the expected one belongs to another connection with the same
/// ports whose SYN was not captured. The largest window of RFC 7323 is 1 GiB; nobody uses it for DNS.
const WINDOW: i32 = 64 << 20;

/// Segments held behind a hole. A lost segment is sent again after a round trip; at 1,460 octets
/// these are the windows of a zone transfer of 90 KiB in flight.
const MAX_HELD: usize = 64;

/// A hole that the receiver has acknowledged is the capture's, not the network's, unless the
/// capture has the segments in another order than the network had.
const REORDERING: Span = Span::from_millis(10);

/// A hole that nobody acknowledges, as when one direction is captured: three retransmissions of
/// RFC 6298 (1 + 2 + 4 s) have passed.
const GIVE_UP: Span = Span::from_secs(7);

/// A segment that came before its time.
#[derive(Clone)]
pub(super) struct Held {
    sequence: u32,
    sent: u32,
    bytes: Vec<u8>,
    meta: PacketMeta,
}

/// What is known of where the stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Nothing seen.
    #[default]
    New,
    /// Followed from the SYN, or from where messages were recognised.
    Following,
    /// Somewhere within; waiting for a segment that starts a message.
    Lost,
    /// Not DNS: nothing more is looked at.
    NotDns,
}

/// What all streams share.
#[derive(Clone, Default)]
pub(super) struct Stage {
    pub(super) pool: Pool,
    pub(super) counters: StreamCounters,
    /// The latest capture time seen.
    pub(super) now: Timestamp,
}

#[derive(Clone, Default)]
pub(super) struct Half {
    framer: Framer,
    held: Vec<Held>,
    /// Since when there is a hole before the held segments.
    held_since: Timestamp,
    /// Sequence number of the SYN.
    initial: Option<u32>,
    /// The sequence number that continues the stream.
    next: u32,
    /// Up to where the peer has acknowledged the stream.
    acknowledged: Option<u32>,
    mode: Mode,
    /// Whether the framing stands since the SYN, so that what is no message proves no DNS.
    from_start: bool,
    pub(super) finished: bool,
    /// Messages are among octets that the capture lacks and the peer has.
    pub(super) lacking: bool,
}

impl Half {
    /// The stream starts behind the SYN with this sequence number.
    pub(super) fn open(
        &mut self,
        initial: u32,
        stage: &mut Stage,
        deliver: &mut impl FnMut(StreamMessage<'_>),
    ) {
        self.close(stage, deliver);
        self.initial = Some(initial);
        self.next = initial.wrapping_add(1);
        self.mode = Mode::Following;
        self.from_start = true;
    }

    /// Whether it started so already.
    pub(super) fn is_opened_by(&self, initial: u32) -> bool {
        self.initial == Some(initial)
    }

    /// Delivers what is held and forgets everything.
    pub(super) fn close(&mut self, stage: &mut Stage, deliver: &mut impl FnMut(StreamMessage<'_>)) {
        while !self.held.is_empty() {
            self.skip_hole(stage, deliver);
        }
        stage.counters.unfinished += u64::from(self.framer.is_within());
        self.framer.reset(&mut stage.pool);
        *self = Half::default();
    }

    /// The peer has received everything before `acknowledgment`.
    pub(super) fn acknowledge(&mut self, acknowledgment: u32) {
        if self.acknowledged.is_none_or(|known| acknowledgment.wrapping_sub(known) as i32 > 0) {
            self.acknowledged = Some(acknowledgment);
        }
    }

    /// Whether the peer has received everything before `sequence`.
    fn is_received(&self, sequence: u32) -> bool {
        self.acknowledged.is_some_and(|known| known.wrapping_sub(sequence) as i32 >= 0)
    }

    /// Goes on behind a hole that will not be filled any more.
    pub(super) fn give_up_holes(
        &mut self,
        stage: &mut Stage,
        deliver: &mut impl FnMut(StreamMessage<'_>),
    ) {
        while let Some(first) = self.held.first() {
            let waited = stage.now.since(self.held_since);
            let received = self.is_received(first.sequence);
            let hopeless = self.held.len() > MAX_HELD
                || waited >= GIVE_UP
                || (received && waited >= REORDERING);
            if !hopeless {
                break;
            }
            self.skip_hole(stage, deliver);
        }
    }

    /// `bytes` is the captured part of the `sent` octets at `sequence`.
    pub(super) fn segment(
        &mut self,
        sequence: u32,
        bytes: &[u8],
        sent: usize,
        meta: &PacketMeta,
        stage: &mut Stage,
        deliver: &mut impl FnMut(StreamMessage<'_>),
    ) {
        if self.mode == Mode::New {
            stage.counters.joined += 1;
            self.mode = Mode::Lost;
            self.next = sequence;
        }
        let mut ahead = sequence.wrapping_sub(self.next) as i32;
        if !(-WINDOW..=WINDOW).contains(&ahead) {
            self.close(stage, deliver);
            self.mode = Mode::Lost;
            self.next = sequence;
            ahead = 0;
        }
        if self.mode == Mode::NotDns {
            return;
        }
        let repeated = ahead.min(0).unsigned_abs() as usize;
        if repeated >= sent {
            stage.counters.repeated += 1;
            return;
        }
        if ahead > 0 && self.mode == Mode::Following {
            self.hold(sequence, bytes, sent as u32, meta, stage);
            return;
        }
        if ahead > 0 {
            // Whoever is lost has no reason to wait.
            self.next = sequence;
        }
        let bytes = bytes.get(repeated..).unwrap_or_default();
        self.feed(bytes, (sent - repeated) as u32, meta, stage, deliver);
        if !self.held.is_empty() {
            self.drain(Some(meta), stage, deliver);
            self.held_since = stage.now;
        }
    }

    fn hold(
        &mut self,
        sequence: u32,
        bytes: &[u8],
        sent: u32,
        meta: &PacketMeta,
        stage: &mut Stage,
    ) {
        let ahead = |at: u32| at.wrapping_sub(self.next);
        let place = self.held.partition_point(|held| ahead(held.sequence) < ahead(sequence));
        if self.held.get(place).is_some_and(|held| held.sequence == sequence && held.sent >= sent) {
            stage.counters.repeated += 1;
            return;
        }
        stage.counters.out_of_order += 1;
        if self.held.is_empty() {
            self.held_since = stage.now;
        }
        let mut held = Held { sequence, sent, bytes: Vec::new(), meta: *meta };
        stage.pool.append(&mut held.bytes, bytes);
        stage.pool.hold(&mut self.held, place, held);
    }

    /// Takes the held segments that continue the stream. They were readable when the hole was
    /// filled, which `filled` did; where a hole was given up, when they came.
    fn drain(
        &mut self,
        filled: Option<&PacketMeta>,
        stage: &mut Stage,
        deliver: &mut impl FnMut(StreamMessage<'_>),
    ) {
        while let Some(first) = self.held.first() {
            let behind = self.next.wrapping_sub(first.sequence) as i32;
            if behind < 0 && self.mode == Mode::Following {
                break;
            }
            let Some(mut held) = stage.pool.unhold(&mut self.held) else { break };
            if behind < 0 {
                self.next = held.sequence;
            }
            let repeated = behind.max(0).unsigned_abs();
            if repeated < held.sent && self.mode != Mode::NotDns {
                let bytes = held.bytes.get(repeated as usize..).unwrap_or_default();
                let meta = filled.unwrap_or(&held.meta);
                self.feed(bytes, held.sent - repeated, meta, stage, deliver);
            }
            stage.pool.release(&mut held.bytes);
        }
    }

    fn skip_hole(&mut self, stage: &mut Stage, deliver: &mut impl FnMut(StreamMessage<'_>)) {
        let Some(first) = self.held.first() else { return };
        let length = first.sequence.wrapping_sub(self.next);
        let meta = first.meta;
        stage.counters.gaps += 1;
        let mut message = |bytes: &[u8], sent: usize| {
            deliver(StreamMessage { meta: &meta, bytes, sent });
        };
        let received = self.is_received(first.sequence);
        self.next = first.sequence;
        if self.framer.hole(length, &mut stage.pool, &mut message).is_err() {
            self.lose(stage);
            self.lacking |= received;
        }
        self.drain(None, stage, deliver);
        self.held_since = stage.now;
    }

    fn lose(&mut self, stage: &mut Stage) {
        self.framer.reset(&mut stage.pool);
        self.mode = Mode::Lost;
        self.from_start = false;
    }

    /// The octets that continue the stream.
    fn feed(
        &mut self,
        bytes: &[u8],
        sent: u32,
        meta: &PacketMeta,
        stage: &mut Stage,
        deliver: &mut impl FnMut(StreamMessage<'_>),
    ) {
        self.next = self.next.wrapping_add(sent);
        let mut message = |bytes: &[u8], sent: usize| {
            deliver(StreamMessage { meta, bytes, sent });
        };
        // Where a message was only supposed to have started before, this segment may start one.
        let tentative = self.framer.is_tentative();
        for _ in 0..=usize::from(tentative) {
            if self.mode == Mode::Lost {
                let Some(start) = start(bytes, sent as usize) else { return };
                self.mode = Mode::Following;
                stage.counters.resynchronised += 1;
                if start == Start::Message {
                    message(bytes, sent as usize);
                    self.framer.trust();
                    return;
                }
            }
            let hole = sent - bytes.len() as u32;
            let followed = self
                .framer
                .push(bytes, &mut stage.pool, &mut message)
                .and_then(|()| self.framer.hole(hole, &mut stage.pool, &mut message));
            match followed {
                Ok(()) => return,
                Err(Broken::Implausible) if self.from_start => {
                    stage.counters.not_dns += 1;
                    self.framer.reset(&mut stage.pool);
                    self.mode = Mode::NotDns;
                    return;
                }
                Err(broken) => {
                    self.lose(stage);
                    // The rest of a segment that was seen: it was sent, and cut by the snap length.
                    self.lacking |= broken == Broken::Lost && hole > 0;
                }
            }
        }
    }
}
