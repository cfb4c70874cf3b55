//! What a pod's interface is called on its node.
//!
//! The AWS VPC CNI (`eni…`, and `vlan…` for security groups for pods), Calico (`cali…`) and others that
//! keep to Calico's names call it by a prefix of letters and the first eleven hexadecimal digits of the
//! SHA-1 of `NAMESPACE.POD` (nothing is kept safe by it: it is what the names are made with). So a rule
//! that names such an interface names a pod, as far as the operator's list of pods holds it. Other plugins
//! draw their names by lot: these are nobody's here.

use sha1::{Digest, Sha1};

/// Digits taken of the hash: what is left of the 15 characters of a Linux interface behind `cali`.
const DIGITS: usize = 11;

/// The end of such a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag([u8; DIGITS]);

impl Tag {
    /// That of a pod's first interface.
    pub fn of(namespace: &str, pod: &str) -> Tag {
        let hash = Sha1::digest(format!("{namespace}.{pod}"));
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

#[cfg(test)]
mod tests {
    use super::*;

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
