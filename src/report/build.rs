//! From the sums to the contract's document.

use std::collections::BTreeMap;

use super::document::{Capture, DnsMessages, Document, Latency, ResolverRate, Search, Traffic};
use super::limits::{ONE_SIDED, dropped_words, shed_words};
use crate::aggregate::Delays;
use crate::capture::Notes;
use crate::model::{Address, Rcode};
use crate::verdict::{Facts, Finding, Verdict, words};

/// Search domains named in a report.
const SEARCH_DOMAINS: usize = 32;

/// The document of a capture.
pub fn document(
    facts: &Facts<'_>,
    notes: &Notes,
    verdict: Verdict,
    findings: Vec<Finding>,
) -> Document {
    let mut capture = capture(facts, notes);
    capture.caveats = caveats(facts, notes);
    capture.caveats.extend(hidden(facts, &findings));
    let traffic = traffic(facts);
    let names = names(facts, &findings, &traffic);
    let schema = "dnspect.report/1";
    let timeline = facts.aggregate.counting.timeline.clone();
    Document { schema, verdict, findings, traffic, capture, timeline, names }
}

/// What the addresses belong to that stand alone, not in a sentence: in scopes, and of senders.
fn names(facts: &Facts<'_>, findings: &[Finding], traffic: &Traffic) -> BTreeMap<String, String> {
    let scopes = findings.iter().map(|finding| &finding.scope);
    let addresses = scopes.flat_map(|scope| scope.clients.iter().chain(&scope.servers));
    let senders = traffic.resolver_pps.iter().filter_map(|rate| rate.source.as_ref());
    let named = addresses.chain(senders);
    let named = named.filter_map(|text| Some((text.clone(), facts.name(text.parse().ok()?)?)));
    // A link-layer address is nobody's: one of those who send by it is named.
    let rows = facts.aggregate.following.rates.rows().into_iter();
    let links = rows.filter_map(|row| {
        let (_, source) = facts.sender(row);
        let link = source.filter(|source| source.parse::<Address>().is_err())?;
        Some((link, format!("{} ({})", facts.name(row.source)?, row.source)))
    });
    named.chain(links).collect()
}

fn traffic(facts: &Facts<'_>) -> Traffic {
    let totals = &facts.aggregate.counting.totals;
    let mut rcodes: BTreeMap<String, u64> =
        [Rcode::NOERROR, Rcode::NXDOMAIN, Rcode::SERVFAIL, Rcode::REFUSED]
            .map(|rcode| (rcode.mnemonic().into_owned(), 0))
            .into();
    let last = totals.rcodes.len() - 1;
    for (number, &count) in totals.rcodes.iter().enumerate().filter(|(_, count)| **count > 0) {
        let name = match number {
            _ if number == last => "other".to_owned(),
            _ => Rcode(number as u16).mnemonic().into_owned(),
        };
        *rcodes.entry(name).or_default() += count;
    }
    let (search, lookups) = search(facts);
    Traffic {
        lookups,
        transactions: totals.transactions,
        answered: totals.answered,
        unanswered: totals.unanswered,
        pending_at_end: totals.pending,
        late: totals.late,
        retransmissions: totals.retransmissions,
        orphan_responses: totals.orphans,
        rcodes,
        latency_us: latency(&facts.aggregate.counting.delays),
        search,
        resolvers: facts.all_stubs(),
        resolver_pps: resolver_pps(facts),
    }
}

fn latency(delays: &Delays) -> Latency {
    if delays.count() == 0 {
        return Latency::default();
    }
    Latency {
        p50: delays.quantile(0.5),
        p90: delays.quantile(0.9),
        p99: delays.quantile(0.99),
        p999: delays.quantile(0.999),
        max: delays.longest(),
    }
}

/// Search figures and the number of lookups, forwarders left out.
fn search(facts: &Facts<'_>) -> (Search, u64) {
    let mut search = Search::default();
    let (mut lookups, mut transactions) = (0, 0);
    for (client, &forwards) in
        facts.aggregate.following.clients.iter().zip(facts.forwarders.iter().skip(1))
    {
        if !forwards {
            lookups += client.lookups;
            transactions += client.transactions;
            search.lookups_with_search += client.walks;
            search.extra_queries += client.extra;
        }
    }
    // What clients beyond the table did is counted together in its shared entry.
    let shared = facts.aggregate.following.clients.shared();
    lookups += shared.lookups;
    let needed = transactions - search.extra_queries;
    search.amplification =
        if needed == 0 { 1.0 } else { round(transactions as f64 / needed as f64, 100.0) };
    let suffixes = facts.aggregate.following.lookups.suffixes.in_order();
    search.search_domains =
        suffixes.iter().take(SEARCH_DOMAINS).map(|suffix| suffix.name.to_string()).collect();
    (search, lookups)
}

fn round(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

fn resolver_pps(facts: &Facts<'_>) -> Vec<ResolverRate> {
    let rates = &facts.aggregate.following.rates;
    rates
        .rows()
        .into_iter()
        .map(|row| {
            let (interface, source) = facts.sender(row);
            ResolverRate {
                interface,
                source,
                destination_group: "link_local".to_owned(),
                peak: row.peak,
                peak_at: row.peak_at.to_string(),
                seconds_over_limit: row.seconds_over,
                limit: rates.limit(),
            }
        })
        .collect()
}

fn capture(facts: &Facts<'_>, notes: &Notes) -> Capture {
    let quality = facts.quality;
    let [udp_queries, udp_responses, tcp_queries, tcp_responses] = quality.messages;
    let dns = DnsMessages {
        udp_queries,
        udp_responses,
        tcp_queries,
        tcp_responses,
        malformed: quality.malformed,
    };
    Capture {
        files: notes.files.clone(),
        first_packet: quality.first.map(|time| time.to_string()),
        last_packet: quality.last.map(|time| time.to_string()),
        taken: facts.with_names(&facts.vantage().words()),
        node: facts.node_lines().iter().map(|line| facts.with_names(line)).collect(),
        packets: quality.packets,
        bytes: quality.bytes,
        dns,
        copies: facts.aggregate.counting.totals.copies,
        snaplen_truncated: quality.cut,
        unsupported: quality.unsupported(),
        fragments_incomplete: facts.fragments.incomplete_dns + facts.fragments.incomplete_unknown,
        tcp_gaps: facts.streams.gaps,
        answers_lacking: facts.aggregate.counting.totals.lacking,
        dropped_by_kernel: notes.dropped,
        dropped_by_dnspect: notes.shed,
        state_evicted: facts.aggregate.evicted() + facts.streams.evicted + facts.fragments.evicted,
        one_sided: facts.one_sided(),
        out_of_order: quality.out_of_order + notes.sorted,
        caveats: Vec::new(),
    }
}

/// What the vantage point hides of the causes found, and lowers their confidence for.
fn hidden(facts: &Facts<'_>, findings: &[Finding]) -> Vec<String> {
    let vantage = facts.vantage();
    let hides = |finding: &Finding| vantage.hides(finding.cause);
    let mut caveats: Vec<String> = findings
        .iter()
        .filter_map(hides)
        .map(|why| facts.with_names(&format!("Taken {}: {why}.", vantage.at())))
        .collect();
    caveats.sort_unstable();
    caveats.dedup();
    caveats
}

/// In words: what lowers a confidence, and what the reader met.
fn caveats(facts: &Facts<'_>, notes: &Notes) -> Vec<String> {
    let mut caveats: Vec<String> = notes.warnings.clone();
    caveats.extend(notes.dropped.filter(|&dropped| dropped > 0).map(dropped_words));
    caveats.extend((notes.shed > 0).then(|| shed_words(notes.shed)));
    if facts.one_sided() {
        caveats.push(ONE_SIDED.to_owned());
    }
    caveats.extend(cut_words(facts));
    caveats.extend(refusals_words(facts));
    caveats.extend(fragments_words(facts));
    caveats.extend(facts.dropped_by_eni());
    if let (Some(kube), None) = (&facts.context.kube, facts.kube) {
        caveats.push(format!(
            "--kube: nobody in this capture has an address of a pod or node in {}: it is of another cluster \
             or another time, or lists a part of this one (-A lists all), and is left out.",
            kube.file()
        ));
    }
    let unsupported: Vec<String> = facts
        .quality
        .skipped
        .iter()
        .filter_map(|(reason, count)| Some(format!("{count} × {}", reason.words()?)))
        .collect();
    if !unsupported.is_empty() {
        caveats.push(format!("Not decoded: {}.", unsupported.join(", ")));
    }
    caveats
}

/// What cannot be told where questions were cut before their end.
fn cut_words(facts: &Facts<'_>) -> Option<String> {
    let (cut, all) = (facts.all_cut_questions(), facts.aggregate.counting.totals.transactions);
    (cut > 0).then(|| {
        format!(
            "{cut} of {all} questions were cut before their end: what these asked, and whether their lookups \
             failed, is unknown. Capture with a snap length of at least 512."
        )
    })
}

/// What cannot be told where ICMP errors were cut.
fn refusals_words(facts: &Facts<'_>) -> Option<String> {
    let cut = facts.quality.cut_refusals;
    (cut > 0).then(|| {
        format!(
            "{} {} cut before the ports of what {} refused: that looks silent. Capture with a snap length of at \
             least 512.",
            words::counted(cut, "ICMP error"),
            words::verb(cut, "was", "were"),
            words::verb(cut, "it", "they")
        )
    })
}

/// What cannot be told of large answers where no later fragment is in the capture.
fn fragments_words(facts: &Facts<'_>) -> Option<String> {
    let pairs = facts.aggregate.counting.pairs.iter().map(|pair| pair.rare().fragmented);
    let (partial, expired) = pairs.fold((0, 0), |(partial, expired), fragmented| {
        (partial + fragmented.partial, expired + fragmented.expired)
    });
    // With more than DNS in the capture, its filter may have let them through.
    let missing = partial > 0 && expired == 0 && facts.quality.later_fragments == 0;
    missing.then(|| {
        format!(
            "Of {partial} large answers only the first of their fragments is in the capture, and no later \
             fragment of anything is: a filter for ports leaves them out, so whether they were lost cannot \
             be told. Capture with `port 53 or (ip[6:2] & 0x1fff != 0) or ip6 proto 44`."
        )
    })
}
