//! With `--kube` no address that it knows stands bare in the text report, wherever it comes from; what
//! programs read keeps its addresses.

use super::cluster::{Cluster, Known};
use super::{Ask, Maker, Refusal, Reply, SEEDS, Story, View, What};
use crate::forge::{ms, secs};
use crate::report::{Format, Options, write};

/// What becomes of a question: faults that name clients, servers, upstreams and senders.
type Fate = fn(&Ask<'_>, bool) -> Reply;

const FATES: [Fate; 6] = [
    |ask, _| ask.healthy(),
    |ask, _| if ask.client == 0 { Reply::lost(1) } else { ask.healthy() },
    |ask, _| if ask.backend == 0 && ask.time > secs(10) { Reply::lost(3) } else { ask.healthy() },
    |ask, _| ask.upstream_cut(2, true),
    |ask, _| {
        if ask.client == 0 { ask.says(What::Refused(Maker::Forwarder)) } else { ask.healthy() }
    },
    |_, v6| Reply::refused(Refusal::Node(if v6 { (1, 4) } else { (3, 3) }), ms(1)),
];

/// Lines that are for programs: filters, and commands.
fn is_for_programs(line: &str) -> bool {
    let line = line.trim_start();
    ["filter: ", "kubectl ", "sudo ", "dig ", "aws "].iter().any(|start| line.starts_with(start))
}

/// The text as one line, so that no name is torn from its address.
fn joined(text: &str) -> String {
    let lines = text.lines().filter(|line| !is_for_programs(line));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// Where an address stands without its name.
fn bare(text: &str, address: &str, name: &str) -> Vec<String> {
    let inside = |c: char| c.is_ascii_alphanumeric() || ".:/".contains(c);
    let found = text.match_indices(address).filter(|&(at, _)| {
        let (before, after) = (&text[..at], &text[at + address.len()..]);
        let mut end = after.chars();
        // A full stop or a colon of the sentence ends the address.
        let goes_on = match (end.next(), end.next()) {
            (Some('.' | ':'), next) | (next, _) => next.is_some_and(inside),
        };
        let alone = !before.ends_with(inside) && !goes_on;
        let named = before.ends_with(&format!("{name} ("))
            || before.ends_with(&format!("{name} has "))
            || after.starts_with(&format!(" is {name}"));
        // The table of senders has no room: their names stand below it.
        let listed = text.contains(&format!("{address} is {name}"));
        let rows = text.find(" limit head-room").is_some_and(|rows| rows < at);
        alone && !named && !(listed && rows)
    });
    found.map(|(at, _)| text[at.saturating_sub(60)..].chars().take(120).collect()).collect()
}

#[test]
fn no_known_address_stands_bare() {
    let mut seen = 0;
    for seed in SEEDS {
        for view in View::ALL {
            let fate = FATES[(seed as usize + view as usize) % FATES.len()];
            let mut story = Story::new(seed, view, 4);
            let v6 = story.service.is_ipv6();
            story.background(ms(0), secs(40), 12.0, &mut |ask| fate(ask, v6));
            story.settle(secs(70));
            let cluster = Cluster::of(&story);
            let judged = Known::kube(&cluster).judge(story.file());
            for width in [80, 100] {
                let mut text = Vec::new();
                let options = Options { width, ..Options::default() };
                write(&judged.0, Format::Text, &options, &mut text).unwrap();
                let text = joined(&String::from_utf8(text).unwrap());
                let pods = cluster.clients.iter().chain(&cluster.dns);
                let mut known: Vec<(String, String)> = pods
                    .map(|p| (p.address.to_string(), format!("{}/{}", p.namespace, p.name)))
                    .collect();
                known.push((story.service.to_string(), "service kube-system/kube-dns".to_owned()));
                known.push((story.node.to_string(), "node one".to_owned()));
                for (address, name) in known {
                    let bare = bare(&text, &address, &name);
                    assert!(bare.is_empty(), "{seed} {view:?}: {name}: {bare:#?}\n{text}");
                    seen += usize::from(text.contains(&address));
                }
            }
            // What programs read.
            for finding in &judged.0.findings {
                let scope = &finding.scope;
                for address in scope.clients.iter().chain(&scope.servers) {
                    assert!(address.parse::<std::net::IpAddr>().is_ok(), "{address}");
                }
            }
            for rate in &judged.0.traffic.resolver_pps {
                assert!(rate.source.as_ref().is_none_or(|source| !source.contains('/')));
            }
        }
    }
    assert!(seen > 50, "little was looked at: {seen}");
}

#[test]
fn without_a_list_addresses_are_all_there_is() {
    let mut story = Story::new(2, View::Pod, 1);
    story.healthy(secs(20), 8.0);
    let mut text = Vec::new();
    write(&story.judge().0, Format::Text, &Options::default(), &mut text).unwrap();
    let text = joined(&String::from_utf8(text).unwrap());
    assert!(text.contains(&format!("Taken: in the client {} or", story.clients[0])), "{text}");
}

/// One who sends by a link-layer address is named below the table.
#[test]
fn links_are_told_by_who_sends_by_them() {
    let mut story = Story::new(1, View::Pod, 1);
    story.healthy(secs(20), 8.0);
    let judged = Known::kube(&Cluster::of(&story)).judge(story.file());
    let mut text = Vec::new();
    write(&judged.0, Format::Text, &Options::default(), &mut text).unwrap();
    let text = joined(&String::from_utf8(text).unwrap());
    let link = judged.0.traffic.resolver_pps[0].source.as_ref().unwrap();
    assert!(link.matches(':').count() == 5, "{link}");
    let told = format!("shop/cart-0 ({}) sends by {link}", story.clients[0]);
    assert!(text.contains(&told), "{told}: {text}");
}
