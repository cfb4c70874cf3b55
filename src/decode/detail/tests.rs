//! What is said of whole, cut and hostile messages.

use hickory_proto::op::{Edns, Message as Builder, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::{A, CNAME, SOA, TXT};
use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::from_labels(text.split('.').map(str::as_bytes)).unwrap()
}

fn response(code: ResponseCode) -> Builder {
    let mut full = Builder::new(0x1a2b, MessageType::Response, OpCode::Query);
    full.metadata.recursion_desired = true;
    full.metadata.response_code = code;
    full.add_query(Query::query(name("www.example"), RecordType::A));
    full
}

fn octets(full: &Builder) -> Vec<u8> {
    full.to_vec().unwrap()
}

#[test]
fn an_answer_is_shown_with_its_records() {
    let mut full = response(ResponseCode::NoError);
    let alias = RData::CNAME(CNAME(name("cdn.example")));
    full.add_answer(Record::from_rdata(name("www.example"), 30, alias));
    for last in 1..=4 {
        let address = RData::A(A::new(192, 0, 2, last));
        full.add_answer(Record::from_rdata(name("cdn.example"), 5, address));
    }
    assert_eq!(
        describe(&octets(&full), false).unwrap(),
        "response NOERROR, ID 0x1a2b, flags RD; question www.example A; answer www.example 30 \
         CNAME cdn.example, cdn.example 5 A 192.0.2.1, cdn.example 5 A 192.0.2.2 and 2 more"
    );
}

#[test]
fn a_negative_answer_shows_the_soa_and_the_extended_errors() {
    let mut full = response(ResponseCode::ServFail);
    let soa = SOA::new(name("ns.example"), name("admin.example"), 7, 3600, 600, 86400, 30);
    full.add_authority(Record::from_rdata(name("example"), 60, RData::SOA(soa)));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    for data in [b"\x00\x16no \"way\"\x1b[2J".to_vec(), b"\xc0\x00".to_vec(), b"\x00".to_vec()] {
        edns.options_mut().insert(EdnsOption::Unknown(15, data));
    }
    full.set_edns(edns);
    assert_eq!(
        describe(&octets(&full), false).unwrap(),
        "response SERVFAIL, ID 0x1a2b, flags RD; question www.example A; answer empty; authority \
         example 60 SOA ns.example admin.example 7 3600 600 86400 30; EDNS 1232 octets, extended \
         error 22 (No Reachable Authority): \"no \\\"way\\\"\\027[2J\", extended error 49152"
    );
}

#[test]
fn text_from_the_network_is_escaped_and_clipped() {
    let mut full = response(ResponseCode::NoError);
    let hostile = Name::from_labels([b"a.b\x1b".as_slice(), b"\xe2\x80\xae"]).unwrap();
    let text = RData::TXT(TXT::from_bytes(vec![b"\x9b31m\\", &[b'x'; 200]]));
    full.add_answer(Record::from_rdata(hostile, 1, text));
    let shown = describe(&octets(&full), false).unwrap();
    assert!(shown.contains("a\\.b\\027.\\226\\128\\174 1 TXT \"\\15531m\\\\\" \"xxx"), "{shown}");
    assert!(shown.len() < 300 && shown.ends_with("..."), "{shown}");
}

#[test]
fn what_is_cut_or_damaged_is_said_and_the_rest_is_kept() {
    let mut full = response(ResponseCode::ServFail);
    full.add_answer(Record::from_rdata(name("www.example"), 5, RData::A(A::new(192, 0, 2, 1))));
    let whole = octets(&full);
    let cut = &whole[..whole.len() - 2];
    let start =
        "response SERVFAIL, ID 0x1a2b, flags RD; question www.example A; announces 1 answer";
    for (is_cut, end) in [(true, "only its beginning"), (false, "its records cannot be read")] {
        let shown = describe(cut, is_cut).unwrap();
        assert!(shown.starts_with(start) && shown.ends_with(end), "{shown}");
    }
    let mut truncated = cut.to_vec();
    truncated[2] |= 2;
    let shown = describe(&truncated, false).unwrap();
    assert!(shown.ends_with("the server cut it short"), "{shown}");
    let shown = describe(&[0, 9, 0x80, 5], true).unwrap();
    assert!(shown.starts_with("response REFUSED, ID 0x0009, no flags; no question"), "{shown}");
    assert_eq!(describe(&whole[..3], true), None);
}

#[test]
fn a_hostile_message_is_described_up_to_the_cap() {
    // Thousands of records, each owned by a compressed name of 127 labels.
    let mut bytes = vec![0, 1, 0x80, 0, 0, 0, 0x0f, 0xa0, 0, 0, 0, 0];
    bytes.extend([1, b'a'].repeat(126));
    bytes.push(0);
    bytes.extend([0, 16, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
    for _ in 1..4000 {
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
    }
    assert!(bytes.len() > 60_000);
    let shown = describe(&bytes, false).unwrap();
    assert!(
        shown.ends_with("the capture holds only its beginning") && shown.len() < 300,
        "{shown}"
    );
    bytes.truncate(CAP);
    let shown = describe(&bytes, false).unwrap();
    assert!(shown.contains("announces 4000 answer"), "{shown}");
}

fn is_harmless(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, 0x20..=0x7e))
}

proptest! {
    #[test]
    fn any_octets_are_survived_and_harmless(
        bytes in prop::collection::vec(any::<u8>(), 0..600), cut: bool
    ) {
        let shown = describe(&bytes, cut);
        prop_assert_eq!(shown.is_some(), bytes.len() >= 4);
        prop_assert!(shown.is_none_or(|shown| is_harmless(&shown)));
    }

    #[test]
    fn a_damaged_message_is_survived_and_harmless(
        kind: u16, data in prop::collection::vec(any::<u8>(), 0..64),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)
    ) {
        let mut bytes = octets(&response(ResponseCode::Refused));
        bytes[7] = 1;
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 9, 0, data.len() as u8]);
        bytes.extend(data);
        for (at, octet) in damage {
            let at = at.index(bytes.len());
            bytes[at] = octet;
        }
        let shown = describe(&bytes, false).unwrap();
        prop_assert!(is_harmless(&shown), "{}", shown);
    }
}
