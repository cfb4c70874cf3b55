//! Times in which somebody who is answered all the while gets nothing. Few questions are lost in them, since who waits
//! asks nothing else: a small part of all, and not chance.

use super::facts::FEW;
use super::outage::{Noise, Outage, Union};
use super::words::{clock, counted, verb};
use crate::aggregate::{Pair, Period};
use crate::model::{Span, Timestamp};

/// So long at least from the last second with an answer to the next one: three seconds are silent.
const LASTING: Span = Span::from_secs(4);

/// So many answers would have come in that time, at the pace of the others.
const MISSED: f64 = 20.0;

/// A silence between two seconds with answers.
pub(super) struct Halt {
    stopped: Timestamp,
    resumed: Timestamp,
    hurt: u64,
}

impl Halt {
    /// The worst of those whom these pairs belong to, taken together.
    pub(super) fn of<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Option<Halt> {
        let (mut all, mut answered, mut answers) = (Union::default(), 0, Period::default());
        for pair in pairs {
            all.add(&pair.heard, &pair.lapses, Noise::default());
            answered += pair.all().answered;
            answers.join(pair.answers);
        }
        let length = if answers.any() { answers.last.since(answers.first) } else { Span::ZERO };
        let pace = answered as f64 / length.as_secs_f64().max(1.0);
        let halts = all.gaps().into_iter().filter_map(|gap| Halt::in_gap(&gap));
        halts
            .filter(|halt| halt.hurt >= FEW && halt.length() >= LASTING)
            .filter(|halt| halt.length().as_secs_f64() * pace >= MISSED)
            .max_by_key(|halt| (halt.hurt, halt.length()))
    }

    fn in_gap(gap: &Outage) -> Option<Halt> {
        let (stopped, resumed) = gap.stopped.zip(gap.resumed)?;
        Some(Halt { stopped, resumed, hurt: gap.lapse.hurt() })
    }

    fn length(&self) -> Span {
        self.resumed.since(self.stopped)
    }

    /// A sentence, with a space before. `who` was not answered.
    pub(super) fn words(&self, who: &str) -> String {
        format!(
            " {who} answered from {} to {} UTC, but before and after; {} asked then, and lost or answered late.",
            clock(self.stopped.plus(Span::from_secs(1))),
            clock(self.resumed),
            counted(self.hurt, "question") + verb(self.hurt, " was", " were")
        )
    }
}
