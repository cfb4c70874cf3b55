//! Whether a name is the cluster's own or somebody else's.

use crate::model::labels;

/// Who answers for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// The cluster's DNS, from its own data: `cluster.local`, or any zone in which services live
    /// (`<service>.<namespace>.svc.<zone>`, Kubernetes DNS specification).
    Cluster,
    /// A resolver outside.
    External,
    /// Reverse names and the root: either may answer.
    Either,
}

impl Zone {
    /// Where the case-folded name `wire` belongs.
    pub fn of(wire: &[u8]) -> Zone {
        let mut last: [&[u8]; 2] = [b"", b""];
        let mut services = false;
        for (at, label) in labels(wire).enumerate() {
            // A search walk's `name.svc.cluster.local.us-west-2.compute.internal` is asked outside.
            services &= last != [&b"cluster"[..], b"local"];
            // `svc.cluster.local` itself and a search walk's `name.svc.cluster.local` count too.
            services |= label == b"svc" && at > 0;
            last = [last[1], label];
        }
        match last {
            [b"cluster", b"local"] => Zone::Cluster,
            [b"in-addr" | b"ip6", b"arpa"] | [_, b""] => Zone::Either,
            _ if services => Zone::Cluster,
            _ => Zone::External,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    #[test]
    fn cluster_names_are_told_from_others() {
        let zone = |text: &str| Zone::of(&Name::from_text(text).0);
        assert_eq!(zone("kubernetes.default.svc.cluster.local"), Zone::Cluster);
        assert_eq!(zone("www.example.com.cluster.local"), Zone::Cluster);
        assert_eq!(zone("db.prod.svc.corp.example"), Zone::Cluster);
        assert_eq!(zone("db.prod.svc.cluster.local.prod.svc.cluster.local"), Zone::Cluster);
        assert_eq!(zone("db.prod.svc.cluster.local.eu-west-1.compute.internal"), Zone::External);
        assert_eq!(zone("www.example.com"), Zone::External);
        assert_eq!(zone("svc.example.com"), Zone::External);
        assert_eq!(zone("10.0.0.10.in-addr.arpa"), Zone::Either);
        assert_eq!(zone(""), Zone::Either);
    }
}
