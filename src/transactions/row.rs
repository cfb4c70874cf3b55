//! A row: what there is to say of a transaction when it is settled, and the columns that say it.

use std::borrow::Cow;

use crate::classify::Zone;
use crate::matcher::Transport;
use crate::model::{Address, Endpoint, Rcode, Timestamp, opcode, qclass, qtype};

/// Rows that are handed on at once: some 200 KiB, so that handing over costs nothing a row and a batch
/// still is in the second-level cache when it is written.
const ROWS: usize = 1024;

/// What became of a question. The traffic of a report counts in the same terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answered within the query timeout.
    Answered,
    /// Answered after it.
    Late,
    /// Not answered although there was time.
    Unanswered,
    /// Not answered, for an ICMP error or a TCP RST said no.
    Rejected,
    /// Not answered when the capture ended, which was before it had to be.
    Pending,
    /// Given up, for want of room to remember it.
    Evicted,
}

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Fate::Answered => "answered",
            Fate::Late => "late",
            Fate::Unanswered => "unanswered",
            Fate::Rejected => "rejected",
            Fate::Pending => "pending",
            Fate::Evicted => "evicted",
        }
    }
}

/// The first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// When it came.
    pub time: Timestamp,
    /// Its frame.
    pub frame: u64,
    /// RCODE with the extended bits.
    pub rcode: Rcode,
    /// TC.
    pub truncated: bool,
    /// AA.
    pub authoritative: bool,
    /// RA.
    pub recursion_available: bool,
    /// ANCOUNT.
    pub answers: u16,
    /// Its octets, where all of it was captured.
    pub size: Option<u32>,
    /// INFO-CODE of the first extended DNS error.
    pub extended_error: Option<u16>,
}

/// A settled transaction.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// First transmission.
    pub first_sent: Timestamp,
    /// Last transmission.
    pub last_sent: Timestamp,
    /// The socket that asked.
    pub client: Endpoint,
    /// The socket that was asked.
    pub server: Endpoint,
    /// The address that the query was last seen going to, where NAT changed it.
    pub backend: Option<Address>,
    /// UDP or TCP.
    pub transport: Transport,
    /// Transaction ID.
    pub id: u16,
    /// OPCODE.
    pub opcode: u8,
    /// QTYPE and QCLASS.
    pub question: Option<(u16, u16)>,
    /// Who answers for the name.
    pub zone: Zone,
    /// What became of it.
    pub fate: Fate,
    /// The first answer, if there is one.
    pub response: Option<Response>,
    /// Transmissions after the first and before the answer.
    pub retransmissions: u16,
    /// The requestor's UDP payload size, if the query has an OPT record.
    pub edns_size: Option<u16>,
    /// The client had asked from this port before.
    pub reused_port: bool,
    /// Frame of the first transmission.
    pub query_frame: u64,
    /// Where its name stands in the batch.
    pub(super) name: (u32, u8),
    /// [Hash](crate::model::Message::qname_hash) of its name.
    pub name_hash: u64,
}

/// Rows with their names.
#[derive(Debug)]
pub struct Batch {
    rows: Vec<Row>,
    names: Vec<u8>,
}

impl Default for Batch {
    fn default() -> Batch {
        // A third more than mean names take; longer ones make it grow once.
        Batch { rows: Vec::with_capacity(ROWS), names: Vec::with_capacity(ROWS * 40) }
    }
}

impl Batch {
    /// Keeps the case-folded QNAME in wire form of the row that is added next, empty where there was none to read,
    /// and says where it stands.
    pub(super) fn keep_name(&mut self, name: &[u8]) -> (u32, u8) {
        let start = self.names.len() as u32;
        self.names.extend_from_slice(name);
        (start, name.len() as u8)
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Whether it is to be handed on.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Makes it as good as new.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.names.clear();
    }

    /// The rows, in the order in which they were settled.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The case-folded QNAME of a row in wire form.
    pub fn name_of(&self, row: &Row) -> Option<&[u8]> {
        let (start, length) = (row.name.0 as usize, usize::from(row.name.1));
        self.names.get(start..start + length).filter(|name| !name.is_empty())
    }
}

/// How wide the numbers of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 0 to 65,535.
    U16,
    /// 0 to 4,294,967,295.
    U32,
    /// Signed, 64 bits.
    I64,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its name as the key of a JSON object that has others before it.
    pub key: &'static str,
    /// Whether a row may leave it empty.
    pub nullable: bool,
}

macro_rules! column {
    ($name:literal) => {
        Column { name: $name, key: concat!(",\"", $name, "\":"), nullable: false }
    };
    ($name:literal, nullable) => {
        Column { name: $name, key: concat!(",\"", $name, "\":"), nullable: true }
    };
}

/// Takes the columns, one after the other. It is told how to find the value of a row, so that a format
/// of lines asks every column for one row, and a format of columns asks one column for many.
pub trait Cells {
    /// Moments.
    fn time(&mut self, column: Column, value: impl Fn(&Row) -> Option<Timestamp>);
    /// Numbers.
    fn number(&mut self, column: Column, width: Width, value: impl Fn(&Row) -> Option<i64>);
    /// Yes or no.
    fn flag(&mut self, column: Column, value: impl Fn(&Row) -> Option<bool>);
    /// Words of letters, digits and `_`, of which there are few: what stands for one, and its text.
    fn word<W: Copy + PartialEq>(
        &mut self,
        column: Column,
        value: impl Fn(&Row) -> Option<W>,
        text: impl Fn(W) -> Cow<'static, str>,
    );
    /// Addresses.
    fn address(&mut self, column: Column, value: impl Fn(&Row) -> Option<Address>);
    /// The QNAME.
    fn name(&mut self, column: Column);
}

/// The columns in their order: the schema of every format.
#[inline]
pub fn cells(out: &mut impl Cells) {
    let answer = |row: &Row| row.response;
    out.time(column!("first_sent"), |row| Some(row.first_sent));
    out.time(column!("last_sent"), |row| Some(row.last_sent));
    out.time(column!("answered_at", nullable), |row| Some(answer(row)?.time));
    out.number(column!("latency_ns", nullable), Width::I64, |row| {
        Some(answer(row)?.time.since(row.first_sent).0.max(0))
    });
    out.word(column!("outcome"), |row| Some(row.fate), |fate| fate.word().into());
    out.word(column!("rcode", nullable), |row| Some(answer(row)?.rcode), Rcode::mnemonic);
    out.address(column!("client"), |row| Some(row.client.address));
    out.number(column!("client_port"), Width::U16, |row| Some(row.client.port.into()));
    out.address(column!("server"), |row| Some(row.server.address));
    out.number(column!("server_port"), Width::U16, |row| Some(row.server.port.into()));
    out.address(column!("backend", nullable), |row| row.backend);
    out.word(
        column!("transport"),
        |row| Some(row.transport),
        |transport| match transport {
            Transport::Udp => "udp".into(),
            Transport::Tcp => "tcp".into(),
        },
    );
    out.number(column!("id"), Width::U16, |row| Some(row.id.into()));
    out.word(column!("opcode"), |row| Some(row.opcode), opcode::mnemonic);
    out.name(column!("qname", nullable));
    out.word(column!("qtype", nullable), |row| Some(row.question?.0), qtype::mnemonic);
    out.word(column!("qclass", nullable), |row| Some(row.question?.1), qclass::mnemonic);
    out.word(
        column!("zone"),
        |row| Some(row.zone),
        |zone| match zone {
            Zone::Cluster => "cluster".into(),
            Zone::External => "external".into(),
            Zone::Either => "either".into(),
        },
    );
    out.number(column!("retransmissions"), Width::U16, |row| Some(row.retransmissions.into()));
    out.flag(column!("reused_port"), |row| Some(row.reused_port));
    out.number(column!("edns_size", nullable), Width::U16, |row| Some(row.edns_size?.into()));
    out.flag(column!("tc", nullable), |row| Some(answer(row)?.truncated));
    out.flag(column!("aa", nullable), |row| Some(answer(row)?.authoritative));
    out.flag(column!("ra", nullable), |row| Some(answer(row)?.recursion_available));
    out.number(column!("answers", nullable), Width::U16, |row| Some(answer(row)?.answers.into()));
    out.number(column!("response_size", nullable), Width::U32, |row| {
        Some(answer(row)?.size?.into())
    });
    out.number(column!("extended_error", nullable), Width::U16, |row| {
        Some(answer(row)?.extended_error?.into())
    });
    out.number(column!("query_frame"), Width::I64, |row| Some(row.query_frame as i64));
    out.number(column!("response_frame", nullable), Width::I64, |row| {
        Some(answer(row)?.frame as i64)
    });
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Moments.
    Time,
    /// Numbers.
    Number(Width),
    /// Yes or no.
    Flag,
    /// Words, addresses or names.
    Text,
}

/// The columns in their order, by what they hold.
pub fn columns() -> Vec<(Column, Kind)> {
    struct Columns(Vec<(Column, Kind)>);
    impl Cells for Columns {
        fn time(&mut self, column: Column, _: impl Fn(&Row) -> Option<Timestamp>) {
            self.0.push((column, Kind::Time));
        }
        fn number(&mut self, column: Column, width: Width, _: impl Fn(&Row) -> Option<i64>) {
            self.0.push((column, Kind::Number(width)));
        }
        fn flag(&mut self, column: Column, _: impl Fn(&Row) -> Option<bool>) {
            self.0.push((column, Kind::Flag));
        }
        fn word<W: Copy + PartialEq>(
            &mut self,
            column: Column,
            _: impl Fn(&Row) -> Option<W>,
            _: impl Fn(W) -> Cow<'static, str>,
        ) {
            self.0.push((column, Kind::Text));
        }
        fn address(&mut self, column: Column, _: impl Fn(&Row) -> Option<Address>) {
            self.0.push((column, Kind::Text));
        }
        fn name(&mut self, column: Column) {
            self.0.push((column, Kind::Text));
        }
    }
    let mut columns = Columns(Vec::new());
    cells(&mut columns);
    columns.0
}
