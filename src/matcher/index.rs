//! The index, by key, of what is in flight.

/// Places of the first table.
const FEWEST: usize = 1 << 10;

/// The half of a place that is a slot; the other one is that of the key.
const SLOT: u64 = u32::MAX as u64;

fn word(key: u64, slot: u32) -> u64 {
    key & !SLOT | u64::from(slot)
}

/// Where something stands, or may stand, until the index is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

/// Linear probing: the upper half of a key beside a slot, which is not 0; 0 is free. At most a quarter of the
/// places are in use, so that most searches end where they begin. Entries of one key are found in the order in
/// which they came.
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

    /// Where to put a key that nothing has; `None` where something may have it.
    #[inline]
    pub(super) fn vacancy(&self, key: u64) -> Option<Place> {
        let mask = self.places.len() - 1;
        let mut at = home(key, mask);
        loop {
            let word = self.places[at & mask];
            if word == 0 {
                return Some(Place(at & mask));
            }
            if (word ^ key) >> 32 == 0 {
                return None;
            }
            at += 1;
        }
    }

    /// What may have a key: whose key has the same upper half.
    #[inline]
    pub(super) fn of(&self, key: u64) -> impl Iterator<Item = (Place, u32)> {
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
                    return Some((Place(at), word as u32));
                }
            }
        })
    }

    /// Has a key lead to a slot as well.
    pub(super) fn insert(&mut self, key: u64, slot: u32) {
        put(&mut self.places, word(key, slot));
        self.count();
    }

    /// Has a key that nothing had lead to a slot.
    #[inline]
    pub(super) fn fill(&mut self, vacancy: Place, key: u64, slot: u32) {
        self.places[vacancy.0] = word(key, slot);
        self.count();
    }

    #[inline]
    fn count(&mut self) {
        self.used += 1;
        if 4 * self.used > self.places.len() {
            self.grow();
        }
    }

    /// Has a key no longer lead to a slot.
    pub(super) fn remove(&mut self, key: u64, slot: u32) {
        let found = self.of(key).find(|&(_, other)| other == slot);
        if let Some((place, _)) = found {
            self.clear(place);
        }
    }

    /// Forgets what stands in a place.
    #[inline]
    pub(super) fn clear(&mut self, Place(mut hole): Place) {
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
        let mut plain: Vec<(u64, u32)> = Vec::new();
        for step in 0..steps {
            let (key, slot) = (key(step), step as u32 + 1);
            let vacant = !plain.iter().any(|(other, _)| (other ^ key) & !SLOT == 0);
            let place = index.vacancy(key);
            assert_eq!(place.is_some(), vacant);
            match place {
                Some(place) => index.fill(place, key, slot),
                None => index.insert(key, slot),
            }
            plain.push((key, slot));
            if plain.len() > most {
                let (key, slot) = plain.remove(spread(step) as usize % plain.len());
                index.remove(key, slot);
                index.remove(key, slot);
            }
            let there = |key: u64| {
                let same = plain.iter().filter(move |(other, _)| (other ^ key) & !SLOT == 0);
                same.map(|&(_, slot)| slot).collect::<Vec<_>>()
            };
            for wanted in [key, key.wrapping_mul(3), plain[step as usize % plain.len()].0] {
                let found = index.of(wanted).map(|(_, slot)| slot).collect::<Vec<_>>();
                assert_eq!(found, there(wanted), "{step}");
                assert_eq!(index.vacancy(wanted).is_some(), found.is_empty());
            }
        }
        assert_eq!(index.used, plain.len());
        assert_eq!(index.places.iter().filter(|&&word| word != 0).count(), plain.len());
        assert!(index.places.len() <= FEWEST.max(8 * (most + 1).next_power_of_two()));
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
}
