//! Listens to the matcher beside the sums and makes rows of what it hears.

use super::asked::{Asked, Overdue};
use super::row::{Batch, Fate, Response, Row};
use crate::aggregate::Aggregate;
use crate::matcher::{Observer, Refusal, Sighting, Stranger, Token, Transaction, Unwanted};
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

    fn settle(
        &mut self,
        name: u32,
        transaction: &Transaction,
        fate: Fate,
        response: Option<Response>,
    ) {
        let Some(batch) = &mut self.batch else { return };
        let (zone, reused_port) = Aggregate::zone_and_reuse(transaction.token);
        let question = self.asked.settle(name);
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

    fn answered(&mut self, name: u32, transaction: &Transaction, response: &Sighting<'_>) {
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
        self.settle(name, transaction, fate, Some(response));
    }
}

/// The sums, and the rows if they are wanted.
pub struct Recorder<'a> {
    /// The sums.
    pub aggregate: &'a mut Aggregate,
    /// The rows.
    pub rows: Option<&'a mut Rows>,
    /// The name that the matching stage has for the transaction told of.
    pub name: u32,
}

impl Observer for Recorder<'_> {
    fn opened(&mut self, query: &Sighting<'_>) -> Token {
        if let Some(rows) = &mut self.rows {
            rows.asked.open(self.name, query);
        }
        self.aggregate.opened(query)
    }

    fn resent(&mut self, token: &mut Token, query: &Sighting<'_>, answered: bool) {
        self.aggregate.resent(token, query, answered);
    }

    fn answered(&mut self, transaction: &Transaction, response: &Sighting<'_>) {
        self.aggregate.answered(transaction, response);
        if let Some(rows) = &mut self.rows {
            rows.answered(self.name, transaction, response);
        }
    }

    fn duplicate(&mut self, token: Token, response: &Sighting<'_>) {
        self.aggregate.duplicate(token, response);
    }

    fn unanswered(&mut self, transaction: &Transaction, pending: bool) {
        self.aggregate.unanswered(transaction, pending);
        if let Some(rows) = &mut self.rows {
            let fate = match transaction.refusal() {
                _ if pending => Fate::Pending,
                Some(_) => Fate::Rejected,
                None => Fate::Unanswered,
            };
            rows.settle(self.name, transaction, fate, None);
        }
    }

    fn evicted(&mut self, transaction: &Transaction) {
        self.aggregate.evicted(transaction);
        if let Some(rows) = &mut self.rows {
            rows.settle(self.name, transaction, Fate::Evicted, None);
        }
    }

    fn orphan(&mut self, packet: &PacketMeta) {
        self.aggregate.orphan(packet);
    }

    fn copied(&mut self, token: &mut Token, copy: &Sighting<'_>, same_interface: bool) {
        self.aggregate.copied(token, copy, same_interface);
    }

    fn strange(&mut self, token: Token, stranger: Option<Stranger>) {
        self.aggregate.strange(token, stranger);
    }

    fn refused(
        &mut self,
        transaction: Option<&Transaction>,
        packet: &PacketMeta,
        refusal: Refusal,
    ) {
        if let Some(rows) = self.rows.as_mut().filter(|_| transaction.is_some()) {
            rows.asked.refused(self.name);
        }
        self.aggregate.refused(transaction, packet, refusal);
    }

    fn answer_unwanted(&mut self, packet: &PacketMeta, unwanted: Unwanted) {
        self.aggregate.answer_unwanted(packet, unwanted);
    }
}
