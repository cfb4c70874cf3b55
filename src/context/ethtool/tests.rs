use super::*;

/// As the ENA driver 2.10 prints it, shortened.
const ENA: &str = "\
NIC statistics:
     tx_timeout: 0
     suspend: 0
     interface_up: 1
     interface_down: 0
     bw_in_allowance_exceeded: 12
     bw_out_allowance_exceeded: 0
     pps_allowance_exceeded: 3
     conntrack_allowance_exceeded: 0
     linklocal_allowance_exceeded: 5211
     conntrack_allowance_available: 136812
     queue_0_tx_cnt: 2001
     queue_0_rx_cnt: 18446744073709551615
     ena_admin_q_aborted_cmd: 0
";

fn text(text: &str) -> Text<'_> {
    Text { file: "eth0.txt", text }
}

fn two(before: &str, after: &str) -> Result<Ethtool, Malformed> {
    Ethtool::parse(text(before), Some(Text { file: "after.txt", text: after }))
}

#[test]
fn one_reading_tells_of_no_change() {
    let ena = Ethtool::parse(text(ENA), None).unwrap();
    assert!(!ena.has_two());
    assert_eq!(ena.change(Counter::LinkLocal), Some(Change::Total(5211)));
    assert_eq!(ena.rise(Counter::LinkLocal), 0);
    assert_eq!(ena.conntrack_available(), Some((136_812, None)));
    assert_eq!(ena.change(Counter::ConntrackAvailable), None);
}

#[test]
fn two_readings_tell_the_rise() {
    let after = ENA
        .replace("linklocal_allowance_exceeded: 5211", "linklocal_allowance_exceeded: 5300")
        .replace("available: 136812", "available: 9");
    let ena = two(ENA, &after).unwrap();
    assert!(ena.has_two());
    assert_eq!(ena.files(), ["eth0.txt", "after.txt"]);
    assert_eq!(ena.change(Counter::LinkLocal), Some(Change::Rose(89)));
    assert_eq!(ena.rise(Counter::LinkLocal), 89);
    assert_eq!(ena.change(Counter::Pps), Some(Change::Same(3)));
    assert_eq!(ena.change(Counter::Conntrack), Some(Change::Same(0)));
    assert_eq!(ena.conntrack_available(), Some((136_812, Some(9))));
}

#[test]
fn a_counter_that_sank_was_set_back_and_with_it_all_others() {
    let after = ENA
        .replace("linklocal_allowance_exceeded: 5211", "linklocal_allowance_exceeded: 40")
        .replace("pps_allowance_exceeded: 3", "pps_allowance_exceeded: 4")
        .replace("bw_in_allowance_exceeded: 12", "bw_in_allowance_exceeded: 0");
    let ena = two(ENA, &after).unwrap();
    // Or the readings were exchanged: then a rise is none.
    for counter in [Counter::LinkLocal, Counter::Pps, Counter::BwIn] {
        assert_eq!(ena.change(counter), Some(Change::Reset));
    }
    assert_eq!(ena.rise(Counter::BwIn), 0);
}

#[test]
fn a_level_may_sink() {
    let after = ENA.replace("available: 136812", "available: 9");
    let ena = two(ENA, &after).unwrap();
    assert_eq!(ena.change(Counter::LinkLocal), Some(Change::Same(5211)));
}

#[test]
fn grep_leaves_enough() {
    let some = "     linklocal_allowance_exceeded: 7\n";
    let ena = two(some, "linklocal_allowance_exceeded: 9").unwrap();
    assert_eq!(ena.rise(Counter::LinkLocal), 2);
    assert_eq!(ena.change(Counter::Conntrack), None);
    assert_eq!(ena.conntrack_available(), None);
}

#[test]
fn several_interfaces_are_told_apart_by_headings_and_by_repetition() {
    let loops = format!("eth0:\n{ENA}\neth1\n{ENA}");
    let after = loops.replacen("exceeded: 5211", "exceeded: 5212", 1);
    let ena = two(&loops, &after).unwrap();
    assert_eq!(ena.interfaces().collect::<Vec<_>>(), ["eth0", "eth1"]);
    assert_eq!(ena.rise(Counter::LinkLocal), 1);

    let grep = "linklocal_allowance_exceeded: 1\nlinklocal_allowance_exceeded: 2\n";
    let ena = Ethtool::parse(text(grep), None).unwrap();
    assert_eq!(ena.change(Counter::LinkLocal), Some(Change::Total(3)));
    let error = two(grep, ENA).unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("after.txt", 1));
    assert!(error.what.contains("eth0.txt"), "{error}");
}

#[test]
fn what_is_no_output_of_ethtool_is_refused_where_it_begins() {
    for (bad, line) in [
        ("", 1),
        ("NIC statistics:\n     rx_packets: 10\n", 2),
        ("NIC statistics:\n     linklocal_allowance_exceeded: many\n", 2),
        ("NIC statistics:\n     linklocal_allowance_exceeded: -1\n", 2),
        ("{\n  \"items\": []\n}\n", 1),
        ("Cannot get stats strings information: Operation not supported\n", 1),
        ("linklocal_allowance_exceeded: 1\n\u{1b}[31m what is this\n", 2),
        ("linklocal_allowance_exceeded: 18446744073709551616\n", 1),
    ] {
        let error = Ethtool::parse(text(bad), None).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), ("eth0.txt", line), "{bad:?}: {error}");
        assert!(!error.to_string().contains('\u{1b}'));
        let after = two(ENA, bad).unwrap_err();
        assert_eq!((after.file.as_str(), after.line), ("after.txt", line), "{bad:?}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_is_too_odd(before: String, after in "([a-z_]{0,9}:? ?[0-9]{0,21}\n|linklocal_allowance_exceeded: [0-9]{1,20}\n){0,9}") {
        let _ = two(&before, &after);
        if let Ok(ena) = two(&after, &after) {
            for counter in Counter::ALL {
                assert_eq!(ena.rise(counter), 0);
            }
        }
    }
}

#[test]
fn what_a_live_capture_read_is_two_readings_with_times() {
    let at = |second: i64| crate::model::Timestamp(second * 1_000_000_000);
    let series = |values: &[u64]| {
        let mut series = Series::new(at(0), values[0]);
        let rest = (1..).zip(values.iter().skip(1));
        rest.for_each(|(second, &value)| series.add(at(second), value));
        series
    };
    let eth0 = [
        (Counter::LinkLocal, series(&[5, 5, 9])),
        (Counter::ConntrackAvailable, series(&[50, 60, 70])),
    ];
    let eth1 = [(Counter::LinkLocal, series(&[1, 3, 3]))];
    let read = [
        ("eth0".to_owned(), eth0.into_iter().collect()),
        ("lo".to_owned(), BTreeMap::new()),
        ("eth1".to_owned(), eth1.into_iter().collect()),
    ];
    let live = Ethtool::sampled(&read).unwrap();
    assert!(live.has_two());
    assert_eq!(live.origin(), "live");
    assert_eq!(live.interfaces().collect::<Vec<_>>(), ["eth0", "eth1"]);
    assert_eq!(live.change(Counter::LinkLocal), Some(Change::Rose(6)));
    let rises: Vec<_> =
        live.rises(Counter::LinkLocal).iter().map(|r| (r.to.seconds(), r.by)).collect();
    assert_eq!(rises, [(1, 2), (2, 4)]);
    assert!(live.rises(Counter::ConntrackAvailable).is_empty(), "a level is no sum");
    assert_eq!(live.conntrack_available(), Some((50, Some(70))));
    assert_eq!(Ethtool::sampled(&read[1..2]), None);
}
