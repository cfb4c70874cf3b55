//! Where in a queue the last entry with a key stands: an index from which nothing is taken out.
//!
//! Entries leave a queue at its front, and taking each out of a hash table would cost as much as
//! putting it in. Here a place that points in front of the queue is dead, and nobody looks after it.
//! A table is written to until half full; then another one takes its place, and the one before is kept
//! until all that it points to has left the queue. A search reads a cache line of each, nearly always
//! in vain.

/// Places of the first table.
const FEWEST: usize = 1 << 10;

/// A place is the sequence number, counted from its table's first, in the lower bits, and a part of the
/// key above: one in 8,192 dead ends leads to the queue.
const NUMBER_BITS: u32 = 19;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

/// Entries that the queue may hold: then two half-full tables of the largest size point to all.
pub(super) const MOST: usize = 1 << (NUMBER_BITS - 1);

/// Linear probing, 0 is free.
#[derive(Clone)]
struct Table {
    places: Vec<u32>,
    /// Sequence number of the first entry in it.
    start: u32,
}

impl Table {
    fn new(count: usize, start: u32) -> Table {
        Table { places: vec![0; count], start }
    }

    /// Parts of a key that do not depend on the place where a search for it begins.
    fn tag(key: u64) -> u32 {
        (key >> 32) as u32 & !NUMBER
    }

    /// The place that points to the entry with this key, and its number; or the free place at which
    /// it could be put.
    fn seek(&self, key: u64, key_of: impl Fn(u32) -> Option<u64>) -> Result<(usize, u32), usize> {
        let mask = self.places.len() - 1;
        let mut at = key as usize & mask;
        loop {
            let place = self.places[at];
            if place == 0 {
                return Err(at);
            }
            if place & !NUMBER == Table::tag(key) {
                let number = self.start.wrapping_add((place & NUMBER) - 1);
                if key_of(number) == Some(key) {
                    return Ok((at, number));
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn put(&mut self, key: u64, number: u32, key_of: impl Fn(u32) -> Option<u64>) {
        let at = self.seek(key, key_of).map_or_else(|free| free, |(at, _)| at);
        self.places[at] = Table::tag(key) | (number.wrapping_sub(self.start) + 1);
    }

    fn is_full(&self, number: u32) -> bool {
        number.wrapping_sub(self.start) as usize >= self.places.len() / 2
    }
}

/// The index of a queue whose entries are numbered in the order in which they came, modulo 2^32.
/// `key_of` is the queue's answer to which key an entry has; `None` when it is gone.
#[derive(Clone)]
pub(super) struct Recent {
    current: Table,
    before: Table,
}

impl Default for Recent {
    fn default() -> Recent {
        Recent { current: Table::new(FEWEST, 0), before: Table::new(FEWEST, 0) }
    }
}

impl Recent {
    /// The number of the last entry with this key.
    pub(super) fn find(&self, key: u64, key_of: impl Fn(u32) -> Option<u64>) -> Option<u32> {
        let found = self.current.seek(key, &key_of).or_else(|_| self.before.seek(key, key_of));
        found.ok().map(|(_, number)| number)
    }

    /// Notes the entry with the number `next`; the queue begins with number `first`.
    pub(super) fn insert(
        &mut self,
        key: u64,
        (first, next): (u32, u32),
        key_of: impl Fn(u32) -> Option<u64>,
    ) {
        if self.current.is_full(next) {
            self.begin_another((first, next), &key_of);
        }
        self.current.put(key, next, key_of);
    }

    fn begin_another(&mut self, (first, next): (u32, u32), key_of: &impl Fn(u32) -> Option<u64>) {
        let dead = first.wrapping_sub(self.current.start).cast_signed() >= 0;
        if dead {
            std::mem::swap(&mut self.current, &mut self.before);
            self.current.start = next;
            self.current.places.fill(0);
            return;
        }
        // The queue has outgrown two tables.
        let places = (4 * self.current.places.len()).min(2 * MOST);
        *self = Recent { current: Table::new(places, first), before: Table::new(places, first) };
        for number in (0..next.wrapping_sub(first)).map(|n| first.wrapping_add(n)) {
            if let Some(key) = key_of(number) {
                self.current.put(key, number, key_of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A queue with its index, beside a search through all of it.
    fn run(keys: impl Iterator<Item = u64>, most: usize, mut first: u32) {
        let (mut queue, mut recent) = (VecDeque::new(), Recent::default());
        recent.current.start = first;
        recent.before.start = first;
        for (at, key) in keys.enumerate() {
            if queue.len() == most {
                queue.pop_front();
                first = first.wrapping_add(1);
            }
            let next = first.wrapping_add(queue.len() as u32);
            queue.push_back(key);
            let key_of = |number: u32| queue.get(number.wrapping_sub(first) as usize).copied();
            recent.insert(key, (first, next), key_of);
            for wanted in [key, key.wrapping_mul(3), queue[at * 7 % queue.len()]] {
                let last = queue.iter().rposition(|&kept| kept == wanted);
                let last = last.map(|at| first.wrapping_add(at as u32));
                assert_eq!(recent.find(wanted, key_of), last, "{at} {wanted:x}");
            }
        }
    }

    fn spread(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn the_last_entry_with_a_key_is_found_and_none_that_is_gone() {
        run((0..6000).map(spread), 700, 0);
        run((0..6000).map(|n| spread(n % 400)), 1500, u32::MAX - 2000);
        run((0..3000).map(|n| spread(n * n % 1000)), 1, 5);
    }

    #[test]
    fn keys_that_share_their_place_and_their_tag_are_told_apart() {
        run((0..3000).map(|n| (n % 40) << 33 | 7), 300, 9);
    }

    #[test]
    fn a_queue_that_grows_takes_larger_tables_and_no_more_than_it_needs() {
        let mut recent = Recent::default();
        let key_of = |number: u32| Some(spread(u64::from(number)));
        for number in 0..MOST as u32 {
            recent.insert(spread(u64::from(number)), (0, number), key_of);
        }
        assert_eq!(recent.current.places.len(), MOST);
        for number in MOST as u32..3 * MOST as u32 {
            let first = number - MOST as u32 + 1;
            recent.insert(spread(u64::from(number)), (first, number), key_of);
        }
        assert_eq!(recent.current.places.len(), 2 * MOST);
    }
}
