//! A run of octets of which a prefix was captured: every layer takes one and hands a smaller one on.
//!
//! Both lengths travel together, so that a layer can tell a header that was cut by the snap length
//! from one that was never complete.

use super::Skip;

/// `bytes` is the captured prefix of `sent` octets on the wire; never longer than `sent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) sent: usize,
}

impl<'a> Part<'a> {
    /// The first `N` octets, or why they are not there.
    #[inline]
    pub(super) fn head<const N: usize>(self) -> Result<&'a [u8; N], Skip> {
        self.bytes.first_chunk().ok_or_else(|| self.shorter_than(N))
    }

    /// The octets from `offset` on.
    #[inline]
    pub(super) fn skip(self, offset: usize) -> Result<Part<'a>, Skip> {
        match self.bytes.get(offset..) {
            Some(bytes) => Ok(Part { bytes, sent: self.sent - offset }),
            None => Err(self.shorter_than(offset)),
        }
    }

    /// The octets from `offset` on, where the offset may lie in what the snap length cut off.
    #[inline]
    pub(super) fn skip_sent(self, offset: usize) -> Result<Part<'a>, Skip> {
        let sent = self.sent.checked_sub(offset).ok_or(Skip::BadHeader)?;
        Ok(Part { bytes: self.bytes.get(offset..).unwrap_or_default(), sent })
    }

    /// What a header's length field leaves of this: `length` octets were sent, whatever link
    /// padding or checksum follows them. Where fewer are here, the frame was cut.
    #[inline]
    pub(super) fn bounded(self, length: usize) -> Part<'a> {
        Part { bytes: self.bytes.get(..length).unwrap_or(self.bytes), sent: length }
    }

    /// Why there are fewer than `needed` octets: cut by the snap length, or never sent.
    #[cold]
    pub(super) fn shorter_than(self, needed: usize) -> Skip {
        if self.sent >= needed { Skip::CutShort } else { Skip::BadHeader }
    }
}
