use super::*;

fn dns() -> Filter {
    Filter { ports: vec![53], ..Filter::default() }
}

fn length(text: &str, datalink: i32) -> Option<usize> {
    let dead = Capture::dead(Linktype(datalink)).unwrap();
    dead.compile(text, true).ok().map(|program| program.get_instructions().len())
}

#[test]
fn the_filter_is_valid_on_every_link_and_short_enough_for_the_kernel() {
    let many = Filter {
        ports: (1..=20).map(|n| n * 1_000 + 53).collect(),
        link_local: true,
        vpc_dns: vec!["10.0.0.2".parse().unwrap(), "fd00:ec2::253".parse().unwrap()],
        user: Some("host 10.0.0.7 or net 10.1.0.0/16".to_owned()),
    };
    for filter in [dns(), many] {
        // Ethernet, raw IP as libpcap calls it, loopback of BSD, PPP, cooked v1 and v2.
        for datalink in [1, 12, 0, 9, 113, 276] {
            let text = filter.text(LinkType(datalink as u16), |text| length(text, datalink));
            let count = length(&text, datalink).unwrap();
            assert!(count <= MAX_INSTRUCTIONS, "{datalink}: {count}");
        }
    }
}

#[test]
fn tunnels_are_looked_into_as_long_as_that_fits() {
    let text = |length| dns().text(LinkType(ETHERNET), |_| length);
    assert!(!text(Some(MAX_INSTRUCTIONS)).contains(ALL_TUNNELS));
    assert!(text(Some(MAX_INSTRUCTIONS + 1)).contains(ALL_TUNNELS));
    assert!(text(None).contains(ALL_TUNNELS));
}

#[test]
fn the_readme_and_the_cause_give_tcpdump_the_same() {
    let wanted = format!("port 53 or {BESIDE_PORTS}");
    let incomplete = crate::verdict::causes::find("capture_incomplete").unwrap();
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    for text in [incomplete.immediate.to_owned(), std::fs::read_to_string(readme).unwrap()] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&wanted), "{text}");
    }
    assert!(dns().text(LinkType(ETHERNET), |_| Some(1)).contains(&wanted));
}

#[test]
fn a_bad_filter_is_explained() {
    let bad = |user: &str| {
        let user = Some(user.to_owned());
        Filter { user, ..dns() }.check().unwrap_err().to_string()
    };
    let text = bad("host 10.0.0.1 adn port 5");
    assert!(
        text.contains("syntax error") && text.contains("understood: host 10.0.0.1\n"),
        "{text}"
    );
    assert!(text.contains("from here on: adn port 5"), "{text}");
    assert!(bad("port http53").contains("http53"));
    assert!(bad("a\0b").contains("filter"));
    assert_eq!(Filter { user: Some("net 10.0.0.0/8".to_owned()), ..dns() }.check().ok(), Some(()));
}
