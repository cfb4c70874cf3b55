//! Frames: what stands before the IP header on each kind of link.

use super::packet::{Endpoint, Packet};

/// The link types that the writers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Ethernet,
    /// `tcpdump -i any` of old.
    Sll,
    /// `tcpdump -i any` of today: says the interface.
    Sll2,
    /// IP at once.
    Raw,
    /// BSD loopback, in the byte order of the host: little-endian here.
    Null,
    /// OpenBSD loopback: the same in network order.
    Loop,
}

/// Where the packet was seen relative to the capturing host (SLL's packet type).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    Incoming = 0,
    Broadcast = 1,
    Multicast = 2,
    OtherHost = 3,
    Outgoing = 4,
}

/// What a frame says besides the IP packet.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The interface: SLL2's index; a pcapng's interface is this minus one.
    pub interface: u32,
    pub direction: Direction,
    pub source_mac: [u8; 6],
    pub destination_mac: [u8; 6],
    /// VLAN tags, the outer first; two make a QinQ frame.
    pub vlans: Vec<u16>,
}

impl Default for Hop {
    fn default() -> Self {
        Hop {
            interface: 1,
            direction: Direction::Incoming,
            source_mac: [2, 0, 0, 0, 0, 1],
            destination_mac: [2, 0, 0, 0, 0, 2],
            vlans: Vec::new(),
        }
    }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
/// ARPHRD_ETHER: what SLL says of the hardware.
const HARDWARE_ETHERNET: u16 = 1;
/// Address family of IPv6 as Linux numbers it, in a NULL header.
const FAMILY_IPV4: u32 = 2;
const FAMILY_IPV6: u32 = 10;

impl Link {
    /// The number in capture files.
    pub fn number(self) -> u16 {
        match self {
            Link::Null => 0,
            Link::Ethernet => 1,
            Link::Raw => 101,
            Link::Loop => 108,
            Link::Sll => 113,
            Link::Sll2 => 276,
        }
    }

    /// An IP packet in its frame.
    pub fn frame(self, hop: &Hop, ip: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(ip.len() + 24);
        self.header(&mut out, hop, if ip[0] >> 4 == 4 { IPV4 } else { IPV6 });
        out.extend(ip);
        out
    }

    /// Appends the link header for a payload of this EtherType.
    pub fn header(self, out: &mut Vec<u8>, hop: &Hop, ether_type: u16) {
        let family = if ether_type == IPV6 { FAMILY_IPV6 } else { FAMILY_IPV4 };
        match self {
            Link::Ethernet => {
                out.extend(hop.destination_mac);
                out.extend(hop.source_mac);
                for (n, vlan) in hop.vlans.iter().enumerate() {
                    let outer = n == 0 && hop.vlans.len() > 1;
                    out.extend(if outer { QINQ } else { VLAN }.to_be_bytes());
                    out.extend(vlan.to_be_bytes());
                }
                out.extend(ether_type.to_be_bytes());
            }
            Link::Sll => {
                out.extend((hop.direction as u16).to_be_bytes());
                out.extend(HARDWARE_ETHERNET.to_be_bytes());
                out.extend(6u16.to_be_bytes());
                out.extend(hop.source_mac);
                out.extend([0, 0]);
                out.extend(ether_type.to_be_bytes());
            }
            Link::Sll2 => {
                out.extend(ether_type.to_be_bytes());
                out.extend([0, 0]);
                out.extend(hop.interface.to_be_bytes());
                out.extend(HARDWARE_ETHERNET.to_be_bytes());
                out.extend([hop.direction as u8, 6]);
                out.extend(hop.source_mac);
                out.extend([0, 0]);
            }
            Link::Raw => {}
            Link::Null => out.extend(family.to_le_bytes()),
            Link::Loop => out.extend(family.to_be_bytes()),
        }
    }
}

/// An Ethernet frame inside UDP (RFC 7348): what a mirror or an overlay network sends.
pub fn vxlan(from: impl Endpoint, to: impl Endpoint, network: u32, frame: &[u8]) -> Packet {
    let mut to = to.endpoint();
    to.set_port(4789);
    let mut payload = vec![0x08, 0, 0, 0];
    payload.extend((network << 8).to_be_bytes());
    payload.extend(frame);
    Packet::udp(from, to, payload)
}
