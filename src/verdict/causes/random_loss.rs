//! Loss spread over clients, servers and time, not tied to the load.

mod course;
mod outages;

use super::vpc_dns_pps_exceeded::Bands;
use super::vpc_dns_pps_near_limit::over_rows;
use super::{
    conntrack_allowance_exceeded, conntrack_dnat_race, coredns_overload, dns_forwarding_loop,
    nodelocaldns_down, reply_source_mismatch, stale_conntrack_udp, upstream_slow,
    upstream_unreachable,
};
use crate::aggregate::{Pair, Period, Server, Tally};
use crate::model::Address;
use crate::verdict::addresses::holds;
use crate::verdict::chance::at_most;
use crate::verdict::silence::{Sum, by_client, cut_off};
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, StubKind, filter, words};
use course::{Course, follows_the_load};
use outages::Outages;

/// Losses that make a pattern.
const LOSSES: u64 = 6;

/// As many, where nothing that was lost came through when it was sent again: a zone, or a name, without servers
/// looks the same.
const LOSSES_FOR_GOOD: u64 = 20;

/// Share of transactions below which it is the background noise of UDP.
const SHARE: f64 = 0.005;

/// Share of the losses that strike the same few names again and again: it is their answers, large ones
/// for instance, that do not come.
const NAMED: f64 = 0.5;

/// Of what is sent again this share arrives at least, as a multiple of the share of all that does: clients
/// differ in how often they ask.
const ARRIVES: f64 = 0.3;

/// Of so few names of the cluster, or fewer, chance would spare so many less often than this.
const CHANCE: f64 = 0.001;

/// Losses that begin or end in the midst of a capture, behind a Service's address alone, and are more than this
/// share of the questions may as well be those of one backend that is gone: of six it gets as much.
const OF_BACKENDS: f64 = 0.15;

/// One of several servers, or clients, that has this share of the losses is the place to look at.
const CONCENTRATED: f64 = 0.8;

/// And its share of lost questions is so many times that of the others.
const SERVER_TIMES: f64 = 3.0;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "random_loss",
    category: "packet_loss",
    normal: false,
    title: "Loss spread over clients, servers and time, not tied to the load",
    meaning: "Packets get lost here and there: a bad link, an overloaded node or switch, an \
        instance over its bandwidth or packet allowance, a duplex mismatch. Each lost packet costs \
        a client its whole retry timer (5 s with glibc), so little loss is felt much.",
    signature: "Outages left out, at least six questions without an answer, or with one only after \
        they were sent again (twenty, where none of those came through), and more than 0.5 % of \
        all; spread over the questions as chance would, of the whole capture or of ten seconds and more in its \
        midst; not fewer in quiet seconds; no client and \
        no server has nearly all of them; those who lose also get answers.",
    look_alikes: &[
        ("vpc_dns_pps_exceeded", "losses are in the seconds over the limit"),
        ("coredns_overload", "losses and latency rise with the load"),
        ("conntrack_dnat_race", "always one of an A/AAAA pair on a new port, to a ClusterIP"),
        ("coredns_backend_gone", "one backend has them all, from one moment on"),
        ("client_egress_dropped", "one client has them all"),
        ("capture_incomplete", "the capture itself lost packets"),
    ],
    vantage: "Two points on the way tell where the packets get lost.",
    immediate: "Look at drop and error counters on the way: the nodes' interfaces, the ENA \
        allowance counters, conntrack.",
    long_term: "Alert on DNS retries and interface drops; NodeLocal DNSCache takes the lossy path \
        out of most lookups; `options timeout:1 attempts:3` makes each loss \
        cheaper for glibc and Go, `timeout:3 attempts:3` for musl, which gives up after `timeout`.",
    confirm: &["ip -s link", "sudo ethtool -S eth0", "sudo conntrack -S", "netstat -su"],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    // A capture that lost packets itself cannot tell.
    let told = conntrack_dnat_race::CAUSE.detected(facts)
        || conntrack_dnat_race::may_be(facts)
        || coredns_overload::CAUSE.detected(facts)
        || conntrack_allowance_exceeded::explains(facts);
    if facts.one_sided() || facts.lossy() || told {
        return None;
    }
    let cut = dns_forwarding_loop::detected(facts) || upstream_unreachable::CAUSE.detected(facts);
    let slow = upstream_slow::CAUSE.detected(facts);
    let outages = Outages::of(facts);
    let stuck = stale_conntrack_udp::stuck(facts);
    let is_stuck = |pair: &Pair| {
        stuck.iter().any(|s| (s.pair.client, s.pair.server) == (pair.client, pair.server))
    };
    let mut pairs: Vec<&Pair> = facts
        .aggregate
        .counting
        .pairs
        .iter()
        .filter(|pair| !is_stuck(pair))
        .filter(|pair| !holds(&outages.walled, pair.client) && pair.refused() == 0)
        .filter(|pair| !(cut && waits_for_upstream(facts, pair)))
        // What an upstream answers late is asked again, and not lost.
        .filter(|pair| !(slow && is_late(facts, pair)))
        .filter(|pair| !nodelocaldns_down::explains(facts, pair.server))
        .filter(|pair| pair.all().answered > pair.silent())
        .collect();
    // Answers that end on this node are lost to the client as well, if it asked again for them; but not those
    // that reach it from an address that it did not ask, and not all of them, always.
    let elsewhere = reply_source_mismatch::CAUSE.detected(facts);
    let undelivered = facts.client_pairs().any(|pair| pair.undelivered > 0);
    let all = if undelivered { by_client(facts.client_pairs()) } else { Vec::new() };
    let cut_off: Vec<Address> = cut_off(facts, &all).iter().map(|client| client.address).collect();
    let ended_here = |pair: &Pair| {
        let told = elsewhere || holds(&cut_off, pair.client);
        if told { 0 } else { pair.undelivered.min(pair.rare().resent_after_answer) }
    };
    let lost = |pair: &Pair| outages.scattered(pair) + ended_here(pair);
    let sums = |pairs: &[&Pair]| -> (u64, u64) {
        (pairs.iter().map(|pair| lost(pair)).sum(), pairs.iter().map(|pair| pair.all().sent).sum())
    };
    let (mut losses, mut sent) = sums(&pairs);
    if Facts::share(losses, sent) < SHARE {
        // What forwarders ask and get thins out what their clients lose.
        pairs.retain(|pair| facts.asks_for_itself(pair));
        (losses, sent) = sums(&pairs);
    }
    let mut share = Facts::share(losses, sent);
    let mut period = Period::of(pairs.iter().map(|pair| outages.period(pair)));
    for pair in pairs.iter().filter(|pair| ended_here(pair) > 0) {
        period.join(pair.rare().resents);
    }
    if losses < LOSSES || share < SHARE || facts.type_without_answers().is_some() {
        return None;
    }
    let (when, otherwise) = match Course::of(facts, losses, period)? {
        Course::Whole => (String::new(), outages.walled.is_empty() && outages.crowd_beside(facts)),
        Course::Part { share: part } => {
            sent = (sent as f64 * part).round() as u64;
            share = Facts::share(losses, sent);
            let (from, to) = (words::clock(period.first), words::clock(period.last));
            // The rest of an outage has a time to it as well; but where much is lost, some of it is in a row.
            let all: u64 = pairs.iter().map(|pair| pair.silent() + facts.rescued(pair)).sum();
            let other = losses * 2 < all
                || spares_the_cluster(&pairs)
                || share > OF_BACKENDS && !sees_backends(facts);
            (format!(" from {from} to {to} UTC"), other)
        }
    };
    if otherwise {
        return None;
    }
    let clients = by_client(pairs.iter().copied());
    let loses = |client: &&Sum<'_>| client.pairs.iter().any(|pair| lost(pair) > 0);
    let losers: Vec<&Sum<'_>> = clients.iter().filter(loses).collect();
    let clients = clients.len();
    let most =
        losers.iter().map(|c| c.pairs.iter().map(|pair| lost(pair)).sum()).max().unwrap_or(0);
    let one_client = clients > 2 && Facts::share(most, losses) > CONCENTRATED;
    if one_client || one_server(facts) || follows_the_load(facts) || over_the_limit(facts) {
        return None;
    }
    let rescued: u64 = losses.min(pairs.iter().map(|pair| facts.rescued(pair)).sum());
    if sticks(&pairs, losses, rescued, share) {
        return None;
    }
    let unanswered = losses - rescued;
    let addresses: Vec<Address> = losers.iter().map(|client| client.address).collect();
    let severity = if share >= 0.2 { Severity::High } else { Severity::Medium };
    let confidence = if clients > 2 && when.is_empty() { 0.6 } else { 0.5 };
    let race = if facts.all_cut_questions() == 0 {
        "not every loss is one of an A/AAAA pair on a new port; `conntrack -S` settles it (insert_failed)"
    } else {
        "not excluded: questions were cut, and without their ends A/AAAA pairs are not told; `conntrack -S` \
         settles it (insert_failed)"
    };
    let knobs = facts.stubs(&addresses).advice(|kind| Some(StubKind::retry_knob(kind)));
    Some(
        CAUSE
            .finding(severity, facts.capped(confidence), period)
            .about(Scope { clients: Facts::list(&addresses), ..Scope::default() })
            .explaining(losses)
            .advising(&knobs)
            .saying(format!(
                "{} of the questions{when} lost a packet on the way, here and there: {rescued} of {losses} \
                 were answered after they were sent again, {unanswered} never.",
                words::percent(share)
            ))
            .shown_by(
                Evidence::new("loss_ratio", share, "ratio", format!(
                    "{losses} of {sent} questions{when} lost a packet: {rescued} recovered by a \
                     retransmission, {unanswered} without an answer."
                ))
                .at(pairs.iter().flat_map(|p| p.lost_frames.iter().chain(p.rare().rescued_frames.iter())))
                .filter("dns.retransmit_request || dns.flags.response == 0 && !dns.response_in".to_owned()),
            )
            .shown_by(Evidence::new("clients_losing", losers.len() as f64, "count", format!(
                "{} of {} lost something ({}); all of them get answers too.",
                losers.len(),
                words::counted(clients as u64, "client"),
                filter::words(&addresses)
            )))
            .rather_than("conntrack_dnat_race", race)
            .rather_than("client_egress_dropped", "those who lose are answered most of the time"),
    )
}

/// Whether names of the cluster, which wait for no upstream, are hardly lost.
fn spares_the_cluster(pairs: &[&Pair]) -> bool {
    let sum = |of: fn(&Pair) -> Tally| {
        let mut all = Tally::default();
        for pair in pairs {
            all.add(of(pair));
        }
        all
    };
    let (all, cluster) = (sum(Pair::all), sum(Pair::cluster));
    let due = Facts::share(all.unanswered, all.sent) * cluster.sent as f64;
    (cluster.unanswered as f64) < due && at_most(cluster.unanswered, due) < CHANCE
}

/// Whether the servers themselves are seen, more than one, so that one of them that is silent would be.
fn sees_backends(facts: &Facts<'_>) -> bool {
    let services = facts.services();
    let servers = facts.aggregate.counting.servers.iter();
    let answering = servers.filter(|server| server.answered > 0);
    answering.filter(|server| !holds(&services, server.address)).nth(1).is_some()
}

/// Whether it is the same questions that are lost, again and again: what is sent again over a lossy link mostly
/// arrives. `share` of all questions lost a packet.
fn sticks(pairs: &[&Pair], losses: u64, rescued: u64, share: f64) -> bool {
    let again: u64 = pairs.iter().map(|pair| pair.lost_names.again).sum();
    let resent = |pair: &&Pair| {
        let rare = pair.rare();
        rare.retransmissions.saturating_sub(rare.resent_after_answer)
    };
    let resent: u64 = pairs.iter().map(resent).sum();
    let arrive = losses as f64 * (1.0 - share) * ARRIVES;
    rescued == 0 && losses < LOSSES_FOR_GOOD
        || Facts::share(again, losses) >= NAMED
        || resent >= losses && (rescued as f64) < arrive
}

/// Whether names outside failed, or were answered after waits for an upstream.
fn waits_for_upstream(facts: &Facts<'_>, pair: &Pair) -> bool {
    let slow = &facts.aggregate.counting.failures(pair).slow_external;
    pair.external_bad.any() || slow.after_timeouts > 0
}

/// Whether names outside were answered late, or not at all.
fn is_late(facts: &Facts<'_>, pair: &Pair) -> bool {
    pair.external_bad.any() || facts.aggregate.counting.failures(pair).slow_period.any()
}

/// Whether one of several servers has nearly all losses. A Service's address is left out where the
/// capture shows the backends behind it: it stands for them all.
fn one_server(facts: &Facts<'_>) -> bool {
    let services = facts.services();
    let servers = facts.aggregate.counting.servers.iter();
    let backends: Vec<&Server> =
        servers.filter(|server| !holds(&services, server.address)).collect();
    let losses = |server: &Server| server.unanswered + server.rescued;
    let lost: u64 = backends.iter().map(|server| losses(server)).sum();
    let asked: u64 = backends.iter().map(|server| server.asked).sum();
    backends.iter().any(|server| {
        let compared = backends
            .iter()
            .any(|other| other.address != server.address && other.asked * 4 >= server.asked);
        // One that is asked most of the time has most of the losses, by chance.
        let here = Facts::share(losses(server), server.asked);
        let elsewhere = Facts::share(lost - losses(server), asked - server.asked);
        compared
            && lost >= LOSSES
            && Facts::share(losses(server), lost) > CONCENTRATED
            && here > SERVER_TIMES * elsewhere
    })
}

/// Whether the losses are those of a sender over its packet limit.
fn over_the_limit(facts: &Facts<'_>) -> bool {
    !over_rows(facts).is_empty() && Bands::of(facts).follow_the_rate()
}

#[cfg(test)]
mod tests;
