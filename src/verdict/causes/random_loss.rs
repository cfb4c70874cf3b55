//! Loss spread over clients, servers and time, not tied to the load.

mod outages;

use super::vpc_dns_pps_exceeded::Bands;
use super::vpc_dns_pps_near_limit::over_rows;
use super::{
    conntrack_allowance_exceeded, conntrack_dnat_race, coredns_overload, dns_forwarding_loop,
    nodelocaldns_down, reply_source_mismatch, stale_conntrack_udp, upstream_slow,
    upstream_unreachable,
};
use crate::aggregate::{Bin, Pair, Period, Server};
use crate::model::{Address, Timestamp};
use crate::verdict::addresses::holds;
use crate::verdict::chance::at_most;
use crate::verdict::silence::{Sum, by_client, cut_off};
use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, StubKind, filter, words};
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

/// Losses that crowd so much in time would come of chance less often than this.
const CHANCE: f64 = 0.01;

/// No link loses so evenly that more losses than this would tell more: of thousands chance alone would leave no
/// second without.
const EVEN: u64 = 100;

/// Of what is sent again this share arrives at least, as a multiple of the share of all that does: clients
/// differ in how often they ask.
const ARRIVES: f64 = 0.3;

/// In quiet seconds, with less than half of the load that the average question meets, a question is lost so
/// many times as rarely as in the others, if the losses are tied to the load.
const LOAD_TIMES: f64 = 1.5;

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
        all; spread over the questions as chance would; not fewer in quiet seconds; no client and \
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
    let share = Facts::share(losses, sent);
    let mut period = Period::of(pairs.iter().map(|pair| outages.period(pair)));
    for pair in pairs.iter().filter(|pair| ended_here(pair) > 0) {
        period.join(pair.rare().resents);
    }
    if losses < LOSSES
        || share < SHARE
        || !spread(facts, losses, period)
        || outages.walled.is_empty() && outages.crowd_beside(facts)
    {
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
    let rescued: u64 = losses.min(pairs.iter().map(|pair| pair.rare().rescued).sum());
    if sticks(&pairs, losses, rescued, share) {
        return None;
    }
    let unanswered = losses - rescued;
    let addresses: Vec<Address> = losers.iter().map(|client| client.address).collect();
    let severity = if share >= 0.2 { Severity::High } else { Severity::Medium };
    let confidence = if clients > 2 { 0.6 } else { 0.5 };
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
                "{} of the questions lost a packet on the way, here and there: {rescued} of {losses} \
                 were answered after they were sent again, {unanswered} never.",
                words::percent(share)
            ))
            .shown_by(
                Evidence::new("loss_ratio", share, "ratio", format!(
                    "{losses} of {sent} questions lost a packet: {rescued} recovered by a \
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

/// Whether the losses lie among the questions as chance would put them. Of `n` losses the first and
/// the last enclose the share `c` of all questions or less with the probability
/// `n c^(n-1) - (n-1) c^n` (the range of uniform order statistics). What was asked last can be lost, and
/// nobody knows yet.
fn spread(facts: &Facts<'_>, losses: u64, period: Period) -> bool {
    let width = facts.aggregate.counting.timeline.width();
    let until = facts.decided_until().max(period.last);
    let (mut all, mut enclosed) = (0.0, 0.0);
    for (start, bin) in facts.aggregate.counting.timeline.bins() {
        // Within a bin the questions are taken to be spread evenly.
        let asked = |from: Timestamp, to: Timestamp| {
            let part = to.min(start.plus(width)).since(from.max(start)).0.max(0);
            f64::from(bin.asked) * part as f64 / width.0 as f64
        };
        all += asked(start, until);
        enclosed += asked(period.first, period.last);
    }
    let (share, n) = (enclosed / f64::max(all, 1.0), losses.min(EVEN) as f64);
    n * share.powf(n - 1.0) - (n - 1.0) * share.powf(n) >= CHANCE
}

/// Whether the losses come with the load: quiet seconds have fewer of them than their questions should.
fn follows_the_load(facts: &Facts<'_>) -> bool {
    let bins = facts.aggregate.counting.timeline.bins();
    let bins: Vec<&Bin> =
        bins.filter(|(start, _)| facts.is_decided(*start)).map(|(_, bin)| bin).collect();
    let sum = |power| bins.iter().map(|bin| f64::from(bin.asked).powi(power)).sum::<f64>();
    let met = sum(2) / f64::max(sum(1), 1.0);
    let (mut quiet, mut busy) = ((0, 0), (0, 0));
    for bin in &bins {
        let side = if f64::from(bin.asked) * 2.0 < met { &mut quiet } else { &mut busy };
        side.0 += u64::from(bin.asked);
        side.1 += u64::from(bin.unanswered) + u64::from(bin.rescued);
    }
    let due = Facts::share(busy.1, busy.0) * quiet.0 as f64;
    (quiet.1 as f64) * LOAD_TIMES < due && at_most(quiet.1, due) < CHANCE
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
