//! What a pod's interface is called on its node.
//!
//! The AWS VPC CNI (`eni…`, and `vlan…` for security groups for pods), Calico (`cali…`) and others that keep
//! to Calico's names call it by a prefix of letters and the first eleven hexadecimal digits of the SHA-1 of
//! `NAMESPACE.POD`. So a rule that names such an interface names a pod, as far as the operator's list of
//! pods holds it. Other plugins draw their names by lot: these are nobody's here.

/// Digits taken of the hash: what is left of the 15 characters of a Linux interface behind `cali`.
const DIGITS: usize = 11;

/// The end of such a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag([u8; DIGITS]);

impl Tag {
    /// That of a pod's first interface.
    pub fn of(namespace: &str, pod: &str) -> Tag {
        let hash = sha1(format!("{namespace}.{pod}").as_bytes());
        let mut digits = [0; DIGITS];
        for (at, digit) in digits.iter_mut().enumerate() {
            let half = hash[at / 2] >> if at % 2 == 0 { 4 } else { 0 } & 15;
            *digit = if half < 10 { b'0' + half } else { b'a' + half - 10 };
        }
        Tag(digits)
    }

    /// Whether it is the end of this interface's name.
    pub fn names(self, interface: &str) -> bool {
        let prefix = interface.as_bytes().strip_suffix(&self.0);
        prefix
            .is_some_and(|prefix| !prefix.is_empty() && prefix.iter().all(u8::is_ascii_alphabetic))
    }
}

/// SHA-1 (RFC 3174). Nothing is kept safe by it here: it is what the names are made with.
fn sha1(message: &[u8]) -> [u8; 20] {
    const BLOCK: usize = 64;
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % BLOCK != BLOCK - 8 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks_exact(BLOCK) {
        let mut words = [0_u32; 80];
        for (word, octets) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = octets.iter().fold(0, |sum, &octet| sum << 8 | u32::from(octet));
        }
        for at in 16..80 {
            let mixed = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
            words[at] = mixed.rotate_left(1);
        }
        let mut now = state;
        for (round, word) in words.into_iter().enumerate() {
            let [first, x, y, z, last] = now;
            let (mix, key) = match round / 20 {
                0 => (x & y | !x & z, 0x5a82_7999),
                1 => (x ^ y ^ z, 0x6ed9_eba1),
                2 => (x & y | x & z | y & z, 0x8f1b_bcdc),
                _ => (x ^ y ^ z, 0xca62_c1d6_u32),
            };
            let parts = [mix, last, key, word].into_iter();
            let sum = parts.fold(first.rotate_left(5), u32::wrapping_add);
            now = [sum, first, x.rotate_left(30), y, z];
        }
        for (sum, part) in state.iter_mut().zip(now) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut hash = [0; 20];
    for (octets, part) in hash.chunks_exact_mut(4).zip(state) {
        octets.copy_from_slice(&part.to_be_bytes());
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_1() {
        let hex = |text: &str| sha1(text.as_bytes()).map(|octet| format!("{octet:02x}")).concat();
        assert_eq!(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(hex(long), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    }

    #[test]
    fn a_pod_s_interface_is_known_by_its_name() {
        // From the tests of a plugin that keeps to Calico's names.
        let tag = Tag::of("default", "client-b6989bf87-2bgtc");
        for interface in ["calic95a4947e07", "enic95a4947e07", "vlanc95a4947e07"] {
            assert!(tag.names(interface), "{interface}");
        }
        for other in ["c95a4947e07", "cali195a4947e07", "calic95a4947e0", "eth0", "", "cali+"] {
            assert!(!tag.names(other), "{other}");
        }
        assert!(!Tag::of("default", "client").names("calic95a4947e07"));
    }
}
