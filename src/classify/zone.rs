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
        let (tail, services) = last_two(wire);
        if let Some(zone) = Zone::decided_by(tail) {
            return zone;
        }
        let reverse = *tail == *b"\x07in-addr\x04arpa" || *tail == *b"\x03ip6\x04arpa";
        let either = reverse || tail.is_empty();
        if !(either || services) || holds_cluster_local(wire) {
            Zone::External
        } else if either {
            Zone::Either
        } else {
            Zone::Cluster
        }
    }

    /// Where all names belong that end in this suffix, in wire form; `None` where that depends on what
    /// stands before it.
    pub(super) fn of_all_behind(suffix: &[u8]) -> Option<Zone> {
        Zone::decided_by(last_two(suffix).0)
    }

    fn decided_by(tail: &[u8]) -> Option<Zone> {
        if *tail == *CLUSTER_LOCAL {
            return Some(Zone::Cluster);
        }
        // The cloud's own zones are the last of a search list, behind names of any cluster.
        let cloud = *tail == *b"\x07compute\x08internal" || *tail == *b"\x03ec2\x08internal";
        cloud.then_some(Zone::External)
    }
}

/// The last two labels of a name, each with its length before it, and whether one after the first is `svc`:
/// `svc.cluster.local` itself and a search walk's `name.svc.cluster.local` count too.
fn last_two(wire: &[u8]) -> (&[u8], bool) {
    let mut services = 0;
    let (mut before, mut last, mut at) = (0, 0, 0);
    while let Some(&length @ 1..=63) = wire.get(at) {
        if length == 3 && wire[at..].starts_with(b"\x03svc") {
            services = at;
        }
        (before, last, at) = (last, at, at + 1 + usize::from(length));
    }
    match wire.get(before..at) {
        Some(tail) => (tail, services > 0),
        // The last label is cut.
        None => last_two(&wire[..last]),
    }
}

/// The last two labels of most clusters' names.
const CLUSTER_LOCAL: &[u8; 14] = b"\x07cluster\x05local";

/// Whether another search domain stands behind a cluster's name, which then belongs to that one: a search
/// walk's `name.svc.cluster.local.us-west-2.compute.internal` is asked outside.
fn holds_cluster_local(wire: &[u8]) -> bool {
    let mut at = 0;
    wire.starts_with(CLUSTER_LOCAL)
        || labels(wire).any(|label| {
            at += 1 + label.len();
            wire[at..].starts_with(CLUSTER_LOCAL)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    /// The same, label by label: slow, and the definition.
    fn defined(wire: &[u8]) -> Zone {
        let all: Vec<&[u8]> = labels(wire).collect();
        let is_local = |at: usize| at > 0 && all[at - 1] == b"cluster" && all[at] == b"local";
        let (locals, end): (Vec<usize>, _) =
            ((0..all.len()).filter(|&at| is_local(at)).collect(), all.len());
        let inner = locals.iter().rfind(|&&at| at + 1 < end);
        let services =
            (1..end).any(|at| all[at] == b"svc" && inner.is_none_or(|&local| at > local));
        let ends = |tail: [&[u8]; 2]| all.ends_with(&tail);
        match () {
            () if locals.last().is_some_and(|&at| at + 1 == end) => Zone::Cluster,
            () if inner.is_some() => Zone::External,
            () if ends([b"compute", b"internal"]) || ends([b"ec2", b"internal"]) => Zone::External,
            () if end == 0 || ends([b"in-addr", b"arpa"]) || ends([b"ip6", b"arpa"]) => {
                Zone::Either
            }
            () if services => Zone::Cluster,
            () => Zone::External,
        }
    }

    #[test]
    fn any_order_of_telling_labels_gives_what_is_defined() {
        let words = ["cluster", "local", "svc", "internal", "ec2", "compute", "arpa", "ip6", "a"];
        for n in 0..9_usize.pow(5) {
            let picked = (0..=n % 5).map(|at| words[n / 9_usize.pow(at as u32) % 9]);
            let text = picked.collect::<Vec<_>>().join(".");
            let wire = Name::from_text(&text).0;
            let zone = Zone::of(&wire);
            assert_eq!(zone, defined(&wire), "{text}");
            let tail = &wire[1 + usize::from(wire[0])..];
            assert!(Zone::of_all_behind(tail).is_none_or(|of_all| of_all == zone), "{text}");
        }
        // Octets that look like labels, and names that end too soon.
        let odd: [&[u8]; 5] = [
            b"\x0eabcdef\x07cluster\x05local\0",
            b"\x01a\x07cluster\x05loca",
            b"\x01a\x07cluster\x05local",
            b"\x01a\xc0\x05local\0",
            b"\x04\x03svc\x01a\0",
        ];
        for wire in odd {
            assert_eq!(Zone::of(wire), defined(wire), "{wire:?}");
        }
    }

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
