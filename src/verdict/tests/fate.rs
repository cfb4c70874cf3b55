//! What becomes of a question.

use std::time::Duration;

use super::Rng;
use crate::forge::{AAAA, PTR, ms, us};

/// A question on its way.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) time: Duration,
    /// Index of the client.
    pub(crate) client: usize,
    /// Index of the backend that the Service's rules chose.
    pub(crate) backend: usize,
    pub(crate) name: &'a str,
    pub(crate) kind: u16,
    /// How often the client has asked this before.
    pub(crate) attempt: u32,
    pub(crate) rng: Rng,
}

/// Who made a SERVFAIL, as its flags tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// RA and AA unset: CoreDNS itself.
    Forwarder,
    /// RA set.
    Relayed,
    /// RA set, with this extended error for those who use EDNS.
    Extended(u16),
    /// AA set, with the zone's SOA.
    Unsynced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Address,
    NoData,
    NxDomain,
    /// From outside: RA set, the SOA of the root.
    NxOutside,
    ServFail(Maker),
    Refused(Maker),
}

/// Who refuses a query with ICMP, as it looks from the client's side.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// The node, behind the DNAT: conntrack writes the Service's address into the error.
    Forward((u8, u8)),
    /// The node, before the DNAT, in its own name.
    Node((u8, u8)),
    /// The backend's host.
    Backend,
}

/// A forwarded query of the backend's, and its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try {
    /// Since the client's question.
    pub(crate) after: Duration,
    /// Index of the upstream.
    pub(crate) upstream: usize,
    /// How long the upstream took, if it answered.
    pub(crate) answered: Option<Duration>,
    /// What it was answered with.
    pub(crate) what: What,
    /// Whether the query left the node that the backend runs on.
    pub(crate) leaves: bool,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// How far the exchange gets: the query leaves the pod (1), leaves the node (2), reaches the
    /// server (3); the answer leaves the server (4), reaches the node (5), reaches the pod (6).
    pub(crate) reach: u8,
    pub(crate) what: What,
    pub(crate) after: Duration,
    pub(crate) tries: Vec<Try>,
    pub(crate) refusal: Option<Refusal>,
    /// The answer arrives from the backend's own address, which no client accepts.
    pub(crate) untranslated: bool,
}

impl Reply {
    pub(crate) fn answer(what: What, after: Duration) -> Reply {
        Reply { reach: 6, what, after, tries: Vec::new(), refusal: None, untranslated: false }
    }

    /// Silence behind this stage.
    pub(crate) fn lost(reach: u8) -> Reply {
        Reply { reach, ..Reply::answer(What::Address, ms(1)) }
    }

    /// The same, lost or refused behind this stage.
    pub(crate) fn reaching(self, reach: u8) -> Reply {
        Reply { reach, ..self }
    }

    pub(crate) fn refused(refusal: Refusal, after: Duration) -> Reply {
        let reach = if matches!(refusal, Refusal::Backend) { 3 } else { 1 };
        Reply { refusal: Some(refusal), after, ..Reply::lost(reach) }
    }
}

/// Search domain of the cloud: names under it go upstream.
pub(crate) const CLOUD: &str = "us-west-2.compute.internal";

impl Ask<'_> {
    /// Whether the cluster's own zone does not hold the name.
    pub(crate) fn is_external(&self) -> bool {
        !self.name.ends_with("cluster.local") && self.kind != PTR
    }

    /// Whether the name is one that a client would want, not a step of a walk.
    fn exists(&self) -> bool {
        let labels: Vec<&str> = self.name.split('.').collect();
        let wanted = |at: usize| labels.get(at).is_some_and(|label| !label.starts_with("gone"));
        match labels.as_slice() {
            [_, _, "svc", "cluster", "local"] => wanted(0) && labels[0].starts_with("service"),
            [.., "example", "com" | "net"] => wanted(0),
            [.., "amazonaws", "com"] => true,
            _ => self.kind == PTR,
        }
    }

    /// What the name is answered with, wherever it is asked.
    pub(crate) fn what(&self) -> What {
        match self.exists() {
            false => What::NxDomain,
            true if self.kind == AAAA && !self.name.contains("six") => What::NoData,
            true => What::Address,
        }
    }

    /// Answered from the cluster's data, from the cache, or by an upstream.
    pub(crate) fn healthy(&self) -> Reply {
        let mut rng = self.rng.clone();
        let quick = rng.span(us(80), us(1500));
        if !self.is_external() || rng.chance(0.2) {
            return Reply::answer(self.what(), quick);
        }
        let took = rng.span(us(400), ms(35));
        let upstream = rng.between(0, 1) as usize;
        let one =
            Try { after: us(60), upstream, answered: Some(took), what: self.what(), leaves: true };
        Reply { tries: vec![one], ..Reply::answer(self.what(), took + us(120)) }
    }

    /// What a healthy cluster does whose upstreams are silent: `waits` times 2 s, then SERVFAIL.
    pub(crate) fn upstream_cut(&self, waits: u64, leaves: bool) -> Reply {
        let mut rng = self.rng.clone();
        if !self.is_external() {
            return self.healthy();
        }
        let one = |at: u64| Try {
            after: ms(at * 2000) + us(70),
            upstream: (at + waits) as usize % 2,
            answered: None,
            what: What::Address,
            leaves,
        };
        let after = ms(waits * 2000) + rng.span(us(200), ms(3));
        let what = What::ServFail(Maker::Forwarder);
        Reply { tries: (0..waits).map(one).collect(), ..Reply::answer(what, after) }
    }

    /// The same number in every attempt of one question, for fates that stick to it.
    pub(crate) fn luck(&self) -> f64 {
        let mut rng = self.rng.clone();
        for _ in 0..7 {
            rng.next();
        }
        (rng.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
