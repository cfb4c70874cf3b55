//! Parquet's DELTA_BINARY_PACKED: the differences of neighbours, above the smallest of their block, in
//! as many bits as the largest of 32 needs.

use super::bits::{pack, varint, width};

/// Differences of a block, which has one smallest difference.
const BLOCK: usize = 128;

/// Differences that are packed in the same number of bits.
const PART: usize = 32;

/// The numbers of a page.
pub(super) struct Delta {
    /// 32 bits each: a reader's numbers wrap around there, and so do differences.
    narrow: bool,
    first: i64,
    last: i64,
    count: usize,
    /// Differences of the block that is not full yet.
    block: Box<[i64; BLOCK]>,
    held: usize,
    blocks: Vec<u8>,
}

impl Delta {
    pub(super) fn new(narrow: bool) -> Delta {
        let block = Box::new([0; BLOCK]);
        Delta { narrow, first: 0, last: 0, count: 0, block, held: 0, blocks: Vec::new() }
    }

    /// Whether they have 32 bits.
    pub(super) fn is_narrow(&self) -> bool {
        self.narrow
    }

    /// Appends numbers; of narrow ones the lower 32 bits, as signed and unsigned ones have them.
    pub(super) fn extend(&mut self, mut values: &[i64]) {
        if self.count == 0
            && let Some((&first, rest)) = values.split_first()
        {
            (self.first, self.last, self.count) = (self.fit(first), first, 1);
            values = rest;
        }
        self.count += values.len();
        while let Some((&first, _)) = values.split_first() {
            let (now, rest) = values.split_at(values.len().min(BLOCK - self.held));
            values = rest;
            let (to_first, to_others) = self.block[self.held..].split_at_mut(1);
            to_first[0] = first.wrapping_sub(self.last);
            for (pair, to) in now.windows(2).zip(to_others) {
                *to = pair[1].wrapping_sub(pair[0]);
            }
            self.last = now[now.len() - 1];
            self.held += now.len();
            if self.held == BLOCK {
                self.close_block();
            }
        }
    }

    fn fit(&self, number: i64) -> i64 {
        if self.narrow { i64::from(number as i32) } else { number }
    }

    fn close_block(&mut self) {
        if self.narrow {
            for difference in &mut self.block[..self.held] {
                *difference = i64::from(*difference as i32);
            }
        }
        let Some(&least) = self.block[..self.held].iter().min() else { return };
        // Behind the last one, nobody reads: zeros after the smallest is taken off.
        self.block[self.held..].fill(least);
        self.held = 0;
        varint((least << 1 ^ least >> 63) as u64, &mut self.blocks);
        let above = self.block.map(|difference| difference.wrapping_sub(least) as u64);
        let parts = above.as_chunks::<PART>().0;
        let widths =
            [0, 1, 2, 3].map(|part: usize| width(parts[part].iter().fold(0, |all, v| all | v)));
        self.blocks.extend_from_slice(&widths.map(|width| width as u8));
        for (part, width) in parts.iter().zip(widths) {
            // A part without differences of its own has no octets either: its width is 0.
            pack(part, width, &mut self.blocks);
        }
    }

    /// Appends what there is to `out` and begins anew.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.close_block();
        for number in [BLOCK, BLOCK / PART, self.count] {
            varint(number as u64, out);
        }
        varint((self.first << 1 ^ self.first >> 63) as u64, out);
        out.append(&mut self.blocks);
        (self.first, self.count) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a page, as a reader finds them.
    fn read(octets: &[u8], narrow: bool) -> Vec<i64> {
        let mut at = 0;
        let varint = |at: &mut usize| {
            let (mut value, mut shift) = (0, 0);
            loop {
                let octet = octets[*at];
                *at += 1;
                value |= u64::from(octet & 0x7f) << shift;
                shift += 7;
                if octet < 0x80 {
                    return value;
                }
            }
        };
        let zigzag = |value: u64| (value >> 1) as i64 ^ -((value & 1) as i64);
        let [block, parts, count] = [(); 3].map(|()| varint(&mut at) as usize);
        assert_eq!((block, parts), (BLOCK, BLOCK / PART));
        let mut values = vec![zigzag(varint(&mut at))];
        while values.len() < count {
            let least = zigzag(varint(&mut at));
            let widths = octets[at..at + parts].to_vec();
            at += parts;
            for width in widths.into_iter().map(usize::from) {
                assert!(width <= if narrow { 32 } else { 64 });
                let bit = |i: usize| u64::from(octets[at + i / 8] >> (i % 8) & 1);
                for number in 0..PART {
                    let above: u64 = (0..width).map(|i| bit(number * width + i) << i).sum();
                    let last = *values.last().unwrap();
                    let next = last.wrapping_add(least).wrapping_add(above as i64);
                    values.push(if narrow { i64::from(next as i32) } else { next });
                }
                at += width * PART / 8;
            }
        }
        values.truncate(count);
        assert_eq!(at, octets.len(), "nothing is left over");
        values
    }

    #[test]
    fn numbers_come_back_however_they_were_handed_in() {
        let odd = [0, -1, i64::MAX, i64::MIN, 5, i64::MIN, i64::MAX, 0, 0, 7];
        let random = |i: i64| i.wrapping_mul(0x1e37_79b9_7f4a_7c15);
        for narrow in [false, true] {
            for length in [0, 1, 2, 32, 33, 128, 129, 130, 257, 1000] {
                for step in [1, 7, 128, 1000] {
                    let kinds: [Box<dyn Fn(i64) -> i64>; 4] = [
                        Box::new(move |i| odd[i as usize % odd.len()]),
                        Box::new(move |i| random(i) >> (i % 60)),
                        Box::new(|i| 1_700_000_000_000_000_000 + i * 1_000_003),
                        Box::new(|_| -9),
                    ];
                    for kind in kinds {
                        let fit = |value: i64| if narrow { i64::from(value as i32) } else { value };
                        let values: Vec<i64> = (0..length).map(|i| fit(kind(i))).collect();
                        let (mut delta, mut out) = (Delta::new(narrow), Vec::new());
                        // Twice: the second page knows nothing of the first.
                        for _ in 0..2 {
                            out.clear();
                            // An unsigned number has the bits of a signed one.
                            let given =
                                |&value: &i64| if narrow { i64::from(value as u32) } else { value };
                            let given: Vec<i64> = values.iter().map(given).collect();
                            given.chunks(step).for_each(|values| delta.extend(values));
                            delta.finish(&mut out);
                        }
                        let found = read(&out, narrow);
                        assert_eq!(found[..values.len()], values, "{narrow} {length} {step}");
                    }
                }
            }
        }
    }
}
