//! Search walks, step by step: whether a name is the next one that the list makes.

use super::ask::Ask;
use super::labels::ends_with_labels;
use super::{Lookups, Question};
use crate::classify::Outcome;
use crate::classify::search::{is_tail, shared_base};

impl Lookups {
    /// Whether `question` is the next step of a walk whose answers come later in the capture, as swapped by a
    /// mirror, or not at all, and if so takes that step: no walk begins with such a name.
    pub(super) fn runs_ahead(&mut self, slot: u32, question: &Question<'_>) -> bool {
        let open = &self.open[slot as usize];
        let current = &open.name[..usize::from(open.length)];
        if !open.may_run_ahead(question) {
            return false;
        }
        let Some(base) = shared_base(current, question.name, &self.suffixes) else { return false };
        let (before, tail) = (&current[base..], &question.name[base..]);
        let follows = match tail.len() {
            // The name as it is, behind the list.
            1 => self.suffixes.knows(before),
            _ => before.len() > 1 && (is_tail(tail, before) || self.suffixes.follows(tail)),
        };
        follows && (open.base == 0 || usize::from(open.base) == base) && self.steps(slot, question)
    }

    /// Whether the name of `question` is the next one of the walk in `slot`, and if so takes that step.
    pub(super) fn steps(&mut self, slot: u32, question: &Question<'_>) -> bool {
        let open = &mut self.open[slot as usize];
        let current = &open.name[..usize::from(open.length)];
        let known = usize::from(open.base);
        let base = if known > 0 {
            // The base is known: any other tail behind it is the list's next suffix.
            let same = question.name.len() > known
                && question.name[..known] == current[..known]
                && question.name != current;
            same.then_some(known)
        } else {
            shared_base(current, question.name, &self.suffixes)
        };
        let Some(base) = base else { return false };
        let tail = &question.name[base..];
        let suffix = self.suffixes.at(tail);
        if known > 0 && (open.is_complete() || suffix.is_some_and(|s| open.tried(s))) {
            // The list is through, or begins anew: the client asks for the same name once more.
            return false;
        }
        if known > 0 && suffix.is_none() && self.suffixes.stands_within(tail, suffix) {
            // Another name that begins alike, on its own way through the list.
            return false;
        }
        if known == 0 {
            let (front, before) = current.split_at(base);
            let first = self.suffixes.at(before);
            let tails = [(before, first), (tail, suffix)];
            if tails.iter().any(|&(tail, known)| self.suffixes.stands_within(tail, known)) {
                return false;
            }
            let first = self.suffixes.note_at(first, before, 0);
            open.doubled = before.len() > 1 && ends_with_labels(front, before);
            open.as_is_first = before.len() == 1;
            open.note_suffix(first);
            open.base = base as u8;
        }
        let position = u64::from(open.suffix_count);
        open.note_suffix(self.suffixes.note_at(suffix, tail, position));
        open.doubled |= tail.len() > 1 && ends_with_labels(&open.name[..base], tail);
        open.steps += 1;
        open.broken |= open.asks.iter().any(|ask| match ask {
            Ask::No => false,
            Ask::Waiting => true,
            Ask::Done(outcome) => !outcome.is_negative(),
        });
        for (at, outcome) in [Outcome::NoData, Outcome::NxDomain].into_iter().enumerate() {
            open.passed[at] = open.passed[at].saturating_add(u8::from(open.all(outcome)));
        }
        open.step_transactions = 0;
        open.asks = [Ask::No; 3];
        let zone = suffix.and_then(|suffix| self.suffixes.get(suffix)?.zone);
        open.set_name(question, zone);
        true
    }
}
