//! A DNS message as a [`Message`] summary (RFC 1035, RFC 6891, RFC 8914): one pass, no allocation,
//! tolerant. Where a message is cut or damaged, everything before that point is kept: the RCODE of
//! a truncated response counts as much as that of a whole one.

use crate::model::malformed;
use crate::model::{FOLD_LIMIT, Message, MessageFlags, NameHasher, Rcode, fold_into};

mod records;

pub(super) use records::OPTION_EXTENDED_ERROR;
use records::{other_questions, records};

/// Octets of a DNS header (RFC 1035, section 4.1.1).
pub const HEADER: usize = 12;

/// The counts of a message with a question and no records.
const ONE_QUESTION: [u8; 8] = [0, 1, 0, 0, 0, 0, 0, 0];

/// Octets behind the first question that [`Message::body_hash`] covers: beyond the classic 512 of UDP, two
/// messages with one ID that differ only further on are not seen within milliseconds.
const HASHED: usize = 512;

/// Compression pointers followed for one name: RFC 1035 gives no limit, but each must point
/// backwards and a name has at most 127 labels.
const MAX_POINTERS: usize = 127;

/// Reads the summary of the message whose captured octets are `bytes` and which was `sent` octets
/// long. `None` when not even ID and flags are there.
pub fn parse(bytes: &[u8], sent: usize, hasher: &NameHasher) -> Option<Message> {
    let mut message = Message::default();
    parse_into(bytes, sent, hasher, &mut message).then_some(message)
}

/// The same where the summary is to be put at once; false instead of `None`.
#[inline(never)]
pub fn parse_into(bytes: &[u8], sent: usize, hasher: &NameHasher, message: &mut Message) -> bool {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return parse_beginning(bytes, sent, hasher, message);
    };
    let behind = if let Some((name, kind, behind)) = question(header, rest) {
        let [folded, as_sent] = hasher.hash_name(name);
        let hashed = hashed(header, *kind, sent);
        let body_hash = hasher.go_on(as_sent, hashed, behind.get(..HASHED).unwrap_or(behind));
        let [t0, t1, c0, c1] = *kind;
        // All of it is written at once; what the records say is put down as they are walked.
        *message = Message {
            qname_hash: folded,
            body_hash,
            qtype: u16::from_be_bytes([t0, t1]),
            qclass: u16::from_be_bytes([c0, c1]),
            qname_length: name.len() as u8,
            qname_folded: folded == as_sent,
            ..header_only(header)
        };
        behind
    } else if let Some(behind) = parse_without_question(header, rest, sent, hasher, message) {
        behind
    } else {
        return true;
    };
    if header[4..] != ONE_QUESTION {
        let cut = sent > bytes.len();
        let walked = other_questions(bytes, behind, message.counts[0]);
        match walked.map(|behind| records(bytes, behind, message)) {
            Ok(Ok(())) => {}
            Ok(Err(stop)) => stopped(stop, cut, message),
            Err(stop) => {
                message.complete = false;
                message.malformed |= without_question(stop, cut);
            }
        }
    }
    true
}

/// What the header says of a message that ends with it.
#[inline]
fn header_only(header: &[u8; HEADER]) -> Message {
    let [i0, i1, f0, f1, q0, q1, a0, a1, n0, n1, r0, r1] = *header;
    let flags = u16::from_be_bytes([f0, f1]);
    Message {
        id: u16::from_be_bytes([i0, i1]),
        flags: MessageFlags(flags),
        rcode: Rcode(flags & 0xf),
        counts: [[q0, q1], [a0, a1], [n0, n1], [r0, r1]].map(u16::from_be_bytes),
        complete: true,
        ..Message::default()
    }
}

/// The words that [`Message::body_hash`] goes on with behind the first question's name: the header but for
/// the ID, the question's type and class, the length.
#[inline]
fn hashed(header: &[u8; HEADER], kind: [u8; 4], sent: usize) -> [u64; 2] {
    let [_, _, first @ .., r0, r1] = *header;
    let second =
        u64::from(u32::from_ne_bytes(kind)) << 32 | u64::from(u16::from_ne_bytes([r0, r1])) << 16;
    [u64::from_ne_bytes(first), second ^ sent as u64]
}

/// The first question's name, its type and class, and what stands behind them: where all of it is there
/// and as it should be.
#[inline]
fn question<'a>(
    header: &[u8; HEADER],
    rest: &'a [u8],
) -> Option<(&'a [u8], &'a [u8; 4], &'a [u8])> {
    if header[4..6] == [0, 0] {
        return None;
    }
    let name = plain_name(rest).ok()?;
    let (kind, behind) = rest.get(name.len()..)?.split_first_chunk()?;
    Some((name, kind, behind))
}

/// The same for a message without a question, or with one that is cut or bad: what stands behind the
/// header where there is none.
#[cold]
fn parse_without_question<'a>(
    header: &[u8; HEADER],
    rest: &'a [u8],
    sent: usize,
    hasher: &NameHasher,
    message: &mut Message,
) -> Option<&'a [u8]> {
    *message = header_only(header);
    let (mut as_sent, mut behind) = (hasher.hash(&[]), rest);
    let cut = sent > HEADER + rest.len();
    message.complete = message.counts[0] == 0;
    if !message.complete {
        message.malformed = match plain_name(rest) {
            Ok(name) => {
                // A name without its type and class still tells what was asked: keep it.
                message.qname_hash = hasher.hash(fold_into(name, &mut [0; FOLD_LIMIT]));
                as_sent = hasher.hash(name);
                message.qname_folded = message.qname_hash == as_sent;
                message.qname_length = name.len() as u8;
                behind = &rest[name.len()..];
                without_question(Stop::End, cut)
            }
            Err(stop) => without_question(stop, cut),
        };
    }
    let hashed = hashed(header, [0; 4], sent);
    message.body_hash = hasher.go_on(as_sent, hashed, behind.get(..HASHED).unwrap_or(behind));
    message.complete.then_some(rest)
}

/// What is wrong with a message whose questions could not be read to their end.
fn without_question(stop: Stop, cut: bool) -> u8 {
    match stop {
        Stop::End if cut => 0,
        Stop::End => malformed::QUESTION,
        Stop::Bad => malformed::QNAME,
    }
}

/// Puts down why the records could not be walked to their end.
#[cold]
fn stopped(stop: Stop, cut: bool, message: &mut Message) {
    message.complete = false;
    message.malformed |= match stop {
        Stop::End if cut || message.flags.truncated() => 0,
        Stop::End => malformed::RECORDS,
        Stop::Bad => malformed::RECORD_NAME,
    };
}

/// The same for fewer octets than a header has.
#[cold]
fn parse_beginning(bytes: &[u8], sent: usize, hasher: &NameHasher, message: &mut Message) -> bool {
    let &[i0, i1, f0, f1, ref rest @ ..] = bytes else { return false };
    let flags = u16::from_be_bytes([f0, f1]);
    *message = Message {
        id: u16::from_be_bytes([i0, i1]),
        flags: MessageFlags(flags),
        rcode: Rcode(flags & 0xf),
        body_hash: hasher.go_on(hasher.hash(rest), [u64::from(flags), sent as u64], &[]),
        malformed: if sent > bytes.len() { 0 } else { malformed::HEADER },
        ..Message::default()
    };
    true
}

/// Why a walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The octets ran out.
    End,
    /// They break the rules.
    Bad,
}

/// The name that `bytes` begin with, if it has no more labels than nearly all have. How many it has nobody can
/// foresee, and to leave a loop at the wrong moment takes longer than to stay at its end for the other steps.
#[inline]
fn name_of_few(bytes: &[u8]) -> Option<&[u8]> {
    /// A Service with a suffix of the search list behind its own: `db.shop.svc.cluster.local.ec2.internal`.
    const LABELS: usize = 8;
    let (mut at, mut lengths) = (0, 0);
    for _ in 0..LABELS {
        let length = *bytes.get(at)?;
        lengths |= length;
        at += usize::from(length) + usize::from(length != 0);
    }
    let name = bytes.get(..=at)?;
    (name.ends_with(&[0]) && lengths < 64 && at < FOLD_LIMIT).then_some(name)
}

/// The uncompressed name that `bytes` begin with.
#[inline]
fn plain_name(bytes: &[u8]) -> Result<&[u8], Stop> {
    name_of_few(bytes).map_or_else(|| name_of_many(bytes), Ok)
}

/// The same for any number of labels, and for what is no name.
#[inline(never)]
fn name_of_many(bytes: &[u8]) -> Result<&[u8], Stop> {
    // No length octet of a name that is not too long stands behind this.
    let within = bytes.get(..FOLD_LIMIT).unwrap_or(bytes);
    let mut at = 0;
    while let Some(&length) = within.get(at) {
        match length {
            1..=63 => at += 1 + usize::from(length),
            0 => return Ok(&within[..=at]),
            _ => return Err(Stop::Bad),
        }
    }
    let too_long = at > FOLD_LIMIT || at < bytes.len();
    Err(if too_long { Stop::Bad } else { Stop::End })
}

/// Writes the name at `start`, decompressed and case-folded, to `out` and returns it.
/// `None` when it is cut, loops or is too long.
pub fn read_name<'o>(
    bytes: &[u8],
    start: usize,
    out: &'o mut [u8; FOLD_LIMIT],
) -> Option<&'o [u8]> {
    let (mut at, mut length, mut pointers) = (start, 0, 0);
    loop {
        let octet = *bytes.get(at)?;
        if octet >= 0xc0 {
            let target = usize::from(u16::from_be_bytes([octet & 0x3f, *bytes.get(at + 1)?]));
            pointers += 1;
            if target >= at || pointers > MAX_POINTERS {
                return None;
            }
            at = target;
            continue;
        }
        if octet > 63 {
            return None;
        }
        let label = bytes.get(at..=at + usize::from(octet))?;
        let place = out.get_mut(length..length + label.len())?;
        for (to, from) in place.iter_mut().zip(label) {
            *to = from.to_ascii_lowercase();
        }
        length += label.len();
        at += label.len();
        if octet == 0 {
            return Some(&out[..length]);
        }
    }
}

#[cfg(test)]
mod tests;
