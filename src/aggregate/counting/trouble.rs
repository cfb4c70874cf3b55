//! Hooks for answers that fail or are slow: healthy traffic passes with two comparisons.

use super::failing_names::Asked;
use super::failures::{Answer, Failures, Look, SLOW, WORTH_A_LOOK};
use super::{Counting, Pair};
use crate::aggregate::given_up::is_forward_timeout;
use crate::aggregate::handover::Told;
use crate::classify::{Outcome, Zone};
use crate::matcher::{Sighting, Transaction};
use crate::model::extended_error::{Matter, matter};
use crate::model::{FOLD_LIMIT, Message, PacketMeta, Span, fold_into};

/// An answer so long after its question was sent for the last time is not one that waited for that.
const TOLD_APART: Span = Span::from_millis(200);

impl Counting {
    /// Looks at the first answer to a transaction, before it is counted for its pair.
    pub(super) fn look_at(
        &mut self,
        transaction: &Transaction,
        response: &Sighting<'_>,
        outcome: Outcome,
    ) {
        let waited = response.packet.time.since(transaction.last_sent);
        if matches!(outcome, Outcome::ServFail | Outcome::Refused) || waited >= SLOW {
            self.note_trouble(transaction, response, outcome, waited);
        } else if self.failing_names.may_hold(transaction.qname_hash) {
            self.note_fine(transaction, response);
        }
    }

    #[cold]
    fn note_trouble(
        &mut self,
        transaction: &Transaction,
        response: &Sighting<'_>,
        outcome: Outcome,
        waited: Span,
    ) {
        let told = Told::of(transaction.token);
        let (message, packet) = (response.message, response.packet);
        let delay = transaction.delay(packet.time);
        // What comes right after it was sent again may be the answer to that.
        let told_apart = transaction.retransmissions == 0 || waited >= TOLD_APART;
        let timeout = is_forward_timeout(delay) && told_apart || is_forward_timeout(waited);
        let look = Look::of(message, outcome, told.zone(), timeout);
        let failed = matches!(outcome, Outcome::ServFail | Outcome::Refused);
        let slow = !failed && waited.as_micros() as i64 / 1000 >= WORTH_A_LOOK;
        let zone = told.zone();
        let answered = self.pairs.get(told.pair).all().answered;
        let answer = Answer { message, zone, frame: packet.frame, time: packet.time, answered };
        let failures = self.failures_mut(told.pair);
        match look {
            Some(look) => failures.note(look, delay, &answer),
            None if !failed => failures.note_slow(waited, timeout, &answer),
            None => {}
        }
        if look == Some(Look::Unsynced) {
            for leg in transaction.legs() {
                let at = self.server_place(leg.server);
                let server = self.servers.get_mut(at);
                server.unsynced += 1;
                server.unsynced_times.note(packet.time);
            }
        }
        if look.is_none() && !(slow && zone == Zone::External as u8) {
            return;
        }
        let mut buffer = [0; FOLD_LIMIT];
        let name = fold_into(response.qname(), &mut buffer);
        if name.is_empty() {
            // The octets of a response ahead of its query are gone.
            return;
        }
        let ends = (transaction.client.address, transaction.server.address);
        let asked = Asked { hash: transaction.qname_hash, pair: told.pair, name, ends };
        let row = self.failing_names.place(&asked);
        row.period.note(packet.time);
        row.frames.note(packet.frame);
        match look {
            Some(Look::Refused) => row.refused += 1,
            Some(_) => {
                row.servfail += 1;
                row.dnssec += u64::from(is_dnssec(message));
            }
            None => row.slow += 1,
        }
    }

    /// Counts a SERVFAIL, beside what is counted of any answer.
    #[cold]
    pub(super) fn note_servfail(
        &mut self,
        transaction: &Transaction,
        response: &Sighting<'_>,
        told: Told,
    ) {
        let (time, sent) = (response.packet.time, transaction.first_sent);
        let external = told.is_external();
        let bin = self.timeline.at(sent);
        bin.servfail += 1;
        bin.external_bad += u32::from(external);
        for leg in transaction.legs() {
            let server = self.known_server(leg.server);
            server.servfail += 1;
            server.failures.note(time);
        }
        let pair = self.pairs.get_mut(told.pair);
        pair.tally(told.zone()).servfail += 1;
        let rare = pair.rare_mut();
        rare.failures.note(time);
        rare.servfail_frames.note(response.packet.frame);
        if external {
            pair.external_bad.note(sent);
        }
    }

    #[cold]
    fn note_fine(&mut self, transaction: &Transaction, response: &Sighting<'_>) {
        let mut buffer = [0; FOLD_LIMIT];
        let name = fold_into(response.qname(), &mut buffer);
        let unchecked = response.message.flags.checking_disabled();
        let pair = Told::of(transaction.token).pair;
        let ends = (transaction.client.address, transaction.server.address);
        let asked = Asked { hash: transaction.qname_hash, pair, name, ends };
        self.failing_names.note_fine(&asked, unchecked);
    }

    /// Notes that a question was answered once more, because it had been sent again.
    pub(super) fn note_repeated(&mut self, told: Told, packet: &PacketMeta, late: bool) {
        let failures = self.failures_mut(told.pair);
        failures.repeated += 1;
        failures.only_late += u64::from(late);
        failures.unwanted_frames.note(packet.frame);
    }

    /// An ICMP error of a client about an answer.
    pub(super) fn note_unwanted(&mut self, pair: u32, packet: &PacketMeta) {
        self.failures_mut(pair).note_unwanted(packet);
    }

    /// The row of a pair's trouble: as many as there are pairs with any.
    fn failures_mut(&mut self, pair: u32) -> &mut Failures {
        let pair = self.pairs.get_mut(pair);
        if pair.trouble == 0 {
            pair.trouble = self.failures.len() as u32;
            self.failures.push(Failures::default());
        }
        &mut self.failures[pair.trouble as usize]
    }

    /// What went wrong with the answers of a pair.
    pub fn failures(&self, pair: &Pair) -> &Failures {
        &self.failures[pair.trouble as usize]
    }
}

fn is_dnssec(message: &Message) -> bool {
    message.extended_error.is_some_and(|code| matter(code) == Matter::Dnssec)
}
