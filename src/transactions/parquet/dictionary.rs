//! The texts of a row group, each once: a value is the index of its text.

use hashbrown::HashTable;

/// A text of the dictionary, by what it is found again by.
struct Entry {
    hash: u64,
    start: u32,
    length: u8,
}

/// Texts in the order in which they first came.
///
/// They are found by a key, which is shorter than the text and there without any work: the
/// text is made of it once.
#[derive(Default)]
pub(super) struct Dictionary {
    entries: Vec<Entry>,
    keys: Vec<u8>,
    by_key: HashTable<u32>,
    /// Each with its length before it, as the dictionary's page has them.
    plain: Vec<u8>,
}

impl Dictionary {
    /// The index of the text with this key, of at most 255 octets, which `text` appends where it is a new one.
    #[inline]
    pub(super) fn index(&mut self, hash: u64, key: &[u8], text: impl FnOnce(&mut Vec<u8>)) -> u32 {
        let Dictionary { entries, keys, by_key, plain } = self;
        let known = by_key.find(hash, |&index| {
            let Entry { hash: found, start, length } = entries[index as usize];
            found == hash && keys[start as usize..][..usize::from(length)] == *key
        });
        if let Some(&index) = known {
            return index;
        }
        let (index, before) = (entries.len() as u32, plain.len());
        entries.push(Entry { hash, start: keys.len() as u32, length: key.len() as u8 });
        keys.extend_from_slice(key);
        plain.extend_from_slice(&[0; 4]);
        text(plain);
        let length = (plain.len() - before - 4) as u32;
        plain[before..before + 4].copy_from_slice(&length.to_le_bytes());
        by_key.insert_unique(hash, index, |&index| entries[index as usize].hash);
        index
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The texts as the dictionary's page has them.
    pub(super) fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.keys.clear();
        self.by_key.clear();
        self.plain.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_once() {
        let mut dictionary = Dictionary::default();
        for round in 0..2 {
            for (at, key) in ["a", "bb", "", "ab"].into_iter().enumerate() {
                // Two of the keys have the same hash.
                let index = dictionary.index(key.len() as u64, key.as_bytes(), |out| {
                    assert_eq!(round, 0, "it is known");
                    out.extend_from_slice(key.to_uppercase().as_bytes());
                });
                assert_eq!(index, at as u32);
            }
        }
        assert_eq!(dictionary.plain(), b"\x01\0\0\0A\x02\0\0\0BB\0\0\0\0\x02\0\0\0AB");
        dictionary.clear();
        assert_eq!((dictionary.len(), dictionary.plain()), (0, &[][..]));
        assert_eq!(dictionary.index(1, b"z", |_| {}), 0);
    }
}
