//! How names are held against each other, label by label.

use crate::model::labels;

/// Length and first octets of the first label. All steps of a walk share it, and most other lookups of
/// the client do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start(u64);

impl Start {
    /// That of a name in wire form.
    pub(super) fn of(name: &[u8]) -> Start {
        const SIZE: usize = size_of::<Start>();
        let octets = if let Some(octets) = name.first_chunk() {
            u64::from_le_bytes(*octets)
        } else {
            let mut octets = [0; SIZE];
            octets[..name.len()].copy_from_slice(name);
            u64::from_le_bytes(octets)
        };
        // The lowest octet is the length of the label.
        let label = (1 + (octets as u8) as usize).min(SIZE);
        Start(octets & u64::MAX >> (8 * (SIZE - label)))
    }
}

/// Whether the labels of `name` (without root) end in those of `tail` (with root).
pub(super) fn ends_with_labels(name: &[u8], tail: &[u8]) -> bool {
    let tail = &tail[..tail.len() - 1];
    let Some(start) = name.len().checked_sub(tail.len()) else { return false };
    let mut at = 0;
    name[start..] == *tail
        && (start == 0
            || labels(name).any(|label| {
                at += 1 + label.len();
                at == start
            }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    #[test]
    fn names_start_alike_when_their_first_labels_are_the_same() {
        let start = |text: &str| Start::of(&Name::from_text(text).0);
        assert_eq!(start("db.ns.svc.zone"), start("db.zone"));
        assert_eq!(start("db"), start("db.a.b.c.d"));
        assert_eq!(start("a-long-label.zone"), start("a-long-label"));
        for other in ["dc.zone", "d.zone", "db2.zone", "", "a-long-label.zone"] {
            assert_ne!(start("db.zone"), start(other), "{other}");
        }
        assert_eq!((Start::of(b""), start("")), (Start::default(), Start::default()));
    }

    #[test]
    fn a_tail_ends_a_name_at_the_border_of_a_label() {
        let ends = |name: &str, tail: &str| {
            let (name, tail) = (Name::from_text(name).0, Name::from_text(tail).0);
            ends_with_labels(&name[..name.len() - 1], &tail)
        };
        assert!(ends("a.svc.zone", "svc.zone") && ends("svc.zone", "svc.zone"));
        assert!(!ends("a.svc.zone", "c.zone") && !ends("zone", "svc.zone"));
    }
}
