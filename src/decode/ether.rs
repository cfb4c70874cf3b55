//! Ethernet, what its EtherTypes stack on each other, and PPP.
//!
//! Tags and labels are peeled in a loop without a limit: each takes at least four octets.

use super::network::ip;
use super::part::Part;
use super::{Body, Network, Skip};

/// EtherTypes that are looked into.
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
/// A VLAN tag: 802.1Q, 802.1ad, and the numbers that were used for QinQ before it.
const TAGS: [u16; 4] = [VLAN, 0x88a8, 0x9100, 0x9200];
pub(super) const VLAN: u16 = 0x8100;
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;
pub(super) const PPP: u16 = 0x880b;

/// Below this the field is the length of an IEEE 802.3 frame (IEEE 802.3, clause 3.2.6).
const FIRST_ETHER_TYPE: u16 = 0x0600;

#[inline]
pub(super) fn ethernet<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let header: &[u8; 14] = part.head()?;
    let [_, _, _, _, _, _, source @ .., t0, t1] = *header;
    network.link_source = source;
    ether_type(u16::from_be_bytes([t0, t1]), part.skip(14)?, network)
}

#[inline]
pub(super) fn ether_type<'a>(
    ether_type: u16,
    part: Part<'a>,
    network: &mut Network,
) -> Result<Body<'a>, Skip> {
    // The version field decides between the two: some captures have them crossed.
    if ether_type == IPV4 || ether_type == IPV6 {
        return ip(part, network);
    }
    stacked(ether_type, part, network)
}

fn stacked<'a>(
    mut ether_type: u16,
    mut part: Part<'a>,
    network: &mut Network,
) -> Result<Body<'a>, Skip> {
    while TAGS.contains(&ether_type) {
        let [_, _, t0, t1] = *part.head()?;
        ether_type = u16::from_be_bytes([t0, t1]);
        part = part.skip(4)?;
    }
    match ether_type {
        IPV4 | IPV6 => ip(part, network),
        ..FIRST_ETHER_TYPE => llc(part, network),
        MPLS | MPLS_UPSTREAM => mpls(part, network),
        PPPOE_SESSION => pppoe(part, network),
        PPP => ppp(part, network),
        // ARP, RARP, PPPoE discovery, flow control, LACP, EAPOL, LLDP, PTP, loop test, HomePlug,
        // 1905.1, Wake-on-LAN, AoE, IPX, AppleTalk: no IP within.
        0x0806 | 0x8035 | 0x8863 | 0x8808 | 0x8809 | 0x888e | 0x88cc | 0x88f7 | 0x9000 | 0x88e1
        | 0x8912 | 0x893a | 0x0842 | 0x88a2 | 0x8137 | 0x809b | 0x80f3 => Err(Skip::NotIp),
        other => Err(Skip::UnsupportedEtherType(other)),
    }
}

/// IEEE 802.2: spanning tree and the like, but also IP behind a SNAP header (RFC 1042).
pub(super) fn llc<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    match part.bytes {
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, t0, t1, ..] => {
            let ether_type = u16::from_be_bytes([*t0, *t1]);
            if ether_type == IPV4 || ether_type == IPV6 {
                return ip(part.skip(8)?, network);
            }
            Err(Skip::NotIp)
        }
        // The service access point of IP itself (RFC 948).
        [0x06, 0x06, 0x03, ..] => ip(part.skip(3)?, network),
        _ => Err(Skip::NotIp),
    }
}

/// MPLS (RFC 3032) does not say what it carries: IP is known by its version field, as routers do
/// (RFC 4928). A pseudowire with its control word starts with another nibble.
pub(super) fn mpls<'a>(mut part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    loop {
        let [_, _, label_end, _] = *part.head()?;
        part = part.skip(4)?;
        if label_end & 1 != 0 {
            break;
        }
    }
    let [first] = *part.head()?;
    match first >> 4 {
        4 | 6 => ip(part, network),
        _ => Err(Skip::UnsupportedEtherType(MPLS)),
    }
}

/// PPPoE session stage (RFC 2516): version and type, code, session, length.
pub(super) fn pppoe<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let [version, code, _, _, _, _] = *part.head()?;
    if version != 0x11 || code != 0 {
        return Err(Skip::BadHeader);
    }
    ppp(part.skip(6)?, network)
}

/// PPP (RFC 1661) with or without the address and control octets of HDLC framing (RFC 1662), and
/// Cisco's HDLC, which replaces them by its own and an EtherType.
pub(super) fn ppp<'a>(mut part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    match part.bytes {
        [0xff, 0x03, ..] => part = part.skip(2)?,
        [0x0f | 0x8f, 0x00, 0x08, 0x00, ..] | [0x0f | 0x8f, 0x00, 0x86, 0xdd, ..] => {
            return ip(part.skip(4)?, network);
        }
        [0x0f | 0x8f, 0x00, ..] => return Err(Skip::NotIp),
        _ => {}
    }
    let [first] = *part.head()?;
    // Protocol field compression: an odd first octet is the whole field.
    let (protocol, part) = if first & 1 != 0 {
        (u16::from(first), part.skip(1)?)
    } else {
        (u16::from_be_bytes(*part.head()?), part.skip(2)?)
    };
    match protocol {
        0x0021 | 0x0057 => ip(part, network),
        0x0281 | 0x0283 => mpls(part, network),
        // Network and link control protocols.
        0x4000.. => Err(Skip::NotIp),
        // Compressed, encrypted, multilink.
        _ => Err(Skip::UnsupportedEtherType(PPP)),
    }
}
