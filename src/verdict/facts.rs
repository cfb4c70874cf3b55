//! What the causes look at: the sums of the capture, and the questions that several causes ask of
//! them.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::aggregate::{Aggregate, Client, Pair, Period, Quality, Row, Sender, Tally};
use crate::context::{Context, Kube};
use crate::decode::fragment::FragmentCounters;
use crate::decode::stream::StreamCounters;
use crate::model::{Address, Span, Timestamp};

use super::ends::Ends;
use super::finding::Window;
use super::vantage::Taps;

/// Which causes were found, and what else was found out, by those that asked: each is looked for once, however
/// many ask.
#[derive(Debug, Default)]
pub struct Detected {
    once: RefCell<BTreeMap<&'static str, bool>>,
    of_server: RefCell<BTreeMap<(&'static str, Address), bool>>,
    whole: RefCell<BTreeMap<TypeId, Box<dyn Any>>>,
}

impl Detected {
    /// Whether there is a cause, found out by `look` the first time.
    pub(super) fn once(&self, code: &'static str, look: impl FnOnce() -> bool) -> bool {
        let known = self.once.borrow().get(code).copied();
        known.unwrap_or_else(|| {
            let found = look();
            self.once.borrow_mut().insert(code, found);
            found
        })
    }

    /// The same for what there is to say of one server, or network.
    pub(super) fn of_server(
        &self,
        code: &'static str,
        server: Address,
        look: impl FnOnce() -> bool,
    ) -> bool {
        let known = self.of_server.borrow().get(&(code, server)).copied();
        known.unwrap_or_else(|| {
            let found = look();
            self.of_server.borrow_mut().insert((code, server), found);
            found
        })
    }

    /// All that a cause finds out, known by its type: no two causes may find out the same one.
    pub(super) fn whole<T: Clone + 'static>(&self, look: impl FnOnce() -> T) -> T {
        let type_id = TypeId::of::<T>();
        let known =
            self.whole.borrow().get(&type_id).and_then(|known| known.downcast_ref().cloned());
        known.unwrap_or_else(|| {
            let found = look();
            self.whole.borrow_mut().insert(type_id, Box::new(found.clone()));
            found
        })
    }
}

/// Everything measured.
pub struct Facts<'a> {
    /// The sums.
    pub aggregate: &'a Aggregate,
    /// How long a question is waited for.
    pub query_timeout: Span,
    /// The capture as read.
    pub quality: &'a Quality,
    /// Packets that the kernel dropped, where the capture says.
    pub dropped: Option<u64>,
    /// Packets that dnspect itself left out of a live capture.
    pub shed: u64,
    /// TCP streams in numbers.
    pub streams: &'a StreamCounters,
    /// IP fragments in numbers.
    pub fragments: &'a FragmentCounters,
    /// Names of interfaces by number.
    pub interfaces: &'a dyn Fn(u16) -> Option<String>,
    /// What the capture says of its interfaces.
    pub taps: Taps,
    /// Addresses of the cluster DNS that the user named, and those that `--kube` tells.
    pub cluster_dns: &'a [Address],
    /// What the operator knows besides the capture. What a cause takes from it, its evidence says.
    pub context: &'a Context,
    /// The operator's list of objects, if it is of this cluster and of this time.
    pub kube: Option<&'a Kube>,
    /// By index of the client: whether it forwards questions for others.
    pub forwarders: Vec<bool>,
    /// All pairs by their ends.
    pub ends: Ends<'a>,
    /// What was looked for already.
    pub detected: Detected,
}

/// Fewer losses than this in one place are chance: one packet, or the two of an A/AAAA pair.
pub const FEW: u64 = 3;

/// A conclusion drawn from a capture that lost packets itself is worth no more than this.
pub const FLAWED_CONFIDENCE: f64 = 0.3;

impl Facts<'_> {
    /// Pairs whose client asks for itself.
    pub fn client_pairs(&self) -> impl Iterator<Item = &Pair> {
        self.aggregate.counting.pairs.iter().filter(|pair| self.asks_for_itself(pair))
    }

    /// Whether the pair's client asks for itself.
    pub fn asks_for_itself(&self, pair: &Pair) -> bool {
        !self.forwards(pair)
    }

    /// Pairs whose client forwards for others: the resolvers' own upstream leg.
    pub fn upstream_pairs(&self) -> impl Iterator<Item = &Pair> {
        self.aggregate.counting.pairs.iter().filter(|pair| self.forwards(pair))
    }

    /// Clients that ask for themselves.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        let clients = self.aggregate.following.clients.iter().zip(self.forwarders.iter().skip(1));
        clients.filter(|(_, forwards)| !**forwards).map(|(client, _)| client)
    }

    /// Whether this address forwards questions for others.
    pub fn is_forwarder(&self, address: Address) -> bool {
        let client = self.aggregate.following.client(address);
        client.is_some_and(|client| self.aggregate.is_forwarder(client))
    }

    /// The length of a client's search list, as far as its walks show it.
    pub fn longest_walk(&self, client: Address) -> u8 {
        self.aggregate.following.client(client).map_or(0, |known| known.longest_walk)
    }

    /// How many questions of a client were cut before their end.
    pub fn cut_questions(&self, client: Address) -> u64 {
        self.aggregate.following.client(client).map_or(0, |known| known.cut_questions)
    }

    /// The share of all questions that were cut before their end: what they asked is unknown.
    pub fn cut_share(&self) -> f64 {
        Facts::share(self.all_cut_questions(), self.aggregate.counting.totals.transactions)
    }

    /// How many those are.
    pub fn all_cut_questions(&self) -> u64 {
        let clients = &self.aggregate.following.clients;
        let all = clients.iter().chain(std::iter::once(clients.shared()));
        all.map(|client| client.cut_questions).sum()
    }

    /// Addresses as a scope lists them, at most 100.
    pub fn list(addresses: &[Address]) -> Vec<String> {
        const MOST: usize = 100;
        addresses.iter().take(MOST).map(ToString::to_string).collect()
    }

    fn forwards(&self, pair: &Pair) -> bool {
        self.forwarders.get(pair.client_index as usize).copied().unwrap_or(false)
    }

    /// Sum over the clients' own pairs.
    pub fn client_tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.client_pairs().for_each(|pair| sum.add(pair.all()));
        sum
    }

    /// Share of `part` in `whole`; 0 of nothing.
    pub fn share(part: u64, whole: u64) -> f64 {
        if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
    }

    /// A period as the report shows it.
    pub fn window(period: Period) -> Window {
        if period.any() {
            Window { start: period.first.to_string(), end: period.last.to_string() }
        } else {
            Window::default()
        }
    }

    /// The whole capture as a period.
    pub fn whole(&self) -> Period {
        let mut period = Period::default();
        self.quality.first.into_iter().for_each(|time| period.note(time));
        self.quality.last.into_iter().for_each(|time| period.note(time));
        period
    }

    /// `confidence`, no higher than the quality of the capture allows for losses.
    pub fn capped(&self, confidence: f64) -> f64 {
        if self.lossy() { confidence.min(FLAWED_CONFIDENCE) } else { confidence }
    }

    /// Whether any question at all was answered.
    pub fn answers_anybody(&self) -> bool {
        self.aggregate.counting.totals.answered > 0
    }

    /// Whether the capture holds nothing but DNS: then its filter left ICMP out, and what is refused out
    /// loud looks like silence.
    pub fn is_dns_only(&self) -> bool {
        self.quality.icmp_errors == 0 && self.quality.others == 0
    }

    /// What silence lacks, in words: not an ICMP error, as far as these were captured.
    pub fn no_icmp_error(&self) -> &'static str {
        match self.quality.cut_refusals {
            0 => "no ICMP error",
            _ => "no ICMP error of which enough was captured",
        }
    }

    /// Whether an address answered anybody.
    pub fn answers(&self, server: Address) -> bool {
        self.aggregate.counting.server(server).is_some_and(|server| server.answered > 0)
    }

    /// Whether the fate of what was asked at `time` is known: a question asked within a query timeout of the
    /// end may still be answered, or be sent again for that it was lost.
    pub fn is_decided(&self, time: Timestamp) -> bool {
        time <= self.decided_until()
    }

    /// Until when it is.
    pub fn decided_until(&self) -> Timestamp {
        self.quality.last.map_or(Timestamp::MAX, |last| last.plus(Span(-self.query_timeout.0)))
    }

    /// What an ENI is called in the report: interface name and source.
    pub fn sender(&self, row: &Row) -> (Option<String>, Option<String>) {
        let interface = match row.sender {
            Sender::Interface(number) => (self.interfaces)(number),
            Sender::Link(_) | Sender::Address(_) => None,
        };
        let source = if interface.is_some() || row.link == [0; 6] {
            row.source.to_string()
        } else {
            row.link.map(|octet| format!("{octet:02x}")).join(":")
        };
        (interface, Some(source))
    }

    /// How long the capture is.
    pub fn length(&self) -> Span {
        let whole = self.whole();
        if whole.any() { whole.last.since(whole.first) } else { Span::ZERO }
    }
}
