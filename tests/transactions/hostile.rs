//! What a row says of each fate, and names that were made to do harm.

use std::fs;

use dnspect::model::display_name;
use dnspect::transactions::Format;

use super::forge::{
    A, AAAA, Answer, Capture, Link, Message, Name, Packet, ms, query, response, secs,
};
use super::{analysed, read_back, scratch, told};

const CLIENT: &str = "10.244.1.7:40000";
const SERVER: &str = "10.96.0.10:53";

#[test]
fn every_fate_has_its_row() {
    let mut story = Capture::new(Link::Ethernet);
    story.ask(
        CLIENT,
        SERVER,
        "Web.Default.svc.cluster.local",
        A,
        ms(2),
        Answer::Address("10.0.0.9"),
    );
    story.after(ms(10));
    story.ask("10.244.1.7:40001", SERVER, "late.example.com", AAAA, secs(6), Answer::Rcode(2));
    let lost = query("lost.example.com", A).id(77).edns(1232);
    story.after(ms(10)).message("10.244.1.7:40002", SERVER, &lost);
    story.after(secs(5)).message("10.244.1.7:40002", SERVER, &lost);
    let refused = query("refused.example.com", A).id(78);
    let packet = Packet::udp("10.244.1.7:40003", SERVER, refused.encode());
    story.after(secs(30)).packet(&packet);
    story.after(ms(1)).packet(&Packet::port_unreachable(&packet));
    story.after(secs(40));
    story.ask("10.244.1.7:40004", SERVER, "last.example.com", A, ms(0), Answer::Nothing);
    let rows = told(&story, "fates");
    let of = |name: &str| rows.iter().find(|row| row["qname"] == name).unwrap();
    assert_eq!(rows.len(), 5);

    let row = of("web.default.svc.cluster.local");
    let cells =
        ["outcome", "rcode", "latency_ns", "client", "client_port", "server", "server_port"];
    let expected = ["answered", "NOERROR", "2000000", "10.244.1.7", "40000", "10.96.0.10", "53"];
    assert_eq!(cells.map(|cell| row[cell].as_str()), expected);
    let cells = ["zone", "transport", "qtype", "qclass", "opcode", "answers", "query_frame"];
    let expected = ["cluster", "udp", "A", "IN", "QUERY", "1", "1"];
    assert_eq!(cells.map(|cell| row[cell].as_str()), expected);
    let asked = query("Web.Default.svc.cluster.local", A);
    let answer = response(&asked).address(std::net::Ipv4Addr::new(10, 0, 0, 9));
    assert_eq!(row["response_size"], answer.encode().len().to_string());
    assert!(!row.contains_key("backend") && !row.contains_key("edns_size"));

    let row = of("late.example.com");
    assert_eq!([&row["outcome"], &row["rcode"], &row["zone"]], ["late", "SERVFAIL", "external"]);
    let row = of("lost.example.com");
    assert_eq!([&row["outcome"], &row["retransmissions"]], ["unanswered", "1"]);
    assert_eq!([&row["id"], &row["edns_size"]], ["77", "1232"]);
    assert_ne!(row["first_sent"], row["last_sent"]);
    assert_eq!(of("refused.example.com")["outcome"], "rejected");
    assert_eq!(of("last.example.com")["outcome"], "pending");
}

#[test]
fn the_backend_is_where_the_query_went_on_to() {
    let asked = query("web.default.svc.cluster.local", A).id(9);
    let answer = response(&asked).address(std::net::Ipv4Addr::new(10, 0, 0, 9));
    let first = Packet::udp(CLIENT, SERVER, asked.encode()).ip_id(5);
    let back = Packet::udp("10.244.2.3:53", CLIENT, answer.encode()).ip_id(6);
    let mut story = Capture::new(Link::Sll2);
    story.on("veth1").packet(&first);
    story.after(super::forge::us(50)).on("eth0").packet(&first.dnat("10.244.2.3:53").ttl(63));
    story.after(ms(1)).on("eth0").packet(&back);
    story.after(super::forge::us(50)).on("veth1").packet(&back.snat(SERVER).ttl(63));
    let rows = told(&story, "backend");
    assert_eq!(rows.len(), 1);
    assert_eq!([&rows[0]["server"], &rows[0]["backend"]], ["10.96.0.10", "10.244.2.3"]);
}

/// Names that a spreadsheet, a shell, a terminal or a parser would act on.
const HOSTILE: &[&str] = &[
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\\009tab",
    "\\013\\010=1+1,2",
    "quote\\\"d,comma;semicolon",
    "\\\"=1+1",
    "back\\\\slash",
    "dot\\.in.label",
    "\\027[31mred",
    "\\195\\169.example",
    "\\226\\128\\174txt",
    "</script><script>alert(1)",
    "nul\\000.example",
    "\\255\\254",
    "a,b",
    ";x",
];

#[test]
fn no_name_acts() {
    let mut story = Capture::new(Link::Ethernet);
    for name in HOSTILE {
        story.after(ms(1)).ask(CLIENT, SERVER, name, A, ms(0), Answer::NxDomain("example"));
    }
    let path = scratch("hostile");
    fs::write(&path, story.pcap()).unwrap();
    let csv = analysed(&path, Format::Csv, 1).1;
    assert!(csv.iter().all(|octet| matches!(octet, b'\r' | b'\n' | 0x20..=0x7e)));
    let cells = read_back::csv(&csv);
    let wires: Vec<Vec<u8>> = HOSTILE
        .iter()
        .map(|name| Name::parse(name).0.iter().map(u8::to_ascii_lowercase).collect())
        .collect();
    assert_eq!(cells.len(), HOSTILE.len());
    for (row, wire) in cells.iter().zip(&wires) {
        let name = &row["qname"];
        assert!(!name.starts_with(['=', '+', '-', '@', '\t', '\r', ';', '"']), "{name}");
        assert!(!name.contains([',', ';', '"']), "{name}");
        let own = read_back::unescaped(&display_name(wire));
        assert_eq!(read_back::unescaped(name), own, "another name: {name}");
    }
    let ndjson = analysed(&path, Format::Ndjson, 1).1;
    assert!(ndjson.iter().all(|octet| matches!(octet, b'\n' | 0x20..=0x7e)));
    assert_eq!(ndjson.split_inclusive(|&octet| octet == b'\n').count(), HOSTILE.len());
    let names = |rows: Vec<read_back::Row>| -> Vec<String> {
        rows.into_iter().map(|mut row| row.remove("qname").unwrap()).collect()
    };
    let expected: Vec<String> = wires.iter().map(|wire| display_name(wire)).collect();
    assert_eq!(names(read_back::ndjson(&ndjson)), expected);
    #[cfg(feature = "parquet")]
    {
        let parquet = analysed(&path, Format::Parquet, 1).1;
        assert_eq!(names(read_back::parquet(&parquet)), expected);
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn what_has_no_question_has_no_name() {
    let mut story = Capture::new(Link::Ethernet);
    let bare = Message { id: 3, ..Message::default() };
    story.message(CLIENT, SERVER, &bare);
    let mut cut = query("www.example.com", A).id(4).encode();
    cut.truncate(20);
    story.after(ms(1)).udp("10.244.1.7:40001", SERVER, cut);
    let strange = query("x.example", 65_280).id(5).class(7);
    story.after(ms(1)).message("10.244.1.7:40002", SERVER, &strange);
    let update = query("example", 6).id(6).with(5 << 11);
    story.after(ms(1)).converse(
        "10.244.1.7:40003",
        SERVER,
        std::slice::from_ref(&update),
        &[response(&update)],
        ms(1),
    );
    let rows = told(&story, "bare");
    let of = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap();
    for id in ["3", "4"] {
        assert!(!of(id).contains_key("qtype") && !of(id).contains_key("qclass"), "{id}");
    }
    assert!(!of("3").contains_key("qname"));
    assert_eq!([&of("5")["qtype"], &of("5")["qclass"]], ["TYPE65280", "CLASS7"]);
    let row = of("6");
    assert_eq!([&row["opcode"], &row["transport"], &row["outcome"]], ["UPDATE", "tcp", "answered"]);
}
