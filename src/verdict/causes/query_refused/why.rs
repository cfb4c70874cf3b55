//! Why a server refuses: told by whom it refuses what, and how steadily.

use super::super::dns_forwarding_loop;
use crate::aggregate::{Look, Pair};
use crate::model::Address;
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::answers::{Failing, slow, upstream_leg};
use crate::verdict::{Between, FEW, Facts};

/// This share of a client's answers is all but everything: what was in flight when it began is fine.
const ALL: f64 = 0.95;

/// A rule refuses a name every time. If more than this part of the names that were refused has another
/// answer later, it is no rule.
const CHANGED: f64 = 0.2;

/// Who says no, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verdict) enum Why {
    /// The upstream leg shows that upstream refuses.
    Upstream,
    /// RA is set: a recursive resolver refuses, behind the server or as the server.
    Relayed,
    /// Some clients are refused everything, others are not.
    Client,
    /// Some clients are refused certain names, always; others get them.
    Policy,
    /// Certain names are refused to everybody, always.
    Zone,
    /// Names outside are refused now and then.
    Cap,
    /// Everything is refused to everybody.
    Everything,
}

/// Refused questions, and what tells the reason.
pub(super) struct Refused<'a> {
    /// Of the deepest leg that shows them.
    pub(super) failing: Failing<'a>,
    /// Whether only names outside are refused.
    pub(super) outside: bool,
    /// Answers of all kinds on that leg; for names outside, if only these are refused.
    pub(super) answered: u64,
    /// What clients got of it, if that is another leg.
    pub(super) clients: u64,
    /// Names refused, as far as they were kept.
    pub(super) names: u64,
    /// Of these, answered later.
    pub(super) changed: u64,
    /// Clients of the same servers that were refused nothing.
    pub(super) others: u64,
    pub(super) why: Why,
}

impl<'a> Refused<'a> {
    /// Collects them; `None` when they are too few to mean anything.
    pub(super) fn of(facts: &'a Facts<'_>) -> Option<Refused<'a>> {
        let clients = Failing::of(facts, facts.client_pairs(), &[Look::Refused]);
        let leg = upstream_leg(facts);
        let upstream = Failing::of(facts, leg.iter().copied(), &[Look::Refused]);
        let captured = upstream.count >= FEW;
        let (failing, of_clients, pairs) = if captured {
            (upstream, clients.count, leg)
        } else {
            (clients, 0, facts.client_pairs().collect())
        };
        // In a circle of forwarders `max_concurrent` is full of their own questions.
        if failing.count < FEW || dns_forwarding_loop::detected(facts) {
            return None;
        }
        let outside = Facts::share(failing.external, failing.count) >= ALL;
        let answers =
            |pair: &&Pair| if outside { pair.external().answered } else { pair.all().answered };
        let answered = pairs.iter().map(answers).sum();
        let between = Between::of(&failing.pairs);
        let rows: Vec<_> = facts
            .aggregate
            .counting
            .failing_names
            .iter()
            .filter(|row| row.refused > 0)
            .filter(|row| between.asked(row))
            .collect();
        let mut refused = Refused {
            outside,
            answered,
            clients: of_clients,
            names: rows.len() as u64,
            changed: rows.iter().filter(|row| row.fine > 0).count() as u64,
            others: others(facts, &failing).len() as u64,
            why: Why::Everything,
            failing,
        };
        refused.why = refused.reason(facts, captured);
        Some(refused)
    }

    fn reason(&self, facts: &Facts<'_>, captured: bool) -> Why {
        let failing = &self.failing;
        if captured {
            return Why::Upstream;
        }
        if failing.relayed * 2 > failing.count {
            return Why::Relayed;
        }
        let failures = |pair: &&Pair| facts.aggregate.counting.failures(pair).look(Look::Refused);
        let during: u64 = failing.pairs.iter().map(|pair| failures(pair).others_between()).sum();
        let everything = Facts::share(failing.count, failing.count + during) >= ALL;
        let steady = Facts::share(self.changed, self.names) <= CHANGED;
        let outside = self.outside;
        match () {
            () if everything && self.others > 0 => Why::Client,
            () if everything && failing.cluster > 0 => Why::Everything,
            () if outside && (!steady || is_waiting(facts)) => Why::Cap,
            () if self.others > 0 => Why::Policy,
            () => Why::Zone,
        }
    }
}

/// Clients of the same servers that had answers in the same time, and no refusal.
fn others(facts: &Facts<'_>, failing: &Failing<'_>) -> Vec<Address> {
    let (refused, servers) = (failing.clients(), failing.servers());
    sorted(
        facts
            .client_pairs()
            .filter(|pair| holds(&servers, pair.server) && !holds(&refused, pair.client))
            .filter(|pair| pair.all().answered >= FEW)
            .filter(|pair| pair.answers.last >= failing.period.first)
            .filter(|pair| pair.answers.first <= failing.period.last)
            .map(|pair| pair.client),
    )
}

/// Whether answers for names outside take so long that many wait at a time.
fn is_waiting(facts: &Facts<'_>) -> bool {
    let all = facts.aggregate.counting.pairs.iter();
    let [outside, _] = slow(facts, all);
    outside.from(400) + outside.after_timeouts >= FEW
}

impl Why {
    /// In a half sentence. `alone`: no more than one client is seen, who cannot tell for others.
    pub(super) fn words(self, alone: bool) -> &'static str {
        match self {
            Why::Upstream => {
                "the upstream refuses the cluster's resolvers, as the upstream leg shows"
            }
            Why::Relayed => {
                "RA is set, so a recursive resolver refuses and the answer is handed on (upstream leg \
                 not captured)"
            }
            Why::Client => "all that these clients ask, while others are answered: an access list",
            Why::Policy => {
                "always the same names, for these clients and not for others: a DNS policy or an \
                 access list by name"
            }
            Why::Zone if alone => {
                "always the same names, to the one client that is seen: the server has neither their \
                 zone nor a resolver to forward them to, an access list, or a resolver behind it \
                 that refuses (upstream leg not captured)"
            }
            Why::Zone => {
                "always the same names, to everybody: the server has neither their zone nor a \
                 resolver to forward them to, an access list, or a resolver behind it that refuses \
                 (upstream leg not captured)"
            }
            Why::Cap => {
                "names outside only, now and then: CoreDNS' `max_concurrent` is reached, as its \
                 upstream is slow for the load"
            }
            Why::Everything if alone => {
                "everything, to the one client that is seen: an access list that leaves it out, or no \
                 zone at all"
            }
            Why::Everything => {
                "everything, to everybody: an access list that leaves nobody in, or no zone at all"
            }
        }
    }

    pub(super) fn confidence(self) -> f64 {
        match self {
            Why::Upstream => 0.85,
            Why::Client | Why::Policy => 0.75,
            Why::Relayed | Why::Zone | Why::Cap | Why::Everything => 0.6,
        }
    }

    pub(super) fn immediate(self) -> &'static str {
        match self {
            Why::Upstream | Why::Relayed => {
                "Let the upstream's operator allow the resolvers' addresses (the pods' own, or the \
                 node's where source NAT is used), or forward to a resolver that does."
            }
            Why::Client => {
                "Find the access list (CoreDNS' acl plugin, unbound's access-control) and allow the \
                 clients' network; nothing else helps them."
            }
            Why::Policy => {
                "Add the names, with the forms that the search list makes of them, to the policy's \
                 toFQDNs or dns matchPattern rules; until then a trailing dot, or `ndots: 2` in the \
                 pod for names with two dots and more, keeps the search list's forms out."
            }
            Why::Zone => {
                "Add a `forward` for these names, or the zone, to the Corefile; if it is there, look \
                 for an acl block that names them."
            }
            Why::Cap => {
                "Raise `max_concurrent` of CoreDNS' forward plugin (2 kB of memory for each), or add \
                 replicas; then see why the upstream takes so long."
            }
            Why::Everything => {
                "Look at the server's configuration: its access list and the zones it is made to \
                 serve; roll back the last change."
            }
        }
    }

    /// What looks like it, and why it is less likely.
    pub(super) fn mimic(self) -> (&'static str, &'static str) {
        match self {
            Why::Cap => {
                ("upstream_slow", "the slow answers are its reason, the refusals the damage")
            }
            Why::Upstream => (
                "firewall_reject",
                "a DNS policy on the way refuses names, and here the upstream's address answers",
            ),
            _ => (
                "upstream_servfail",
                "the answers are REFUSED, which is meant, and not SERVFAIL, which is a failure",
            ),
        }
    }
}
