//! The records of a message: one walk over all three sections, which keeps what the verdicts need.

use super::Stop;
use crate::model::{FOLD_LIMIT, Message, Rcode};
use crate::model::{malformed, qtype};

/// EDNS option code of extended DNS errors (RFC 8914, section 2).
pub(in crate::decode) const OPTION_EXTENDED_ERROR: u16 = 15;

/// What stands in front of a record's data: type, class, TTL and length.
type Fixed = [u8; 10];

/// Walks the records of a message, which stand `behind` its questions.
#[inline]
pub(super) fn records(bytes: &[u8], behind: &[u8], message: &mut Message) -> Result<(), Stop> {
    let [_, answers, authorities, additionals] = message.counts;
    let mut rest = behind;
    if answers > 0 {
        let mut addresses = 0_u16;
        let walked = section(bytes, rest, answers, |_, fixed, data| {
            let is_address = matches!(kind(fixed), qtype::A | qtype::AAAA);
            addresses += u16::from(is_address && data.is_some());
        });
        message.addresses = u8::try_from(addresses).unwrap_or(u8::MAX);
        rest = walked?;
    }
    if authorities > 0 {
        rest = section(bytes, rest, authorities, |owner, fixed, _| {
            if kind(fixed) == qtype::SOA && message.soa_owner == 0 {
                message.soa_owner = u16::try_from(owner).unwrap_or(0);
            }
        })?;
    }
    if additionals > 0 && !is_one_opt(additionals, rest, message) {
        section(bytes, rest, additionals, |_, fixed, data| {
            if kind(fixed) == qtype::OPT {
                opt(fixed, data.unwrap_or_default(), message);
            }
        })?;
    }
    Ok(())
}

/// Steps over the questions behind the first of so many: what stands behind them.
#[inline]
pub(super) fn other_questions<'a>(
    bytes: &[u8],
    behind: &'a [u8],
    count: u16,
) -> Result<&'a [u8], Stop> {
    if count < 2 { Ok(behind) } else { step_over(bytes, behind, count - 1) }
}

#[cold]
fn step_over<'a>(bytes: &[u8], behind: &'a [u8], count: u16) -> Result<&'a [u8], Stop> {
    let start = bytes.len() - behind.len();
    let mut at = start;
    for _ in 0..count {
        at = name_end(bytes, at)? + 4;
    }
    behind.get(at - start..).ok_or(Stop::End)
}

/// Walks the records of a section that `rest`, the end of `bytes`, begins with. Shows of each where its
/// owner's name begins, what stands in front of its data, and those where all of them are there. What
/// stands behind the section.
#[inline]
fn section<'a>(
    bytes: &[u8],
    mut rest: &'a [u8],
    count: u16,
    mut show: impl FnMut(usize, &Fixed, Option<&[u8]>),
) -> Result<&'a [u8], Stop> {
    for _ in 0..count {
        let owner = bytes.len() - rest.len();
        let (fixed, behind) = record(bytes, owner, rest)?;
        let parts = behind.split_at_checked(usize::from(u16::from_be_bytes([fixed[8], fixed[9]])));
        show(owner, fixed, parts.map(|(data, _)| data));
        (_, rest) = parts.ok_or(Stop::End)?;
    }
    Ok(rest)
}

/// What stands in front of the data of the record that `rest`, the end of `bytes` from `owner` on, begins
/// with, and what stands behind that.
#[inline]
fn record<'a>(bytes: &[u8], owner: usize, rest: &'a [u8]) -> Result<(&'a Fixed, &'a [u8]), Stop> {
    // Nearly all owners are a pointer back, or the root of an OPT record.
    if let Some((&[p0, p1, ref fixed @ ..], behind)) = rest.split_first_chunk::<12>() {
        let pointer = u16::from_be_bytes([p0, p1]);
        if pointer >= 0xc000 && usize::from(pointer & 0x3fff) < owner {
            return Ok((fixed, behind));
        }
    }
    match rest.split_first_chunk::<11>() {
        Some(([0, fixed @ ..], behind)) => Ok((fixed, behind)),
        _ => record_of_name(bytes, owner, rest),
    }
}

/// The same for an owner of labels.
#[cold]
fn record_of_name<'a>(
    bytes: &[u8],
    owner: usize,
    rest: &'a [u8],
) -> Result<(&'a Fixed, &'a [u8]), Stop> {
    let length = name_end(bytes, owner)? - owner;
    rest.get(length..).and_then(|rest| rest.split_first_chunk()).ok_or(Stop::End)
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

/// The type of a record.
fn kind(fixed: &Fixed) -> u16 {
    u16::from_be_bytes([fixed[0], fixed[1]])
}

/// Reads what nearly always is the additional section: an OPT record without options. False where it is not.
#[inline]
fn is_one_opt(additionals: u16, rest: &[u8], message: &mut Message) -> bool {
    let Ok([0, fixed @ ..]) = <&[u8; 11]>::try_from(rest) else { return false };
    let one = additionals == 1 && kind(fixed) == qtype::OPT && fixed[8..] == [0, 0];
    if one {
        opt(fixed, &[], message);
    }
    one
}

/// Reads an OPT record, whose data are `options`, where all of them were captured.
#[inline]
fn opt(fixed: &Fixed, options: &[u8], message: &mut Message) {
    if message.edns {
        message.malformed |= malformed::EDNS;
        return;
    }
    message.edns = true;
    message.edns_size = u16::from_be_bytes([fixed[2], fixed[3]]);
    message.rcode = Rcode(u16::from(fixed[4]) << 4 | message.flags.0 & 0xf);
    if !options.is_empty() {
        read_options(options, message);
    }
}

/// Reads the options of an OPT record.
#[cold]
fn read_options(options: &[u8], message: &mut Message) {
    let mut rest = options;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::message::tests::{query, summary};

    /// A record's owner is a pointer, the root or labels, and in each section it counts for something else.
    #[test]
    fn records_count_in_their_sections() {
        const OWNERS: [&[u8]; 3] = [b"\xc0\x0c", b"\x00", b"\x01a\xc0\x10"];
        const KINDS: [u8; 4] = [1, 28, 6, 41];
        for (section, owner) in (0..3).flat_map(|at| OWNERS.map(|owner| (at, owner))) {
            let mut bytes = query();
            let start = bytes.len() as u16;
            bytes[7 + 2 * section] = KINDS.len() as u8;
            for kind in KINDS {
                bytes.extend_from_slice(owner);
                bytes.extend_from_slice(&[0, kind, 4, 208, 1, 0, 0, 0, 0, 0]);
            }
            let message = summary(&bytes);
            let soa = start + 2 * (owner.len() as u16 + 10);
            let wanted = [(2, 0, false, 0), (0, soa, false, 0), (0, 0, true, 1232)][section];
            let seen = (message.addresses, message.soa_owner, message.edns, message.edns_size);
            assert_eq!(seen, wanted, "{owner:?}");
            assert_eq!(message.rcode, Rcode(u16::from(section == 2) << 4));
            assert!(message.complete && message.malformed == 0);
            // The last one is an OPT of the root's where it is cut, too.
            let cut = summary(&bytes[..bytes.len() - 1]);
            assert_eq!((cut.complete, cut.malformed), (false, malformed::RECORDS));
            let seen = (cut.addresses, cut.soa_owner, cut.edns);
            assert_eq!(seen, (message.addresses, message.soa_owner, false));
        }
    }

    /// No data, and a length that promises some: what stood before them is kept, but no address was there.
    #[test]
    fn a_record_that_is_cut_within_its_data_tells_what_stood_before() {
        for (section, kind) in [(0, 1), (1, 6), (2, 41)] {
            let mut bytes = query();
            bytes[7 + 2 * section] = 1;
            let start = bytes.len() as u16;
            bytes.extend_from_slice(&[0xc0, 12, 0, kind, 4, 208, 0, 0, 0, 0, 0, 1]);
            let message = summary(&bytes);
            assert_eq!((message.complete, message.malformed), (false, malformed::RECORDS));
            let seen = (message.addresses, message.soa_owner, message.edns_size);
            assert_eq!(seen, [(0, 0, 0), (0, start, 0), (0, 0, 1232)][section]);
        }
    }

    #[test]
    fn other_questions_are_stepped_over() {
        let mut bytes = query();
        bytes[5] = 3;
        bytes[11] = 1;
        bytes.extend_from_slice(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x00\x01");
        let whole = bytes.len();
        bytes.extend_from_slice(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
        let message = summary(&bytes);
        assert!(message.complete && message.edns && message.has_question());
        let cut = summary(&bytes[..whole - 1]);
        assert_eq!((cut.malformed, cut.edns), (malformed::QUESTION, false));
        assert!(!cut.complete);
        bytes[query().len()] = 0x40;
        assert_eq!(summary(&bytes).malformed, malformed::QNAME);
    }
}
