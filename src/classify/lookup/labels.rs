//! How names are held against each other, label by label.

use crate::model::labels;

/// The first label of a name in wire form, with its length: all steps of a walk share it, and most other
/// lookups of the client do not.
pub(super) fn first_label(name: &[u8]) -> &[u8] {
    name.first().and_then(|&length| name.get(..=usize::from(length))).unwrap_or(name)
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
    fn steps_of_a_walk_share_their_first_label() {
        let first = |text: &str| first_label(&Name::from_text(text).0).to_vec();
        assert_eq!(first("db.ns.svc.zone"), b"\x02db");
        assert_eq!(first("a-long-label.zone"), first("a-long-label"));
        for other in ["dc.zone", "d.zone", "db2.zone", ""] {
            assert_ne!(first("db.zone"), first(other), "{other}");
        }
        assert_eq!((first_label(b""), first_label(b"\x09cut")), (&b""[..], &b"\x09cut"[..]));
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
