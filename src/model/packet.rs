//! What the layers below DNS say of a packet.

use super::{Address, Endpoint, Timestamp};

/// The link-layer header type of an interface: the number of the libpcap registry
/// (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// Whether it is one of Linux' cooked captures (`LINKTYPE_LINUX_SLL`, `_SLL2`): what `-i any`
    /// gives.
    pub fn is_cooked(self) -> bool {
        matches!(self.0, 113 | 276)
    }

    /// Whether its headers name interfaces of their own: `LINKTYPE_LINUX_SLL2` and `LINKTYPE_NFLOG`.
    pub fn names_interfaces(self) -> bool {
        matches!(self.0, 276 | 239)
    }
}

/// Which way a packet crossed the interface, where the capture says so (SLL, SLL2, pcapng flags).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Direction {
    /// The capture does not say.
    #[default]
    Unknown,
    /// Received by the host that captured.
    Incoming,
    /// Sent by the host that captured.
    Outgoing,
    /// Seen in passing: between other hosts.
    Passing,
}

/// One packet below DNS: 64 bytes, plain data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketMeta {
    /// When it was captured.
    pub time: Timestamp,
    /// Its ordinal in the capture, from 1, as Wireshark numbers frames.
    pub frame: u64,
    /// Source address of the innermost IP header.
    pub source: Address,
    /// Destination address of the innermost IP header.
    pub destination: Address,
    /// Source port; 0 where there is none.
    pub source_port: u16,
    /// Destination port; 0 where there is none.
    pub destination_port: u16,
    /// Index of the interface in the capture's interface table.
    pub interface: u16,
    /// IPv4 identification (RFC 6864); 0 for IPv6 and for atomic datagrams that leave it unset.
    pub ip_id: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Which way it crossed the interface.
    pub direction: Direction,
    /// The link-layer source address of the innermost link header; zero where there is none.
    pub link_source: [u8; 6],
}

impl PacketMeta {
    /// Address and port of the sender.
    pub fn from(&self) -> Endpoint {
        Endpoint { address: self.source, port: self.source_port }
    }

    /// Address and port of the receiver.
    pub fn to(&self) -> Endpoint {
        Endpoint { address: self.destination, port: self.destination_port }
    }
}

const _: () = assert!(size_of::<PacketMeta>() == 64, "one cache line: the hot path copies it");
