//! Hears what is counted, beside the sums, and makes rows of it.

use super::asked::{Asked, Overdue};
use super::row::{Batch, Fate, Response, Row};
use crate::aggregate::{Counting, number_of, zone_and_reuse};
use crate::matcher::{Sighting, Token, Transaction};
use crate::model::{PacketMeta, Span, Timestamp};

/// Where full batches go.
pub trait Outlet: Send {
    /// Takes a full batch for an empty one, and waits for it; `None`: nobody takes rows any more.
    fn exchange(&mut self, full: Box<Batch>) -> Option<Box<Batch>>;

    /// Whether that would be at once.
    fn has_room(&self) -> bool;
}

/// The rows that are being made.
pub struct Rows {
    query_timeout: Span,
    asked: Asked,
    batch: Option<Box<Batch>>,
    outlet: Box<dyn Outlet>,
}

impl Rows {
    /// Rows that go to `outlet`, and the first batch for them.
    pub fn new(query_timeout: Span, outlet: Box<dyn Outlet>) -> Rows {
        Rows { query_timeout, asked: Asked::default(), batch: Some(Box::default()), outlet }
    }

    /// Whether nobody takes rows any more.
    pub fn is_abandoned(&self) -> bool {
        self.batch.is_none()
    }

    /// Hands on what there is, full or not, unless that takes time: for those who want rows soon.
    pub fn hand_on(&mut self) {
        let ready = |batch: &mut Box<Batch>| !batch.is_empty();
        if self.outlet.has_room()
            && let Some(batch) = self.batch.take_if(ready)
        {
            self.batch = self.outlet.exchange(batch);
        }
    }

    /// Questions without an answer that were first sent by `until`, or were refused: the latest `most` of
    /// them, the latest first.
    pub fn overdue(&self, until: Timestamp, most: usize) -> Vec<Overdue> {
        self.asked.overdue(until, most)
    }

    /// Hands on what is left.
    pub fn finish(mut self) {
        if let Some(batch) = self.batch.take().filter(|batch| !batch.is_empty()) {
            self.outlet.exchange(batch);
        }
    }

    fn settle(&mut self, transaction: &Transaction, fate: Fate, response: Option<Response>) {
        let Some(batch) = &mut self.batch else { return };
        let (zone, reused_port) = zone_and_reuse(transaction.token);
        let question = self.asked.settle(number_of(transaction.token));
        let name = batch.keep_name(question.map_or(&[], |question| question.name()));
        let last = transaction.legs().last().map(|leg| leg.server);
        batch.push(Row {
            first_sent: transaction.first_sent,
            last_sent: transaction.last_sent,
            client: transaction.client,
            server: transaction.server,
            backend: last.filter(|&last| last != transaction.server.address),
            transport: transaction.transport,
            id: transaction.id,
            opcode: question.map_or(0, |question| question.opcode),
            question: question.and_then(|question| question.type_and_class),
            zone,
            fate,
            response,
            retransmissions: transaction.retransmissions,
            edns_size: question.and_then(|question| question.edns_size),
            reused_port,
            query_frame: transaction.first_frame,
            name,
            name_hash: question.map_or(0, |question| question.name_hash),
        });
        if batch.is_full()
            && let Some(full) = self.batch.take()
        {
            self.batch = self.outlet.exchange(full);
        }
    }

    fn answered(&mut self, transaction: &Transaction, response: &Sighting<'_>) {
        let Sighting { packet, message, bytes, .. } = response;
        let late = transaction.delay(packet.time) > self.query_timeout;
        let whole = message.complete && !bytes.is_empty();
        let response = Response {
            time: packet.time,
            frame: packet.frame,
            rcode: message.rcode,
            truncated: message.flags.truncated(),
            authoritative: message.flags.authoritative(),
            recursion_available: message.flags.recursion_available(),
            answers: message.counts[1],
            size: whole.then_some(bytes.len() as u32),
            extended_error: message.extended_error,
        };
        let fate = if late { Fate::Late } else { Fate::Answered };
        self.settle(transaction, fate, Some(response));
    }
}

/// The sums, and the rows if they are wanted.
pub struct Recorder<'a> {
    /// The sums.
    pub counting: &'a mut Counting,
    /// The rows.
    pub rows: Option<&'a mut Rows>,
}

impl Recorder<'_> {
    /// A question is asked for the first time; `name` is the transaction's in the log.
    #[inline]
    pub fn opened(&mut self, told: Token, name: u32, query: &Sighting<'_>) {
        if let Some(rows) = &mut self.rows {
            rows.asked.open(name, query);
        }
        self.counting.opened(told, query);
    }

    /// The first answer.
    #[inline]
    pub fn answered(&mut self, transaction: &Transaction, response: &Sighting<'_>) {
        self.counting.answered(transaction, response);
        if let Some(rows) = &mut self.rows {
            rows.answered(transaction, response);
        }
    }

    /// No answer came. `pending`: the capture ended before one had to.
    pub fn unanswered(&mut self, transaction: &Transaction, pending: bool) {
        self.counting.unanswered(transaction, pending);
        if let Some(rows) = &mut self.rows {
            let fate = match transaction.refusal() {
                _ if pending => Fate::Pending,
                Some(_) => Fate::Rejected,
                None => Fate::Unanswered,
            };
            rows.settle(transaction, fate, None);
        }
    }

    /// The room ran out for a transaction.
    pub fn evicted(&mut self, transaction: &Transaction) {
        self.counting.evicted();
        if let Some(rows) = &mut self.rows {
            rows.settle(transaction, Fate::Evicted, None);
        }
    }

    /// An ICMP error or a TCP RST says no: to a question in flight, or to something older.
    pub fn refused(&mut self, told: Token, transaction: Option<&Transaction>, packet: &PacketMeta) {
        if let (Some(rows), Some(transaction)) = (&mut self.rows, transaction) {
            rows.asked.refused(number_of(transaction.token));
        }
        self.counting.refused(told, packet, transaction.is_some());
    }
}
