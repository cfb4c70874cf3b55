//! IP and its extension headers; checksums, which are made anew so that they hold.

use super::address::{ipv4, ipv6};
use super::pane::Pane;
use super::{Anonymizer, Depth};

const HOP_BY_HOP: u8 = 0;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const ICMPV6: u8 = 58;
const DESTINATION_OPTIONS: u8 = 60;

/// What a payload has to know of the packet around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    pub(super) protocol: u8,
    /// The length of the payload as sent.
    pub(super) sent: usize,
    /// A later fragment begins in the midst of something.
    pub(super) later: bool,
    /// A part of a packet: its checksum is of all of it.
    part: bool,
    /// The sum of the addresses as they are written, for checksums.
    pseudo: u32,
}

impl Anonymizer {
    pub(super) fn ip(&self, pane: Pane<'_>, depth: Depth) -> Option<()> {
        let [first] = pane.head()?;
        match first >> 4 {
            4 => self.ipv4(pane, depth),
            6 => self.ipv6(pane, depth),
            _ => None,
        }
    }

    fn ipv4(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        // So much says whether a header that was cut was one.
        pane.keep(0..4);
        let [first, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3]: [u8; 20] =
            pane.head()?;
        pane.keep(0..10);
        pane.put(12, &ipv4(&self.key, [s0, s1, s2, s3]));
        pane.put(16, &ipv4(&self.key, [d0, d1, d2, d3]));
        let header = usize::from(first & 0xf) * 4;
        // Options may hold addresses. Zero ends them.
        let checksum = !sum(pane.to.get(..header)?, 0);
        pane.put(10, &checksum.to_be_bytes());
        let total = match usize::from(u16::from_be_bytes([l0, l1])) {
            0 => pane.len(),
            total => total,
        };
        let flags = u16::from_be_bytes([f0, f1]);
        let around = Around {
            protocol,
            sent: total.checked_sub(header)?,
            later: flags & 0x1fff != 0,
            part: flags & 0x3fff != 0,
            pseudo: u32::from(sum(&pane.to[12..20], 0)),
        };
        self.payload(pane.within(header..total)?, around, depth)
    }

    fn ipv6(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        const HEADER: usize = 40;
        pane.keep(0..8);
        let head: [u8; HEADER] = pane.head()?;
        let (source, destination) = (head[8..24].first_chunk()?, head[24..].first_chunk()?);
        pane.put(8, &ipv6(&self.key, *source));
        pane.put(24, &ipv6(&self.key, *destination));
        let sent = match usize::from(u16::from_be_bytes([head[4], head[5]])) {
            0 => pane.len() - HEADER,
            length => length,
        };
        let mut around = Around {
            protocol: head[6],
            sent,
            later: false,
            part: false,
            pseudo: u32::from(sum(&pane.to[8..HEADER], 0)),
        };
        let mut pane = pane.skip(HEADER)?;
        let end = sent.min(pane.len());
        let mut pane = pane.within(0..end)?;
        while let Some(length) = extension(&mut pane, &mut around) {
            around.sent = around.sent.checked_sub(length)?;
            pane = pane.skip(length)?;
            if around.later {
                break;
            }
        }
        self.payload(pane, around, depth)
    }

    fn payload(&self, mut pane: Pane<'_>, around: Around, depth: Depth) -> Option<()> {
        if around.later {
            return None;
        }
        let whole = pane.len() == around.sent && !around.part;
        let at = match around.protocol {
            UDP => 6,
            TCP => 16,
            ICMP | ICMPV6 => 2,
            _ => return self.transport(pane, around, depth),
        };
        let (from, to) = (pane.from, &mut *pane.to);
        let _ = self.transport(Pane { from, to }, around, depth);
        // UDP over IPv4 may do without (RFC 768). The old one would tell something of what was there.
        let without = around.protocol == UDP && pane.number(at)? == 0;
        pane.put(at, &[0; 2]);
        if whole && !without {
            let pseudo = if around.protocol == ICMP {
                0
            } else {
                around.pseudo + u32::from(around.protocol) + length_sum(around.sent)
            };
            let checksum = match !sum(pane.to, pseudo) {
                0 if around.protocol == UDP => 0xffff,
                checksum => checksum,
            };
            pane.put(at, &checksum.to_be_bytes());
        }
        Some(())
    }

    /// An authentication header (RFC 4302) and what follows it.
    pub(super) fn authentication(
        &self,
        mut pane: Pane<'_>,
        mut around: Around,
        depth: Depth,
    ) -> Option<()> {
        around.protocol = AUTHENTICATION;
        let length = extension(&mut pane, &mut around)?;
        around.sent = around.sent.checked_sub(length)?;
        self.payload(pane.skip(length)?, around, depth)
    }
}

/// Takes over an extension header, its numbers and no addresses; how long it is.
fn extension(pane: &mut Pane<'_>, around: &mut Around) -> Option<usize> {
    let [next, words] = pane.head()?;
    let length = match around.protocol {
        HOP_BY_HOP | DESTINATION_OPTIONS | ROUTING => {
            pane.keep(0..2);
            // Options of zeros are padding; a routing header's kind and segments left.
            if around.protocol == ROUTING {
                pane.keep(2..4);
            }
            usize::from(words) * 8 + 8
        }
        AUTHENTICATION => {
            pane.keep(0..12);
            usize::from(words) * 4 + 8
        }
        FRAGMENT => {
            pane.keep(0..8);
            let offset = pane.number(2)?;
            around.later = offset >> 3 != 0;
            around.part = offset & !6 != 0;
            8
        }
        _ => return None,
    };
    around.protocol = next;
    Some(length)
}

/// The length as the pseudo header has it (RFC 8200, section 8.1), summed up.
fn length_sum(length: usize) -> u32 {
    (length as u32 >> 16) + (length as u32 & 0xffff)
}

/// The Internet checksum (RFC 1071) of `bytes`, not yet inverted, over `start`.
fn sum(bytes: &[u8], start: u32) -> u16 {
    let mut total = u64::from(start);
    for pair in bytes.chunks(2) {
        total += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    total as u16
}
