//! The short way for the frame that nearly all DNS comes in: Ethernet, perhaps a VLAN tag, an IP header
//! without options, extensions or fragments, UDP, port 53.
//!
//! It decides nothing by itself: what is not exactly so is left to [`super::frame`], and what is so comes
//! out as it would there.

use super::ether::{IPV4, IPV6, VLAN};
use super::link::ETHERNET;
use super::transport::{UDP, UDP_HEADER};
use super::tunnel::DNS;
use crate::model::{Address, LinkType, PacketMeta};

/// What such a datagram carries, and how long it was when it was sent; `None` for any other frame. Puts
/// down in `packet` what the headers say.
#[inline]
pub fn plain<'a>(
    link_type: LinkType,
    bytes: &'a [u8],
    packet: &mut PacketMeta,
) -> Option<(&'a [u8], usize)> {
    if link_type.0 != ETHERNET {
        return None;
    }
    let (&[_, _, _, _, _, _, ref source @ .., t0, t1], mut rest) =
        bytes.split_first_chunk::<14>()?;
    let mut ether_type = u16::from_be_bytes([t0, t1]);
    if ether_type == VLAN {
        let (&[_, _, t0, t1], behind) = rest.split_first_chunk()?;
        (ether_type, rest) = (u16::from_be_bytes([t0, t1]), behind);
    }
    packet.link_source = *source;
    match ether_type {
        IPV4 => ipv4(rest, packet),
        IPV6 => ipv6(rest, packet),
        _ => None,
    }
}

#[inline]
fn ipv4<'a>(bytes: &'a [u8], packet: &mut PacketMeta) -> Option<(&'a [u8], usize)> {
    /// More fragments, and the offset of this one.
    const FRAGMENT: u16 = 0x3fff;
    let (&[0x45, _, t0, t1, i0, i1, f0, f1, ttl, UDP, _, _, ref ends @ ..], rest) =
        bytes.split_first_chunk::<20>()?
    else {
        return None;
    };
    if u16::from_be_bytes([f0, f1]) & FRAGMENT != 0 {
        return None;
    }
    let ([source, destination], []) = ends.as_chunks() else { return None };
    packet.source = Address::from_v4(*source);
    packet.destination = Address::from_v4(*destination);
    packet.ip_id = u16::from_be_bytes([i0, i1]);
    packet.ttl = ttl;
    udp(rest, usize::from(u16::from_be_bytes([t0, t1])).checked_sub(20)?, packet)
}

#[inline]
fn ipv6<'a>(bytes: &'a [u8], packet: &mut PacketMeta) -> Option<(&'a [u8], usize)> {
    let (&[0x60..=0x6f, _, _, _, l0, l1, UDP, ttl, ref ends @ ..], rest) =
        bytes.split_first_chunk::<40>()?
    else {
        return None;
    };
    let ([source, destination], []) = ends.as_chunks() else { return None };
    packet.source = Address::from_v6(*source);
    packet.destination = Address::from_v6(*destination);
    packet.ip_id = 0;
    packet.ttl = ttl;
    udp(rest, usize::from(u16::from_be_bytes([l0, l1])), packet)
}

/// `carried`: so many octets IP carries. Fewer may be captured.
#[inline]
fn udp<'a>(bytes: &'a [u8], carried: usize, packet: &mut PacketMeta) -> Option<(&'a [u8], usize)> {
    let (&[s0, s1, d0, d1, l0, l1, _, _], rest) = bytes.split_first_chunk::<UDP_HEADER>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let sent = length.checked_sub(UDP_HEADER)?;
    packet.source_port = u16::from_be_bytes([s0, s1]);
    packet.destination_port = u16::from_be_bytes([d0, d1]);
    if length > carried || packet.source_port != DNS && packet.destination_port != DNS {
        return None;
    }
    Some((rest.get(..sent).unwrap_or(rest), sent))
}
