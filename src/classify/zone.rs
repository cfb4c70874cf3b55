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
        let (mut services, mut doubled) = (false, false);
        // Whether the last label is `cluster`, and whether the last two are `cluster.local`.
        let (mut cluster, mut local) = (false, false);
        for label in labels(wire) {
            // A search walk's `name.svc.cluster.local.us-west-2.compute.internal` is asked outside.
            services &= !local;
            // `svc.cluster.local` itself and a search walk's `name.svc.cluster.local` count too.
            services |= label == b"svc" && !last[1].is_empty();
            // A cluster's name with another search domain behind it belongs to that one.
            doubled |= local;
            local = cluster && label == b"local";
            cluster = label == b"cluster";
            last = [last[1], label];
        }
        match last {
            _ if local => Zone::Cluster,
            _ if doubled => Zone::External,
            // The cloud's own zones are the last of a search list, behind names of any cluster.
            [b"compute" | b"ec2", b"internal"] => Zone::External,
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
        assert_eq!(zone("a.b.svc.cluster.local.us-west-2.compute.internal"), Zone::External);
        assert_eq!(zone("a.b.svc.cluster.local.corp.example"), Zone::External);
        assert_eq!(zone("a.b.svc.corp.example.ec2.internal"), Zone::External);
        assert_eq!(zone("a.svc.cluster.local.b.svc.cluster.local"), Zone::Cluster);
        assert_eq!(zone("svc.example.com"), Zone::External);
        assert_eq!(zone("10.0.0.10.in-addr.arpa"), Zone::Either);
        assert_eq!(zone(""), Zone::Either);
    }
}
