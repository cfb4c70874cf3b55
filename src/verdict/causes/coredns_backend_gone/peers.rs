//! Other backends that are heard of while one is silent.

use crate::aggregate::{Lapse, Period, Server};
use crate::model::Address;
use crate::verdict::FEW;
use crate::verdict::addresses::sorted;
use crate::verdict::outage::Outage;
use crate::verdict::seconds::Seconds;

/// Backends that answer.
pub(super) struct Peers<'a> {
    answering: Vec<&'a Server>,
    /// Who was heard in an outage, two of them, as one may be the silent one: [`Outage::spares`] goes by its seconds,
    /// whether it is short, and whether nothing was heard afterwards.
    two: Seconds<(bool, bool), Vec<Address>>,
}

impl<'a> Peers<'a> {
    /// Those of these backends.
    pub(super) fn among(all: &[&'a Server]) -> Peers<'a> {
        let answering = all.iter().copied().filter(|server| server.answered >= FEW);
        Peers { answering: answering.collect(), two: Seconds::default() }
    }

    /// Whether any but this one are heard of in an outage.
    pub(super) fn any(&self, backend: Address, outage: &Outage) -> bool {
        let kind = (outage.lapse.is_short(), outage.resumed.is_none());
        let two = self.two.of(kind, outage.lapse.losses, || self.heard(outage).take(2).collect());
        two.iter().any(|&peer| peer != backend)
    }

    /// Those that are heard of in any of these outages of a backend.
    pub(super) fn of(&self, backend: Address, outages: &[Outage]) -> Vec<Address> {
        let peers = outages.iter().flat_map(|outage| self.heard(outage));
        sorted(peers.filter(|&peer| peer != backend))
    }

    fn heard(&self, outage: &Outage) -> impl Iterator<Item = Address> {
        // Not to the very end: questions are sent again for a while when nothing new is asked.
        let heard = self.answering.iter().filter(|peer| outage.spares(&peer.heard));
        heard.filter(|peer| !is_hit(peer, outage)).map(|peer| peer.address)
    }
}

/// Whether it may be silent in a short outage as well, in whose seconds it is heard all the same: it loses something
/// in them, too.
fn is_hit(peer: &Server, outage: &Outage) -> bool {
    let Period { first, last } = outage.lapse.losses;
    let (first, last) = (first.seconds(), last.seconds());
    let in_them = |lapse: &Lapse| {
        lapse.losses.first.seconds() <= last && lapse.losses.last.seconds() >= first
    };
    outage.lapse.is_short() && peer.lapses.iter().any(in_them)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn at(second: i64, nanos: i64) -> Timestamp {
        Timestamp(second * 1_000_000_000 + nanos)
    }

    /// A silence from one second to another.
    fn outage(from: i64, to: i64, nanos: i64) -> Outage {
        let losses = Period { first: at(from, nanos), last: at(to, nanos) };
        let resumed = Some(at(to + 1, 0));
        Outage { lapse: Lapse { losses, ..Lapse::default() }, stopped: None, resumed }
    }

    /// A server with so many answers that was heard in this second.
    fn server(host: u8, answered: u64, second: i64) -> Server {
        let mut server = Server::default();
        (server.address, server.answered) = (Address::from_v4([10, 0, 0, host]), answered);
        server.heard.note(at(second, 0));
        server
    }

    #[test]
    fn peers_are_others_that_were_heard_in_that_very_time() {
        let heard = [(1, 12), (2, 14), (3, 30)];
        let servers = heard.map(|(host, second)| server(host, FEW, second));
        let [first, second, third] = [0, 1, 2].map(|at| servers[at].address);
        let peers = Peers::among(&servers.iter().collect::<Vec<_>>());
        // The same seconds again are no other ones.
        for nanos in [5, 500] {
            assert_eq!(peers.of(third, &[outage(10, 20, nanos)]), [first, second]);
            assert_eq!(peers.of(first, &[outage(10, 20, nanos)]), [second]);
            assert_eq!(peers.of(third, &[outage(13, 20, nanos)]), [second]);
            // Within a second or two, the seconds of its borders count as well.
            assert_eq!(peers.of(third, &[outage(14, 15, nanos)]), [second]);
            assert!(!peers.any(second, &outage(13, 20, nanos)));
        }
        let mut open = outage(13, 20, 5);
        open.resumed = None;
        assert_eq!(peers.of(first, &[open]), [second, third]);
    }

    /// The path to both is down for a second: each is heard in its first moments, and loses something as well.
    #[test]
    fn who_loses_something_in_a_short_outage_is_no_peer() {
        let mut peer = server(2, FEW, 14);
        let silent = Address::from_v4([10, 0, 0, 9]);
        let is_peer = |peer: &Server, outage| Peers::among(&[peer]).any(silent, &outage);
        let (short, long) = (outage(14, 15, 5), outage(13, 17, 5));
        assert!(is_peer(&peer, short.clone()) && is_peer(&peer, long.clone()));
        let losses = Period { first: at(15, 900), last: at(15, 900) };
        peer.lapses.add(Lapse { losses, lost: 1, ..Lapse::default() }, &peer.heard);
        assert!(!is_peer(&peer, short) && is_peer(&peer, long));
        assert!(is_peer(&peer, outage(13, 14, 5)));
    }

    #[test]
    fn who_answers_nobody_is_no_peer() {
        let quiet = server(1, FEW - 1, 12);
        let peers = Peers::among(&[&quiet]);
        assert!(!peers.any(Address::from_v4([10, 0, 0, 9]), &outage(10, 20, 5)));
    }
}
