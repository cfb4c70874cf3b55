//! Names of the cluster that were answered from outside: NXDOMAIN of a resolver that recurses, where the
//! cluster's own zone would have spoken with authority.

use crate::aggregate::marks::{Frames, Period};
use crate::classify::Suffixes;
use crate::decode::message::read_name;
use crate::matcher::{Sighting, Transaction};
use crate::model::{Address, FOLD_LIMIT, Message, Name, fold_into, labels};

/// Clients and servers told apart: more pods of one node on the host network there are not. 100 kB.
const MAX_STRAYS: usize = 256;

/// Names kept of each.
const MAX_NAMES: usize = 4;

/// What one client asked one server, and should have asked the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stray {
    /// Who asked.
    pub client: Address,
    /// Who answered, before any NAT.
    pub server: Address,
    /// Questions.
    pub count: u64,
    /// Of these, answers whose SOA names a zone outside. The others bear none, or were cut before it.
    pub soa_outside: u64,
    /// Other names that look like the cluster's and were answered from outside: steps of a node's
    /// search list.
    pub beside: u64,
    /// The first few names.
    pub names: Vec<Name>,
    /// Frames of the responses.
    pub frames: Frames,
    /// When they came.
    pub period: Period,
}

/// All of them, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Strays {
    rows: Vec<Stray>,
    /// Answers that found no room.
    pub overflowed: u64,
}

impl Strays {
    /// Whether an answer may be one: AA is unset and RA is set.
    pub(super) fn may_be(message: &Message) -> bool {
        message.flags.recursion_available() && !message.flags.authoritative()
    }

    /// Notes an NXDOMAIN for a name that looks like the cluster's.
    pub(super) fn note(
        &mut self,
        transaction: &Transaction,
        response: &Sighting<'_>,
        suffixes: &Suffixes,
    ) {
        let mut buffer = [0; FOLD_LIMIT];
        let name = fold_into(response.qname(), &mut buffer);
        let (client, server) = (transaction.client.address, transaction.server.address);
        let known = self.rows.iter().position(|row| row.client == client && row.server == server);
        let Some(zone) = zone_of(name, suffixes) else {
            if let Some(at) = known {
                self.rows[at].beside += 1;
            }
            return;
        };
        let soa = soa_owner(response);
        if soa.as_ref().is_some_and(|owner| is_within(&owner.0, zone)) {
            // A cache in between relays what the cluster's own zone says.
            return;
        }
        let at = known.unwrap_or(self.rows.len());
        if at == MAX_STRAYS {
            self.overflowed += 1;
            return;
        }
        if known.is_none() {
            self.rows.push(Stray { client, server, ..Stray::default() });
        }
        let row = &mut self.rows[at];
        row.count += 1;
        row.soa_outside += u64::from(soa.is_some());
        row.frames.note(response.packet.frame);
        row.period.note(response.packet.time);
        if row.names.len() < MAX_NAMES && row.names.iter().all(|known| *known.0 != *name) {
            row.names.push(Name(name.into()));
        }
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &Stray> {
        self.rows.iter()
    }
}

/// The cluster's zone that a name lies in: `cluster.local`, or what stands behind `svc` where both it
/// and `svc` with it are search suffixes. `db.shop.svc.cluster.local.us-west-2.compute.internal` is a
/// step of a node's search list and no name of the cluster's.
fn zone_of<'n>(name: &'n [u8], suffixes: &Suffixes) -> Option<&'n [u8]> {
    const USUAL: &[u8] = b"\x07cluster\x05local\x00";
    if is_within(name, USUAL) {
        return Some(&name[name.len() - USUAL.len()..]);
    }
    let mut at = 0;
    for label in labels(name) {
        let (start, end) = (at, at + 1 + label.len());
        at = end;
        let zone = &name[end..];
        if label == b"svc" && start > 0 && suffixes.knows(&name[start..]) && suffixes.knows(zone) {
            return Some(zone);
        }
    }
    None
}

/// Whether a name is `zone` or lies below it.
fn is_within(name: &[u8], zone: &[u8]) -> bool {
    let mut at = 0;
    name == zone
        || labels(name).any(|label| {
            at += 1 + label.len();
            &name[at..] == zone
        })
}

fn soa_owner(response: &Sighting<'_>) -> Option<Name> {
    let mut buffer = [0; FOLD_LIMIT];
    let at = usize::from(response.message.soa_owner);
    let owner = (at > 0).then(|| read_name(response.bytes, at, &mut buffer)).flatten()?;
    Some(Name(owner.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str, known: &[&str]) -> Option<String> {
        let mut suffixes = Suffixes::default();
        for suffix in known {
            suffixes.note(&Name::from_text(suffix).0, 1);
        }
        let name = Name::from_text(name).0;
        zone_of(&name, &suffixes).map(crate::model::display_name)
    }

    #[test]
    fn the_cluster_zone_is_known_or_learnt() {
        assert_eq!(zone("db.shop.svc.cluster.local", &[]).as_deref(), Some("cluster.local"));
        assert_eq!(zone("www.example.com.cluster.local", &[]).as_deref(), Some("cluster.local"));
        let own = ["shop.svc.k8s.corp", "svc.k8s.corp", "k8s.corp"];
        assert_eq!(zone("db.shop.svc.k8s.corp", &own).as_deref(), Some("k8s.corp"));
        assert_eq!(zone("db.shop.svc.k8s.corp", &[]), None);
    }

    #[test]
    fn steps_of_a_nodes_search_list_are_outside() {
        let known = ["us-west-2.compute.internal", "svc.cluster.local", "cluster.local"];
        assert_eq!(zone("db.shop.svc.cluster.local.us-west-2.compute.internal", &known), None);
        assert_eq!(zone("db.shop.svc.us-west-2.compute.internal", &known), None);
        assert_eq!(zone("notcluster.local", &known), None);
    }
}
