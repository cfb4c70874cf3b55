//! One-sided, dropped, cut or filtered so that nothing can be concluded.

use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, words};

/// From this share of unanswered questions on, drops of the capture itself are in question.
const NOTICEABLE: f64 = 0.005;

/// From this share of questions without a readable name on, nothing is known of most lookups.
const UNREADABLE: f64 = 0.5;

/// From this share of all packets on, what was dropped outweighs what is left.
const DROPPED: f64 = 0.2;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "capture_incomplete",
    category: "capture",
    normal: false,
    title: "One-sided, dropped, cut or filtered so that nothing can be concluded",
    meaning: "The capture does not show enough: it holds one direction only, its frames are cut \
        before DNS begins, the kernel dropped packets while it was taken, it ended before an \
        answer had to come, or it holds no DNS at all. What it does show is reported; a verdict \
        would be a guess.",
    signature: "Queries without any response while nobody asks again (or responses without \
        queries); no readable DNS message, or most questions cut within their names; unanswered \
        questions in a capture that lost packets itself, as the kernel counted, or as responses without queries \
        tell while nobody asks again; every question younger than the query timeout at the end.",
    look_alikes: &[
        ("client_egress_dropped", "clients that get no answer ask again"),
        ("random_loss", "the capture itself lost nothing"),
    ],
    vantage: "Does not apply.",
    immediate: "Capture again: both directions, `tcpdump -i any -s 0 -B 4096 -w dns.pcap 'port 53 or icmp or \
        icmp6 or (ip[6:2] & 0x1fff != 0) or ip6 proto 44'`, at least 15 s longer than the trouble.",
    long_term: "Keep a ring of captures on the nodes (`tcpdump -C 100 -W 10 -w FILE`) so that the moment \
        before the fault is there.",
    confirm: &["capinfos FILE"],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let (reason, metric, value) = reason(facts)?;
    // What the capture lacks, nobody lost.
    let explained = if facts.patchy() { facts.aggregate.counting.totals.unanswered } else { 0 };
    Some(
        CAUSE
            .finding(Severity::Low, 0.9, facts.whole())
            .explaining(explained)
            .about(Scope::default())
            .saying(reason.clone())
            .shown_by(Evidence::new(metric, value as f64, "count", reason)),
    )
}

fn reason(facts: &Facts<'_>) -> Option<(String, &'static str, u64)> {
    let quality = facts.quality;
    let totals = &facts.aggregate.counting.totals;
    let messages: u64 = quality.messages.iter().sum();
    let [queries, responses] = [0, 1].map(|s| quality.messages[s] + quality.messages[2 + s]);
    let readable = totals.transactions + totals.orphans;
    if messages == 0 {
        let cut = quality.headless > 0 || quality.cut * 2 > quality.packets;
        let text = if quality.packets == 0 {
            "The capture holds no packets.".to_owned()
        } else if cut {
            "The frames are cut before DNS begins: capture with a snap length of at least 512."
                .to_owned()
        } else {
            format!(
                "No DNS on the ports looked at, in {}.",
                words::counted(quality.packets, "packet")
            )
        };
        return Some((text, "dns_messages", 0));
    }
    if facts.one_sided() {
        let (there, missing, count) = if queries == 0 {
            ("response", "query", responses)
        } else {
            ("query", "response", queries)
        };
        return Some((
            format!(
                "Only one direction was captured: {} and not one {missing}, and nobody behaves as if \
                 the other were missing.",
                words::counted(count, there)
            ),
            "one_sided_messages",
            count,
        ));
    }
    if totals.answered == 0 && totals.unanswered == 0 && readable > 0 {
        return Some((
            format!(
                "The capture ends before any answer had to come: {} {} still waiting.",
                words::counted(totals.pending, "question"),
                words::verb(totals.pending, "was", "were")
            ),
            "pending_at_end",
            totals.pending,
        ));
    }
    if facts.cut_share() > UNREADABLE {
        let cut = facts.all_cut_questions();
        let text = format!(
            "{cut} of {} are cut within what they ask: which lookups failed cannot be told. Capture with a snap \
             length of at least 512.",
            words::counted(totals.transactions, "question")
        );
        return Some((text, "cut_questions", cut));
    }
    if facts.patchy() {
        let text = format!(
            "{} have no response in this capture, and {} no query; nobody sends again as if anything were lost: the \
             capture itself lacks packets.",
            words::counted(totals.unanswered, "question"),
            words::counted(totals.orphans, "response")
        );
        return Some((text, "orphan_responses", totals.orphans));
    }
    let dropped = facts.dropped.filter(|&dropped| dropped > 0)?;
    if Facts::share(dropped, quality.packets + dropped) > DROPPED {
        let text = format!(
            "The kernel dropped {dropped} packets and {} are left: what is missing may tell anything. Capture again, \
             with more room for packets that wait (-B).",
            quality.packets
        );
        return Some((text, "dropped_by_kernel", dropped));
    }
    let rescued: u64 = facts.aggregate.counting.pairs.iter().map(|pair| pair.rare().rescued).sum();
    let lost = totals.unanswered + rescued;
    (lost > 0 && Facts::share(lost, totals.transactions) > NOTICEABLE).then(|| {
        (
            format!(
                "{lost} of {} questions have no answer in this capture, or none to their first \
                 packet, but the kernel dropped {dropped} packets while it was taken: the answers may \
                 be among these.",
                totals.transactions
            ),
            "dropped_by_kernel",
            dropped,
        )
    })
}

#[cfg(test)]
mod tests;
