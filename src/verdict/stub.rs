//! Whose resolver a client uses, told by how it asks, and which of its knobs helps.

use super::facts::Facts;
use super::finding::{Evidence, Finding};
use crate::aggregate::{Client, Habit};
use crate::model::Address;

/// Pairs that tell a resolver: of fewer, two may look like another one's by chance.
const PAIRS: u64 = 3;

/// This share of a client's pairs has to look alike. A node's address stands for many pods, and a pod
/// may run programs with different resolvers: their mix is nobody's.
const ALIKE: f64 = 0.8;

/// And there has to be a pair for so many names: what asks for one family, and now and then by chance
/// for both, is no stub resolver's pair. Of Go's pairs a backend sees only those that came to it whole.
const NAMES: u64 = 10;

/// Two ports without EDNS are Go's if AAAA comes first in at least one of so many pairs: its two
/// questions do not wait for each other (in the lab AAAA was first in 40 to 60 %). glibc, which falls
/// back to `single-request-reopen` after a loss, asks A first, always: such pairs are nobody's.
const UNORDERED: u64 = 5;

/// For one question asked again from its own port so many are asked again from another one with the same
/// ID, if it is c-ares.
const MOVED: u64 = 4;

/// Resolvers that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StubKind {
    /// `getaddrinfo` of the GNU C library.
    Glibc,
    /// `getaddrinfo` of musl: Alpine.
    Musl,
    /// The resolver of Go's standard library.
    Go,
    /// c-ares: Node.js `dns.resolve`, Envoy, curl.
    CAres,
    /// systemd-resolved.
    SystemdResolved,
    /// CoreDNS' forward plugin, or another forwarder: it asks for others.
    Forwarder,
}

impl StubKind {
    /// All of them.
    pub const ALL: [StubKind; 6] = [
        StubKind::Glibc,
        StubKind::Musl,
        StubKind::Go,
        StubKind::CAres,
        StubKind::SystemdResolved,
        StubKind::Forwarder,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            StubKind::Glibc => "glibc",
            StubKind::Musl => "musl",
            StubKind::Go => "Go",
            StubKind::CAres => "c-ares",
            StubKind::SystemdResolved => "systemd-resolved",
            StubKind::Forwarder => "CoreDNS or another forwarder",
        }
    }

    /// How it is made to ask again sooner when a packet is lost, and what one lost packet costs.
    pub fn retry_knob(self) -> &'static str {
        match self {
            StubKind::Glibc => {
                "glibc waits 5 s: `options timeout:1 attempts:3` in the pod's dnsConfig"
            }
            StubKind::Musl => {
                "musl waits timeout divided by attempts, 2.5 s: `options timeout:3 attempts:3` makes it \
                 1 s"
            }
            StubKind::Go => {
                "Go waits 5 s and reads `options timeout:1 attempts:3` from resolv.conf too, unless \
                 the program sets its own dialer"
            }
            StubKind::CAres => {
                "c-ares waits 2 s (5 s before 1.20): ARES_OPT_TIMEOUTMS and ARES_OPT_TRIES, `timeout` and \
                 `tries` of Node's dns.Resolver, dns_resolver options of Envoy"
            }
            StubKind::SystemdResolved => {
                "systemd-resolved waits 5 s and has no option for it: a cache on the node helps"
            }
            StubKind::Forwarder => {
                "CoreDNS waits 2 s for an upstream: `read_timeout` in its forward block, where the \
                 version has it"
            }
        }
    }

    /// What its search list needs to know about a lower ndots.
    pub fn search_knob(self) -> Option<&'static str> {
        match self {
            StubKind::Musl => Some(
                "musl never goes through the search list for a name with ndots dots or more: with \
                 ndots:2 its pods must write `service.namespace.svc` with the cluster's zone behind it",
            ),
            _ => None,
        }
    }

    /// What a lookup does when its queries get no answer at all.
    pub fn in_silence(self) -> Option<&'static str> {
        match self {
            StubKind::Glibc => Some("glibc fails after 20 s (5 s four times)"),
            StubKind::Musl => Some("musl fails after 5 s"),
            StubKind::Go => Some("Go fails after 10 s for each name of its search list"),
            StubKind::CAres => Some("c-ares fails after three tries of 2 s and more"),
            StubKind::SystemdResolved | StubKind::Forwarder => None,
        }
    }

    /// What a lookup does when its queries are refused with ICMP.
    pub fn when_refused(self) -> Option<&'static str> {
        match self {
            StubKind::Glibc => Some("glibc fails at once"),
            StubKind::Musl => {
                Some("musl does not see ICMP and fails after 5 s, as if nothing came")
            }
            StubKind::Go => Some(
                "Go tries once more at once and fails; after net or host unreachable it waits 5 s",
            ),
            StubKind::CAres => Some("c-ares goes on to its next server at once"),
            StubKind::SystemdResolved | StubKind::Forwarder => None,
        }
    }
}

/// How many clients there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    counts: [u64; StubKind::ALL.len()],
    /// Clients whose resolver is not told.
    pub unknown: u64,
}

impl Kinds {
    /// Clients of this kind.
    pub fn of(&self, kind: StubKind) -> u64 {
        self.counts[kind as usize]
    }

    /// The kinds that there are, in a fixed order.
    pub fn present(&self) -> impl Iterator<Item = StubKind> {
        let counts = self.counts;
        StubKind::ALL.into_iter().filter(move |&kind| counts[kind as usize] > 0)
    }

    fn count(&mut self, kind: Option<StubKind>) {
        match kind {
            Some(kind) => self.counts[kind as usize] += 1,
            None => self.unknown += 1,
        }
    }

    /// How many there are of each: `2 glibc, 1 Go, 3 not recognised`.
    pub fn words(&self) -> String {
        let mut parts: Vec<String> =
            self.present().map(|kind| format!("{} {}", self.of(kind), kind.name())).collect();
        if self.unknown > 0 {
            parts.push(format!("{} not recognised", self.unknown));
        }
        parts.join(", ")
    }

    /// What each of the kinds has to say, as sentences; nothing where none has.
    pub fn advice<'a>(&self, of: impl Fn(StubKind) -> Option<&'a str>) -> String {
        let said: Vec<&str> = self.present().filter_map(of).collect();
        if said.is_empty() {
            return String::new();
        }
        let mut text = said.join("; ");
        text.push('.');
        text
    }
}

impl Finding {
    /// Adds to what is to be done in the long run.
    #[must_use]
    pub(super) fn advising(mut self, advice: &str) -> Finding {
        if !advice.is_empty() {
            self.mitigation.long_term.push(' ');
            self.mitigation.long_term.push_str(advice);
        }
        self
    }
}

impl Facts<'_> {
    /// Whose resolver asks from this address, as far as that is told.
    pub fn stub(&self, address: Address) -> Option<StubKind> {
        if self.is_forwarder(address) {
            return Some(StubKind::Forwarder);
        }
        self.aggregate.following.client(address).and_then(kind_of)
    }

    /// Which resolvers these clients use, and what each of them has to say, as evidence; `None` where
    /// that is not told of any.
    pub fn stub_evidence<'a>(
        &self,
        addresses: &[Address],
        of: impl Fn(StubKind) -> Option<&'a str>,
    ) -> Option<Evidence> {
        let kinds = self.stubs(addresses);
        let known = addresses.len() as u64 - kinds.unknown;
        let said = kinds.advice(of);
        let text =
            format!("Resolvers of these clients, by how they ask: {}. {said}", kinds.words());
        (known > 0)
            .then(|| Evidence::new("resolvers", known as f64, "count", text.trim().to_owned()))
    }

    /// How many of these addresses use which resolver.
    pub fn stubs(&self, addresses: &[Address]) -> Kinds {
        let mut kinds = Kinds::default();
        for &address in addresses {
            kinds.count(self.stub(address));
        }
        kinds
    }

    /// How many clients use which resolver, forwarders included.
    pub fn all_stubs(&self) -> Kinds {
        let mut kinds = Kinds::default();
        let clients = self.aggregate.following.clients.iter().zip(self.forwarders.iter().skip(1));
        for (client, &forwards) in clients.filter(|(client, _)| client.asker.asked > 0) {
            kinds.count(if forwards { Some(StubKind::Forwarder) } else { kind_of(client) });
        }
        kinds
    }
}

/// What a client's habits say.
fn kind_of(client: &Client) -> Option<StubKind> {
    let habits = &client.asker.habits;
    let of = |habit| habits.pairs(habit);
    let others = of(Habit::ClockIds) + of(Habit::TwoPorts1232) + of(Habit::TwoPortsEdns);
    let own = of(Habit::OnePort) + of(Habit::OnePortEdns);
    // Beside somebody who asks in pairs, names asked for one type are another program's, such as dig's.
    let alone = if own + others >= PAIRS { habits.moved_alone } else { 0 };
    let (moved, repeated) = (u64::from(habits.moved - alone), u64::from(habits.repeated));
    if moved >= PAIRS && moved >= MOVED * repeated {
        // While all is well, the pairs of c-ares look like glibc's.
        return (own + moved >= MOVED * others).then_some(StubKind::CAres);
    }
    let unordered = of(Habit::TwoPortsUnordered);
    let bare = of(Habit::TwoPorts) + unordered;
    // After two SERVFAILs systemd-resolved leaves EDNS out.
    let resolved = of(Habit::TwoPortsEdns);
    let degraded = if resolved * 2 >= bare && of(Habit::TwoPorts1232) == 0 { bare } else { 0 };
    let bare = bare - degraded;
    let go_bare = if unordered.min(bare) * UNORDERED >= bare { bare } else { 0 };
    // A port of its own for each name, or one that all names share.
    let keeps = habits.kept_port > habits.changed_port;
    let (fresh, kept) = if keeps { (0, 1) } else { (1, 0) };
    let scores = [
        (StubKind::Glibc, of(Habit::OnePort) * fresh),
        (StubKind::Musl, of(Habit::ClockIds) * fresh),
        (StubKind::Go, (of(Habit::TwoPorts1232) + go_bare) * fresh),
        (StubKind::CAres, of(Habit::OnePortEdns) * kept),
        (StubKind::SystemdResolved, if resolved > 0 { resolved + degraded } else { 0 } * fresh),
    ];
    let pairs: u64 = of(Habit::OnePort)
        + of(Habit::ClockIds)
        + of(Habit::OnePortEdns)
        + of(Habit::TwoPorts1232)
        + resolved
        + degraded
        + go_bare;
    let (kind, most) = scores.into_iter().max_by_key(|&(_, score)| score)?;
    let names = u64::from(habits.kept_port) + u64::from(habits.changed_port);
    let enough = most >= PAIRS && most * NAMES >= names;
    (enough && most as f64 >= ALIKE * pairs as f64).then_some(kind)
}

#[cfg(test)]
mod tests;
