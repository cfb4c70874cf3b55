//! Which interface a packet is of: that of the handle, or, on `any`, the one that its cooked header names.

use std::os::fd::OwnedFd;
use std::sync::PoisonError;

use super::board::Board;
use super::handle::Seats;
use crate::capture::Interface;

/// Numbers of interfaces, by what packets say.
pub(super) struct Seat {
    number: Option<u16>,
    template: Interface,
    /// By index.
    known: Seats,
    last: (u32, u16),
}

impl Seat {
    /// `number`: that of the only interface; else packets are of interfaces like `template`, by what they say.
    pub(super) fn new(number: Option<u16>, template: Interface, known: Seats) -> Seat {
        Seat { number, template, known, last: (0, 0) }
    }

    /// The number of the interface of a packet.
    pub(super) fn of(&mut self, data: &[u8], socket: &OwnedFd, board: &Board) -> u16 {
        if let Some(number) = self.number {
            return number;
        }
        // The second version of the cooked header has the index behind protocol and padding.
        let index = data.get(4..8).and_then(|octets| octets.try_into().ok());
        let index = u32::from_be_bytes(index.unwrap_or_default());
        if self.last.0 == index && index != 0 {
            return self.last.1;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match known.binary_search_by_key(&index, |&(index, _)| index) {
            Ok(at) => known[at].1,
            Err(at) => {
                let name = name_of(socket, index).unwrap_or_else(|| format!("ifindex {index}"));
                let number =
                    board.add_interface(Interface { name: Some(name), ..self.template.clone() });
                known.insert(at, (index, number));
                number
            }
        };
        self.last = (index, number);
        number
    }
}

/// What the interface is called now; it may be gone already.
#[cfg(target_os = "linux")]
fn name_of(socket: &OwnedFd, index: u32) -> Option<String> {
    rustix::net::netdevice::index_to_name(socket, index).ok()
}

#[cfg(not(target_os = "linux"))]
fn name_of(_: &OwnedFd, _: u32) -> Option<String> {
    None
}
