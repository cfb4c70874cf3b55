//! Link layers by their number in the libpcap registry.
//!
//! The BSD loopback headers are written in the byte order of the machine that captured, which the
//! file does not tell; Linux cooked captures carry an EtherType whatever the hardware was.

use crate::model::{Direction, LinkType};

use super::ether::{ether_type, ethernet, llc, ppp, pppoe};
use super::network::ip;
use super::part::Part;
use super::{Body, Network, Skip};

const NULL: u16 = 0;
pub(super) const ETHERNET: u16 = 1;
const PPP: u16 = 9;
/// `DLT_RAW` of BSD and of OpenBSD: meant for live handles, but found in files.
const RAW_BSD: u16 = 12;
const RAW_OPENBSD: u16 = 14;
const PPP_HDLC: u16 = 50;
const PPP_ETHER: u16 = 51;
const RAW: u16 = 101;
const CISCO_HDLC: u16 = 104;
const LOOP: u16 = 108;
const ENC: u16 = 109;
const LINUX_SLL: u16 = 113;
/// What `tcpdump -i pktap` and `-i any` of macOS write; older versions used a private number.
const PKTAP: u16 = 258;
const PKTAP_PRIVATE: u16 = 149;
const PPP_WITH_DIRECTION: u16 = 204;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
const NFLOG: u16 = 239;
const LINUX_SLL2: u16 = 276;

/// `ARPHRD_NETLINK`: the protocol field of a cooked header is a netlink family, not an EtherType.
const ARPHRD_NETLINK: u16 = 824;

pub(super) fn link<'a>(
    link_type: LinkType,
    part: Part<'a>,
    network: &mut Network,
) -> Result<Body<'a>, Skip> {
    match link_type.0 {
        ETHERNET => ethernet(part, network),
        LINUX_SLL2 => cooked_v2(part, network),
        LINUX_SLL => cooked_v1(part, network),
        RAW | RAW_BSD | RAW_OPENBSD | IPV4 | IPV6 => ip(part, network),
        NULL | LOOP => loopback(part, 4, network),
        // OpenBSD's IPsec interface: address family, SPI and flags.
        ENC => loopback(part, 12, network),
        PPP | PPP_HDLC => ppp(part, network),
        PPP_ETHER => pppoe(part, network),
        PPP_WITH_DIRECTION => {
            let [direction] = *part.head()?;
            network.direction =
                if direction == 0 { Direction::Incoming } else { Direction::Outgoing };
            ppp(part.skip(1)?, network)
        }
        CISCO_HDLC => {
            let [_, _, high, low] = *part.head()?;
            ether_type(u16::from_be_bytes([high, low]), part.skip(4)?, network)
        }
        NFLOG => nflog(part, network),
        PKTAP | PKTAP_PRIVATE => pktap(part, network),
        other => Err(Skip::UnsupportedLinkType(other)),
    }
}

/// Linux cooked capture (`tcpdump -i any` up to libpcap 1.9): packet type, hardware type, address
/// length, address, protocol.
fn cooked_v1<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let header: &[u8; 16] = part.head()?;
    let [_, kind, h0, h1, _, length, address @ .., p0, p1] = *header;
    network.direction = direction(kind);
    network.link_source = link_address(length, address);
    cooked_payload(
        u16::from_be_bytes([h0, h1]),
        u16::from_be_bytes([p0, p1]),
        part.skip(16)?,
        network,
    )
}

/// Linux cooked capture v2: the protocol comes first, and the interface index is named.
fn cooked_v2<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let header: &[u8; 20] = part.head()?;
    let [p0, p1, _, _, i0, i1, i2, i3, h0, h1, kind, length, address @ ..] = *header;
    network.direction = direction(kind);
    network.link_source = link_address(length, address);
    network.link_interface = u32::from_be_bytes([i0, i1, i2, i3]);
    cooked_payload(
        u16::from_be_bytes([h0, h1]),
        u16::from_be_bytes([p0, p1]),
        part.skip(20)?,
        network,
    )
}

fn cooked_payload<'a>(
    hardware: u16,
    protocol: u16,
    part: Part<'a>,
    network: &mut Network,
) -> Result<Body<'a>, Skip> {
    /// `LINUX_SLL_P_802_2`: an LLC header follows.
    const LLC: u16 = 4;
    match protocol {
        _ if hardware == ARPHRD_NETLINK => Err(Skip::NotIp),
        LLC => llc(part, network),
        // Below 0x0600 stand Linux's own numbers: Novell 802.3, CAN and the like.
        0..0x0600 => Err(Skip::NotIp),
        _ => match left_tag(protocol, part.bytes) {
            Some(inner) => ether_type(inner, part.skip(4)?, network),
            None => ether_type(protocol, part, network),
        },
    }
}

/// The EtherType behind a VLAN tag that stands where the header says that IP does. Since 6.10 the kernel names
/// in a cooked header what is behind the tags, and leaves the inner one of two in the packet.
fn left_tag(protocol: u16, bytes: &[u8]) -> Option<u16> {
    const IPV4: u16 = 0x0800;
    const IPV6: u16 = 0x86dd;
    let fits = |protocol: u16, first: u8| match protocol {
        IPV4 => first >> 4 == 4 && first & 0xf >= 5,
        _ => first >> 4 == 6,
    };
    let &[tag, _, high, low, first, ..] = bytes else { return None };
    let inner = u16::from_be_bytes([high, low]);
    let ip = |protocol| matches!(protocol, IPV4 | IPV6);
    let tagged = ip(protocol) && !fits(protocol, tag) && ip(inner) && fits(inner, first);
    tagged.then_some(inner)
}

/// `PACKET_HOST`, `_BROADCAST`, `_MULTICAST`, `_OTHERHOST`, `_OUTGOING` of `linux/if_packet.h`.
fn direction(kind: u8) -> Direction {
    match kind {
        0..=2 => Direction::Incoming,
        3 => Direction::Passing,
        4 => Direction::Outgoing,
        _ => Direction::Unknown,
    }
}

/// Loopback and tunnel interfaces have no address or one of another length.
fn link_address(length: u8, [a0, a1, a2, a3, a4, a5, _, _]: [u8; 8]) -> [u8; 6] {
    if length == 6 { [a0, a1, a2, a3, a4, a5] } else { [0; 6] }
}

/// BSD loopback: the address family in 32 bits, in either byte order, then (with `header` octets in
/// all) the packet. `AF_INET6` is 10 on Linux, 23 on Windows, 24 on NetBSD and OpenBSD, 28 on
/// FreeBSD and 30 on macOS.
fn loopback<'a>(part: Part<'a>, header: usize, network: &mut Network) -> Result<Body<'a>, Skip> {
    let family: [u8; 4] = *part.head()?;
    // Some drivers write an EtherType behind two octets of something else.
    if let [_, _, 0x08, 0x00] | [_, _, 0x86, 0xdd] = family {
        return ip(part.skip(header)?, network);
    }
    let family = u32::from_le_bytes(family);
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 | 10 | 23 | 24 | 28 | 30 => ip(part.skip(header)?, network),
        _ => Err(Skip::NotIp),
    }
}

/// macOS's header before that of the interface: lengths and numbers in the order of the machine,
/// which since 2006 is little-endian.
fn pktap<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    const INCOMING: u8 = 1;
    const OUTGOING: u8 = 2;
    let header: &[u8; 40] = part.head()?;
    let [l0, l1, l2, l3, _, _, _, _, t0, t1, _, _, .., flags, _, _, _] = *header;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let inner = u16::from_le_bytes([t0, t1]);
    if length < header.len() || matches!(inner, PKTAP | PKTAP_PRIVATE) {
        return Err(Skip::BadHeader);
    }
    network.direction = match flags & (INCOMING | OUTGOING) {
        INCOMING => Direction::Incoming,
        OUTGOING => Direction::Outgoing,
        _ => Direction::Unknown,
    };
    link(LinkType(inner), part.skip(length)?, network)
}

/// Linux netfilter log: attributes with length and type in host byte order, each aligned to four.
fn nflog<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let attributes = part.skip(4)?;
    let [low, high] = *attributes.head()?;
    // Attributes are short except for the payload, which comes last: an order in which the first
    // one is shorter is the right one.
    let read = if u16::from_le_bytes([low, high]) <= u16::from_be_bytes([low, high]) {
        u16::from_le_bytes
    } else {
        u16::from_be_bytes
    };
    nflog_payload(attributes, read, network)
}

fn nflog_payload<'a>(
    mut attributes: Part<'a>,
    read: fn([u8; 2]) -> u16,
    network: &mut Network,
) -> Result<Body<'a>, Skip> {
    // `NFULA_*` of linux/netfilter/nfnetlink_log.h.
    const IN_INTERFACE: u16 = 4;
    const OUT_INTERFACE: u16 = 5;
    const HARDWARE_ADDRESS: u16 = 8;
    const PAYLOAD: u16 = 9;
    loop {
        let [l0, l1, t0, t1] = *attributes.head()?;
        let length = usize::from(read([l0, l1]));
        let content = length.checked_sub(4).ok_or(Skip::BadHeader)?;
        let value = attributes.skip(4)?;
        let value = value.bounded(content.min(value.sent));
        match (read([t0, t1]), value.bytes) {
            (PAYLOAD, _) => return ip(value, network),
            (IN_INTERFACE, &[a, b, c, d]) => {
                network.direction = Direction::Incoming;
                network.link_interface = u32::from_be_bytes([a, b, c, d]);
            }
            (OUT_INTERFACE, &[a, b, c, d]) if network.direction == Direction::Unknown => {
                network.direction = Direction::Outgoing;
                network.link_interface = u32::from_be_bytes([a, b, c, d]);
            }
            (HARDWARE_ADDRESS, [0, 6, _, _, address @ ..]) => {
                network.link_source = address.first_chunk().copied().unwrap_or_default();
            }
            _ => {}
        }
        attributes = attributes.skip(length.next_multiple_of(4))?;
    }
}
