//! Only certain long-lived source ports fail, fresh ones work.

use std::collections::BTreeMap;

use super::client_egress_dropped::Others;
use crate::aggregate::{Pair, Period, Silence, Socket};
use crate::model::{Address, Span};
use crate::verdict::addresses::sorted;
use crate::verdict::{Cause, Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// A backend's endpoint is removed within seconds, and a stub resolver's port lives for two waits of
/// 5 s. A port that fails for longer is stuck.
const STUCK: Span = Span::from_secs(15);

/// What others were answered by a backend while it went.
const LEAVING: Span = Span::from_secs(1);

/// Share of the questions from fresh ports that may be lost meanwhile: of ten backends one that is
/// gone would take a tenth of them.
const FRESH_LOSS: f64 = 0.05;

/// So many questions from fresh ports say that none of few backends is gone.
const MANY: u64 = 20;

/// Chance may make a silence this seldom.
const CHANCE: f64 = 0.01;

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "stale_conntrack_udp",
    category: "packet_loss",
    normal: false,
    title: "Only certain long-lived source ports fail, fresh ones work",
    meaning: "A client that keeps one UDP socket for all its questions (Envoy, nginx, node agents, \
        c-ares unless it is told otherwise: Node.js 20 takes a new one for each question) stays \
        tied to the backend that conntrack, or IPVS, once chose for its port. When that CoreDNS pod \
        goes and the entry stays, every further packet goes to an address where nobody is, and \
        refreshes the entry. It lasts until the socket rests for the timeout (30 s, 120 s for a \
        stream; 5 min with IPVS), or for ever.",
    signature: "A port in use for longer than a second whose questions, at least three over more than \
        15 s, all stay without an answer, while at most 5 % of those from fresh ports of the same \
        client are lost; where the client has no other port, it was answered on this one before, and \
        others are answered and lose less than a tenth of what they ask meanwhile. Where queries are seen behind the DNAT, they go to a backend that \
        answers nobody any more.",
    look_alikes: &[
        ("coredns_backend_gone", "fresh ports lose their part as well"),
        ("client_egress_dropped", "fresh ports of that client fail as well"),
        ("random_loss", "no port loses all of its questions"),
        ("wrong_nameserver", "the address that is asked answers nobody at all"),
    ],
    vantage: "The client's pod or node; the node (`-i any`) shows the backend that the stuck ports \
        are tied to. From a client with a single port it cannot be told from a policy that came into \
        force at that moment.",
    immediate: "Restart the client, or have an operator delete the entries on the client's node \
        (`conntrack -D -p udp --orig-src CLIENT --orig-port-dst 53`); a new socket works at once.",
    long_term: "Update kube-proxy (it has to delete UDP entries of endpoints that are gone); with \
        IPVS, shorten its UDP timeout; let resolvers change their port (c-ares `udp_max_queries`); \
        NodeLocal DNSCache asks over TCP and has no entries.",
    confirm: &[
        "sudo conntrack -L -p udp --orig-port-dst 53",
        "sudo ipvsadm -Lnc",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
        "kubectl -n kube-system get configmap kube-proxy-config -o yaml",
    ],
    detect,
};

/// A socket that is stuck.
pub(super) struct Stuck<'a> {
    pub(super) pair: &'a Pair,
    socket: &'a Socket,
    silence: Silence,
    confidence: f64,
    /// Whether fresh ports of the same client show it, not only other clients.
    compared: bool,
}

/// What a server answered to all.
#[derive(Default)]
struct Served {
    answered: u64,
    answers: Period,
    /// Questions from fresh ports.
    fresh: u64,
    /// Of these, those that lost a packet.
    fresh_lost: u64,
}

/// The sockets that are stuck.
pub(super) fn stuck<'a>(facts: &'a Facts<'_>) -> Vec<Stuck<'a>> {
    if facts.one_sided() {
        return Vec::new();
    }
    let mut served: BTreeMap<Address, Served> = BTreeMap::new();
    let mut cluster = Served::default();
    for pair in facts.client_pairs() {
        let sum = served.entry(pair.server).or_default();
        sum.answered += pair.all().answered;
        sum.answers.join(pair.answers);
        sum.fresh += pair.all().sent - pair.reused;
        sum.fresh_lost += (pair.all().unanswered + pair.rare().rescued)
            .saturating_sub(pair.rare().reused_unanswered + pair.rare().reused_rescued);
        if pair.cluster().answered > 0 {
            cluster.answered += pair.all().answered;
            cluster.answers.join(pair.answers);
        }
    }
    let judge = |socket: &'a Socket| {
        let pair = facts.aggregate.counting.pairs.get(socket.pair);
        let silence = socket.silence();
        if silence.asked < FEW || silence.length() <= STUCK || !facts.asks_for_itself(pair) {
            return None;
        }
        let alive = socket.beyond > 0 && answers_since(facts, socket.backend, silence);
        let here = served.get(&pair.server)?;
        if pair.refused() > 0 || alive || likely(here, socket, silence) {
            return None;
        }
        let (confidence, compared) = compare(socket, pair, silence, here, &cluster)?;
        Some(Stuck { pair, socket, silence, confidence, compared })
    };
    let mut found: Vec<Stuck<'_>> =
        facts.aggregate.counting.sockets.iter().filter_map(judge).collect();
    // Where the fresh ports of others are lost as well, a backend is gone, and these sockets were tied to it.
    if found.iter().any(|stuck| !stuck.compared) {
        let clients = sorted(found.iter().map(|stuck| stuck.pair.client));
        let others = Others::than(facts, &clients);
        found.retain(|stuck| stuck.compared || !others.are_struck(stuck.silence.period));
    }
    found
}

/// Whether a server answers somebody while the socket is stuck.
fn answers_since(facts: &Facts<'_>, server: Address, silence: Silence) -> bool {
    let last = facts.aggregate.counting.server(server).map(|server| server.answers.last);
    last.is_some_and(|last| last > silence.period.first.plus(STUCK))
}

/// Whether so many losses in a row may come of loss as it strikes all ports.
fn likely(here: &Served, socket: &Socket, silence: Silence) -> bool {
    /// Less is never sure.
    const LEAST: f64 = 0.01;
    let rate = Facts::share(here.fresh_lost, here.fresh).max(LEAST);
    rate.powf(silence.asked as f64) * socket.asked as f64 > CHANCE
}

/// Compares a silent socket with what others got from the same server, or where this is a backend
/// itself, from others of its kind. Gives the confidence and whether the client has other ports.
fn compare(
    socket: &Socket,
    pair: &Pair,
    silence: Silence,
    here: &Served,
    cluster: &Served,
) -> Option<(f64, bool)> {
    let Silence { fresh_asked, fresh_answered, period, .. } = silence;
    let lost = fresh_asked - fresh_answered.min(fresh_asked);
    let behind = socket.beyond > 0;
    if fresh_asked >= FEW {
        let fine = lost <= 1 || Facts::share(lost, fresh_asked) <= FRESH_LOSS;
        let sure = fresh_asked >= MANY || behind;
        return (fine && fresh_answered > 0).then_some((if sure { 0.85 } else { 0.6 }, true));
    }
    if fresh_asked > fresh_answered || socket.answered == 0 {
        return None;
    }
    let later = |served: &Served| served.answers.last > period.first.plus(STUCK);
    let others = here.answered - pair.all().answered >= FEW && later(here);
    // At the ENI the backend's own address is asked, and all fresh ports ask other ones.
    let elsewhere = here.answers.last <= period.first.plus(LEAVING) && later(cluster);
    match () {
        () if others && behind => Some((0.85, false)),
        () if others || elsewhere => Some((0.6, false)),
        () => None,
    }
}

/// Whether stuck sockets are all that is wrong with a client's silence. What they asked before they were known to be
/// in use for longer is not counted with them.
pub(super) fn explains(stuck: &[Stuck<'_>], client: Address, silent: u64) -> bool {
    /// In this time they are known, and it is twice what it takes.
    const KNOWN: f64 = 2.0;
    let own = || stuck.iter().filter(|stuck| stuck.pair.client == client);
    let lost: u64 = own().map(|stuck| stuck.socket.unanswered).sum();
    let pace = |silence: Silence| silence.asked as f64 / silence.length().as_secs_f64();
    let before: f64 = own().map(|stuck| FEW as f64 + KNOWN * pace(stuck.silence)).sum();
    let others = silent.saturating_sub(lost);
    lost > 0 && (others as f64 <= before || Facts::share(others, silent) <= FRESH_LOSS)
}

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let found = stuck(facts);
    let confidence = found.iter().map(|stuck| stuck.confidence).max_by(f64::total_cmp)?;
    let period = Period::of(found.iter().map(|stuck| stuck.silence.period));
    let clients = sorted(found.iter().map(|stuck| stuck.pair.client));
    let servers = sorted(found.iter().map(|stuck| stuck.pair.server));
    let backends: Vec<Address> =
        sorted(found.iter().filter(|s| s.socket.beyond > 0).map(|stuck| stuck.socket.backend));
    let asked: u64 = found.iter().map(|stuck| stuck.silence.asked).sum();
    let longest = found.iter().map(|stuck| stuck.silence.length()).max()?.as_secs_f64();
    let (fresh_asked, fresh_answered) = found.iter().fold((0, 0), |(asked, answered), stuck| {
        (asked + stuck.silence.fresh_asked, answered + stuck.silence.fresh_answered)
    });
    let compared = found.iter().any(|stuck| stuck.compared);
    let severity = if compared { Severity::Medium } else { Severity::High };
    let ports: Vec<String> =
        found.iter().take(8).map(|stuck| stuck.socket.port.to_string()).collect();
    let others = if compared {
        "their fresh ports are answered"
    } else {
        "others are answered, and they were before"
    };
    let mut finding = CAUSE
        .finding(severity, facts.capped(confidence), period)
        .about(Scope::between(&clients, &servers))
        .explaining(asked)
        .saying(format!(
            "{} of {} {} no answer from {} for up to {longest:.0} s ({asked} questions), while \
             {others}.",
            words::counted(found.len() as u64, "long-lived port"),
            filter::words(&clients),
            words::verb(found.len() as u64, "gets", "get"),
            filter::words(&servers),
        ))
        .shown_by(
            Evidence::new(
                "stuck_ports",
                found.len() as f64,
                "count",
                format!(
                    "{asked} questions in a row from {} {} (of {}) had no answer.",
                    words::verb(found.len() as u64, "port", "ports"),
                    ports.join(", "),
                    filter::words(&clients),
                ),
            )
            .at(found.iter().flat_map(|stuck| stuck.silence.frames.iter()))
            .filter(format!(
                "udp.port in {{{}}} && {}",
                ports.join(", "),
                filter::with(&clients)
            )),
        );
    if compared {
        finding = finding.shown_by(Evidence::new(
            "fresh_ports_answered",
            Facts::share(fresh_answered.min(fresh_asked), fresh_asked),
            "ratio",
            format!(
                "In that time {} of {fresh_asked} questions from fresh ports of the same clients were \
                 answered.",
                fresh_answered.min(fresh_asked)
            ),
        ));
    }
    if !backends.is_empty() {
        finding = finding.shown_by(
            Evidence::new(
                "stuck_to_backend",
                backends.len() as f64,
                "count",
                format!(
                    "Behind the DNAT these questions go to {}, which answers nobody in that time.",
                    filter::words(&backends)
                ),
            )
            .filter(format!("dns && {}", filter::to(&backends))),
        );
    }
    Some(if compared {
        finding
            .rather_than(
                "coredns_backend_gone",
                "fresh ports are spread over all backends and are answered",
            )
            .rather_than("client_egress_dropped", "the same clients are answered on other ports")
    } else {
        finding.rather_than(
            "client_egress_dropped",
            "not excluded: the client has no other port here; a look-up from a new socket (`dig` in the \
             pod) settles it",
        )
    })
}

#[cfg(test)]
mod tests;
