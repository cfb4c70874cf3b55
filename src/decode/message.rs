//! A DNS message as a [`Message`] summary (RFC 1035, RFC 6891, RFC 8914): one pass, no allocation,
//! tolerant. Where a message is cut or damaged, everything before that point is kept: the RCODE of
//! a truncated response counts as much as that of a whole one.

use crate::model::{FOLD_LIMIT, Message, MessageFlags, NameHasher, Rcode};
use crate::model::{malformed, qtype};

/// Octets of a DNS header (RFC 1035, section 4.1.1).
pub const HEADER: usize = 12;

/// Octets behind the QNAME that [`Message::body_hash`] covers: beyond the classic 512 of UDP, two
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
#[inline(never)]
pub fn parse_into(bytes: &[u8], sent: usize, hasher: &NameHasher, message: &mut Message) -> bool {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return parse_beginning(bytes, sent, hasher, message);
    };
    let &[i0, i1, f0, f1, ref counts @ ..] = header;
    let flags = u16::from_be_bytes([f0, f1]);
    *message = Message {
        id: u16::from_be_bytes([i0, i1]),
        flags: MessageFlags(flags),
        rcode: Rcode(flags & 0xf),
        ..Message::default()
    };
    for (count, &octets) in message.counts.iter_mut().zip(counts.as_chunks().0) {
        *count = u16::from_be_bytes(octets);
    }
    let mut hashed = [0, u64::from_ne_bytes(*counts), u64::from(flags) << 48 | sent as u64];
    let mut behind = rest;
    let name = if message.counts[0] > 0 { plain_name(rest) } else { Ok(&[][..]) };
    if let Ok(name @ [_, ..]) = name {
        // A name without its type and class still tells what was asked: keep it.
        let [folded, as_sent] = hasher.hash_name(name);
        (message.qname_hash, message.qname_folded) = (folded, folded == as_sent);
        message.qname_length = name.len() as u8;
        (behind, hashed[0]) = (&rest[name.len()..], as_sent);
    }
    message.body_hash = hasher.hash_with(hashed, behind.get(..HASHED).unwrap_or(behind));
    let cut = sent > bytes.len();
    let asked = match name {
        Ok([]) => Ok(HEADER),
        Ok(_) => question(bytes, behind, message),
        Err(stop) => Err(stop),
    };
    match asked {
        Ok(at) => match records(bytes, at, message) {
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

/// The same for fewer octets than a header has.
#[cold]
fn parse_beginning(bytes: &[u8], sent: usize, hasher: &NameHasher, message: &mut Message) -> bool {
    let &[i0, i1, f0, f1, ref rest @ ..] = bytes else { return false };
    let flags = u16::from_be_bytes([f0, f1]);
    *message = Message {
        id: u16::from_be_bytes([i0, i1]),
        flags: MessageFlags(flags),
        rcode: Rcode(flags & 0xf),
        body_hash: hasher.hash_with([u64::from(flags) << 48 | sent as u64], rest),
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

/// Reads what stands behind the first question's name, and steps over the other questions: where the
/// records begin.
fn question(bytes: &[u8], behind: &[u8], message: &mut Message) -> Result<usize, Stop> {
    let &[t0, t1, c0, c1] = behind.first_chunk().ok_or(Stop::End)?;
    let at = bytes.len() - behind.len();
    message.qtype = u16::from_be_bytes([t0, t1]);
    message.qclass = u16::from_be_bytes([c0, c1]);
    match message.counts[0] - 1 {
        0 => Ok(at + 4),
        others => questions(bytes, at + 4, others),
    }
}

/// Steps over so many questions.
#[cold]
fn questions(bytes: &[u8], start: usize, count: u16) -> Result<usize, Stop> {
    let mut at = start;
    for _ in 0..count {
        at = name_end(bytes, at)? + 4;
        if at > bytes.len() {
            return Err(Stop::End);
        }
    }
    Ok(at)
}

/// The `N` octets from `at` on.
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Result<&[u8; N], Stop> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Stop::End)
}

/// The uncompressed name that `bytes` begin with.
fn plain_name(bytes: &[u8]) -> Result<&[u8], Stop> {
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

/// Where the name at `start` ends in the message: behind its root label or its pointer.
#[cold]
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
    let [answers, authorities, additionals] = [1, 2, 3].map(|at| u32::from(message.counts[at]));
    let before_last = answers + authorities;
    let mut at = start;
    for index in 0..before_last + additionals {
        let owner = at;
        // Nearly all owners are a pointer back, or the root of an OPT record.
        let head = match chunk(bytes, owner).map(|&pair| u16::from_be_bytes(pair)) {
            Ok(pointer @ 0xc000..) if usize::from(pointer & 0x3fff) < owner => owner + 2,
            Ok(0..0x0100) => owner + 1,
            _ => name_end(bytes, owner)?,
        };
        let fixed: &[u8; 10] = chunk(bytes, head)?;
        let end = head + 10 + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let data = bytes.get(head + 10..end);
        match u16::from_be_bytes([fixed[0], fixed[1]]) {
            qtype::A | qtype::AAAA if index < answers => {
                message.addresses = message.addresses.saturating_add(u8::from(data.is_some()));
            }
            qtype::SOA if (answers..before_last).contains(&index) && message.soa_owner == 0 => {
                message.soa_owner = u16::try_from(owner).unwrap_or(0);
            }
            qtype::OPT if index >= before_last => opt(fixed, data, message),
            _ => {}
        }
        if data.is_none() {
            return Err(Stop::End);
        }
        at = end;
    }
    Ok(())
}

/// Reads an OPT record: `fixed` is its type, class, TTL and length; `options` its data, where all
/// of it was captured.
#[inline(never)]
fn opt(fixed: &[u8; 10], options: Option<&[u8]>, message: &mut Message) {
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
