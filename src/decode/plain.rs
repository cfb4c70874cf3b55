//! The short way for the frames that nearly all are: Ethernet, perhaps a VLAN tag, an IP header without
//! options, extensions or fragments, and UDP on port 53 or TCP.
//!
//! It decides nothing by itself: what is not exactly so is left to [`super::frame`], and what is so comes
//! out as it would there. [`plainest`] is shorter still, for nine of ten of those, and comes out as [`plain`].

use super::ether::{IPV4, IPV6, VLAN};
use super::link::ETHERNET;
use super::transport::{TCP, UDP, UDP_HEADER};
use super::tunnel::DNS;
use crate::model::{Address, LinkType, PacketMeta};

/// IPv4 with a header of five words.
const VERSION_4: u8 = 0x45;
/// More fragments, and the offset of this one.
const FRAGMENT: u16 = 0x3fff;

/// What such a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain<'a> {
    /// A datagram: its payload as far as it was captured, and how long it was when it was sent.
    Datagram(&'a [u8], usize),
    /// A TCP segment.
    Segment,
}

/// Octets in front of the message in the plainest frame: Ethernet, IPv4 and UDP.
const PLAINEST: usize = 14 + 20 + UDP_HEADER;

/// Some of the octets in front of it.
#[inline]
fn part<const AT: usize, const N: usize>(headers: &[u8; PLAINEST]) -> [u8; N] {
    headers[AT..].first_chunk().copied().unwrap_or([0; N])
}

/// The payload of a datagram on port 53 over IPv4 and Ethernet without a VLAN tag, and how long it was
/// when it was sent; `None` for any other frame. Few tests, each of several fields at once.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "`&&` is a jump that is mostly guessed wrong: 2 % of the time"
)]
pub fn plainest<'a>(
    link_type: LinkType,
    bytes: &'a [u8],
    packet: &mut PacketMeta,
) -> Option<(&'a [u8], usize)> {
    /// The EtherType, and the octet behind it: version 4 with a header of five words.
    const START: u32 = (IPV4 as u32) << 16 | (VERSION_4 as u32) << 8;
    let (headers, rest) = bytes.split_first_chunk()?;
    let start = u32::from_be_bytes(part::<12, 4>(headers));
    if link_type.0 != ETHERNET || start & 0xffff_ff00 != START {
        return None;
    }
    // Fragment, TTL, protocol.
    let carried = u32::from_be_bytes(part::<20, 4>(headers));
    if carried & ((FRAGMENT as u32) << 16 | 0xff) != UDP as u32 {
        return None;
    }
    let total = usize::from(u16::from_be_bytes(part::<16, 2>(headers)));
    let length = usize::from(u16::from_be_bytes(part::<38, 2>(headers)));
    let sent = length.checked_sub(UDP_HEADER)?;
    if total < length + 20 {
        return None;
    }
    packet.source_port = u16::from_be_bytes(part::<34, 2>(headers));
    packet.destination_port = u16::from_be_bytes(part::<36, 2>(headers));
    // Which of the two it is, query or response, is what a processor cannot guess.
    if (packet.source_port != DNS) & (packet.destination_port != DNS) {
        return None;
    }
    packet.source = Address::from_v4(part::<26, 4>(headers));
    packet.destination = Address::from_v4(part::<30, 4>(headers));
    packet.ip_id = u16::from_be_bytes(part::<18, 2>(headers));
    packet.ttl = (carried >> 8) as u8;
    packet.link_source = part::<6, 6>(headers);
    Some((rest.get(..sent).unwrap_or(rest), sent))
}

/// What such a frame carries; `None` for any other. Puts down in `packet` what the headers say.
#[inline]
pub fn plain<'a>(
    link_type: LinkType,
    bytes: &'a [u8],
    packet: &mut PacketMeta,
) -> Option<Plain<'a>> {
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
fn ipv4<'a>(bytes: &'a [u8], packet: &mut PacketMeta) -> Option<Plain<'a>> {
    let (&[VERSION_4, _, t0, t1, i0, i1, f0, f1, ttl, protocol, _, _, ref ends @ ..], rest) =
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
    let carried = usize::from(u16::from_be_bytes([t0, t1])).checked_sub(20)?;
    transport(protocol, rest, carried, packet)
}

#[inline]
fn ipv6<'a>(bytes: &'a [u8], packet: &mut PacketMeta) -> Option<Plain<'a>> {
    let (&[0x60..=0x6f, _, _, _, l0, l1, protocol, ttl, ref ends @ ..], rest) =
        bytes.split_first_chunk::<40>()?
    else {
        return None;
    };
    let ([source, destination], []) = ends.as_chunks() else { return None };
    packet.source = Address::from_v6(*source);
    packet.destination = Address::from_v6(*destination);
    packet.ip_id = 0;
    packet.ttl = ttl;
    transport(protocol, rest, usize::from(u16::from_be_bytes([l0, l1])), packet)
}

/// The ends of a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passing {
    /// Port that it comes from.
    pub source_port: u16,
    /// Port that it goes to.
    pub destination_port: u16,
    /// Address that it goes to.
    pub destination: Address,
}

/// The ends of a frame that is what most foreign traffic is: Ethernet without a tag, IPv4 without options
/// or fragments, and TCP. `None` for any other. A datagram is told from it by one octet, at first sight.
#[inline]
pub fn passing(link_type: LinkType, bytes: &[u8]) -> Option<Passing> {
    const PROTOCOL: usize = 14 + 9;
    let headers: &[u8; 54] = bytes.first_chunk()?;
    if headers[PROTOCOL] != TCP || link_type.0 != ETHERNET {
        return None;
    }
    let &[.., e0, e1] = headers.first_chunk::<14>()?;
    let (ip, tcp) = headers[14..].split_first_chunk::<20>()?;
    let &[VERSION_4, _, t0, t1, _, _, f0, f1, _, _, _, _, _, _, _, _, ref destination @ ..] = ip
    else {
        return None;
    };
    let &[s0, s1, d0, d1, _, _, _, _, _, _, _, _, offset, ..] = tcp else { return None };
    if u16::from_be_bytes([e0, e1]) != IPV4 || u16::from_be_bytes([f0, f1]) & FRAGMENT != 0 {
        return None;
    }
    let carried = usize::from(u16::from_be_bytes([t0, t1])).checked_sub(20)?;
    let header = usize::from(offset >> 4) * 4;
    (20..=carried).contains(&header).then_some(Passing {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
        destination: Address::from_v4(*destination),
    })
}

/// `carried`: so many octets IP carries. Fewer may be captured.
#[inline]
fn transport<'a>(
    protocol: u8,
    bytes: &'a [u8],
    carried: usize,
    packet: &mut PacketMeta,
) -> Option<Plain<'a>> {
    let (&[s0, s1, d0, d1, l0, l1, _, _], rest) = bytes.split_first_chunk::<UDP_HEADER>()?;
    packet.source_port = u16::from_be_bytes([s0, s1]);
    packet.destination_port = u16::from_be_bytes([d0, d1]);
    match protocol {
        UDP => {
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            let sent = length.checked_sub(UDP_HEADER)?;
            let dns = packet.source_port == DNS || packet.destination_port == DNS;
            (dns && length <= carried)
                .then(|| Plain::Datagram(rest.get(..sent).unwrap_or(rest), sent))
        }
        TCP => {
            let header: &[u8; 20] = bytes.first_chunk()?;
            let length = usize::from(header[12] >> 4) * 4;
            (header.len()..=carried).contains(&length).then_some(Plain::Segment)
        }
        _ => None,
    }
}
