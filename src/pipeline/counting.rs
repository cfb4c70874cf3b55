//! The last stage: replays what the matcher told, unit by unit, to the sums and the rows.

use super::log::{At, Entry, Log};
use super::unit::{Event, Kind, Unit};
use crate::aggregate::{Aggregate, Metering};
use crate::capture::Block;
use crate::matcher::{Observer, Sighting, Token, Transport};
use crate::model::{Address, Timestamp};
use crate::transactions::{Overdue, Recorder, Rows};

/// The name of no transaction.
const NAMELESS: u32 = u32::MAX;

/// Sums and rows.
pub(super) struct Counting {
    pub(super) aggregate: Aggregate,
    rows: Option<Rows>,
    /// What the names of transactions stand for.
    tokens: Vec<Token>,
}

/// What a log speaks of.
#[derive(Clone, Copy)]
struct Scene<'u> {
    block: &'u Block,
    events: &'u [Event],
    /// The capture tells interfaces apart.
    named: bool,
}

impl<'u> Scene<'u> {
    /// The message that an entry speaks of.
    #[inline]
    fn sighting(self, at: At, log: &'u Log) -> Sighting<'u> {
        match at.as_event() {
            Some(index) => self.events[index].sighting(self.block),
            None => log.kept(at),
        }
    }
}

impl Event {
    /// Itself, if it is a message.
    #[inline]
    fn sighting<'u>(&'u self, block: &'u Block) -> Sighting<'u> {
        let bytes = match self.kind {
            Kind::Message { offset, length } => {
                let range = offset as usize..(offset + length) as usize;
                block.data.get(range).unwrap_or_default()
            }
            Kind::Again { .. } | Kind::Sent => &[],
        };
        let &Event { ref packet, ref message, keys, .. } = self;
        Sighting { packet, transport: Transport::Udp, message, bytes, keys }
    }
}

impl Counting {
    pub(super) fn new(aggregate: Aggregate, rows: Option<Rows>) -> Counting {
        Counting { aggregate, rows, tokens: Vec::new() }
    }

    /// Whether rows are wanted, and nobody takes them any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.rows.as_ref().is_some_and(Rows::is_abandoned)
    }

    /// Hands on the rows that there are.
    pub(super) fn hand_on_rows(&mut self) {
        if let Some(rows) = &mut self.rows {
            rows.hand_on();
        }
    }

    /// Questions that are overdue.
    pub(super) fn overdue(&self, until: Timestamp, most: usize) -> Vec<Overdue> {
        self.rows.as_ref().map(|rows| rows.overdue(until, most)).unwrap_or_default()
    }

    /// The same once more, without the rows: to be finished as if the capture ended here.
    pub(super) fn so_far(&self) -> Counting {
        let Counting { aggregate, tokens, .. } = self;
        Counting { aggregate: aggregate.clone(), rows: None, tokens: tokens.clone() }
    }

    /// Counts all that was told of a unit.
    pub(super) fn take(&mut self, unit: &mut Unit) {
        let Unit { block, events, log, .. } = unit;
        self.replay(log, block, events);
        log.clear();
    }

    /// Counts what was told, of a block and its events.
    pub(super) fn replay(&mut self, log: &mut Log, block: &Block, events: &[Event]) {
        let scene = Scene { block, events, named: block.is_named() };
        let entries = std::mem::take(&mut log.entries);
        for &entry in &entries {
            // Nearly all are one of these two.
            match entry {
                Entry::Opened { token, at } => {
                    let query = self.meter(at, log, scene);
                    let places = self.recorder(token).opened(&query);
                    self.name(token, places);
                }
                Entry::Answered { transaction, at } => {
                    let (settled, name) = self.settled(transaction, log);
                    let response = scene.sighting(at, log);
                    self.recorder(name).answered(&log.transactions[settled], &response);
                }
                _ => self.count(entry, log, scene),
            }
        }
        log.entries = entries;
    }

    /// Closes the books.
    pub(super) fn finish(mut self) -> Aggregate {
        self.aggregate.finish();
        if let Some(rows) = self.rows {
            rows.finish();
        }
        self.aggregate
    }

    #[inline(never)]
    fn count(&mut self, entry: Entry, log: &mut Log, scene: Scene<'_>) {
        match entry {
            Entry::Resent { token, at, answered } => {
                let query = self.meter(at, log, scene);
                let mut places = self.tokens[token as usize];
                self.recorder(token).resent(&mut places, &query, answered);
                self.tokens[token as usize] = places;
            }
            Entry::Copied { token, at, same_interface } => {
                let copy = self.meter(at, log, scene);
                let mut places = self.tokens[token as usize];
                self.recorder(token).copied(&mut places, &copy, same_interface);
                self.tokens[token as usize] = places;
            }
            Entry::Duplicate { token, at } => {
                let response = scene.sighting(at, log);
                let places = self.tokens[token as usize];
                self.recorder(token).duplicate(places, &response);
            }
            Entry::Unanswered { transaction, pending } => {
                let (settled, name) = self.settled(transaction, log);
                self.recorder(name).unanswered(&log.transactions[settled], pending);
            }
            Entry::Shared { from, to } => self.name(to, self.tokens[from as usize]),
            _ => self.count_rare(entry, log),
        }
    }

    fn count_rare(&mut self, entry: Entry, log: &mut Log) {
        match entry {
            Entry::Evicted { transaction } => {
                let (settled, name) = self.settled(transaction, log);
                self.recorder(name).evicted(&log.transactions[settled]);
            }
            Entry::Orphan { packet } => {
                self.recorder(NAMELESS).orphan(&log.packets[packet as usize]);
            }
            Entry::Strange { token, stranger } => {
                let stranger = log.strangers[stranger as usize];
                let places = self.tokens[token as usize];
                self.recorder(token).strange(places, stranger);
            }
            Entry::Refused { packet, refusal } => {
                let (refusal, transaction) = log.refusals[refusal as usize];
                let settled = transaction.map(|transaction| self.settled(transaction, log));
                let name = settled.map_or(NAMELESS, |(_, name)| name);
                let transaction = settled.map(|(settled, _)| &log.transactions[settled]);
                self.recorder(name).refused(transaction, &log.packets[packet as usize], refusal);
            }
            Entry::Unwanted { packet, unwanted } => {
                let unwanted = log.unwanted[unwanted as usize];
                self.recorder(NAMELESS).answer_unwanted(&log.packets[packet as usize], unwanted);
            }
            Entry::Packet { packet, named } => {
                let packet = &log.packets[packet as usize];
                if self.count_behind(packet.destination) {
                    self.aggregate.meter(packet, named);
                }
            }
            Entry::Counted { packet } => {
                self.count_behind(log.packets[packet as usize].destination);
            }
            Entry::Sent { packet, named } => {
                self.aggregate.meter(&log.packets[packet as usize], named);
            }
            Entry::Connection { packet, accepted } => {
                let packet = &log.packets[packet as usize];
                let (from, to) = (packet.source, packet.destination);
                let (client, server) = if accepted { (to, from) } else { (from, to) };
                self.aggregate.connection(client, server, packet, accepted);
            }
            Entry::Assembly(assembly) => self.aggregate.set_assembly(assembly),
            Entry::Over => self.aggregate.set_metering(Metering::Off),
            Entry::Opened { .. }
            | Entry::Answered { .. }
            | Entry::Resent { .. }
            | Entry::Copied { .. }
            | Entry::Duplicate { .. }
            | Entry::Unanswered { .. }
            | Entry::Shared { .. } => {}
        }
    }

    fn recorder(&mut self, name: u32) -> Recorder<'_> {
        Recorder { aggregate: &mut self.aggregate, rows: self.rows.as_mut(), name }
    }

    /// Says what a name stands for from now on.
    fn name(&mut self, name: u32, token: Token) {
        let name = name as usize;
        if name >= self.tokens.len() {
            self.tokens.resize(name + 1, Token::default());
        }
        self.tokens[name] = token;
    }

    /// Puts what its name stands for into a transaction of the log, and gives its place and name.
    fn settled(&self, transaction: u32, log: &mut Log) -> (usize, u32) {
        let transaction = transaction as usize;
        let token = &mut log.transactions[transaction].token;
        let name = token.name();
        *token = self.tokens[name as usize];
        (transaction, name)
    }

    /// The message that an entry speaks of. Says how its packet counts towards a limit; one that the log keeps
    /// was counted when it came.
    #[inline]
    fn meter<'u>(&mut self, at: At, log: &'u Log, scene: Scene<'u>) -> Sighting<'u> {
        let Some(index) = at.as_event() else { return log.kept(at) };
        let event = &scene.events[index];
        let counts = self.aggregate.limited.counts(event.packet.destination);
        let named = scene.named || event.link_interface != 0;
        self.aggregate.set_metering(if counts { Metering::Count { named } } else { Metering::Off });
        event.sighting(scene.block)
    }

    /// The messages that follow went to `destination`, in packets of which each was counted already.
    fn count_behind(&mut self, destination: Address) -> bool {
        let limited = self.aggregate.limited.counts(destination);
        let metering = if limited { Metering::Counted } else { Metering::Off };
        self.aggregate.set_metering(metering);
        limited
    }
}
