//! Network addresses in one fixed size, so that keys and tables hold IPv4 and IPv6 alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IP address in 16 bytes; IPv4 is held as IPv4-mapped IPv6 (RFC 4291, section 2.5.5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 16]);

impl Address {
    /// The address of four octets as they stand in an IPv4 header.
    pub const fn from_v4(octets: [u8; 4]) -> Address {
        let [a, b, c, d] = octets;
        Address([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d])
    }

    /// The address of sixteen octets as they stand in an IPv6 header.
    pub const fn from_v6(octets: [u8; 16]) -> Address {
        Address(octets)
    }

    /// Whether this is an IPv4 address.
    pub fn is_v4(self) -> bool {
        self.0[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    }

    /// The standard library's form.
    pub fn ip(self) -> IpAddr {
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => {
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            octets => IpAddr::V6(Ipv6Addr::from(octets)),
        }
    }

    /// 169.254.0.0/16 or fe80::/10: valid on one link only (RFC 3927, RFC 4291).
    pub fn is_link_local(self) -> bool {
        match self.ip() {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
        }
    }

    /// Two 64-bit halves, for hashing.
    pub fn halves(self) -> [u64; 2] {
        let value = u128::from_ne_bytes(self.0);
        [value as u64, (value >> 64) as u64]
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Address {
        match ip {
            IpAddr::V4(ip) => Address::from_v4(ip.octets()),
            IpAddr::V6(ip) => Address::from_v6(ip.octets()),
        }
    }
}

impl FromStr for Address {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Address, Self::Err> {
        text.parse::<IpAddr>().map(Address::from)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

/// One side of a flow: address and port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The IP address.
    pub address: Address,
    /// The UDP or TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.ip() {
            IpAddr::V4(ip) => write!(f, "{ip}:{}", self.port),
            IpAddr::V6(ip) => write!(f, "[{ip}]:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_round_trip() {
        for text in ["10.0.0.2", "169.254.169.253", "fd00:ec2::253", "::1"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn link_local_is_known_in_both_families() {
        let local = |text: &str| text.parse::<Address>().unwrap().is_link_local();
        assert!(local("169.254.20.10") && local("fe80::1"));
        assert!(!local("10.0.0.2") && !local("fd00:ec2::253"));
    }
}
