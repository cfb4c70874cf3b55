//! What waits for something, found by a seeded hash: it comes and goes with each question. Entries stay where
//! they are; those whose keys begin alike are a chain, which mostly is one long.

/// Chains at first.
const FEWEST: usize = 1 << 10;

/// Entries with a key each.
#[derive(Clone)]
pub(super) struct Waiting<T> {
    /// The first stands for none.
    entries: Vec<Entry<T>>,
    /// The first entry of each chain: as many as there are entries at least.
    heads: Vec<u32>,
    /// The first of the entries that nobody needs: the one that was taken out last still is in the cache.
    free: u32,
    len: usize,
}

#[derive(Clone, Default)]
struct Entry<T> {
    key: u64,
    /// The next of its chain, or of those that nobody needs.
    next: u32,
    value: T,
}

impl<T: Default> Waiting<T> {
    pub(super) fn new() -> Waiting<T> {
        Waiting { entries: vec![Entry::default()], heads: vec![0; FEWEST], free: 0, len: 0 }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of the entry with this key.
    pub(super) fn seek(&self, key: u64) -> Option<u32> {
        let mut number = self.heads[self.home(key)];
        while number != 0 {
            let entry = &self.entries[number as usize];
            if entry.key == key {
                return Some(number);
            }
            number = entry.next;
        }
        None
    }

    /// The entry with this number.
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.entries[number as usize].value
    }

    /// Puts in an entry whose key was looked for in vain, to be filled: what is in it is of some entry
    /// before.
    pub(super) fn put(&mut self, key: u64) -> &mut T {
        if self.free == 0 {
            self.make_room();
        }
        let (number, home) = (self.free, self.home(key));
        let entry = &mut self.entries[number as usize];
        self.free = entry.next;
        let head = &mut self.heads[home];
        (entry.key, entry.next) = (key, *head);
        *head = number;
        self.len += 1;
        &mut entry.value
    }

    #[cold]
    fn make_room(&mut self) {
        if self.entries.len() > self.heads.len() {
            self.grow();
        }
        self.free = self.entries.len() as u32;
        self.entries.push(Entry::default());
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, number: u32) {
        let &Entry { key, next, .. } = &self.entries[number as usize];
        let home = self.home(key);
        if self.heads[home] == number {
            self.heads[home] = next;
        } else {
            self.skip(self.heads[home], number, next);
        }
        self.entries[number as usize].next = self.free;
        self.free = number;
        self.len -= 1;
    }

    /// Has the one before an entry in its chain lead to the one behind.
    #[cold]
    fn skip(&mut self, first: u32, number: u32, next: u32) {
        let mut before = first as usize;
        while self.entries[before].next != number {
            before = self.entries[before].next as usize;
        }
        self.entries[before].next = next;
    }

    /// Takes out all that does not `stay`.
    pub(super) fn retain(&mut self, stay: impl Fn(&T) -> bool) {
        for home in 0..self.heads.len() {
            let mut number = self.heads[home];
            while number != 0 {
                let entry = &self.entries[number as usize];
                let (next, stays) = (entry.next, stay(&entry.value));
                if !stays {
                    self.remove(number);
                }
                number = next;
            }
        }
    }

    fn grow(&mut self) {
        let larger = vec![0; 2 * self.heads.len()];
        for mut number in std::mem::replace(&mut self.heads, larger) {
            while number != 0 {
                let home = self.home(self.entries[number as usize].key);
                let entry = &mut self.entries[number as usize];
                let next = std::mem::replace(&mut entry.next, self.heads[home]);
                self.heads[home] = number;
                number = next;
            }
        }
    }

    /// The chain of a key. The types of one name differ in the highest octets only.
    fn home(&self, key: u64) -> usize {
        (key ^ key >> 48) as usize & (self.heads.len() - 1)
    }
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
