//! What the matcher does not keep of a query and a row needs: its name above all. A response repeats
//! the name, but lost questions have none, and some responses leave it out.

use crate::matcher::Sighting;
use crate::model::{Endpoint, FOLD_LIMIT, Timestamp, fold_into};

/// A question in flight.
pub(super) struct Question {
    client: Endpoint,
    server: Endpoint,
    frame: u64,
    first_sent: Timestamp,
    /// It is settled, and its place is free.
    settled: bool,
    refused: bool,
    /// In the order of the capture: tells questions of one frame apart that differ in nothing else.
    serial: u64,
    pub(super) opcode: u8,
    /// QTYPE and QCLASS.
    pub(super) type_and_class: Option<(u16, u16)>,
    pub(super) edns_size: Option<u16>,
    pub(super) name_hash: u64,
    length: u8,
    name: [u8; FOLD_LIMIT],
}

impl Default for Question {
    fn default() -> Question {
        Question {
            client: Endpoint::default(),
            server: Endpoint::default(),
            frame: 0,
            first_sent: Timestamp(0),
            settled: false,
            refused: false,
            serial: 0,
            opcode: 0,
            type_and_class: None,
            edns_size: None,
            name_hash: 0,
            length: 0,
            name: [0; FOLD_LIMIT],
        }
    }
}

impl Question {
    /// The case-folded name in wire form; empty where there was none to read.
    pub(super) fn name(&self) -> &[u8] {
        &self.name[..usize::from(self.length)]
    }

    fn overdue(&self) -> Overdue {
        Overdue {
            client: self.client,
            server: self.server,
            name: self.name().into(),
            qtype: self.type_and_class.map(|(qtype, _)| qtype),
            first_sent: self.first_sent,
            frame: self.frame,
            refused: self.refused,
        }
    }
}

/// A question that should have been answered by now, or that was refused. Its row comes only when nobody
/// waits for an answer any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// The socket that asked.
    pub client: Endpoint,
    /// The socket that was asked.
    pub server: Endpoint,
    /// The case-folded QNAME in wire form; empty where there was none to read.
    pub name: Box<[u8]>,
    /// QTYPE, where there is a question.
    pub qtype: Option<u16>,
    /// First transmission.
    pub first_sent: Timestamp,
    /// Frame of the first transmission.
    pub frame: u64,
    /// An ICMP error or a TCP RST said no.
    pub refused: bool,
}

/// The questions in flight. Every one that is opened is settled, so there are never more than the
/// matcher keeps, and their places are used again.
#[derive(Default)]
pub(super) struct Asked {
    places: Vec<Question>,
    free: Vec<u32>,
    /// Where the question of each transaction stands, by the name that the matching stage has for it: names
    /// outlive questions, and a place is large.
    place_of: Vec<u32>,
    serial: u64,
}

impl Asked {
    /// Remembers the question that `query` opens, under the name of its transaction.
    pub(super) fn open(&mut self, name: u32, query: &Sighting<'_>) {
        let (packet, message) = (query.packet, query.message);
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Question::default());
            (self.places.len() - 1) as u32
        });
        let question = &mut self.places[place as usize];
        question.client = packet.from();
        question.server = packet.to();
        question.frame = packet.frame;
        question.first_sent = packet.time;
        (question.settled, question.refused) = (false, false);
        question.serial = self.serial;
        question.opcode = message.flags.opcode();
        question.type_and_class = message.has_question().then_some((message.qtype, message.qclass));
        question.edns_size = message.edns.then_some(message.edns_size);
        question.name_hash = message.qname_hash;
        let qname = query.qname();
        question.length = qname.len() as u8;
        if message.qname_folded {
            question.name[..qname.len()].copy_from_slice(qname);
        } else {
            fold_into(qname, &mut question.name);
        }
        self.serial += 1;
        let name = name as usize;
        if name >= self.place_of.len() {
            self.place_of.resize(name + 1, u32::MAX);
        }
        self.place_of[name] = place;
    }

    fn find(&mut self, name: u32) -> Option<(u32, &mut Question)> {
        let &place = self.place_of.get(name as usize)?;
        let question = self.places.get_mut(place as usize).filter(|question| !question.settled)?;
        Some((place, question))
    }

    /// Notes that somebody said no to a question. It may still be answered.
    #[cold]
    pub(super) fn refused(&mut self, name: u32) {
        if let Some((_, question)) = self.find(name) {
            question.refused = true;
        }
    }

    /// Questions that were first sent by `until`, or were refused: the latest of them, the latest first.
    pub(super) fn overdue(&self, until: Timestamp, most: usize) -> Vec<Overdue> {
        let waiting = self.places.iter().filter(|question| !question.settled);
        let mut late: Vec<&Question> =
            waiting.filter(|asked| asked.refused || asked.first_sent <= until).collect();
        late.sort_unstable_by_key(|asked| std::cmp::Reverse((asked.frame, asked.serial)));
        late.truncate(most);
        late.into_iter().map(Question::overdue).collect()
    }

    /// Takes the question of a transaction that is settled. It can be read until the next is opened.
    pub(super) fn settle(&mut self, name: u32) -> Option<&Question> {
        let (place, question) = self.find(name)?;
        question.settled = true;
        self.free.push(place);
        self.places.get(place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::message;
    use crate::forge::{A, query};
    use crate::matcher::Transport;
    use crate::model::{NameHasher, PacketMeta, display_name};

    /// A question for `name` in the frame `frame`, opened as transaction `number`.
    fn open(asked: &mut Asked, number: u32, name: &str, frame: u64) {
        let hasher = NameHasher::with_seed(1);
        let bytes = query(name, A).id(7).encode();
        let message = message::parse(&bytes, bytes.len(), &hasher).unwrap();
        let time = Timestamp(frame as i64);
        let packet = PacketMeta { time, frame, ..PacketMeta::default() };
        let query = Sighting::new(&packet, Transport::Tcp, &message, &bytes, &hasher);
        asked.open(number, &query);
    }

    #[test]
    fn places_are_used_again_and_names_do_not_mix() {
        let mut asked = Asked::default();
        let mut waiting = std::collections::VecDeque::new();
        for i in 0..1_000_u32 {
            let (name, number) = (format!("name-{i}.example"), i * 7 % 50);
            // Two questions a frame, as in a TCP segment.
            open(&mut asked, number, &name, u64::from(i / 2));
            waiting.push_back((number, name));
            if waiting.len() > 10 {
                let (number, name) = waiting.pop_front().unwrap();
                assert_eq!(display_name(asked.settle(number).unwrap().name()), name);
                assert!(asked.settle(number).is_none(), "it is settled once");
            }
        }
        assert_eq!((asked.places.len(), asked.free.len()), (11, 1));
        assert!(asked.settle(777).is_none());
    }

    #[test]
    fn what_waits_too_long_or_was_refused_is_overdue_the_latest_first() {
        let mut asked = Asked::default();
        for i in 1..=6_u32 {
            open(&mut asked, i, &format!("n{i}.example"), u64::from(i));
        }
        asked.refused(6);
        asked.settle(2);
        let frames = |most| -> Vec<(u64, bool)> {
            let late = asked.overdue(Timestamp(4), most);
            late.iter().map(|late| (late.frame, late.refused)).collect()
        };
        assert_eq!(frames(9), [(6, true), (4, false), (3, false), (1, false)]);
        assert_eq!(frames(2), [(6, true), (4, false)]);
        assert_eq!(display_name(&asked.overdue(Timestamp(4), 1)[0].name), "n6.example");
    }
}
