//! The way of a packet through the rules, as far as the text tells.

use super::rule::{Action, Family, Match, Protocol, Rule, number};
use super::{Chain, Ruleset};
use crate::context::interface::Tag;
use crate::model::Address;

/// Chains deep: far more than anybody has.
const MAX_DEPTH: usize = 32;

/// Rules looked at for one packet: a node of 5,000 Services has some 40,000, of which a packet sees a
/// part.
const MAX_STEPS: u32 = 200_000;

/// Where packets enter chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// All that arrive.
    Prerouting,
    /// Those to the node itself.
    Input,
    /// Those that pass through.
    Forward,
    /// Those from the node itself.
    Output,
    /// All that leave.
    Postrouting,
}

/// A packet, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sends it.
    pub source: Address,
    /// Whoever sends it: the source decides nothing.
    pub from_anybody: bool,
    /// Where it goes.
    pub destination: Address,
    /// What carries it.
    pub protocol: Protocol,
    /// Whether it is the answer: then it comes from the DNS port.
    pub answer: bool,
    /// The interface of the pod that sends it, where that is known.
    pub from_pod: Option<Tag>,
    /// The interface of the pod that it goes to.
    pub to_pod: Option<Tag>,
}

impl Packet {
    /// A question to port 53.
    pub fn question(source: Address, destination: Address, protocol: Protocol) -> Packet {
        Packet {
            source,
            from_anybody: false,
            destination,
            protocol,
            answer: false,
            from_pod: None,
            to_pod: None,
        }
    }

    /// The answer to it.
    pub fn answer(source: Address, destination: Address, protocol: Protocol) -> Packet {
        Packet { answer: true, ..Packet::question(source, destination, protocol) }
    }
}

/// What ends a packet's way, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The rule; none is the policy of a chain.
    pub rule: Option<&'a Rule>,
    /// The line of the rule or of the policy.
    pub line: u64,
    /// The name of the chain.
    pub chain: &'a str,
    /// Whether the packet surely gets there and matches.
    pub sure: bool,
}

/// How a chain ends for a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The rules of this hook are done with it.
    Done,
    /// It falls through, or returns, or may.
    Through,
}

struct Walk<'r, 'p> {
    rules: &'r Ruleset,
    packet: &'p Packet,
    hits: Vec<Hit<'r>>,
    /// Whether its way may have ended already.
    perhaps_over: bool,
    steps: u32,
}

impl Ruleset {
    /// What drops, rejects or redirects a packet at these points, or may: in the order of its way.
    pub fn walk(&self, points: &[Point], packet: &Packet) -> Vec<Hit<'_>> {
        let mut walk =
            Walk { rules: self, packet, hits: Vec::new(), perhaps_over: false, steps: 0 };
        for chain in &self.chains {
            if chain.point.is_some_and(|point| points.contains(&point)) && suits(chain, packet) {
                walk.perhaps_over = false;
                let end = walk.chain(chain, 0, true);
                if let (End::Through, Some(line)) = (end, chain.drops) {
                    let sure = !walk.perhaps_over;
                    walk.hits.push(Hit { rule: None, line, chain: &chain.name, sure });
                }
            }
        }
        walk.hits
    }
}

/// Whether the table sees packets of this family.
fn suits(chain: &Chain, packet: &Packet) -> bool {
    match chain.family {
        Family::Any => true,
        Family::V4 => packet.destination.is_v4(),
        Family::V6 => !packet.destination.is_v4(),
    }
}

impl<'r> Walk<'r, '_> {
    /// Follows the packet through a chain that it surely, or perhaps, gets to.
    fn chain(&mut self, chain: &'r Chain, depth: usize, mut here: bool) -> End {
        // Whether it may have gone back before the rule that is sure to end its way.
        let mut escaped = false;
        for rule in &chain.rules {
            self.steps += 1;
            if self.steps > MAX_STEPS || depth > MAX_DEPTH {
                self.perhaps_over = true;
                return End::Through;
            }
            let matches = rule.matches(self.packet);
            let surely = matches == Match::Yes;
            let end = match &rule.action {
                _ if matches == Match::No => continue,
                Action::Nothing => continue,
                Action::Return if surely => return End::Through,
                Action::Return => {
                    (here, escaped) = (false, true);
                    continue;
                }
                Action::Accept => End::Done,
                Action::Drop | Action::Reject | Action::Dnat(_) => {
                    let sure = here && surely && !self.perhaps_over;
                    let hit = Hit { rule: Some(rule), line: rule.line, chain: &chain.name, sure };
                    self.hits.push(hit);
                    End::Done
                }
                Action::Jump(name, comes_back) => {
                    let place = self.rules.places.get(&(chain.table.clone(), name.clone()));
                    // A target of some extension: what it does is not known.
                    let Some(next) = place.and_then(|&place| self.rules.chains.get(place)) else {
                        self.perhaps_over = true;
                        continue;
                    };
                    let end = self.chain(next, depth + 1, here && surely);
                    if end == End::Through && !comes_back {
                        if surely {
                            return End::Through;
                        }
                        (here, escaped) = (false, true);
                    }
                    end
                }
            };
            if end == End::Done {
                self.perhaps_over |= !(here && surely);
                if surely {
                    return if escaped { End::Through } else { End::Done };
                }
            }
        }
        End::Through
    }
}

impl Rule {
    /// Whether it names the destination of a packet.
    pub(super) fn is_to(&self, packet: &Packet) -> bool {
        let destination = self.destination.as_ref();
        destination.is_some_and(|to| to.holds(number(packet.destination)) == Match::Yes)
    }

    /// Whether it matches a packet.
    pub fn matches(&self, packet: &Packet) -> Match {
        let mut found = if self.unclear || self.partial { Match::Maybe } else { Match::Yes };
        let mut and = |one: Match| found = found.min(one);
        if self.loopback {
            and(Match::No);
        }
        for interface in &self.interfaces {
            and(interface.takes(packet));
        }
        if let Some(protocols) = &self.protocols {
            and(protocols.holds(packet.protocol));
        }
        if let (Some(source), false) = (&self.source, packet.from_anybody) {
            and(source.holds(number(packet.source)));
        }
        if let Some(destination) = &self.destination {
            and(destination.holds(number(packet.destination)));
        }
        let (dns, other) = if packet.answer {
            (&self.source_ports, &self.ports)
        } else {
            (&self.ports, &self.source_ports)
        };
        if let Some(ports) = dns {
            and(ports.holds(53));
        }
        if let Some(ports) = other {
            // Some high port: both ends of the usual range tell.
            let (low, high) = (ports.holds(32_768), ports.holds(60_999));
            and(if low == high { low } else { Match::Maybe });
        }
        if let Some((first, later)) = self.states {
            and(if packet.answer { later } else { first });
        }
        found
    }
}
