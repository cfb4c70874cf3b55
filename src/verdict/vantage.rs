//! Where the capture was taken, told by what it holds, and what cannot be seen from there.

use super::facts::Facts;
use crate::aggregate::Pair;
use crate::model::Address;

/// TTLs that hosts start with: Linux and macOS, Windows, routers and cloud resolvers. A packet that
/// has one was not forwarded yet.
const FRESH: [u8; 3] = [64, 128, 255];

/// What the capture says of its interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taps {
    /// Whether it was taken on all interfaces at once (`-i any`: cooked headers).
    pub cooked: bool,
    /// Whether it tells several interfaces apart.
    pub several: bool,
}

/// A place of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In a client's pod, or on its end of the veth.
    Pod,
    /// On a node, on several interfaces.
    Node,
    /// On one interface of a node: its ENI, or a bridge.
    Interface,
    /// At a DNS server: in its pod, or on its end of the veth.
    Server,
    /// On a loopback interface: a cache on the host itself.
    Loopback,
    /// In a tunnel: a mirror session, or an overlay between nodes.
    Tunnel,
    /// The packets do not tell.
    Unknown,
}

/// Where the capture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vantage {
    /// The place.
    pub place: Place,
    /// Whose pod or server it is.
    pub of: Option<Address>,
}

impl Facts<'_> {
    /// Where the capture was taken.
    pub fn vantage(&self) -> Vantage {
        let (place, of) = self.place();
        Vantage { place, of }
    }

    fn place(&self) -> (Place, Option<Address>) {
        let pairs = || self.aggregate.counting.pairs.iter().filter(|pair| pair.all().sent > 0);
        if pairs().next().is_none() {
            return (Place::Unknown, None);
        }
        let messages: u64 = self.quality.messages.iter().sum();
        if self.quality.tunnelled * 2 > messages {
            return (Place::Tunnel, None);
        }
        if pairs().all(|pair| is_loopback(pair.client) || is_loopback(pair.server)) {
            return (Place::Loopback, None);
        }
        // Several rings that are read one after the other give whole answers before their copies.
        let copied = self.taps.several && self.aggregate.counting.totals.copies > 0;
        let onward = copied || pairs().any(|pair| pair.seen_beyond > 0);
        if onward && (self.taps.cooked || self.taps.several) {
            return (Place::Node, None);
        }
        let fresh = |client: Address| {
            let client = self.aggregate.following.client(client);
            client.is_none_or(|client| client.asker.query_ttls.is_none_or(is_fresh))
        };
        let answers = |pair: &Pair| pair.answer_ttls.is_none_or(is_fresh);
        if let Some((address, serves)) = self.common() {
            let asked = |pair: &&Pair| pair.server == address;
            let own = pairs().filter(asked).all(answers)
                && pairs().filter(asked).any(|p| p.answer_ttls.is_some());
            let asks = pairs().all(|pair| pair.client == address);
            match (asks, serves) {
                // One client and one server: whose end this is, the TTLs tell.
                (true, true) if fresh(address) && !own => return (Place::Pod, Some(address)),
                (_, true) if own && !asks => return (Place::Server, Some(address)),
                (true, false) if fresh(address) => return (Place::Pod, Some(address)),
                _ => {}
            }
        }
        let forwarded = pairs().any(|pair| !fresh(pair.client));
        match () {
            () if self.taps.cooked => (Place::Node, None),
            () if onward || forwarded => (Place::Interface, None),
            () => (Place::Unknown, None),
        }
    }

    /// The address that takes part in everything, and whether it is asked; the client where one
    /// client and one server are all.
    fn common(&self) -> Option<(Address, bool)> {
        let mut pairs = self.aggregate.counting.pairs.iter().filter(|pair| pair.all().sent > 0);
        let first = pairs.next()?;
        let mut candidates = vec![first.client, first.server];
        for pair in pairs {
            candidates.retain(|&address| address == pair.client || address == pair.server);
        }
        let address = *candidates.first()?;
        let both = candidates.len() == 2;
        let asked = self.pairs_to(address).any(|pair| pair.all().sent > 0);
        Some((address, asked || both))
    }
}

fn is_fresh((low, high): (u8, u8)) -> bool {
    FRESH.contains(&low) && FRESH.contains(&high)
}

fn is_loopback(address: Address) -> bool {
    address.ip().to_canonical().is_loopback()
}

impl Vantage {
    /// Where it was taken; nothing where that is not told.
    pub fn at(&self) -> String {
        let of = self.of.map(|address| format!(" {address}")).unwrap_or_default();
        match self.place {
            Place::Pod => format!("in the client{of} or on its veth"),
            Place::Node => "on a node, on several interfaces".to_owned(),
            Place::Interface => "on one interface of a node, such as its ENI".to_owned(),
            Place::Server => format!("at the DNS server{of}"),
            Place::Loopback => "on a loopback interface".to_owned(),
            Place::Tunnel => {
                "from a tunnel, of a mirror session or of an overlay between nodes".to_owned()
            }
            Place::Unknown => String::new(),
        }
    }

    /// Where it was taken, what that shows, and what it cannot show.
    pub fn words(&self) -> String {
        let (shows, hides) = match self.place {
            Place::Pod => (
                "each of its questions and what came back",
                "how far a lost query came, which backend it went to, or what the servers ask upstream",
            ),
            Place::Node => (
                "its pods' questions before and after the DNAT, and where in the node a packet ends",
                "what happens behind the node's own interfaces",
            ),
            Place::Interface => (
                "what leaves the node and what comes back",
                "what is dropped before, what stays within the node, or the Service's address",
            ),
            Place::Server => (
                "what reaches it, its answers, and what it asks upstream",
                "queries that are lost before it, answers that are lost behind it, or other backends",
            ),
            Place::Loopback => ("what the host asks its own cache", "what that cache asks others"),
            Place::Tunnel => (
                "what passes there",
                "what is dropped before or behind it; a mirror may leave packets out under load",
            ),
            Place::Unknown => return String::new(),
        };
        format!("{}: shows {shows}; cannot show {hides}", self.at())
    }

    /// What would have to be seen to be sure of a cause, where it cannot be seen from here.
    pub fn hides(&self, cause: &str) -> Option<&'static str> {
        match (self.place, cause) {
            (Place::Pod, "coredns_overload" | "coredns_backend_gone" | "upstream_slow") => {
                Some("which server it is and whether the queries reached it shows only on its side")
            }
            (Place::Pod, "upstream_unreachable" | "upstream_servfail") => {
                Some("what the servers ask upstream shows only on their side")
            }
            (Place::Pod | Place::Server | Place::Interface, "random_loss") => {
                Some("where the packets are lost shows only between two points on the way")
            }
            (Place::Server, "client_egress_dropped") => {
                Some("a query that never arrives cannot be seen at the server")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
