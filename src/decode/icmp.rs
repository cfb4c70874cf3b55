//! ICMP errors (RFC 792) and ICMPv6 errors (RFC 4443) with what they quote.
//!
//! The quoted packet is cut wherever the sender pleased, and behind it may stand extensions
//! (RFC 4884). Redirects are no refusals: the packet was forwarded; they count as other packets.

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use crate::model::Address;

use super::network::{AUTHENTICATION, Carried, authentication, extensions};
use super::part::Part;
use super::transport::{ICMP, ICMPV6, TCP, UDP};
use super::{Body, IcmpError, IcmpKind, Skip};

/// Type, code, checksum and four octets that depend on the type.
const HEADER: usize = 8;

pub(super) fn icmp(part: Part<'_>) -> Result<Body<'_>, Skip> {
    let [kind, code, _, _, _, words, _, _] = *part.head()?;
    let reason = match (kind, code) {
        (3, 0) => IcmpKind::NetUnreachable,
        (3, 1) => IcmpKind::HostUnreachable,
        (3, 2) => IcmpKind::ProtocolUnreachable,
        (3, 3) => IcmpKind::PortUnreachable,
        (3, 4) => IcmpKind::TooBig,
        (3, 9 | 10 | 13) => IcmpKind::Prohibited,
        (11, 0) => IcmpKind::TtlExceeded,
        (11, 1) => IcmpKind::ReassemblyTimeExceeded,
        // The rest, source quench, parameter problem.
        (3 | 4 | 11 | 12, _) => IcmpKind::Other,
        _ => return Ok(Body::Other { protocol: ICMP }),
    };
    // RFC 4884 gives the length of the quotation in 32-bit words; only these types have it.
    let words = if matches!(kind, 3 | 11 | 12) { words } else { 0 };
    Ok(error(reason, (kind, code), quotation(part, usize::from(words) * 4)?))
}

pub(super) fn icmpv6(part: Part<'_>) -> Result<Body<'_>, Skip> {
    let [kind, code, _, _, words, _, _, _] = *part.head()?;
    let reason = match (kind, code) {
        (1, 0) => IcmpKind::NetUnreachable,
        (1, 1 | 5 | 6) => IcmpKind::Prohibited,
        (1, 3) => IcmpKind::HostUnreachable,
        (1, 4) => IcmpKind::PortUnreachable,
        (2, _) => IcmpKind::TooBig,
        (3, 0) => IcmpKind::TtlExceeded,
        (3, 1) => IcmpKind::ReassemblyTimeExceeded,
        (4, 1) => IcmpKind::ProtocolUnreachable,
        // RFC 4443, section 2.1: error messages have types below 128.
        (1 | 3 | 4 | 100 | 101 | 127, _) => IcmpKind::Other,
        _ => return Ok(Body::Other { protocol: ICMPV6 }),
    };
    let words = if matches!(kind, 1 | 3) { words } else { 0 };
    Ok(error(reason, (kind, code), quotation(part, usize::from(words) * 8)?))
}

/// What is quoted, without the extensions behind it. `length` is 0 where there are none.
fn quotation(part: Part<'_>, length: usize) -> Result<Part<'_>, Skip> {
    let quoted = part.skip(HEADER)?;
    Ok(match length {
        0 => quoted,
        length => quoted.bounded(length.min(quoted.sent)),
    })
}

fn error(kind: IcmpKind, code: (u8, u8), quoted: Part<'_>) -> Body<'_> {
    let mut error = IcmpError {
        kind,
        code,
        quoted_source: Address::default(),
        quoted_destination: Address::default(),
        quoted_protocol: 0,
        quoted_source_port: 0,
        quoted_destination_port: 0,
        quoted_ip_id: 0,
        quoted_payload: &[],
        is_cut: false,
    };
    // Where the quotation ends, so does what is known.
    let ended = quote(quoted, &mut error).is_err_and(|skip| skip != Skip::NotIp);
    error.is_cut = ended && error.quoted_destination_port == 0 && quoted.bytes.len() < quoted.sent;
    Body::IcmpError(error)
}

fn quote<'a>(quoted: Part<'a>, error: &mut IcmpError<'a>) -> Result<(), Skip> {
    let [first] = *quoted.head()?;
    let (mut protocol, mut payload) =
        if first >> 4 == 6 { quoted_ipv6(quoted, error)? } else { quoted_ipv4(quoted, error)? };
    error.quoted_protocol = protocol;
    if protocol == AUTHENTICATION {
        (protocol, payload) = authentication(payload)?;
        error.quoted_protocol = protocol;
    }
    if !matches!(protocol, TCP | UDP) {
        return Ok(());
    }
    let [s0, s1, d0, d1] = *payload.head()?;
    error.quoted_source_port = u16::from_be_bytes([s0, s1]);
    error.quoted_destination_port = u16::from_be_bytes([d0, d1]);
    if protocol == UDP {
        let [_, _, _, _, l0, l1, _, _] = *payload.head()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let rest = payload.skip(8)?;
        error.quoted_payload =
            if length > 8 { rest.bounded((length - 8).min(rest.sent)).bytes } else { rest.bytes };
    }
    Ok(())
}

fn quoted_ipv4<'a>(quoted: Part<'a>, error: &mut IcmpError<'a>) -> Result<(u8, Part<'a>), Skip> {
    let header = Ipv4HeaderSlice::from_slice(quoted.bytes).map_err(|_| Skip::BadHeader)?;
    error.quoted_source = Address::from_v4(header.source());
    error.quoted_destination = Address::from_v4(header.destination());
    error.quoted_ip_id = header.identification();
    let header_length = header.slice().len();
    let length = usize::from(header.total_len());
    // Some senders quote the length in host byte order or with the header subtracted: a length that
    // cannot be is not used.
    let packet = if length > header_length && length < quoted.sent {
        quoted.bounded(length)
    } else {
        quoted
    };
    if header.fragments_offset().value() != 0 {
        error.quoted_protocol = header.protocol().0;
        return Err(Skip::NotIp);
    }
    Ok((header.protocol().0, packet.skip(header_length)?))
}

fn quoted_ipv6<'a>(quoted: Part<'a>, error: &mut IcmpError<'a>) -> Result<(u8, Part<'a>), Skip> {
    let header = Ipv6HeaderSlice::from_slice(quoted.bytes).map_err(|_| Skip::BadHeader)?;
    error.quoted_source = Address::from_v6(header.source());
    error.quoted_destination = Address::from_v6(header.destination());
    error.quoted_protocol = header.next_header().0;
    let rest = quoted.skip(header.slice().len())?;
    let length = usize::from(header.payload_length());
    let rest = if length > 0 && length < rest.sent { rest.bounded(length) } else { rest };
    match extensions(header.next_header().0, rest)? {
        Carried::Whole(protocol, payload) => Ok((protocol, payload)),
        Carried::Fragment(fragment) => {
            error.quoted_protocol = fragment.protocol;
            if fragment.offset != 0 {
                return Err(Skip::NotIp);
            }
            Ok((fragment.protocol, Part { bytes: fragment.payload, sent: fragment.sent }))
        }
    }
}
