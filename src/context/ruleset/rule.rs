//! One rule: what it matches and what it does.

use super::walk::Packet;
use crate::model::Address;

/// Whether a rule matches a packet, as far as its text and the packet tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Match {
    /// It does not.
    No,
    /// It depends on what nobody knows here: marks, sets, chance, the rate.
    Maybe,
    /// It does.
    Yes,
}

impl Match {
    pub(super) fn of(yes: bool) -> Match {
        if yes { Match::Yes } else { Match::No }
    }

    pub(super) fn not(self) -> Match {
        match self {
            Match::No => Match::Yes,
            Match::Maybe => Match::Maybe,
            Match::Yes => Match::No,
        }
    }
}

/// Which packets a table sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Both, or nobody says which.
    #[default]
    Any,
}

/// What carries DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// Anything else.
    Other,
}

impl Protocol {
    pub(super) fn of(text: &str) -> Option<Protocol> {
        match text {
            "udp" | "17" => Some(Protocol::Udp),
            "tcp" | "6" => Some(Protocol::Tcp),
            "all" | "0" => None,
            _ => Some(Protocol::Other),
        }
    }
}

/// From one value to another, both included.
pub type Range<T> = (T, T);

/// A condition: one of these values, or none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OneOf<T> {
    pub(super) not: bool,
    pub(super) values: Vec<T>,
    /// Some of it could not be read.
    pub(super) unclear: bool,
}

impl<T: Copy + PartialOrd> OneOf<Range<T>> {
    /// Whether a value is in it.
    pub(super) fn holds(&self, value: T) -> Match {
        let inside = self.values.iter().any(|&(low, high)| low <= value && value <= high);
        let found = if !inside && self.unclear { Match::Maybe } else { Match::of(inside) };
        if self.not { found.not() } else { found }
    }
}

/// Addresses as numbers: IPv4 is mapped into IPv6.
pub(super) fn number(address: Address) -> u128 {
    u128::from_be_bytes(address.0)
}

/// `10.0.0.0/24`, `10.0.0.0/255.255.255.0`, `10.0.0.1`, `10.0.0.1-10.0.0.9`, `fd00::/64`.
pub(super) fn network(text: &str) -> Option<Range<u128>> {
    if let Some((low, high)) = text.split_once('-') {
        return Some((number(low.parse().ok()?), number(high.parse().ok()?)));
    }
    let (base, length) = text.split_once('/').unwrap_or((text, ""));
    let base: Address = base.parse().ok()?;
    let all = if base.is_v4() { 32 } else { 128 };
    let bits = match length {
        "" => all,
        _ => match length.parse::<u32>() {
            Ok(bits) => bits,
            Err(_) => mask_bits(length)?,
        },
    };
    let rest = all.checked_sub(bits)?;
    let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
    let low = number(base) & mask;
    Some((low, low | !mask))
}

/// 255.255.255.0 is 24.
fn mask_bits(text: &str) -> Option<u32> {
    let mask: std::net::Ipv4Addr = text.parse().ok()?;
    let bits = u32::from(mask);
    (bits.leading_ones() + bits.trailing_zeros() >= 32).then(|| bits.leading_ones())
}

/// `53`, `50:60`, `50-60`, `domain`.
pub(super) fn ports(text: &str) -> Option<Range<u16>> {
    let port = |text: &str| match text {
        "domain" => Some(53),
        _ => text.parse::<u16>().ok(),
    };
    match text.split_once([':', '-']) {
        None => port(text).map(|port| (port, port)),
        Some((low, high)) => {
            let low = if low.is_empty() { 0 } else { port(low)? };
            let high = if high.is_empty() { u16::MAX } else { port(high)? };
            Some((low, high))
        }
    }
}

/// What a rule does with what it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Nothing that matters here: it counts, marks, logs.
    #[default]
    Nothing,
    /// Lets it pass this chain's hook.
    Accept,
    /// Drops it in silence.
    Drop,
    /// Drops it and says so.
    Reject,
    /// Sends it to other addresses.
    Dnat(Vec<Address>),
    /// Goes on in another chain, and comes back unless it is a `goto`.
    Jump(String, bool),
    /// Goes back.
    Return,
}

/// An interface that a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    /// Where packets leave by it; else, where they come in.
    pub(super) out: bool,
    /// Any other one is meant.
    pub(super) not: bool,
    pub(super) name: String,
}

impl Interface {
    /// Whether it is that of the pod at the packet's end.
    fn is_pod_of(&self, packet: &Packet) -> bool {
        let pod = if self.out { packet.to_pod } else { packet.from_pod };
        pod.is_some_and(|pod| pod.names(&self.name))
    }

    /// Whether a packet takes it: of others than pods nobody knows here.
    pub(super) fn takes(&self, packet: &Packet) -> Match {
        if self.is_pod_of(packet) { Match::of(!self.not) } else { Match::Maybe }
    }
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its line in the file.
    pub line: u64,
    /// As it stands there.
    pub text: String,
    /// What it does.
    pub action: Action,
    /// Packets that it has matched so far, where the output says.
    pub packets: Option<u64>,
    /// Whether it matches only some of the packets that fit: by chance, rate, content.
    pub partial: bool,
    pub(super) protocols: Option<OneOf<Range<Protocol>>>,
    pub(super) source: Option<OneOf<Range<u128>>>,
    pub(super) destination: Option<OneOf<Range<u128>>>,
    pub(super) source_ports: Option<OneOf<Range<u16>>>,
    pub(super) ports: Option<OneOf<Range<u16>>>,
    /// Interfaces that it names; none for those that are not the loopback.
    pub(super) interfaces: Vec<Interface>,
    pub(super) loopback: bool,
    /// Connection states: whether the first packet of a flow is meant, whether a later one.
    pub(super) states: Option<(Match, Match)>,
    pub(super) unclear: bool,
}

impl Rule {
    /// Whether it names the DNS port, or addresses: then somebody meant it.
    pub fn is_specific(&self) -> bool {
        let dns = |ports: &Option<OneOf<Range<u16>>>| {
            ports.as_ref().is_some_and(|ports| ports.values.contains(&(53, 53)))
        };
        self.destination.is_some()
            || self.source.is_some()
            || dns(&self.ports)
            || dns(&self.source_ports)
    }

    /// Takes down an interface. Nothing that matters here passes the loopback.
    pub(super) fn on(&mut self, out: bool, not: bool, name: &str) {
        match (name, not) {
            ("lo", true) => {}
            ("lo", false) => self.loopback = true,
            _ => self.interfaces.push(Interface { out, not, name: name.to_owned() }),
        }
    }

    /// Whether it depends on an interface.
    pub fn is_of_interface(&self) -> bool {
        !self.interfaces.is_empty()
    }
}
