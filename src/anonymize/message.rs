//! DNS messages: names label by label, in their places, so that lengths, compression and EDNS sizes stay.
//!
//! Numbers of the header, types, classes and TTLs are kept. Of a message that was cut or is damaged, what
//! stands before that place.

use super::Anonymizer;
use super::label::{self, LONGEST, is_kept, is_short};
use super::pane::Pane;

/// Octets of a header (RFC 1035, section 4.1.1).
pub(super) const HEADER: usize = 12;

/// Labels behind a label that are looked at, and pointers followed: a name has at most 127 labels.
const MOST: usize = 127;

/// Why a walk over a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The octets ran out.
    End,
    /// They break the rules.
    Bad,
}

/// How far a message could be read.
pub(super) type Walk = Result<usize, Stop>;

impl Anonymizer {
    /// Writes what stands for a message of which `sent` octets were sent; where its records end.
    pub(super) fn message(&self, mut pane: Pane<'_>, sent: usize) -> Walk {
        let Some(counts) = counts(pane.from, sent) else {
            // Cut so early that nothing is told but that it was here; or no message at all.
            if pane.len() < HEADER && sent >= HEADER {
                pane.keep(0..4);
            }
            return Err(Stop::End);
        };
        pane.keep(0..HEADER);
        let mut at = HEADER;
        for _ in 0..counts[0] {
            at = self.name(&mut pane, at)?;
            pane.keep(at..at + 4);
            at += 4;
        }
        for _ in 0..counts[1] + counts[2] + counts[3] {
            at = self.record(&mut pane, at)?;
        }
        if at > pane.len() { Err(Stop::End) } else { Ok(at) }
    }

    fn record(&self, pane: &mut Pane<'_>, at: usize) -> Walk {
        /// Type, class, TTL, length.
        const FIXED: usize = 10;
        let at = self.name(pane, at)?;
        pane.keep(at..at + FIXED);
        let number = |at| pane.number(at).ok_or(Stop::End);
        let (kind, class, length) = (number(at)?, number(at + 2)?, number(at + 8)?);
        let start = at + FIXED;
        let end = start + usize::from(length);
        self.data(pane, kind, class, start..end);
        if end > pane.len() { Err(Stop::End) } else { Ok(end) }
    }

    /// Writes what stands for the name at `at`; where it ends.
    pub(super) fn name(&self, pane: &mut Pane<'_>, mut at: usize) -> Walk {
        let start = at;
        loop {
            let length = *pane.from.get(at).ok_or(Stop::End)?;
            pane.keep(at..at + 1);
            let label = match length {
                0 => return Ok(at + 1),
                0xc0.. => {
                    pane.keep(at..at + 2);
                    return if at + 2 > pane.len() { Err(Stop::End) } else { Ok(at + 2) };
                }
                64.. => return Err(Stop::Bad),
                _ => at + 1..at + 1 + usize::from(length),
            };
            let next = label.end;
            let (from, Some(to)) = (pane.from, pane.to.get_mut(label.clone())) else {
                return Err(Stop::End);
            };
            let text = &from[label];
            let behind = if is_short(text) { behind(from, next) } else { Vec::new() };
            label::label(&self.key, text, &behind, to);
            at = next;
            if at - start > 255 {
                return Err(Stop::Bad);
            }
        }
    }
}

/// The labels from `at` on up to the first that is kept, folded, each with its length.
fn behind(message: &[u8], mut at: usize) -> Vec<u8> {
    let mut labels = Vec::new();
    for _ in 0..MOST {
        match message.get(at) {
            Some(&high @ 0xc0..) => {
                let Some(&low) = message.get(at + 1) else { break };
                at = usize::from(u16::from_be_bytes([high & 0x3f, low]));
            }
            Some(&length) if (1..=LONGEST as u8).contains(&length) => {
                let Some(label) = message.get(at + 1..at + 1 + usize::from(length)) else { break };
                if is_kept(label) {
                    break;
                }
                labels.push(length);
                labels.extend(label.iter().map(u8::to_ascii_lowercase));
                at += 1 + usize::from(length);
            }
            _ => break,
        }
    }
    labels
}

/// The four counts of what looks like the header of a message of `length` octets. Twelve octets of
/// something else are not to be taken for one.
pub(super) fn counts(message: &[u8], length: usize) -> Option<[usize; 4]> {
    /// A question is at least a root name with type and class, a record has TTL and length too.
    const QUESTION: usize = 5;
    const RECORD: usize = 11;
    /// QUERY, IQUERY, STATUS, NOTIFY, UPDATE. Stateful operations (6) hold something else.
    const OPCODES: [u8; 5] = [0, 1, 2, 4, 5];
    let &[_, _, f0, _, q0, q1, a0, a1, n0, n1, r0, r1] = message.first_chunk::<HEADER>()?;
    let counts =
        [[q0, q1], [a0, a1], [n0, n1], [r0, r1]].map(|two| usize::from(u16::from_be_bytes(two)));
    let records = counts[1] + counts[2] + counts[3];
    // A truncated answer may count what it leaves out.
    let truncated = f0 & 0x02 != 0;
    let least = HEADER + counts[0] * QUESTION + if truncated { 0 } else { records * RECORD };
    (OPCODES.contains(&(f0 >> 3 & 0xf)) && counts[0] <= 1 && records <= 8192 && least <= length)
        .then_some(counts)
}
