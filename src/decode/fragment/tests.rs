use super::*;

const DATAGRAM: [u8; 40] = {
    let mut bytes = [0; 40];
    let mut index = 0;
    while index < 40 {
        bytes[index] = index as u8;
        index += 1;
    }
    // From port 53.
    (bytes[0], bytes[1]) = (0, 53);
    bytes
};

fn part(from: usize, to: usize) -> Fragment<'static> {
    Fragment {
        identification: 7,
        protocol: 17,
        offset: from as u32,
        more: to < DATAGRAM.len(),
        payload: &DATAGRAM[from..to],
        sent: to - from,
    }
}

fn observe(
    reassembler: &mut Reassembler,
    millis: i64,
    fragment: &Fragment<'_>,
) -> Option<Reassembled> {
    let time = Timestamp(millis * 1_000_000);
    reassembler.observe(time, millis as u64, 0, &Network::default(), fragment)
}

fn payload_of(fragments: &[Fragment<'_>]) -> Option<Vec<u8>> {
    let mut reassembler = Reassembler::default();
    fragments.iter().find_map(|fragment| observe(&mut reassembler, 0, fragment)).map(|r| r.payload)
}

#[test]
fn fragments_come_together_in_any_order() {
    let parts = [part(0, 16), part(16, 32), part(32, 40)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(payload_of(&order.map(|index| parts[index])).as_deref(), Some(&DATAGRAM[..]));
    }
    assert_eq!(payload_of(&[part(0, 16), part(16, 32)]), None);
}

#[test]
fn the_first_copy_of_an_octet_stays() {
    let forged = Fragment { payload: &[0xee; 16], ..part(8, 24) };
    let parts = [part(0, 16), forged, part(16, 32), part(32, 40)];
    let mut expected = DATAGRAM;
    expected[16..24].fill(0xee);
    assert_eq!(payload_of(&parts).as_deref(), Some(&expected[..]));
}

#[test]
fn copies_after_the_end_begin_nothing_new() {
    let mut reassembler = Reassembler::default();
    assert!(observe(&mut reassembler, 0, &part(0, 24)).is_none());
    assert!(observe(&mut reassembler, 0, &part(0, 24)).is_none());
    assert!(observe(&mut reassembler, 0, &part(24, 40)).is_some());
    assert!(observe(&mut reassembler, 1, &part(24, 40)).is_none());
    reassembler.finish();
    assert_eq!(reassembler.next_incomplete(), None);
    assert_eq!(reassembler.counters().reassembled, 1);
    assert_eq!(reassembler.counters().overlapping, 1);
}

#[test]
fn an_identification_may_be_used_again() {
    let mut reassembler = Reassembler::default();
    for millis in [0, 1_500, 3_200] {
        assert!(observe(&mut reassembler, millis, &part(0, 24)).is_none());
        assert!(observe(&mut reassembler, millis, &part(24, 40)).is_some());
    }
    reassembler.finish();
    assert_eq!(reassembler.next_incomplete(), None);
}

#[test]
fn each_interface_reassembles_for_itself() {
    let mut reassembler = Reassembler::default();
    let network = Network::default();
    for fragment in [part(0, 24), part(24, 40)] {
        for interface in 0..2 {
            let whole = reassembler.observe(Timestamp(0), 1, interface, &network, &fragment);
            assert_eq!(whole.is_some(), fragment.offset != 0);
        }
    }
}

#[test]
fn a_response_of_which_only_the_beginning_came_is_told() {
    let mut reassembler = Reassembler::default();
    observe(&mut reassembler, 10, &part(16, 32));
    observe(&mut reassembler, 20, &part(0, 16));
    reassembler.expire(Timestamp(3_000_000_000));
    assert_eq!(reassembler.next_incomplete(), None, "not yet");
    reassembler.expire(Timestamp(3_100_000_000));
    let incomplete = reassembler.next_incomplete().unwrap();
    assert_eq!((incomplete.frame, incomplete.knowledge), (20, Knowledge::Dns));
    // The UDP header says how long it was; whoever has not read it takes the most that is possible.
    assert_eq!((incomplete.payload.as_slice(), incomplete.sent), (&DATAGRAM[..32], 65_535));
    assert_eq!(reassembler.counters().incomplete_dns, 1);
    // Without its first fragment nobody can tell what it was.
    observe(&mut reassembler, 4_000, &part(16, 40));
    reassembler.finish();
    let incomplete = reassembler.next_incomplete().unwrap();
    assert_eq!((incomplete.frame, incomplete.knowledge), (4_000, Knowledge::Unknown));
    assert!(incomplete.payload.is_empty());
    assert_eq!(reassembler.counters().incomplete_unknown, 1);
    assert_eq!(reassembler.counters().non_first, 2);
}

#[test]
fn cut_fragments_come_together_as_far_as_they_go() {
    let cut = Fragment { payload: &DATAGRAM[16..20], ..part(16, 32) };
    let mut reassembler = Reassembler::default();
    observe(&mut reassembler, 0, &part(0, 16));
    observe(&mut reassembler, 0, &cut);
    let whole = observe(&mut reassembler, 0, &part(32, 40)).unwrap();
    assert_eq!((whole.payload.as_slice(), whole.sent), (&DATAGRAM[..20], 40));
}

#[test]
fn foreign_datagrams_are_not_kept() {
    let mut reassembler = Reassembler::default();
    let first = Fragment { payload: &[1; 24], ..part(0, 24) };
    observe(&mut reassembler, 0, &first);
    assert_eq!(reassembler.octets, 0);
    assert!(observe(&mut reassembler, 0, &part(24, 40)).is_none());
    observe(&mut reassembler, 0, &Fragment { identification: 8, ..first });
    reassembler.finish();
    assert_eq!(reassembler.counters().incomplete_other, 1);
    assert_eq!(reassembler.next_incomplete(), None);
}

#[test]
fn contradictions_are_counted_and_refused() {
    let mut reassembler = Reassembler::default();
    let beyond = Fragment { offset: 65_528, sent: 16, ..part(0, 16) };
    observe(&mut reassembler, 0, &beyond);
    observe(&mut reassembler, 0, &part(24, 40));
    observe(&mut reassembler, 0, &Fragment { more: false, ..part(8, 16) });
    observe(&mut reassembler, 0, &Fragment { offset: 48, ..part(0, 16) });
    assert_eq!(reassembler.counters().bad, 3);
    assert!(observe(&mut reassembler, 0, &part(0, 24)).is_some());
}

#[test]
fn memory_is_bounded() {
    let mut reassembler = Reassembler::default();
    let payload = [0_u8; 1_400];
    for identification in 0..20_000_u32 {
        let fragment = Fragment {
            identification,
            protocol: 17,
            offset: 60_000,
            more: true,
            payload: &payload,
            sent: payload.len(),
        };
        observe(&mut reassembler, 0, &fragment);
        assert!(reassembler.octets <= MAX_OCTETS && reassembler.table.len() <= MAX_DATAGRAMS);
    }
    while reassembler.next_incomplete().is_some() {}
    let left = reassembler.table.len() as u64;
    assert_eq!(reassembler.counters().evicted, 20_000 - left);
    reassembler.finish();
    assert_eq!(reassembler.counters().incomplete_unknown, 20_000);
    assert_eq!((reassembler.octets, reassembler.table.len()), (0, 0));
    // Pieces that never touch are given up.
    let before = reassembler.counters().bad;
    for offset in (0..8_000).step_by(16) {
        observe(
            &mut reassembler,
            0,
            &Fragment { offset, sent: 8, payload: &payload[..8], more: true, ..part(0, 8) },
        );
    }
    assert_eq!(reassembler.counters().bad, before + 1);
}

#[test]
fn a_clock_set_back_stops_nothing() {
    let mut reassembler = Reassembler::default();
    observe(&mut reassembler, 100_000, &Fragment { identification: 1, ..part(0, 16) });
    assert!(observe(&mut reassembler, 5, &part(0, 24)).is_none());
    assert!(observe(&mut reassembler, 6, &part(24, 40)).is_some());
}

proptest::proptest! {
    #[test]
    fn any_fragments_keep_the_books(
        fragments in proptest::collection::vec((0_u32..80, 0_usize..200, 0_usize..200, proptest::bool::ANY, 0_u32..3), 0..60),
    ) {
        let mut reassembler = Reassembler::default();
        let bytes = [53_u8; 200];
        for (offset, sent, captured, more, identification) in fragments {
            let payload = &bytes[..captured.min(sent)];
            let fragment = Fragment { identification, protocol: 17, offset: offset * 8, more, payload, sent };
            if let Some(whole) = observe(&mut reassembler, 0, &fragment) {
                assert!(whole.payload.len() <= whole.sent);
            }
        }
        reassembler.finish();
        while let Some(incomplete) = reassembler.next_incomplete() {
            assert!(incomplete.payload.len() <= incomplete.sent);
        }
        assert_eq!(reassembler.octets, 0);
    }
}
