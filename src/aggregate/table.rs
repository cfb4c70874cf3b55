//! An append-only table with an index: values are found by hash and equality, and known from then on
//! by their place. When it is full, everything new shares place 0.

/// The place that is shared by everything that came after the table was full.
pub const SHARED: u32 = 0;

/// The bits of the index that are a place, of which there are no more.
const PLACE: u32 = 0xffff;

/// Places of the first index.
const FEWEST: usize = 16;

/// A bounded table of `T`. Nothing is ever taken out, so that the index is as simple as one can be.
#[derive(Clone)]
pub struct Table<T> {
    entries: Vec<T>,
    hashes: Vec<u64>,
    /// Linear probing, at most half full: a place in the lower bits and a part of its hash above; 0 is free.
    index: Vec<u32>,
    most: usize,
    /// How often something new found the table full.
    pub overflowed: u64,
}

impl<T> Table<T> {
    /// A table of at most `most` entries; `shared` stands at place 0.
    pub fn new(most: usize, shared: T) -> Table<T> {
        let (entries, hashes, index) = (vec![shared], vec![0], vec![0; FEWEST]);
        Table { entries, hashes, index, most: most.min(PLACE as usize + 1), overflowed: 0 }
    }

    /// The entry with this hash for which `same` holds, if there is one.
    pub fn find(&self, hash: u64, same: impl Fn(&T) -> bool) -> Option<&T> {
        self.seek(hash, same).map(|at| self.get(at))
    }

    /// The place of the entry with this hash for which `same` holds, if there is one.
    pub fn seek(&self, hash: u64, same: impl Fn(&T) -> bool) -> Option<u32> {
        let (_, at) = self.probe(hash, |place| same(&self.entries[place]));
        (at != SHARED).then_some(at)
    }

    /// The place of the entry with this hash for which `same` holds; made by `make` if it is new.
    #[inline]
    pub fn place(&mut self, hash: u64, same: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u32 {
        let (slot, at) = self.probe(hash, |place| same(&self.entries[place]));
        if at == SHARED { self.enter(slot, hash, make) } else { at }
    }

    /// Where the index leads with this hash: to a place that is the `right` one, or to where a new one
    /// would be entered.
    fn probe(&self, hash: u64, right: impl Fn(usize) -> bool) -> (usize, u32) {
        let mask = self.index.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let entry = self.index[slot];
            let at = entry & PLACE;
            if entry == 0 || entry & !PLACE == tag(hash) && right(at as usize) {
                return (slot, at);
            }
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    #[inline(never)]
    fn enter(&mut self, slot: usize, hash: u64, make: impl FnOnce() -> T) -> u32 {
        if self.entries.len() >= self.most {
            self.overflowed += 1;
            return SHARED;
        }
        let at = self.entries.len() as u32;
        self.index[slot] = at | tag(hash);
        self.entries.push(make());
        self.hashes.push(hash);
        if self.entries.len() * 2 > self.index.len() {
            self.grow();
        }
        at
    }

    fn grow(&mut self) {
        self.index = vec![0; 2 * self.index.len()];
        for at in 1..self.hashes.len() {
            let hash = self.hashes[at];
            let (slot, _) = self.probe(hash, |_| false);
            self.index[slot] = at as u32 | tag(hash);
        }
    }

    /// Whether there is an entry with this hash.
    pub fn holds(&self, hash: u64) -> bool {
        self.probe(hash, |place| self.hashes[place] == hash).1 != SHARED
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

    /// The shared entry.
    pub fn shared(&self) -> &T {
        &self.entries[SHARED as usize]
    }
}

/// What of a hash stands in the index: entries with another are not looked at, which lie far apart.
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32 & !PLACE
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
