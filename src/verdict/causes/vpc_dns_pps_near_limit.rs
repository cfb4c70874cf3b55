//! 80 % of the limit per ENI or more, or over it with nothing lost yet.

use super::vpc_dns_pps_exceeded::{Bands, name};
use crate::aggregate::Row;
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, filter};

/// From this share of the limit on there is no head-room for a deployment or a retry storm.
const NEAR: f64 = 0.8;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "vpc_dns_pps_near_limit",
    category: "pps_throttling",
    normal: false,
    title: "80 % of the limit or more, or over it with nothing lost yet",
    meaning: "One network interface sends nearly as many packets a second to the VPC resolver and \
        link-local services as AWS lets through (1024). Nothing is lost yet; a deployment, a cron \
        job or a retry storm tips it over.",
    signature: "At least 80 % of the limit in a sliding second from one ENI, or more than the \
        limit without losses that come with it.",
    look_alikes: &[("vpc_dns_pps_exceeded", "answers are lost while over the limit")],
    vantage: "The ENI (the node, `-i any` or eth0); from one pod it is a lower bound.",
    immediate: "Nothing is broken. Spread CoreDNS over more nodes before the next peak.",
    long_term: "NodeLocal DNSCache, ndots:2 for pods that ask external names, caching in the \
        applications; alert on linklocal_allowance_exceeded.",
    confirm: &["sudo ethtool -S eth0"],
    detect,
};

/// Senders over the limit, the highest peak first.
pub(super) fn over_rows<'a>(facts: &'a Facts<'_>) -> Vec<&'a Row> {
    let rates = &facts.aggregate.following.rates;
    rates.rows().into_iter().filter(|row| row.peak > rates.limit()).collect()
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let rates = &facts.aggregate.following.rates;
    let limit = rates.limit();
    let near: Vec<&Row> =
        rates.rows().into_iter().filter(|row| row.peak as f64 >= limit as f64 * NEAR).collect();
    let bands = Bands::of(facts);
    let exceeded = !over_rows(facts).is_empty() && bands.follow_the_rate();
    // Then whatever loses them is the news, and nobody may read "no loss" over it.
    let loses = !facts.one_sided() && bands.loses();
    let worst = near.first().filter(|_| !exceeded && !loses)?;
    let share = worst.peak as f64 / limit as f64;
    let mut finding = CAUSE
        .finding(Severity::Low, 0.8, facts.whole())
        .about(Scope {
            interfaces: near.iter().map(|row| name(facts, row)).collect(),
            ..Scope::default()
        })
        .saying(format!(
            "{} sent up to {} packets a second to the VPC resolver and link-local services, {:.0} % \
             of the limit of {limit}; {}.",
            name(facts, worst),
            worst.peak,
            share * 100.0,
            if facts.one_sided() {
                "whether answers were lost for it cannot be told from one direction"
            } else {
                "no loss comes with it yet"
            }
        ))
        .rather_than("vpc_dns_pps_exceeded", "no loss comes with the rate");
    for row in near {
        finding = finding.shown_by(
            Evidence::new(
                "peak_pps",
                row.peak as f64,
                "packets/s",
                format!(
                    "{}: {} packets in the second before {}.",
                    name(facts, row),
                    row.peak,
                    row.peak_at
                ),
            )
            .at(row.frames.iter())
            .filter(format!("{} || dns.flags.response == 0", filter::to_limited(&[]))),
        );
    }
    Some(finding)
}

#[cfg(test)]
mod tests;
