//! A backend whose network is gone as well: its node, or a router, says that the host is not there.

use super::super::firewall_reject::kind_words;
use super::CAUSE;
use super::backends::Gone;
use crate::aggregate::{Lapse, Pair, Period, Server};
use crate::decode::IcmpKind;
use crate::model::{Address, Span};
use crate::verdict::addresses::{clients, holds, servers, sorted};
use crate::verdict::outage::Outage;
use crate::verdict::seconds::Seconds;
use crate::verdict::{Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// Linux says "host unreachable" when the neighbour has not answered ARP for three seconds; what was
/// asked meanwhile is refused then.
const ARP: Span = Span::from_secs(3);

/// The pairs whose refusals are about a host that is gone: "host" or "net unreachable" for a part of
/// what a client asks, while other backends of the Service answer the same client: a rule does not
/// let the same client through to one backend and not to the other. Or for all that anybody asks of a
/// backend that answered before.
pub(in super::super) fn pairs<'a>(facts: &'a Facts<'_>) -> Vec<&'a Pair> {
    let answering = Answering::default();
    let gone = |pair: &&Pair| {
        let kinds = [Some(IcmpKind::HostUnreachable), Some(IcmpKind::NetUnreachable)];
        let told = pair.rare().rejected > 0 && kinds.contains(&pair.rare().reject_kind);
        told && (others_answer(facts, pair, &answering) || nobody_is_answered(facts, pair))
    };
    facts.client_pairs().filter(gone).collect()
}

/// Whether a backend that is asked by its own address answered before, and now answers nobody. Seen
/// with one client only, a rule against that client looks the same.
fn nobody_is_answered(facts: &Facts<'_>, pair: &Pair) -> bool {
    let Period { first, last } = pair.rare().refusals;
    let Some(server) = facts.aggregate.counting.server(pair.server) else { return false };
    let before = server.heard.last_until(first).is_some();
    let told = |other: &&Pair| other.rare().rejected > 0;
    let several = facts.client_pairs_to(pair.server).filter(told).take(2).count() == 2;
    pair.translated == 0 && several && before && !server.heard.any_inside(first, last.plus(ARP))
}

/// Backends that answer a client in a time: two of them, as one may be the one that is asked about.
type Answering = Seconds<Address, Vec<Address>>;

/// Whether the client of a refused pair is answered in the same time: through the same Service, or by
/// another backend, where these are asked by their own addresses.
fn others_answer(facts: &Facts<'_>, refused: &Pair, answering: &Answering) -> bool {
    let Period { first, last } = refused.losses;
    let (from, to) = (first, last.plus(ARP));
    if refused.translated > 0 && refused.heard.any_within(from, to) || is_part_of_one(refused) {
        return true;
    }
    if !refused.answers.any() || refused.heard.any_inside(from.plus(ARP), to.plus(ARP)) {
        return false;
    }
    let is_backend =
        |address| facts.aggregate.counting.server(address).is_some_and(|s| s.answered >= FEW);
    let look = || {
        let heard = facts.pairs_of(refused.client).filter(|pair| pair.heard.any_within(from, to));
        heard.map(|pair| pair.server).filter(|&server| is_backend(server)).take(2).collect()
    };
    let backends = answering.of(refused.client, Period { first: from, last: to }, look);
    backends.iter().any(|&backend| backend != refused.server)
}

/// Whether an address answers between two refusals that say it is not there: then it stands for several hosts.
fn is_part_of_one(refused: &Pair) -> bool {
    let Period { first, last } = refused.rare().refusals;
    refused.translated == 0 && last.since(first) >= ARP && refused.heard.any_inside(first, last)
}

/// The same, where no more than the Service's address is seen.
pub(super) fn behind_service(facts: &Facts<'_>) -> Option<Finding> {
    let mut pairs = pairs(facts);
    pairs.retain(|pair| is_part_of_one(pair));
    let refused: u64 = pairs.iter().map(|pair| pair.refused()).sum();
    if refused < FEW {
        return None;
    }
    let lost: u64 = pairs.iter().map(|pair| pair.all().unanswered).sum();
    let period = Period::of(pairs.iter().map(|pair| pair.rare().refusals));
    let (losers, services) = (clients(&pairs), servers(&pairs));
    let said = format!(
        "One of the backends behind {} is gone: {} refused with {}, which comes 3 s late as a rule, while the same \
         clients are answered on other ports meanwhile.",
        filter::words(&services),
        words::counted(refused, "question"),
        kind_words(pairs[0].rare().reject_kind),
    );
    Some(
        CAUSE
            .finding(Severity::Medium, facts.capped(0.6), period)
            .about(Scope::between(&losers, &services))
            .explaining(lost)
            .saying(said)
            .shown_by(
                Evidence::new(
                    "host_unreachable",
                    refused as f64,
                    "count",
                    format!(
                        "{} refused as if there were no such host, by a router or node that asked for it in vain; \
                         the address that was asked answers in between.",
                        words::counted(refused, "question")
                    ),
                )
                .at(pairs.iter().flat_map(|pair| pair.rare().refusal_frames.iter()))
                .filter("icmp.type == 3 || icmpv6.type == 1".to_owned()),
            )
            .rather_than("firewall_reject", "a rule for a client does not depend on the port it asks from")
            .rather_than("dns_port_closed", "a closed port says \"port unreachable\", at once"),
    )
}

/// The backend that is gone, if refusals tell of one.
pub(super) fn unreachable(facts: &Facts<'_>, backends: &[&Server]) -> Option<Gone> {
    let mut pairs = pairs(facts);
    pairs.retain(|pair| !is_part_of_one(pair));
    let refused: u64 = pairs.iter().map(|pair| pair.refused()).sum();
    if refused < FEW {
        return None;
    }
    let losses = Period::of(pairs.iter().map(|pair| pair.losses));
    // Asked by its own address, or the backend that answers no more since then.
    let refusing = servers(&pairs);
    let asked = |server: &&&Server| holds(&refusing, server.address);
    let silent = |server: &&&Server| {
        server.unanswered >= FEW
            && server.answered >= FEW
            && !server.heard.any_inside(losses.first.plus(ARP), losses.last)
    };
    let server = backends.iter().find(asked).or_else(|| backends.iter().find(silent))?;
    let peers = |other: &&&Server| {
        other.address != server.address && other.heard.any_within(losses.first, losses.last)
    };
    let peers = sorted(backends.iter().filter(peers).map(|other| other.address));
    let mut lapse = Lapse { losses, lost: server.unanswered, ..Lapse::default() };
    pairs
        .iter()
        .flat_map(|pair| pair.rare().refusal_frames.iter())
        .for_each(|f| lapse.frames.note(f));
    let outage = Outage {
        lapse,
        stopped: server.heard.last_until(losses.first),
        resumed: server.heard.first_from(losses.last),
    };
    let backends: Vec<Address> = vec![server.address];
    Some(Gone { backends, outages: vec![outage], peers, unreachable: refused })
}
