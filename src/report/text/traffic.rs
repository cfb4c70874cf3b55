//! The traffic in numbers. Rows that are zero and say nothing by it are left out.

use std::collections::BTreeMap;

use crate::model::Address;
use crate::report::document::{Latency, ResolverRate, Search, Traffic};
use crate::report::layout::{Align, Page, Tone};
use crate::report::moment;
use crate::report::number::{count, counted, duration, share, trimmed};

/// How many senders are shown against the limit, the busiest first.
const SENDERS: usize = 5;

pub(super) fn put(page: &mut Page, traffic: &Traffic, names: &BTreeMap<String, String>) {
    page.heading(0, "Traffic");
    if traffic.transactions == 0 && traffic.orphan_responses == 0 {
        page.paragraph(2, "No DNS query was found in this capture.");
    } else {
        numbers(page, traffic);
    }
    rates(page, &traffic.resolver_pps, names);
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
    let facts = [
        ("answers  ", rcodes(traffic)),
        (
            "latency  ",
            if traffic.answered > 0 { latency(&traffic.latency_us) } else { String::new() },
        ),
        ("search   ", search(&traffic.search, traffic.lookups)),
        ("clients  ", resolvers(traffic)),
    ];
    if facts.iter().any(|(_, text)| !text.is_empty()) {
        page.blank();
    }
    for (label, text) in facts.iter().filter(|(_, text)| !text.is_empty()) {
        page.prose(2, (label, Tone::Plain), 2 + label.len(), text);
    }
}

fn rcodes(traffic: &Traffic) -> String {
    let seen: Vec<String> = traffic
        .rcodes_in_order()
        .filter(|&(_, number)| number > 0)
        .map(|(name, number)| format!("{name} {}", count(number)))
        .collect();
    seen.join(", ")
}

fn latency(latency: &Latency) -> String {
    [
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99.9", latency.p999),
        ("max", latency.max),
    ]
    .map(|(name, micros)| format!("{name} {}", duration(micros)))
    .join(", ")
}

fn search(search: &Search, lookups: u64) -> String {
    if search.lookups_with_search == 0 {
        return String::new();
    }
    let list = if search.search_domains.is_empty() {
        String::new()
    } else {
        format!(" ({})", search.search_domains.join(", "))
    };
    format!(
        "{} of {} walked the search list{list}: {}, an amplification of {}×",
        count(search.lookups_with_search),
        counted(lookups, "lookup"),
        counted(search.extra_queries, "extra query"),
        trimmed(search.amplification)
    )
}

/// Whose resolvers ask, where that is told of any.
fn resolvers(traffic: &Traffic) -> String {
    let known = traffic.resolvers.present().next().is_some();
    if known { traffic.resolvers.words() } else { String::new() }
}

fn rates(page: &mut Page, rates: &[ResolverRate], names: &BTreeMap<String, String>) {
    if rates.is_empty() {
        return;
    }
    page.blank();
    page.paragraph(2, "Packets/s to link-local services and the VPC resolver, by ENI:");
    let mut busiest: Vec<&ResolverRate> = rates.iter().collect();
    busiest.sort_by_key(|rate| std::cmp::Reverse(rate.peak));
    let more = busiest.len().saturating_sub(SENDERS);
    busiest.truncate(SENDERS);
    // The other columns take 50: where both do not fit, the interface tells more than its address.
    let brief = busiest.iter().any(|rate| sender(rate, false).chars().count() + 50 > page.width());
    let ever_over = busiest.iter().any(|rate| rate.seconds_over_limit > 0);
    let row =
        |from: String, peak: String, limit: String, room: String, over: String, at: String| {
            let mut row = vec![from, peak, limit, room];
            row.extend(ever_over.then_some(over));
            row.push(at);
            row
        };
    let head = ["from", "peak", "limit", "head-room", "over for", "peak at"].map(str::to_owned);
    let [from, peak, limit, room, over_for, at] = head;
    let mut rows = vec![row(from, peak, limit, room, over_for, at)];
    rows.extend(busiest.iter().map(|rate| {
        row(
            sender(rate, brief),
            count(rate.peak),
            count(rate.limit),
            head_room(rate),
            over(rate),
            moment::clock(&rate.peak_at),
        )
    }));
    let mut columns = vec![Align::Right; rows[0].len()];
    columns[0] = Align::Left;
    page.table(4, &columns, &rows);
    if more > 0 {
        page.paragraph(4, &format!("and {} that sent fewer", count(more as u64)));
    }
    whose(page, &busiest, brief, names);
}

/// What the senders' addresses belong to: names are too long for the table.
fn whose(page: &mut Page, rates: &[&ResolverRate], brief: bool, names: &BTreeMap<String, String>) {
    let mut said: Vec<String> = Vec::new();
    for rate in rates {
        let Some(source) = &rate.source else { continue };
        let Some(name) = names.get(source) else { continue };
        let text = match &rate.interface {
            Some(interface) if brief => format!("{interface}: {source} is {name}"),
            None if source.parse::<Address>().is_err() => format!("{name} sends by {source}"),
            _ => format!("{source} is {name}"),
        };
        if !said.contains(&text) {
            page.paragraph(4, &text);
            said.push(text);
        }
    }
}

fn sender(rate: &ResolverRate, brief: bool) -> String {
    let parts: Vec<&str> =
        [&rate.interface, &rate.source].into_iter().filter_map(|part| part.as_deref()).collect();
    match parts.as_slice() {
        [] => "?".to_owned(),
        [first, ..] if brief => (*first).to_owned(),
        all => all.join(" "),
    }
}

/// What is left of the limit at the peak.
fn head_room(rate: &ResolverRate) -> String {
    match rate.limit.checked_sub(rate.peak) {
        Some(0) | None => "none".to_owned(),
        Some(left) => share(left, rate.limit),
    }
}

/// How long the limit was exceeded.
fn over(rate: &ResolverRate) -> String {
    match rate.seconds_over_limit {
        0 => "-".to_owned(),
        seconds => duration(seconds.saturating_mul(1_000_000)),
    }
}
