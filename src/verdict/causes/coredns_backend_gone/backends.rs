//! Which backend went, when, and whether it came back.

use super::super::{
    coredns_overload, dns_forwarding_loop, nodelocaldns_down, stale_conntrack_udp, upstream_slow,
    upstream_unreachable,
};
use super::unreachable::unreachable;
use crate::aggregate::{Lapse, Pair, Period, Server};
use crate::model::{Address, Span};
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::crowd::Crowd;
use crate::verdict::outage::{Noise, Outage, Union};
use crate::verdict::silence::{Sum, by_client, by_server};
use crate::verdict::{FEW, Facts};

/// Losses have to go on for at least so long: what was under way when a backend left is lost at once.
const LASTING: Span = Span::from_secs(1);

/// A backend whose questions are not seen is missed when it would have given so many answers in that
/// time: fewer are a pause.
const MISSED: f64 = 8.0;

/// A client whose own silence is so much longer than a backend's is silent for another reason.
const AROUND: Span = Span::from_secs(5);

/// Of all losses, those in the time of the outage.
const CROWDED: f64 = 0.8;

/// Backends that went, and what was lost for it.
pub(in super::super) struct Gone {
    /// One, or all there are.
    pub(in super::super) backends: Vec<Address>,
    /// When.
    pub(in super::super) outages: Vec<Outage>,
    /// Who went on answering.
    pub(in super::super) peers: Vec<Address>,
    /// Questions refused with "host unreachable": the backend's address is gone, too.
    pub(in super::super) unreachable: u64,
}

impl Gone {
    /// Whether this was lost while a backend was silent.
    pub(in super::super) fn explains(&self, losses: Period) -> bool {
        self.outages.iter().map(|outage| outage.lapse.losses).any(|gone| {
            losses.last >= gone.first.plus(Span(-LASTING.0))
                && losses.first <= gone.last.plus(LASTING)
        })
    }

    /// Whether a client that lost so many questions in a row can have sent all of them to the silent
    /// backends by chance, while others answer.
    pub(in super::super) fn is_chance(&self, questions: u64) -> bool {
        let silent = self.backends.len() as f64;
        is_likely(silent / (silent + self.peers.len() as f64), questions)
    }
}

/// Whether so many questions in a row may all go to silent backends that get this share. A and AAAA of one port
/// go the same way: two questions are one throw.
pub(super) fn is_likely(share: f64, questions: u64) -> bool {
    /// Of all clients of a large cluster, hardly one would meet with it.
    const HARDLY: f64 = 1e-5;
    share.powf(questions as f64 / 2.0) >= HARDLY
}

/// Looks for it.
pub(in super::super) fn gone(facts: &Facts<'_>) -> Option<Gone> {
    // Where fresh ports are answered no backend is missing, some sockets are. And what is asked more
    // than it can answer is silent for seconds, but there.
    // Nor is one whose questions go round: it is busy with them.
    let there = stale_conntrack_udp::CAUSE.detected(facts)
        || coredns_overload::CAUSE.detected(facts)
        || dns_forwarding_loop::detected(facts);
    if facts.one_sided() || there {
        return None;
    }
    let told = || unreachable(facts, &backends(facts));
    seen_going(facts).or_else(told).or_else(|| vanished_behind_service(facts))
}

/// The backends: servers whose own addresses are seen, Services left out, upstreams left out.
fn backends<'a>(facts: &'a Facts<'_>) -> Vec<&'a Server> {
    let (services, upstreams) = (facts.services(), facts.upstreams());
    facts
        .aggregate
        .counting
        .servers
        .iter()
        .filter(|s| !holds(&services, s.address))
        .filter(|s| !holds(&upstreams, s.address))
        .filter(|s| !nodelocaldns_down::explains(facts, s.address))
        .collect()
}

/// Other backends that are heard of while one is silent.
fn peers_of(all: &[&Server], backend: &Server, outage: &Outage) -> Vec<Address> {
    let peers = all
        .iter()
        .filter(|peer| peer.address != backend.address && peer.answered >= FEW)
        // Not to the very end: questions are sent again for a while when nothing new is asked.
        .filter(|peer| outage.spares(&peer.heard));
    sorted(peers.map(|peer| peer.address))
}

/// A backend whose questions are seen and not answered for a time.
fn seen_going(facts: &Facts<'_>) -> Option<Gone> {
    let all = backends(facts);
    let clients = by_client(facts.client_pairs());
    // With slow or silent upstreams a server is late for what it forwards, and no hang.
    let hangs =
        !upstream_unreachable::CAUSE.detected(facts) && !upstream_slow::CAUSE.detected(facts);
    let refused = facts.aggregate.counting.pairs.iter().filter(|pair| pair.refused() > 0);
    let reporters = sorted(refused.map(|pair| pair.rare().reporter));
    let mut everywhere = Noise::default();
    for one in all.iter().map(|server| noise(server)) {
        everywhere.sent += one.sent;
        everywhere.hurt += one.hurt;
    }
    let silent: Vec<(&Server, Vec<Outage>)> = all
        .iter()
        .filter(|server| server.unanswered + server.rescued >= FEW)
        .filter(|server| server.answered >= FEW || never_answers(facts, server))
        .filter(|server| not_refused(facts, &reporters, server.address))
        .map(|server| {
            let mut outages = outages_of(server, everywhere, hangs);
            outages.retain(|outage| lost_in(facts, &clients, outage).1 >= FEW);
            if !outages.is_empty() && is_of_one_client(facts, server.address) {
                outages.clear();
            }
            (*server, outages)
        })
        .filter(|(_, outages)| !outages.is_empty())
        .collect();
    let gone = silent.iter().filter_map(|(server, outages)| {
        let (mut peers, mut kept) = (Vec::new(), Vec::new());
        for outage in outages {
            let spared = peers_of(&all, server, outage);
            if !spared.is_empty() {
                peers.extend(spared);
                kept.push(outage.clone());
            }
        }
        let peers = sorted(peers.into_iter());
        (!kept.is_empty()).then(|| Gone {
            backends: vec![server.address],
            outages: kept,
            peers,
            unreachable: 0,
        })
    });
    let lost = |gone: &Gone| gone.outages.iter().map(|o| o.lapse.lost).sum::<u64>();
    gone.max_by_key(|gone| (lost(gone), gone.backends.clone()))
        .or_else(|| everyone(facts, &clients, &all, &silent))
}

/// Whether one client alone asks it, and asks nobody else: then it may as well be the client that is cut off.
pub(in super::super) fn is_of_one_client(facts: &Facts<'_>, server: Address) -> bool {
    let mut askers = facts.client_pairs_to(server);
    let Some(only) = askers.next() else { return false };
    let asks_others = || facts.pairs_of(only.client).any(|pair| pair.server != server);
    askers.next().is_none() && !asks_others()
}

/// Whether a backend that nobody asks but by the Service's address answers nobody, although at least
/// two clients who were sent there get answers elsewhere: it was gone before the capture began.
fn never_answers(facts: &Facts<'_>, server: &Server) -> bool {
    let losses = server.losses;
    let answered_elsewhere = |pair: &&Pair| {
        pair.translated > 0
            && pair.lost_beyond > 0
            && pair.heard.any_inside(losses.first, losses.last)
    };
    let behind = facts.pairs_to(server.address).next().is_none();
    server.answered == 0
        && behind
        && facts.client_pairs().filter(answered_elsewhere).take(2).count() == 2
}

/// What a server loses of what it is asked, outages left out.
fn noise(server: &Server) -> Noise {
    let in_a_row = server.lapses.iter().filter(|lapse| lapse.alone >= FEW);
    let outages = in_a_row.map(Lapse::hurt).sum();
    let hurt = (server.unanswered + server.rescued).saturating_sub(outages);
    Noise { sent: server.asked, hurt }
}

/// The times in which a server was silent, given the noise of all.
fn outages_of(server: &Server, all: Noise, hangs: bool) -> Vec<Outage> {
    let own = noise(server);
    let elsewhere = Noise { sent: all.sent - own.sent, hurt: all.hurt - own.hurt };
    let losses = Noise { sent: server.asked, hurt: server.unanswered + server.rescued };
    let mut row = Union::default();
    row.add(&server.heard, &server.lapses, losses);
    let outages = row.outages(elsewhere).into_iter();
    outages
        // A process that hangs answers in the end what its socket kept, or what was asked again.
        .filter(|outage| outage.lapse.lost + if hangs { outage.lapse.rescued } else { 0 } >= FEW)
        .filter(|outage| outage.lapse.losses.last.since(outage.lapse.losses.first) >= LASTING)
        .collect()
}

/// All backends at once: the only one, at its own side, or the whole Service. Then several clients
/// have to lose by it; one alone may be the one that is blocked.
fn everyone(
    facts: &Facts<'_>,
    clients: &[Sum<'_>],
    all: &[&Server],
    silent: &[(&Server, Vec<Outage>)],
) -> Option<Gone> {
    let (_, outages) = silent
        .iter()
        .max_by_key(|(_, outages)| outages.iter().map(|outage| outage.lapse.lost).sum::<u64>())?;
    let outages: Vec<Outage> = outages
        .iter()
        .filter(|outage| !all.iter().any(|server| outage.spares(&server.heard)))
        .filter(|outage| lost_in(facts, clients, outage).0 > 1)
        .cloned()
        .collect();
    let backends = sorted(silent.iter().map(|(server, _)| server.address));
    (!outages.is_empty()).then(|| Gone { backends, outages, peers: Vec::new(), unreachable: 0 })
}

/// How many clients lose something in an outage, and how much: those left out who are cut off for
/// longer, so that whatever they ask of whomever is lost.
fn lost_in(facts: &Facts<'_>, clients: &[Sum<'_>], outage: &Outage) -> (usize, u64) {
    let Period { first, last } = outage.lapse.losses;
    let cut_off = |client: Address| {
        let own = clients.binary_search_by_key(&client, |sum| sum.address).ok();
        let own = own.into_iter().flat_map(|at| &clients[at].outages);
        let mut own = own.map(|outage| outage.lapse.losses);
        own.any(|own| {
            own.first.plus(AROUND) < first && own.last > first
                || own.last > last.plus(AROUND) && own.first < last
        })
    };
    let during = |lapse: &&Lapse| lapse.losses.overlaps(outage.lapse.losses);
    let mut losers: Vec<(Address, u64)> = Vec::new();
    for pair in facts.client_pairs().filter(|pair| !cut_off(pair.client)) {
        let lost = pair.lapses.iter().filter(during).map(|l| l.lost + l.rescued).sum();
        if lost > 0 {
            losers.push((pair.client, lost));
        }
    }
    let lost = losers.iter().map(|(_, lost)| lost).sum();
    (sorted(losers.into_iter().map(|(client, _)| client)).len(), lost)
}

/// A backend that answers nobody while questions to its Service are lost on this node.
fn vanished_behind_service(facts: &Facts<'_>) -> Option<Gone> {
    let all = backends(facts);
    let crowd =
        Crowd::of(&facts.aggregate.counting.timeline, |bin| bin.unanswered, |bin| bin.asked)?;
    let services = by_server(facts.client_pairs().filter(|pair| pair.translated > 0));
    services.iter().find_map(|service| {
        let beyond: u64 = service.pairs.iter().map(|pair| pair.lost_beyond).sum();
        let crowded = crowd.count as f64 >= CROWDED * service.silent as f64;
        let losses = if crowded { crowd.period } else { service.losses };
        let lasting = losses.any() && losses.last.since(losses.first) >= LASTING;
        if service.silent < FEW || beyond > 0 || !lasting || !of_several(service, losses) {
            return None;
        }
        all.iter().filter(|server| server.answered >= FEW && server.unanswered == 0).find_map(
            |server| {
                let frames = service.lost_frames();
                let outage = pause(facts, server, losses, service.silent, frames)?;
                let peers = peers_of(&all, server, &outage);
                let (backends, outages) = (vec![server.address], vec![outage]);
                let gone = Gone { backends, outages, peers, unreachable: 0 };
                (!gone.peers.is_empty()).then_some(gone)
            },
        )
    })
}

/// Whether more than one client loses something, or the one that does is answered in between: else it may
/// be the client that is cut off.
fn of_several(service: &Sum<'_>, losses: Period) -> bool {
    let during = |lapse: &Lapse| lapse.lost > 0 && lapse.losses.overlaps(losses);
    let losing = service.pairs.iter().filter(|pair| pair.lapses.iter().any(during));
    let losing: Vec<&&Pair> = losing.collect();
    losing.len() > 1 || losing.iter().any(|pair| pair.heard.any_inside(losses.first, losses.last))
}

/// The pause of a backend around these losses, if it would have answered in it.
fn pause(
    facts: &Facts<'_>,
    server: &Server,
    losses: Period,
    lost: u64,
    frames: impl Iterator<Item = u64>,
) -> Option<Outage> {
    let from = losses.first.plus(LASTING);
    if from < losses.last && server.heard.any_inside(from, losses.last) {
        return None;
    }
    let stopped = server.heard.last_until(from)?;
    let resumed = server.heard.first_from(losses.last).filter(|&resumed| resumed > stopped);
    // At the end of a capture there may be a time in which nobody asks.
    let asked_until = facts.client_pairs().map(|pair| pair.asked.last).max();
    let end = resumed.or(asked_until).unwrap_or(stopped);
    let pause = end.since(stopped).as_secs_f64();
    let pace = server.answered as f64 / (facts.length().as_secs_f64() - pause).max(1.0);
    if pace * pause < MISSED {
        return None;
    }
    let mut lapse = Lapse { losses, lost, ..Lapse::default() };
    frames.for_each(|frame| lapse.frames.note(frame));
    Some(Outage { lapse, stopped: Some(stopped), resumed })
}

/// Whether nobody was refused by this server, nor in its name.
fn not_refused(facts: &Facts<'_>, reporters: &[Address], server: Address) -> bool {
    !holds(reporters, server) && !facts.pairs_to(server).any(|pair| pair.refused() > 0)
}
