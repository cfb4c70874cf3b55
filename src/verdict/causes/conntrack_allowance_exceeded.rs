//! The ENA counter of tracked connections rose: new flows are dropped by the platform.

use crate::aggregate::{Pair, Period};
use crate::context::Ethtool;
use crate::context::ethtool::Counter;
use crate::verdict::addresses::sorted;
use crate::verdict::chance::at_most;
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// Long-lived flows that do so much better than new ones do it by chance less often than this.
const CHANCE: f64 = 0.01;

/// And lose at least so many times less: what strikes a flow strikes all its questions, so that chance
/// alone is reckoned too narrow.
const TIMES: f64 = 4.0;

/// Share of questions below which losses are the background noise of UDP.
const NOISE: f64 = 0.005;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "conntrack_allowance_exceeded",
    category: "pps_throttling",
    normal: false,
    title: "The instance tracks as many connections as it may: new flows are dropped by AWS",
    meaning: "AWS tracks the connections of an instance for its security groups, up to a number that \
        depends on the instance type. Beyond it, packets of new flows are dropped in silence while \
        those of known flows pass. A stub resolver opens a flow for each name, so DNS is hit first; \
        every other protocol is hit as well. The counter is the proof: the node's own conntrack table, \
        when it is full, looks the same in packets.",
    signature: "`conntrack_allowance_exceeded` rose between two readings (--ethtool). With it, at least \
        three questions from fresh ports and more than 0.5 % of them lost, and ports that were in use \
        before lose less than chance allows: surest. With losses that are not tied to new ports, a low \
        finding; with none, none. Without the counter it is never named: the packets alone do \
        not tell it from random loss or a full table of the node.",
    look_alikes: &[
        ("random_loss", "hits long-lived flows as well"),
        ("vpc_dns_pps_exceeded", "only link-local services, and in the seconds over the limit"),
        (
            "the node's own conntrack table",
            "`nf_conntrack: table full` in the kernel's log; the ENA counter stays",
        ),
        ("conntrack_dnat_race", "one of an A/AAAA pair, never both"),
    ],
    vantage: "The node's ENI, with `ethtool -S` before and after. Of other protocols dnspect sees \
        only those to DNS ports.",
    immediate: "Move the pods that open the most connections to other nodes (cordon this one first); \
        close idle connections.",
    long_term: "Use security group rules that need no tracking (all traffic both ways) for DNS, or a larger \
        instance; reuse connections; NodeLocal DNSCache keeps DNS flows on the node.",
    confirm: &[
        "sudo ethtool -S eth0",
        "sudo conntrack -S",
        "sudo sysctl net.netfilter.nf_conntrack_count",
    ],
    detect,
};

/// Questions over UDP, of ports that are new and of those in use before.
#[derive(Default)]
struct Flows {
    sent: u64,
    lost: u64,
}

impl Flows {
    fn of(facts: &Facts<'_>) -> (Flows, Flows) {
        let (mut fresh, mut kept) = (Flows::default(), Flows::default());
        for pair in crossing(facts) {
            let lost = pair.silent() + pair.rare().rescued;
            let kept_lost = pair.rare().reused_unanswered + pair.rare().reused_rescued;
            kept.sent += pair.reused;
            kept.lost += kept_lost;
            fresh.sent += pair.all().sent - pair.reused;
            fresh.lost += lost.saturating_sub(kept_lost);
        }
        (fresh, kept)
    }
}

fn crossing<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = &'a Pair> {
    facts.aggregate.counting.pairs.iter().filter(|pair| pair.tcp == 0)
}

/// Whether the counter rose and the losses are those of new flows, as far as others are there to
/// compare with: then they have their cause.
pub(super) fn explains(facts: &Facts<'_>) -> bool {
    let (fresh, kept) = Flows::of(facts);
    let nothing_against = loses(&fresh) && kept.lost == 0;
    rise(facts).is_some() && (nothing_against || strikes_new_flows(facts))
}

fn rise(facts: &Facts<'_>) -> Option<u64> {
    let ethtool = facts.context.ethtool.as_ref()?;
    Some(ethtool.rise(Counter::Conntrack)).filter(|&more| more > 0)
}

/// Whether more is lost than UDP always loses.
fn loses(flows: &Flows) -> bool {
    flows.lost >= FEW && Facts::share(flows.lost, flows.sent) > NOISE
}

/// Whether new flows lose, and others do not, more than chance would have it.
fn strikes_new_flows(facts: &Facts<'_>) -> bool {
    let (fresh, kept) = Flows::of(facts);
    let rate = Facts::share(fresh.lost, fresh.sent);
    let spared = Facts::share(kept.lost, kept.sent) * TIMES <= rate;
    loses(&fresh) && spared && at_most(kept.lost, rate * kept.sent as f64) < CHANCE
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let rise = rise(facts)?;
    let (fresh, kept) = Flows::of(facts);
    if !loses(&fresh) && !loses(&kept) {
        // A counter makes no fault of DNS that works.
        return None;
    }
    let struck = strikes_new_flows(facts);
    let loses = loses(&fresh);
    // With no long-lived flows to compare, the counter and the losses still stand side by side.
    let (severity, confidence) = match () {
        () if struck => (Severity::High, 0.95),
        () if explains(facts) => (Severity::Medium, 0.6),
        () => (Severity::Low, 0.6),
    };
    let losers: Vec<&Pair> = if loses {
        crossing(facts).filter(|pair| pair.silent() + pair.rare().rescued > 0).collect()
    } else {
        Vec::new()
    };
    let period = if losers.is_empty() {
        facts.whole()
    } else {
        Period::of(losers.iter().flat_map(|pair| [pair.losses, pair.rare().rescues]))
    };
    let clients = sorted(losers.iter().map(|pair| pair.client));
    let dropped = words::counted(rise, "packet");
    let damage = if severity == Severity::Low { 0 } else { fresh.lost };
    let share = Facts::share(fresh.lost, fresh.sent);
    let summary = match severity {
        Severity::Low => format!(
            "AWS dropped {dropped} of new flows because the instance tracks as many connections as it may; \
             the losses of this capture are not tied to new flows."
        ),
        _ => format!(
            "AWS dropped {dropped} of new flows because the instance tracks as many connections as it may; \
             {} of the questions from fresh ports were lost.",
            words::percent(share)
        ),
    };
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), period)
        .about(Scope { clients: Facts::list(&clients), ..Scope::default() })
        .explaining(damage)
        .saying(summary)
        .shown_by(Evidence::new(
            Counter::Conntrack.name(),
            rise as f64,
            "count",
            format!(
                "{}: {} rose by {rise} between the readings.",
                facts.context.ethtool.as_ref().map_or("--ethtool", Ethtool::origin),
                Counter::Conntrack.name()
            ),
        ));
    if loses {
        finding = finding.shown_by(
            Evidence::new("new_flows_lost", share, "ratio", format!(
                "{} of {} questions from fresh ports lost a packet, and {} of {} from ports in use before.",
                fresh.lost, fresh.sent, kept.lost, kept.sent
            ))
            .at(losers.iter().flat_map(|p| p.lost_frames.iter().chain(p.rare().rescued_frames.iter())))
            .filter(format!("dns && {}", filter::with(&clients))),
        );
    }
    Some(match severity {
        Severity::High => {
            finding.rather_than("random_loss", "it would hit long-lived flows as well")
        }
        Severity::Medium => finding.rather_than(
            "random_loss",
            "not excluded: no long-lived flow is in this capture to compare with",
        ),
        _ => finding.rather_than(
            "vpc_dns_pps_exceeded",
            "another counter (linklocal_allowance_exceeded), and another limit",
        ),
    })
}

#[cfg(test)]
mod tests;
