//! What is asked for most, in bounded memory: heavy hitters, and roughly how much they are asked for.

use std::hash::Hash;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Names, clients or servers counted apart, each. When there are more, the half that is asked for least is
/// forgotten: what is asked for often is never among it. 1 MB for names of mean length.
const MAX_COUNTED: usize = 4096;

/// Counts of one name or address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Questions.
    pub questions: u64,
    /// Of these without an answer.
    pub lost: u64,
    /// Of these answered with an error that is not NXDOMAIN.
    pub failed: u64,
    /// Of these answered.
    pub answered: u64,
    /// Latencies of the answers, summed, in microseconds.
    pub delays_us: u64,
}

impl Tally {
    /// Mean latency in microseconds; nothing where nothing was answered.
    pub fn mean_us(&self) -> Option<u64> {
        self.delays_us.checked_div(self.answered)
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        self.questions += other.questions;
        self.lost += other.lost;
        self.failed += other.failed;
        self.answered += other.answered;
        self.delays_us += other.delays_us;
    }
}

/// Counts by name or address.
#[derive(Clone, Debug)]
pub struct Counts<K> {
    tallies: HashMap<K, Tally, RandomState>,
    /// How many were forgotten, those that came again once more.
    pub forgotten: u64,
}

impl<K> Default for Counts<K> {
    fn default() -> Counts<K> {
        Counts { tallies: HashMap::default(), forgotten: 0 }
    }
}

impl<K: Hash + Eq> Counts<K> {
    /// Adds to the counts of something.
    pub fn add<Q: Hash + Eq + ?Sized>(
        &mut self,
        key: &Q,
        owned: impl FnOnce(&Q) -> K,
        tally: &Tally,
    ) where
        K: std::borrow::Borrow<Q>,
    {
        if let Some(known) = self.tallies.get_mut(key) {
            known.add(tally);
            return;
        }
        if self.tallies.len() >= MAX_COUNTED {
            self.forget();
        }
        self.tallies.insert(owned(key), *tally);
    }

    /// The counts of something.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&Tally>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.tallies.get(key)
    }

    /// All that is counted, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Tally)> {
        self.tallies.iter()
    }

    /// Forgets what is asked for least: half of all.
    #[cold]
    fn forget(&mut self) {
        let mut questions: Vec<u64> = self.tallies.values().map(|tally| tally.questions).collect();
        let middle = questions.len() / 2;
        let (_, &mut median, _) = questions.select_nth_unstable(middle);
        // Of those that are asked for equally often, as many as it takes.
        let mut surplus = questions.iter().filter(|&&questions| questions <= median).count();
        surplus = surplus.min(middle);
        let before = self.tallies.len();
        self.tallies.retain(|_, tally| {
            let goes = surplus > 0 && tally.questions <= median;
            surplus -= usize::from(goes);
            !goes
        });
        self.forgotten += (before - self.tallies.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_often_outlives_a_flood_of_names() {
        let mut counts: Counts<u64> = Counts::default();
        let one = Tally { questions: 1, ..Tally::default() };
        for n in 0..1_000_000_u64 {
            let key = if n % 10 == 0 { n / 10 % 20 } else { n + 100 };
            counts.add(&key, |&key| key, &one);
            assert!(counts.tallies.len() <= MAX_COUNTED);
        }
        for often in 0..20 {
            assert_eq!(counts.get(&often).unwrap().questions, 5_000, "{often}");
        }
        assert!(counts.forgotten > 800_000);
    }

    #[test]
    fn the_mean_is_that_of_answers() {
        let tally = Tally { questions: 9, answered: 4, delays_us: 1_000, ..Tally::default() };
        assert_eq!((tally.mean_us(), Tally::default().mean_us()), (Some(250), None));
    }
}
