//! The matcher's events, counted.

use super::forwarding::is_forward_timeout;
use super::legs::{is_farthest, is_translated};
use super::load::Settled;
use super::places::Places;
use super::{Aggregate, Assembly, Metering, SHARED, SampleKind, count_lookup};
use crate::classify::{Outcome, Question, Zone};
use crate::decode::IcmpKind;
use crate::matcher::{
    Observer, Refusal, Sighting, Stranger, Token, Transaction, Transport, Unwanted,
};
use crate::model::{FOLD_LIMIT, PacketMeta, fold_into, qtype};

/// No lookup: probes, zone transfers, updates.
const NO_LOOKUP: u32 = u32::MAX;

impl Aggregate {
    /// Counts the packet of a message towards its sender's limit and says whether there is one.
    fn count_limited(&mut self, packet: &PacketMeta) -> bool {
        if self.metering == Metering::Off {
            return false;
        }
        if let Metering::Count { named } = self.metering {
            let over = self.rates.count(packet, named, true);
            self.timeline.at(packet.time).over += u32::from(over);
        }
        true
    }

    /// The same for a further packet of a transaction: behind a NAT its destination may be limited
    /// where the first was not.
    fn count_again(&mut self, token: &mut Token, packet: &PacketMeta) {
        if self.count_limited(packet) {
            let places = Places { limited: true, ..Places::of(*token) };
            *token = places.token();
        }
    }

    /// Whether the answer to a transaction would be kept as a sample. NXDOMAIN alone says little:
    /// every search walk is full of them.
    fn wants_sample(&self, kind: SampleKind, transaction: &Transaction) -> bool {
        self.samples.wants(kind)
            && (kind != SampleKind::Missing || self.missing.holds(transaction.qname_hash))
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
        let Aggregate { lookups, clients, missing, stops, created, hasher, .. } = self;
        lookups.asked(&question, &mut |ended| {
            count_lookup(&ended, clients, missing, stops, created, hasher);
        })
    }
}

/// Takes a TTL into a range of them.
fn widen(ttls: &mut Option<(u8, u8)>, ttl: u8) {
    match ttls {
        Some((low, high)) if (*low..=*high).contains(&ttl) => {}
        Some((low, high)) => (*low, *high) = ((*low).min(ttl), (*high).max(ttl)),
        None => *ttls = Some((ttl, ttl)),
    }
}

impl Observer for Aggregate {
    fn opened(&mut self, query: &Sighting<'_>) -> Token {
        let mut buffer;
        let name = if query.message.qname_folded {
            query.qname()
        } else {
            buffer = [0; FOLD_LIMIT];
            fold_into(query.qname(), &mut buffer)
        };
        let (client, server) = (query.packet.source, query.packet.destination);
        let pair = self.pair_place(query.keys.ends, client, server);
        let client = self.pairs.get(pair).client_index;
        let reused = self.is_reused(pair, query);
        let (lookup, generation) = self.lookup_of((client, pair), name, query);
        let zone = self.lookups.zone(lookup).unwrap_or_else(|| Zone::of(name)) as u8;
        let probe = query.message.qtype == qtype::NS && name.len() == 1;
        let waited = if probe { None } else { self.note_question(query) };
        let asker = self.clients.get_mut(client);
        asker.asked += 1;
        if let Some(waited) = waited {
            asker.forward((lookup, generation), waited);
        }
        asker.habits.note(query);
        if lookup != NO_LOOKUP {
            asker.habits.note_moved(self.lookups.moved());
        }
        widen(&mut asker.query_ttls, query.packet.ttl);
        let entry = self.pairs.get_mut(pair);
        entry.asked.note(query.packet.time);
        if probe {
            asker.probes += 1;
            entry.rare_mut().probes += 1;
        }
        if query.transport == Transport::Tcp {
            entry.tcp += 1;
        }
        entry.tally(zone).sent += 1;
        let twins = !reused
            && self.lookups.is_second_twin(lookup, query.message.qtype, query.packet.source_port);
        entry.twins += 2 * u64::from(twins);
        let socket = if reused { self.ask_again(pair, query) } else { SHARED };
        self.totals.transactions += 1;
        self.timeline.at(query.packet.time).asked += 1;
        self.limited.note_name(name);
        let limited = self.count_limited(query.packet);
        Places { pair, socket, lookup, generation, limited, reused, zone }.token()
    }

    fn resent(&mut self, token: &mut Token, query: &Sighting<'_>, answered: bool) {
        self.count_again(token, query.packet);
        let rare = self.pairs.get_mut(Places::of(*token).pair).rare_mut();
        rare.retransmissions += 1;
        rare.fragmented.again += u64::from(answered && rare.fragmented.partial > 0);
        if answered {
            rare.resent_after_answer += 1;
            rare.resent_frames.note(query.packet.frame);
            rare.resents.note(query.packet.time);
        }
        self.totals.retransmissions += 1;
    }

    fn answered(&mut self, transaction: &Transaction, response: &Sighting<'_>) {
        let places = Places::of(transaction.token);
        let (message, time) = (response.message, response.packet.time);
        let outcome = Outcome::of(message);
        let delay = transaction.delay(time);
        let late = delay > self.settings.query_timeout;
        let failed = outcome == Outcome::ServFail;
        let external = places.zone == Zone::External as u8;
        let given_up = failed && is_forward_timeout(delay);
        if let Some(kind) = SampleKind::of(outcome, given_up)
            && self.wants_sample(kind, transaction)
        {
            self.samples.take(kind, transaction, response);
        }
        self.look_at(transaction, response, outcome);
        self.note_answer(transaction, response, outcome, places.zone);
        self.totals.answered += 1;
        self.count_strange(transaction, time);
        let last = self.totals.rcodes.len() - 1;
        self.totals.rcodes[usize::from(message.rcode.0).min(last)] += 1;
        self.delays.record(delay);
        self.questions.answered(transaction);
        // The first fragment of an answer may be known for what it is only after the question was sent again.
        let overtaken = time < transaction.last_sent;
        let again = transaction.retransmissions > 0;
        let rescued = again && !overtaken;
        if places.socket != SHARED {
            self.sockets.get_mut(places.socket).answer(time);
        }
        let bin = self.timeline.at(transaction.first_sent);
        bin.delays.record(delay);
        if external && !failed {
            bin.external_fine += 1;
        }
        if places.limited {
            bin.limited += 1;
            bin.limited_lost += u32::from(rescued);
        }
        if places.lookup != NO_LOOKUP {
            let (hash, kind) = (transaction.qname_hash, transaction.qtype);
            self.lookups.answered(places.lookup, places.generation, hash, kind, outcome, time);
        }
        let settled = Settled::of(transaction, places.zone, Some((time, response.packet.frame)));
        self.second.turn_to(time);
        let legs = transaction.legs();
        for leg in legs {
            let at = self.leg_place(places.pair, leg);
            let server = self.servers.get_mut(at);
            if is_farthest(leg, legs) {
                self.loads.note(server, &settled);
            }
            server.asked += 1;
            server.answered += 1;
            server.answered_at(time, &self.second);
        }
        let pair = self.pairs.get_mut(places.pair);
        pair.tally(places.zone).answered += 1;
        if !self.second.has(pair.answers.last) {
            pair.heard.note(time);
        }
        if self.assembly != Assembly::Single {
            let name = transaction.qname_hash;
            let fragmented = &mut pair.rare_mut().fragmented;
            fragmented.note(self.assembly, response.packet, name, again && overtaken);
        }
        if places.reused {
            pair.reused_answered += 1;
        }
        pair.outcomes[outcome as usize] += 1;
        pair.answers.note(time);
        widen(&mut pair.answer_ttls, response.packet.ttl);
        if external && !failed {
            pair.external_fine.note(time);
        }
        if legs.len() > 1 {
            pair.seen_beyond += 1;
            let translated = is_translated(transaction);
            pair.translated += u64::from(translated);
            pair.undelivered += u64::from(translated && response.packet.source != pair.server);
        }
        if places.limited {
            pair.limited += 1;
        }
        if late {
            pair.rare_mut().late += 1;
            self.totals.late += 1;
        }
        if failed {
            self.note_servfail(transaction, response, places);
        }
        if rescued {
            self.note_rescue(transaction, places);
        }
    }

    fn duplicate(&mut self, token: Token, response: &Sighting<'_>) {
        self.totals.duplicates += 1;
        let (places, message) = (Places::of(token), response.message);
        let outcome = Outcome::of(message);
        self.note_repeated(token, response.packet);
        // After a SERVFAIL, glibc and musl ask once more from the same port with the same ID.
        if places.lookup != NO_LOOKUP && !outcome.is_failure() {
            let (hash, kind, time) = (message.qname_hash, message.qtype, response.packet.time);
            self.lookups.answered(places.lookup, places.generation, hash, kind, outcome, time);
        }
    }

    fn unanswered(&mut self, transaction: &Transaction, pending: bool) {
        let places = Places::of(transaction.token);
        self.totals.orphans +=
            transaction.stranger().map_or(0, |stranger| u64::from(stranger.count));
        let pair = self.pairs.get_mut(places.pair);
        if pending {
            pair.pending += 1;
            self.totals.pending += 1;
            return;
        }
        self.note_loss(transaction, places);
    }

    fn evicted(&mut self, _transaction: &Transaction) {
        self.totals.evicted += 1;
    }

    fn orphan(&mut self, _packet: &PacketMeta) {
        self.totals.orphans += 1;
    }

    fn copied(&mut self, token: &mut Token, copy: &Sighting<'_>, same_interface: bool) {
        if !copy.message.is_response() && !same_interface {
            self.count_again(token, copy.packet);
        }
        if copy.message.is_response() && !same_interface {
            let pair = self.pairs.get_mut(Places::of(*token).pair);
            let delivered = u64::from(copy.packet.source == pair.server);
            pair.undelivered = pair.undelivered.saturating_sub(delivered);
        }
        self.note_onward(*token, copy);
        self.totals.copies += 1;
    }

    fn strange(&mut self, token: Token, stranger: Option<Stranger>) {
        self.note_stranger(token, stranger);
    }

    fn refused(
        &mut self,
        transaction: Option<&Transaction>,
        packet: &PacketMeta,
        refusal: Refusal,
    ) {
        self.totals.refusals += 1;
        let (client, server) = (refusal.client, refusal.server);
        let rare = self.pair_of(client, server).rare_mut();
        rare.refusal_frames.note(packet.frame);
        rare.refused_connections += u64::from(transaction.is_none());
    }

    fn answer_unwanted(&mut self, packet: &PacketMeta, unwanted: Unwanted) {
        let Unwanted { kind, client, server } = unwanted;
        self.note_unwanted(client, server, packet);
        self.totals.unwanted += 1;
        if kind == IcmpKind::ReassemblyTimeExceeded {
            self.pair_of(client, server).rare_mut().fragmented.expire(packet);
        }
    }
}
