//! What passed between one client and one server: the matrix that most causes are read from.

use std::sync::LazyLock;

use super::activity::Activity;
use super::fragmented::Fragmented;
use super::lapses::Lapses;
use super::repeats::Repeats;
use super::resent::Resent;
use super::runs::{Connections, MissedAnswers};
use super::strangers::Strangers;
use super::twins::TwinLosses;
use crate::aggregate::marks::{Frames, Period};
use crate::classify::{Outcome, Zone};
use crate::decode::IcmpKind;
use crate::model::{Address, Timestamp};

/// Clients times servers at most: 8,000 pods that ask four servers each. 22 MB where all have losses, 55 at
/// worst, where all have what few have as well, and 17 more where all are refused for an hour.
pub(in crate::aggregate) const MAX_PAIRS: usize = 1 << 15;

/// Counts of one kind of names, or of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Transactions.
    pub sent: u64,
    /// Answered, however late.
    pub answered: u64,
    /// Not answered although there was time.
    pub unanswered: u64,
    /// SERVFAIL.
    pub servfail: u64,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: Tally) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.servfail += other.servfail;
    }
}

/// One client and one server.
///
/// What every transaction touches stands first, in five cache lines; what only losses touch
/// follows, and what few pairs have at all is kept apart. There are thousands of pairs, and they do not fit
/// into the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Pair {
    /// Who asked.
    pub client: Address,
    /// Who was asked, before any NAT.
    pub server: Address,
    /// Index of the client.
    pub client_index: u32,
    /// Place of the server; the shared one until it has answered, or where there is no room for it.
    pub(super) server_index: u32,
    /// Where [`Counting::failures`](super::Counting::failures) has what is wrong with its answers.
    pub(super) trouble: u32,
    /// Lowest and highest TTL of the server's answers.
    pub answer_ttls: Option<(u8, u8)>,
    /// Transactions by zone, in the order of [`Zone`].
    tallies: [Tally; 3],
    /// When questions were asked.
    pub asked: Period,
    /// When answers came.
    pub answers: Period,
    /// Answers by outcome, in the order of [`Outcome`].
    pub outcomes: [u64; 7],
    /// When names outside the cluster were answered without SERVFAIL.
    pub external_fine: Period,
    /// Transactions in pairs of A and AAAA sent together, both the first on their port.
    pub twins: u64,
    /// Transactions whose query was seen on its way on.
    pub seen_beyond: u64,
    /// Transactions whose query was seen on its way to another address: the one asked stands for it.
    pub translated: u64,
    /// Answers seen on their way back, and never from the address that was asked: behind a DNAT that
    /// is what the client's own interface would have shown.
    pub undelivered: u64,
    /// Transactions over TCP.
    pub tcp: u64,
    /// Transactions to a destination that counts towards an ENI's limit.
    pub limited: u64,
    /// Transactions from ports that were in use before: of long-lived sockets.
    pub reused: u64,
    /// Of these answered.
    pub reused_answered: u64,
    rare: Option<Box<Rare>>,
    /// In which seconds answers came.
    pub heard: Activity,
    /// Questions that were lost in a row.
    pub lapses: Lapses,
    /// When questions that stayed unanswered were sent.
    pub losses: Period,
    /// Queries that stayed unanswered.
    pub lost_frames: Frames,
    /// Names of questions that stayed unanswered.
    pub lost_names: Repeats,
    /// Unanswered transactions whose query was seen on its way on, behind the first interface.
    pub lost_beyond: u64,
    /// When questions for names outside the cluster were sent that stayed unanswered or failed.
    pub external_bad: Period,
    /// Sent too close to the end of the capture to tell.
    pub pending: u64,
}

const _: () = assert!(size_of::<Pair>() == 536, "there are thousands");

/// What few pairs have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rare {
    /// Answered after the query timeout.
    pub late: u64,
    /// `. NS` queries: health probes of a forwarder.
    pub probes: u64,
    /// Queries sent again.
    pub retransmissions: u64,
    /// Queries sent again although the answer had been seen here.
    pub resent_after_answer: u64,
    /// Queries sent again after their answer was seen.
    pub resent_frames: Frames,
    /// When they were.
    pub resents: Period,
    /// Times in which that was so for nearly all, since their answers end here.
    pub missed: MissedAnswers,
    /// Transactions that only a retransmission got an answer for.
    pub rescued: u64,
    /// Of these, from ports that were in use before.
    pub reused_rescued: u64,
    /// Queries of transactions that only a retransmission got an answer for.
    pub rescued_frames: Frames,
    /// When such queries were first sent.
    pub rescues: Period,
    /// Unanswered transactions from ports that were in use before.
    pub reused_unanswered: u64,
    /// Questions from fresh ports that were sent again.
    pub resent: Resent,
    /// Pairs of which one lost a packet.
    pub twin_losses: TwinLosses,
    /// Transactions refused with "port unreachable" or RST by the address behind the DNAT: the
    /// server itself.
    pub closed: u64,
    /// The same from the address that was asked. Behind a DNAT this says nothing of who sent it: the
    /// node's conntrack writes the Service's address into every ICMP error (measured in the lab).
    pub closed_unclear: u64,
    /// Transactions over TCP connections that the server had accepted and reset before it answered: of one that was
    /// idle for long, as a rule, and that the client goes on without. A RST with another TTL is a rejection.
    pub reset: u64,
    /// Transactions refused by any other ICMP error, or by somebody else.
    pub rejected: u64,
    /// Refused transactions whose query was seen on its way on.
    pub refused_beyond: u64,
    /// The ICMP error that refused last.
    pub reject_kind: Option<IcmpKind>,
    /// Who refused last.
    pub reporter: Address,
    /// TTL of that refusal.
    pub reporter_ttl: u8,
    /// When refusals came.
    pub refusals: Period,
    /// ICMP errors and RSTs.
    pub refusal_frames: Frames,
    /// RSTs and ICMP errors that refused no question in flight: answers to SYNs, for the most part.
    pub refused_connections: u64,
    /// In which seconds questions from fresh ports were answered while anybody but the server refused some.
    pub fresh: Activity,
    /// How many of them there were.
    pub fresh_answers: u64,
    /// Responses of the server to the client that answer nothing that was asked, or what was asked too long ago.
    pub orphans: u64,
    /// Answers in fragments.
    pub fragmented: Fragmented,
    /// Responses that came from another address than was asked.
    pub strangers: Strangers,
    /// When SERVFAILs came.
    pub failures: Period,
    /// SERVFAIL responses.
    pub servfail_frames: Frames,
    /// TCP connections that the client opened, each once however often its SYN was sent; as seen on
    /// each interface.
    pub opened: u64,
    /// Those that the server accepted.
    pub accepted: u64,
    /// Those in a row that it did not.
    pub connections: Connections,
}

impl Rare {
    /// Notes an answer to a fresh port.
    pub(super) fn note_fresh(&mut self, time: Timestamp) {
        self.fresh.note(time);
        self.fresh_answers += 1;
    }
}

/// What most pairs have of it.
static NOTHING: LazyLock<Rare> = LazyLock::new(Rare::default);

impl Pair {
    /// A client and a server of which nothing was seen yet.
    pub(super) fn new(client: Address, server: Address, client_index: u32) -> Pair {
        Pair { client, server, client_index, ..Pair::default() }
    }

    /// All transactions.
    pub fn all(&self) -> Tally {
        let [mut all, external, either] = self.tallies;
        all.add(external);
        all.add(either);
        all
    }

    /// Those for names outside.
    pub fn external(&self) -> Tally {
        self.tallies[Zone::External as usize]
    }

    /// Those for names of the cluster.
    pub fn cluster(&self) -> Tally {
        self.tallies[Zone::Cluster as usize]
    }

    /// Those for names of one zone, to be counted.
    pub(super) fn tally(&mut self, zone: u8) -> &mut Tally {
        &mut self.tallies[usize::from(zone)]
    }

    /// What few pairs have.
    pub fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or_else(|| &NOTHING)
    }

    /// The same, once there is some.
    #[cold]
    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The same, and beside it when answers came.
    #[cold]
    pub(super) fn rare_beside_heard(&mut self) -> (&mut Rare, &Activity) {
        (self.rare.get_or_insert_default(), &self.heard)
    }

    /// Answers with this outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// Answers that say no: NXDOMAIN and NODATA.
    pub fn outcomes_negative(&self) -> u64 {
        self.outcome(Outcome::NxDomain) + self.outcome(Outcome::NoData)
    }

    /// Transactions that were refused, by whomever.
    pub fn refused(&self) -> u64 {
        let rare = self.rare();
        rare.closed + rare.closed_unclear + rare.rejected
    }

    /// Unanswered in silence: nobody said no, and neither a stranger nor the server said anything.
    pub fn silent(&self) -> u64 {
        let rare = self.rare();
        let said = self.refused() + rare.reset + rare.strangers.unanswered + rare.orphans;
        self.all().unanswered.saturating_sub(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_the_sum_of_the_zones() {
        let mut pair = Pair::default();
        for (zone, count) in [(Zone::Cluster, 1), (Zone::External, 20), (Zone::Either, 300)] {
            pair.tally(zone as u8).sent += count;
            pair.tally(zone as u8).unanswered += 2 * count;
        }
        assert_eq!((pair.all().sent, pair.all().unanswered, pair.all().answered), (321, 642, 0));
        assert_eq!((pair.cluster().sent, pair.external().sent), (1, 20));
    }

    #[test]
    fn what_few_have_is_nothing_before_it_comes_and_goes_along_with_a_copy() {
        let mut pair = Pair::default();
        assert_eq!(pair.rare(), &Rare::default());
        assert!(pair.rare.is_none());
        pair.rare_mut().rescued += 1;
        let look = pair.clone();
        pair.rare_mut().rescued += 1;
        assert_eq!((look.rare().rescued, pair.rare().rescued), (1, 2));
        assert_eq!(Pair::default().rare().rescued, 0);
    }
}
