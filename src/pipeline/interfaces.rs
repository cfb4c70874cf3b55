//! Numbers for the interfaces that cooked headers name (SLL2, NFLOG), beside those of the capture.
//! They count from the top down; the capture's own count from the bottom up.

use std::collections::HashMap;

use super::unit::Event;
use crate::capture::Block;

/// Interfaces that cooked headers name. A node of many pods has a few hundred at a time, and new
/// indexes with every pod that starts: this is a day of one a few seconds. Half a MiB at worst.
const MAX_COOKED: usize = 1 << 14;

/// Interfaces by number.
#[derive(Clone, Default)]
pub(super) struct Interfaces {
    /// SipHash, seeded: the numbers come from the network. The last one seen is remembered, for most
    /// packets come in runs of one interface.
    cooked: HashMap<(u16, u32), u16>,
    names: Vec<(u16, u32)>,
    last: ((u16, u32), u16),
    /// Packets of interfaces beyond [`MAX_COOKED`]: they share the last number.
    pub(super) overflowed: u64,
}

impl Interfaces {
    /// Gives the events of a block the numbers of their interfaces.
    pub(super) fn number_all(&mut self, block: &Block, events: &mut [Event]) {
        if !block.interfaces.iter().any(|interface| interface.link_type.names_interfaces()) {
            return;
        }
        for event in events {
            let packet = &mut event.packet;
            packet.interface = self.number(packet.interface, event.link_interface);
        }
    }

    /// The number of `link_interface` within the capture's `interface`; that one itself where the
    /// link header names none.
    fn number(&mut self, interface: u16, link_interface: u32) -> u16 {
        if link_interface == 0 {
            return interface;
        }
        let key = (interface, link_interface);
        if self.last.0 == key {
            return self.last.1;
        }
        let number = match self.cooked.get(&key) {
            Some(&number) => number,
            None if self.names.len() < MAX_COOKED => {
                let number = u16::MAX - self.names.len() as u16;
                self.names.push(key);
                self.cooked.insert(key, number);
                number
            }
            None => {
                self.overflowed += 1;
                return u16::MAX - (MAX_COOKED - 1) as u16;
            }
        };
        self.last = (key, number);
        number
    }

    /// The capture's interface and the index of each, in the order of their numbers from the top.
    pub(super) fn into_names(self) -> Vec<(u16, u32)> {
        self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_count_from_the_top_and_share_the_last_number() {
        let mut interfaces = Interfaces::default();
        assert_eq!(interfaces.number(3, 0), 3);
        assert_eq!(interfaces.number(0, 7), u16::MAX);
        assert_eq!(interfaces.number(0, 9), u16::MAX - 1);
        assert_eq!(interfaces.number(0, 7), u16::MAX);
        for index in 1..=MAX_COOKED as u32 + 10 {
            interfaces.number(1, index);
        }
        assert_eq!(interfaces.overflowed, 12);
        assert_eq!(interfaces.into_names().len(), MAX_COOKED);
    }
}
