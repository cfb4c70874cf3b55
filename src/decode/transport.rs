//! UDP, TCP and the way on to everything else that an IP packet carries.

use super::network::{AUTHENTICATION, authentication};
use super::part::Part;
use super::{Body, Datagram, Network, Segment, Skip, icmp, tunnel};

/// Protocol numbers (IANA "Assigned Internet Protocol Numbers").
pub(super) const ICMP: u8 = 1;
pub(super) const IPV4: u8 = 4;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6: u8 = 41;
pub(super) const GRE: u8 = 47;
const ESP: u8 = 50;
pub(super) const ICMPV6: u8 = 58;
const IPCOMP: u8 = 108;
const MPLS_IN_IP: u8 = 137;

/// Length of a UDP header (RFC 768).
pub(super) const UDP_HEADER: usize = 8;

#[inline]
pub(super) fn transport<'a>(
    protocol: u8,
    part: Part<'a>,
    network: &mut Network,
) -> Result<Body<'a>, Skip> {
    match protocol {
        UDP => udp(part, network),
        TCP => tcp(part),
        _ => other(protocol, part, network),
    }
}

fn other<'a>(
    mut protocol: u8,
    mut part: Part<'a>,
    network: &mut Network,
) -> Result<Body<'a>, Skip> {
    // In a loop: recursion would let a frame full of these headers exhaust the stack.
    while protocol == AUTHENTICATION {
        (protocol, part) = authentication(part)?;
    }
    match protocol {
        UDP => udp(part, network),
        TCP => tcp(part),
        ICMP => icmp::icmp(part),
        ICMPV6 => icmp::icmpv6(part),
        IPV4 | IPV6 => tunnel::ip_in_ip(part, network),
        GRE => tunnel::gre(part, network),
        MPLS_IN_IP => tunnel::mpls_in_ip(part, network),
        ESP | IPCOMP => Err(Skip::UnsupportedProtocol(protocol)),
        _ => Ok(Body::Other { protocol }),
    }
}

/// UDP (RFC 768). A length of 0 is what segmentation offload and jumbograms (RFC 2675) leave; one
/// that is larger than what IP carries is not believed.
#[inline]
fn udp<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let [s0, s1, d0, d1, l0, l1, _, _] = *part.head()?;
    let carried = part.skip(UDP_HEADER)?;
    let payload = match usize::from(u16::from_be_bytes([l0, l1])) {
        0 => carried,
        length @ UDP_HEADER.. => carried.bounded((length - UDP_HEADER).min(carried.sent)),
        _ => return Err(Skip::BadHeader),
    };
    let source_port = u16::from_be_bytes([s0, s1]);
    let destination_port = u16::from_be_bytes([d0, d1]);
    if (tunnel::is_port(destination_port) || tunnel::is_port(source_port))
        && let Some(body) = tunnel::udp(source_port, destination_port, payload, network)
    {
        return Ok(body);
    }
    Ok(Body::Datagram(Datagram {
        source_port,
        destination_port,
        payload: payload.bytes,
        sent: payload.sent,
    }))
}

/// TCP (RFC 9293). Options are passed over, even when the snap length cut them.
#[inline]
fn tcp(part: Part<'_>) -> Result<Body<'_>, Skip> {
    let header: &[u8; 20] = part.head()?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, ..] = *header;
    let length = usize::from(offset >> 4) * 4;
    if length < header.len() {
        return Err(Skip::BadHeader);
    }
    let payload = part.skip_sent(length)?;
    Ok(Body::Segment(Segment {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
        sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        acknowledgment: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        payload: payload.bytes,
        sent: payload.sent,
    }))
}
