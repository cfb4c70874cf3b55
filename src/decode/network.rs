//! IPv4 and IPv6: lengths, fragments, extension headers.
//!
//! The length fields bound everything above, so that link padding never becomes payload. A length
//! of 0 means that the packet was captured before the network card split it (TCP segmentation
//! offload, Linux BIG TCP): then the frame's length counts.

use etherparse::err::ipv4::HeaderSliceError as Ipv4Error;
use etherparse::err::ipv6::HeaderSliceError as Ipv6Error;
use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice,
};

use crate::model::Address;

use super::part::Part;
use super::transport::{TCP, UDP, transport};
use super::{Body, Fragment, Network, Skip};

/// Protocol numbers of headers that stand between IP and what it carries.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
pub(super) const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// An IP packet of the version that its first octet names.
#[inline]
pub(super) fn ip<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let [first] = *part.head()?;
    match first >> 4 {
        4 => ipv4(part, network),
        6 => ipv6(part, network),
        _ => Err(Skip::BadHeader),
    }
}

#[inline]
fn ipv4<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let header = Ipv4HeaderSlice::from_slice(part.bytes).map_err(|error| match error {
        Ipv4Error::Len(error) => part.shorter_than(error.required_len),
        Ipv4Error::Content(_) => Skip::BadHeader,
    })?;
    network.source = Address::from_v4(header.source());
    network.destination = Address::from_v4(header.destination());
    network.ip_id = header.identification();
    network.ttl = header.ttl();
    let length = match usize::from(header.total_len()) {
        0 => part.sent,
        length => length,
    };
    let header_length = header.slice().len();
    if length < header_length {
        return Err(Skip::BadHeader);
    }
    let payload = part.bounded(length).skip(header_length)?;
    let protocol = header.protocol().0;
    if header.is_fragmenting_payload() {
        return Ok(Body::Fragment(Fragment {
            identification: u32::from(header.identification()),
            protocol,
            offset: u32::from(header.fragments_offset().value()) * 8,
            more: header.more_fragments(),
            payload: payload.bytes,
            sent: payload.sent,
        }));
    }
    transport(protocol, payload, network)
}

fn ipv6<'a>(part: Part<'a>, network: &mut Network) -> Result<Body<'a>, Skip> {
    let header = Ipv6HeaderSlice::from_slice(part.bytes).map_err(|error| match error {
        Ipv6Error::Len(error) => part.shorter_than(error.required_len),
        Ipv6Error::Content(_) => Skip::BadHeader,
    })?;
    network.source = Address::from_v6(header.source());
    network.destination = Address::from_v6(header.destination());
    network.ip_id = 0;
    network.ttl = header.hop_limit();
    let rest = part.skip(header.slice().len())?;
    let payload = match usize::from(header.payload_length()) {
        0 => rest,
        length => rest.bounded(length),
    };
    let next = header.next_header().0;
    // By far the most packets have no extension headers: 22 ns become 8.
    if matches!(next, UDP | TCP) {
        return transport(next, payload, network);
    }
    match extensions(next, payload)? {
        Carried::Whole(protocol, payload) => transport(protocol, payload, network),
        Carried::Fragment(fragment) => Ok(Body::Fragment(fragment)),
    }
}

/// What stands behind the extension headers of an IPv6 packet.
pub(super) enum Carried<'a> {
    /// A payload by its protocol number.
    Whole(u8, Part<'a>),
    /// A part of one.
    Fragment(Fragment<'a>),
}

/// Walks extension headers (RFC 8200, section 4) in any order. It stops at a fragment header that
/// fragments: behind a later fragment stands the middle of a payload, not another header.
pub(super) fn extensions(mut next: u8, mut part: Part<'_>) -> Result<Carried<'_>, Skip> {
    loop {
        match next {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                let header = Ipv6RawExtHeaderSlice::from_slice(part.bytes)
                    .map_err(|error| part.shorter_than(error.required_len))?;
                next = header.next_header().0;
                part = part.skip(header.slice().len())?;
            }
            AUTHENTICATION => (next, part) = authentication(part)?,
            FRAGMENT => {
                let header = Ipv6FragmentHeaderSlice::from_slice(part.bytes)
                    .map_err(|error| part.shorter_than(error.required_len))?;
                next = header.next_header().0;
                part = part.skip(header.slice().len())?;
                // An atomic fragment (RFC 6946) is a whole packet.
                if header.is_fragmenting_payload() {
                    return Ok(Carried::Fragment(Fragment {
                        identification: header.identification(),
                        protocol: next,
                        offset: u32::from(header.fragment_offset().value()) * 8,
                        more: header.more_fragments(),
                        payload: part.bytes,
                        sent: part.sent,
                    }));
                }
            }
            _ => return Ok(Carried::Whole(next, part)),
        }
    }
}

/// IPsec's authentication header (RFC 4302) hides nothing: what follows it and its protocol.
pub(super) fn authentication(part: Part<'_>) -> Result<(u8, Part<'_>), Skip> {
    use etherparse::err::ip_auth::HeaderSliceError;
    let header = IpAuthHeaderSlice::from_slice(part.bytes).map_err(|error| match error {
        HeaderSliceError::Len(error) => part.shorter_than(error.required_len),
        HeaderSliceError::Content(_) => Skip::BadHeader,
    })?;
    Ok((header.next_header().0, part.skip(header.slice().len())?))
}
