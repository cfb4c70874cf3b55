//! One index, by key, of what is in flight and of what was answered: a new question looks for both in one
//! step, and an answer changes what its question's place points to.

/// Places of the first table.
const FEWEST: usize = 1 << 10;

/// What a place points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The slot of a transaction, not 0.
    InFlight(u32),
    /// The number of an answer, up to [`NUMBER`].
    Answered(u32),
}

/// The numbers of answers.
pub(super) const NUMBER: u32 = u32::MAX >> 1;

/// The bit that tells answers.
const ANSWERED: u32 = NUMBER + 1;

/// The half of a place that points; the other one is that of the key.
const TARGET: u64 = u32::MAX as u64;

fn word(key: u64, target: Target) -> u64 {
    let target = match target {
        Target::InFlight(slot) => slot,
        Target::Answered(number) => number | ANSWERED,
    };
    key & !TARGET | u64::from(target)
}

fn target(word: u64) -> Target {
    let target = word as u32;
    if target & ANSWERED == 0 {
        Target::InFlight(target)
    } else {
        Target::Answered(target & NUMBER)
    }
}

/// Linear probing: the upper half of a key beside what it points to; 0 is free. At most half of the places are in
/// use. Entries of one key are found in the order in which they came.
#[derive(Clone)]
pub(super) struct Index {
    places: Vec<u64>,
    used: usize,
}

impl Index {
    pub(super) fn new() -> Index {
        Index { places: vec![0; FEWEST], used: 0 }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// What a key may point to: whose key has the same upper half.
    pub(super) fn of(&self, key: u64) -> impl Iterator<Item = Target> {
        self.words(key).map(|(_, word)| target(word))
    }

    /// Whether there may be anything with this key.
    pub(super) fn may_hold(&self, key: u64) -> bool {
        self.words(key).next().is_some()
    }

    /// Has a key point to something more.
    pub(super) fn insert(&mut self, key: u64, target: Target) {
        if 2 * self.used >= self.places.len() {
            self.grow();
        }
        self.used += 1;
        put(&mut self.places, word(key, target));
    }

    /// Has a key point to one thing in place of another, or, where it did not point to that, to
    /// something more.
    pub(super) fn replace(&mut self, key: u64, old: Target, new: Target) {
        match self.seek(key, old) {
            Some(at) => self.places[at] = word(key, new),
            None => self.insert(key, new),
        }
    }

    /// Has a key point to an answer in place of the question in `slot`, if it did so, and of the earlier
    /// answer that is found by `is_earlier`.
    pub(super) fn answer(
        &mut self,
        key: u64,
        slot: u32,
        number: u32,
        is_earlier: impl Fn(u32) -> bool,
    ) {
        let (mut question, mut earlier) = (None, None);
        for (at, word) in self.words(key) {
            match target(word) {
                Target::InFlight(other) if other == slot => question = Some(at),
                Target::Answered(other) if is_earlier(other) => earlier = Some(target(word)),
                _ => {}
            }
        }
        match question {
            Some(at) => self.places[at] = word(key, Target::Answered(number)),
            None => self.insert(key, Target::Answered(number)),
        }
        if let Some(earlier) = earlier {
            self.remove(key, earlier);
        }
    }

    /// Has a key no longer point to something.
    pub(super) fn remove(&mut self, key: u64, target: Target) {
        let Some(mut hole) = self.seek(key, target) else { return };
        self.used -= 1;
        let mask = self.places.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let word = self.places[at];
            if word == 0 {
                break;
            }
            // It may move to the hole unless a search for it begins behind that.
            if at.wrapping_sub(home(word, mask)) & mask >= at.wrapping_sub(hole) & mask {
                self.places[hole] = word;
                hole = at;
            }
        }
        self.places[hole] = 0;
    }

    fn seek(&self, key: u64, target: Target) -> Option<usize> {
        let wanted = word(key, target);
        self.words(key).find(|&(_, word)| word == wanted).map(|(at, _)| at)
    }

    fn words(&self, key: u64) -> impl Iterator<Item = (usize, u64)> {
        let (places, mask) = (&self.places[..], self.places.len() - 1);
        let mut next = home(key, mask);
        std::iter::from_fn(move || {
            loop {
                let at = next & mask;
                let word = places[at];
                if word == 0 {
                    return None;
                }
                next += 1;
                if (word ^ key) >> 32 == 0 {
                    return Some((at, word));
                }
            }
        })
    }

    #[cold]
    fn grow(&mut self) {
        let mut places = vec![0; 2 * self.places.len()];
        // From a free place on, entries stand in the order in which they have to be found.
        let start = self.places.iter().position(|&word| word == 0).unwrap_or(0);
        let (before, behind) = self.places.split_at(start);
        for &word in behind.iter().chain(before).filter(|&&word| word != 0) {
            put(&mut places, word);
        }
        self.places = places;
    }
}

/// Where the search for a word begins.
fn home(word: u64, mask: usize) -> usize {
    (word >> 32) as usize & mask
}

fn put(places: &mut [u64], word: u64) {
    let mask = places.len() - 1;
    let mut at = home(word, mask);
    while places[at] != 0 {
        at = (at + 1) & mask;
    }
    places[at] = word;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    /// An index beside a plain list. `steps` keys come in turn; each leaves again when `most` have come behind it.
    fn run(steps: u64, most: usize, key: impl Fn(u64) -> u64) {
        let mut index = Index::new();
        let mut plain: Vec<(u64, Target)> = Vec::new();
        for step in 0..steps {
            let key = key(step);
            let slot = Target::InFlight(step as u32 + 1);
            index.insert(key, slot);
            plain.push((key, slot));
            if step % 3 == 0 {
                let at = (step * step) as usize % plain.len();
                let (key, old) = plain[at];
                let new = Target::Answered(step as u32);
                index.replace(key, old, new);
                plain[at].1 = new;
            }
            if plain.len() > most {
                let (key, target) = plain.remove(spread(step) as usize % plain.len());
                index.remove(key, target);
                index.remove(key, target);
            }
            let there = |key: u64| {
                let same = plain.iter().filter(move |(other, _)| (other ^ key) & !TARGET == 0);
                same.map(|&(_, target)| target).collect::<Vec<_>>()
            };
            for wanted in [key, key.wrapping_mul(3), plain[step as usize % plain.len()].0] {
                assert_eq!(index.of(wanted).collect::<Vec<_>>(), there(wanted), "{step}");
                assert_eq!(index.may_hold(wanted), !there(wanted).is_empty());
            }
        }
        assert_eq!(index.used, plain.len());
        assert_eq!(index.places.iter().filter(|&&word| word != 0).count(), plain.len());
        assert!(index.places.len() <= FEWEST.max(4 * (most + 1).next_power_of_two()));
    }

    #[test]
    fn what_is_there_is_found_in_its_order_and_nothing_else() {
        run(6_000, 1_500, spread);
        run(6_000, 900, |n| spread(n % 400));
        run(3_000, 1, spread);
    }

    #[test]
    fn keys_that_begin_at_one_place_are_told_apart() {
        run(2_000, 300, |n| (n % 40) << 52 | 7 << 32 | (n % 3));
    }

    #[test]
    fn a_run_of_places_goes_on_at_the_front() {
        run(2_000, 900, |n| (u64::from(u32::MAX) - n % 25) << 32);
    }

    #[test]
    fn the_largest_number_of_an_answer_is_no_slot() {
        let mut index = Index::new();
        index.insert(1, Target::Answered(NUMBER));
        index.insert(1, Target::Answered(0));
        assert!(index.of(1).eq([Target::Answered(NUMBER), Target::Answered(0)]));
    }
}
