//! What the matcher tells of packets made by hand; `tests/regressions.rs` tells whole stories.

use super::*;
use crate::model::{Message, MessageFlags};

/// The events, one word each.
#[derive(Default)]
struct Told(Vec<&'static str>);

impl Observer for Told {
    fn opened(&mut self, _: &Sighting<'_>) -> Token {
        self.0.push("opened");
        Token::default()
    }
    fn resent(&mut self, _: &mut Token, _: &Sighting<'_>, answered: bool) {
        self.0.push(if answered { "resent after answer" } else { "resent" });
    }
    fn answered(&mut self, _: &Transaction, _: &Sighting<'_>) {
        self.0.push("answered");
    }
    fn duplicate(&mut self, _: Token, _: &Sighting<'_>) {
        self.0.push("duplicate");
    }
    fn unanswered(&mut self, _: &Transaction, pending: bool) {
        self.0.push(if pending { "pending" } else { "unanswered" });
    }
    fn evicted(&mut self, _: &Transaction) {
        self.0.push("evicted");
    }
    fn orphan(&mut self, _: &PacketMeta) {
        self.0.push("orphan");
    }
    fn copied(&mut self, _: &mut Token, _: &Sighting<'_>, same_interface: bool) {
        self.0.push(if same_interface { "copied here" } else { "copied" });
    }
    fn strange(&mut self, _: Token, stranger: Option<Stranger>) {
        self.0.push(if stranger.is_some() { "strange" } else { "not strange" });
    }
    fn refused(&mut self, _: Option<&Transaction>, _: &PacketMeta, _: Refusal) {
        self.0.push("refused");
    }
    fn answer_unwanted(&mut self, _: &PacketMeta, _: Unwanted) {
        self.0.push("unwanted");
    }
}

const CLIENT: Address = Address::from_v4([10, 0, 0, 1]);
const SERVER: Address = Address::from_v4([10, 96, 0, 10]);

/// One question and its answer, seen at some time with some IP-ID on some interface.
struct Play {
    transport: Transport,
    matcher: Matcher,
    told: Told,
}

impl Play {
    fn over(transport: Transport) -> Play {
        let matcher = Matcher::new(NameHasher::random(), Span::from_secs(5), Capacity::default());
        Play { transport, matcher, told: Told::default() }
    }

    fn see(&mut self, response: bool, micros: i64, ip_id: u16, interface: u16) -> &mut Play {
        let (client, server) = ((CLIENT, 4000), (SERVER, 53));
        let (from, to) = if response { (server, client) } else { (client, server) };
        let packet = PacketMeta {
            time: Timestamp(0).plus(Span::from_micros(micros)),
            source: from.0,
            source_port: from.1,
            destination: to.0,
            destination_port: to.1,
            ip_id,
            interface,
            ttl: 64,
            ..PacketMeta::default()
        };
        let message = Message {
            id: 7,
            flags: MessageFlags(if response { 0x8180 } else { 0x0100 }),
            qname_hash: 99,
            body_hash: u64::from(response),
            qname_length: 5,
            qtype: 1,
            qclass: 1,
            ..Message::default()
        };
        let sighting =
            Sighting::new(&packet, self.transport, &message, &[], &NameHasher::with_seed(1));
        self.matcher.observe(&sighting, &mut self.told);
        self
    }

    fn ask(&mut self, micros: i64, ip_id: u16, interface: u16) -> &mut Play {
        self.see(false, micros, ip_id, interface)
    }

    fn answer(&mut self, micros: i64, ip_id: u16, interface: u16) -> &mut Play {
        self.see(true, micros, ip_id, interface)
    }
}

#[test]
fn a_question_asked_anew_right_after_its_answer_is_no_copy() {
    // dns-stats' knot-live: a resolver asks again 1 ms after the answer, with another IP-ID.
    let mut play = Play::over(Transport::Udp);
    play.ask(0, 1, 0).answer(300, 50, 0).ask(1_000, 2, 0).answer(1_300, 51, 0);
    assert_eq!(play.told.0, ["opened", "answered", "opened", "answered"]);
}

#[test]
fn a_copy_of_the_query_may_come_after_the_answer() {
    let mut play = Play::over(Transport::Udp);
    play.ask(0, 1, 0).answer(300, 50, 0).ask(400, 1, 1).answer(500, 50, 1);
    assert_eq!(play.told.0, ["opened", "answered", "copied", "copied"]);
}

#[test]
fn a_second_message_of_one_stream_is_no_copy() {
    // dnscap's dnsotcp-manyopkts: one question three times on one connection, within 4 ms.
    let mut play = Play::over(Transport::Tcp);
    play.ask(0, 1, 0).ask(3_000, 2, 0).ask(3_000, 2, 0).ask(3_010, 2, 1);
    assert_eq!(play.told.0, ["opened", "resent", "resent", "copied"]);
}
