//! What the matcher does not keep of a query and a row needs: its name above all. A response repeats
//! the name, but lost questions have none, and some responses leave it out.

use hashbrown::HashTable;

use crate::matcher::{Sighting, Transaction};
use crate::model::{Endpoint, FOLD_LIMIT, NameHasher, Timestamp, fold_into};

/// A question in flight.
pub(super) struct Question {
    client: Endpoint,
    server: Endpoint,
    frame: u64,
    qname_hash: u64,
    id: u16,
    kind: u16,
    first_sent: Timestamp,
    refused: bool,
    /// In the order of the capture: tells questions of one frame apart that differ in nothing else.
    serial: u64,
    pub(super) opcode: u8,
    /// QTYPE and QCLASS.
    pub(super) type_and_class: Option<(u16, u16)>,
    pub(super) edns_size: Option<u16>,
    length: u8,
    name: [u8; FOLD_LIMIT],
}

impl Default for Question {
    fn default() -> Question {
        Question {
            client: Endpoint::default(),
            server: Endpoint::default(),
            frame: 0,
            qname_hash: 0,
            id: 0,
            kind: 0,
            first_sent: Timestamp(0),
            refused: false,
            serial: 0,
            opcode: 0,
            type_and_class: None,
            edns_size: None,
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

    fn hash(&self, hasher: &NameHasher) -> u64 {
        hash(hasher, self.frame, self.qname_hash, self.id, self.kind)
    }

    fn is_of(&self, transaction: &Transaction) -> bool {
        self.frame == transaction.first_frame
            && self.qname_hash == transaction.qname_hash
            && self.client == transaction.client
            && self.server == transaction.server
            && (self.id, self.kind) == (transaction.id, transaction.qtype)
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
pub(super) struct Asked {
    hasher: NameHasher,
    places: Vec<Question>,
    free: Vec<u32>,
    index: HashTable<u32>,
    serial: u64,
}

fn hash(hasher: &NameHasher, frame: u64, qname_hash: u64, id: u16, kind: u16) -> u64 {
    hasher.hash_words([frame, qname_hash, u64::from(id) << 16 | u64::from(kind)])
}

impl Asked {
    pub(super) fn new(hasher: NameHasher) -> Asked {
        let (places, free, index) = (Vec::new(), Vec::new(), HashTable::new());
        Asked { hasher, places, free, index, serial: 0 }
    }

    /// Remembers the question that `query` opens.
    pub(super) fn open(&mut self, query: &Sighting<'_>) {
        let (packet, message) = (query.packet, query.message);
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Question::default());
            (self.places.len() - 1) as u32
        });
        let question = &mut self.places[place as usize];
        question.client = packet.from();
        question.server = packet.to();
        question.frame = packet.frame;
        question.qname_hash = message.qname_hash;
        question.id = message.id;
        question.kind = message.qtype;
        question.first_sent = packet.time;
        question.refused = false;
        question.serial = self.serial;
        question.opcode = message.flags.opcode();
        question.type_and_class = message.has_question().then_some((message.qtype, message.qclass));
        question.edns_size = message.edns.then_some(message.edns_size);
        question.length = fold_into(query.qname(), &mut question.name).len() as u8;
        self.serial += 1;
        let hash = question.hash(&self.hasher);
        let Asked { hasher, places, index, .. } = self;
        index.insert_unique(hash, place, |&place| places[place as usize].hash(hasher));
    }

    /// Hash and place of the question of a transaction.
    fn find(&self, transaction: &Transaction) -> Option<(u64, u32)> {
        let Transaction { first_frame, qname_hash, id, qtype, .. } = *transaction;
        let hash = hash(&self.hasher, first_frame, qname_hash, id, qtype);
        let same = self.index.iter_hash(hash).copied();
        let place = same
            .filter(|&place| self.places[place as usize].is_of(transaction))
            .min_by_key(|&place| self.places[place as usize].serial)?;
        Some((hash, place))
    }

    /// Notes that somebody said no to a question. It may still be answered.
    #[cold]
    pub(super) fn refused(&mut self, transaction: &Transaction) {
        if let Some((_, place)) = self.find(transaction) {
            self.places[place as usize].refused = true;
        }
    }

    /// Questions that were first sent by `until`, or were refused: the latest of them, the latest first.
    pub(super) fn overdue(&self, until: Timestamp, most: usize) -> Vec<Overdue> {
        let waiting = self.index.iter().map(|&place| &self.places[place as usize]);
        let mut late: Vec<&Question> =
            waiting.filter(|asked| asked.refused || asked.first_sent <= until).collect();
        late.sort_unstable_by_key(|asked| std::cmp::Reverse((asked.frame, asked.serial)));
        late.truncate(most);
        late.into_iter().map(Question::overdue).collect()
    }

    /// Takes the question of a transaction that is settled. It can be read until the next is opened.
    pub(super) fn settle(&mut self, transaction: &Transaction) -> Option<&Question> {
        let (hash, place) = self.find(transaction)?;
        let Asked { places, index, free, .. } = self;
        if let Ok(entry) = index.find_entry(hash, |&other| other == place) {
            entry.remove();
        }
        free.push(place);
        places.get(place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::message;
    use crate::forge::{A, query};
    use crate::matcher::Transport;
    use crate::model::{PacketMeta, Timestamp, display_name};

    #[test]
    fn places_are_used_again_and_names_do_not_mix() {
        let hasher = NameHasher::with_seed(1);
        let mut asked = Asked::new(hasher);
        let mut waiting = std::collections::VecDeque::new();
        for i in 0..1_000_u64 {
            let name = format!("name-{i}.example");
            let bytes = query(name.as_str(), A).id(7).encode();
            let message = message::parse(&bytes, bytes.len(), &hasher).unwrap();
            // Two questions a frame, as in a TCP segment.
            let packet = PacketMeta { frame: i / 2, time: Timestamp(0), ..PacketMeta::default() };
            let query = Sighting::new(&packet, Transport::Tcp, &message, &bytes, &hasher);
            let transaction = Transaction::new(&query);
            asked.open(&query);
            waiting.push_back((transaction, name));
            if waiting.len() > 10 {
                let (transaction, name) = waiting.pop_front().unwrap();
                assert_eq!(display_name(asked.settle(&transaction).unwrap().name()), name);
                assert!(asked.settle(&transaction).is_none(), "it is settled once");
            }
        }
        assert_eq!((asked.places.len(), asked.index.len()), (11, 10));
    }

    #[test]
    fn what_waits_too_long_or_was_refused_is_overdue_the_latest_first() {
        let hasher = NameHasher::with_seed(1);
        let mut asked = Asked::new(hasher);
        let transactions: Vec<_> = (1..=6_i64)
            .map(|i| {
                let bytes = query(format!("n{i}.example").as_str(), A).id(7).encode();
                let message = message::parse(&bytes, bytes.len(), &hasher).unwrap();
                let packet =
                    PacketMeta { frame: i as u64, time: Timestamp(i), ..PacketMeta::default() };
                let query = Sighting::new(&packet, Transport::Udp, &message, &bytes, &hasher);
                let transaction = Transaction::new(&query);
                asked.open(&query);
                transaction
            })
            .collect();
        asked.refused(&transactions[5]);
        asked.settle(&transactions[1]);
        let frames = |most| -> Vec<(u64, bool)> {
            let late = asked.overdue(Timestamp(4), most);
            late.iter().map(|late| (late.frame, late.refused)).collect()
        };
        assert_eq!(frames(9), [(6, true), (4, false), (3, false), (1, false)]);
        assert_eq!(frames(2), [(6, true), (4, false)]);
        assert_eq!(display_name(&asked.overdue(Timestamp(4), 1)[0].name), "n6.example");
    }

    #[test]
    fn twins_of_one_frame_are_settled_in_their_order() {
        let hasher = NameHasher::with_seed(1);
        let mut asked = Asked::new(hasher);
        let classes = [1, 3].map(|class| {
            let bytes = query("x.example", A).id(7).class(class).encode();
            let message = message::parse(&bytes, bytes.len(), &hasher).unwrap();
            let packet = PacketMeta::default();
            let query = Sighting::new(&packet, Transport::Tcp, &message, &bytes, &hasher);
            let transaction = Transaction::new(&query);
            asked.open(&query);
            transaction
        });
        let class = |question: Option<&Question>| question.unwrap().type_and_class.unwrap().1;
        assert_eq!(classes.map(|twin| class(asked.settle(&twin))), [1, 3]);
    }
}
