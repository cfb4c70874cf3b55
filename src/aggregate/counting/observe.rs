//! What the matcher told, counted.

use super::Counting;
use super::fragmented::Assembly;
use super::legs::{is_farthest, is_translated};
use super::load::Settled;
use crate::aggregate::SHARED;
use crate::aggregate::handover::{
    ALONE, LIMITED, MOVED, NEW_PAIR, PROBE, REUSED, SECOND, TCP, Told, number_of,
};
use crate::aggregate::marks::widen;
use crate::classify::{Outcome, Zone};
use crate::decode::IcmpKind;
use crate::matcher::{Sighting, Stranger, Token, Transaction};
use crate::model::{PacketMeta, Span, Timestamp};

/// Who is answered for so long after somebody was refused is answered meanwhile: who is refused asks again sooner, or
/// asks nothing, and nobody wants to know of others then.
const MEANWHILE: Span = Span::from_secs(10);

impl Counting {
    /// Counts a packet that was held against a limit.
    fn count_limited(&mut self, told: Told, time: Timestamp) {
        if let Some(over) = told.over() {
            self.timeline.at(time).over += u32::from(over);
        }
    }

    /// A packet came that is no DNS message, or none that the matcher was told of.
    pub fn packet(&mut self, told: Token, time: Timestamp) {
        self.count_limited(Told::of(told), time);
    }

    /// A question is asked for the first time.
    pub fn opened(&mut self, token: Token, query: &Sighting<'_>) {
        let (told, packet) = (Told::of(token), query.packet);
        let probe = told.is(PROBE);
        let waited = if probe { None } else { self.note_question(query) };
        let pair = self.pairs.get_mut(told.pair);
        let asker = self.askers.get_mut(pair.client_index);
        asker.asked += 1;
        if let Some(waited) = waited {
            asker.forward(number_of(token), waited);
        }
        asker.habits.note(query);
        if told.is(MOVED) {
            asker.habits.note_moved(told.is(ALONE));
        }
        widen(&mut asker.query_ttls, packet.ttl);
        pair.asked.note(packet.time);
        if probe {
            asker.probes += 1;
            pair.rare_mut().probes += 1;
        }
        pair.tcp += u64::from(told.is(TCP));
        pair.tally(told.zone()).sent += 1;
        pair.twins += 2 * u64::from(told.is(SECOND));
        if told.is(REUSED) {
            self.ask_again(told, packet);
        }
        self.totals.transactions += 1;
        self.timeline.at(packet.time).asked += 1;
        self.count_limited(told, packet.time);
    }

    /// The question is asked again; `answered` when its answer had been seen before.
    pub fn resent(&mut self, told: Token, query: &Sighting<'_>, answered: bool) {
        let (told, packet) = (Told::of(told), query.packet);
        self.count_limited(told, packet.time);
        let pair = self.pairs.get_mut(told.pair);
        let (all, undelivered) = (pair.all().answered, pair.undelivered);
        let fresh_answers = all - pair.reused_answered;
        let rare = pair.rare_mut();
        rare.retransmissions += 1;
        if !told.is(REUSED) {
            rare.resent.note(packet.time, fresh_answers);
        }
        rare.fragmented.again += u64::from(answered && rare.fragmented.partial > 0);
        if answered {
            rare.resent_after_answer += 1;
            rare.resent_frames.note(packet.frame);
            rare.resents.note(packet.time);
            rare.missed.note(packet.time, all, undelivered);
        }
        self.totals.retransmissions += 1;
    }

    /// The first answer to a transaction, whose token says where it counts.
    pub fn answered(&mut self, transaction: &Transaction, response: &Sighting<'_>) {
        let told = Told::of(transaction.token);
        let (message, time) = (response.message, response.packet.time);
        let outcome = told.outcome();
        let delay = transaction.delay(time);
        let late = delay > self.query_timeout;
        let failed = outcome == Outcome::ServFail;
        let external = told.is_external();
        let limited = told.is(LIMITED);
        self.look_at(transaction, response, outcome);
        self.note_answer(transaction, response, outcome);
        self.totals.answered += 1;
        self.totals.answered_types.note(transaction.qtype);
        self.count_strange(transaction, time);
        let last = self.totals.rcodes.len() - 1;
        self.totals.rcodes[usize::from(message.rcode.0).min(last)] += 1;
        self.delays.record(delay);
        let rescued = transaction.is_rescued_at(time);
        if told.socket != SHARED {
            self.sockets.get_mut(told.socket).answer(time);
        }
        let bin = self.timeline.at(transaction.first_sent);
        bin.delays.record(delay);
        if external && !failed {
            bin.external_fine += 1;
        }
        if limited {
            bin.limited += 1;
            bin.limited_lost += u32::from(rescued);
        }
        let settled = Settled::of(transaction, told.zone(), Some((time, response.packet.frame)));
        self.second.turn_to(time);
        let legs = transaction.legs();
        for leg in legs {
            let at = self.leg_place(told.pair, leg);
            let server = self.servers.get_mut(at);
            if is_farthest(leg, legs) {
                self.loads.note(server, &settled);
            }
            server.asked += 1;
            server.answered += 1;
            server.answered_at(time, &self.second);
            if server.unsynced > 0 && !failed && told.zone() == Zone::Cluster as u8 {
                server.synced = server.synced.max(time);
            }
        }
        let pair = self.pairs.get_mut(told.pair);
        pair.tally(told.zone()).answered += 1;
        if !self.second.has(pair.answers.last) {
            pair.heard.note(time);
        }
        if self.assembly != Assembly::Single {
            let name = transaction.qname_hash;
            let overtaken = transaction.retransmissions > 0 && !rescued;
            let fragmented = &mut pair.rare_mut().fragmented;
            fragmented.note(self.assembly, response.packet, name, overtaken);
        }
        pair.reused_answered += u64::from(told.is(REUSED));
        // The first test also says that anybody refused anything at all.
        if transaction.first_sent > self.refusing.first
            && time.since(self.refusing.last) <= MEANWHILE
            && !told.is(REUSED)
        {
            pair.rare_mut().note_fresh(time);
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
        pair.limited += u64::from(limited);
        if late {
            pair.rare_mut().late += 1;
            self.totals.late += 1;
        }
        if failed {
            self.note_servfail(transaction, response, told);
        }
        if rescued {
            self.note_rescue(transaction, told);
        }
    }

    /// Another answer to a question that has been answered; `late` when the first one was only late.
    pub fn duplicate(&mut self, told: Token, response: &Sighting<'_>, late: bool) {
        self.totals.duplicates += 1;
        self.note_repeated(Told::of(told), response.packet, late);
    }

    /// No answer came. `pending`: the capture ended before one had to.
    pub fn unanswered(&mut self, transaction: &Transaction, pending: bool) {
        let told = Told::of(transaction.token);
        self.totals.orphans +=
            transaction.stranger().map_or(0, |stranger| u64::from(stranger.count));
        if pending {
            self.pairs.get_mut(told.pair).pending += 1;
            self.totals.pending += 1;
            self.totals.lacking += u64::from(transaction.lacks_answer());
            return;
        }
        self.note_loss(transaction, told);
    }

    /// The room ran out for a transaction that may yet be answered.
    pub fn evicted(&mut self) {
        self.totals.evicted += 1;
    }

    /// A response to nothing that was asked, or a copy of one.
    pub fn orphan(&mut self, told: Token, copy: bool) {
        if copy {
            self.totals.copies += 1;
            return;
        }
        self.totals.orphans += 1;
        let told = Told::of(told);
        if told.pair != SHARED {
            self.pairs.get_mut(told.pair).rare_mut().orphans += 1;
        }
    }

    /// The same packet once more: on another interface, before or after NAT, mirrored.
    pub fn copied(&mut self, told: Token, copy: &Sighting<'_>, same_interface: bool) {
        let told = Told::of(told);
        self.count_limited(told, copy.packet.time);
        if copy.message.is_response() && !same_interface {
            let pair = self.pairs.get_mut(told.pair);
            let delivered = u64::from(copy.packet.source == pair.server);
            pair.undelivered = pair.undelivered.saturating_sub(delivered);
        }
        self.note_onward(told.pair, copy);
        self.totals.copies += 1;
    }

    /// The answer reaches the client from an address that it did not ask; without a stranger: what
    /// was said so before is taken back.
    pub fn strange(&mut self, told: Token, stranger: Option<Stranger>) {
        self.note_stranger(Told::of(told), stranger);
    }

    /// An ICMP error or a TCP RST says no. `in_flight`: to a question that waits for its answer.
    pub fn refused(&mut self, told: Token, packet: &PacketMeta, in_flight: bool) {
        self.totals.refusals += 1;
        let pair = self.pairs.get_mut(Told::of(told).pair);
        if in_flight && packet.source != pair.server {
            self.refusing.note(packet.time);
        }
        let rare = pair.rare_mut();
        rare.refusal_frames.note(packet.frame);
        rare.refused_connections += u64::from(!in_flight);
    }

    /// The client of an answer says that it has no use for it.
    pub fn answer_unwanted(&mut self, told: Token, packet: &PacketMeta, kind: IcmpKind) {
        let told = Told::of(told);
        if !told.is(NEW_PAIR) {
            self.note_unwanted(told.pair, packet);
        }
        self.totals.unwanted += 1;
        if kind == IcmpKind::ReassemblyTimeExceeded {
            self.pairs.get_mut(told.pair).rare_mut().fragmented.expire(packet);
        }
    }

    /// A TCP connection that a client opens, or that its server accepts.
    pub fn connection(&mut self, told: Token, packet: &PacketMeta, accepted: bool) {
        let rare = self.pairs.get_mut(Told::of(told).pair).rare_mut();
        if accepted {
            rare.accepted += 1;
            rare.connections.accept();
        } else {
            rare.opened += 1;
            rare.connections.open(packet);
        }
    }
}
