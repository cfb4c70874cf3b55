//! DNS over TCP, a segment at a time.
//!
//! Streams are not followed: blocks are worked on side by side, in any order. A segment holds whole
//! messages, each behind its length, and perhaps the beginning of one more, nearly always; what does not
//! look like that, the middle of a large message above all, becomes zeros. The first segment of a message
//! has its header and its question, which is what the analysis needs.

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
            let read = self.tried(&mut pane, start..end);
            let whole = end <= pane.len() && read == Ok(end);
            let begun = end > pane.len() && read == Err(Stop::End);
            if !whole && !begun {
                return pane.to[start.min(end)..].fill(0);
            }
            pane.keep(at..start);
            at = end;
        }
    }

    /// Takes what stands in `range`, which may go beyond the segment, for a message with a question.
    fn tried(&self, pane: &mut Pane<'_>, range: std::ops::Range<usize>) -> Result<usize, Stop> {
        let (start, sent) = (range.start, range.len());
        let inner = pane.within(range).ok_or(Stop::Bad)?;
        match counts(inner.from, sent) {
            Some([1, ..]) => {}
            // One without a question is a rare update or a transfer's later message.
            Some([0, ..]) if inner.len() == sent => {}
            _ => return Err(Stop::Bad),
        }
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
