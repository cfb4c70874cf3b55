//! The secret that everything depends on, and the one function that it is used in.
//!
//! SipHash-2-4 with 128 bits out (crate `siphasher`): a pseudo-random function for short inputs, which is
//! what addresses and labels are, at 15 ns each in plain Rust. Without the key nobody can tell or try out
//! what an output came from.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// Octets of a key.
const LENGTH: usize = 16;

/// What is hashed: one output never serves two purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Purpose {
    Ipv4 = 1,
    Ipv6,
    Hardware,
    Label,
    Number,
    Cookie,
    Interface,
}

/// A secret of 128 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; LENGTH]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system gives no randomness.
    #[error("no random key can be drawn: {0}")]
    Random(getrandom::Error),
    /// The text is no key.
    #[error("expected a key of 32 hexadecimal digits, as `openssl rand -hex 16` prints one")]
    Text,
}

impl Key {
    /// A key for this run: nobody, not even its owner, can tie its output to that of another.
    pub fn random() -> Result<Key, KeyError> {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
        Ok(Key(bytes))
    }

    /// A key in hexadecimal digits: the same key gives the same names and addresses, on every node.
    pub fn parse(text: &str) -> Result<Key, KeyError> {
        let digits = text.trim().as_bytes();
        if digits.len() != 2 * LENGTH || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(KeyError::Text);
        }
        let mut bytes = [0; LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| KeyError::Text)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| KeyError::Text)?;
        }
        Ok(Key(bytes))
    }

    /// 128 bits that depend on the key, the purpose, a number and these octets.
    pub(super) fn bits(&self, purpose: Purpose, number: u8, bytes: &[u8]) -> [u64; 2] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(&[purpose as u8, number]);
        hasher.write(bytes);
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    }
}

/// A secret is not for logs.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_thirty_two_digits() {
        let key = Key::parse(" 000102030405060708090a0B0c0d0e0f\n").unwrap();
        assert_eq!(key.0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        for text in
            ["", "00", "0g0102030405060708090a0b0c0d0e0f", "+00102030405060708090a0b0c0d0e0f"]
        {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn outputs_depend_on_all_there_is() {
        let key = Key::parse("000102030405060708090a0b0c0d0e0f").unwrap();
        let outputs = [
            key.bits(Purpose::Label, 0, b"a"),
            key.bits(Purpose::Label, 1, b"a"),
            key.bits(Purpose::Label, 0, b"b"),
            key.bits(Purpose::Number, 0, b"a"),
            Key::random().unwrap().bits(Purpose::Label, 0, b"a"),
        ];
        for (at, one) in outputs.iter().enumerate() {
            assert!(!outputs[at + 1..].contains(one));
        }
        assert_eq!(outputs[0], key.bits(Purpose::Label, 0, b"a"));
    }
}
