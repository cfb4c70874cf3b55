//! Addresses: two that share a prefix share one as long afterwards (as Crypto-PAn), so subnets stay
//! subnets, and what an address *means* stays as well.
//!
//! A bit is flipped or not, as the key and all bits before it decide. Where a special range may begin, it
//! is not: so a private address stays a private one of the same range, and no other becomes special.
//!
//! | kept as it is | why |
//! |---|---|
//! | `0.0.0.0/8`, `127.0.0.0/8`, `169.254.0.0/16`, `224.0.0.0/3`; `::/96`, `ff00::/8`, `fd00:ec2::/32` | loopback, link-local services and caches, multicast: the same everywhere |
//! | the first bits of `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `100.64.0.0/10`, `fd00::/8`, `fe80::/64`, `2000::/3` | which kind of address it is |
//! | `x.y.0.2`, in its last two octets | the VPC resolver is known by them |
//! | resolvers that are open to the public | who asks 8.8.8.8 is no secret, and often the fault |
//! | `::ffff:0:0/96`, `64:ff9b::/96` | the IPv4 address within is treated as one |

use super::key::{Key, Purpose};
use crate::model::Address;

/// A range: its first address and how many bits of it are fixed.
struct Range<T>(T, u32);

/// IPv4 ranges that stay as they are.
const KEPT_V4: [Range<u32>; 4] = [
    Range(0, 8),
    Range(0x7f00_0000, 8),
    Range(0xa9fe_0000, 16),
    // Multicast, reserved, broadcast.
    Range(0xe000_0000, 3),
];

/// IPv4 ranges that stay ranges.
const RANGES_V4: [Range<u32>; 4] = [
    Range(0x0a00_0000, 8),
    Range(0xac10_0000, 12),
    Range(0xc0a8_0000, 16),
    // Shared address space (RFC 6598), which EKS gives to pods.
    Range(0x6440_0000, 10),
];

const V6: [u128; 2] = [0xfd00_0ec2 << 96, 0xff00 << 112];
const KEPT_V6: [Range<u128>; 3] = [Range(0, 96), Range(V6[0], 32), Range(V6[1], 8)];
const RANGES_V6: [Range<u128>; 3] =
    [Range(0xfd00 << 112, 8), Range(0xfe80 << 112, 64), Range(0x2000 << 112, 3)];
/// Prefixes of 96 bits with an IPv4 address behind them.
const MAPPED: u128 = 0xffff << 32;
const NAT64: u128 = 0x0064_ff9b << 96;
/// `ff02::1:ff00:0/104`: the last 24 bits are those of an address (RFC 4291, section 2.7.1).
const SOLICITED: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;

/// Cloudflare, Google, Quad9, OpenDNS.
const PUBLIC_V4: [u32; 8] = [
    0x0101_0101,
    0x0100_0001,
    0x0808_0808,
    0x0808_0404,
    0x0909_0909,
    0x9570_7070,
    0xd043_dede,
    0xd043_dcdc,
];
const PUBLIC_V6: [u128; 7] = [
    0x2606_4700_4700_0000_0000_0000_0000_1111,
    0x2606_4700_4700_0000_0000_0000_0000_1001,
    0x2001_4860_4860_0000_0000_0000_0000_8888,
    0x2001_4860_4860_0000_0000_0000_0000_8844,
    0x2620_00fe_0000_0000_0000_0000_0000_00fe,
    0x2620_00fe_0000_0000_0000_0000_0000_0009,
    0x2620_0119_0035_0000_0000_0000_0000_0035,
];

/// The last two octets of the VPC resolver.
const RESOLVER: u32 = 2;

/// The address that stands for this one.
pub(super) fn address(key: &Key, address: Address) -> Address {
    match address.ip() {
        std::net::IpAddr::V4(ip) => Address::from_v4(ipv4(key, ip.octets())),
        std::net::IpAddr::V6(ip) => Address::from_v6(ipv6(key, ip.octets())),
    }
}

/// Four octets as they stand in a header.
pub(super) fn ipv4(key: &Key, octets: [u8; 4]) -> [u8; 4] {
    let address = u32::from_be_bytes(octets);
    if PUBLIC_V4.contains(&address) || KEPT_V4.iter().any(|range| within(address, range)) {
        return octets;
    }
    // Walked on until it is free: no two addresses become one.
    let mut image = permuted_v4(key, address);
    while PUBLIC_V4.contains(&image) {
        image = permuted_v4(key, image);
    }
    image.to_be_bytes()
}

/// The same without public resolvers: a permutation.
fn permuted_v4(key: &Key, address: u32) -> u32 {
    const HOST: u32 = 0xffff;
    let free = KEPT_V4.iter().chain(&RANGES_V4).map(|range| fixed(address, range)).max();
    let flip = |address: u32| {
        let wide = u128::from(address) << 96;
        (flipped(key, Purpose::Ipv4, wide, free.unwrap_or(0), 32) >> 96) as u32
    };
    let image = flip(address);
    if address & HOST == RESOLVER {
        return image & !HOST | RESOLVER;
    }
    let mut host = image & HOST;
    while host == RESOLVER {
        host = flip(address & !HOST | host) & HOST;
    }
    image & !HOST | host
}

/// Sixteen octets as they stand in a header.
pub(super) fn ipv6(key: &Key, octets: [u8; 16]) -> [u8; 16] {
    let address = u128::from_be_bytes(octets);
    let prefix = address >> 32 << 32;
    if prefix == MAPPED || prefix == NAT64 {
        let low = ipv4(key, (address as u32).to_be_bytes());
        return (prefix | u128::from(u32::from_be_bytes(low))).to_be_bytes();
    }
    if address >> 24 == SOLICITED >> 24 {
        let [bits, _] = key.bits(Purpose::Ipv6, u8::MAX, &octets[13..]);
        return (SOLICITED | u128::from(bits & 0x00ff_ffff)).to_be_bytes();
    }
    if PUBLIC_V6.contains(&address) || KEPT_V6.iter().any(|range| within(address, range)) {
        return octets;
    }
    let permuted = |address: u128| {
        let mapped = [Range(MAPPED, 96), Range(NAT64, 96)];
        let ranges = KEPT_V6.iter().chain(&RANGES_V6).chain(&mapped);
        let free = ranges.map(|range| fixed(address, range)).max().unwrap_or(0);
        flipped(key, Purpose::Ipv6, address, free, 128)
    };
    let mut image = permuted(address);
    while PUBLIC_V6.contains(&image) {
        image = permuted(image);
    }
    image.to_be_bytes()
}

/// Numbers of one width.
trait Bits: Copy + std::ops::BitXor<Output = Self> {
    fn leading_zeros(self) -> u32;
}

impl Bits for u32 {
    fn leading_zeros(self) -> u32 {
        u32::leading_zeros(self)
    }
}

impl Bits for u128 {
    fn leading_zeros(self) -> u32 {
        u128::leading_zeros(self)
    }
}

fn within<T: Bits>(address: T, Range(first, length): &Range<T>) -> bool {
    (address ^ *first).leading_zeros() >= *length
}

/// How many bits of an address must stay for a range to stay one: those that it shares with it, and the
/// one that parts them.
fn fixed<T: Bits>(address: T, Range(first, length): &Range<T>) -> u32 {
    ((address ^ *first).leading_zeros() + 1).min(*length)
}

/// The first `length` bits of `address`, those from `free` on flipped or not.
///
/// An octet is a walk down a tree of 255 nodes. All flips of an octet with the same bits before it come
/// from 256 bits of the key: two calls for eight bits instead of eight.
fn flipped(key: &Key, purpose: Purpose, address: u128, free: u32, length: u32) -> u128 {
    let octets = address.to_be_bytes();
    let mut image = address;
    for octet in free / 8..length / 8 {
        let prefix = &octets[..octet as usize];
        let [a, b] = key.bits(purpose, 0, prefix);
        let [c, d] = key.bits(purpose, 1, prefix);
        let nodes = [a, b, c, d];
        let value = u32::from(octets[octet as usize]);
        for depth in 0..8 {
            let at = octet * 8 + depth;
            let node = (1 << depth) | (value >> (8 - depth));
            let flip = nodes[node as usize / 64] >> (node % 64) & 1;
            if at >= free {
                image ^= u128::from(flip) << (127 - at);
            }
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::parse("000102030405060708090a0b0c0d0e0f").unwrap()
    }

    fn image(text: &str) -> String {
        address(&key(), text.parse().unwrap()).to_string()
    }

    #[test]
    fn special_addresses_stay() {
        for text in [
            "0.0.0.0",
            "127.0.0.53",
            "169.254.169.253",
            "169.254.20.10",
            "224.0.0.251",
            "255.255.255.255",
            "8.8.8.8",
            "1.1.1.1",
            "::",
            "::1",
            "fd00:ec2::253",
            "fd00:ec2::23",
            "ff02::fb",
            "2001:4860:4860::8888",
        ] {
            assert_eq!(image(text), text);
        }
    }

    #[test]
    fn kinds_of_addresses_stay() {
        for (text, kept) in [
            ("10.1.2.3", "10."),
            ("192.168.7.8", "192.168."),
            ("fe80::a:b:c:d", "fe80::"),
            ("::ffff:10.1.2.3", "10."),
        ] {
            let image = image(text);
            assert!(image.starts_with(kept) && image != text, "{text}: {image}");
        }
        let octets = |text: &str| {
            u32::from_be_bytes(ipv4(&key(), text.parse::<std::net::Ipv4Addr>().unwrap().octets()))
        };
        assert_eq!(octets("172.20.0.10") >> 20, 0xac1);
        assert_eq!(octets("100.64.9.9") >> 22, 0x6440_0000 >> 22);
        let last = image("10.77.0.2");
        assert!(last.ends_with(".0.2") && last != "10.77.0.2", "{last}");
        assert!(image("64:ff9b::10.0.0.1").starts_with("64:ff9b::"));
        assert_ne!(image("ff02::1:ff12:3456"), "ff02::1:ff12:3456");
    }

    #[test]
    fn prefixes_are_preserved_and_no_two_addresses_become_one() {
        let key = key();
        let shared = |a: u32, b: u32| (a ^ b).leading_zeros();
        let map = |address: u32| u32::from_be_bytes(ipv4(&key, address.to_be_bytes()));
        let mut seen = std::collections::BTreeMap::new();
        // A whole /16, and one of each /16 there is.
        let all = (0x0a07_0000..0x0a08_0000).chain((0..0xffff).map(|high| high << 16 | 0x1234));
        for address in all {
            let image = map(address);
            if let Some(other) = seen.insert(image, address)
                && other != address
            {
                panic!("{address:#x} and {other:#x} both become {image:#x}");
            }
        }
        for [a, b] in
            [[0x0a07_0102, 0x0a07_0103], [0x3401_0203, 0x3481_0203], [0x0a00_0001, 0x0aff_0001]]
        {
            assert_eq!(shared(a, b), shared(map(a), map(b)), "{a:#x} {b:#x}");
        }
        let map = |address: u128| u128::from_be_bytes(ipv6(&key, address.to_be_bytes()));
        for bit in 0..124 {
            let a: u128 = 0x2a05_d018_0123_4567_89ab_cdef_0123_4567;
            let b = a ^ 1 << bit;
            assert_eq!((a ^ b).leading_zeros(), (map(a) ^ map(b)).leading_zeros(), "{bit}");
        }
    }

    #[test]
    fn nothing_becomes_special() {
        let key = key();
        for high in 0..=u16::MAX {
            let address = u32::from(high) << 16 | 0xabcd;
            let image = u32::from_be_bytes(ipv4(&key, address.to_be_bytes()));
            for range in KEPT_V4.iter().chain(&RANGES_V4) {
                assert_eq!(within(address, range), within(image, range), "{address:#x} {image:#x}");
            }
        }
    }
}
