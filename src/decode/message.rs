//! A DNS message as a [`Message`] summary (RFC 1035, RFC 6891, RFC 8914): one pass, no allocation,
//! tolerant. Where a message is cut or damaged, everything before that point is kept: the RCODE of
//! a truncated response counts as much as that of a whole one.

use crate::model::{FOLD_LIMIT, Message, MessageFlags, NameHasher, Rcode, fold_into};
use crate::model::{malformed, qtype};

/// Octets of a DNS header (RFC 1035, section 4.1.1).
pub const HEADER: usize = 12;

/// Octets of a message that [`Message::body_hash`] covers: beyond the classic 512 of UDP, two
/// messages with one ID that differ only further on are not seen within milliseconds.
const HASHED: usize = 512;

/// Compression pointers followed for one name: RFC 1035 gives no limit, but each must point
/// backwards and a name has at most 127 labels.
const MAX_POINTERS: usize = 127;

/// EDNS option code of extended DNS errors (RFC 8914, section 2).
pub(super) const OPTION_EXTENDED_ERROR: u16 = 15;

/// Reads the summary of the message whose captured octets are `bytes` and which was `sent` octets
/// long. `None` when not even ID and flags are there.
pub fn parse(bytes: &[u8], sent: usize, hasher: &NameHasher) -> Option<Message> {
    let mut message = Message::default();
    parse_into(bytes, sent, hasher, &mut message).then_some(message)
}

/// The same where the summary is to be put at once; false instead of `None`.
pub fn parse_into(bytes: &[u8], sent: usize, hasher: &NameHasher, message: &mut Message) -> bool {
    let &[i0, i1, f0, f1, ..] = bytes else { return false };
    let flags = u16::from_be_bytes([f0, f1]);
    *message = Message {
        id: u16::from_be_bytes([i0, i1]),
        flags: MessageFlags(flags),
        rcode: Rcode(flags & 0xf),
        body_hash: hasher.hash(&bytes[2..bytes.len().min(HASHED)]) ^ sent as u64,
        ..Message::default()
    };
    let cut = sent > bytes.len();
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        message.malformed = if cut { 0 } else { malformed::HEADER };
        return true;
    };
    let &[_, _, _, _, q0, q1, a0, a1, n0, n1, r0, r1] = header;
    message.counts = [[q0, q1], [a0, a1], [n0, n1], [r0, r1]].map(u16::from_be_bytes);
    let mut at = HEADER;
    match question(bytes, &mut at, message, hasher) {
        Ok(()) => match records(bytes, at, message) {
            Ok(()) => message.complete = true,
            Err(Stop::End) if cut || message.flags.truncated() => {}
            Err(Stop::End) => message.malformed |= malformed::RECORDS,
            Err(Stop::Bad) => message.malformed |= malformed::RECORD_NAME,
        },
        Err(Stop::End) if cut => {}
        Err(Stop::End) => message.malformed |= malformed::QUESTION,
        Err(Stop::Bad) => message.malformed |= malformed::QNAME,
    }
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

/// Reads the first question and steps over the others.
fn question(
    bytes: &[u8],
    at: &mut usize,
    message: &mut Message,
    hasher: &NameHasher,
) -> Result<(), Stop> {
    if message.counts[0] == 0 {
        return Ok(());
    }
    let start = *at;
    let end = plain_name_end(bytes, start)?;
    let name = &bytes[start..end];
    let fixed = bytes.get(end..end + 4);
    // A name without its type and class still tells what was asked: keep it.
    message.qname_length = name.len() as u8;
    let mut folded = [0; FOLD_LIMIT];
    message.qname_hash = hasher.hash(fold_into(name, &mut folded));
    let Some(&[t0, t1, c0, c1]) = fixed else { return Err(Stop::End) };
    message.qtype = u16::from_be_bytes([t0, t1]);
    message.qclass = u16::from_be_bytes([c0, c1]);
    *at = end + 4;
    for _ in 1..message.counts[0] {
        *at = name_end(bytes, *at)? + 4;
        if *at > bytes.len() {
            return Err(Stop::End);
        }
    }
    Ok(())
}

/// Where the uncompressed name that starts at `start` ends.
fn plain_name_end(bytes: &[u8], start: usize) -> Result<usize, Stop> {
    let mut at = start;
    loop {
        let &length = bytes.get(at).ok_or(Stop::End)?;
        if length > 63 {
            return Err(Stop::Bad);
        }
        at += 1 + usize::from(length);
        if at - start > FOLD_LIMIT {
            return Err(Stop::Bad);
        }
        if length == 0 {
            return Ok(at);
        }
    }
}

/// Where the name at `start` ends in the message: behind its root label or its pointer.
fn name_end(bytes: &[u8], start: usize) -> Result<usize, Stop> {
    let mut at = start;
    loop {
        let &length = bytes.get(at).ok_or(Stop::End)?;
        match length {
            0 => return Ok(at + 1),
            1..=63 => at += 1 + usize::from(length),
            0xc0.. => {
                let &low = bytes.get(at + 1).ok_or(Stop::End)?;
                let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                return if target < at { Ok(at + 2) } else { Err(Stop::Bad) };
            }
            _ => return Err(Stop::Bad),
        }
        if at - start > FOLD_LIMIT {
            return Err(Stop::Bad);
        }
    }
}

/// Walks the records of all three sections and keeps what the verdicts need.
fn records(bytes: &[u8], start: usize, message: &mut Message) -> Result<(), Stop> {
    let mut at = start;
    for section in 1..4 {
        for _ in 0..message.counts[section] {
            let owner = at;
            let head = name_end(bytes, owner)?;
            let fixed = bytes.get(head..head + 10).ok_or(Stop::End)?;
            let kind = u16::from_be_bytes([fixed[0], fixed[1]]);
            let data = head + 10;
            let end = data + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
            match (section, kind) {
                (1, qtype::A | qtype::AAAA) if bytes.len() >= end => {
                    message.addresses = message.addresses.saturating_add(1);
                }
                (2, qtype::SOA) if message.soa_owner == 0 => {
                    message.soa_owner = u16::try_from(owner).unwrap_or(0);
                }
                (3, qtype::OPT) => opt(fixed, bytes.get(data..end), message),
                _ => {}
            }
            if end > bytes.len() {
                return Err(Stop::End);
            }
            at = end;
        }
    }
    Ok(())
}

/// Reads an OPT record: `fixed` is its type, class, TTL and length; `options` its data, where all
/// of it was captured.
fn opt(fixed: &[u8], options: Option<&[u8]>, message: &mut Message) {
    if message.edns {
        message.malformed |= malformed::EDNS;
        return;
    }
    message.edns = true;
    message.edns_size = u16::from_be_bytes([fixed[2], fixed[3]]);
    message.rcode = Rcode(u16::from(fixed[4]) << 4 | message.flags.0 & 0xf);
    let mut rest = options.unwrap_or_default();
    while let [c0, c1, l0, l1, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let Some(data) = tail.get(..length) else { break };
        if let (OPTION_EXTENDED_ERROR, [e0, e1, ..]) = (u16::from_be_bytes([*c0, *c1]), data) {
            message.extended_error.get_or_insert(u16::from_be_bytes([*e0, *e1]));
        }
        rest = &tail[length..];
    }
    if !rest.is_empty() {
        message.malformed |= malformed::EDNS;
    }
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
