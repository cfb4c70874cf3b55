//! Wireshark display filters, and lists of addresses for people.

use crate::model::Address;

/// As many addresses stand in one filter; more would not be read.
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

fn of(field: &str, addresses: &[Address]) -> String {
    let shown = &addresses[..addresses.len().min(MOST)];
    let family = |v4: bool, name: &str| {
        let list: Vec<String> =
            shown.iter().filter(|a| a.is_v4() == v4).map(ToString::to_string).collect();
        match list.len() {
            0 => None,
            1 => Some(format!("{name}.{field} == {}", list[0])),
            _ => Some(format!("{name}.{field} in {{{}}}", list.join(", "))),
        }
    };
    match (family(true, "ip"), family(false, "ipv6")) {
        (Some(v4), Some(v6)) => format!("({v4} || {v6})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "dns".to_owned(),
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
    fn long_lists_are_shortened() {
        let all = addresses(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]);
        assert_eq!(words(&all), "10.0.0.1, 10.0.0.2 and 3 more");
        assert_eq!(words(&all[..2]), "10.0.0.1 and 10.0.0.2");
    }
}
