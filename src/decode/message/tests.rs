//! Hand-made messages, and hickory-proto as the oracle: wherever it accepts a message, we agree.

use hickory_proto::op::{
    Edns, Message as Full, MessageType, Metadata, OpCode, Query, ResponseCode,
};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;

use super::*;
use crate::model::display_name;

pub(super) fn summary(bytes: &[u8]) -> Message {
    parse(bytes, bytes.len(), &NameHasher::with_seed(7)).unwrap()
}

/// `id 0x1234`, one question `www.example. A IN`.
pub(super) fn query() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(b"\x03wWw\x07example\x00\x00\x01\x00\x01");
    bytes
}

#[test]
fn a_query_is_read() {
    let message = summary(&query());
    assert_eq!((message.id, message.qtype, message.qclass), (0x1234, 1, 1));
    assert!(message.has_question() && message.complete && !message.is_response());
    assert!(message.flags.recursion_desired());
    let folded = NameHasher::with_seed(7).hash(b"\x03www\x07example\x00");
    assert_eq!(message.qname_hash, folded, "the hash does not see case");
}

#[test]
fn a_response_without_a_question_is_whole() {
    let message = summary(&[0, 1, 0x81, 0x83, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(message.is_response() && message.complete && !message.has_question());
    assert_eq!((message.rcode, message.malformed), (Rcode::NXDOMAIN, 0));
}

#[test]
fn a_cut_message_keeps_what_came_before_and_is_not_malformed() {
    let whole = query();
    for length in 4..whole.len() {
        let message = parse(&whole[..length], whole.len(), &NameHasher::with_seed(7)).unwrap();
        assert_eq!((message.id, message.malformed), (0x1234, 0), "{length}");
        assert!(!message.complete);
        let short = parse(&whole[..length], length, &NameHasher::with_seed(7)).unwrap();
        assert_ne!(short.malformed, 0, "{length}");
    }
    assert_eq!(parse(&whole[..3], 3, &NameHasher::with_seed(7)), None);
}

#[test]
fn records_that_are_promised_and_missing_are_malformed_unless_truncated() {
    let mut bytes = query();
    bytes[2] = 0x81;
    bytes[7] = 3;
    assert_eq!(summary(&bytes).malformed, malformed::RECORDS);
    bytes[2] |= 0x02;
    assert_eq!(summary(&bytes).malformed, 0);
}

/// The longest name has 255 octets.
#[test]
fn a_name_is_whole_cut_or_bad() {
    for last in 0..=63 {
        let mut name = [[63].as_slice(), &[b'a'; 63]].concat().repeat(3);
        name.extend(std::iter::once(last).chain(vec![b'a'; usize::from(last)]));
        let labels = name.len();
        name.push(0);
        match last {
            0 => assert_eq!(plain_name(&name).map(<[u8]>::len), Ok(193)),
            62.. => assert_eq!(plain_name(&name), Err(Stop::Bad), "{last}"),
            _ => assert_eq!(plain_name(&name), Ok(&*name), "{last}"),
        }
        if last > 0 {
            let cut = plain_name(&name[..labels]);
            assert_eq!(cut, Err(if last == 63 { Stop::Bad } else { Stop::End }), "{last}");
        }
    }
    assert_eq!(plain_name(b"\x03abc\x40"), Err(Stop::Bad));
    assert_eq!(plain_name(b"\x03abc"), Err(Stop::End));
    assert_eq!(plain_name(&[]), Err(Stop::End));
}

/// What tells copies from new messages: each octet behind the ID, the name's case, and the length.
#[test]
fn messages_that_differ_have_other_hashes() {
    let mut bytes = query();
    bytes.extend_from_slice(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04\x0a\x00\x00\x01");
    bytes[7] = 1;
    let hasher = NameHasher::with_seed(0x9e37_79b9_7f4a_7c15);
    let hash = |bytes: &[u8], sent| parse(bytes, sent, &hasher).unwrap().body_hash;
    let mut seen = std::collections::HashSet::new();
    for folded in [false, true] {
        if folded {
            bytes[14].make_ascii_lowercase();
        }
        for length in if folded { 15 } else { 4 }..=bytes.len() {
            assert!(seen.insert(hash(&bytes[..length], bytes.len())), "{folded} {length}");
        }
        let usual = hash(&bytes, bytes.len());
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 0x20;
            let other = hash(&other, bytes.len());
            assert_eq!(other == usual, at < 2, "{folded} {at}");
        }
    }
    assert_ne!(hash(&bytes, bytes.len()), hash(&bytes, bytes.len() + 1));
}

/// The same where there is no question, and nothing secret but the seed to begin with.
#[test]
fn headers_that_differ_have_other_hashes() {
    let hasher = NameHasher::with_seed(0x9e37_79b9_7f4a_7c15);
    let hash = |bytes: &[u8]| parse(bytes, bytes.len(), &hasher).unwrap().body_hash;
    let mut seen = std::collections::HashSet::from([hash(&[0; HEADER])]);
    for at in (2..HEADER).filter(|at| !(4..6).contains(at)) {
        for bit in 0..8 {
            let mut bytes = [0; HEADER];
            bytes[at] = 1 << bit;
            assert!(seen.insert(hash(&bytes)), "{at} {bit}");
        }
    }
}

#[test]
fn a_question_that_points_to_itself_is_bad() {
    let mut bytes = query();
    bytes.truncate(HEADER);
    bytes.extend_from_slice(b"\xc0\x0c\x00\x01\x00\x01");
    let message = summary(&bytes);
    assert_eq!((message.malformed, message.has_question()), (malformed::QNAME, false));
}

#[test]
fn extended_rcode_and_error_are_read() {
    let mut bytes = query();
    bytes[2] = 0x81;
    bytes[11] = 1;
    bytes
        .extend_from_slice(b"\x00\x00\x29\x04\xd0\x01\x00\x00\x00\x00\x06\x00\x0f\x00\x02\x00\x16");
    let message = summary(&bytes);
    assert_eq!((message.rcode, message.edns_size), (Rcode(16), 1232));
    assert_eq!(message.extended_error, Some(22));
    bytes[11] = 2;
    let opt = bytes[bytes.len() - 17..].to_vec();
    bytes.extend_from_slice(&opt);
    assert_eq!(summary(&bytes).malformed, malformed::EDNS, "two OPT records");
}

#[test]
fn any_qtype_and_class_is_a_question() {
    for kind in [65_u16, 256, 65_280] {
        let mut bytes = query();
        let at = bytes.len() - 4;
        bytes[at..at + 2].copy_from_slice(&kind.to_be_bytes());
        bytes[at + 3] = 7;
        let message = summary(&bytes);
        assert_eq!((message.qtype, message.qclass, message.has_question()), (kind, 7, true));
    }
}

#[test]
fn a_compressed_owner_is_decompressed() {
    let mut bytes = query();
    bytes.extend_from_slice(b"\x01a\xc0\x10");
    let mut out = [0; FOLD_LIMIT];
    let name = read_name(&bytes, query().len(), &mut out).unwrap();
    assert_eq!(display_name(name), "a.example");
    assert_eq!(read_name(b"\xc0\x00", 0, &mut out), None, "a loop");
}

fn label() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..20)
}

fn name() -> impl Strategy<Value = Name> {
    prop::collection::vec(label(), 0..6)
        .prop_map(|labels| Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap())
}

fn record() -> impl Strategy<Value = Record> {
    let data = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| RData::A(A(ip.into()))),
        any::<[u8; 16]>().prop_map(|ip| RData::AAAA(AAAA(ip.into()))),
        name().prop_map(|name| RData::CNAME(CNAME(name))),
        (name(), name()).prop_map(|(m, r)| RData::SOA(SOA::new(m, r, 1, 2, 3, 4, 5))),
    ];
    (name(), any::<u32>(), data).prop_map(|(name, ttl, data)| Record::from_rdata(name, ttl, data))
}

prop_compose! {
    fn message()(
        id: u16, response: bool, rcode in 0_u16..24, flags in 0_u8..64,
        question in prop::option::of((name(), any::<u16>())),
        answers in prop::collection::vec(record(), 0..4),
        authorities in prop::collection::vec(record(), 0..3),
        edns in prop::option::of(any::<u16>()),
    ) -> Full {
        let kind = if response { MessageType::Response } else { MessageType::Query };
        let mut full = Full::new(id, kind, OpCode::Query);
        let metadata: &mut Metadata = &mut full.metadata;
        metadata.authoritative = flags & 1 != 0;
        metadata.truncation = flags & 2 != 0;
        metadata.recursion_desired = flags & 4 != 0;
        metadata.recursion_available = flags & 8 != 0;
        metadata.authentic_data = flags & 16 != 0;
        metadata.checking_disabled = flags & 32 != 0;
        metadata.response_code = ResponseCode::from((rcode >> 4) as u8, (rcode & 15) as u8);
        if let Some((name, kind)) = question {
            full.add_query(Query::query(name, RecordType::from(kind)));
        }
        full.add_answers(answers);
        full.add_authorities(authorities);
        if let Some(size) = edns {
            let mut edns = Edns::new();
            edns.set_max_payload(size);
            full.set_edns(edns);
        }
        full
    }
}

/// Holds our summary of `bytes` against hickory's message.
fn agree(bytes: &[u8], full: &Full) {
    let ours = summary(bytes);
    assert_eq!(ours.id, full.metadata.id);
    assert_eq!(ours.is_response(), full.metadata.message_type == MessageType::Response);
    assert_eq!(ours.flags.truncated(), full.metadata.truncation);
    assert_eq!(ours.flags.authoritative(), full.metadata.authoritative);
    assert_eq!(ours.flags.recursion_available(), full.metadata.recursion_available);
    assert_eq!(ours.flags.authentic_data(), full.metadata.authentic_data);
    assert_eq!(ours.flags.checking_disabled(), full.metadata.checking_disabled);
    assert_eq!(ours.rcode.0, u16::from(full.metadata.response_code));
    assert!(ours.complete, "hickory read it to its end: {ours:?}");
    assert_eq!(ours.counts[0] as usize, full.queries.len());
    assert_eq!(ours.counts[1] as usize, full.answers.len());
    assert_eq!(ours.edns, full.edns.is_some());
    if let Some(edns) = &full.edns {
        assert_eq!(ours.edns_size.max(512), edns.max_payload());
    }
    let addresses = full.answers.iter().filter(|r| matches!(r.data, RData::A(_) | RData::AAAA(_)));
    assert_eq!(usize::from(ours.addresses), addresses.count());
    if let Some(question) = full.queries.first() {
        assert_eq!(ours.qtype, u16::from(question.query_type()));
        let mut wire = Vec::new();
        for label in question.name() {
            wire.push(label.len() as u8);
            wire.extend(label.iter().map(u8::to_ascii_lowercase));
        }
        wire.push(0);
        assert_eq!(ours.qname_hash, NameHasher::with_seed(7).hash(&wire));
    }
    let soa = full.authorities.iter().find(|r| matches!(r.data, RData::SOA(_)));
    assert_eq!(ours.soa_owner != 0, soa.is_some());
    if let Some(soa) = soa {
        let mut out = [0; FOLD_LIMIT];
        let owner = read_name(bytes, usize::from(ours.soa_owner), &mut out).unwrap();
        let expected: Vec<u8> = soa.name.iter().flatten().map(u8::to_ascii_lowercase).collect();
        let labels: Vec<u8> = crate::model::labels(owner).flatten().copied().collect();
        assert_eq!(labels, expected);
    }
}

proptest! {
    #[test]
    fn agrees_with_hickory_on_its_own_messages(full in message()) {
        let bytes = full.to_vec().unwrap();
        agree(&bytes, &Full::from_vec(&bytes).unwrap());
    }

    #[test]
    fn agrees_with_hickory_wherever_it_accepts_a_damaged_message(
        full in message(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = full.to_vec().unwrap();
        for (at, octet) in damage {
            let at = at.index(bytes.len());
            bytes[at] = octet;
        }
        let _ = summary(&bytes);
        if let Ok(full) = Full::from_vec(&bytes) {
            agree(&bytes, &full);
        }
    }

    #[test]
    fn a_name_of_few_labels_is_read_as_one_of_many(
        labels in prop::collection::vec((0_u8..70, 0_u8..5), 0..12), end in 0_usize..80
    ) {
        let mut bytes = Vec::new();
        for (length, kind) in labels {
            // One in five says what it likes.
            bytes.push(if kind == 0 { length.wrapping_mul(5) } else { 1 + length % 63 });
            bytes.extend((0..bytes[bytes.len() - 1] % 64).map(|at| at % 7));
        }
        bytes.extend([0, 0, 1, 0, 1]);
        for cut in [0, end] {
            let bytes = &bytes[..bytes.len().saturating_sub(cut)];
            prop_assert_eq!(plain_name(bytes), name_of_many(bytes));
        }
    }

    #[test]
    fn any_octets_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), more in 0_usize..100) {
        let _ = parse(&bytes, bytes.len() + more, &NameHasher::with_seed(7));
        let mut out = [0; FOLD_LIMIT];
        for start in 0..bytes.len() {
            let _ = read_name(&bytes, start, &mut out);
        }
    }
}
