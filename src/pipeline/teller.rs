//! Writes down what the matcher tells.

use std::collections::VecDeque;

use super::log::{At, Entry, Log};
use crate::matcher::{Observer, Refusal, Sighting, Stranger, Token, Transaction, Unwanted};
use crate::model::PacketMeta;

/// Names of transactions, for as long as the matcher remembers them. The stage that counts has a table
/// of what each one stands for; it is as long as there were ever names in use at once.
#[derive(Clone, Default)]
pub(super) struct Names {
    /// In the order in which they became free, which is that of their places: so what is looked up of those in
    /// flight, which were given out of late, stands close together.
    free: VecDeque<u32>,
    next: u32,
}

impl Names {
    #[inline]
    fn take(&mut self) -> u32 {
        self.free.pop_front().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

/// Listens to the matcher while it matches one message.
pub(super) struct Teller<'a> {
    log: &'a mut Log,
    names: &'a mut Names,
    /// Replays a full log.
    spill: &'a mut dyn FnMut(&mut Log),
    /// Where a query stands that is told of, and a response: one of them is matched. An early response, told of
    /// together with its query, stands nowhere until it is kept, as does a message that is no event.
    at: [At; 2],
}

impl<'a> Teller<'a> {
    /// For a message that is no event, or none at all.
    pub(super) fn new(
        log: &'a mut Log,
        names: &'a mut Names,
        spill: &'a mut dyn FnMut(&mut Log),
    ) -> Teller<'a> {
        Teller { log, names, spill, at: [At::NOWHERE; 2] }
    }

    /// For the next message that is no event.
    pub(super) fn next(&mut self) -> &mut Teller<'a> {
        self.at = [At::NOWHERE; 2];
        self
    }

    /// For the next message, which is an event.
    #[inline]
    pub(super) fn event(&mut self, index: usize, response: bool) -> &mut Teller<'a> {
        self.at[usize::from(response)] = At::event(index);
        self.at[usize::from(!response)] = At::NOWHERE;
        self
    }

    /// Where the message stands. It may have to be kept, for which there will be room: so this comes first
    /// in what is told.
    #[inline]
    fn at(&mut self, sighting: &Sighting<'_>) -> At {
        let at = self.at[usize::from(sighting.message.is_response())];
        if at == At::NOWHERE { self.keep(sighting) } else { at }
    }

    #[cold]
    fn keep(&mut self, sighting: &Sighting<'_>) -> At {
        self.make_room();
        let at = self.log.keep(sighting);
        self.at[usize::from(sighting.message.is_response())] = at;
        at
    }

    /// Sees to it that there is room for what is told next.
    #[inline]
    fn make_room(&mut self) {
        if self.log.is_full() {
            self.spill();
        }
    }

    /// The same for a transaction that ends, and nothing else that takes room.
    #[inline]
    fn make_room_to_settle(&mut self) {
        if self.log.has_settled_enough() {
            self.spill();
        }
    }

    #[cold]
    fn spill(&mut self) {
        (self.spill)(self.log);
        self.log.clear();
        for at in &mut self.at {
            if at.as_event().is_none() {
                *at = At::NOWHERE;
            }
        }
    }

    #[inline]
    fn settled(&mut self, transaction: &Transaction) -> u32 {
        self.log.settle(transaction)
    }

    fn packet(&mut self, packet: &PacketMeta) -> u32 {
        self.log.packets.push(*packet);
        (self.log.packets.len() - 1) as u32
    }

    /// Notes something about a packet.
    pub(super) fn tell_packet(&mut self, packet: &PacketMeta, entry: impl FnOnce(u32) -> Entry) {
        self.make_room();
        let packet = self.packet(packet);
        self.log.entries.push(entry(packet));
    }

    /// Notes something else.
    #[inline]
    pub(super) fn tell(&mut self, entry: Entry) {
        self.log.entries.push(entry);
    }
}

impl Observer for Teller<'_> {
    #[inline]
    fn opened(&mut self, query: &Sighting<'_>, reused: bool) -> Token {
        let (token, at) = (self.names.take(), self.at(query));
        self.tell(Entry::Opened { token, at, reused });
        Token::named(token)
    }

    fn resent(&mut self, token: &mut Token, query: &Sighting<'_>, answered: bool) {
        let at = self.at(query);
        self.tell(Entry::Resent { token: token.name(), at, answered });
    }

    #[inline]
    fn answered(&mut self, transaction: &Transaction, response: &Sighting<'_>) {
        self.make_room_to_settle();
        let at = self.at(response);
        let transaction = self.settled(transaction);
        self.tell(Entry::Answered { transaction, at });
    }

    fn duplicate(&mut self, token: Token, response: &Sighting<'_>, late: bool) {
        let at = self.at(response);
        self.tell(Entry::Duplicate { token: token.name(), at, late });
    }

    fn unanswered(&mut self, transaction: &Transaction, pending: bool) {
        self.make_room_to_settle();
        let transaction = self.settled(transaction);
        self.tell(Entry::Unanswered { transaction, pending });
    }

    fn evicted(&mut self, transaction: &Transaction) {
        self.make_room_to_settle();
        let transaction = self.settled(transaction);
        self.tell(Entry::Evicted { transaction });
    }

    fn orphan(&mut self, packet: &PacketMeta, copy: bool) {
        self.make_room();
        let packet = self.packet(packet);
        self.tell(Entry::Orphan { packet, copy });
    }

    fn copied(&mut self, token: &mut Token, copy: &Sighting<'_>, same_interface: bool) {
        let at = self.at(copy);
        self.tell(Entry::Copied { token: token.name(), at, same_interface });
    }

    fn strange(&mut self, token: Token, stranger: Option<Stranger>) {
        self.log.strangers.push(stranger);
        let stranger = (self.log.strangers.len() - 1) as u32;
        self.tell(Entry::Strange { token: token.name(), stranger });
    }

    fn refused(
        &mut self,
        transaction: Option<&Transaction>,
        packet: &PacketMeta,
        refusal: Refusal,
    ) {
        self.make_room();
        let transaction = transaction.map(|transaction| self.settled(transaction));
        self.log.refusals.push((refusal, transaction));
        let (packet, refusal) = (self.packet(packet), (self.log.refusals.len() - 1) as u32);
        self.tell(Entry::Refused { packet, refusal });
    }

    fn answer_unwanted(&mut self, packet: &PacketMeta, unwanted: Unwanted) {
        self.make_room();
        self.log.unwanted.push(unwanted);
        let (packet, unwanted) = (self.packet(packet), (self.log.unwanted.len() - 1) as u32);
        self.tell(Entry::Unwanted { packet, unwanted });
    }

    fn share(&mut self, token: Token) -> Token {
        let to = self.names.take();
        self.tell(Entry::Shared { from: token.name(), to });
        Token::named(to)
    }

    fn release(&mut self, token: Token) {
        self.names.free.push_back(token.name());
    }
}
