//! The traffic in numbers. Rows that are zero and say nothing by it are left out.

use crate::report::document::{Latency, ResolverRate, Search, Traffic};
use crate::report::layout::{Align, Page, Tone};
use crate::report::moment;
use crate::report::number::{count, counted, duration, share, trimmed};

/// How many senders are shown against the limit, the busiest first.
const SENDERS: usize = 5;

pub(super) fn put(page: &mut Page, traffic: &Traffic) {
    page.heading(0, "Traffic");
    if traffic.transactions == 0 && traffic.orphan_responses == 0 {
        page.paragraph(2, "No DNS query was found in this capture.");
    } else {
        numbers(page, traffic);
    }
    rates(page, &traffic.resolver_pps);
}

fn numbers(page: &mut Page, traffic: &Traffic) {
    let whole = traffic.transactions;
    let mut rows = Vec::new();
    let mut row = |name: &str, value: u64, note: String| {
        rows.push(vec![name.to_owned(), count(value), note]);
    };
    row("lookups", traffic.lookups, String::new());
    row("transactions", whole, String::new());
    row("  answered", traffic.answered, share(traffic.answered, whole));
    row("  unanswered", traffic.unanswered, share(traffic.unanswered, whole));
    for (name, value) in
        [("  pending at the end", traffic.pending_at_end), ("  late", traffic.late)]
    {
        if value > 0 {
            row(name, value, share(value, whole));
        }
    }
    for (name, value) in [
        ("retransmissions", traffic.retransmissions),
        ("orphan responses", traffic.orphan_responses),
    ] {
        if value > 0 {
            row(name, value, String::new());
        }
    }
    page.table(2, &[Align::Left, Align::Right, Align::Right], &rows);
    page.blank();
    let rcodes: Vec<String> = traffic
        .rcodes_in_order()
        .filter(|&(_, number)| number > 0)
        .map(|(name, number)| format!("{name} {}", count(number)))
        .collect();
    if !rcodes.is_empty() {
        fact(page, "answers  ", &rcodes.join(", "));
    }
    if traffic.answered > 0 {
        latency(page, &traffic.latency_us);
    }
    search(page, &traffic.search, traffic.lookups);
}

fn fact(page: &mut Page, label: &str, text: &str) {
    page.prose(2, (label, Tone::Plain), 2 + label.len(), text);
}

fn latency(page: &mut Page, latency: &Latency) {
    let parts: Vec<String> = [
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99.9", latency.p999),
        ("max", latency.max),
    ]
    .iter()
    .map(|&(name, micros)| format!("{name} {}", duration(micros)))
    .collect();
    fact(page, "latency  ", &parts.join(", "));
}

fn search(page: &mut Page, search: &Search, lookups: u64) {
    if search.lookups_with_search == 0 {
        return;
    }
    let list = if search.search_domains.is_empty() {
        String::new()
    } else {
        format!(" ({})", search.search_domains.join(", "))
    };
    fact(
        page,
        "search   ",
        &format!(
            "{} of {} walked the search list{list}: {}, {}× as many as without",
            count(search.lookups_with_search),
            counted(lookups, "lookup"),
            counted(search.extra_queries, "extra query"),
            trimmed(search.amplification)
        ),
    );
}

fn rates(page: &mut Page, rates: &[ResolverRate]) {
    if rates.is_empty() {
        return;
    }
    page.blank();
    page.paragraph(
        2,
        "Packets per second to link-local services and the VPC resolver, by ENI (one budget):",
    );
    let mut busiest: Vec<&ResolverRate> = rates.iter().collect();
    busiest.sort_by_key(|rate| std::cmp::Reverse(rate.peak));
    let mut rows = vec![
        ["from", "peak", "limit", "head-room", "over for", "peak at"].map(str::to_owned).to_vec(),
    ];
    for rate in busiest.iter().take(SENDERS) {
        rows.push(vec![
            sender(rate),
            count(rate.peak),
            count(rate.limit),
            head_room(rate),
            if rate.seconds_over_limit == 0 {
                "-".to_owned()
            } else {
                duration(rate.seconds_over_limit.saturating_mul(1_000_000))
            },
            moment::clock(&rate.peak_at),
        ]);
    }
    let columns =
        [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Right];
    page.table(4, &columns, &rows);
    if busiest.len() > SENDERS {
        page.paragraph(4, &format!("and {} below", count((busiest.len() - SENDERS) as u64)));
    }
}

fn sender(rate: &ResolverRate) -> String {
    let parts: Vec<&str> =
        [&rate.interface, &rate.source].into_iter().filter_map(|part| part.as_deref()).collect();
    if parts.is_empty() { "?".to_owned() } else { parts.join(" ") }
}

/// What is left of the limit at the peak.
fn head_room(rate: &ResolverRate) -> String {
    match rate.limit.checked_sub(rate.peak) {
        Some(0) | None => "none".to_owned(),
        Some(left) => share(left, rate.limit),
    }
}
