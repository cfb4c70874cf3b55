//! An overload in figures: each server's load, and what goes with it.

use super::{HOT_SPOT, Overload, asking, words};
use crate::aggregate::Load;
use crate::model::{Address, Span};
use crate::verdict::load::Side;
use crate::verdict::silence::by_client;
use crate::verdict::{Evidence, Facts, filter};

/// Servers and clients described one by one.
pub(super) const SERVERS: usize = 4;
const TALKERS: usize = 3;

/// A latency in milliseconds.
pub(super) fn millis(delay: Span) -> String {
    let millis = delay.as_secs_f64() * 1e3;
    if millis < 10.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// What is lost, if anything.
pub(super) fn losing(side: &Side) -> String {
    match side.load.lost {
        0 => String::new(),
        _ => format!(" and {} are lost", words::percent(side.lost())),
    }
}

/// How one server does.
pub(super) fn server(one: &Overload<'_>) -> Evidence {
    let Overload { row, quiet, busy } = one;
    let side = |side: &Side| {
        format!(
            "at {:.0} questions/s 95 % of the cluster's names within {}, {} slower than 50 ms, {} lost",
            side.rate,
            millis(side.p95()),
            words::percent(side.slow()),
            words::percent(side.lost())
        )
    };
    let rest = quiet.as_ref().map(|quiet| format!("; {}", side(quiet))).unwrap_or_default();
    let text = format!("{}: {}{rest}; {}.", row.address, side(busy), outside(&row.external));
    Evidence::new("latency_p95_under_load", busy.p95().as_micros() as f64, "us", text)
        .at(row.slow_frames.iter())
        .filter(format!("dns.time > 0.05 && {}", filter::from(&[row.address])))
}

fn outside(load: &Load) -> String {
    if load.answered == 0 {
        return "no names outside were asked".to_owned();
    }
    let p95 = load.spread.quantile(0.95);
    format!("names outside: 95 % within {}, {} lost", millis(p95), load.lost)
}

/// What else shows it or goes with it.
pub(super) fn beside(facts: &Facts<'_>, overloaded: &[Overload<'_>]) -> Vec<Evidence> {
    let addresses: Vec<Address> = overloaded.iter().map(|one| one.row.address).collect();
    [stalls(overloaded), share(facts, &addresses), others(facts, &addresses)]
        .into_iter()
        .chain([gave_up(facts, &addresses), talkers(facts, &addresses)])
        .flatten()
        .collect()
}

/// Answers in bursts with pauses between: the processor was taken away.
fn stalls(overloaded: &[Overload<'_>]) -> Option<Evidence> {
    /// A few are chance.
    const MANY: u64 = 10;
    let count: u64 = overloaded.iter().map(|one| one.row.stalls.0).sum();
    let whole: i64 = overloaded.iter().map(|one| one.row.stalls.1.0).sum();
    let mean = Span(whole / (count as i64).max(1));
    (count >= MANY).then(|| {
        Evidence::new("stalls", count as f64, "count", format!(
            "{count} times nothing was answered for some {} while questions waited, then several at \
             once: a CPU limit does so, its quota comes every 100 ms.",
            millis(mean)
        ))
    })
}

/// How the questions are shared among the servers that answer the same clients.
fn share(facts: &Facts<'_>, overloaded: &[Address]) -> Option<Evidence> {
    let rows = super::servers(facts);
    let asked = |address: Address| facts.aggregate.counting.server(address).map_or(0, |s| s.asked);
    let all: u64 = rows.iter().map(|row| asked(row.address)).sum();
    let (most, address) = rows.iter().map(|row| (asked(row.address), row.address)).max()?;
    let share = Facts::share(most, all);
    let hot = rows.len() > 1 && share > HOT_SPOT && overloaded.contains(&address);
    hot.then(|| {
        Evidence::new("hot_spot_share", share, "ratio", format!(
            "{address} gets {} of the questions to {} servers: the load is not spread, more replicas alone \
             would not help.",
            words::percent(share),
            rows.len()
        ))
    })
}

/// Servers that follow their load.
fn others(facts: &Facts<'_>, overloaded: &[Address]) -> Option<Evidence> {
    let rows = super::servers(facts);
    let fine: Vec<Address> =
        rows.iter().map(|row| row.address).filter(|one| !overloaded.contains(one)).collect();
    (!fine.is_empty()).then(|| {
        Evidence::new(
            "servers_that_follow",
            fine.len() as f64,
            "count",
            format!(
                "{} {} as quickly as ever in the same capture.",
                filter::words(&fine),
                filter::verb(&fine, "answers", "answer")
            ),
        )
    })
}

/// Clients that did not wait for the answer that came.
fn gave_up(facts: &Facts<'_>, overloaded: &[Address]) -> Option<Evidence> {
    let pairs = asking(facts, overloaded);
    let again: u64 = pairs.iter().map(|pair| pair.rare().rescued).sum();
    let unwanted = facts.aggregate.counting.totals.unwanted;
    (again + unwanted > 0).then(|| {
        Evidence::new("client_gave_up_early", (again + unwanted) as f64, "count", format!(
            "{} were answered only after the client had asked again, and clients refused {} (ICMP) that \
             came too late: their retries add to the load.",
            words::counted(again, "question"),
            words::counted(unwanted, "answer")
        ))
        .filter("dns.retransmit_request || icmp.code == 3 && udp.srcport == 53".to_owned())
    })
}

/// Who asks most.
fn talkers(facts: &Facts<'_>, overloaded: &[Address]) -> Option<Evidence> {
    let mut clients = by_client(asking(facts, overloaded).into_iter());
    let all: u64 = clients.iter().map(|client| client.all.sent).sum();
    clients.sort_by_key(|client| (std::cmp::Reverse(client.all.sent), client.address));
    let list: Vec<String> = clients
        .iter()
        .take(TALKERS)
        .map(|client| {
            let kind = facts.stub(client.address).map(|kind| format!(", {}", kind.name()));
            let share = words::percent(Facts::share(client.all.sent, all));
            format!("{} ({share}{})", client.address, kind.unwrap_or_default())
        })
        .collect();
    let first = clients.first()?;
    let addresses: Vec<Address> = clients.iter().take(TALKERS).map(|c| c.address).collect();
    Some(
        Evidence::new(
            "top_talker_share",
            Facts::share(first.all.sent, all),
            "ratio",
            format!(
                "{} ask; most: {}.",
                words::counted(clients.len() as u64, "client"),
                list.join(", ")
            ),
        )
        .filter(format!("dns && {}", filter::from(&addresses))),
    )
}
