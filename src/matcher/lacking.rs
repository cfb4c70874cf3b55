//! Where the capture lacks octets: questions that were cut, and answers that nobody can see.
//!
//! A query that the snap length cut within its question has another key than its answer, and the other way
//! round: the ID and the sockets tell that they belong together. Of an answer whose octets are missing nobody
//! can say that it did not come.

use super::Matcher;
use super::in_flight::InFlight;
use super::sighting::{Keys, Sighting, Transport};
use crate::model::{Address, Endpoint, Message, NameHasher, PacketMeta};

impl Matcher {
    /// Messages from the sender of this packet, from its receiver, are among octets of their stream that the capture
    /// lacks: the answers to what is in flight between them may be there.
    pub fn lacks(&mut self, packet: &PacketMeta, [sent, received]: [bool; 2]) {
        for (lacks, server, client) in
            [(sent, packet.source, packet.to()), (received, packet.destination, packet.from())]
        {
            if lacks {
                self.lack_answers(client, server);
            }
        }
    }

    fn lack_answers(&mut self, client: Endpoint, server: Address) {
        let between = |&slot: &u32| {
            let transaction = self.in_flight.get(slot);
            transaction.transport == Transport::Tcp
                && transaction.client == client
                && transaction.goes_to(server)
        };
        // A client waits for few at a time over one connection.
        let slots: Vec<u32> = self.in_flight.recent().filter(between).collect();
        for slot in slots {
            self.in_flight.get_mut(slot).lack_answer();
        }
    }
}

impl InFlight {
    /// The transaction that a response without a question belongs to.
    pub(super) fn find_by_id(&self, response: &Sighting<'_>) -> Option<u32> {
        let (client, server) = (response.packet.to(), response.packet.source);
        self.recent().find(|&slot| {
            let transaction = self.get(slot);
            transaction.id == response.message.id
                && transaction.transport == response.transport
                && transaction.client == client
                && transaction.goes_to(server)
        })
    }

    /// The transaction of a whole response whose query was cut: its key is that of a query without a question, or
    /// with a name alone.
    pub(super) fn find_cut(&self, response: &Sighting<'_>, hasher: &NameHasher) -> Option<u32> {
        [0, response.message.qname_hash].into_iter().find_map(|qname_hash| {
            let message = Message { qname_hash, qtype: 0, qclass: 0, ..*response.message };
            let keys = Keys::of(response.packet, &message, response.transport, hasher);
            let found = self.find(keys.transaction, response.packet.source)?;
            self.get(found.slot).is_cut().then_some(found.slot)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CLIENT, Play, SERVER};
    use super::*;
    use crate::decode::message::parse;

    /// A question, or its answer.
    fn octets(response: bool) -> Vec<u8> {
        let flags = if response { 0x81 } else { 0x01 };
        let mut octets = vec![0, 7, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        octets.extend_from_slice(b"\x03www\x07example\x00\x00\x01\x00\x01");
        octets
    }

    #[test]
    fn questions_and_answers_that_were_cut_belong_together_wherever_that_was() {
        let (query, response) = (octets(false), octets(true));
        let cut = |octets: &[u8], length| {
            parse(&octets[..length], octets.len(), &NameHasher::with_seed(1)).unwrap()
        };
        for transport in [Transport::Udp, Transport::Tcp] {
            for asked in 4..=query.len() {
                for told in 4..=response.len() {
                    let (query, response) = (cut(&query, asked), cut(&response, told));
                    let mut play = Play::over(transport);
                    play.show(&query, 0, 1, 0).show(&response, 300, 2, 0);
                    assert_eq!(play.told.0, ["opened", "answered"], "{asked} and {told} octets");
                    let mut play = Play::over(transport);
                    play.show(&response, 0, 2, 0).show(&query, 30, 1, 0);
                    assert_eq!(play.told.0, ["opened", "answered"], "{told} and {asked} octets");
                }
            }
        }
    }

    #[test]
    fn what_was_sent_without_its_question_was_not_cut() {
        let (mut none, hasher) = (octets(false)[..12].to_vec(), NameHasher::with_seed(1));
        let [response, bad] = [octets(true), octets(false)[..20].to_vec()]
            .map(|octets| parse(&octets, octets.len(), &hasher).unwrap());
        none[5] = 0;
        for query in [parse(&none, 12, &hasher).unwrap(), bad] {
            let mut play = Play::over(Transport::Udp);
            play.show(&query, 0, 1, 0).show(&response, 300, 2, 0);
            assert_eq!(play.told.0, ["opened"]);
        }
    }

    #[test]
    fn another_id_is_another_question() {
        let parse = |octets: &[u8], length| {
            parse(&octets[..length], octets.len(), &NameHasher::with_seed(1)).unwrap()
        };
        let mut other = octets(true);
        other[1] = 8;
        for length in [14, 25, 27, 29] {
            let (query, other) = (parse(&octets(false), 20), parse(&other, length));
            let mut play = Play::over(Transport::Udp);
            play.show(&query, 0, 1, 0).show(&other, 300, 2, 0);
            assert_eq!(play.told.0, ["opened"]);
        }
    }

    /// A packet from the server's side.
    fn packet(source: Address, destination_port: u16) -> PacketMeta {
        let destination = CLIENT;
        PacketMeta { source, source_port: 53, destination, destination_port, ..Default::default() }
    }

    #[test]
    fn an_answer_that_the_capture_lacks_is_not_missed() {
        let lacking = |transport, packet: &PacketMeta, lacking| {
            let mut play = Play::over(transport);
            play.ask(0, 1, 0).matcher.lacks(packet, lacking);
            for _ in 0..5 {
                play.wait();
            }
            play.told.0
        };
        let packet_of_it = packet(SERVER, 4000);
        let (tcp, udp) = (Transport::Tcp, Transport::Udp);
        assert_eq!(lacking(tcp, &packet_of_it, [true, false]), ["opened", "pending"]);
        let (source, destination) = (packet_of_it.destination, packet_of_it.source);
        let (source_port, destination_port) = (4000, 53);
        let back =
            PacketMeta { source, destination, source_port, destination_port, ..packet_of_it };
        assert_eq!(lacking(tcp, &back, [false, true]), ["opened", "pending"]);
        // The client's own octets, another stream, another server, no stream.
        assert_eq!(lacking(tcp, &packet_of_it, [false, true]), ["opened", "unanswered"]);
        assert_eq!(lacking(tcp, &packet(SERVER, 4001), [true; 2]), ["opened", "unanswered"]);
        assert_eq!(lacking(tcp, &packet(CLIENT, 4000), [true; 2]), ["opened", "unanswered"]);
        assert_eq!(lacking(udp, &packet_of_it, [true; 2]), ["opened", "unanswered"]);
    }

    #[test]
    fn an_answer_that_was_lacking_and_comes_is_one() {
        let mut play = Play::over(Transport::Tcp);
        play.ask(0, 1, 0).matcher.lacks(&packet(SERVER, 4000), [true, false]);
        play.answer(300, 2, 0).wait();
        assert_eq!(play.told.0, ["opened", "answered"]);
    }
}
