//! DNS messages: a query or a response in one line, every field open for tests that break them.

use std::net::IpAddr;

use super::name::{Compressor, Name};

/// Record types by number.
pub const A: u16 = 1;
pub const NS: u16 = 2;
pub const CNAME: u16 = 5;
pub const SOA: u16 = 6;
pub const PTR: u16 = 12;
pub const TXT: u16 = 16;
pub const AAAA: u16 = 28;
pub const SRV: u16 = 33;
pub const OPT: u16 = 41;
pub const HTTPS: u16 = 65;
pub const ANY: u16 = 255;

/// Response codes by number.
pub const NOERROR: u16 = 0;
pub const FORMERR: u16 = 1;
pub const SERVFAIL: u16 = 2;
pub const NXDOMAIN: u16 = 3;
pub const NOTIMP: u16 = 4;
pub const REFUSED: u16 = 5;

/// Header flags.
pub const QR: u16 = 0x8000;
pub const AA: u16 = 0x0400;
pub const TC: u16 = 0x0200;
pub const RD: u16 = 0x0100;
pub const RA: u16 = 0x0080;
pub const AD: u16 = 0x0020;
pub const CD: u16 = 0x0010;

/// The EDNS option of extended DNS errors (RFC 8914).
const EXTENDED_ERROR: u16 = 15;
/// How long the records live that the builders make, in seconds: CoreDNS' default for the cluster.
const TTL: u32 = 30;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    pub name: Name,
    pub kind: u16,
    pub class: u16,
}

/// A resource record; names inside the data are kept apart so that they can be compressed.
#[derive(Clone, Debug)]
pub struct Record {
    pub name: Name,
    pub kind: u16,
    pub class: u16,
    pub ttl: u32,
    pub data: Data,
}

/// The data of a record.
#[derive(Clone, Debug)]
pub enum Data {
    /// As it is: addresses, text, options, whatever a test makes up.
    Bytes(Vec<u8>),
    /// CNAME, NS, PTR.
    Name(Name),
    /// The primary server, the mailbox, and the negative TTL; the other numbers do not matter.
    Soa { primary: Name, mailbox: Name, minimum: u32 },
    /// SRV (RFC 2782); its target must not be compressed.
    Service { priority: u16, weight: u16, port: u16, target: Name },
}

/// EDNS (RFC 6891): the OPT record that is sent.
#[derive(Clone, Debug, Default)]
pub struct Edns {
    pub size: u16,
    pub options: Vec<u8>,
}

/// A DNS message before it is encoded.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub id: u16,
    /// The second word of the header, without the RCODE.
    pub flags: u16,
    /// All twelve bits; those above four go into the OPT record, which is added if it is missing.
    pub rcode: u16,
    pub questions: Vec<Question>,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
    pub edns: Option<Edns>,
    /// Writes every name in full.
    pub uncompressed: bool,
}

/// A recursive query for one name. Its ID is 0 until [`Message::id`] gives one.
pub fn query(name: impl Into<Name>, kind: u16) -> Message {
    let question = Question { name: name.into(), kind, class: 1 };
    Message { flags: RD, questions: vec![question], ..Message::default() }
}

/// An empty NOERROR response of a recursive server: ID, question and the presence of EDNS are the query's.
pub fn response(query: &Message) -> Message {
    Message {
        id: query.id,
        flags: QR | RA | query.flags & (RD | CD),
        questions: query.questions.clone(),
        edns: query.edns.as_ref().map(|edns| Edns { size: edns.size, options: Vec::new() }),
        ..Message::default()
    }
}

impl Message {
    pub fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// Adds flags: `.with(AA | TC)`.
    pub fn with(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// Takes flags away: `.without(RD)`.
    pub fn without(mut self, flags: u16) -> Self {
        self.flags &= !flags;
        self
    }

    pub fn rcode(mut self, rcode: u16) -> Self {
        self.rcode = rcode;
        self
    }

    pub fn class(mut self, class: u16) -> Self {
        for question in &mut self.questions {
            question.class = class;
        }
        self
    }

    /// Says how large a UDP answer may be.
    pub fn edns(mut self, size: u16) -> Self {
        self.edns.get_or_insert_default().size = size;
        self
    }

    /// An extended DNS error, with its text for people.
    pub fn extended_error(mut self, code: u16, text: &str) -> Self {
        let edns = self.edns.get_or_insert(Edns { size: 1232, options: Vec::new() });
        edns.options.extend(EXTENDED_ERROR.to_be_bytes());
        edns.options.extend((2 + text.len() as u16).to_be_bytes());
        edns.options.extend(code.to_be_bytes());
        edns.options.extend(text.as_bytes());
        self
    }

    /// An A or AAAA record for the name asked, or for the last CNAME's target.
    pub fn address(self, address: impl Into<IpAddr>) -> Self {
        let (kind, data) = match address.into() {
            IpAddr::V4(address) => (A, address.octets().to_vec()),
            IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
        };
        self.answer(kind, Data::Bytes(data))
    }

    /// A CNAME; the records after it belong to its target.
    pub fn cname(self, target: impl Into<Name>) -> Self {
        self.answer(CNAME, Data::Name(target.into()))
    }

    /// Any record for the name asked, or for the last CNAME's target.
    pub fn answer(mut self, kind: u16, data: Data) -> Self {
        let name = match self.answers.last() {
            Some(Record { kind: CNAME, data: Data::Name(target), .. }) => target.clone(),
            Some(record) => record.name.clone(),
            None => self.questions.first().map_or_else(Name::root, |asked| asked.name.clone()),
        };
        self.answers.push(Record { name, kind, class: 1, ttl: TTL, data });
        self
    }

    /// The SOA of a negative answer (RFC 2308).
    pub fn soa(mut self, zone: impl Into<Name>) -> Self {
        let name = zone.into();
        let under = |label: &[u8]| {
            let mut wire = vec![label.len() as u8];
            wire.extend(label);
            wire.extend(&name.0);
            Name(wire)
        };
        let data = Data::Soa { primary: under(b"ns"), mailbox: under(b"hostmaster"), minimum: TTL };
        self.authorities.push(Record { name, kind: SOA, class: 1, ttl: TTL, data });
        self
    }

    /// The name does not exist, says this zone.
    pub fn nxdomain(self, zone: impl Into<Name>) -> Self {
        self.rcode(NXDOMAIN).soa(zone)
    }

    /// The name exists, but has no record of this type, says this zone.
    pub fn nodata(self, zone: impl Into<Name>) -> Self {
        self.rcode(NOERROR).soa(zone)
    }

    pub fn servfail(self) -> Self {
        self.rcode(SERVFAIL)
    }

    pub fn refused(self) -> Self {
        self.rcode(REFUSED)
    }

    pub fn truncated(self) -> Self {
        self.with(TC)
    }

    /// The message on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        self.encode_into(&mut out);
        out
    }

    /// The message as TCP carries it, behind its length (RFC 1035, section 4.2.2).
    pub fn over_tcp(&self) -> Vec<u8> {
        let mut out = vec![0, 0];
        self.encode_into(&mut out);
        let length = out.len() as u16 - 2;
        out[..2].copy_from_slice(&length.to_be_bytes());
        out
    }

    /// Appends the message; what stands before it is not part of it.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut names =
            if self.uncompressed { Compressor::disabled() } else { Compressor::default() };
        let edns = self.edns.clone().or_else(|| (self.rcode > 15).then(Edns::default));
        let additionals = self.additionals.len() + usize::from(edns.is_some());
        put(out, self.id);
        put(out, self.flags | self.rcode & 15);
        for count in [self.questions.len(), self.answers.len(), self.authorities.len(), additionals]
        {
            put(out, count as u16);
        }
        for question in &self.questions {
            names.write(out, start, &question.name);
            put(out, question.kind);
            put(out, question.class);
        }
        for record in self.answers.iter().chain(&self.authorities).chain(&self.additionals) {
            record.encode_into(out, start, &mut names);
        }
        if let Some(edns) = edns {
            out.push(0);
            put(out, OPT);
            put(out, edns.size);
            out.extend([(self.rcode >> 4) as u8, 0, 0, 0]);
            put(out, edns.options.len() as u16);
            out.extend(&edns.options);
        }
    }
}

impl AsRef<Message> for Message {
    fn as_ref(&self) -> &Message {
        self
    }
}

impl Record {
    fn encode_into(&self, out: &mut Vec<u8>, start: usize, names: &mut Compressor) {
        names.write(out, start, &self.name);
        put(out, self.kind);
        put(out, self.class);
        out.extend(self.ttl.to_be_bytes());
        let length_at = out.len();
        put(out, 0);
        match &self.data {
            Data::Bytes(bytes) => out.extend(bytes),
            Data::Name(name) => names.write(out, start, name),
            Data::Soa { primary, mailbox, minimum } => {
                names.write(out, start, primary);
                names.write(out, start, mailbox);
                for number in [2026, 7200, 1800, 86400, *minimum] {
                    out.extend(number.to_be_bytes());
                }
            }
            Data::Service { priority, weight, port, target } => {
                for number in [*priority, *weight, *port] {
                    put(out, number);
                }
                out.extend(&target.0);
            }
        }
        let length = (out.len() - length_at - 2) as u16;
        out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }
}

fn put(out: &mut Vec<u8>, number: u16) {
    out.extend(number.to_be_bytes());
}
