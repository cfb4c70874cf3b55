//! What waits for something, found by a seeded hash: it comes and goes with each question. Half of what
//! a general table does is left out: entries stay where they are, and only their numbers are moved.

/// Places of the first index.
const FEWEST: usize = 1 << 10;

/// Entries at most: a place of the index is a number and a part of the key.
pub(super) const MOST: usize = 1 << 16;
const NUMBER: u32 = (1 << 17) - 1;

/// Entries with a key each.
#[derive(Clone)]
pub(super) struct Waiting<T> {
    entries: Vec<(u64, T)>,
    /// Numbers of entries that nobody needs, the last one first: it still is in the cache.
    free: Vec<u32>,
    /// Linear probing, at most half full: an entry's number, counted from 1, in the lower bits and a part
    /// of its key above; 0 is free.
    places: Vec<u32>,
}

/// Where a key is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// An entry: its place in the index and its number.
    Taken(usize, usize),
    /// The place for it, if it comes now.
    Free(usize),
}

impl<T: Default> Waiting<T> {
    pub(super) fn new() -> Waiting<T> {
        Waiting { entries: Vec::new(), free: Vec::new(), places: vec![0; FEWEST] }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Where the entry with this key is, or would be.
    pub(super) fn seek(&self, key: u64) -> Spot {
        let mask = self.places.len() - 1;
        let mut at = home(key) & mask;
        loop {
            let place = self.places[at];
            if place == 0 {
                return Spot::Free(at);
            }
            let number = (place & NUMBER) as usize - 1;
            if place & !NUMBER == tag(key) && self.entries[number].0 == key {
                return Spot::Taken(at, number);
            }
            at = (at + 1) & mask;
        }
    }

    /// The entry with this number.
    pub(super) fn get_mut(&mut self, number: usize) -> &mut T {
        &mut self.entries[number].1
    }

    /// Puts an entry at the free place that was found for its key, to be filled: what is in it is of some
    /// entry before.
    pub(super) fn put(&mut self, at: usize, key: u64) -> &mut T {
        let number = self.free.pop().unwrap_or_else(|| self.another());
        self.places[at] = tag(key) | (number + 1);
        self.entries[number as usize].0 = key;
        if self.len() * 2 > self.places.len() {
            self.grow();
        }
        self.get_mut(number as usize)
    }

    #[cold]
    fn another(&mut self) -> u32 {
        self.entries.push((0, T::default()));
        (self.entries.len() - 1) as u32
    }

    /// Takes the entry at a place out.
    pub(super) fn remove(&mut self, place: usize) {
        self.free.push((self.places[place] & NUMBER) - 1);
        let mask = self.places.len() - 1;
        // What had to make way for it moves up.
        let (mut gap, mut at) = (place, place);
        loop {
            at = (at + 1) & mask;
            if self.places[at] == 0 {
                break;
            }
            let number = (self.places[at] & NUMBER) as usize - 1;
            let from_home = at.wrapping_sub(home(self.entries[number].0)) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                self.places[gap] = self.places[at];
                gap = at;
            }
        }
        self.places[gap] = 0;
    }

    /// Takes out all that does not `stay`.
    pub(super) fn retain(&mut self, stay: impl Fn(&T) -> bool) {
        let gone =
            |place: &&u32| **place != 0 && !stay(&self.entries[(**place & NUMBER) as usize - 1].1);
        let keys: Vec<u64> = (self.places.iter().filter(gone))
            .map(|place| self.entries[(place & NUMBER) as usize - 1].0)
            .collect();
        for key in keys {
            if let Spot::Taken(at, _) = self.seek(key) {
                self.remove(at);
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![0; 2 * self.places.len()];
        let smaller = std::mem::replace(&mut self.places, larger);
        let mask = self.places.len() - 1;
        for place in smaller.into_iter().filter(|&place| place != 0) {
            let mut at = home(self.entries[(place & NUMBER) as usize - 1].0) & mask;
            while self.places[at] != 0 {
                at = (at + 1) & mask;
            }
            self.places[at] = place;
        }
    }
}

/// Where the search for a key begins. The types of one name differ in the highest octets only.
fn home(key: u64) -> usize {
    (key ^ key >> 48) as usize
}

/// What does not decide on its place, nor is a number.
fn tag(key: u64) -> u32 {
    (key >> 16) as u32 & !NUMBER
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// As often as `steps` says, in and out beside a table of the standard library.
    fn run(steps: u64, key_of: impl Fn(u64) -> u64) {
        let (mut waiting, mut known) = (Waiting::new(), HashMap::new());
        for step in 0..steps {
            let key = key_of(step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
            match waiting.seek(key) {
                Spot::Taken(at, number) if step % 3 > 0 => {
                    assert_eq!(known.remove(&key), Some(*waiting.get_mut(number)), "{step}");
                    waiting.remove(at);
                }
                Spot::Taken(_, number) => {
                    *waiting.get_mut(number) = step;
                    assert!(known.insert(key, step).is_some());
                }
                Spot::Free(at) => {
                    *waiting.put(at, key) = step;
                    assert_eq!(known.insert(key, step), None);
                }
            }
            if step % 5_000 == 4_999 {
                waiting.retain(|&put| put + 2_000 > step);
                known.retain(|_, put| *put + 2_000 > step);
            }
            assert_eq!(waiting.len(), known.len());
        }
        for (&key, value) in &known {
            let Spot::Taken(_, number) = waiting.seek(key) else { panic!("{key} is gone") };
            assert_eq!(waiting.get_mut(number), value);
        }
    }

    #[test]
    fn what_was_put_is_found_until_it_is_taken_out() {
        run(60_000, |n| (n % 9_000).wrapping_mul(0xbf58_476d_1ce4_e5b9));
        run(60_000, |n| n % 700);
    }

    #[test]
    fn keys_that_begin_at_one_place_are_told_apart() {
        run(20_000, |n| ((n % 300) << 20) | 1023);
        run(20_000, |n| ((n % 300) << 33) | (n % 2));
    }

    #[test]
    fn there_is_a_number_for_each_of_the_most() {
        let mut waiting = Waiting::new();
        for key in 0..MOST as u64 {
            let Spot::Free(at) = waiting.seek(key << 7) else { panic!("{key} is there") };
            *waiting.put(at, key << 7) = key;
        }
        assert!(waiting.len() == MOST && MOST < NUMBER as usize);
        assert!((0..MOST as u64).all(|key| matches!(waiting.seek(key << 7), Spot::Taken(..))));
    }
}
