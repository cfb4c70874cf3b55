//! From the bytes of a frame to what they say: pure, allocation-free, never failing.
//!
//! [`frame`] peels link, tunnel, network and transport headers off and returns a [`Decoded`] whose
//! [`Body`] borrows from the frame. What cannot be decoded is a [`Skip`] with a name, to be counted.

pub mod detail;
mod ether;
pub mod fragment;
mod icmp;
mod link;
pub mod message;
mod network;
mod part;
mod plain;
pub mod stream;
mod transport;
mod tunnel;

#[cfg(test)]
mod tests;

use crate::model::{Address, Direction, LinkType};

use part::Part;
pub use plain::{Passing, Plain, passing, plain, plainest};

/// Decodes one captured frame. `original` is its length on the wire, of which `bytes` is what the
/// snap length left.
pub fn frame(link_type: LinkType, bytes: &[u8], original: usize) -> Decoded<'_> {
    let mut network = Network::default();
    let part = Part { bytes, sent: original.max(bytes.len()) };
    let body = link::link(link_type, part, &mut network).unwrap_or_else(Body::Skip);
    Decoded { network, body }
}

/// Decodes what an IP packet carries: for the payloads that a [`fragment::Reassembler`] puts
/// together. `payload` is the captured part of `sent` octets. Where the payload is a tunnel,
/// `network` becomes that of the packet within.
pub fn transport<'a>(
    network: &mut Network,
    protocol: u8,
    payload: &'a [u8],
    sent: usize,
) -> Body<'a> {
    let part = Part { bytes: payload, sent: sent.max(payload.len()) };
    transport::transport(protocol, part, network).unwrap_or_else(Body::Skip)
}

/// What the layers around the transport header say of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Source address of the innermost IP header.
    pub source: Address,
    /// Destination address of the innermost IP header.
    pub destination: Address,
    /// IPv4 identification; 0 for IPv6.
    pub ip_id: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Which way the frame crossed the interface, as far as its link header says.
    pub direction: Direction,
    /// Link-layer source address of the innermost link header; zero where there is none.
    pub link_source: [u8; 6],
    /// How many tunnels were peeled off.
    pub tunnels: u8,
    /// Index of the capturing host's network interface, where the link header names it (Linux
    /// cooked v2, NFLOG): tells the legs of `tcpdump -i any` apart. 0 where it does not.
    pub link_interface: u32,
}

/// A frame, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Addresses and what goes with them; default values when the frame had no IP header.
    pub network: Network,
    /// What it carries.
    pub body: Body<'a>,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A UDP datagram.
    Datagram(Datagram<'a>),
    /// A TCP segment.
    Segment(Segment<'a>),
    /// A fragment of an IP packet.
    Fragment(Fragment<'a>),
    /// An ICMP or ICMPv6 error.
    IcmpError(IcmpError<'a>),
    /// An IP packet of another kind: nothing to decode, but it still is a packet sent.
    Other {
        /// IP protocol number.
        protocol: u8,
    },
    /// Not decodable, or nothing of ours.
    Skip(Skip),
}

/// A UDP datagram as far as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The captured part of the payload: bounded by UDP and IP length, so link padding is left out.
    pub payload: &'a [u8],
    /// Length of the payload as it was sent; larger than `payload` when the frame was cut.
    pub sent: usize,
}

/// A TCP segment as far as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number of the first payload octet (of the SYN itself when it is set).
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// Flag bits as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
    /// The captured part of the payload.
    pub payload: &'a [u8],
    /// Length of the payload as it was sent.
    pub sent: usize,
}

impl Segment<'_> {
    /// FIN flag bit.
    pub const FIN: u8 = 1;
    /// SYN flag bit.
    pub const SYN: u8 = 2;
    /// RST flag bit.
    pub const RST: u8 = 4;
    /// ACK flag bit.
    pub const ACK: u8 = 16;
}

/// A fragment of an IP packet (RFC 791, section 3.2; RFC 8200, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// IPv4 identification, or the 32 bits of the IPv6 fragment header.
    pub identification: u32,
    /// Protocol of the fragmented payload (IPv6: the next header of the fragment header).
    pub protocol: u8,
    /// Offset of this part within the payload, in octets.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
    /// The captured part of the fragment's payload.
    pub payload: &'a [u8],
    /// Its length as it was sent.
    pub sent: usize,
}

/// Why a packet was refused (RFC 792, RFC 1812, RFC 4443).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IcmpKind {
    /// v4 type 3 code 3, v6 type 1 code 4.
    PortUnreachable,
    /// v4 type 3 code 1, v6 type 1 code 3.
    HostUnreachable,
    /// v4 type 3 code 0, v6 type 1 code 0.
    NetUnreachable,
    /// v4 type 3 codes 9, 10 and 13, v6 type 1 codes 1, 5 and 6.
    Prohibited,
    /// v4 type 3 code 2, v6 type 4 code 1.
    ProtocolUnreachable,
    /// v4 type 3 code 4, v6 type 2: the packet was too big; the sender may try again smaller.
    TooBig,
    /// v4 type 11 code 0, v6 type 3 code 0: a routing loop.
    TtlExceeded,
    /// v4 type 11 code 1, v6 type 3 code 1: fragments went missing.
    ReassemblyTimeExceeded,
    /// Any other error.
    Other,
}

impl IcmpKind {
    /// Whether the packet is lost for good: one that was too big is sent again in smaller ones.
    pub fn refuses(self) -> bool {
        self != IcmpKind::TooBig
    }
}

/// An ICMP error with the packet that it quotes. `Decoded::network` holds who sent the error and
/// to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError<'a> {
    /// Why.
    pub kind: IcmpKind,
    /// ICMP type and code as sent.
    pub code: (u8, u8),
    /// Source address of the quoted packet.
    pub quoted_source: Address,
    /// Destination address of the quoted packet.
    pub quoted_destination: Address,
    /// Protocol of the quoted packet: 17 or 6 where ports are given.
    pub quoted_protocol: u8,
    /// Source port of the quoted packet; 0 when it was not quoted so far.
    pub quoted_source_port: u16,
    /// Destination port of the quoted packet.
    pub quoted_destination_port: u16,
    /// IPv4 identification of the quoted packet.
    pub quoted_ip_id: u16,
    /// What is quoted behind the UDP header: often the whole query, sometimes nothing.
    pub quoted_payload: &'a [u8],
    /// Whether the capture, not the sender, ends the quotation before its ports.
    pub is_cut: bool,
}

/// Why a frame gave nothing: each is counted and reported by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// A link type that dnspect does not read.
    UnsupportedLinkType(u16),
    /// A link-layer protocol that carries no IP that dnspect reads, by EtherType: MPLS, MACsec….
    /// Protocols that never carry IP (ARP, LLDP, STP) are [`Skip::NotIp`].
    UnsupportedEtherType(u16),
    /// A frame that carries no IP at all: ARP, LLDP, spanning tree, IEEE 802.2.
    NotIp,
    /// The snap length cut the frame before the transport header was complete.
    CutShort,
    /// A header that contradicts itself: version, header length, total length.
    BadHeader,
    /// More tunnels within each other than dnspect follows.
    TooManyTunnels,
    /// A tunnel or IP protocol that hides its payload, by IP protocol number: ESP….
    UnsupportedProtocol(u8),
}

impl Skip {
    /// What was skipped, in words; nothing for what is no loss: frames without IP.
    pub fn words(self) -> Option<String> {
        Some(match self {
            Skip::NotIp => return None,
            Skip::UnsupportedLinkType(number) => format!("link type {number}"),
            Skip::UnsupportedEtherType(number) => format!("EtherType {number:#06x}"),
            Skip::CutShort => "frame cut before its transport header".to_owned(),
            Skip::BadHeader => "damaged header".to_owned(),
            Skip::TooManyTunnels => "more tunnels than are followed".to_owned(),
            Skip::UnsupportedProtocol(number) => format!("IP protocol {number}"),
        })
    }
}
