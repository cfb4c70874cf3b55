//! Findings show one of their responses in full.

use std::io::Cursor;
use std::num::NonZeroUsize;

use dnspect::capture;
use dnspect::config::Config;
use dnspect::verdict::Evidence;

use crate::forge::*;

const SERVER: &str = "10.96.0.10";

/// The samples of a story's findings, by cause; the same for any number of threads.
fn samples(story: &Capture) -> Vec<(&'static str, Evidence)> {
    let one = samples_by(story, NonZeroUsize::MIN);
    let four = samples_by(story, NonZeroUsize::MIN.saturating_add(3));
    assert_eq!(one, four);
    one
}

fn samples_by(story: &Capture, threads: NonZeroUsize) -> Vec<(&'static str, Evidence)> {
    let config = Config { threads, ..Config::default() };
    let options =
        capture::Options { threads: threads.get(), block_size: 512, ..capture::Options::default() };
    let source = Box::new(Cursor::new(story.pcapng()));
    let source = capture::open_reader("story", source, &options).unwrap();
    let document = dnspect::analyse_blocks(&*source, &config, &mut |_, _, _| {}).unwrap();
    let shown = document.findings.into_iter().flat_map(|finding| {
        let samples = finding.evidence.into_iter().filter(|one| one.metric == "sample_response");
        samples.map(move |sample| (finding.cause, sample))
    });
    shown.collect()
}

/// SERVFAILs to so many questions of one client, each after `wait`, beside names of the cluster.
fn failing(count: u64, wait: std::time::Duration) -> Capture {
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..count {
        let client = format!("10.244.1.7:{}", 40_000 + n);
        let name = format!("n{n}.example.com");
        let asked = query(name.as_str(), A).id(n as u16);
        let failed = response(&asked).without(dns::RA).servfail();
        let failed = failed.extended_error(22, "no \"upstream\"\x1b[2J");
        story.at(ms(100 * n)).message(client.as_str(), SERVER, &asked);
        story.after(wait).message(SERVER, client.as_str(), &failed).at(ms(100 * n + 10)).ask(
            format!("10.244.1.7:{}", 50_000 + n).as_str(),
            SERVER,
            "web.default.svc.cluster.local",
            A,
            ms(1),
            Answer::Address("10.96.7.7"),
        );
    }
    story.at(secs(60)).ask(
        "10.244.1.7:9999",
        SERVER,
        "a.svc.cluster.local",
        A,
        ms(1),
        Answer::Nothing,
    );
    story
}

#[test]
fn a_burst_shows_its_first_servfail_with_its_extended_error() {
    let shown = samples(&failing(20, ms(1)));
    let [("servfail_burst", sample)] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!((sample.value as u64, sample.unit.as_str()), (2, "frame"));
    assert_eq!(
        (sample.frames.as_slice(), sample.display_filter.as_str()),
        ([2].as_slice(), "frame.number == 2")
    );
    assert_eq!(
        sample.text,
        "Frame 2 in full: response SERVFAIL, ID 0x0000, flags RD; question n0.example.com A; \
         answer empty; EDNS 1232 octets, extended error 22 (No Reachable Authority): \
         \"no \\\"upstream\\\"\\027[2J\"."
    );
}

#[test]
fn a_few_servfails_show_one() {
    let shown = samples(&failing(4, ms(1)));
    assert!(matches!(shown.as_slice(), [("servfail_transient", _)]), "{shown:?}");
}

#[test]
fn a_forwarder_that_waited_in_vain_shows_what_it_said_then() {
    let shown = samples(&failing(20, secs(2)));
    let [("upstream_unreachable", sample)] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(sample.text.contains("response SERVFAIL"), "{}", sample.text);
}

#[test]
fn a_missing_name_shows_its_own_nxdomain_not_that_of_a_search_step() {
    let mut story = Capture::new(Link::Ethernet);
    let walk = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    for n in 0..6 {
        let client = format!("10.244.1.7:{}", 40_000 + n);
        for (step, zone) in
            walk.iter().map(|zone| format!(".{zone}")).chain([String::new()]).enumerate()
        {
            let name = format!("nosuch.example.com{zone}");
            let no =
                Answer::NxDomain(if zone.is_empty() { "example.com" } else { "cluster.local" });
            story.at(secs(20 * n) + ms(2 * step as u64)).ask(
                client.as_str(),
                SERVER,
                &name,
                A,
                ms(1),
                no,
            );
        }
    }
    let shown = samples(&story);
    let found = shown.iter().find(|(cause, _)| *cause == "name_does_not_exist");
    let (_, sample) = found.unwrap_or_else(|| panic!("{shown:?}"));
    let question = "question nosuch.example.com A; answer empty; authority example.com 30 SOA";
    assert!(sample.text.contains(question), "{}", sample.text);
}
