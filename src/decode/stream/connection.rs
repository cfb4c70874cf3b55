//! A connection: its two streams, and how its handshake and its end went.

use crate::model::{Address, PacketMeta, Timestamp};

use super::super::Segment;
use super::half::{Half, Stage};
use super::{ConnectionEvent, StreamMessage};

/// Endpoints in order, so that both directions have one key.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) low: (Address, u16),
    pub(super) high: (Address, u16),
    pub(super) interface: u16,
}

/// How far the handshake has come. `Syn` and `SynAck` hold the side of the client.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Handshake {
    #[default]
    Unseen,
    Syn(usize),
    SynAck(usize),
    Done,
}

#[derive(Clone, Default)]
pub(super) struct Connection {
    pub(super) key: Key,
    /// By side: what the lower endpoint of the key sends, and what the higher one does.
    pub(super) halves: [Half; 2],
    pub(super) seen: Timestamp,
    handshake: Handshake,
    pub(super) closed: bool,
}

impl Connection {
    pub(super) fn new(key: Key) -> Connection {
        Connection { key, ..Connection::default() }
    }

    pub(super) fn observe(
        &mut self,
        side: usize,
        meta: &PacketMeta,
        segment: &Segment<'_>,
        stage: &mut Stage,
        deliver: &mut impl FnMut(StreamMessage<'_>),
    ) -> ConnectionEvent {
        let has = |flag: u8| segment.flags & flag != 0;
        if has(Segment::RST) {
            let refused = self.handshake == Handshake::Syn(1 - side);
            self.closed = true;
            return ConnectionEvent::Reset { refused };
        }
        let mut event = ConnectionEvent::None;
        let mut sequence = segment.sequence;
        if has(Segment::SYN) {
            event = self.open(side, segment, stage, deliver);
            // The SYN takes a number of its own; data behind it is TCP Fast Open (RFC 7413).
            sequence = sequence.wrapping_add(1);
        } else if self.handshake == Handshake::SynAck(side) && has(Segment::ACK) {
            self.handshake = Handshake::Done;
            event = ConnectionEvent::Established;
        }
        if segment.sent > 0 {
            self.halves[side].segment(
                sequence,
                segment.payload.get(..segment.sent).unwrap_or(segment.payload),
                segment.sent,
                meta,
                stage,
                deliver,
            );
        }
        if has(Segment::ACK) {
            self.halves[1 - side].acknowledge(segment.acknowledgment);
        }
        for half in &mut self.halves {
            half.give_up_holes(stage, deliver);
        }
        if has(Segment::FIN) && !self.halves[side].finished {
            self.halves[side].finished = true;
            self.closed = self.halves[1 - side].finished;
            event = if self.closed { ConnectionEvent::Closed } else { ConnectionEvent::HalfClosed };
        }
        event
    }

    fn open(
        &mut self,
        side: usize,
        segment: &Segment<'_>,
        stage: &mut Stage,
        deliver: &mut impl FnMut(StreamMessage<'_>),
    ) -> ConnectionEvent {
        let again = self.halves[side].is_opened_by(segment.sequence);
        if segment.flags & Segment::ACK != 0 {
            if !again {
                self.halves[side].open(segment.sequence, stage, deliver);
                self.handshake = Handshake::SynAck(1 - side);
            }
            return ConnectionEvent::SynAck { again };
        }
        if !again {
            // The ports are used again.
            self.halves[1 - side].close(stage, deliver);
            self.halves[side].open(segment.sequence, stage, deliver);
            self.handshake = Handshake::Syn(side);
            self.closed = false;
        }
        ConnectionEvent::Syn { again }
    }
}
