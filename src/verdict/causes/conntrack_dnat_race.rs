//! One of an A/AAAA pair on a new port is lost before the DNAT, and only there.

use crate::aggregate::{Pair, Period};
use crate::model::{Address, Span};
use crate::verdict::addresses::{clients, holds, servers, sorted};
use crate::verdict::chance::{at_least, at_most, of_all};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// Share of all losses that have to be one of a pair: the rest is the noise of any network.
const ONE_OF_PAIR: f64 = 0.8;

/// Where random loss would look like this less often, it is excluded.
const EXCLUDED: f64 = 0.01;

/// Where it would more often, it may be either; and in any case where there are other losses, which
/// random loss explains and the race does not.
const AS_GOOD: f64 = 0.2;

/// Share of the questions below which it is the background noise of UDP, unless chance is excluded.
const NOISE: f64 = 0.005;

/// So few losses that are all of this kind are named without that: no number of them could exclude
/// chance, and random loss is not named for so few either.
const SO_FEW: u64 = 5;

/// Share of these losses that may have been seen behind the DNAT, or behind a router: a port that was
/// opened twice.
const STRAY: f64 = 0.1;

/// Losses of other kinds up to this part of what random loss would have are noise.
const BESIDE: f64 = 0.25;

/// Share of a client's questions that are twins, from which on it is one that asks in pairs only.
const PAIRED: f64 = 0.9;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "conntrack_dnat_race",
    category: "packet_loss",
    normal: false,
    title: "One of an A/AAAA pair on a new port is lost before the DNAT",
    meaning: "Resolvers such as glibc and musl send A and AAAA from one new socket at the same \
        moment. Both are the first packet of their connection for the node's conntrack; when each \
        is given another backend of the Service, the one that is confirmed second is dropped. The \
        client waits out its timer (5 s with glibc, 2.5 s with musl, less with `options timeout`), \
        sends again and succeeds: lookups that take 5 s now and then, and work. Kernel 5.0 and \
        later have less of it, not none.",
    signature: "At least three pairs of A and AAAA, sent within 1 ms from a port that is new, of \
        which one was answered at once and the other after one retransmission; at least 80 % of \
        all losses are of this kind. Where the capture shows queries behind the DNAT, the lost \
        ones were not seen there. Random loss would also hit both of a pair, retransmissions, \
        single questions and Go's separate sockets: it is reckoned how often it would not.",
    look_alikes: &[
        (
            "random_loss",
            "hits single questions, both of a pair, answers and retransmissions as well",
        ),
        ("client_egress_dropped", "nothing is answered, retransmissions neither"),
        ("coredns_overload", "comes with the load, and latency rises"),
        ("stale_conntrack_udp", "long-lived ports fail, new ones work"),
        ("coredns_backend_gone", "both of a pair are lost: they go to the same backend"),
        ("a server that drops AAAA", "every AAAA is lost, and the retransmission too"),
    ],
    vantage: "Before the DNAT: the client's pod or its node; the node (`-i any`) shows that the lost \
        one never got behind it. Behind the DNAT nothing is seen of it. NodeLocal DNSCache and \
        Cilium's socket load balancing have no DNAT and no race.",
    immediate: "Set `options single-request-reopen` (glibc) in the pods' dnsConfig; musl knows no such \
        option: there, ask for one family or run NodeLocal DNSCache.",
    long_term: "NodeLocal DNSCache takes conntrack and DNAT out of the way; run a kernel of 5.0 or \
        later; keep connections and cache answers in applications.",
    confirm: &[
        "sudo conntrack -S",
        "uname -r",
        "kubectl get nodes -o wide",
        "kubectl exec -n NAMESPACE POD -- cat /etc/resolv.conf",
    ],
    detect,
};

/// What speaks for it, over all pairs that ask the same kind of server.
#[derive(Default)]
struct Losses<'a> {
    pairs: Vec<&'a Pair>,
    sent: u64,
    twins: u64,
    one: u64,
    others: u64,
    second: u64,
    beyond: u64,
    own: u64,
    period: Period,
    waits: Option<(Span, Span)>,
}

impl<'a> Losses<'a> {
    fn of(pairs: Vec<&'a Pair>) -> Losses<'a> {
        let mut sum = Losses::default();
        for pair in &pairs {
            let rare = pair.rare();
            let losses = &rare.twin_losses;
            // What was asked from ports that were in use before says nothing: of a socket that stays only the first
            // packets race, and a port that was taken again by chance is not told from one.
            let fresh = pair.all().sent - pair.reused;
            sum.sent += fresh;
            // Of a client that asks in pairs, a question without a twin is one whose twin was taken for
            // another thread's: the same name was asked for by several at once.
            let paired = pair.twins >= (fresh as f64 * PAIRED) as u64;
            let unclear = losses.unclear + if paired { losses.alone } else { 0 };
            sum.twins += if paired { fresh } else { pair.twins };
            sum.one += losses.one;
            let lost = rare.rescued + pair.silent();
            let reused = rare.reused_rescued + rare.reused_unanswered;
            sum.others += lost.saturating_sub(reused + losses.one + unclear);
            sum.second += losses.second;
            sum.beyond += losses.beyond;
            sum.own += losses.own;
            sum.period.join(losses.period);
            if let Some((low, high)) = losses.waits {
                let (shortest, longest) = sum.waits.unwrap_or((low, high));
                sum.waits = Some((shortest.min(low), longest.max(high)));
            }
        }
        sum.pairs = pairs;
        sum
    }

    /// Whether they look like the race, whatever else may look like it.
    fn fit(&self) -> bool {
        self.one >= FEW
            && Facts::share(self.one, self.one + self.others) >= ONE_OF_PAIR
            && Facts::share(self.beyond, self.one) <= STRAY
            && Facts::share(self.own, self.one) >= 1.0 - STRAY
    }

    /// Losses of other kinds that random loss at this rate would have beside.
    fn due(&self) -> f64 {
        let rate = Facts::share(self.one + self.others, self.sent);
        let singles = self.sent.saturating_sub(self.twins) as f64;
        rate * (singles + 2.0 * self.one as f64)
    }

    /// How often random loss at this rate would look like this: losses that are none of one of a
    /// pair, which it would have among single questions, both of a pair and retransmissions; and the
    /// second of the two, which conntrack confirms last, most of the time. Behind the DNAT, or before
    /// it: as good as a coin at best.
    fn by_chance(&self, onward: bool) -> f64 {
        let none_beside = at_most(self.others, self.due());
        let second = at_least(self.second, self.one);
        if onward {
            let before = 0.5_f64.powf((self.one - self.beyond) as f64);
            return of_all(&[none_beside, second, before]);
        }
        of_all(&[none_beside, second])
    }
}

/// Whether all losses are such that they may come of the race as well as of chance.
pub(super) fn may_be(facts: &Facts<'_>) -> bool {
    losses(facts).is_some_and(|(losses, _)| losses.others == 0)
}

/// The losses, if they look like the race; and whether queries are seen behind the DNAT.
fn losses<'a>(facts: &'a Facts<'_>) -> Option<(Losses<'a>, bool)> {
    if facts.one_sided() || facts.lossy() {
        return None;
    }
    let onward = facts.aggregate.counting.pairs.iter().any(|pair| pair.seen_beyond > 0);
    let services = services(facts, onward);
    let of_service = |pair: &&Pair| holds(&services, pair.server) && !is_link_local(pair.server);
    let losses = Losses::of(facts.client_pairs().filter(of_service).collect());
    losses.fit().then_some((losses, onward))
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let (losses, onward) = losses(facts)?;
    // A part of what random loss has due beside is no noise of another origin: it is random loss.
    if losses.others as f64 > losses.due() * BESIDE {
        return None;
    }
    let chance = losses.by_chance(onward);
    let (confidence, random) = match chance {
        rare if rare < EXCLUDED && onward => (0.85, false),
        rare if rare < EXCLUDED => (0.75, false),
        _ if losses.others > 0 || Facts::share(losses.one, losses.sent) < NOISE => return None,
        some if some < AS_GOOD || losses.one <= SO_FEW => (0.6, true),
        _ => return None,
    };
    let losers: Vec<&Pair> =
        losses.pairs.iter().copied().filter(|pair| pair.rare().twin_losses.one > 0).collect();
    let (clients, servers) = (clients(&losers), servers(&losers));
    let waits = losses.waits.map_or(String::new(), |(low, high)| {
        let [low, high] = [low, high].map(Span::as_secs_f64);
        if high - low < 0.1 { format!("{high:.1} s") } else { format!("{low:.1} to {high:.1} s") }
    });
    let Losses { one, others, second, sent, .. } = losses;
    let mut finding = CAUSE
        .finding(Severity::Medium, facts.capped(confidence), losses.period)
        .about(Scope::between(&clients, &servers))
        .explaining(one)
        .saying(format!(
            "In {one} pairs of A and AAAA that {} sent from one new port, one of the two was lost on its \
             way to {} and the other answered at once; sent again after {waits}, it was answered.",
            filter::words(&clients),
            filter::words(&servers),
        ))
        .shown_by(
            Evidence::new("one_of_a_pair", one as f64, "count", format!(
                "{one} of {} that lost a packet were one of an A/AAAA pair on a new port whose other \
                 one was answered at once ({second} times it was the second that was lost); of {sent} \
                 questions from new ports.",
                words::counted(one + others, "question"),
            ))
            .at(losers.iter().flat_map(|pair| pair.rare().twin_losses.frames.iter()))
            .filter(format!("dns.flags.response == 0 && {}", filter::from(&clients))),
        )
        .shown_by(Evidence::new("explained_by_chance", chance, "ratio", format!(
            "Random loss that hits as many would look like this in {} of all cases.",
            words::percent(chance)
        )));
    if onward {
        finding = finding.shown_by(Evidence::new(
            "seen_behind_the_dnat",
            losses.beyond as f64,
            "count",
            format!(
                "{} of the {one} lost queries were seen behind the DNAT, where those of others are: \
                 they are lost on this node.",
                losses.beyond
            ),
        ));
    }
    Some(if random {
        finding.rather_than(
            "random_loss",
            "not excluded: too few losses to tell; `conntrack -S` on the node settles it (insert_failed \
             grows)",
        )
    } else {
        finding.rather_than(
            "random_loss",
            "it would also hit single questions, both of a pair and retransmissions",
        )
    })
}

/// Addresses of Services behind a DNAT, sorted: seen to be, or, where the capture does not show what is
/// behind it, those that serve the cluster's names.
fn services(facts: &Facts<'_>, onward: bool) -> Vec<Address> {
    if onward {
        return facts.services();
    }
    let serving = facts.aggregate.counting.pairs.iter().filter(|pair| pair.cluster().answered > 0);
    sorted(serving.map(|pair| pair.server).chain(facts.cluster_dns.iter().copied()))
}

/// Link-local addresses are answered on the node, without DNAT: NodeLocal DNSCache, or by the ENI.
fn is_link_local(address: Address) -> bool {
    match address.ip() {
        std::net::IpAddr::V4(ip) => ip.is_link_local(),
        std::net::IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || crate::aggregate::Limited::is_service(address)
        }
    }
}

#[cfg(test)]
mod tests;
