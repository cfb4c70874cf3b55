//! Tests of the layers, and the builders of their frames: every one is put together by hand here,
//! so that a test says all that it is about.

mod layers;
mod properties;

use super::*;

pub(super) const ETHERNET: LinkType = LinkType(1);
pub(super) const CLIENT: [u8; 4] = [10, 0, 0, 7];
pub(super) const SERVER: [u8; 4] = [169, 254, 169, 253];
pub(super) const CLIENT6: [u8; 16] = [0xfd, 0, 0xe, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
pub(super) const SERVER6: [u8; 16] = [0xfd, 0, 0xe, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x53];
pub(super) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// A query for `www.example`, type A.
pub(super) const QUERY: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01";

/// `parts` one after the other.
pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(super) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16 + 8;
    join(&[
        &source.to_be_bytes(),
        &destination.to_be_bytes(),
        &length.to_be_bytes(),
        &[0, 0],
        payload,
    ])
}

pub(super) fn tcp(flags: u8, sequence: u32, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let offset = (5 + options.len() / 4) as u8;
    join(&[
        &40000_u16.to_be_bytes(),
        &53_u16.to_be_bytes(),
        &sequence.to_be_bytes(),
        &77_u32.to_be_bytes(),
        &[offset << 4, flags, 1, 0, 0, 0, 0, 0],
        options,
        payload,
    ])
}

/// An IPv4 packet with identification 0x0102 and TTL 63; `fragment` is the flags and offset field.
pub(super) fn ipv4_with(protocol: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let total = (header + payload.len()) as u16;
    join(&[
        &[0x40 | (header / 4) as u8, 0],
        &total.to_be_bytes(),
        &[1, 2],
        &fragment.to_be_bytes(),
        &[63, protocol, 0, 0],
        &CLIENT,
        &SERVER,
        options,
        payload,
    ])
}

pub(super) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(protocol, 0x4000, &[], payload)
}

/// An IPv6 packet with hop limit 62.
pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16;
    join(&[&[0x60, 0, 0, 0], &length.to_be_bytes(), &[next, 62], &CLIENT6, &SERVER6, payload])
}

pub(super) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 2], &MAC, &ether_type.to_be_bytes(), payload])
}

/// The IPv4 packet that most of the tests wrap.
pub(super) fn query() -> Vec<u8> {
    ipv4(17, &udp(40000, 53, QUERY))
}

pub(super) fn decode(link_type: u16, bytes: &[u8]) -> Decoded<'_> {
    frame(LinkType(link_type), bytes, bytes.len())
}

/// Asserts that a frame carries the query of [`query`] and returns what surrounds it.
#[track_caller]
pub(super) fn carries_query(link_type: u16, bytes: &[u8]) -> Network {
    let decoded = decode(link_type, bytes);
    let expected =
        Datagram { source_port: 40000, destination_port: 53, payload: QUERY, sent: QUERY.len() };
    assert_eq!(decoded.body, Body::Datagram(expected));
    decoded.network
}
