//! Over the limit per ENI to link-local services, answers lost in those seconds.

use super::vpc_dns_pps_near_limit::over_rows;
use crate::aggregate::{Bin, Pair, Period, Row};
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// The loss over the limit has to be this many times the loss below it.
const TIMES: f64 = 5.0;

/// Over the limit at least this share is lost: 1,050 packets of which 1,024 pass lose 2.5 %.
const LOST: f64 = 0.02;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "vpc_dns_pps_exceeded",
    category: "pps_throttling",
    normal: false,
    title: "Over the limit per ENI to link-local services, answers lost in those seconds",
    meaning: "AWS lets each network interface send 1024 packets a second to link-local services, \
        all together: the VPC resolver (169.254.169.253, the VPC's base address plus two, \
        fd00:ec2::253), instance metadata, time, Windows licensing. What is more is dropped in \
        silence behind the interface; the limit cannot be raised. TCP handshakes and every segment \
        count, so DNS over TCP reaches it at some 200 queries a second. CoreDNS asks again after 2 \
        s, so its clients see answers that are 2 or 4 s late rather than none.\n\nNeither flow logs \
        nor resolver query logs show the drops; packets and the ENA counter \
        linklocal_allowance_exceeded do.",
    signature: "More than 1024 packets (--pps-limit) in a sliding second from one ENI to these \
        destinations, and the questions of those seconds (and of those next to them) are lost at \
        least five times as often as the others.",
    look_alikes: &[
        ("coredns_overload", "the loss is between clients and CoreDNS, at no fixed rate"),
        ("upstream_unreachable", "nothing comes back at any rate"),
        ("vpc_dns_pps_near_limit", "over or near the limit, and nothing is lost"),
        ("random_loss", "losses do not follow the rate"),
    ],
    vantage: "The ENI (the node, `-i any` or eth0). A pod's own capture misses what the other \
        pods, instance metadata and time cost the same ENI: its figure is a lower bound.",
    immediate: "Spread CoreDNS over more nodes, so over more ENIs (more replicas, anti-affinity), \
        and slow down the client that asks most, or whatever polls instance metadata.",
    long_term: "NodeLocal DNSCache, ndots:2 for pods that ask external names, caching in the \
        applications, a longer CoreDNS cache; alert on linklocal_allowance_exceeded.",
    confirm: &[
        "sudo ethtool -S eth0",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values=INSTANCE_ID",
    ],
    detect,
};

/// A limiter that passes 1024 packets a second passes at least this share of it as answers to
/// questions, even when each of them takes a TCP connection of its own.
const PASSED: f64 = 0.05;

/// Questions to limited destinations and their losses: `[0]` in quiet seconds, `[1]` in those in
/// which an ENI was over its limit, and next to them: a limiter's bucket fills up and runs dry within
/// the second in which the load begins or ends.
pub(super) struct Bands {
    sent: [u64; 2],
    lost: [u64; 2],
    seconds: f64,
    limit: u64,
}

impl Bands {
    pub(super) fn of(facts: &Facts<'_>) -> Bands {
        let timeline = &facts.aggregate.counting.timeline;
        let bins: Vec<&Bin> = timeline.bins().map(|(_, bin)| bin).collect();
        let over = |at: usize| bins.get(at).is_some_and(|bin| bin.over > 0);
        let (limit, width) =
            (facts.aggregate.following.rates.limit(), timeline.width().as_secs_f64());
        let mut bands = Bands { sent: [0; 2], lost: [0; 2], seconds: 0.0, limit };
        for (at, bin) in bins.iter().enumerate() {
            let band = usize::from(over(at) || over(at + 1) || at > 0 && over(at - 1));
            bands.sent[band] += u64::from(bin.limited);
            bands.lost[band] += u64::from(bin.limited_lost);
            bands.seconds += if over(at) { width } else { 0.0 };
        }
        bands
    }

    fn share(&self, over: usize) -> f64 {
        Facts::share(self.lost[over], self.sent[over])
    }

    /// Whether more of the questions to limited destinations lose a packet than UDP always loses, be it
    /// at any rate.
    pub(super) fn loses(&self) -> bool {
        /// Below this it is the background noise of UDP.
        const NOISE: f64 = 0.02;
        let lost = self.lost[0] + self.lost[1];
        lost >= FEW && Facts::share(lost, self.sent[0] + self.sent[1]) > NOISE
    }

    /// Whether the loss comes with the rate: nothing that is down answers in between.
    pub(super) fn follow_the_rate(&self) -> bool {
        let passed = self.sent[1] - self.lost[1];
        self.lost[1] >= FEW
            && self.share(1) >= LOST
            && self.share(1) >= TIMES * self.share(0)
            && passed as f64 >= PASSED * self.limit as f64 * self.seconds.min(1.0)
    }
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let rows = over_rows(facts);
    let bands = Bands::of(facts);
    if rows.is_empty() || facts.one_sided() || facts.lossy() || !bands.follow_the_rate() {
        return None;
    }
    let worst = rows[0];
    let period = Period::of(rows.iter().map(|row| row.over));
    let lossy: Vec<&Pair> = facts
        .aggregate
        .counting
        .pairs
        .iter()
        .filter(|pair| pair.limited > 0 && pair.all().unanswered + pair.rare().rescued > 0)
        .collect();
    let servers = crate::verdict::addresses::sorted(lossy.iter().map(|pair| pair.server));
    let clients = crate::verdict::addresses::sorted(lossy.iter().map(|pair| pair.client));
    let limit = facts.aggregate.following.rates.limit();
    let seconds: u64 = rows.iter().map(|row| row.seconds_over).sum();
    let (below, over) = (bands.share(0), bands.share(1));
    let severity = if over >= 0.1 { Severity::High } else { Severity::Medium };
    Some(
        CAUSE
            .finding(severity, facts.capped(0.85), period)
            .about(Scope {
                clients: Facts::list(&clients),
                servers: Facts::list(&servers),
                interfaces: rows.iter().map(|row| name(facts, row)).collect(),
                ..Scope::default()
            })
            .explaining(bands.lost[1])
            .saying(format!(
                "{} sent up to {} packets a second to the VPC resolver and link-local services \
                 (limit {limit}): {} of the questions of those seconds lost a packet.",
                name(facts, worst),
                worst.peak,
                words::percent(over)
            ))
            .shown_by(
                Evidence::new("peak_pps", worst.peak as f64, "packets/s", format!(
                    "{} sent {} packets in the second before {} ({} of {} packets in all were DNS); \
                     {seconds} s over {limit}.",
                    name(facts, worst),
                    worst.peak,
                    worst.peak_at,
                    worst.dns,
                    worst.packets
                ))
                .at(worst.frames.iter())
                .filter(filter::to_limited(&servers)),
            )
            .shown_by(
                Evidence::new("loss_over_limit", over, "ratio", format!(
                    "{} of {} questions in the seconds over the limit lost a packet; in the others {} \
                     of {}.",
                    bands.lost[1], bands.sent[1], bands.lost[0], bands.sent[0]
                ))
                .at(lossy.iter().flat_map(|pair| pair.lost_frames.iter())),
            )
            .shown_by(Evidence::new("loss_below_limit", below, "ratio", format!(
                "In quiet seconds {} were lost: the loss comes with the rate.",
                words::percent(below)
            )))
            .rather_than("upstream_unreachable", "below the limit the resolver answers")
            .rather_than("coredns_overload", "the lost questions went to the VPC resolver"),
    )
}

/// An ENI in words.
pub(super) fn name(facts: &Facts<'_>, row: &Row) -> String {
    let (interface, source) = facts.sender(row);
    interface.or(source).unwrap_or_else(|| "an interface".to_owned())
}

#[cfg(test)]
pub(super) mod tests;
