//! What the matcher tells of packets made by hand; `tests/regressions.rs` tells whole stories.

use super::*;
use crate::model::{Address, Message, MessageFlags, PacketMeta};

/// The events, one word each.
#[derive(Default)]
pub(super) struct Told(pub(super) Vec<&'static str>);

impl Observer for Told {
    fn opened(&mut self, _: &Sighting<'_>, _: bool) -> Token {
        self.0.push("opened");
        Token::default()
    }
    fn resent(&mut self, _: &mut Token, _: &Sighting<'_>, answered: bool) {
        self.0.push(if answered { "resent after answer" } else { "resent" });
    }
    fn answered(&mut self, _: &Transaction, _: &Sighting<'_>) {
        self.0.push("answered");
    }
    fn duplicate(&mut self, _: Token, _: &Sighting<'_>, _: bool) {
        self.0.push("duplicate");
    }
    fn unanswered(&mut self, _: &Transaction, pending: bool) {
        self.0.push(if pending { "pending" } else { "unanswered" });
    }
    fn evicted(&mut self, _: &Transaction) {
        self.0.push("evicted");
    }
    fn orphan(&mut self, _: &PacketMeta, _: bool) {
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

pub(super) const CLIENT: Address = Address::from_v4([10, 0, 0, 1]);
pub(super) const SERVER: Address = Address::from_v4([10, 96, 0, 10]);

/// One question and its answer, seen at some time with some IP-ID on some interface.
pub(super) struct Play {
    transport: Transport,
    client: Address,
    ttl: u8,
    pub(super) matcher: Matcher,
    pub(super) told: Told,
}

impl Play {
    pub(super) fn over(transport: Transport) -> Play {
        let hasher = NameHasher::with_seed(1);
        let matcher = Matcher::new(hasher, Span::from_secs(5), Capacity::default());
        Play { transport, client: CLIENT, ttl: 64, matcher, told: Told::default() }
    }

    fn see(&mut self, response: bool, micros: i64, ip_id: u16, interface: u16) -> &mut Play {
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
        self.show(&message, micros, ip_id, interface)
    }

    /// Shows the matcher a message.
    pub(super) fn show(
        &mut self,
        message: &Message,
        micros: i64,
        ip_id: u16,
        interface: u16,
    ) -> &mut Play {
        let (client, server) = ((self.client, 4000), (SERVER, 53));
        let (from, to) = if message.is_response() { (server, client) } else { (client, server) };
        let packet = PacketMeta {
            time: Timestamp(0).plus(Span::from_micros(micros)),
            source: from.0,
            source_port: from.1,
            destination: to.0,
            destination_port: to.1,
            ip_id,
            interface,
            ttl: self.ttl,
            ..PacketMeta::default()
        };
        let hasher = NameHasher::with_seed(1);
        let sighting = Sighting::new(&packet, self.transport, message, &[], &hasher);
        self.matcher.observe(&sighting, &mut self.told);
        self
    }

    /// Has seven seconds pass: no answer is remembered for that long.
    pub(super) fn wait(&mut self) -> &mut Play {
        let later = self.matcher.now.plus(Span::from_secs(7));
        self.matcher.advance(later, &mut self.told);
        self
    }

    pub(super) fn ask(&mut self, micros: i64, ip_id: u16, interface: u16) -> &mut Play {
        self.see(false, micros, ip_id, interface)
    }

    pub(super) fn answer(&mut self, micros: i64, ip_id: u16, interface: u16) -> &mut Play {
        self.see(true, micros, ip_id, interface)
    }
}

#[test]
fn a_long_query_timeout_is_waited_for() {
    for (seconds, last) in [(5, "answered"), (40, "unanswered")] {
        for (timeout, waits) in [(60, true), (5, false)] {
            let mut play = Play::over(Transport::Udp);
            let hasher = NameHasher::with_seed(1);
            play.matcher = Matcher::new(hasher, Span::from_secs(timeout), Capacity::default());
            play.ask(0, 1, 0).answer(seconds * 1_000_000, 50, 0);
            let expected = if waits { "answered" } else { last };
            assert_eq!(play.told.0[1], expected, "{seconds} {timeout}");
        }
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

#[test]
fn over_tcp_another_interface_tells_copies_after_the_answer_too() {
    let mut play = Play::over(Transport::Tcp);
    play.ask(0, 1, 0).answer(300, 50, 0);
    play.ask(400, 1, 1).answer(500, 50, 1).answer(600, 50, 0).ask(700, 1, 0);
    assert_eq!(play.told.0[2..], ["copied", "copied", "duplicate", "opened"]);
}

#[test]
fn the_last_answer_to_one_key_is_the_one_that_is_remembered() {
    let mut play = Play::over(Transport::Udp);
    play.ask(0, 1, 0).answer(300, 50, 0).ask(1_000, 2, 0).answer(1_300, 51, 0);
    play.answer(1_400, 51, 1).answer(1_500, 50, 0);
    assert_eq!(play.told.0[4..], ["copied", "duplicate"]);
    assert_eq!(play.matcher.kept(), (0, 2));
    play.wait();
    assert_eq!((play.matcher.kept(), play.matcher.in_flight.key_count()), ((0, 0), 0));
}

#[test]
fn an_answer_that_is_asked_for_again_is_remembered_anew() {
    let mut play = Play::over(Transport::Udp);
    play.ask(0, 1, 0).answer(300, 50, 0).ask(5_000_000, 2, 0);
    play.client = SERVER;
    play.ask(10_000_000, 3, 0);
    assert_eq!(play.matcher.kept(), (1, 1), "the first memory of it is gone, the second is not");
    play.client = CLIENT;
    play.answer(10_000_100, 51, 0);
    assert_eq!(play.told.0, ["opened", "answered", "resent after answer", "opened", "duplicate"]);
}

#[test]
fn behind_a_source_nat_a_question_has_two_keys_until_it_is_forgotten() {
    let mut play = Play::over(Transport::Udp);
    play.ask(0, 1, 0);
    (play.client, play.ttl) = (Address::from_v4([192, 0, 2, 1]), 63);
    play.ask(40, 1, 1);
    assert_eq!(play.matcher.in_flight.key_count(), 2);
    play.answer(900, 50, 1);
    play.client = CLIENT;
    play.answer(940, 50, 0);
    assert_eq!(play.told.0, ["opened", "copied", "answered", "copied"]);
    assert_eq!((play.matcher.kept(), play.matcher.in_flight.key_count()), ((0, 2), 0));
    play.wait();
    assert_eq!((play.matcher.kept(), play.matcher.in_flight.key_count()), ((0, 0), 0));
}

#[test]
fn of_many_questions_nothing_is_left_in_the_index() {
    let mut play = Play::over(Transport::Udp);
    for n in 0..3_000_u16 {
        let [high, low] = (n % 700).to_be_bytes();
        play.client = Address::from_v4([10, 2, high, low]);
        play.ask(i64::from(n) * 10_000, n | 1, 0);
        if n % 3 > 0 {
            play.answer(i64::from(n) * 10_000 + 200, n | 1, 0);
        }
        assert_eq!(play.matcher.in_flight.key_count(), play.matcher.kept().0);
    }
    play.wait();
    play.matcher.finish(Timestamp(0), &mut play.told);
    assert_eq!((play.matcher.kept(), play.matcher.in_flight.key_count()), ((0, 0), 0));
}

#[test]
fn a_transaction_knows_where_it_was_seen_first_and_where_later() {
    let message = Message::default();
    let mut packet = PacketMeta { destination: SERVER, ttl: 64, ..PacketMeta::default() };
    let hasher = NameHasher::with_seed(1);
    let see = |packet: &PacketMeta| {
        Transaction::new(&Sighting::new(packet, Transport::Udp, &message, &[], &hasher))
    };
    let mut transaction = see(&packet);
    transaction.add_leg(&packet);
    assert_eq!((transaction.legs().len(), transaction.first_legs().len()), (1, 1));
    transaction.resend(&packet, 1);
    for interface in 1..9 {
        packet.interface = interface;
        transaction.add_leg(&packet);
    }
    let seen = |legs: &[Leg]| legs.iter().map(|leg| leg.interface).collect::<Vec<_>>();
    assert_eq!(seen(transaction.legs()), [0, 1, 2, 3]);
    assert_eq!(seen(transaction.first_legs()), [0]);
    transaction.note_stranger(&packet);
    transaction.note_stranger(&packet);
    assert_eq!(transaction.stranger().map(|stranger| stranger.count), Some(2));
    assert!(transaction.refusal().is_none() && see(&packet).stranger().is_none());
    assert!(transaction.give_alias(3) && !transaction.give_alias(4));
    assert_eq!(transaction.alias(), Some(3));
    let mut other = see(&packet);
    other.clone_from(&transaction);
    assert_eq!((seen(other.legs()).len(), other.alias()), (4, Some(3)));
    other.begin(&Sighting::new(&packet, Transport::Udp, &message, &[], &hasher));
    assert_eq!((seen(other.legs()), other.alias()), (vec![8], None));
    other.add_leg(&PacketMeta { ttl: 63, ..packet });
    assert!(other.stranger().is_none() && other.alias().is_none());
    transaction.clone_from(&see(&packet));
    assert_eq!((seen(transaction.legs()), transaction.alias()), (vec![8], None));
}

/// A scanner: one socket, one ID and one question for everybody. What it asks is gone through in bounded time, and what
/// has to go for that is told.
#[test]
fn one_question_to_thousands_of_servers_is_kept_as_far_as_it_may_be() {
    let mut play = Play::over(Transport::Udp);
    let hasher = NameHasher::with_seed(1);
    let mut see = |server: u32, response: bool, micros: i64| {
        let server = Address::from_v4((0x0b00_0000 + server).to_be_bytes());
        let message = Message {
            id: 7,
            flags: MessageFlags(if response { 0x8180 } else { 0x0100 }),
            qname_hash: 99,
            qname_length: 5,
            qtype: 1,
            qclass: 1,
            ..Message::default()
        };
        let (source, destination) = if response { (server, CLIENT) } else { (CLIENT, server) };
        let (source_port, destination_port) = if response { (53, 4000) } else { (4000, 53) };
        let packet = PacketMeta {
            time: Timestamp(0).plus(Span::from_micros(micros)),
            source,
            source_port,
            destination,
            destination_port,
            ip_id: micros as u16,
            ttl: 64,
            ..PacketMeta::default()
        };
        let sighting = Sighting::new(&packet, Transport::Udp, &message, &[], &hasher);
        play.matcher.observe(&sighting, &mut play.told);
        std::mem::take(&mut play.told.0)
    };
    let evicted = |told: &[&str]| told.iter().filter(|&&what| what == "evicted").count();
    let asked: Vec<&str> = (0..1_000).flat_map(|n| see(n, false, i64::from(n) * 50)).collect();
    assert_eq!(evicted(&asked), 1_000 - 64);
    // The last of them are still known.
    assert_eq!(see(999, true, 60_000), ["answered"]);
    assert_eq!(see(1_000 - 64, true, 60_001), ["answered"]);
}

/// A server resets a connection that was idle, from whose port a question over UDP was sent as well.
#[test]
fn a_reset_refuses_no_question_over_udp() {
    for (transport, told) in [(Transport::Udp, 1), (Transport::Tcp, 1)] {
        let mut play = Play::over(transport);
        play.see(false, 0, 1, 0);
        play.told.0.clear();
        let reset = PacketMeta {
            time: Timestamp(0).plus(Span::from_micros(900)),
            source: SERVER,
            source_port: 53,
            destination: CLIENT,
            destination_port: 4000,
            ..PacketMeta::default()
        };
        play.matcher.reset(&reset, true, &mut play.told);
        assert_eq!(play.told.0.len(), told, "an event of its own, for {transport:?}");
        let refused = play
            .matcher
            .in_flight
            .recent()
            .any(|slot| play.matcher.in_flight.get(slot).refusal().is_some());
        assert_eq!(refused, transport == Transport::Tcp);
    }
}
