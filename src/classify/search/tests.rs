//! Names held against each other; `tests/regressions/lookups.rs` tells the walks with packets.

use super::*;

fn base(current: &str, next: &str, known: &Suffixes) -> Option<String> {
    let (current, next) = (Name::from_text(current).0, Name::from_text(next).0);
    let end = shared_base(&current, &next, known)?;
    Some(crate::model::display_name(&current[..end]))
}

#[test]
fn the_steps_of_a_kubernetes_walk_share_their_base() {
    let none = Suffixes::default();
    let pairs = [
        ("api.example.com.ns.svc.cluster.local", "api.example.com.svc.cluster.local"),
        ("api.example.com.svc.cluster.local", "api.example.com.cluster.local"),
        ("api.example.com.ec2.internal", "api.example.com"),
        ("api.example.com", "api.example.com.ns.svc.cluster.local"),
    ];
    for (current, next) in pairs {
        assert_eq!(base(current, next, &none).as_deref(), Some("api.example.com"), "{next}");
    }
}

#[test]
fn names_that_merely_begin_alike_are_no_walk() {
    let none = Suffixes::default();
    assert_eq!(base("www.google.com", "www.facebook.com", &none), None);
    assert_eq!(base("a.example.com", "b.example.com", &none), None);
    assert_eq!(base("www.example.com", "www.example.com", &none), None);
}

#[test]
fn known_suffixes_join_unrelated_tails() {
    let mut known = Suffixes::default();
    for tail in ["cluster.local", "ec2.internal"] {
        known.note(&Name::from_text(tail).0, 1);
    }
    let joined = base("db.cluster.local", "db.ec2.internal", &known);
    assert_eq!(joined.as_deref(), Some("db"));
}

#[test]
fn one_service_name_in_two_namespaces_is_no_walk() {
    let mut known = Suffixes::default();
    for tail in ["a.svc.zone", "b.svc.zone"] {
        known.note(&Name::from_text(tail).0, 0);
    }
    assert_eq!(base("db.a.svc.zone", "db.b.svc.zone", &known), None);
    assert_eq!(base("db.b.a.svc.zone", "db.a.svc.zone", &known), None);
}

#[test]
fn what_stands_within_a_suffix_is_known_whichever_was_seen_first() {
    let labels = ["a", "svc", "zone"];
    let mut known = Suffixes::default();
    for n in 0..200_usize {
        let picked = (0..=n % 6).map(|at| labels[(n * 7 + n / 3_usize.pow(at as u32)) % 3]);
        known.note(&Name::from_text(&picked.collect::<Vec<_>>().join(".")).0, 0);
        for (at, suffix) in known.seen.iter().enumerate() {
            let found = known.find_within(&suffix.name.0);
            assert_eq!(known.stands_within(b"\0", Some(at as u16)), found, "{}", suffix.name);
        }
    }
    assert!(known.longer.contains(&true) && known.longer.contains(&false));
}

#[test]
fn suffixes_come_in_the_order_of_their_positions() {
    let mut known = Suffixes::default();
    for (tail, position) in [("zone", 2), ("svc.zone", 1), ("ns.svc.zone", 0), ("zone", 2)] {
        known.note(&Name::from_text(tail).0, position);
    }
    let order: Vec<String> = known.in_order().iter().map(|s| s.name.to_string()).collect();
    assert_eq!(order, ["ns.svc.zone", "svc.zone", "zone"]);
}

#[test]
fn parts_of_walks_do_not_change_the_order() {
    let mut known = Suffixes::default();
    // The first steps of most walks are missing.
    for (tail, position) in
        [("us-west-2.compute.internal", 0), ("corp.example", 1), ("zone", 0), ("svc.zone", 1)]
    {
        known.note(&Name::from_text(tail).0, position);
    }
    let first = known.note(&Name::from_text("ns.svc.zone").0, 2);
    let names = |list: Vec<&Suffix>| -> Vec<String> {
        list.iter().map(|suffix| suffix.name.to_string()).collect()
    };
    let whole = ["ns.svc.zone", "svc.zone", "zone", "us-west-2.compute.internal", "corp.example"];
    assert_eq!(names(known.in_order()), whole);
    assert_eq!(names(known.of(&[1, 2, first.unwrap()])), ["ns.svc.zone", "zone", "corp.example"]);
}
