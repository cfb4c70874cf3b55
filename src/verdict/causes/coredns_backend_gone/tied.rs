//! A backend that is silent behind a Service whose backends are not seen: some ports lose all they ask,
//! and what is sent again from them, while the same clients are answered on others.

use super::super::{
    conntrack_allowance_exceeded, coredns_overload, dns_forwarding_loop, nodelocaldns_down,
    stale_conntrack_udp, upstream_slow, upstream_unreachable,
};
use super::CAUSE;
use super::backends::is_likely;
use crate::aggregate::{Lapse, Pair, Period, Resent, Tally};
use crate::model::{Address, Span, Timestamp};
use crate::verdict::addresses::{are_near, clients, holds};
use crate::verdict::chance::at_most_of;
use crate::verdict::silence::{Sum, by_server};
use crate::verdict::{Evidence, FEW, Facts, Finding, Scope, Severity, filter, words};

/// So often chance may make it of loss that strikes packet by packet. A and AAAA of one port go the same
/// way, and are one throw.
const CHANCE: f64 = 0.01;

/// So few throws say nothing, however little is lost: five pairs of questions.
const THROWS: u64 = 5;

/// A client that has one lookup at a time is answered by none while one is lost, as if all were cut off. But what
/// cuts off ends when it likes: as often before a question is sent again, which is answered then, as before
/// the client gives up and asks from another port. That it never ends before that is chance so often.
const NEVER_BEFORE: f64 = 0.02;

/// Clients that are cut off together fall silent within a stub resolver's timer: who asks later asks again when
/// it is over. These silences are one throw.
const TOGETHER: Span = Span::from_secs(5);

/// Of what is sent again so much may be answered: from ports that are let go when the endpoint is
/// removed.
const LET_GO: f64 = 0.2;

/// Before so much of what is sent again, as a share, fresh ports were answered since the last time: else something
/// stops all new ports for half a minute and more, or more would be let go, and spares old ones. Of who has one lookup
/// at a time it is a quarter, with three tries each.
const AMID: f64 = 0.15;

/// Clients that ask for both families lose both: of what is lost each has this share at least.
const EACH_FAMILY: f64 = 0.3;

/// Such clients send at least this share of their questions in pairs of A and AAAA.
const PAIRED: f64 = 0.5;

/// Names of the cluster lose at least this part of what all lose, as shares, and so do names outside: a port does
/// not care what is asked, a dead upstream does, or a server that hangs over its own zone.
const EVEN: f64 = 0.4;

/// Where so few losses were due among names outside, none of them says nothing.
const DUE: f64 = 5.0;

/// What is lost behind one Service.
pub(in super::super) struct Tied<'a> {
    service: Address,
    pairs: Vec<&'a Pair>,
    resent: Resent,
    lost: u64,
    asked: u64,
}

/// The Service of which one backend seems to be silent.
pub(in super::super) fn tied<'a>(facts: &'a Facts<'_>) -> Option<Tied<'a>> {
    let in_vain: u64 = facts.client_pairs().map(|pair| pair.rare().resent.in_vain).sum();
    let otherwise = in_vain < 2 * FEW
        || facts.one_sided()
        || coredns_overload::CAUSE.detected(facts)
        // What such a socket asks before it is known for one comes from a fresh port, as far as that is known.
        || stale_conntrack_udp::CAUSE.detected(facts)
        || conntrack_allowance_exceeded::explains(facts)
        || dns_forwarding_loop::detected(facts)
        || upstream_unreachable::CAUSE.detected(facts)
        || upstream_slow::CAUSE.detected(facts);
    if otherwise {
        return None;
    }
    let servers = by_server(facts.client_pairs());
    let found = servers.iter().filter_map(|server| Some((server, judge(facts, server)?)));
    let found = found.filter(|(server, _)| stands_alone(server, &servers));
    found.map(|(_, tied)| tied).max_by_key(|tied| (tied.resent.in_vain, tied.service))
}

/// Whether it may be a Service's address: one beside those of its clients, and nobody else answers them names
/// of the cluster. Else these are the backends themselves.
fn stands_alone(server: &Sum<'_>, all: &[Sum<'_>]) -> bool {
    if server.pairs.iter().any(|pair| are_near(pair.client, server.address)) {
        return false;
    }
    let askers = clients(&server.pairs);
    let asks = |client| holds(&askers, client);
    let others = all.iter().filter(|other| other.address != server.address);
    let mut others = others.flat_map(|other| &other.pairs);
    !others.any(|pair| pair.cluster().answered > 0 && asks(pair.client))
}

fn judge<'a>(facts: &Facts<'_>, service: &Sum<'a>) -> Option<Tied<'a>> {
    let seen = service.pairs.iter().any(|pair| pair.translated > 0 || pair.refused() > 0);
    if seen || service.cluster.answered < FEW || nodelocaldns_down::explains(facts, service.address)
    {
        return None;
    }
    let (mut resent, mut twins) = (Resent::default(), 0);
    for pair in &service.pairs {
        resent.add(&pair.rare().resent);
        twins += pair.twins;
    }
    if resent.in_vain < 2 * FEW {
        return None;
    }
    let (lost, asked) = then(facts, resent.period);
    let rate = Facts::share(lost, asked).max(Facts::share(service.silent, service.all.sent));
    let sticks = Facts::share(resent.answered, resent.in_vain) <= LET_GO
        && Facts::share(resent.amid_fresh, resent.queries) >= AMID
        && (is_lost_amid_answers(&resent, rate) || is_never_rescued(service));
    let v6 = Facts::share(resent.in_vain_v6, resent.in_vain);
    let paired = Facts::share(twins, service.all.sent) >= PAIRED;
    let whole = !paired || (EACH_FAMILY..=1.0 - EACH_FAMILY).contains(&v6);
    let share = Facts::share(service.all.unanswered, service.all.sent);
    let loses = |part: Tally| Facts::share(part.unanswered, part.sent) >= EVEN * share;
    let even = resent.in_vain_cluster >= FEW
        && loses(service.cluster)
        && (service.external.sent as f64 * share < DUE || loses(service.external));
    let pairs: Vec<&Pair> =
        service.pairs.iter().copied().filter(|pair| pair.silent() > 0).collect();
    (sticks && whole && even).then_some(Tied {
        service: service.address,
        pairs,
        resent,
        lost,
        asked,
    })
}

/// Whether what is sent again while others are answered is lost again, more than chance has it.
fn is_lost_amid_answers(resent: &Resent, rate: f64) -> bool {
    let (in_vain, let_go) = (resent.in_vain_amid / 2, resent.answered_amid / 2);
    in_vain >= THROWS && at_most_of(let_go, in_vain + let_go, 1.0 - rate) < CHANCE
}

/// Whether silences that end in the capture end for a new port, each time, and not for what is sent again.
fn is_never_rescued(service: &Sum<'_>) -> bool {
    let mut silences: Vec<(Timestamp, bool)> = Vec::new();
    for pair in &service.pairs {
        let over = |lapse: &&Lapse| pair.answers.last > lapse.losses.last;
        let ended = pair.lapses.iter().filter(over);
        silences.extend(ended.map(|lapse| (lapse.losses.first, lapse.rescued > 0)));
    }
    silences.sort_unstable();
    let (mut throws, mut rescued, mut since) = (0, 0, None);
    for (time, again) in silences {
        if since.is_none_or(|since| time.since(since) > TOGETHER) {
            (throws, since) = (throws + 1, Some(time));
        }
        rescued += u64::from(again);
    }
    at_most_of(rescued.min(throws), throws, 0.5) < NEVER_BEFORE
}

/// What was lost, and asked, in this time.
fn then(facts: &Facts<'_>, time: Period) -> (u64, u64) {
    let bins = facts.aggregate.counting.timeline.within(time);
    bins.fold((0, 0), |(lost, asked), bin| {
        (lost + u64::from(bin.unanswered) + u64::from(bin.rescued), asked + u64::from(bin.asked))
    })
}

impl Tied<'_> {
    /// Whether what a client lost in a row in this time may all have gone to the silent backend by chance:
    /// one of two at least, or what share is lost.
    pub(in super::super) fn explains(&self, losses: Period, questions: u64) -> bool {
        let share = f64::max(Facts::share(self.lost, self.asked), 0.5);
        losses.overlaps(self.resent.period) && is_likely(share, questions)
    }

    pub(super) fn finding(&self, facts: &Facts<'_>) -> Finding {
        let Tied { service, resent, .. } = self;
        let losers = clients(&self.pairs);
        let lost: u64 = self.pairs.iter().map(|pair| pair.silent()).sum();
        let share = Facts::share(self.lost, self.asked);
        CAUSE
            .finding(Severity::Medium, facts.capped(0.5), resent.period)
            .about(Scope::between(&losers, &[*service]))
            .explaining(lost)
            .saying(format!(
                "One of the backends behind {service} seems to be silent: of {} that had no answer from a fresh \
                 port, {} had none either when they were sent again from that port, while the same clients \
                 are answered on others. {} of what was asked in that time was lost.",
                words::counted(resent.in_vain + resent.answered, "question"),
                if resent.answered == 0 { "all".to_owned() } else { resent.in_vain.to_string() },
                words::percent(share),
            ))
            .shown_by(
                Evidence::new(
                    "resent_in_vain",
                    resent.in_vain as f64,
                    "count",
                    format!(
                        "{} sent again from the same port and lost again, {} answered then; of packets that \
                         are lost one by one, {} would have been answered.",
                        words::counted(resent.in_vain, "question"),
                        resent.answered,
                        words::percent(1.0 - share),
                    ),
                )
                .at(resent.frames.iter())
                .filter(format!("dns && {}", filter::with(&[*service]))),
            )
            .rather_than("random_loss", "what is sent again from such a port is lost again")
            .rather_than("client_egress_dropped", "the same clients are answered on other ports meanwhile")
            .rather_than("stale_conntrack_udp", "fresh ports are struck, not long-lived ones")
            .rather_than(
                "conntrack_allowance_exceeded",
                "not excluded: ENA's counters tell (`ethtool -S eth0`), and so would a rule that is tied to \
                 source ports (a network ACL), or a path that is chosen by them",
            )
    }
}
