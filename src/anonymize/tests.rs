//! What holds for any packet: nothing of a name or an address is left, wherever it stood, and what the
//! analysis reads of it is what it read before.

use proptest::prelude::*;

use super::*;
use crate::decode::{Body, frame, message};
use crate::forge::dns::{Data, Edns};
use crate::forge::{self, Hop, Link, Packet, vxlan};
use crate::model::{self, NameHasher};

fn anonymizer() -> Anonymizer {
    Anonymizer::new(Key::parse("000102030405060708090a0b0c0d0e0f").unwrap(), &[53])
}

fn rewritten(link_type: u16, frame: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    anonymizer().frame(LinkType(link_type), &mut bytes, &mut Vec::new());
    bytes
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

/// A story with secrets in it: labels and addresses that occur nowhere by chance.
#[derive(Clone, Debug)]
struct Secrets {
    labels: Vec<String>,
    v4: [u8; 4],
    v6: [u8; 16],
}

fn secrets() -> impl Strategy<Value = Secrets> {
    let labels = prop::collection::vec("[a-z][a-z0-9-]{5,20}[A-Z]", 4);
    let octets = prop::array::uniform12(100..250_u8);
    (labels, any::<bool>(), octets).prop_map(|(labels, private, o)| Secrets {
        labels,
        v4: [if private { 10 } else { 52 }, o[0], o[1], o[2]],
        v6: [
            0x2a, 5, 0xd0, 0x18, o[3], o[4], o[5], o[6], o[7], o[8], o[9], o[10], o[0], o[1], o[2],
            o[11],
        ],
    })
}

impl Secrets {
    fn name(&self, at: usize) -> String {
        let label = |at: usize| &self.labels[at % self.labels.len()];
        format!("{}.{}.svc.{}.cluster.local", label(at), label(at + 1), label(at + 2))
    }

    /// An answer that has names and addresses wherever there can be some.
    fn answer(&self) -> forge::Message {
        let wire = |at: usize| forge::Name::parse(&self.name(at)).0;
        let text = self.labels[0].as_bytes();
        let strings = [&[text.len() as u8], text].concat();
        let service = |params: &[(u16, &[u8])]| {
            let mut data = [&[0, 1][..], &wire(1)].concat();
            for (key, value) in params {
                data.extend(key.to_be_bytes());
                data.extend((value.len() as u16).to_be_bytes());
                data.extend(*value);
            }
            Data::Bytes(data)
        };
        let mut options = Vec::new();
        for (code, value) in [
            (8_u16, [&[0, 1, 32, 0][..], &self.v4].concat()),
            (10, text[..8.min(text.len())].to_vec()),
            (3, text.to_vec()),
            (15, [&[0, 9][..], text].concat()),
            (65_001, text.to_vec()),
        ] {
            options.extend(code.to_be_bytes());
            options.extend((value.len() as u16).to_be_bytes());
            options.extend(value);
        }
        let query = forge::query(self.name(0).as_str(), forge::A).id(0x1234);
        let mut answer = forge::response(&query)
            .cname(self.name(1).as_str())
            .address(self.v4)
            .address(self.v6)
            .answer(forge::TXT, Data::Bytes(strings.clone()))
            .answer(13, Data::Bytes([&strings[..], &strings].concat()))
            .answer(15, Data::Bytes([&[0, 10][..], &wire(2)].concat()))
            .answer(46, Data::Bytes([&[7; 18][..], &wire(0), text].concat()))
            .answer(
                forge::HTTPS,
                service(&[(3, &[1, 187]), (4, &self.v4), (5, text), (6, &self.v6)]),
            )
            .answer(0xff01, Data::Bytes([text, &self.v4].concat()))
            .answer(
                forge::SRV,
                Data::Service { priority: 0, weight: 5, port: 80, target: forge::Name(wire(3)) },
            )
            .soa(self.name(2).as_str());
        answer.edns = Some(Edns { size: 1232, options });
        answer
    }

    fn check(&self, told: &[u8]) {
        for label in &self.labels {
            assert!(!holds(told, label.as_bytes()), "{label} is in {told:?}");
            // Nor a part of it that somebody would recognise.
            assert!(!holds(told, &label.as_bytes()[..5]), "a part of {label}");
        }
        assert!(!holds(told, &self.v4) && !holds(told, &self.v6), "{:?} is in {told:?}", self.v4);
    }

    fn from(&self) -> std::net::SocketAddr {
        (self.v4, 53).into()
    }

    fn from6(&self) -> std::net::SocketAddr {
        (self.v6, 53).into()
    }
}

fn summary(payload: &[u8]) -> model::Message {
    let mut summary = message::parse(payload, payload.len(), &NameHasher::with_seed(1)).unwrap();
    (summary.body_hash, summary.qname_hash) = (0, 0);
    summary
}

const TO: &str = "169.254.169.253:40000";
const TO6: &str = "[fd00:ec2::253]:40000";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_name_and_no_address_is_told(secrets in secrets(), cut in 20..600_usize, split in 3..300_usize) {
        let answer = secrets.answer();
        let udp = Packet::udp(secrets.from(), TO, answer.encode());
        let udp6 = Packet::udp(secrets.from6(), TO6, answer.encode());
        let ethernet = Link::Ethernet.frame(&Hop::default(), &udp.encode());
        let mut frames = vec![
            (1, ethernet.clone()),
            (276, Link::Sll2.frame(&Hop::default(), &udp6.encode())),
            (101, vxlan("10.1.2.3:5000", "10.1.2.4:0", 7, &ethernet).encode()),
            (101, Packet::port_unreachable(&udp).encode()),
            (101, Packet::icmp_error("[2a05::9]:0", (1, 1), &udp6).encode()),
            // What is no DNS is nobody's business.
            (101, Packet::udp(secrets.from(), "10.1.2.3:4444", answer.encode()).snat("10.1.2.3:999").encode()),
        ];
        frames.extend(udp.fragments(256).into_iter().map(|piece| (101, piece)));
        frames.extend(udp6.fragments(256).into_iter().map(|piece| (101, piece)));
        let stream = [answer.over_tcp(), answer.over_tcp()].concat();
        let mut seq = 1;
        for part in stream.chunks(split) {
            let segment = Packet::tcp(secrets.from(), TO, forge::ACK, (seq, 1), part);
            seq += part.len() as u32;
            frames.push((101, segment.encode()));
        }
        for (link_type, bytes) in frames {
            secrets.check(&rewritten(link_type, &bytes));
            secrets.check(&rewritten(link_type, &bytes[..cut.min(bytes.len())]));
        }
    }

    #[test]
    fn what_the_analysis_reads_stays(secrets in secrets()) {
        let answer = secrets.answer().encode();
        for packet in [
            Packet::udp(secrets.from(), TO, answer.clone()),
            Packet::udp(secrets.from6(), TO6, answer.clone()),
        ] {
            let bytes = packet.encode();
            let told = rewritten(101, &bytes);
            let (Body::Datagram(before), Body::Datagram(after)) =
                (frame(LinkType(101), &bytes, bytes.len()).body, frame(LinkType(101), &told, told.len()).body)
            else { panic!() };
            prop_assert_eq!(summary(before.payload), summary(after.payload));
            prop_assert!(summary(after.payload).complete);
            let full = hickory_proto::op::Message::from_vec(after.payload);
            prop_assert!(full.is_ok(), "{:?}", full);
        }
    }

    /// Whatever else is in a packet is zeros.
    #[test]
    fn what_is_not_understood_is_not_told(payload in prop::collection::vec(any::<u8>(), 64..200)) {
        let udp = |port: u16| Packet::udp("10.1.2.3:999", forge::endpoint(&format!("10.1.2.4:{port}")), payload.clone());
        let mut frames = vec![
            (101, udp(4444).encode()),
            (101, udp(4789).encode()),
            (101, udp(6081).encode()),
            (101, udp(2152).encode()),
            (101, Packet::tcp("10.1.2.3:999", "10.1.2.4:80", forge::ACK, (1, 1), payload.clone()).encode()),
            (1, [&[0xff; 12][..], &[0x88, 0xb5], &payload].concat()),
            (200, payload.clone()),
        ];
        // On a port of DNS it may pass for a message: its numbers, not its contents.
        for packet in [udp(53), Packet::tcp("10.1.2.3:999", "10.1.2.4:53", forge::ACK, (1, 1), payload.clone())] {
            frames.push((101, packet.encode()));
        }
        let secret = &payload[16..];
        for (link_type, bytes) in frames {
            let told = rewritten(link_type, &bytes);
            for window in secret.windows(6).filter(|window| window.iter().filter(|&&o| o != 0).count() > 3) {
                prop_assert!(!holds(&told, window), "{window:x?} is in {told:x?}");
            }
        }
    }

    #[test]
    fn any_octets_are_taken(link_type in prop::sample::select(vec![0, 1, 9, 12, 50, 51, 101, 104, 109, 113, 204, 239, 276, 258, 129]),
        bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let told = rewritten(link_type, &bytes);
        prop_assert_eq!(told.len(), bytes.len());
    }
}

#[test]
fn checksums_hold() {
    let query = forge::query("secret.example.com", forge::A).encode();
    for packet in [
        Packet::udp("10.1.2.3:999", "52.1.2.4:53", query.clone()),
        Packet::udp("[2a05::1]:999", "[2a05::2]:53", query.clone()),
        Packet::tcp("10.1.2.3:999", "52.1.2.4:53", forge::SYN, (7, 0), Vec::new()),
        Packet::port_unreachable(&Packet::udp("10.1.2.3:999", "52.1.2.4:53", query)),
    ] {
        let bytes = packet.encode();
        let told = rewritten(101, &bytes);
        assert_ne!(bytes, told);
        let sum = |bytes: &[u8], start: u64| {
            let pairs = bytes
                .chunks(2)
                .map(|two| u64::from(two[0]) << 8 | u64::from(*two.get(1).unwrap_or(&0)));
            let mut total: u64 = start + pairs.sum::<u64>();
            while total > 0xffff {
                total = (total >> 16) + (total & 0xffff);
            }
            total
        };
        let (header, addresses, protocol) = match told[0] >> 4 {
            4 => (20, &told[12..20], told[9]),
            _ => (40, &told[8..40], told[6]),
        };
        assert!(header == 40 || sum(&told[..20], 0) == 0xffff);
        let pseudo = sum(addresses, u64::from(protocol) + (told.len() - header) as u64);
        let start = if protocol == 1 { 0 } else { pseudo };
        assert_eq!(sum(&told[header..], start), 0xffff, "{packet:?}");
    }
}

#[test]
fn names_stay_what_they_are_in_relation_to_each_other() {
    let image = |text: &str| {
        let query = forge::query(text, forge::PTR).encode();
        let bytes = Packet::udp("10.1.2.3:999", "52.1.2.4:53", query).encode();
        let told = rewritten(101, &bytes);
        model::display_name(&told[28 + 12..told.len() - 4])
    };
    let (plain, walked) =
        (image("pay.example.com"), image("pay.example.com.shop.svc.cluster.local"));
    assert!(plain.ends_with(".example.com") && !plain.contains("pay"), "{plain}");
    assert!(
        walked.starts_with(&plain) && walked.ends_with(".svc.cluster.local"),
        "{plain} {walked}"
    );
    assert_eq!(
        image("PAY.example.com"),
        plain.replacen(&plain[..3], &plain[..3].to_ascii_uppercase(), 1)
    );
    // Reverse names: one network, and no table of ten digits.
    let reverse =
        ["7.2.1.10", "8.2.1.10", "7.3.1.10"].map(|text| image(&format!("{text}.in-addr.arpa")));
    let network = |name: &str| name.split_once('.').unwrap().1.to_owned();
    assert!(
        network(&reverse[0]) == network(&reverse[1])
            && network(&reverse[0]) != network(&reverse[2])
    );
    assert!(reverse.iter().all(|name| name.ends_with(".in-addr.arpa")), "{reverse:?}");
}

#[test]
fn interfaces_are_called_something_else() {
    struct One;
    impl Blocks for One {
        fn fill(&self, block: &mut Block) -> bool {
            let name = Some("eni1a2b3c4d5e6".to_owned());
            block.interfaces = Arc::new(vec![Interface { name, ..Interface::default() }]);
            true
        }
        fn notes(&self) -> Notes {
            let mut block = Block::default();
            self.fill(&mut block);
            Notes { interfaces: block.interfaces.to_vec(), ..Notes::default() }
        }
        fn progress(&self) -> (u64, Option<u64>) {
            (0, None)
        }
    }
    let anonymizer = anonymizer();
    let source = Anonymized::new(&One, &anonymizer);
    let mut block = Block::default();
    assert!(source.fill(&mut block));
    let name = block.interfaces[0].name.clone().unwrap();
    assert!(name.starts_with("eni") && name.len() == 14 && !name.contains("1a2b"), "{name}");
    assert_eq!(source.notes().interfaces, *block.interfaces);
}
