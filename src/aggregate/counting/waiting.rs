//! What waits for something, found by a seeded hash: it comes and goes with each question. Entries stay where
//! they are; those whose keys begin alike are a chain, which mostly is one long.

/// Chains at first.
const FEWEST: usize = 1 << 10;

/// Entries at most: a link is a number and a part of the key.
pub(super) const MOST: usize = 1 << 16;
const NUMBER: u32 = (1 << 17) - 1;

/// Entries with a key each.
#[derive(Clone)]
pub(super) struct Waiting<T> {
    /// The first stands for none.
    entries: Vec<(u64, T)>,
    /// To the first entry of each chain: as many as there are entries at least.
    heads: Vec<u32>,
    /// From each entry to the next of its chain, or of those that nobody needs. Apart from the entries, so
    /// that other entries of a chain are passed by without a look at them.
    links: Vec<u32>,
    /// The first of those that nobody needs: the one that was taken out last still is in the cache.
    free: u32,
    len: usize,
}

impl<T: Default> Waiting<T> {
    pub(super) fn new() -> Waiting<T> {
        let (entries, links) = (vec![(0, T::default())], vec![0]);
        Waiting { entries, heads: vec![0; FEWEST], links, free: 0, len: 0 }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of the entry with this key.
    pub(super) fn seek(&self, key: u64) -> Option<u32> {
        let mut link = self.heads[self.home(key)];
        while link != 0 {
            let number = link & NUMBER;
            if link & !NUMBER == tag(key) && self.entries[number as usize].0 == key {
                return Some(number);
            }
            link = self.links[number as usize];
        }
        None
    }

    /// The entry with this number.
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.entries[number as usize].1
    }

    /// Puts in an entry whose key was looked for in vain, to be filled: what is in it is of some entry
    /// before.
    pub(super) fn put(&mut self, key: u64) -> &mut T {
        if self.free == 0 {
            self.make_room();
        }
        let (number, home) = (self.free, self.home(key));
        let (head, link) = (&mut self.heads[home], &mut self.links[number as usize]);
        self.free = *link;
        *link = *head;
        *head = number | tag(key);
        self.len += 1;
        let entry = &mut self.entries[number as usize];
        entry.0 = key;
        &mut entry.1
    }

    #[cold]
    fn make_room(&mut self) {
        if self.entries.len() > self.heads.len() {
            self.grow();
        }
        self.free = self.entries.len() as u32;
        self.entries.push((0, T::default()));
        self.links.push(0);
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, number: u32) {
        let home = self.home(self.entries[number as usize].0);
        let link = self.links[number as usize];
        if self.heads[home] & NUMBER == number {
            self.heads[home] = link;
        } else {
            self.skip(self.heads[home], number, link);
        }
        self.links[number as usize] = self.free;
        self.free = number;
        self.len -= 1;
    }

    /// Has the one before an entry in its chain lead to the one behind.
    #[cold]
    fn skip(&mut self, first: u32, number: u32, behind: u32) {
        let mut before = (first & NUMBER) as usize;
        while self.links[before] & NUMBER != number {
            before = (self.links[before] & NUMBER) as usize;
        }
        self.links[before] = behind;
    }

    /// Takes out all that does not `stay`.
    pub(super) fn retain(&mut self, stay: impl Fn(&T) -> bool) {
        for home in 0..self.heads.len() {
            let mut number = self.heads[home] & NUMBER;
            while number != 0 {
                let next = self.links[number as usize] & NUMBER;
                if !stay(&self.entries[number as usize].1) {
                    self.remove(number);
                }
                number = next;
            }
        }
    }

    fn grow(&mut self) {
        let larger = vec![0; 2 * self.heads.len()];
        for mut link in std::mem::replace(&mut self.heads, larger) {
            while link != 0 {
                let number = (link & NUMBER) as usize;
                let home = self.home(self.entries[number].0);
                let next = std::mem::replace(&mut self.links[number], self.heads[home]);
                self.heads[home] = link;
                link = next;
            }
        }
    }

    /// The chain of a key. The types of one name differ in the highest octets only.
    fn home(&self, key: u64) -> usize {
        (key ^ key >> 48) as usize & (self.heads.len() - 1)
    }
}

/// What does not decide on its chain, nor is a number.
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
                Some(number) if step % 3 > 0 => {
                    assert_eq!(known.remove(&key), Some(*waiting.get_mut(number)), "{step}");
                    waiting.remove(number);
                }
                Some(number) => {
                    *waiting.get_mut(number) = step;
                    assert!(known.insert(key, step).is_some());
                }
                None => {
                    *waiting.put(key) = step;
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
            let Some(number) = waiting.seek(key) else { panic!("{key} is gone") };
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
        (0..MOST as u64).for_each(|key| *waiting.put(key << 7) = key);
        assert!(waiting.len() == MOST && MOST < NUMBER as usize);
        assert!((0..MOST as u64).all(|key| waiting.seek(key << 7).is_some()));
    }

    #[test]
    fn room_is_used_again() {
        let mut waiting = Waiting::new();
        for key in 0..60_000 {
            *waiting.put(key << 7) = key;
            if key >= 2_000 {
                let oldest = waiting.seek((key - 2_000) << 7);
                oldest.map(|number| waiting.remove(number)).unwrap();
            }
        }
        assert_eq!((waiting.len(), waiting.entries.len()), (2_000, 2_002));
        assert!((58_000..60_000).all(|key| waiting.seek(key << 7).is_some()));
    }
}
