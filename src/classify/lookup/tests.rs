//! The rules one by one; `tests/regressions/lookups.rs` tells them with packets.

use super::*;
use crate::model::{Capacity, Name, NameHasher, Span, qtype};

fn ask(lookups: &mut Lookups, name: &str, kind: u16, micros: i64) -> (u32, u32) {
    ask_from(lookups, name, kind, micros, micros as u32)
}

fn ask_from(lookups: &mut Lookups, name: &str, kind: u16, micros: i64, socket: u32) -> (u32, u32) {
    let name = Name::from_text(name).0;
    let name_hash = name.iter().fold(7, |hash: u64, &b| hash.wrapping_mul(31) + u64::from(b));
    let time = Timestamp(0).plus(Span::from_micros(micros));
    let question = Question {
        client: 0,
        name: &name,
        name_hash,
        qtype: kind,
        time,
        frame: 1,
        socket,
        server: 0,
    };
    lookups.asked(&question, &mut |_| {})
}

#[test]
fn both_families_of_a_retry_join_the_lookup() {
    // The retry of A must not make that of AAAA, 30 µs later, look too soon.
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    let first = ask(&mut lookups, "a.example", qtype::A, 0);
    for (kind, micros) in [(qtype::AAAA, 30), (qtype::A, 500_000), (qtype::AAAA, 500_030)] {
        assert_eq!(ask(&mut lookups, "a.example", kind, micros), first, "{micros}");
    }
    assert_eq!((lookups.retried(), lookups.timed()), (2, 2));
    ask(&mut lookups, "a.example", qtype::A, 5_504_000);
    assert_eq!((lookups.retried(), lookups.timed()), (3, 3));
}

#[test]
fn a_step_that_no_timer_explains_is_hurried_until_an_answer_is_seen() {
    let steps = ["db.ns.svc.zone", "db.svc.zone", "db.zone"];
    let walk = |lookups: &mut Lookups, start: i64| {
        for (n, name) in steps.iter().enumerate() {
            let at = start + 1_000 * n as i64;
            ask(lookups, name, qtype::A, at);
            ask(lookups, name, qtype::AAAA, at + 10);
        }
    };
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    walk(&mut lookups, 0);
    assert!(lookups.hurried() >= 2);
    let before = lookups.hurried();
    lookups.answered(0, 0, 0, qtype::A, Outcome::Answered, Timestamp(9));
    walk(&mut lookups, 20_000_000);
    assert_eq!(lookups.hurried(), before);
}

/// With `attempts:3`: the third is answered after the client's longest silence, counted from the first.
#[test]
fn a_question_sent_again_keeps_its_lookup_open() {
    for (again, same) in [(true, true), (false, false)] {
        let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
        let first = ask(&mut lookups, "a.ns.svc.zone", qtype::A, 0);
        let hash = lookups.open[first.0 as usize].name_hash;
        let time = |micros| Timestamp(0).plus(Span::from_micros(micros));
        for micros in [5_000_000, 10_000_000].into_iter().filter(|_| again) {
            lookups.resent(first.0, first.1, time(micros));
        }
        let answered = time(12_500_000);
        lookups.answered(first.0, first.1, hash, qtype::A, Outcome::NxDomain, answered);
        let next = ask(&mut lookups, "a.svc.zone", qtype::A, 12_500_100);
        assert_eq!(next == first, same, "{again}");
    }
    // It was given up at 15 s: what comes later is asked for anew.
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    let first = ask(&mut lookups, "a.example", qtype::A, 0);
    lookups.resent(first.0, first.1, Timestamp(0).plus(Span::from_micros(10_000_000)));
    assert_ne!(ask(&mut lookups, "a.example", qtype::A, 15_500_000), first);
}

#[test]
fn the_same_question_at_once_is_another_threads() {
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    let first = ask(&mut lookups, "a.example", qtype::A, 0);
    assert_ne!(ask(&mut lookups, "a.example", qtype::A, 50), first);
}

#[test]
fn the_same_question_seconds_after_a_failure_is_the_applications() {
    for (micros, same) in [(300_000, true), (3_500_000, false)] {
        let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
        let name = "a.example";
        let (slot, generation) = ask(&mut lookups, name, qtype::A, 0);
        let hash = lookups.open[slot as usize].name_hash;
        let failed = Timestamp(0).plus(Span::from_micros(2000));
        lookups.answered(slot, generation, hash, qtype::A, Outcome::ServFail, failed);
        let next = ask(&mut lookups, name, qtype::A, micros);
        assert_eq!(next == (slot, generation), same, "{micros}");
    }
}

/// By its timer musl asks again from the same port with the same ID, though it was answered: with a failure.
#[test]
fn a_timer_after_a_failure_finds_its_lookup_open() {
    for (waited, same) in [(1_500_000, true), (2_500_000, true), (5_500_000, false)] {
        let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
        let (slot, generation) = ask(&mut lookups, "a.example", qtype::A, 0);
        let (hash, socket) = {
            let open = &lookups.open[slot as usize];
            (open.name_hash, open.socket)
        };
        let failed = Timestamp(0).plus(Span::from_micros(1_000));
        lookups.answered(slot, generation, hash, qtype::A, Outcome::ServFail, failed);
        let next = ask_from(&mut lookups, "a.example", qtype::A, waited, socket);
        assert_eq!(next == (slot, generation), same, "{waited}");
    }
}

#[test]
fn a_busy_client_s_lookups_wait_for_their_retries() {
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    let name = |n: i64| format!("backend-{n}.shop.example");
    let places: Vec<_> = (0..2_000).map(|n| ask(&mut lookups, &name(n), qtype::A, n)).collect();
    for (n, &place) in (0..).zip(&places) {
        assert_eq!(ask(&mut lookups, &name(n), qtype::A, 5_000_000 + n), place, "{n}");
    }
    assert_eq!((lookups.overflowed, lookups.open.len()), (0, 2_000));
}

#[test]
fn of_names_that_begin_alike_so_many_are_kept() {
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    let mut places = Vec::new();
    for n in 0..=MAX_ALIKE as i64 + 1 {
        assert_eq!(lookups.overflowed, 0, "{n}");
        places.push(ask(&mut lookups, &format!("www.shop{n}.example"), qtype::A, n));
    }
    // The last one has the first one's place.
    assert_eq!((lookups.overflowed, places[MAX_ALIKE + 1].0), (1, places[0].0));
    assert_eq!(lookups.open.len(), MAX_ALIKE + 1);
}

#[test]
fn who_asks_for_the_same_all_the_time_is_held_against_few_until_others_have_asked() {
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    let mut now = 0;
    let mut most_of = |lookups: &mut Lookups, questions: usize, name: &dyn Fn(usize) -> String| {
        for n in 0..questions {
            now += 1;
            ask(lookups, &name(n), qtype::A, now);
        }
        lookups.open.iter().filter(|open| open.live).count()
    };
    let alike = |n: usize| format!("www.shop{n}.example");
    let (many, few) = (MAX_ALIKE + 1, ALIKE + 1);
    assert_eq!(most_of(&mut lookups, 1_500, &alike), many);
    assert_eq!(most_of(&mut lookups, 1_500, &alike), few);
    most_of(&mut lookups, MAX_PATIENCE / ALIKE, &|n| format!("n{n}.example"));
    most_of(&mut lookups, 900, &alike);
    let key =
        lookups.open.iter().find(|open| open.name.starts_with(b"\x03www")).map(|open| open.key);
    let kept = lookups.open.iter().filter(|open| open.live && Some(open.key) == key).count();
    assert!(kept >= 900, "{kept}");
}

#[test]
fn what_is_over_is_found_while_others_ask() {
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    for n in 0..10_000 {
        let name = format!("n{n}.example");
        let (slot, generation) = ask(&mut lookups, &name, qtype::A, n * 1000);
        let hash = lookups.open[slot as usize].name_hash;
        let time = Timestamp(0).plus(Span::from_micros(n * 1000 + 200));
        lookups.answered(slot, generation, hash, qtype::A, Outcome::Answered, time);
    }
    // An answer without AAAA may be followed by that for 250 ms: 250 are open.
    assert!(lookups.open.len() < 400, "{}", lookups.open.len());
}

#[test]
fn who_goes_on_waiting_is_passed_by_until_that_is_over() {
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    let (slot, generation) = ask(&mut lookups, "a.example", qtype::A, 0);
    let hash = lookups.open[slot as usize].name_hash;
    lookups.answered(slot, generation, hash, qtype::A, Outcome::ServFail, Timestamp(9));
    // Over at 5.2 s, as it seems; then its client asks again.
    lookups.resent(slot, generation, Timestamp(0).plus(Span::from_secs(5)));
    let mut others_ask = |seconds: i64| {
        for n in 0..40 {
            ask(&mut lookups, &format!("s{seconds}n{n}.example"), qtype::A, seconds * 1_000_000);
        }
        lookups.open[slot as usize].generation == generation && lookups.open[slot as usize].live
    };
    assert_eq!([6, 9, 11].map(&mut others_ask), [true, true, false]);
}

#[test]
fn when_there_is_no_room_one_is_closed_and_counted() {
    let mut lookups = Lookups::new(Capacity::default(), NameHasher::with_seed(1));
    let mut closed = 0;
    for n in 0..MAX_OPEN as i64 + 100 {
        ask(&mut lookups, &format!("n{n}.example"), qtype::A, n);
        closed = n + 1 - lookups.open.iter().filter(|open| open.live).count() as i64;
    }
    assert_eq!((lookups.overflowed, closed), (100, 100));
}
