//! What records carry: addresses and names are replaced, numbers that tell nobody's identity are kept, and
//! everything else becomes zeros.

use std::ops::Range;

use super::Anonymizer;
use super::address::{ipv4, ipv6};
use super::key::Purpose;
use super::pane::Pane;

const INTERNET: u16 = 1;

impl Anonymizer {
    /// The data of a record of this type and class, which is to stand in `range`.
    pub(super) fn data(&self, pane: &mut Pane<'_>, kind: u16, class: u16, range: Range<usize>) {
        const OPT: u16 = 41;
        let Range { start, end } = range;
        if kind == OPT {
            return self.options(pane, range);
        }
        // Multicast DNS uses the highest bit (RFC 6762, section 10.2).
        if class & 0x7fff != INTERNET {
            return;
        }
        // A name must not run out of its record: it would be read as part of the next one.
        let Some(mut rest) = pane.within(0..end) else { return };
        match kind {
            1 if end - start == 4 => self.v4(&mut rest, start),
            28 if end - start == 16 => self.v6(&mut rest, start),
            // NS, CNAME, MB, MG, MR, PTR, DNAME; NSEC.
            2 | 5 | 7..=9 | 12 | 39 | 47 => {
                let _ = self.name(&mut rest, start);
            }
            // MX, AFSDB, RT, KX: a preference. SRV: port too.
            15 | 18 | 21 | 36 => self.numbered(&mut rest, start, 2),
            33 => self.numbered(&mut rest, start, 6),
            // SOA: the serial number may tell the zone.
            6 => {
                if let Ok(at) = self.name(&mut rest, start)
                    && let Ok(at) = self.name(&mut rest, at)
                {
                    rest.keep(at + 4..at + 20);
                }
            }
            // RP: two names.
            17 => {
                if let Ok(at) = self.name(&mut rest, start) {
                    let _ = self.name(&mut rest, at);
                }
            }
            // HINFO, TXT, SPF: lengths.
            13 | 16 | 99 => strings(&mut rest, start),
            // RRSIG: what is signed, by whom; times and key would tell the zone.
            46 => {
                rest.keep(start..start + 8);
                let _ = self.name(&mut rest, start + 18);
            }
            // SVCB, HTTPS.
            64 | 65 => self.service(&mut rest, start),
            _ => {}
        }
    }

    fn numbered(&self, pane: &mut Pane<'_>, start: usize, length: usize) {
        pane.keep(start..start + length);
        let _ = self.name(pane, start + length);
    }

    fn v4(&self, pane: &mut Pane<'_>, at: usize) {
        if let Some(octets) = pane.from.get(at..).and_then(<[u8]>::first_chunk) {
            let image = ipv4(&self.key, *octets);
            pane.put(at, &image);
        }
    }

    fn v6(&self, pane: &mut Pane<'_>, at: usize) {
        if let Some(octets) = pane.from.get(at..).and_then(<[u8]>::first_chunk) {
            let image = ipv6(&self.key, *octets);
            pane.put(at, &image);
        }
    }

    /// RFC 9460: priority, name, parameters. Of these, ports and hints are of use.
    fn service(&self, pane: &mut Pane<'_>, start: usize) {
        const PORT: u16 = 3;
        const HINT_V4: u16 = 4;
        const HINT_V6: u16 = 6;
        pane.keep(start..start + 2);
        let Ok(mut at) = self.name(pane, start + 2) else { return };
        while let (Some(key), Some(length)) = (pane.number(at), pane.number(at + 2)) {
            pane.keep(at..at + 4);
            at += 4;
            let end = at + usize::from(length);
            match key {
                PORT => pane.keep(at..at + 2),
                HINT_V4 => {
                    for at in (at..end).step_by(4).filter(|at| at + 4 <= end) {
                        self.v4(pane, at);
                    }
                }
                HINT_V6 => {
                    for at in (at..end).step_by(16).filter(|at| at + 16 <= end) {
                        self.v6(pane, at);
                    }
                }
                _ => {}
            }
            at = end;
        }
    }

    /// EDNS (RFC 6891): sizes and kinds of all options are kept.
    fn options(&self, pane: &mut Pane<'_>, range: Range<usize>) {
        let Range { start: mut at, end } = range;
        let Some(mut pane) = pane.within(0..end) else { return };
        while let (Some(code), Some(length)) = (pane.number(at), pane.number(at + 2)) {
            pane.keep(at..at + 4);
            at += 4;
            let next = at + usize::from(length);
            match code {
                8 => self.subnet(&mut pane, at..next),
                10 => {
                    let Some(cookie) = pane.from.get(at..next.min(pane.len())) else { return };
                    let [a, b] = self.key.bits(Purpose::Cookie, 0, cookie);
                    let bits = [a.to_be_bytes(), b.to_be_bytes()].concat();
                    pane.put(at, &bits[..cookie.len().min(bits.len())]);
                }
                // Algorithms understood; a timeout.
                5..=7 | 11 => pane.keep(at..next),
                // An extended error: its code. The text may hold names.
                15 => {
                    pane.keep(at..(at + 2).min(next));
                    let end = next.min(pane.len());
                    if let Some(text) = pane.to.get_mut(at + 2..end) {
                        text.fill(b'x');
                    }
                }
                _ => {}
            }
            at = next;
        }
    }

    /// A client's subnet (RFC 7871): family, lengths of prefixes, as much of the address as they say.
    fn subnet(&self, pane: &mut Pane<'_>, Range { start, end }: Range<usize>) {
        pane.keep(start..(start + 4).min(end));
        let (Some(family), Some(&bits)) = (pane.number(start), pane.from.get(start + 2)) else {
            return;
        };
        let Some(given) = pane.from.get(start + 4..end.min(pane.len())) else { return };
        let mut octets = [0; 16];
        let length = given.len().min(if family == 1 { 4 } else { 16 });
        octets[..length].copy_from_slice(&given[..length]);
        let [a, b, c, d, ..] = octets;
        let mut image = octets;
        match family {
            1 => image[..4].copy_from_slice(&ipv4(&self.key, [a, b, c, d])),
            2 => image = ipv6(&self.key, octets),
            _ => return,
        }
        let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
        let image = (u128::from_be_bytes(image) & mask).to_be_bytes();
        pane.put(start + 4, &image[..length]);
    }
}

/// Strings with a length before each: as many letters.
fn strings(pane: &mut Pane<'_>, mut at: usize) {
    while let Some(&length) = pane.from.get(at) {
        pane.keep(at..at + 1);
        let end = (at + 1 + usize::from(length)).min(pane.len());
        pane.to[at + 1..end].fill(b'x');
        at = end;
    }
}
