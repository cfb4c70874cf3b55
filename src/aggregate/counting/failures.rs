//! How answers fail between one client and one server: who made a failure, as its flags, its extended
//! errors and its delay tell, and how many answers are slow. Only trouble has a row here.

use crate::aggregate::marks::{Frames, Period};
use crate::classify::{Outcome, Zone};
use crate::matcher::COPY_WINDOW;
use crate::model::{Message, PacketMeta, Span, Timestamp, extended_error};

/// Who made a failing answer. Each one counts under one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Look {
    /// SERVFAIL with AA and a SOA record, RA unset, for no name outside: the server has the zone, but not
    /// its data.
    Unsynced,
    /// SERVFAIL with RA: a recursive resolver's.
    Relayed,
    /// SERVFAIL without RA and AA, about 2, 4 or 6 s after the question: a forwarder waited in vain.
    GivenUp,
    /// Any other SERVFAIL: the server made it itself, at once.
    Own,
    /// REFUSED to a plain question of a resolver's.
    Refused,
}

impl Look {
    /// All kinds of SERVFAIL.
    pub const SERVFAILS: [Look; 4] = [Look::Unsynced, Look::Relayed, Look::GivenUp, Look::Own];

    const COUNT: usize = Look::Refused as usize + 1;

    /// How a response fails; `None` for one that does not. `given_up`: it came when a forwarder gives
    /// its upstream up.
    pub(super) fn of(
        message: &Message,
        outcome: Outcome,
        zone: u8,
        given_up: bool,
    ) -> Option<Look> {
        let (aa, ra) = (message.flags.authoritative(), message.flags.recursion_available());
        let records = message.counts[1] > 0 || message.counts[2] > 0;
        match outcome {
            Outcome::ServFail if ra => Some(Look::Relayed),
            Outcome::ServFail if aa && message.counts[2] > 0 && zone != Zone::External as u8 => {
                Some(Look::Unsynced)
            }
            Outcome::ServFail if given_up && !aa && !records => Some(Look::GivenUp),
            Outcome::ServFail => Some(Look::Own),
            Outcome::Refused => is_plain(message).then_some(Look::Refused),
            _ => None,
        }
    }
}

/// Whether a question is one that a resolver asks: what is refused of updates, of zone transfers, of
/// other classes (`version.bind`), of questions without RD (a look into the cache), of ANY and of the
/// root is refused on purpose, and nobody's lookup fails of it. RD comes back as it was sent.
fn is_plain(message: &Message) -> bool {
    const IN: u16 = 1;
    const ANY: u16 = 255;
    use crate::model::qtype::{AXFR, IXFR};
    message.flags.opcode() == 0
        && message.flags.recursion_desired()
        && message.qclass == IN
        && message.qname_length > 1
        && !matches!(message.qtype, AXFR | IXFR | ANY)
}

/// From here on an answer counts as slow. A resolver on the same network answers in some milliseconds
/// from its cache, and within some tens where it has to ask around.
pub(super) const SLOW: Span = Span::from_millis(100);

/// Slow answers from here on, in milliseconds, have their frames and names kept.
pub(super) const WORTH_A_LOOK: i64 = 400;

/// Lower borders of the classes of slow answers, in milliseconds. The last is CoreDNS' `readTimeout`
/// (plugin/forward): it no longer listens then.
pub const SLOW_CLASSES: [i64; 6] = [100, 200, 400, 800, 1_600, 2_000];

/// Answers of one look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// How many.
    pub count: u64,
    /// For names outside the cluster.
    pub external: u64,
    /// For names of the cluster.
    pub cluster: u64,
    /// With RA.
    pub relayed: u64,
    /// In less than 2 ms: nobody else was asked.
    pub quick: u64,
    /// When they came.
    pub period: Period,
    /// How many answers of any kind had come before the first and before the last of them.
    answered: (u64, u64),
    /// Their frames.
    pub frames: Frames,
}

impl Failed {
    /// Other answers between the first and the last of them.
    pub fn others_between(&self) -> u64 {
        (self.answered.1 - self.answered.0).saturating_sub(self.count.saturating_sub(1))
    }
}

/// Counts of slow answers by class, for names of one zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slow {
    /// By class, in the order of [`SLOW_CLASSES`].
    pub classes: [u64; SLOW_CLASSES.len()],
    /// Fine ones that came when a forwarder has given up one upstream, or two, and asked the next:
    /// about 2 or 4 s after the question. They are in no class.
    pub after_timeouts: u64,
    /// Of these, those that took as long as the last class or longer.
    pub after_two_seconds: u64,
}

impl Slow {
    /// Adds another one's counts.
    pub fn add(&mut self, other: &Slow) {
        for (sum, count) in self.classes.iter_mut().zip(other.classes) {
            *sum += count;
        }
        self.after_timeouts += other.after_timeouts;
        self.after_two_seconds += other.after_two_seconds;
    }

    /// How many took this long or longer. `millis` is one of [`SLOW_CLASSES`].
    pub fn from(&self, millis: i64) -> u64 {
        let classes = SLOW_CLASSES.iter().zip(self.classes);
        classes.filter(|(border, _)| **border >= millis).map(|(_, count)| count).sum()
    }
}

/// All trouble of one pair with answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    looks: [Failed; Look::COUNT],
    /// Failing answers by INFO-CODE of their first extended error; the last are all beyond.
    pub extended: [u32; extended_error::REGISTERED + 1],
    /// Slow answers for names outside.
    pub slow_external: Slow,
    /// Slow answers for names of the cluster.
    pub slow_cluster: Slow,
    /// When slow answers for names outside came.
    pub slow_period: Period,
    /// Slow answers for names outside, from 400 ms on.
    pub slow_frames: Frames,
    /// Of these, those of the last class.
    pub late_frames: Frames,
    /// Answers that came once more, to a question that had been sent again.
    pub repeated: u64,
    /// Of these, the first to a question that had been sent again before its first answer, which took less than a
    /// second: nothing was lost, its timer was too short.
    pub only_late: u64,
    /// ICMP errors of the client about answers: it no longer listened.
    pub unwanted: u64,
    /// Their frames, and those of answers that came once more.
    pub unwanted_frames: Frames,
    last_unwanted: Option<(Timestamp, u16)>,
}

impl Failures {
    /// Answers of one look.
    pub fn look(&self, look: Look) -> &Failed {
        &self.looks[look as usize]
    }

    /// Counts a failing answer.
    pub(super) fn note(&mut self, look: Look, delay: Span, answer: &Answer<'_>) {
        /// Only memory was asked.
        const QUICK: Span = Span::from_millis(2);
        let failed = &mut self.looks[look as usize];
        if failed.count == 0 {
            failed.answered.0 = answer.answered;
        }
        failed.answered.1 = answer.answered;
        failed.count += 1;
        failed.external += u64::from(answer.zone == Zone::External as u8);
        failed.cluster += u64::from(answer.zone == Zone::Cluster as u8);
        failed.relayed += u64::from(answer.message.flags.recursion_available());
        failed.quick += u64::from(delay <= QUICK);
        failed.period.note(answer.time);
        failed.frames.note(answer.frame);
        if let Some(code) = answer.message.extended_error {
            let last = self.extended.len() - 1;
            self.extended[usize::from(code).min(last)] += 1;
        }
    }

    /// Counts an ICMP error of the client about an answer, once however many interfaces show it.
    pub(super) fn note_unwanted(&mut self, packet: &PacketMeta) {
        let copy = self.last_unwanted.is_some_and(|(time, ip_id)| {
            packet.time.since(time) <= COPY_WINDOW && ip_id == packet.ip_id
        });
        self.last_unwanted = Some((packet.time, packet.ip_id));
        if !copy {
            self.unwanted += 1;
            self.unwanted_frames.note(packet.frame);
        }
    }

    /// Counts a slow answer that is none of a failure. `timeout`: it came when a forwarder has given up
    /// one upstream and asked the next.
    pub(super) fn note_slow(&mut self, waited: Span, timeout: bool, answer: &Answer<'_>) {
        let external = answer.zone == Zone::External as u8;
        let slow = match answer.zone {
            _ if external => &mut self.slow_external,
            zone if zone == Zone::Cluster as u8 => &mut self.slow_cluster,
            _ => return,
        };
        let millis = waited.as_micros() as i64 / 1000;
        match SLOW_CLASSES.iter().rposition(|&border| millis >= border) {
            class if timeout => {
                slow.after_timeouts += 1;
                slow.after_two_seconds += u64::from(class == Some(SLOW_CLASSES.len() - 1));
            }
            Some(class) => slow.classes[class] += 1,
            None => return,
        }
        if external {
            self.slow_period.note(answer.time);
        }
        if external && millis >= WORTH_A_LOOK {
            self.slow_frames.note(answer.frame);
        }
        if external && SLOW_CLASSES.last().is_some_and(|&late| millis >= late) {
            self.late_frames.note(answer.frame);
        }
    }
}

/// An answer, as far as its trouble goes.
pub(super) struct Answer<'a> {
    pub(super) message: &'a Message,
    pub(super) zone: u8,
    pub(super) frame: u64,
    pub(super) time: Timestamp,
    /// How many answers its pair had before.
    pub(super) answered: u64,
}
