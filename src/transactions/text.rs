//! Numbers, moments, addresses and names as text, appended to a buffer: nothing here allocates once
//! the buffer has its size, and `format!` is too slow for some ten cells a row.

use std::io::{self, Write};
use std::net::IpAddr;

use super::Batches;
use super::row::{Batch, Row};
use crate::model::{Address, Timestamp, labels};

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// Writes all rows as lines, a batch at a time.
pub(super) fn lines(
    batches: &mut dyn Batches,
    out: &mut dyn Write,
    mut line: impl FnMut(&Row, &Batch, &mut Vec<u8>),
) -> io::Result<()> {
    let mut text = Vec::new();
    while let Some(batch) = batches.next() {
        text.clear();
        for row in batch.rows() {
            line(row, batch, &mut text);
        }
        out.write_all(&text)?;
    }
    out.flush()
}

/// Appends a number.
pub(super) fn number(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// `true` or `false`.
pub(super) fn flag(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

/// Appends an address, as RFC 5952 has it for IPv6.
pub(super) fn address(address: Address, out: &mut Vec<u8>) {
    match address.ip() {
        IpAddr::V4(ip) => {
            let mut text = [b'.'; 16];
            let mut end = 0;
            for octet in ip.octets() {
                let (digits, count) = OCTETS[usize::from(octet)];
                text[end..end + 4].copy_from_slice(&digits);
                end += usize::from(count) + 1;
            }
            out.extend_from_slice(&text[..end - 1]);
        }
        IpAddr::V6(ip) => {
            let written = write!(out, "{ip}");
            debug_assert!(written.is_ok(), "a Vec takes everything");
        }
    }
}

/// Appends a name in wire form as [`crate::model::display_name`] writes it. Octets for which `escape`
/// holds are written as `\DDD`, too (RFC 1035, section 5.1); it is told whether they are the first.
#[inline]
pub(super) fn name(wire: &[u8], out: &mut Vec<u8>, escape: impl Fn(u8, bool) -> bool) {
    let start = out.len();
    if plain_name(wire, out) {
        return;
    }
    out.truncate(start);
    for label in labels(wire) {
        if out.len() > start {
            out.push(b'.');
        }
        let formula = out.len() == start && label.starts_with(b"-");
        if !formula && label.iter().all(|&octet| PLAIN[usize::from(octet)]) {
            out.extend_from_slice(label);
            continue;
        }
        for &octet in label {
            match octet {
                b'.' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
                0x21..=0x7e if !escape(octet, out.len() == start) => out.push(octet),
                _ => {
                    let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|d| b'0' + d);
                    out.push(b'\\');
                    out.extend_from_slice(&digits);
                }
            }
        }
    }
    if out.len() == start {
        out.push(b'.');
    }
}

/// Appends a name of which nothing needs to be escaped, as nearly all are; false for another one, of which it
/// leaves something behind.
fn plain_name(wire: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let Some((&first, rest)) = wire.split_first() else { return false };
    out.extend_from_slice(rest);
    let text = &mut out[start..];
    // Lengths become dots, and the name ends where one is 0.
    let (mut at, mut length, mut dots) = (0, usize::from(first), 0_usize);
    loop {
        at += length;
        let Some(next) = text.get_mut(at).filter(|_| (1..=63).contains(&length)) else {
            return false;
        };
        length = usize::from(*next);
        if length == 0 {
            break;
        }
        *next = b'.';
        (at, dots) = (at + 1, dots + 1);
    }
    out.truncate(start + at);
    let text = &out[start..];
    let (blocks, rest) = text.as_chunks::<16>();
    let mut last = [b'a'; 16];
    last[..rest.len()].copy_from_slice(rest);
    // Sixteen octets side by side and without a branch, so that the compiler has them looked at together.
    let (mut odd, mut found) = ([0_u8; 16], [0_u8; 16]);
    for block in blocks.iter().chain([&last]) {
        for ((&octet, odd), found) in block.iter().zip(&mut odd).zip(&mut found) {
            let letter = octet.wrapping_sub(b'a') < 26;
            let digit = octet.wrapping_sub(b'0') < 10;
            let (dot, dash, low) = (octet == b'.', octet == b'-', octet == b'_');
            *odd |= u8::from(!(letter | digit | dot | dash | low));
            *found += u8::from(dot);
        }
    }
    // A dot too many is one within a label.
    let found: usize = found.into_iter().map(usize::from).sum();
    odd == [0; 16] && found == dots && !text.starts_with(b"-")
}

/// Octets that nothing needs to escape; a hyphen not even a spreadsheet, unless it comes first.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        let c = octet as u8;
        plain[octet] = c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-';
        octet += 1;
    }
    plain
};

/// Octets as decimal text, and how many digits that are.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let digits = [b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8];
        let last = b'0' + (octet % 10) as u8;
        octets[octet] = match octet {
            0..10 => ([last, b'.', b'.', b'.'], 1),
            10..100 => ([digits[1], last, b'.', b'.'], 2),
            _ => ([digits[0], digits[1], last, b'.'], 3),
        };
        octet += 1;
    }
    octets
};

/// Writes moments; the second written last is kept, for most moments share it.
pub(super) struct Clock {
    second: i64,
    /// `YYYY-MM-DDTHH:MM:SS.`
    text: [u8; 20],
}

impl Clock {
    pub(super) fn new() -> Clock {
        let mut clock = Clock { second: 0, text: *b"1970-01-01T00:00:00." };
        clock.set(0);
        clock
    }

    /// Appends a moment as RFC 3339 has it, in UTC, with nine digits of the second.
    pub(super) fn write(&mut self, time: Timestamp, out: &mut Vec<u8>) {
        let second = time.seconds();
        if second != self.second {
            self.set(second);
        }
        // A leading one keeps the zeros behind it.
        let mut fraction = itoa::Buffer::new();
        let fraction = fraction.format(SECOND + time.0.rem_euclid(SECOND));
        let mut text = [b'Z'; 30];
        text[..20].copy_from_slice(&self.text);
        text[20..29].copy_from_slice(&fraction.as_bytes()[1..]);
        out.extend_from_slice(&text);
    }

    fn set(&mut self, second: i64) {
        let (year, month, day) = civil(second.div_euclid(86_400));
        let clock = second.rem_euclid(86_400);
        let mut put = |at: usize, value: i64, width: usize| {
            let mut value = value;
            for digit in self.text[at..at + width].iter_mut().rev() {
                *digit = b'0' + (value % 10) as u8;
                value /= 10;
            }
        };
        put(0, year, 4);
        put(5, month, 2);
        put(8, day, 2);
        put(11, clock / 3_600, 2);
        put(14, clock / 60 % 60, 2);
        put(17, clock % 60, 2);
        self.second = second;
    }
}

/// Year, month and day of a day since 1970-01-01, in the years 1677 to 2262 that an i64 of nanoseconds
/// spans (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::display_name;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn moments_are_those_of_jiff() {
        let mut clock = Clock::new();
        let days = (-106_000..106_000).step_by(17).map(|day| day * 86_400 * SECOND);
        let odd = [0, -1, 999_999_999, SECOND, 1_709_164_799 * SECOND + 5, i64::MAX, i64::MIN];
        for nanos in days.map(|day| day + 86_399 * SECOND + 120_000_007).chain(odd) {
            let jiff = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            assert_eq!(text(|out| clock.write(Timestamp(nanos), out)), format!("{jiff:.9}"));
        }
    }

    #[test]
    fn addresses_are_those_of_the_standard_library() {
        for ip in ["0.0.0.0", "10.96.0.10", "255.255.255.255", "::1", "fd00:ec2::253", "::ffff:1:2"]
        {
            let parsed: Address = ip.parse().unwrap();
            assert_eq!(text(|out| address(parsed, out)), parsed.to_string());
        }
    }

    #[test]
    fn names_are_those_of_the_report() {
        for octet in 0..=255_u8 {
            let wire = [2, octet, b'x', 3, b'a', octet, b'-', 0];
            assert_eq!(text(|out| name(&wire, out, |_, _| false)), display_name(&wire));
        }
        let odd: [&[u8]; 8] = [
            b"\0",
            b"\x03www\x07example\x00",
            b"\x03w.w\x07example\x00",
            b"\x01-\x07example\x00",
            b"\x03www\x07exampl",
            b"\x03www",
            b"\x3fwww",
            b"\x03www\x40a",
        ];
        for wire in odd {
            assert_eq!(text(|out| name(wire, out, |_, _| false)), display_name(wire), "{wire:?}");
        }
    }

    #[test]
    fn what_is_to_be_escaped_is() {
        let first = |octet: u8, first: bool| octet == b'-' && first;
        assert_eq!(text(|out| name(b"\x03-a-\x02-b\x00", out, first)), "\\045a-.-b");
    }
}
