//! Options at the end of a block: code, length, value, padded to four bytes.

use super::super::order::ByteOrder;
use crate::model::Direction;

/// Calls `visit` with code and value of each option, up to the end or to the first one cut short.
pub(super) fn for_each_option<O: ByteOrder>(mut options: &[u8], mut visit: impl FnMut(u16, &[u8])) {
    while let (Some(code), Some(length)) = (O::u16_at(options, 0), O::u16_at(options, 2)) {
        let length = usize::from(length);
        let Some(value) = options.get(4..4 + length) else { return };
        if code == 0 {
            return;
        }
        visit(code, value);
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
}

/// What `epb_flags` say: the direction and, of what comes in, whether it was for another host.
pub(super) fn direction_of(flags: u32) -> Direction {
    const PROMISCUOUS: u32 = 4;
    match (flags & 3, flags >> 2 & 7) {
        (1, PROMISCUOUS) => Direction::Passing,
        (1, _) => Direction::Incoming,
        (2, _) => Direction::Outgoing,
        _ => Direction::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::order::{Big, Little};
    use super::*;

    fn options<O: ByteOrder>(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut found = Vec::new();
        for_each_option::<O>(bytes, |code, value| found.push((code, value.to_vec())));
        found
    }

    #[test]
    fn options_end_where_they_are_cut() {
        let bytes = [2, 0, 1, 0, b'x', 0, 0, 0, 9, 0, 0, 0, 3, 0, 2, 0, b'a'];
        assert_eq!(options::<Little>(&bytes), [(2, b"x".to_vec()), (9, Vec::new())]);
        assert_eq!(options::<Big>(&bytes), []);
        assert_eq!(options::<Big>(&[0, 2, 0, 1, 7]), [(2, vec![7])]);
        assert_eq!(options::<Big>(&[0, 0, 0, 0, 0, 2, 0, 0]), []);
        assert_eq!(options::<Big>(&[0, 2, 0]), []);
    }

    #[test]
    fn flags_tell_the_direction() {
        assert_eq!(direction_of(0), Direction::Unknown);
        assert_eq!(direction_of(0b0_0101), Direction::Incoming);
        assert_eq!(direction_of(0b1_0001), Direction::Passing);
        assert_eq!(direction_of(2), Direction::Outgoing);
    }
}
