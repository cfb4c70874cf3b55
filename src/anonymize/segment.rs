//! DNS over TCP, a segment at a time.
//!
//! Streams are not followed: blocks are worked on side by side, in any order. A segment holds whole
//! messages, each behind its length, and perhaps the beginning of one more, nearly always; what does not
//! look like that, the middle of a large message above all, becomes zeros. Of a message that goes on
//! in the next segment its header and its question are told, which is what the analysis needs.

use super::Anonymizer;
use super::message::{HEADER, Stop, counts};
use super::pane::Pane;

impl Anonymizer {
    /// Writes what stands for the payload of a segment.
    pub(super) fn segment(&self, mut pane: Pane<'_>) {
        // The length went before, in a segment of its own.
        if !begins_with_length(pane.from) {
            let length = pane.len();
            if self.tried(&mut pane, 0..length) != Ok(length) {
                pane.to.fill(0);
            }
            return;
        }
        let mut at = 0;
        while let Some(length) = pane.number(at) {
            let start = at + 2;
            let end = start + usize::from(length);
            if usize::from(length) < HEADER {
                return;
            }
            if start == pane.len() {
                // A length alone.
                return pane.keep(at..start);
            }
            let understood = if end <= pane.len() {
                self.tried(&mut pane, start..end) == Ok(end)
            } else {
                self.begun(&mut pane, start..end)
            };
            if !understood {
                return pane.to[start.min(end)..].fill(0);
            }
            pane.keep(at..start);
            at = end;
        }
    }

    /// Takes what stands in `range`, which goes beyond the segment, for a message that begins here. Nothing
    /// proves that it is one: the middle of a stream can look like a header by chance. So its header and its
    /// question are written, and no record, of which the numbers might be somebody's text.
    fn begun(&self, pane: &mut Pane<'_>, range: std::ops::Range<usize>) -> bool {
        /// IN, CH, HS, NONE, ANY.
        const CLASSES: [u16; 5] = [1, 3, 4, 254, 255];
        let sent = range.len();
        let Some(mut inner) = pane.within(range) else { return false };
        if counts(inner.from, sent).is_none_or(|counts| counts[0] != 1) {
            return false;
        }
        let Ok(end) = self.name(&mut inner, HEADER) else { return false };
        if !inner.number(end + 2).is_some_and(|class| CLASSES.contains(&class)) {
            return false;
        }
        inner.keep(0..HEADER);
        inner.keep(end..end + 4);
        true
    }

    /// Takes what stands in `range` for a message.
    fn tried(&self, pane: &mut Pane<'_>, range: std::ops::Range<usize>) -> Result<usize, Stop> {
        let (start, sent) = (range.start, range.len());
        let inner = pane.within(range).ok_or(Stop::Bad)?;
        counts(inner.from, sent).ok_or(Stop::Bad)?;
        self.message(inner, sent).map(|end| start + end)
    }
}

/// Whether a length stands before a message, or alone.
fn begins_with_length(payload: &[u8]) -> bool {
    let Some(&[high, low]) = payload.first_chunk() else { return false };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some(message) = payload.get(2..) else { return false };
    message.is_empty() && length >= HEADER
        || counts(message, length).is_some_and(|counts| counts[0] == 1)
}
