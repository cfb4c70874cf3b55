//! Names that come again and again among the last few: trouble that is tied to names.

use crate::model::{Span, Timestamp};

/// Names remembered: those that one client has trouble with at a time.
const KEPT: usize = 4;

/// Within this time a resolver asks again, or its user does.
const WITHIN: Span = Span::from_secs(60);

/// The last few names, and how often one of them came again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    names: [(u64, Timestamp); KEPT],
    next: u8,
    /// How often a name was among the last few already.
    pub again: u64,
}

impl Repeats {
    /// Notes a name, by its hash, and says whether it was among the last few.
    pub(super) fn note(&mut self, hash: u64, time: Timestamp) -> bool {
        let known = self.names.iter_mut().find(|(known, _)| *known == hash);
        if let Some((_, last)) = known {
            let again = time.since(*last) <= WITHIN;
            *last = time;
            self.again += u64::from(again);
            return again;
        }
        self.names[usize::from(self.next)] = (hash, time);
        self.next = (self.next + 1) % KEPT as u8;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_again_within_a_minute_among_the_last_four() {
        let mut repeats = Repeats::default();
        let at = |seconds| Timestamp(0).plus(Span::from_secs(seconds));
        assert_eq!(
            [7, 8, 7, 9, 10, 11, 7].map(|name| repeats.note(name, at(1))),
            [false, false, true, false, false, false, false]
        );
        assert_eq!(repeats.again, 1);
        assert!(!repeats.note(11, at(90)) && repeats.note(11, at(95)));
    }
}
