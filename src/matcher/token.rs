//! What an observer remembers a transaction by.

/// What the observer remembers a transaction by: three indexes into its own tables. Of one that is answered
/// the matcher keeps the first.
///
/// It is written as it is read, by a word and a half: a word that is read right after its halves were written
/// waits until both have left the store buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, packed(4))]
pub struct Token {
    first_two: u64,
    third: u32,
}

impl Token {
    /// One of these indexes.
    #[inline]
    pub fn new([first, second, third]: [u32; 3]) -> Token {
        Token { first_two: u64::from(first) | u64::from(second) << 32, third }
    }

    /// One with the first index alone.
    pub fn named(name: u32) -> Token {
        Token::new([name, 0, 0])
    }

    /// The first index.
    pub fn name(self) -> u32 {
        self.first_two as u32
    }

    /// All three.
    #[inline]
    pub fn indexes(self) -> [u32; 3] {
        [self.first_two as u32, (self.first_two >> 32) as u32, self.third]
    }
}

const _: () = assert!(
    size_of::<Token>() == 12 && align_of::<Token>() == 4,
    "a transaction is two cache lines"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_comes_back() {
        for indexes in [[0; 3], [1, 0, 0], [0, 1, 0], [0, 0, 1], [u32::MAX, 0, 7], [7, u32::MAX, 0]]
        {
            let token = Token::new(indexes);
            assert_eq!((token.indexes(), token.name()), (indexes, indexes[0]));
        }
        assert_eq!(Token::named(5), Token::new([5, 0, 0]));
        assert_eq!(Token::default(), Token::new([0; 3]));
    }
}
