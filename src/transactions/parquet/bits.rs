//! Values of some bits each, one behind the other, the lowest bit first: how Parquet packs differences,
//! indices and whether there is a value.

use std::ops::Range;

/// Groups of one value from which on a run is shorter than the same packed: a run in between ends one
/// stretch of packed groups and begins another, which takes three or four octets.
const LONG: usize = 4;

/// Values of a packed group.
const GROUP: usize = 8;

/// Appends `values` of `width` bits each, at most 64. The last octet is filled up with zeros.
pub(super) fn pack<T: Copy + Into<u64>>(values: &[T], width: u32, out: &mut Vec<u8>) {
    // Narrow ones are put together first: they fit into a word in any case.
    match width {
        0 => {}
        1..=16 => pack_by::<4, T>(values, width, out),
        17..=32 => pack_by::<2, T>(values, width, out),
        _ => pack_by::<1, T>(values, width, out),
    }
}

#[inline]
fn pack_by<const N: usize, T: Copy + Into<u64>>(values: &[T], width: u32, out: &mut Vec<u8>) {
    let (by_n, rest) = values.as_chunks::<N>();
    let together = |values: &[T; N]| {
        values.iter().rev().fold(0_u64, |word, &value| word.unbounded_shl(width) | value.into())
    };
    let all = width * N as u32;
    let (mut word, mut filled) = (0_u64, 0);
    for value in by_n.iter().map(together) {
        word |= value << filled;
        filled += all;
        if filled >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes());
            filled -= u64::BITS;
            // What had no room any more; where all of 64 bits had, nothing.
            word = value.unbounded_shr(all - filled);
        }
    }
    debug_assert!(rest.is_empty(), "values come by eights");
    out.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// Appends a number, seven bits an octet.
#[inline]
pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bits that a value needs.
#[inline]
pub(super) fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Appends so many values of `width` bits as runs of one value and groups of eight packed ones.
/// `same` is the value of a group where all are the same, and `packed` appends groups.
fn hybrid(
    length: usize,
    width: u32,
    same: impl Fn(usize) -> Option<u32>,
    packed: impl Fn(Range<usize>, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    let groups = length.div_ceil(GROUP);
    let append_packed = |range: Range<usize>, out: &mut Vec<u8>| {
        if !range.is_empty() {
            varint((range.len() as u64) << 1 | 1, out);
            packed(range, out);
        }
    };
    let (mut open, mut at) = (0, 0);
    while at < groups {
        let begin = at;
        at += 1;
        let Some(value) = same(begin) else { continue };
        while at < groups && same(at) == Some(value) {
            at += 1;
        }
        if at - begin >= LONG || (begin, at) == (0, groups) {
            append_packed(open..begin, out);
            varint(((at * GROUP).min(length) - begin * GROUP) as u64 * 2, out);
            out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
            open = at;
        }
    }
    append_packed(open..groups, out);
}

/// Appends indices of `width` bits.
pub(super) fn indices(indices: &[u32], width: u32, out: &mut Vec<u8>) {
    let group = |at: usize| &indices[at * GROUP..indices.len().min((at + 1) * GROUP)];
    let same = |at: usize| {
        let (&first, rest) = group(at).split_first()?;
        rest.iter().all(|&index| index == first).then_some(first)
    };
    let packed = |range: Range<usize>, out: &mut Vec<u8>| {
        let end = indices.len().min(range.end * GROUP);
        let (groups, rest) = indices[range.start * GROUP..end].as_chunks::<GROUP>();
        pack(groups.as_flattened(), width, out);
        if !rest.is_empty() {
            let mut last = [0; GROUP];
            last[..rest.len()].copy_from_slice(rest);
            pack(&last, width, out);
        }
    };
    hybrid(indices.len(), width, same, packed, out);
}

/// Bits, for flags and for whether there is a value.
#[derive(Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    length: usize,
    set: usize,
}

impl Bits {
    /// Appends the lowest `count` bits of `word`, at most 64; the others are zero.
    #[inline]
    pub(super) fn push(&mut self, word: u64, count: usize) {
        if count == 0 {
            return;
        }
        let used = self.length % 64;
        match self.words.last_mut() {
            Some(last) if used > 0 => {
                *last |= word << used;
                if used + count > 64 {
                    self.words.push(word >> (64 - used));
                }
            }
            _ => self.words.push(word),
        }
        self.length += count;
        self.set += word.count_ones() as usize;
    }

    /// How many of them are set.
    pub(super) fn set(&self) -> usize {
        self.set
    }

    /// How many of them are not.
    pub(super) fn unset(&self) -> usize {
        self.length - self.set
    }

    /// Appends them as they are.
    pub(super) fn plain(&self, out: &mut Vec<u8>) {
        self.octets(0..self.length.div_ceil(8), out);
    }

    /// Appends them as runs.
    pub(super) fn runs(&self, out: &mut Vec<u8>) {
        let same = |at: usize| {
            let octet = (self.words[at / 8] >> (at % 8 * 8)) as u8;
            // Behind the last one there are zeros, which nobody reads.
            let all = u8::MAX >> (8 - (self.length - at * GROUP).min(8));
            if octet == all { Some(1) } else { (octet == 0).then_some(0) }
        };
        hybrid(self.length, 1, same, |range, out| self.octets(range, out), out);
    }

    fn octets(&self, range: Range<usize>, out: &mut Vec<u8>) {
        let words = &self.words[range.start / 8..range.end.div_ceil(8)];
        let octets = words.iter().flat_map(|word| word.to_le_bytes());
        out.extend(octets.skip(range.start % 8).take(range.len()));
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.words.clear();
        (self.length, self.set) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of a hybrid, as a reader finds them.
    fn read(mut octets: &[u8], width: u32, length: usize) -> Vec<u64> {
        let mut values = Vec::new();
        while values.len() < length {
            let (mut header, mut shift) = (0, 0);
            loop {
                let (&octet, rest) = octets.split_first().unwrap();
                octets = rest;
                header |= u64::from(octet & 0x7f) << shift;
                shift += 7;
                if octet < 0x80 {
                    break;
                }
            }
            let (run, count) = (header & 1 == 0, (header >> 1) as usize);
            let taken = if run { width.div_ceil(8) as usize } else { count * width as usize };
            let (body, rest) = octets.split_at(taken);
            octets = rest;
            let bit = |at: usize| u64::from(body[at / 8] >> (at % 8) & 1);
            let value = |at: usize| {
                (0..width as usize).map(|i| bit(at * width as usize + i) << i).sum::<u64>()
            };
            let found = if run { count } else { count * GROUP };
            values.extend((0..found).map(|at| value(if run { 0 } else { at })));
        }
        assert!(octets.is_empty(), "nothing is left over");
        values.truncate(length);
        values
    }

    #[test]
    fn packed_values_of_any_width_come_back() {
        for width in 1..=32 {
            let mask = u64::MAX >> (64 - width);
            let value = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask;
            for (length, long) in
                [(0, 1), (1, 1), (7, 1), (8, 9), (1000, 1), (1000, 40), (999, 2000)]
            {
                let values: Vec<u32> = (0..length).map(|i| value(i / long) as u32).collect();
                let mut out = Vec::new();
                indices(&values, width, &mut out);
                let expected: Vec<u64> = values.iter().map(|&value| u64::from(value)).collect();
                assert_eq!(read(&out, width, values.len()), expected, "{width} {length} {long}");
                if long > 1000 {
                    assert!(out.len() <= 7, "one run");
                }
            }
        }
    }

    #[test]
    fn sixty_four_bits_fit_too() {
        let values = [u64::MAX, 1, 1 << 63, 0, 5, 6, 7, 8];
        let mut out = Vec::new();
        pack(&values, 64, &mut out);
        assert_eq!(out, values.map(u64::to_le_bytes).concat());
        out.clear();
        pack(&[(1_u64 << 63) - 1, 1, 0, 0, 0, 0, 0, 0], 63, &mut out);
        assert_eq!(out[..16], (((1_u128 << 63) - 1) | (1 << 63)).to_le_bytes());
        assert_eq!(out.len(), 63);
    }

    #[test]
    fn bits_come_back_however_they_were_handed_in() {
        for (step, modulus) in [(64, 1), (64, 3), (1, 50), (7, 400), (63, 2), (64, 5000)] {
            let (mut bits, mut expected) = (Bits::default(), Vec::new());
            while expected.len() < 3000 {
                let mut word = 0;
                for i in 0..step {
                    let bit = expected.len() % modulus != 0;
                    word |= u64::from(bit) << i;
                    expected.push(u64::from(bit));
                }
                bits.push(word, step);
            }
            let (mut runs, mut plain) = (Vec::new(), Vec::new());
            bits.runs(&mut runs);
            bits.plain(&mut plain);
            assert_eq!(read(&runs, 1, expected.len()), expected, "{step} {modulus}");
            assert_eq!(bits.set() as u64, expected.iter().sum::<u64>());
            assert_eq!(plain.len(), expected.len().div_ceil(8));
            let bit = |at: usize| u64::from(plain[at / 8] >> (at % 8) & 1);
            assert!((0..expected.len()).all(|at| bit(at) == expected[at]));
            assert!(modulus != 5000 || runs.len() < 20, "long runs are short");
        }
    }
}
