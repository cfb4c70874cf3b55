//! Whether it may be chance that a client asked what somebody else was waiting for.
//!
//! Popular names are in flight nearly all the time when many clients ask, the more so when answers fail or are
//! slow: then many a client with few lookups asks only such names. How often that happens to clients is known
//! from all of them; what would hardly happen to any of them so often is no chance.

use super::Client;
use crate::aggregate::Table;

/// The share of captures in which chance may make a forwarder of any client at all.
const MISTAKES: f64 = 0.05;

/// How much is chance in a capture.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chance {
    /// The share of lookups that somebody else was waiting for, of clients that pass nothing on.
    share: f64,
    /// The logarithm of how unlikely a client has to be.
    bound: f64,
}

impl Chance {
    /// What it is among these, of which all lookups have ended.
    pub(super) fn among(clients: &Table<Client>) -> Chance {
        let mut all = (0, 0);
        for client in clients.iter().filter(|client| !client.asker.may_pass_on()) {
            all.0 += passed(client);
            all.1 += client.lookups;
        }
        let count = clients.iter().count().max(1);
        // Laplace's rule: one more of either kind, so that few lookups prove little.
        let share = (all.0 + 1) as f64 / (all.1 + 2) as f64;
        Chance { share, bound: (count as f64 / MISTAKES).ln() }
    }

    /// Whether chance explains what a client seems to have passed on: by Chernoff's bound of the binomial
    /// distribution.
    pub(super) fn explains(&self, client: &Client) -> bool {
        let lookups = client.lookups.max(1) as f64;
        let questions = client.asker.forwarded as f64 / client.asker.asked.max(1) as f64;
        // Of what is passed on, all questions are. Of two that walk their lists for one name, some meet.
        let (own, share) = (questions.min(passed(client) as f64 / lookups), self.share);
        if own <= share {
            return true;
        }
        let part = |own: f64, share: f64| if own > 0.0 { own * (own / share).ln() } else { 0.0 };
        lookups * (part(own, share) + part(1.0 - own, 1.0 - share)) < self.bound
    }
}

/// Lookups that somebody else was waiting for. Those of two that were open at once may have been counted
/// several times.
fn passed(client: &Client) -> u64 {
    u64::from(client.asker.forwarded_lookups).min(client.lookups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;

    /// One that asked twice for each lookup.
    fn client(at: usize, lookups: u64, passed: u32, forwarded: u64) -> Client {
        let address = Address::from_v4([10, 0, (at >> 8) as u8, at as u8]);
        let mut client = Client::new(address);
        (client.lookups, client.asker.forwarded_lookups) = (lookups, passed);
        (client.asker.asked, client.asker.forwarded) = (2 * lookups, forwarded);
        client
    }

    /// Whether chance explains the first client beside so many others: lookups, how many were passed on, and of
    /// how many questions the same was seen.
    fn explained(first: (u64, u32, u64), others: (u64, u32, u64), count: usize) -> bool {
        let mut table = Table::new(1 << 16, Client::default());
        let all = std::iter::once(first).chain(std::iter::repeat_n(others, count));
        for (at, (lookups, passed, forwarded)) in all.enumerate() {
            table.place(at as u64, |_| false, || client(at, lookups, passed, forwarded));
        }
        Chance::among(&table).explains(table.get(1))
    }

    #[test]
    fn one_that_passes_on_all_it_is_asked_is_no_chance() {
        assert!(!explained((3, 3, 6), (3, 0, 0), 1));
        assert!(!explained((5, 5, 10), (5, 0, 0), 2));
        assert!(!explained((400, 390, 700), (20, 5, 5), 300));
        // Half of it is what the host asks for itself.
        assert!(!explained((60, 30, 60), (20, 2, 2), 30));
    }

    #[test]
    fn others_that_pass_on_do_not_make_it_chance() {
        assert!(!explained((50, 50, 100), (50, 50, 100), 3));
    }

    #[test]
    fn of_many_that_ask_what_all_ask_some_seem_to_pass_it_on() {
        assert!(explained((5, 4, 8), (5, 1, 1), 2000));
        assert!(explained((3, 3, 6), (5, 1, 1), 2000));
        assert!(explained((9, 1, 1), (9, 1, 1), 1));
        assert!(explained((0, 0, 0), (0, 0, 0), 0));
    }

    #[test]
    fn who_walks_as_others_walk_meets_them_on_half_of_the_way() {
        assert!(explained((7, 7, 8), (5, 1, 1), 2000));
    }
}
