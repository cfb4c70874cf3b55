//! The stage that follows questions: replays what the matcher told, unit by unit, and hands over where it
//! counts.

use super::log::{At, Entry, Log};
use super::unit::{Event, Kind, Unit};
use crate::aggregate::{self, Handover, Metering};
use crate::capture::Block;
use crate::matcher::{Sighting, Token, Transport};
use crate::model::Address;

/// Questions, and what the names of transactions stand for.
#[derive(Clone)]
pub(super) struct Following {
    pub(super) sums: aggregate::Following,
    tokens: Vec<Token>,
}

/// What a log speaks of.
#[derive(Clone, Copy)]
pub(super) struct Scene<'u> {
    block: &'u Block,
    events: &'u [Event],
    /// The capture tells interfaces apart.
    named: bool,
}

impl<'u> Scene<'u> {
    pub(super) fn new(block: &'u Block, events: &'u [Event]) -> Scene<'u> {
        Scene { block, events, named: block.is_named() }
    }

    /// The message that an entry speaks of.
    #[inline]
    pub(super) fn sighting(self, at: At, log: &'u Log) -> Sighting<'u> {
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

impl Following {
    pub(super) fn new(sums: aggregate::Following) -> Following {
        Following { sums, tokens: Vec::new() }
    }

    /// Follows all that was told of a unit.
    pub(super) fn take(&mut self, unit: &mut Unit) {
        let Unit { block, events, log, .. } = unit;
        self.replay(log, block, events);
    }

    /// Follows what was told, of a block and its events.
    pub(super) fn replay(&mut self, log: &mut Log, block: &Block, events: &[Event]) {
        let scene = Scene::new(block, events);
        let entries = std::mem::take(&mut log.entries);
        let mut handover = std::mem::take(&mut log.handover);
        for &entry in &entries {
            // Nearly all are one of these two.
            match entry {
                Entry::Opened { token, at, reused } => {
                    let query = self.meter(at, log, scene);
                    let places = self.sums.opened(&query, reused, &mut handover);
                    self.name(token, places);
                }
                Entry::Answered { transaction, at } => {
                    let name = self.settled(transaction, log);
                    let response = scene.sighting(at, log);
                    let transaction = transaction as usize;
                    let told = self.sums.answered(&log.transactions[transaction], &response, name);
                    log.transactions[transaction].token = told;
                }
                _ => self.follow(entry, log, scene, &mut handover),
            }
        }
        log.entries = entries;
        log.handover = handover;
    }

    #[inline(never)]
    fn follow(&mut self, entry: Entry, log: &mut Log, scene: Scene<'_>, handover: &mut Handover) {
        match entry {
            Entry::Resent { token, at, .. } => {
                let query = self.meter(at, log, scene);
                let mut places = self.tokens[token as usize];
                self.sums.resent(&mut places, &query, handover);
                self.tokens[token as usize] = places;
            }
            Entry::Copied { token, at, same_interface } => {
                let copy = self.meter(at, log, scene);
                let mut places = self.tokens[token as usize];
                self.sums.copied(&mut places, &copy, same_interface, handover);
                self.tokens[token as usize] = places;
            }
            Entry::Duplicate { token, at, .. } => {
                let response = scene.sighting(at, log);
                self.sums.duplicate(self.tokens[token as usize], &response, handover);
            }
            Entry::Unanswered { transaction, .. } | Entry::Evicted { transaction } => {
                let _ = self.pass_on(transaction, log);
            }
            Entry::Shared { from, to } => self.name(to, self.tokens[from as usize]),
            Entry::Strange { token, .. } => {
                self.sums.strange(self.tokens[token as usize], handover);
            }
            Entry::Refused { refusal, .. } => {
                let (refusal, transaction) = log.refusals[refusal as usize];
                if let Some(transaction) = transaction {
                    let token = self.pass_on(transaction, log);
                    self.sums.refused(token, refusal.time);
                }
                self.sums.beside(refusal.client, refusal.server, handover);
            }
            Entry::Unwanted { unwanted, .. } => {
                self.sums.answer_unwanted(log.unwanted[unwanted as usize], handover);
            }
            Entry::Packet { packet, named } => {
                let packet = &log.packets[packet as usize];
                if self.count_behind(packet.destination) {
                    self.sums.meter(packet, named, handover);
                } else {
                    self.sums.pass(handover);
                }
            }
            Entry::Counted { packet } => {
                self.count_behind(log.packets[packet as usize].destination);
            }
            Entry::Sent { packet, named } => {
                self.sums.meter(&log.packets[packet as usize], named, handover);
            }
            Entry::Connection { packet, accepted } => {
                let packet = &log.packets[packet as usize];
                let (from, to) = (packet.source, packet.destination);
                let (client, server) = if accepted { (to, from) } else { (from, to) };
                self.sums.beside(client, server, handover);
            }
            Entry::Over => self.sums.set_metering(Metering::Off),
            Entry::Orphan { packet, .. } => {
                self.sums.orphan(&log.packets[packet as usize], handover);
            }
            // These are for whoever counts, or dealt with before.
            Entry::Assembly(_) | Entry::Opened { .. } | Entry::Answered { .. } => {}
        }
    }

    /// Says what a name stands for from now on.
    fn name(&mut self, name: u32, token: Token) {
        let name = name as usize;
        if name >= self.tokens.len() {
            self.tokens.resize(name + 1, Token::default());
        }
        self.tokens[name] = token;
    }

    /// Puts what its name stands for into a transaction of the log, and gives the name.
    #[inline]
    fn settled(&self, transaction: u32, log: &mut Log) -> u32 {
        let token = &mut log.transactions[transaction as usize].token;
        let name = token.name();
        *token = self.tokens[name as usize];
        name
    }

    /// Says where a transaction of the log counts, of which there is nothing more to say; gives what its name
    /// stood for.
    fn pass_on(&self, transaction: u32, log: &mut Log) -> Token {
        let name = self.settled(transaction, log);
        let token = &mut log.transactions[transaction as usize].token;
        let told = self.sums.pass_on(*token, name);
        std::mem::replace(token, told)
    }

    /// The message that an entry speaks of. Says how its packet counts towards a limit; one that the log keeps
    /// was counted when it came.
    #[inline]
    fn meter<'u>(&mut self, at: At, log: &'u Log, scene: Scene<'u>) -> Sighting<'u> {
        let Some(index) = at.as_event() else { return log.kept(at) };
        let event = &scene.events[index];
        let counts = self.sums.limited.counts(event.packet.destination);
        let named = scene.named || event.link_interface != 0;
        self.sums.set_metering(if counts { Metering::Count { named } } else { Metering::Off });
        event.sighting(scene.block)
    }

    /// The messages that follow went to `destination`, in packets of which each was counted already.
    fn count_behind(&mut self, destination: Address) -> bool {
        let limited = self.sums.limited.counts(destination);
        let metering = if limited { Metering::Counted } else { Metering::Off };
        self.sums.set_metering(metering);
        limited
    }
}
