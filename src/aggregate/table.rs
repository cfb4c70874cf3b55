//! An append-only table with an index: values are found by hash and equality, and known from then on
//! by their place. When it is full, everything new shares place 0.

use hashbrown::HashTable;

/// The place that is shared by everything that came after the table was full.
pub const SHARED: u32 = 0;

/// A bounded table of `T`. The index holds places only, so that it stays in the cache; hashes are
/// kept apart, for when it grows.
#[derive(Clone)]
pub struct Table<T> {
    entries: Vec<T>,
    hashes: Vec<u64>,
    index: HashTable<u32>,
    most: usize,
    /// How often something new found the table full.
    pub overflowed: u64,
}

impl<T> Table<T> {
    /// A table of at most `most` entries; `shared` stands at place 0.
    pub fn new(most: usize, shared: T) -> Table<T> {
        let hashes = vec![0];
        Table { entries: vec![shared], hashes, index: HashTable::new(), most, overflowed: 0 }
    }

    /// The entry with this hash for which `same` holds, if there is one.
    pub fn find(&self, hash: u64, same: impl Fn(&T) -> bool) -> Option<&T> {
        self.seek(hash, same).map(|at| self.get(at))
    }

    /// The place of the entry with this hash for which `same` holds, if there is one.
    pub fn seek(&self, hash: u64, same: impl Fn(&T) -> bool) -> Option<u32> {
        self.index.find(hash, |&at| same(&self.entries[at as usize])).copied()
    }

    /// The place of the entry with this hash for which `same` holds; made by `make` if it is new.
    pub fn place(&mut self, hash: u64, same: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u32 {
        let entries = &self.entries;
        if let Some(&at) = self.index.find(hash, |&at| same(&entries[at as usize])) {
            return at;
        }
        if self.entries.len() >= self.most {
            self.overflowed += 1;
            return SHARED;
        }
        let at = self.entries.len() as u32;
        self.entries.push(make());
        self.hashes.push(hash);
        let hashes = &self.hashes;
        self.index.insert_unique(hash, at, |&at| hashes[at as usize]);
        at
    }

    /// Whether there is an entry with this hash.
    pub fn holds(&self, hash: u64) -> bool {
        !self.index.is_empty()
            && self.index.find(hash, |&at| self.hashes[at as usize] == hash).is_some()
    }

    /// The entry at a place.
    pub fn get(&self, at: u32) -> &T {
        &self.entries[at as usize]
    }

    /// The entry at a place, to be changed.
    pub fn get_mut(&mut self, at: u32) -> &mut T {
        &mut self.entries[at as usize]
    }

    /// All entries but the shared one, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries[1..].iter()
    }

    /// All entries, the shared one first, to be changed.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut()
    }

    /// The shared entry.
    pub fn shared(&self) -> &T {
        &self.entries[SHARED as usize]
    }
}

/// Entries whose places somebody else gives out, one after the other.
#[derive(Clone)]
pub struct Listing<T>(Vec<T>);

impl<T> Listing<T> {
    /// With what stands at place 0.
    pub fn new(shared: T) -> Listing<T> {
        Listing(vec![shared])
    }

    /// All entries, the shared one first.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// Makes entries up to a place, where there are none.
    pub(super) fn reach(&mut self, at: u32)
    where
        T: Clone + Default,
    {
        if at as usize >= self.0.len() {
            self.0.resize(at as usize + 1, T::default());
        }
    }

    /// Puts an entry at the next place.
    pub(super) fn push(&mut self, entry: T) {
        self.0.push(entry);
    }

    /// The entry at a place.
    pub fn get(&self, at: u32) -> &T {
        &self.0[at as usize]
    }

    /// The entry at a place, to be changed.
    pub(super) fn get_mut(&mut self, at: u32) -> &mut T {
        &mut self.0[at as usize]
    }

    /// All entries but the shared one, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0[1..].iter()
    }

    /// The shared entry.
    pub fn shared(&self) -> &T {
        &self.0[SHARED as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_shared_and_counted() {
        let mut table = Table::new(3, 0);
        let places: Vec<u32> = [7, 8, 9, 7, 9].map(|n| table.place(n, |&e| e == n, || n)).to_vec();
        assert_eq!(places, [1, 2, SHARED, 1, SHARED]);
        assert_eq!((table.overflowed, table.iter().count()), (2, 2));
    }

    #[test]
    fn all_are_found_however_alike_their_hashes_are() {
        for hash in
            [|n: u64| n << 40 | 5, |n: u64| n % 3, |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)]
        {
            let mut table = Table::new(5_000, u64::MAX);
            for n in (0..400).chain(0..400) {
                let place = table.place(hash(n), |&e| e == n, || n);
                assert_eq!((place, *table.get(place)), (n as u32 + 1, n));
            }
            for n in 0..400 {
                assert!(table.holds(hash(n)));
                assert_eq!(table.seek(hash(n), |&e| e == n), Some(n as u32 + 1));
            }
            assert_eq!(table.seek(hash(400), |&e| e == 400), None);
            assert!(!table.holds(u64::MAX) && table.overflowed == 0);
        }
    }
}
