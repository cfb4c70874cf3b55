//! What the matcher told, followed.

use super::Following;
use super::places::Places;
use super::{Metering, SampleKind, count_lookup};
use crate::aggregate::SHARED;
use crate::aggregate::counting::is_move;
use crate::aggregate::given_up::is_forward_timeout;
use crate::aggregate::handover::{
    ALONE, Handover, LIMITED, MOVED, NEW_PAIR, PROBE, REUSED, SECOND, TCP, Told,
};
use crate::classify::{Outcome, Question, Twin, Zone};
use crate::decode::IcmpKind;
use crate::matcher::{Sighting, Token, Transaction, Transport, Unwanted};
use crate::model::{Address, FOLD_LIMIT, PacketMeta, Timestamp, fold_into, qtype};

/// No lookup: probes, zone transfers, updates.
const NO_LOOKUP: u32 = u32::MAX;

impl Following {
    /// A question is asked for the first time: gives what it is remembered by here. `reused`: its port was in use
    /// before.
    pub fn opened(&mut self, query: &Sighting<'_>, reused: bool, handover: &mut Handover) -> Token {
        let mut buffer;
        let name = if query.message.qname_folded {
            query.qname()
        } else {
            buffer = [0; FOLD_LIMIT];
            fold_into(query.qname(), &mut buffer)
        };
        let (client, server) = (query.packet.source, query.packet.destination);
        let pair = self.pair_place(query.keys.ends, client, server, handover);
        let client = self.pairs.get(pair).client_index;
        let reused = reused && pair != SHARED;
        let (lookup, generation) = self.lookup_of((client, pair), name, query);
        let zone = self.lookups.zone(lookup).unwrap_or_else(|| Zone::of(name)) as u32;
        let probe = query.message.qtype == qtype::NS && name.len() == 1;
        let moved =
            self.lookups.moved().filter(|moved| lookup != NO_LOOKUP && is_move(moved.waited));
        let second = !reused
            && self.lookups.is_second_twin(lookup, query.message.qtype, query.packet.source_port);
        let socket = if reused {
            self.socket_place(pair, query.packet.source_port, handover)
        } else {
            SHARED
        };
        self.limited.note_name(name);
        let limited = self.metering != Metering::Off;
        let over = self.count_limited(query.packet);
        let told = Told::new(pair, socket, zone).with(LIMITED, limited).with(REUSED, reused);
        let places = Places { told, lookup, generation };
        let tcp = query.transport == Transport::Tcp;
        let told = told.with(SECOND, second).with(TCP, tcp).with(PROBE, probe);
        let alone = moved.is_some_and(|moved| moved.alone);
        let told = told.with(MOVED, moved.is_some()).with(ALONE, alone);
        handover.tell(told.metered(over), places.lookup_number());
        places.token()
    }

    /// The question is asked again.
    pub fn resent(&mut self, token: &mut Token, query: &Sighting<'_>, handover: &mut Handover) {
        let (over, places) = (self.count_again(token, query.packet), Places::of(*token));
        self.lookups.resent(places.lookup, places.generation, query.packet.time);
        handover.tell(places.told.metered(over), 0);
    }

    /// The first answer to a transaction, which has its token. Gives what the other half needs; `name` is the
    /// transaction's in the log.
    pub fn answered(
        &mut self,
        transaction: &Transaction,
        response: &Sighting<'_>,
        name: u32,
    ) -> Token {
        let places = Places::of(transaction.token);
        let (message, time) = (response.message, response.packet.time);
        let outcome = Outcome::of(message);
        let given_up = outcome == Outcome::ServFail && is_forward_timeout(transaction.delay(time));
        if let Some(kind) = SampleKind::of(outcome, given_up)
            && self.wants_sample(kind, transaction)
        {
            self.samples.take(kind, transaction, response);
        }
        self.note_answer(transaction, response, outcome, places.is_cluster());
        if places.lookup != NO_LOOKUP {
            let (hash, kind) = (transaction.qname_hash, transaction.qtype);
            self.lookups.answered(places.lookup, places.generation, hash, kind, outcome, time);
        }
        let mut told = places.told.with_outcome(outcome);
        if transaction.is_rescued_at(time) {
            told = told.with_twin(self.twin_of(transaction, places));
        }
        told.token(name)
    }

    /// Another answer to a question that has been answered.
    pub fn duplicate(&mut self, token: Token, response: &Sighting<'_>, handover: &mut Handover) {
        let (places, message) = (Places::of(token), response.message);
        let outcome = Outcome::of(message);
        // After a SERVFAIL, glibc and musl ask once more from the same port with the same ID.
        if places.lookup != NO_LOOKUP && !outcome.is_failure() {
            let (hash, kind, time) = (message.qname_hash, message.qtype, response.packet.time);
            self.lookups.answered(places.lookup, places.generation, hash, kind, outcome, time);
        }
        handover.tell(places.told, 0);
    }

    /// What the other half needs of a transaction that ends without an answer.
    pub fn pass_on(&self, token: Token, name: u32) -> Token {
        Places::of(token).told.token(name)
    }

    /// The same packet once more: on another interface, before or after NAT, mirrored.
    pub fn copied(
        &mut self,
        token: &mut Token,
        copy: &Sighting<'_>,
        same_interface: bool,
        handover: &mut Handover,
    ) {
        let sent_on = !copy.message.is_response() && !same_interface;
        let over = if sent_on { self.count_again(token, copy.packet) } else { None };
        handover.tell(Places::of(*token).told.metered(over), 0);
    }

    /// The answer reaches the client from an address that it did not ask.
    pub fn strange(&self, token: Token, handover: &mut Handover) {
        handover.tell(Places::of(token).told, 0);
    }

    /// A response to nothing that was asked.
    pub fn orphan(&self, packet: &PacketMeta, handover: &mut Handover) {
        let (client, server) = (packet.destination, packet.source);
        let ends = self.hasher.hash_ends(client, server);
        let known = self.pairs.seek(ends, |pair| pair.client == client && pair.server == server);
        handover.tell(Told::new(known.unwrap_or(SHARED), SHARED, 0), 0);
    }

    /// A question was refused, below DNS: whoever asked it need not wait any longer.
    pub fn refused(&mut self, token: Token, time: Timestamp) {
        let places = Places::of(token);
        self.lookups.refused(places.lookup, places.generation, time);
    }

    /// Something was seen between two that is no transaction of theirs: a refusal, a connection.
    pub fn beside(&mut self, client: Address, server: Address, handover: &mut Handover) {
        let ends = self.hasher.hash_ends(client, server);
        let pair = self.pair_place(ends, client, server, handover);
        handover.tell(Told::new(pair, SHARED, 0), 0);
    }

    /// The client of an answer says that it has no use for it.
    pub fn answer_unwanted(&mut self, unwanted: Unwanted, handover: &mut Handover) {
        let Unwanted { kind, client, server } = unwanted;
        let ends = self.hasher.hash_ends(client, server);
        let known = self.pairs.seek(ends, |pair| pair.client == client && pair.server == server);
        let pair = match known {
            Some(pair) => pair,
            None if kind == IcmpKind::ReassemblyTimeExceeded => {
                self.pair_place(ends, client, server, handover)
            }
            None => SHARED,
        };
        let told = Told::new(pair, SHARED, 0).with(NEW_PAIR, known.is_none());
        handover.tell(told, 0);
    }

    /// Counts a packet to a limited destination, copy or not: those that are no DNS message.
    /// `named`: the capture tells interfaces apart.
    pub fn meter(&mut self, packet: &PacketMeta, named: bool, handover: &mut Handover) {
        let over = self.rates.count(packet, named, false);
        handover.tell(Told::default().metered(Some(over)), 0);
    }

    /// A packet that counts towards no limit.
    pub fn pass(&self, handover: &mut Handover) {
        handover.tell(Told::default(), 0);
    }

    /// Counts a further packet of a transaction: behind a NAT its destination may be limited where the first
    /// was not.
    fn count_again(&mut self, token: &mut Token, packet: &PacketMeta) -> Option<bool> {
        if self.metering != Metering::Off {
            *token = Places::of(*token).limited().token();
        }
        self.count_limited(packet)
    }

    /// Whether the answer to a transaction would be kept as a sample. NXDOMAIN alone says little:
    /// every search walk is full of them.
    fn wants_sample(&self, kind: SampleKind, transaction: &Transaction) -> bool {
        self.samples.wants(kind)
            && (kind != SampleKind::Missing || self.missing.holds(transaction.qname_hash))
    }

    /// What became of the twin of a question that was rescued.
    #[cold]
    fn twin_of(&mut self, transaction: &Transaction, places: Places) -> Twin {
        let question = (transaction.qname_hash, transaction.qtype);
        let (port, sent) = (transaction.client.port, transaction.first_sent);
        self.lookups.twin_of((places.lookup, places.generation), question, port, sent, true)
    }

    /// The lookup that a new transaction belongs to.
    fn lookup_of(
        &mut self,
        (client, server): (u32, u32),
        name: &[u8],
        query: &Sighting<'_>,
    ) -> (u32, u32) {
        let message = query.message;
        let wanted = message.flags.opcode() == 0
            && message.has_question()
            && !matches!(message.qtype, qtype::AXFR | qtype::IXFR)
            && !(message.qtype == qtype::NS && name.len() == 1);
        if !wanted {
            if message.is_cut() && !message.has_question() {
                self.clients.get_mut(client).cut_questions += 1;
            }
            return (NO_LOOKUP, 0);
        }
        let question = Question {
            client,
            name,
            name_hash: message.qname_hash,
            qtype: message.qtype,
            time: query.packet.time,
            frame: query.packet.frame,
            socket: u32::from(query.packet.source_port) << 16 | u32::from(message.id),
            server,
        };
        let Following { lookups, clients, missing, stops, created, hasher, .. } = self;
        lookups.asked(&question, &mut |ended| {
            count_lookup(&ended, clients, missing, stops, created, hasher);
        })
    }
}
