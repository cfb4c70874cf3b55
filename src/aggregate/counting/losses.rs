//! Questions that lost a packet: sent again before they were answered, or without an answer, how far they
//! came, and who refused them.

use super::Counting;
use super::habits::{SOONEST_TIMER, repeat_wait};
use super::lapses::Fate;
use super::legs::{is_farthest, is_translated, note_refusal};
use super::load::Settled;
use super::resent::Resent;
use crate::aggregate::SHARED;
use crate::aggregate::handover::{LIMITED, REUSED, Told};
use crate::matcher::Transaction;
use crate::model::qtype;

/// Questions by what they asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Types {
    /// All.
    pub all: u64,
    /// Those for AAAA.
    pub aaaa: u64,
    /// Those for HTTPS (RFC 9460).
    pub https: u64,
}

impl Types {
    pub(super) fn note(&mut self, asked: u16) {
        self.all += 1;
        self.aaaa += u64::from(asked == qtype::AAAA);
        self.https += u64::from(asked == qtype::HTTPS);
    }
}

impl Counting {
    /// Counts a question that was answered only after it was sent again, beside what is counted of any
    /// answer.
    #[cold]
    pub(super) fn note_rescue(&mut self, transaction: &Transaction, told: Told) {
        self.timeline.at(transaction.first_sent).rescued += 1;
        for leg in transaction.legs() {
            let server = self.known_server(leg.server);
            server.rescued += 1;
            server.lapses.note(transaction, Fate::Rescued, &server.heard);
        }
        let pair = self.pairs.get_mut(told.pair);
        pair.lapses.note(transaction, Fate::Rescued, &pair.heard);
        self.askers.get_mut(pair.client_index).habits.note_repeated(transaction);
        let (rare, heard) = pair.rare_beside_heard();
        if Resent::counts(transaction, told) {
            rare.resent.rescue(transaction, heard);
        }
        rare.rescued += 1;
        rare.reused_rescued += u64::from(told.is(REUSED));
        rare.twin_losses.note(transaction, told.twin(), told.is(REUSED));
        rare.rescues.note(transaction.first_sent);
        rare.rescued_frames.note(transaction.first_frame);
    }

    /// Counts a question that had no answer although there was time.
    pub(super) fn note_loss(&mut self, transaction: &Transaction, told: Told) {
        let pair = self.pairs.get_mut(told.pair);
        self.totals.unanswered += 1;
        if transaction.retransmissions > 0 {
            self.askers.get_mut(pair.client_index).habits.note_repeated(transaction);
            let hasty = repeat_wait(transaction) < SOONEST_TIMER && transaction.refusal().is_none();
            self.totals.hasty += u64::from(hasty) * u64::from(transaction.retransmissions);
        }
        let bin = self.timeline.at(transaction.first_sent);
        bin.unanswered += 1;
        bin.external_bad += u32::from(told.is_external());
        bin.limited += u32::from(told.is(LIMITED));
        bin.limited_lost += u32::from(told.is(LIMITED));
        pair.tally(told.zone()).unanswered += 1;
        let fate = if transaction.refusal().is_some() {
            Fate::Refused
        } else {
            self.totals.lost.note(transaction.qtype);
            Fate::Lost
        };
        pair.lapses.note(transaction, fate, &pair.heard);
        if told.is(REUSED) {
            pair.rare_mut().reused_unanswered += 1;
        }
        if Resent::counts(transaction, told) {
            let (rare, heard) = pair.rare_beside_heard();
            rare.resent.lose(transaction, told, heard);
        }
        if told.socket != SHARED {
            self.sockets.get_mut(told.socket).lose(transaction);
        }
        pair.losses.note(transaction.first_sent);
        pair.lost_names
            .note(transaction.qname_hash ^ u64::from(transaction.qtype), transaction.first_sent);
        pair.lost_frames.note(transaction.first_frame);
        if let Some(stranger) = transaction.stranger().filter(|stranger| stranger.own) {
            pair.rare_mut().strangers.lose(stranger, transaction.refusal().is_some());
        }
        let beyond = u64::from(transaction.legs().len() > 1);
        pair.seen_beyond += beyond;
        pair.translated += u64::from(is_translated(transaction));
        pair.lost_beyond += beyond;
        pair.limited += u64::from(told.is(LIMITED));
        if told.is_external() {
            pair.external_bad.note(transaction.first_sent);
        }
        if let Some(refusal) = transaction.refusal() {
            let answer_ttls = pair.answer_ttls;
            note_refusal(pair.rare_mut(), answer_ttls, transaction, refusal);
        }
        let settled = Settled::of(transaction, told.zone(), None);
        let legs = transaction.legs();
        for leg in legs {
            let at = self.leg_place(told.pair, leg);
            let server = self.servers.get_mut(at);
            if transaction.refusal().is_none() && is_farthest(leg, legs) {
                self.loads.note(server, &settled);
            }
            server.asked += 1;
            server.unanswered += 1;
            server.losses.note(transaction.first_sent);
            server.lapses.note(transaction, fate, &server.heard);
        }
    }
}
