//! The last failures, as they happen.

use std::collections::VecDeque;

use crate::model::{Endpoint, Rcode, Span, Timestamp, display_name, qtype};
use crate::report::duration;
use crate::transactions::{Batch, Fate, Overdue, Row};

/// Failures kept: more than any screen shows. 50 kB.
const MAX_FAILURES: usize = 256;

/// What became of a question instead of an answer that helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// No answer within the query timeout.
    Silent,
    /// An ICMP error or a TCP RST.
    Refused,
    /// An answer after the query timeout.
    Late(Span),
    /// An answer with an error.
    Error(Rcode),
}

/// One question that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it was asked.
    pub time: Timestamp,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// QNAME, case-folded, in wire form.
    pub name: Box<[u8]>,
    /// QTYPE, where there is a question.
    pub qtype: Option<u16>,
    /// What became of it.
    pub what: What,
}

impl Failure {
    /// QNAME and QTYPE; nothing of it acts on a terminal.
    pub fn question(&self) -> String {
        let name = if self.name.is_empty() { "?".to_owned() } else { display_name(&self.name) };
        match self.qtype {
            Some(qtype) => format!("{name} {}", qtype::mnemonic(qtype)),
            None => name,
        }
    }

    /// What became of it.
    pub fn words(&self) -> String {
        match self.what {
            What::Silent => "no answer".to_owned(),
            What::Refused => "refused by ICMP or RST".to_owned(),
            What::Late(delay) => format!("answered after {}", duration(delay.as_micros())),
            What::Error(rcode) => rcode.mnemonic().into_owned(),
        }
    }
}

/// Whether an answer is a failure. A name that does not exist is none: search walks are full of them.
pub(super) fn is_error(rcode: Rcode) -> bool {
    !matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN)
}

/// The last failures, the latest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    kept: VecDeque<Failure>,
    /// Questions without an answer up to this frame were told already.
    told: u64,
}

impl Failures {
    /// Notes a settled transaction, if it failed.
    pub(super) fn hear(&mut self, row: &Row, batch: &Batch) {
        let what = match (row.fate, &row.response) {
            (Fate::Answered, Some(answer)) if is_error(answer.rcode) => What::Error(answer.rcode),
            (Fate::Late, Some(answer)) => What::Late(answer.time.since(row.first_sent)),
            (Fate::Unanswered, _) if row.query_frame > self.told => What::Silent,
            (Fate::Rejected, _) if row.query_frame > self.told => What::Refused,
            _ => return,
        };
        self.keep(Failure {
            time: row.first_sent,
            client: row.client,
            server: row.server,
            name: batch.name_of(row).unwrap_or_default().into(),
            qtype: row.question.map(|(qtype, _)| qtype),
            what,
        });
    }

    /// Notes questions that are overdue, which come the latest first. Each is told once, and not again when
    /// it settles.
    pub(super) fn overdue(&mut self, overdue: &[Overdue]) {
        let told = self.told;
        for asked in overdue.iter().rev().filter(|asked| asked.frame > told) {
            self.told = self.told.max(asked.frame);
            self.keep(Failure {
                time: asked.first_sent,
                client: asked.client,
                server: asked.server,
                name: asked.name.clone(),
                qtype: asked.qtype,
                what: if asked.refused { What::Refused } else { What::Silent },
            });
        }
    }

    fn keep(&mut self, failure: Failure) {
        if self.kept.len() >= MAX_FAILURES {
            self.kept.pop_front();
        }
        self.kept.push_back(failure);
    }

    /// All that are kept, the latest first.
    pub(super) fn latest_first(&self) -> impl Iterator<Item = &Failure> {
        self.kept.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overdue(frame: u64) -> Overdue {
        let (client, server) = (Endpoint::default(), Endpoint::default());
        let name = (*b"\x01x\0").into();
        Overdue {
            client,
            server,
            name,
            qtype: Some(1),
            first_sent: Timestamp(0),
            frame,
            refused: false,
        }
    }

    #[test]
    fn what_is_overdue_is_told_once() {
        let mut failures = Failures::default();
        failures.overdue(&[overdue(7), overdue(5)]);
        failures.overdue(&[overdue(9), overdue(7), overdue(5)]);
        assert_eq!(failures.kept.len(), 3);
        assert_eq!(failures.kept[0].question(), "x A");
    }

    #[test]
    fn only_the_latest_are_kept() {
        let mut failures = Failures::default();
        let all: Vec<Overdue> = (1..=1_000).rev().map(overdue).collect();
        failures.overdue(&all);
        assert_eq!((failures.kept.len(), failures.told), (MAX_FAILURES, 1_000));
    }
}
