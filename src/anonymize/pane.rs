//! A part of a frame and the part of the result that stands for it.
//!
//! The result is all zeros to begin with, and only what is understood is written: so whatever a layer
//! forgets, does not know or finds damaged is not told, instead of being told unchanged.

use std::ops::Range;

/// `from` and `to` are of one length.
pub(super) struct Pane<'a> {
    pub(super) from: &'a [u8],
    pub(super) to: &'a mut [u8],
}

impl<'a> Pane<'a> {
    /// How many octets were captured.
    pub(super) fn len(&self) -> usize {
        self.from.len()
    }

    /// The first `N` octets.
    pub(super) fn head<const N: usize>(&self) -> Option<[u8; N]> {
        self.from.first_chunk().copied()
    }

    /// The two octets at `at` as a number.
    pub(super) fn number(&self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes(*self.from.get(at..)?.first_chunk()?))
    }

    /// Takes over what stands in `range`, as far as it was captured.
    pub(super) fn keep(&mut self, range: Range<usize>) {
        let end = range.end.min(self.from.len());
        if let (Some(from), Some(to)) =
            (self.from.get(range.start..end), self.to.get_mut(range.start..end))
        {
            to.copy_from_slice(from);
        }
    }

    /// Puts `bytes` at `at`, if there is room.
    pub(super) fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.to.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }

    /// What stands behind the first `length` octets.
    pub(super) fn skip(self, length: usize) -> Option<Pane<'a>> {
        Some(Pane { from: self.from.get(length..)?, to: self.to.get_mut(length..)? })
    }

    /// The same for a while.
    pub(super) fn within(&mut self, range: Range<usize>) -> Option<Pane<'_>> {
        let end = range.end.min(self.from.len());
        let range = range.start..end;
        Some(Pane { from: self.from.get(range.clone())?, to: self.to.get_mut(range)? })
    }
}
