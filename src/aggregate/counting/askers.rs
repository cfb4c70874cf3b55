//! How each client asks, and whose questions it passes on.

use super::habits::Habits;
use crate::model::Span;

/// One client's questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// Transactions of any kind.
    pub asked: u64,
    /// `. NS` probes.
    pub probes: u64,
    /// Questions that somebody else had asked another server and was waiting for: a forwarder's.
    pub forwarded: u64,
    /// Lookups that such questions were for, where they came at once: a forwarder does not wait before it asks.
    pub forwarded_lookups: u32,
    last_forwarded: u32,
    /// Lowest and highest TTL of its queries where they were seen first.
    pub query_ttls: Option<(u8, u8)>,
    /// How it asks.
    pub habits: Habits,
}

impl Asker {
    /// Counts a question that somebody else had `waited` for, as a part of this lookup.
    pub(super) fn forward(&mut self, lookup: u32, waited: Span) {
        /// CoreDNS passes a question on within a millisecond, and under load within some ten.
        const AT_ONCE: Span = Span::from_millis(100);
        self.forwarded += 1;
        if waited <= AT_ONCE && (self.forwarded_lookups == 0 || lookup != self.last_forwarded) {
            self.forwarded_lookups = self.forwarded_lookups.saturating_add(1);
            self.last_forwarded = lookup;
        }
    }

    /// Whether most of what it asks is what somebody else is waiting for.
    pub(in crate::aggregate) fn may_pass_on(&self) -> bool {
        /// Two clients that want the same name at the same moment are chance, however many steps their
        /// walks have.
        const LOOKUPS: u32 = 3;
        self.forwarded_lookups >= LOOKUPS && self.forwarded * 2 >= self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_is_passed_on_once_and_at_once() {
        let mut asker = Asker::default();
        let questions = [(1, 2), (1, 3), (2, 3_000), (2, 20), (3, 90)];
        let counts = questions.map(|(lookup, waited)| {
            asker.forward(lookup, Span::from_millis(waited));
            asker.forwarded_lookups
        });
        assert_eq!((counts, asker.forwarded), ([1, 1, 1, 2, 3], 5));
    }
}
