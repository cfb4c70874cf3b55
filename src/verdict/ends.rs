//! Pairs by their ends. Causes ask for each pair what its client got elsewhere, or what others got of its server:
//! without an index an attack of 32,768 pairs is a thousand million questions.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;

use super::facts::Facts;
use super::seconds::Seconds;
use super::times::Times;
use crate::aggregate::{Activity, FailingName, Lapse, Pair};
use crate::model::Address;

/// All pairs, by client and by server; those of one in their first order.
pub struct Ends<'a> {
    clients: Vec<(Address, &'a Pair)>,
    servers: Vec<(Address, &'a Pair)>,
    /// What is known of when each server answered, whomever.
    heard: RefCell<BTreeMap<Address, Rc<Activity>>>,
    /// What is known of when each server answered fresh ports: [`Rare::fresh`](crate::aggregate::Rare::fresh).
    fresh: RefCell<BTreeMap<Address, Rc<Activity>>>,
    /// Whom each server answered during a lapse, two of them, as one may be who lost: [`Lapse::spares`] goes by its
    /// seconds, and whether it is short.
    answered: Seconds<(Address, bool), Vec<Address>>,
    /// When clients had answers from servers that answer names of the cluster.
    served: OnceCell<Times>,
}

impl<'a> Ends<'a> {
    /// Sorts these pairs.
    pub fn of(pairs: impl Iterator<Item = &'a Pair>) -> Ends<'a> {
        let mut clients: Vec<_> = pairs.map(|pair| (pair.client, pair)).collect();
        let mut servers: Vec<_> = clients.iter().map(|&(_, pair)| (pair.server, pair)).collect();
        clients.sort_by_key(|&(address, _)| address);
        servers.sort_by_key(|&(address, _)| address);
        Ends {
            clients,
            servers,
            heard: RefCell::default(),
            fresh: RefCell::default(),
            answered: Seconds::default(),
            served: OnceCell::new(),
        }
    }
}

/// Who asks whom.
pub struct Between(Vec<(Address, Address)>);

impl Between {
    /// The ends of these pairs.
    pub fn of(pairs: &[&Pair]) -> Between {
        Between::sorted(pairs.iter().map(|pair| (pair.client, pair.server)))
    }

    /// The ends of the pairs that asked for these names.
    pub fn asking(rows: &[&FailingName]) -> Between {
        Between::sorted(rows.iter().map(|row| (row.client, row.server)))
    }

    fn sorted(ends: impl Iterator<Item = (Address, Address)>) -> Between {
        let mut ends: Vec<_> = ends.collect();
        ends.sort_unstable();
        Between(ends)
    }

    /// Whether this pair is one of them.
    pub fn has(&self, pair: &Pair) -> bool {
        self.0.binary_search(&(pair.client, pair.server)).is_ok()
    }

    /// Whether a name was asked by one of their clients of its server.
    pub fn asked(&self, row: &FailingName) -> bool {
        self.0.binary_search(&(row.client, row.server)).is_ok()
    }
}

/// Those of `address`.
fn range<'p>(
    sorted: &'p [(Address, &'p Pair)],
    address: Address,
) -> impl Iterator<Item = &'p Pair> {
    let start = sorted.partition_point(|&(other, _)| other < address);
    sorted[start..].iter().take_while(move |(other, _)| *other == address).map(|&(_, pair)| pair)
}

impl Facts<'_> {
    /// The pairs of this client.
    pub fn pairs_of(&self, client: Address) -> impl Iterator<Item = &Pair> {
        range(&self.ends.clients, client)
    }

    /// The pairs of this server.
    pub fn pairs_to(&self, server: Address) -> impl Iterator<Item = &Pair> {
        range(&self.ends.servers, server)
    }

    /// Those of a server whose clients ask for themselves.
    pub fn client_pairs_to(&self, server: Address) -> impl Iterator<Item = &Pair> {
        self.pairs_to(server).filter(|pair| self.asks_for_itself(pair))
    }

    /// In which seconds anybody who asked this server was answered: added up once a server.
    pub fn heard_from(&self, server: Address) -> Rc<Activity> {
        self.joined(&self.ends.heard, server, |pair| &pair.heard)
    }

    /// The same of those who asked from fresh ports while anybody but the server refused questions. A few answers to
    /// who is refused all the time were for ports that had been in use, longer ago than is remembered.
    pub fn heard_anew_from(&self, server: Address) -> Rc<Activity> {
        /// Of the refusals.
        const FEW_PART: f64 = 0.05;
        static NEVER: LazyLock<Activity> = LazyLock::new(Activity::default);
        self.joined(&self.ends.fresh, server, |pair| {
            let rare = pair.rare();
            let few = rare.fresh_answers as f64 <= FEW_PART * rare.rejected as f64;
            if few { &NEVER } else { &rare.fresh }
        })
    }

    fn joined(
        &self,
        known: &RefCell<BTreeMap<Address, Rc<Activity>>>,
        server: Address,
        part: impl Fn(&Pair) -> &Activity,
    ) -> Rc<Activity> {
        let found = known.borrow().get(&server).cloned();
        found.unwrap_or_else(|| {
            let mut all = Activity::default();
            self.pairs_to(server).for_each(|pair| all.join(part(pair)));
            let all = Rc::new(all);
            known.borrow_mut().insert(server, Rc::clone(&all));
            all
        })
    }

    /// Whether a pair's server answered other clients during a lapse of it.
    pub fn answered_others(&self, pair: &Pair, lapse: &Lapse) -> bool {
        let key = (pair.server, lapse.is_short());
        let two = self.ends.answered.of(key, lapse.losses, || {
            let heard = self.pairs_to(pair.server).filter(|other| lapse.spares(&other.heard));
            heard.map(|other| other.client).take(2).collect()
        });
        two.iter().any(|&client| client != pair.client)
    }

    /// When clients had answers from servers that answer names of the cluster.
    pub fn served(&self) -> &Times {
        self.ends.served.get_or_init(|| {
            let serving = self.client_pairs().filter(|pair| pair.cluster().answered > 0);
            Times::of(serving.map(|pair| pair.answers))
        })
    }

    /// Whether a forwarder asks this server.
    pub fn is_upstream(&self, server: Address) -> bool {
        self.pairs_to(server).any(|pair| !self.asks_for_itself(pair))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_by_either_end_in_their_order() {
        let address = |last: u8| Address::from(std::net::IpAddr::from([10, 0, 0, last]));
        let ends = [(3, 9), (1, 9), (3, 8), (2, 9), (3, 7)];
        let pairs = ends.map(|(client, server)| {
            let (client, server) = (address(client), address(server));
            let mut pair = Pair::default();
            (pair.client, pair.server) = (client, server);
            pair
        });
        let found = Ends::of(pairs.iter());
        let list = |pairs: &mut dyn Iterator<Item = &Pair>, other: fn(&Pair) -> Address| {
            pairs.map(other).collect::<Vec<_>>()
        };
        let servers = |n| list(&mut range(&found.clients, address(n)), |pair| pair.server);
        let clients = |n| list(&mut range(&found.servers, address(n)), |pair| pair.client);
        assert_eq!(servers(3), [9, 8, 7].map(address));
        assert_eq!(servers(1), [address(9)]);
        assert_eq!(clients(9), [3, 1, 2].map(address));
        assert!(servers(4).is_empty() && clients(1).is_empty());
    }
}
