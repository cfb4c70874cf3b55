use crate::context::Kernel;
use crate::context::kernel::{Counter, Place};
use crate::forge::{START, ms, secs};
use crate::model::Timestamp;
use crate::verdict::tests::{Known, Reply, Seen, Story, Stub, View, race};
use crate::verdict::{Finding, Status};

/// A node read once a second for so long; each counter rises by what its function says of a second.
fn node(seconds: u64, rises: &[(Counter, &dyn Fn(u64) -> u64)], table: (u64, u64)) -> Kernel {
    let mut place = Place::new("");
    let mut sums: Vec<u64> = rises.iter().map(|_| 1_000).collect();
    for second in 0..=seconds {
        let time = Timestamp((START + secs(second)).as_nanos() as i64);
        for ((counter, rise), sum) in rises.iter().zip(&mut sums) {
            *sum += if second == 0 { 0 } else { rise(second - 1) };
            place.read(*counter, time, *sum);
        }
        place.read_table(table.0, table.1);
    }
    Kernel { places: vec![place], absent: Vec::new() }
}

const NONE: &dyn Fn(u64) -> u64 = &|_| 0;

fn percent(finding: &Finding) -> u64 {
    (finding.confidence * 100.0).round() as u64
}

fn alternative<'a>(finding: &'a Finding, cause: &str) -> &'a str {
    let found = finding.alternatives.iter().find(|other| other.cause == cause);
    found.map_or("", |other| &other.why_less_likely)
}

/// A race that strikes in some twenty seconds of two minutes.
fn racing(story: &mut Story) -> std::ops::Range<std::time::Duration> {
    story.stubs[0] = Stub::Glibc;
    let bad = secs(40)..secs(60);
    let mut fate = race(story, 0.4);
    let when = bad.clone();
    story.background(ms(0), secs(120), 10.0, &mut |ask| {
        let reply = fate(ask);
        if when.contains(&ask.time) { reply } else { ask.healthy() }
    });
    story.settle(secs(150));
    bad
}

/// Losses here and there, in this time.
fn losing(story: &mut Story, bad: std::ops::Range<u64>, share: f64) {
    story.background(ms(0), secs(120), 14.0, &mut |ask| {
        let within = (secs(bad.start)..secs(bad.end)).contains(&ask.time);
        if within && ask.luck() < share {
            Reply { reach: 1 + (ask.luck() * 80.0) as u8 % 5, ..ask.healthy() }
        } else {
            ask.healthy()
        }
    });
    story.settle(secs(150));
}

fn with(story: &Story, kernel: Kernel) -> Seen {
    Known::kernel(kernel).judge(story.file())
}

#[test]
fn insert_failed_confirms_the_race_in_its_seconds_and_excludes_it_where_it_stays() {
    let mut told = 0;
    Story::each(&[View::Node], 3..=6, |story| {
        racing(story);
        let plain = story.judge();
        let Some(before) = plain.find("conntrack_dnat_race").map(percent) else { return };
        assert!(!plain.words().contains("live:"));
        told += 1;

        let bad = |second: u64| u64::from((40..60).contains(&second)) * 20;
        let seen = with(story, node(150, &[(Counter::InsertFailed, &bad)], (500, 262_144)));
        let finding = seen.is("conntrack_dnat_race");
        assert_eq!(percent(finding), 95, "{}", seen.words());
        assert!(seen.words().contains("rose by 400 in the very seconds"), "{}", seen.words());

        // All the time: it fits, and is tied to nothing.
        let seen = with(story, node(150, &[(Counter::InsertFailed, &|_| 5)], (500, 262_144)));
        assert_eq!(percent(seen.is("conntrack_dnat_race")), before.max(90), "{}", seen.words());

        // Long after the last loss.
        let late = |second: u64| u64::from(second > 110) * 20;
        let seen = with(story, node(150, &[(Counter::InsertFailed, &late)], (500, 262_144)));
        assert_eq!(percent(seen.is("conntrack_dnat_race")), 60, "{}", seen.words());

        // Fewer than were lost.
        let one = |second: u64| u64::from(second == 50);
        let seen = with(story, node(150, &[(Counter::InsertFailed, &one)], (500, 262_144)));
        assert_eq!(percent(seen.is("conntrack_dnat_race")), before, "{}", seen.words());

        let counters = [(Counter::InsertFailed, NONE), (Counter::ClashResolve, &|_| 3)];
        let seen = with(story, node(150, &counters, (500, 262_144)));
        assert_eq!(percent(seen.is("conntrack_dnat_race")), 30, "{}", seen.words());
        assert!(seen.words().contains("settled 450 races without a loss"), "{}", seen.words());

        // No connection is tracked here, or nobody was asked: nothing is known.
        for kernel in [node(150, &[(Counter::InsertFailed, NONE)], (0, 262_144)), Kernel::default()]
        {
            let seen = with(story, kernel);
            assert_eq!(percent(seen.is("conntrack_dnat_race")), before, "{}", seen.words());
            assert!(seen.words().contains("is not known"), "{}", seen.words());
        }
    });
    assert!(told > 2, "{told}");
}

#[test]
fn losses_without_a_pattern_learn_what_the_node_did_not_drop() {
    let mut told = 0;
    Story::each(&[View::Node], 4..=8, |story| {
        losing(story, 0..120, 0.06);
        let counters =
            [(Counter::InsertFailed, NONE), (Counter::Drop, NONE), (Counter::EarlyDrop, NONE)];
        let seen = with(story, node(150, &counters, (500, 262_144)));
        let Some(finding) = seen.find("random_loss") else { return };
        told += 1;
        assert!(alternative(finding, "conntrack_dnat_race").starts_with("excluded"));
        assert!(seen.words().contains("conntrack table had room"), "{}", seen.words());
        assert_eq!(percent(finding), percent(story.judge().is("random_loss")));
    });
    assert!(told > 2, "{told}");
}

#[test]
fn a_full_table_is_named_beside_losses_without_a_pattern() {
    let mut told = 0;
    Story::each(&[View::Node], 4..=8, |story| {
        losing(story, 0..120, 0.06);
        let counters = [
            (Counter::InsertFailed, NONE),
            (Counter::Drop, &|_| 40),
            (Counter::EarlyDrop, &|_| 2),
            (Counter::UdpRcvbufErrors, &|second| u64::from(second == 9)),
        ];
        let seen = with(story, node(150, &counters, (262_144, 262_144)));
        if seen.find("random_loss").is_none() {
            return;
        }
        told += 1;
        let words = seen.words();
        assert!(words.contains("UdpRcvbufErrors rose by 1"), "{words}");
        assert!(words.contains("dropped 6300 packets") && words.contains("was full"), "{words}");
    });
    assert!(told > 2, "{told}");
}

/// Twenty seconds in which the table is full: no cause has a name for it, and the verdict tells it.
#[test]
fn losses_that_nothing_explains_are_told_with_what_the_node_dropped() {
    let mut told = 0;
    Story::each(&[View::Pod], 1..=2, |story| {
        losing(story, 50..70, 0.5);
        if story.judge().status() != Status::Inconclusive {
            return;
        }
        told += 1;
        let bad = |second: u64| u64::from((50..70).contains(&second)) * 9;
        let counters =
            [(Counter::Drop, &bad as &dyn Fn(u64) -> u64), (Counter::InsertFailed, NONE)];
        let seen = with(story, node(150, &counters, (262_100, 262_144)));
        assert_eq!(seen.status(), Status::Inconclusive);
        let summary = &seen.0.verdict.summary;
        assert!(summary.contains("dropped 180 packets for want of room in the very"), "{summary}");
        assert!(summary.contains("The table was full"), "{summary}");
        // At another time it has nothing to do with them.
        let late = |second: u64| u64::from(second > 110) * 9;
        let counters =
            [(Counter::Drop, &late as &dyn Fn(u64) -> u64), (Counter::InsertFailed, NONE)];
        let seen = with(story, node(150, &counters, (262_100, 262_144)));
        assert!(!seen.0.verdict.summary.contains("conntrack"), "{}", seen.0.verdict.summary);
    });
    assert!(told > 2, "{told}");
}

#[test]
fn counters_without_trouble_are_no_fault() {
    Story::each(&View::ALL, 3..=5, |story| {
        story.healthy(secs(20), 8.0);
        let counters: Vec<_> =
            Counter::ALL.iter().map(|&c| (c, &(|_| 50_u64) as &dyn Fn(u64) -> u64)).collect();
        with(story, node(20, &counters, (9, 10))).is_healthy();
    });
}
