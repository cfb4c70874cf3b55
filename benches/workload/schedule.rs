//! Packets that are still to come, in the order of time.
//!
//! A lookup is played to its end at once, retries after 5 s included; its packets wait here until the
//! clock of the file has come to them. So the memory is that of a few seconds of traffic at most.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::forge::{Direction, Packet};

/// Nanoseconds since 1970.
pub type Time = u64;

/// The place of a packet in the file: by time, then in the order of scheduling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub time: Time,
    order: u64,
}

/// Whether a question is the first of a lookup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Starts {
    Nothing,
    Lookup,
    /// This one or another with the same number, whichever is first in the file.
    Either(u64),
}

/// What a packet means to the truth.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A part of a TCP connection that completes no message.
    Nothing,
    /// Foreign traffic.
    Noise,
    /// A question's first transmission; `hopeless` if no answer will ever come.
    Query { starts: Starts, hopeless: bool },
    /// A question's further transmission.
    Again,
    /// The first answer to the question that stands at `asked`.
    Answer { asked: Key, rcode: u16 },
    /// A further answer.
    Duplicate,
}

/// Whether a packet was in the file before, as another interface saw it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    Original,
    /// Between the same addresses as a packet before.
    SameStream,
    /// The first one between other addresses: the far side of the DNAT.
    OtherStream,
}

/// What is behind the link header.
pub enum Payload {
    Ip(Packet),
    Arp([u8; 28]),
}

/// A packet to be written.
pub struct Item {
    pub payload: Payload,
    /// Counts from zero; see [`super::output::INTERFACES`].
    pub interface: u32,
    pub direction: Direction,
    /// 0 is none.
    pub vlan: u16,
    /// Two messages can be in one segment, no more.
    pub notes: [Note; 2],
    pub copy: Copy,
}

/// The packets to come. The heap holds only keys; the packets stay where they are.
pub struct Schedule {
    heap: BinaryHeap<Reverse<(Key, u32)>>,
    items: Vec<Option<Item>>,
    free: Vec<u32>,
    order: u64,
    /// The precision of the file: times are cut to it at once, so that the truth agrees with it.
    unit: Time,
}

impl Schedule {
    pub fn new(unit: Time) -> Self {
        let (heap, items, free) = (BinaryHeap::new(), Vec::new(), Vec::new());
        Schedule { heap, items, free, order: 0, unit }
    }

    pub fn push(&mut self, time: Time, item: Item) -> Key {
        let key = Key { time: time - time % self.unit, order: self.order };
        self.order += 1;
        let slot = if let Some(slot) = self.free.pop() {
            self.items[slot as usize] = Some(item);
            slot
        } else {
            self.items.push(Some(item));
            self.items.len() as u32 - 1
        };
        self.heap.push(Reverse((key, slot)));
        key
    }

    /// How many packets were ever scheduled.
    pub fn scheduled(&self) -> u64 {
        self.order
    }

    /// The next packet that is due before `time`.
    pub fn due(&mut self, time: Time) -> Option<(Key, Item)> {
        let Reverse((key, _)) = self.heap.peek()?;
        if key.time >= time - time % self.unit {
            return None;
        }
        let Reverse((key, slot)) = self.heap.pop()?;
        self.free.push(slot);
        Some((key, self.items[slot as usize].take()?))
    }

    /// What is still waiting, in no order.
    pub fn rest(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().flatten()
    }
}
