//! Tunnels: what carries an IP packet or an Ethernet frame within another.
//!
//! A UDP port proves nothing: a datagram to a tunnel's port whose contents are not that tunnel
//! stays a datagram, and one from or to port 53 always does.

use super::ether::{self, ether_type, ethernet, mpls, ppp};
use super::network::ip;
use super::part::Part;
use super::{Body, Network, Skip};

/// A mirror session (VXLAN or ERSPAN) of an overlay (VXLAN, Geneve) of a tunnel of the pods' own,
/// and one to spare. More is a loop or an attack: every level is decoded on the hot path.
const MAX_TUNNELS: u8 = 4;

/// UDP ports (IANA; 8472 is what Linux and with it flannel and Cilium used before there was one).
const VXLAN: u16 = 4789;
const VXLAN_LINUX: u16 = 8472;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
pub(super) const DNS: u16 = 53;

/// Whether a datagram from or to this port may be a tunnel. Senders choose the source port by
/// the flow within, but some use the tunnel's own and answer to where that came from.
#[inline]
pub(super) fn is_port(port: u16) -> bool {
    matches!(port, VXLAN | VXLAN_LINUX | VXLAN_GPE | GENEVE | GTP_U)
}

/// What a datagram from or to a tunnel's port carries; `None` where it is not that tunnel.
pub(super) fn udp<'a>(
    source_port: u16,
    destination_port: u16,
    part: Part<'a>,
    network: &mut Network,
) -> Option<Body<'a>> {
    if source_port == DNS || destination_port == DNS {
        return None;
    }
    let port = if is_port(destination_port) { destination_port } else { source_port };
    let outer = *network;
    let result = enter(network).and_then(|()| match port {
        GENEVE => geneve(part, network),
        GTP_U => gtp(part, network),
        _ => vxlan(port, part, network),
    });
    match result {
        Ok(body) => Some(body),
        Err(Skip::BadHeader | Skip::UnsupportedEtherType(_)) => {
            *network = outer;
            None
        }
        Err(skip) => Some(Body::Skip(skip)),
    }
}

fn enter(network: &mut Network) -> Result<(), Skip> {
    if network.tunnels >= MAX_TUNNELS {
        return Err(Skip::TooManyTunnels);
    }
    network.tunnels += 1;
    Ok(())
}

/// IPv4 or IPv6 in either (RFC 2003, RFC 4213, RFC 2473).
pub(super) fn ip_in_ip<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    enter(network)?;
    ip(part, network)
}

/// MPLS in IP (RFC 4023).
pub(super) fn mpls_in_ip<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    enter(network)?;
    mpls(part, network)
}

/// VXLAN (RFC 7348); AWS traffic mirroring uses it. The group policy extension sets more flags and
/// uses the reserved octets; VXLAN-GPE, known by a flag or its port, names the protocol in the last.
fn vxlan<'a>(port: u16, part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    const VALID_NETWORK: u8 = 0x08;
    const NEXT_PROTOCOL: u8 = 0x04;
    let [flags, _, _, next, _, _, _, reserved] = *part.head()?;
    if flags & VALID_NETWORK == 0 || reserved != 0 {
        return Err(Skip::BadHeader);
    }
    let inner = part.skip(8)?;
    match next {
        1 | 2 if flags & NEXT_PROTOCOL != 0 || port == VXLAN_GPE => ip(inner, network),
        _ => ethernet(inner, network),
    }
}

/// Geneve (RFC 8926): version, option length in 32-bit words, flags, EtherType, network, options.
fn geneve<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let [first, _, t0, t1, _, _, _, reserved] = *part.head()?;
    if first >> 6 != 0 || reserved != 0 {
        return Err(Skip::BadHeader);
    }
    let inner = part.skip(8 + usize::from(first & 0x3f) * 4)?;
    ethernet_or(u16::from_be_bytes([t0, t1]), inner, network)
}

/// GTP-U (3GPP TS 29.281, section 5): message type 255 carries a user's packet.
fn gtp<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    const USER_PACKET: u8 = 255;
    const EXTENDED: u8 = 0x04;
    /// Any of the E, S and PN flags brings all four optional octets.
    const OPTIONAL: u8 = 0x07;
    let [flags, kind, _, _, _, _, _, _] = *part.head()?;
    // Version 1, protocol type GTP.
    if flags & 0xf0 != 0x30 || kind != USER_PACKET {
        return Err(Skip::BadHeader);
    }
    let mut inner = part.skip(8)?;
    if flags & OPTIONAL != 0 {
        let [_, _, _, mut next] = *inner.head()?;
        inner = inner.skip(4)?;
        while flags & EXTENDED != 0 && next != 0 {
            let [words] = *inner.head()?;
            let length = usize::from(words) * 4;
            let last = length.checked_sub(1).ok_or(Skip::BadHeader)?;
            let [following] = *inner.skip(last)?.head()?;
            next = following;
            inner = inner.skip(length)?;
        }
    }
    ip(inner, network)
}

/// GRE (RFC 2784, RFC 2890), the enhanced GRE of PPTP (RFC 2637), and ERSPAN within.
pub(super) fn gre<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    /// Only in version 1.
    const ACKNOWLEDGMENT: u16 = 0x0080;
    const ERSPAN: u16 = 0x88be;
    const ERSPAN_III: u16 = 0x22eb;
    enter(network)?;
    let [f0, f1, p0, p1] = *part.head()?;
    let flags = u16::from_be_bytes([f0, f1]);
    let protocol = u16::from_be_bytes([p0, p1]);
    let version = flags & 7;
    // Source routing was withdrawn by RFC 2784.
    if version > 1 || flags & ROUTING != 0 {
        return Err(Skip::BadHeader);
    }
    let optional = [CHECKSUM, KEY, SEQUENCE].iter().filter(|&&flag| flags & flag != 0).count()
        + usize::from(version == 1 && flags & ACKNOWLEDGMENT != 0);
    let inner = part.skip(4 + optional * 4)?;
    match protocol {
        ether::PPP => ppp(inner, network),
        // Type II announces itself by the sequence number; type I has no header of its own.
        ERSPAN if flags & SEQUENCE != 0 => ethernet(inner.skip(8)?, network),
        ERSPAN => ethernet(inner, network),
        ERSPAN_III => {
            let header: &[u8; 12] = inner.head()?;
            // The O bit: a platform-specific subheader follows.
            let length = if header[11] & 1 != 0 { 20 } else { 12 };
            ethernet(inner.skip(length)?, network)
        }
        _ => ethernet_or(protocol, inner, network),
    }
}

/// Transparent Ethernet bridging, or a protocol by its EtherType.
fn ethernet_or<'a>(protocol: u16, part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    const ETHERNET: u16 = 0x6558;
    if protocol == ETHERNET { ethernet(part, network) } else { ether_type(protocol, part, network) }
}
