//! Whether others are answered while somebody is cut off.

use crate::aggregate::{Activity, Pair, Period};
use crate::model::Address;
use crate::verdict::Facts;
use crate::verdict::outage::Outage;
use crate::verdict::seconds::Seconds;

/// What an outage spares beside its seconds: whether it is short, and whether nothing was heard afterwards; nothing for a
/// time that is none.
type Kind = Option<(bool, bool)>;

/// Whom servers answer in a time: two clients of each, as one may be the one that is cut off.
#[derive(Default)]
pub(super) struct Served {
    two: Seconds<(Address, Kind), Vec<Address>>,
}

impl Served {
    /// Whether a server answers anybody but this client while an outage lasts, or in a time.
    pub(super) fn other(
        &self,
        facts: &Facts<'_>,
        server: Address,
        client: Address,
        outage: Option<&Outage>,
        time: Period,
    ) -> bool {
        let spared = |heard: &Activity| {
            outage.map_or_else(
                || heard.any_within(time.first, time.last),
                |outage| outage.spares(heard),
            )
        };
        // One that keeps its ports is spared by what stops new flows, too.
        let fresh = |pair: &&Pair| pair.reused_answered * 2 < pair.all().answered;
        let look = || {
            if !spared(&facts.heard_from(server)) {
                return Vec::new();
            }
            let pairs = facts.pairs_to(server).filter(fresh).filter(|pair| spared(&pair.heard));
            pairs.map(|pair| pair.client).take(2).collect()
        };
        let kind = outage.map(|outage| (outage.lapse.is_short(), outage.resumed.is_none()));
        self.two.of((server, kind), time, look).iter().any(|&other| other != client)
    }
}
