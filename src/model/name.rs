//! QNAMEs in wire form (RFC 1035, section 3.1), compared without case (RFC 4343).

use std::fmt::Write as _;
use std::hash::Hasher as _;

use foldhash::fast::FoldHasher;

use super::Address;

/// The longest name in wire form, root label included (RFC 1035, section 2.3.4).
pub const FOLD_LIMIT: usize = 255;

/// Hashes names and keys with a seed of this process, so that nobody outside can aim at a bucket.
#[derive(Clone, Copy, Debug)]
pub struct NameHasher {
    seed: u64,
    shared: &'static foldhash::SharedSeed,
}

impl NameHasher {
    /// A hasher with a fixed seed. Results of two hashers with one seed are the same. What the names
    /// hold may cancel out a seed of few bits.
    pub fn with_seed(seed: u64) -> NameHasher {
        NameHasher { seed, shared: foldhash::SharedSeed::global_fixed() }
    }

    /// A hasher with a seed drawn from the operating system's randomness.
    pub fn random() -> NameHasher {
        use std::hash::BuildHasher as _;
        let seed = std::hash::RandomState::new().hash_one(0_u64);
        NameHasher { seed, shared: foldhash::SharedSeed::global_random() }
    }

    /// Begins a hash over so many octets. Their number turns the seed, because the blocks that
    /// [`blocks`] makes of them overlap.
    fn begin(&self, length: usize) -> FoldHasher<'static> {
        FoldHasher::with_seed(self.seed.rotate_right(length as u32), self.shared)
    }

    /// The 64-bit hash of `bytes`.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.begin(bytes.len());
        blocks(bytes, |block| take(&mut hasher, block));
        hasher.finish()
    }

    /// Goes on from a hash, with two words and `bytes`: the hash of all.
    #[inline]
    pub fn go_on(&self, hash: u64, words: [u64; 2], bytes: &[u8]) -> u64 {
        let turned = hash.rotate_right(bytes.len() as u32);
        let mut hasher = FoldHasher::with_seed(turned, self.shared);
        take(&mut hasher, words);
        if !bytes.is_empty() {
            blocks(bytes, |block| take(&mut hasher, block));
        }
        hasher.finish()
    }

    /// The [hash](Self::hash) of the folded form of `name`, and of `name` as it stands: the same where it
    /// is folded.
    #[inline]
    pub fn hash_name(&self, name: &[u8]) -> [u64; 2] {
        let mut hasher = self.begin(name.len());
        let mut capitals = [0; 2];
        blocks(name, |block| {
            for (seen, word) in capitals.iter_mut().zip(block) {
                *seen |= may_be_capital(word);
            }
            take(&mut hasher, block);
        });
        let hash = hasher.finish();
        let may_differ = (capitals[0] | capitals[1]) & CAPITAL != 0;
        [if may_differ { self.hash_folded(name) } else { hash }, hash]
    }

    /// The same for a name that may have capitals.
    #[inline(never)]
    fn hash_folded(&self, name: &[u8]) -> u64 {
        self.hash(fold_into(name, &mut [0; FOLD_LIMIT]))
    }

    /// The 64-bit hash of a client's and a server's address.
    #[inline]
    pub fn hash_ends(&self, client: Address, server: Address) -> u64 {
        let [client, server] = [client, server].map(|end| self.hash_words(end.halves()));
        NameHasher::both_ends(client, server)
    }

    /// The same, of the [hash](Self::hash_words) of each. Nobody outside knows either, so nobody can choose
    /// two that cancel out.
    #[inline]
    pub fn both_ends(client: u64, server: u64) -> u64 {
        client ^ server.rotate_left(32)
    }

    /// The 64-bit hash of a few words.
    #[inline]
    pub fn hash_words<const N: usize>(&self, words: [u64; N]) -> u64 {
        let mut hasher = self.begin(0);
        for word in words {
            hasher.write_u64(word);
        }
        hasher.finish()
    }
}

fn take(hasher: &mut FoldHasher<'static>, [low, high]: [u64; 2]) {
    hasher.write_u128(u128::from(high) << 64 | u128::from(low));
}

/// Hands on `bytes` two words at a time; the last two overlap those before, and each other where there
/// are fewer octets. As many as most names have are always four blocks: how long a name is nobody can foresee, and
/// to leave a loop at the wrong moment takes longer than two blocks once more.
#[inline]
fn blocks(bytes: &[u8], mut take: impl FnMut([u64; 2])) {
    let Some((before, last)) = bytes.split_last_chunk::<16>() else {
        return take(short_block(bytes));
    };
    if before.len() <= 48 {
        for at in [0, 16, 32] {
            if let Some(block) = bytes[before.len().min(at)..].first_chunk() {
                take(words(block));
            }
        }
    } else {
        for block in bytes.as_chunks().0 {
            take(words(block));
        }
    }
    take(words(last));
}

fn words(block: &[u8; 16]) -> [u64; 2] {
    let value = u128::from_le_bytes(*block);
    [value as u64, (value >> 64) as u64]
}

/// All octets of fewer than 16.
#[inline]
fn short_block(bytes: &[u8]) -> [u64; 2] {
    if let (Some(&first), Some(&last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return [first, last].map(u64::from_le_bytes);
    }
    if let (Some(&first), Some(&last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return [first, last].map(|part| u64::from(u32::from_le_bytes(part)));
    }
    let octet = |at: usize| bytes.get(at).map_or(0, |&octet| u64::from(octet));
    [octet(0) | octet(1) << 8, octet(2)]
}

/// The bit in each octet that [`may_be_capital`] sets.
const CAPITAL: u64 = 0x4040_4040_4040_4040;

/// Sets a bit of [`CAPITAL`] where an octet is a capital, or one of the few that share two bits with
/// those: of letters, digits and the hyphen, none does. The other bits mean nothing.
fn may_be_capital(word: u64) -> u64 {
    word & !(word << 1)
}

/// Writes `wire` with ASCII upper case folded to lower case into `out` and returns the part of
/// `out` that it fills. Length octets are below 64 and so never look like letters.
/// At most [`FOLD_LIMIT`] bytes are taken.
pub fn fold_into<'o>(wire: &[u8], out: &'o mut [u8; FOLD_LIMIT]) -> &'o [u8] {
    let length = wire.len().min(FOLD_LIMIT);
    let (to, from) = (&mut out[..length], &wire[..length]);
    if !fold_blocks::<16>(from, to) && !fold_blocks::<4>(from, to) {
        fold_blocks::<1>(from, to);
    }
    &out[..length]
}

/// Folds `N` octets at a time, which the compiler does without a loop or a branch; the last block
/// overlaps the one before. False where there are fewer.
fn fold_blocks<const N: usize>(from: &[u8], to: &mut [u8]) -> bool {
    let mut rest = (from, &mut *to);
    while let (Some((block, from)), Some((folded, to))) =
        (rest.0.split_first_chunk::<N>(), rest.1.split_first_chunk_mut::<N>())
    {
        *folded = block.map(|octet| octet.to_ascii_lowercase());
        rest = (from, to);
    }
    match (from.last_chunk::<N>(), to.last_chunk_mut::<N>()) {
        (Some(block), Some(folded)) => {
            *folded = block.map(|octet| octet.to_ascii_lowercase());
            true
        }
        _ => false,
    }
}

/// The labels of an uncompressed name in wire form, root label left out. Stops at the first
/// octet that is no label length.
pub fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (&length, tail) = rest.split_first()?;
        if length == 0 || length > 63 || usize::from(length) > tail.len() {
            return None;
        }
        let (label, tail) = tail.split_at(usize::from(length));
        rest = tail;
        Some(label)
    })
}

/// How many labels an uncompressed name has, the root label not counted.
pub fn label_count(wire: &[u8]) -> usize {
    labels(wire).count()
}

/// The presentation form of an uncompressed name in wire form, without the final dot (the root is
/// `.`). Every octet that is not a printable ASCII character, and the dot and the backslash within
/// a label, are escaped as in RFC 1035, section 5.1: what comes from the network is safe to print.
pub fn display_name(wire: &[u8]) -> String {
    let mut text = String::with_capacity(wire.len());
    for label in labels(wire) {
        if !text.is_empty() {
            text.push('.');
        }
        for &octet in label {
            match octet {
                b'.' | b'\\' => {
                    text.push('\\');
                    text.push(char::from(octet));
                }
                0x21..=0x7e => text.push(char::from(octet)),
                _ => {
                    let _ = write!(text, "\\{octet:03}");
                }
            }
        }
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

/// An owned name in wire form, for the few places that keep one (samples, search suffixes).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub Box<[u8]>);

impl Name {
    /// The name of a dotted text without escapes, for tests and options.
    pub fn from_text(text: &str) -> Name {
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.').filter(|label| !label.is_empty()) {
            let label = &label.as_bytes()[..label.len().min(63)];
            wire.push(label.len() as u8);
            wire.extend_from_slice(label);
        }
        wire.push(0);
        Name(wire.into_boxed_slice())
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&display_name(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_print_escaped() {
        assert_eq!(display_name(b"\x03www\x07example\x00"), "www.example");
        assert_eq!(display_name(b"\x00"), ".");
        assert_eq!(display_name(b"\x04a.\\\x1b\x00"), "a\\.\\\\\\027");
        assert_eq!(display_name(b"\x02\xc3\xa9\x00"), "\\195\\169");
    }

    #[test]
    fn names_of_any_length_fold_as_their_octets() {
        for length in 0..=300 {
            let wire: Vec<u8> = (0..length).map(|at| (at * 37 % 256) as u8).collect();
            let mut buffer = [7; FOLD_LIMIT];
            let wanted = &wire.to_ascii_lowercase()[..length.min(FOLD_LIMIT)];
            assert_eq!(fold_into(&wire, &mut buffer), wanted, "{length}");
        }
    }

    #[test]
    fn folding_keeps_length_octets() {
        let mut buffer = [0; FOLD_LIMIT];
        assert_eq!(fold_into(b"\x03WwW\x00", &mut buffer), b"\x03www\x00");
    }

    #[test]
    fn text_becomes_wire_form() {
        assert_eq!(&*Name::from_text("a.bc").0, b"\x01a\x02bc\x00");
        assert_eq!(Name::from_text("svc.cluster.local").to_string(), "svc.cluster.local");
    }

    #[test]
    fn hashes_depend_on_the_seed() {
        let (one, two) = (NameHasher::with_seed(1), NameHasher::with_seed(2));
        assert_ne!(one.hash(b"\x03www\x00"), two.hash(b"\x03www\x00"));
        assert_eq!(one.hash(b"\x03www\x00"), NameHasher::with_seed(1).hash(b"\x03www\x00"));
    }

    /// Each octet counts wherever it stands, and so does how many there are.
    #[test]
    fn hashes_differ_by_any_octet_and_by_length() {
        let hasher = NameHasher::with_seed(0x9e37_79b9_7f4a_7c15);
        let mut seen = std::collections::HashSet::new();
        for length in 0..100 {
            let mut octets = vec![0; length];
            assert!(seen.insert(hasher.hash(&octets)), "{length}");
            for at in 0..length {
                octets[at] = 1;
                assert!(seen.insert(hasher.hash(&octets)), "{length} {at}");
                assert!(seen.insert(hasher.go_on(7, [0; 2], &octets)), "{length} {at}");
                octets[at] = 0;
            }
        }
        for (hash, words) in [(7, [0; 2]), (8, [0; 2]), (7, [1, 0]), (7, [0, 1])] {
            assert!(seen.insert(hasher.go_on(hash, words, &[])), "{hash} {words:?}");
        }
    }

    /// Without its length, the overlap would make these two names the same blocks.
    #[test]
    fn a_name_that_repeats_itself_has_a_hash_of_its_own() {
        let hasher = NameHasher::with_seed(1);
        let short = *b"\x0f\x0e23456789abcdef\x00";
        let long = [&short[..16], &short[1..]].concat();
        assert_eq!((label_count(&short), label_count(&long)), (1, 2));
        assert_ne!(hasher.hash(&short), hasher.hash(&long));
    }

    #[test]
    fn a_name_is_hashed_as_its_folded_form() {
        let hasher = NameHasher::with_seed(1);
        for length in 0..=FOLD_LIMIT {
            let mut name: Vec<u8> = (0..length).map(|at| b"az09-_\x03@[`{\xc1"[at % 12]).collect();
            let folded = hasher.hash(&name);
            assert_eq!(hasher.hash_name(&name), [folded; 2], "{length}");
            for at in (0..length).filter(|at| at % 12 < 2) {
                name[at].make_ascii_uppercase();
                let as_it_stands = hasher.hash(&name);
                assert_ne!(as_it_stands, folded);
                assert_eq!(hasher.hash_name(&name), [folded, as_it_stands], "{length} {at}");
                name[at].make_ascii_lowercase();
            }
        }
    }
}
