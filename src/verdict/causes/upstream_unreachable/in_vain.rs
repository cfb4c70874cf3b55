//! Only the clients' side is in the capture, and what they ask is answered: but after whole waits of
//! CoreDNS for an upstream that said nothing, before it asked the other one.

use super::super::upstream_slow;
use super::{CAUSE, cluster_answers};
use crate::aggregate::{Pair, Period, Tally};
use crate::verdict::addresses;
use crate::verdict::answers::{is_cloud_resolver, slow, upstream_leg};
use crate::verdict::{Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// This share of the answers for names outside. On a way that loses one packet in a hundred, one answer in
/// a hundred comes so late.
const WAITED: f64 = 0.03;

/// Other answers that took 400 ms or longer are no more than this part of them: where answers are slow by
/// themselves some take 2 s, too.
const OTHERS: f64 = 0.5;

/// Names of the cluster are answered so late, or lost, no more than this part as often.
const CLUSTER_PART: f64 = 0.2;

/// Finds it.
pub(super) fn detect(facts: &Facts<'_>) -> Option<Finding> {
    // The leg itself is captured: there it would be seen.
    if upstream_leg(facts).iter().any(|pair| pair.external().sent >= FEW) {
        return None;
    }
    let waiting =
        |pair: &&Pair| facts.aggregate.counting.failures(pair).slow_external.after_timeouts > 0;
    let asks =
        |pair: &&Pair| !is_cloud_resolver(facts, pair.server) && pair.external().answered > 0;
    let pairs: Vec<&Pair> = facts.client_pairs().filter(asks).collect();
    let [outside, inside] = slow(facts, pairs.iter().copied());
    let answered: u64 = pairs.iter().map(|pair| pair.external().answered).sum();
    let cluster: u64 = pairs.iter().map(|pair| pair.cluster().answered).sum();
    let (late, others) = (outside.after_timeouts, outside.from(400));
    let share = Facts::share(late, answered);
    let late_inside = Facts::share(inside.after_timeouts + inside.from(400), cluster);
    // Where names of the cluster are lost as often, it is the clients' own way.
    let mut own = Tally::default();
    for pair in &pairs {
        own.add(pair.cluster());
    }
    let lost_inside = Facts::share(own.unanswered, own.sent);
    if late < FEW
        || share < WAITED
        || others as f64 > late as f64 * OTHERS
        || late_inside.max(lost_inside) > share * CLUSTER_PART
    {
        return None;
    }
    let pairs: Vec<&Pair> = pairs.into_iter().filter(waiting).collect();
    let (servers, clients) = (addresses::servers(&pairs), addresses::clients(&pairs));
    let period =
        Period::of(pairs.iter().map(|pair| facts.aggregate.counting.failures(pair).slow_period));
    // What a client asks again meanwhile is not lost.
    let again: u64 =
        pairs.iter().map(|pair| facts.aggregate.counting.failures(pair).repeated).sum();
    let frames =
        pairs.iter().flat_map(|pair| facts.aggregate.counting.failures(pair).slow_frames.iter());
    let fine = cluster_answers(facts);
    Some(
        CAUSE
            .finding(Severity::Medium, facts.capped(if fine > 0 { 0.6 } else { 0.5 }), period)
            .about(Scope::between(&clients, &servers))
            .explaining(late + again)
            .saying(format!(
                "{late} of {answered} answers for names outside came from {} 2 or 4 s after the \
                 question, as CoreDNS waits for an upstream in vain before it asks the other one \
                 (upstream leg not captured).",
                filter::words(&servers)
            ))
            .shown_by(
                Evidence::new("answered_after_timeouts", share, "ratio", format!(
                    "{} came after one or two whole waits of 2 s; {} took 0.4 s or longer otherwise.",
                    words::counted(late, "answer"),
                    words::counted(others, "other"),
                ))
                .at(frames)
                .filter(format!("dns.time >= 1.9 && {}", filter::from(&servers))),
            )
            .shown_by(Evidence::new("cluster_answers", fine as f64, "count", format!(
                "{} for names of the cluster found an answer.",
                words::counted(fine, "question")
            )))
            .rather_than(
                "vpc_dns_pps_exceeded",
                "not excluded from here: what is lost above the limit is asked again after 2 s as well; \
                 capture on the DNS server's side, or look at linklocal_allowance_exceeded",
            )
            .rather_than(
                upstream_slow::CAUSE.code,
                "answers take 2 or 4 s or are fast, and little lies between",
            )
            .rather_than(
                "random_loss",
                "the clients' own packets arrive; losses between CoreDNS and an upstream look the same",
            ),
    )
}

#[cfg(test)]
mod tests;
