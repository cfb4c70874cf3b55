//! Wireshark display filters, and lists of addresses for people.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Address;

/// As many addresses stand in one filter; more would not be read, and their network stands for them.
const MOST: usize = 8;

/// Packets from one of these addresses.
pub fn from(addresses: &[Address]) -> String {
    of("src", addresses)
}

/// Packets to one of these addresses.
pub fn to(addresses: &[Address]) -> String {
    of("dst", addresses)
}

/// Packets from or to one of these addresses.
pub fn with(addresses: &[Address]) -> String {
    of("addr", addresses)
}

/// Packets that count against the limit of an ENI: to link-local services, and to these resolvers.
pub fn to_limited(resolvers: &[Address]) -> String {
    let other =
        |address: &&Address| !matches!(address.to_string().get(..8), Some("169.254." | "fd00:ec2"));
    let others: Vec<Address> = resolvers.iter().filter(other).copied().collect();
    let mut parts =
        vec!["ip.dst == 169.254.0.0/16".to_owned(), "ipv6.dst == fd00:ec2::/32".to_owned()];
    if !others.is_empty() {
        parts.push(to(&others));
    }
    format!("({})", parts.join(" || "))
}

fn of(field: &str, addresses: &[Address]) -> String {
    let family = |v4: bool, name: &str| {
        let all: Vec<Address> = addresses.iter().filter(|a| a.is_v4() == v4).copied().collect();
        match all.len() {
            0 => None,
            1 => Some(format!("{name}.{field} == {}", all[0])),
            2..=MOST => {
                let list: Vec<String> = all.iter().map(ToString::to_string).collect();
                Some(format!("{name}.{field} in {{{}}}", list.join(", ")))
            }
            // Some of them would hide the others.
            _ => Some(format!("{name}.{field} == {}", network(&all))),
        }
    };
    match (family(true, "ip"), family(false, "ipv6")) {
        (Some(v4), Some(v6)) => format!("({v4} || {v6})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "dns".to_owned(),
    }
}

/// The smallest network with all of these addresses of one family.
fn network(addresses: &[Address]) -> String {
    let bits = |address: &Address| match address.ip() {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let (first, length) = addresses.first().map_or((0, 128), bits);
    let differing = addresses.iter().fold(0, |sum, address| sum | (bits(address).0 ^ first));
    let prefix = differing.leading_zeros().min(length);
    let base = first & u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
    if length == 32 {
        format!("{}/{prefix}", Ipv4Addr::from_bits((base >> 96) as u32))
    } else {
        format!("{}/{prefix}", Ipv6Addr::from_bits(base))
    }
}

/// Addresses in words: all of a few, else the first and how many more.
pub fn words(addresses: &[Address]) -> String {
    let text: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    match text.as_slice() {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [some @ .., last] if text.len() <= 4 => format!("{} and {last}", some.join(", ")),
        [a, b, ..] => format!("{a}, {b} and {} more", text.len() - 2),
    }
}

/// The verb that goes with them.
pub fn verb<'a>(addresses: &[Address], of_one: &'a str, of_many: &'a str) -> &'a str {
    if addresses.len() == 1 { of_one } else { of_many }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &[&str]) -> Vec<Address> {
        text.iter().map(|one| one.parse().unwrap()).collect()
    }

    #[test]
    fn filters_know_both_families() {
        assert_eq!(from(&addresses(&["10.0.0.2"])), "ip.src == 10.0.0.2");
        assert_eq!(
            to(&addresses(&["10.0.0.2", "fd00::2", "10.0.0.3"])),
            "(ip.dst in {10.0.0.2, 10.0.0.3} || ipv6.dst == fd00::2)"
        );
    }

    #[test]
    fn many_addresses_are_a_network() {
        let some = |text: fn(u32) -> String| -> Vec<Address> {
            (1..=9).map(|n| text(n).parse().unwrap()).collect()
        };
        assert_eq!(from(&some(|n| format!("10.0.{n}.7"))), "ip.src == 10.0.0.0/20");
        assert_eq!(with(&some(|n| format!("fd00:5::{n}:7"))), "ipv6.addr == fd00:5::/108");
        assert_eq!(to(&some(|n| format!("{n}.0.0.7"))), "ip.dst == 0.0.0.0/4");
        assert_eq!(from(&some(|n| format!("{}::7", n * 1000))), "ipv6.src == ::/0");
    }

    #[test]
    fn link_local_services_share_a_limit() {
        let resolvers = addresses(&["169.254.169.253", "10.0.0.2", "fd00:ec2::253"]);
        assert_eq!(
            to_limited(&resolvers),
            "(ip.dst == 169.254.0.0/16 || ipv6.dst == fd00:ec2::/32 || ip.dst == 10.0.0.2)"
        );
    }

    #[test]
    fn long_lists_are_shortened() {
        let all = addresses(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]);
        assert_eq!(words(&all), "10.0.0.1, 10.0.0.2 and 3 more");
        assert_eq!(words(&all[..2]), "10.0.0.1 and 10.0.0.2");
    }
}
