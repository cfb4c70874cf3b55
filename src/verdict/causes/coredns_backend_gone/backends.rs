//! Which backend went, when, and whether it came back.

use std::rc::Rc;

use super::super::{
    coredns_overload, dns_forwarding_loop, nodelocaldns_down, stale_conntrack_udp, upstream_slow,
    upstream_unreachable,
};
use super::peers::Peers;
use super::unreachable::unreachable;
use crate::aggregate::{Lapse, Pair, Period, Server};
use crate::model::{Address, Span, Timestamp};
use crate::verdict::addresses::{holds, sorted};
use crate::verdict::crowd::Crowd;
use crate::verdict::outage::{Noise, Outage, Union};
use crate::verdict::seconds::Seconds;
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
pub(in super::super) fn gone(facts: &Facts<'_>) -> Option<Rc<Gone>> {
    facts.detected.whole(|| look(facts).map(Rc::new))
}

fn look(facts: &Facts<'_>) -> Option<Gone> {
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

/// A backend whose questions are seen and not answered for a time.
fn seen_going(facts: &Facts<'_>) -> Option<Gone> {
    let all = backends(facts);
    let clients = by_client(facts.client_pairs());
    // With slow or silent upstreams a server is late for what it forwards, and no hang.
    let hangs =
        !upstream_unreachable::CAUSE.detected(facts) && !upstream_slow::CAUSE.detected(facts);
    let refused = facts.aggregate.counting.pairs.iter().filter(|pair| pair.refused() > 0);
    let reporters = sorted(refused.map(|pair| pair.rare().reporter));
    let sent_on = facts.client_pairs().filter(|pair| pair.translated > 0 && pair.lost_beyond > 0);
    let elsewhere = Elsewhere { pairs: sent_on.collect(), several: Seconds::default() };
    let mut everywhere = Noise::default();
    for server in &all {
        everywhere.join(noise(server));
    }
    let silent: Vec<(&Server, Vec<Outage>)> = all
        .iter()
        .filter(|server| server.unanswered + server.rescued >= FEW)
        .filter(|server| server.answered >= FEW || never_answers(facts, &elsewhere, server))
        .filter(|server| not_refused(facts, &reporters, server.address))
        .filter(|server| !is_of_one_client(facts, server.address))
        .map(|server| {
            let mut outages = outages_of(server, everywhere, hangs);
            outages.retain(|outage| costs_enough(&clients, outage));
            (*server, outages)
        })
        .filter(|(_, outages)| !outages.is_empty())
        .collect();
    let peers = Peers::among(&all);
    let alone = silent.iter().filter_map(|(server, outages)| {
        let spares_others = |outage: &&Outage| peers.any(server.address, outage);
        let outages: Vec<Outage> = outages.iter().filter(spares_others).cloned().collect();
        (!outages.is_empty()).then_some((server.address, outages))
    });
    let lost = |outages: &[Outage]| outages.iter().map(|o| o.lapse.lost).sum::<u64>();
    let worst = alone.max_by_key(|(backend, outages)| (lost(outages), *backend));
    worst
        .map(|(backend, outages)| Gone {
            peers: peers.of(backend, &outages),
            backends: vec![backend],
            outages,
            unreachable: 0,
        })
        .or_else(|| everyone(&clients, &all, &silent))
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
fn never_answers(facts: &Facts<'_>, elsewhere: &Elsewhere<'_>, server: &Server) -> bool {
    server.answered == 0
        && facts.pairs_to(server.address).next().is_none()
        && elsewhere.several(server.losses)
}

/// Clients who are sent to somebody who does not answer.
struct Elsewhere<'a> {
    pairs: Vec<&'a Pair>,
    /// Whether at least two of them are answered in a time, by whomever.
    several: Seconds<(), bool>,
}

impl Elsewhere<'_> {
    fn several(&self, losses: Period) -> bool {
        let answered = |pair: &&&Pair| pair.heard.any_inside(losses.first, losses.last);
        let look = || self.pairs.iter().filter(answered).take(2).count() == 2;
        self.several.of((), losses, look)
    }
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
        .filter(|outage| costs_several(clients, outage))
        .cloned()
        .collect();
    let backends = sorted(silent.iter().map(|(server, _)| server.address));
    (!outages.is_empty()).then(|| Gone { backends, outages, peers: Vec::new(), unreachable: 0 })
}

/// What clients lose in an outage, one after the other: those left out who are cut off for longer, so that whatever
/// they ask of whomever is lost.
fn losses<'s>(
    clients: &'s [Sum<'_>],
    outage: &Outage,
) -> impl Iterator<Item = (Address, u64)> + use<'s> {
    let of_all = outage.lapse.losses;
    let Period { first, last } = of_all;
    let is_longer = move |own: Period| {
        own.first.plus(AROUND) < first && own.last > first
            || own.last > last.plus(AROUND) && own.first < last
    };
    let cut_off =
        move |client: &Sum<'_>| client.outages.iter().any(|own| is_longer(own.lapse.losses));
    let lapses = |client: &'s Sum<'_>| {
        let lapses = client.pairs.iter().flat_map(|pair| pair.lapses.iter());
        lapses.map(|lapse| (client.address, lapse))
    };
    clients
        .iter()
        .filter(move |client| !cut_off(client))
        .flat_map(lapses)
        .filter(move |(_, lapse)| lapse.losses.overlaps(of_all))
        .map(|(client, lapse)| (client, lapse.lost + lapse.rescued))
        .filter(|&(_, lost)| lost > 0)
}

/// Whether enough is lost in an outage.
fn costs_enough(clients: &[Sum<'_>], outage: &Outage) -> bool {
    let mut lost = 0;
    losses(clients, outage).any(|(_, more)| {
        lost += more;
        lost >= FEW
    })
}

/// Whether an outage costs more than one client something.
fn costs_several(clients: &[Sum<'_>], outage: &Outage) -> bool {
    let mut losers = losses(clients, outage).map(|(client, _)| client);
    let first = losers.next();
    losers.any(|client| Some(client) != first)
}

/// A backend that answers nobody while questions to its Service are lost on this node.
fn vanished_behind_service(facts: &Facts<'_>) -> Option<Gone> {
    let all = backends(facts);
    let crowd =
        Crowd::of(&facts.aggregate.counting.timeline, |bin| bin.unanswered, |bin| bin.asked)?;
    let services = by_server(facts.client_pairs().filter(|pair| pair.translated > 0));
    let peers = Peers::among(&all);
    // At the end of a capture there may be a time in which nobody asks.
    let asked_until = facts.client_pairs().map(|pair| pair.asked.last).max()?;
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
                let outage = pause(facts, server, service, losses, asked_until)?;
                let (backends, outages) = (vec![server.address], vec![outage]);
                let peers = peers.of(server.address, &outages);
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

/// The pause of a backend around these losses of a Service, if it would have answered in it.
fn pause(
    facts: &Facts<'_>,
    server: &Server,
    service: &Sum<'_>,
    losses: Period,
    asked_until: Timestamp,
) -> Option<Outage> {
    let from = losses.first.plus(LASTING);
    if from < losses.last && server.heard.any_inside(from, losses.last) {
        return None;
    }
    let stopped = server.heard.last_until(from)?;
    let resumed = server.heard.first_from(losses.last).filter(|&resumed| resumed > stopped);
    let end = resumed.unwrap_or(asked_until);
    let pause = end.since(stopped).as_secs_f64();
    let pace = server.answered as f64 / (facts.length().as_secs_f64() - pause).max(1.0);
    if pace * pause < MISSED {
        return None;
    }
    let mut lapse = Lapse { losses, lost: service.silent, ..Lapse::default() };
    service.lost_frames().for_each(|frame| lapse.frames.note(frame));
    Some(Outage { lapse, stopped: Some(stopped), resumed })
}

/// Whether nobody was refused by this server, nor in its name.
fn not_refused(facts: &Facts<'_>, reporters: &[Address], server: Address) -> bool {
    !holds(reporters, server) && !facts.pairs_to(server).any(|pair| pair.refused() > 0)
}
