//! The verdict: findings ranked, normal ones apart, and one sentence over all.

use super::causes::ALL;
use super::corroborate::corroborate;
use super::facts::Facts;
use super::finding::{Finding, Severity, Status, Verdict};
use super::unexplained::{Losses, unexplained};

/// Runs every cause, holds what they find against what the operator knows, and ranks it: by severity,
/// then by damage, then by confidence; normal findings last.
pub fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = ALL.iter().filter_map(|cause| (cause.detect)(facts)).collect();
    corroborate(facts, &mut found);
    found.sort_by(|a, b| {
        a.normal
            .cmp(&b.normal)
            .then(b.severity.cmp(&a.severity))
            .then(b.damage.cmp(&a.damage))
            .then(b.confidence.total_cmp(&a.confidence))
    });
    found
}

/// Sums the findings up.
pub fn verdict(facts: &Facts<'_>, findings: &[Finding]) -> Verdict {
    let fault = findings.iter().find(|finding| !finding.normal);
    // What is worth knowing must not hide what is wrong: losses that nobody explains come first.
    // Where one direction is missing, answers are, too.
    if !facts.one_sided()
        && fault.is_none_or(|finding| finding.severity < Severity::Medium)
        && let Some(verdict) = unexplained(facts, fault)
    {
        return verdict;
    }
    match fault {
        Some(finding) if finding.cause == "capture_incomplete" => Verdict {
            status: Status::Inconclusive,
            root_cause: "undetermined",
            category: Some(finding.category),
            severity: finding.severity,
            confidence: finding.confidence,
            summary: finding.summary.clone(),
        },
        Some(finding) => Verdict {
            status: status(finding.severity),
            root_cause: finding.cause,
            category: Some(finding.category),
            severity: finding.severity,
            confidence: finding.confidence,
            summary: finding.summary.clone(),
        },
        None => healthy(facts),
    }
}

fn status(severity: Severity) -> Status {
    if severity >= Severity::High { Status::Failing } else { Status::Degraded }
}

/// While the ENI drops something, nothing lost in this capture says less.
const DROPPING: f64 = 0.6;

/// Nothing was found, and nothing is lost.
fn healthy(facts: &Facts<'_>) -> Verdict {
    let Losses { tally, .. } = Losses::of(facts);
    let lost = tally.unanswered;
    if let Some(summary) = losing_upstream(facts).or_else(|| nothing_answered(&tally)) {
        return Verdict {
            status: Status::Inconclusive,
            root_cause: "undetermined",
            category: None,
            severity: Severity::Medium,
            confidence: 0.0,
            summary,
        };
    }
    Verdict {
        status: Status::Healthy,
        root_cause: "none",
        category: None,
        severity: Severity::None,
        confidence: facts.capped(if facts.dropped_by_eni().is_some() { DROPPING } else { 0.9 })
            * (1.0 - facts.cut_share()),
        summary: healthy_words(facts, tally.answered, lost),
    }
}

/// Says that resolvers have lost more than they should, if they have: their clients are kept waiting.
fn losing_upstream(facts: &Facts<'_>) -> Option<String> {
    /// Resolvers ask again, so that clients do not notice a few losses.
    const NOTICED: f64 = 0.05;
    let mut tally = crate::aggregate::Tally::default();
    facts.upstream_pairs().for_each(|pair| tally.add(pair.external()));
    let lost = tally.unanswered;
    let noticeable = lost >= super::facts::FEW && Facts::share(lost, tally.sent) > NOTICED;
    noticeable.then(|| {
        format!(
            "{lost} of {} questions that resolvers forwarded had no answer, and nothing in this \
             capture tells why: capture on the clients' side and behind the upstream as well.",
            tally.sent
        )
    })
}

/// Says that nobody was answered, if somebody should have been: few as they are, that is not healthy.
fn nothing_answered(tally: &crate::aggregate::Tally) -> Option<String> {
    let (lost, nothing) = (tally.unanswered, tally.answered == 0 && tally.unanswered > 0);
    nothing.then(|| match lost {
        1 => "The one question that was asked had no answer, and one is too few to tell why: capture \
              more of them."
            .to_owned(),
        _ => format!(
            "None of {lost} questions had an answer, and they are too few to tell why: capture more \
             of them."
        ),
    })
}

fn healthy_words(facts: &Facts<'_>, answered: u64, lost: u64) -> String {
    /// What busy networks lose of UDP all the time.
    const USUAL: f64 = 0.005;
    let p99 = facts.aggregate.counting.delays.quantile(0.99) as f64 / 1000.0;
    let asked = answered + lost;
    match lost {
        _ if answered == 0 => {
            "Nothing wrong is seen, and little of anything: no question of a client was answered or \
             had to be."
                .to_owned()
        }
        0 if asked == 1 => {
            format!("DNS is healthy here: the one question asked was answered, after {p99:.1} ms.")
        }
        0 => format!(
            "DNS is healthy here: all {asked} questions were answered, 99 % within {p99:.1} ms."
        ),
        1 => format!(
            "DNS is healthy here: {answered} of {asked} questions were answered, 99 % within \
             {p99:.1} ms; one was not, which is no pattern."
        ),
        _ if Facts::share(lost, asked) <= USUAL => format!(
            "DNS is healthy here: {lost} of {asked} questions stayed without an answer, no more than \
             UDP always loses; 99 % of the others were answered within {p99:.1} ms."
        ),
        _ => format!(
            "DNS is healthy here: {answered} of {asked} questions were answered, 99 % within \
             {p99:.1} ms; {lost} were not, too few to be a pattern."
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::forge::{A, Capture, Link, Packet, ms, query, response, secs, us};
    use crate::verdict::Status;
    use crate::verdict::tests::Seen;

    const POD: &str = "10.244.1.7:40001";
    const SERVER: &str = "10.96.0.10";

    #[test]
    fn nothing_answered_is_not_healthy_however_little_it_is() {
        for questions in 1..=2 {
            let mut story = Capture::new(Link::Ethernet);
            for id in 0..questions {
                let asked = query("web.example.com", A).id(id).encode();
                let asked = Packet::udp(POD, SERVER, asked);
                story.packet(&asked).after(us(300)).packet(&Packet::port_unreachable(&asked));
                story.after(ms(900));
            }
            story.at(secs(60)).udp("10.0.0.1:9", "10.0.0.2:9", vec![0]);
            let seen = Seen::of(story.pcap());
            assert_ne!(seen.status(), Status::Healthy, "{}", seen.words());
        }
    }

    /// Each question is answered, with another ID.
    #[test]
    fn answers_that_nobody_can_use_are_no_silence() {
        let mut story = Capture::new(Link::Ethernet);
        for n in 0..20_u16 {
            let asked = query(format!("web{n}.example.com").as_str(), A).id(n);
            let other = response(&asked.clone().id(n + 1000)).address([192, 0, 2, 1]);
            story.at(secs(u64::from(n))).message(POD, SERVER, &asked);
            story.after(ms(1)).message(SERVER, POD, &other);
        }
        story.at(secs(90)).udp("10.0.0.1:9", "10.0.0.2:9", vec![0]);
        let seen = Seen::of(story.pcap());
        assert_eq!(seen.status(), Status::Inconclusive, "{}", seen.words());
        let summary = &seen.0.verdict.summary;
        assert!(summary.contains("20 responses of the same servers"), "{summary}");
    }
}
