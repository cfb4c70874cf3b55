//! Link headers, as `decode/link.rs` and `decode/ether.rs` read them: what they look into is looked into
//! here, what they step over is kept only where it is known to name nobody.

use super::label::hardware;
use super::pane::Pane;
use super::{Anonymizer, Depth};
use crate::model::LinkType;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const ARP: u16 = 0x0806;
const TAGS: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
const FIRST_ETHER_TYPE: u16 = 0x0600;
pub(super) const PPP: u16 = 0x880b;

impl Anonymizer {
    pub(super) fn link(&self, link_type: LinkType, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        match link_type.0 {
            1 => self.ethernet(pane, depth),
            // Linux cooked v2, v1.
            276 => {
                pane.keep(0..12);
                self.cooked(pane, 11, 12, 0, 8, depth)
            }
            113 => {
                pane.keep(0..6);
                pane.keep(14..16);
                self.cooked(pane, 5, 6, 14, 2, depth)
            }
            12 | 14 | 101 | 228 | 229 => self.ip(pane, depth),
            // BSD loopback; OpenBSD's IPsec interface.
            0 | 108 => self.behind(pane, 4, 4, depth),
            109 => self.behind(pane, 4, 12, depth),
            9 | 50 => self.ppp(pane, depth),
            51 => self.pppoe(pane, depth),
            204 => {
                pane.keep(0..1);
                self.ppp(pane.skip(1)?, depth)
            }
            104 => {
                pane.keep(0..4);
                let kind = pane.number(2)?;
                self.ether_type(kind, pane.skip(4)?, depth)
            }
            239 => self.nflog(pane, depth),
            258 | 149 => self.pktap(pane, depth),
            _ => None,
        }
    }

    /// IP behind `length` octets of which the first `kept` are taken over.
    fn behind(&self, mut pane: Pane<'_>, kept: usize, length: usize, depth: Depth) -> Option<()> {
        pane.keep(0..kept);
        self.ip(pane.skip(length)?, depth)
    }

    pub(super) fn ethernet(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        let head: [u8; 14] = pane.head()?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, _, _] = head;
        pane.put(0, &hardware(&self.key, [d0, d1, d2, d3, d4, d5]));
        pane.put(6, &hardware(&self.key, [s0, s1, s2, s3, s4, s5]));
        pane.keep(12..14);
        let kind = pane.number(12)?;
        self.ether_type(kind, pane.skip(14)?, depth)
    }

    /// A cooked header: where the length of its address, the address, the protocol and the hardware
    /// type stand. Addresses of another length than that of Ethernet may be those of a tunnel's end.
    fn cooked(
        &self,
        mut pane: Pane<'_>,
        length: usize,
        address: usize,
        protocol: usize,
        hardware_type: usize,
        depth: Depth,
    ) -> Option<()> {
        const LLC: u16 = 4;
        const NETLINK: u16 = 824;
        if pane.from.get(length) == Some(&6) {
            let octets = *pane.from.get(address..)?.first_chunk()?;
            pane.put(address, &hardware(&self.key, octets));
        }
        let protocol = pane.number(protocol)?;
        if pane.number(hardware_type)? == NETLINK {
            return None;
        }
        let header = if address == 12 { 20 } else { 16 };
        let pane = pane.skip(header)?;
        match protocol {
            LLC => self.llc(pane, depth),
            ..FIRST_ETHER_TYPE => None,
            _ => self.ether_type(protocol, pane, depth),
        }
    }

    pub(super) fn ether_type(&self, mut kind: u16, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        while TAGS.contains(&kind) {
            pane.keep(0..4);
            kind = pane.number(2)?;
            pane = pane.skip(4)?;
        }
        match kind {
            IPV4 | IPV6 => self.ip(pane, depth),
            ..FIRST_ETHER_TYPE => self.llc(pane, depth),
            0x8847 | 0x8848 => self.mpls(pane, depth),
            0x8864 => self.pppoe(pane, depth),
            PPP => self.ppp(pane, depth),
            ARP => {
                // Kinds and lengths; addresses go.
                pane.keep(0..8);
                None
            }
            _ => None,
        }
    }

    fn llc(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        match pane.from {
            [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, 8, 0, ..]
            | [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, 0x86, 0xdd, ..] => self.behind(pane, 8, 8, depth),
            [6, 6, 3, ..] => self.behind(pane, 3, 3, depth),
            _ => {
                pane.keep(0..3);
                None
            }
        }
    }

    pub(super) fn mpls(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        loop {
            let [_, _, end, _] = pane.head()?;
            pane.keep(0..4);
            pane = pane.skip(4)?;
            if end & 1 != 0 {
                return self.ip(pane, depth);
            }
        }
    }

    fn pppoe(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        pane.keep(0..6);
        match pane.head()? {
            [0x11, 0, _, _, _, _] => self.ppp(pane.skip(6)?, depth),
            _ => None,
        }
    }

    pub(super) fn ppp(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        match pane.from {
            [0xff, 3, ..] => {
                pane.keep(0..2);
                pane = pane.skip(2)?;
            }
            [0x0f | 0x8f, 0, 8, 0, ..] | [0x0f | 0x8f, 0, 0x86, 0xdd, ..] => {
                return self.behind(pane, 4, 4, depth);
            }
            _ => {}
        }
        let [first] = pane.head()?;
        let length = if first & 1 != 0 { 1 } else { 2 };
        pane.keep(0..length);
        let protocol = if length == 1 { u16::from(first) } else { pane.number(0)? };
        let pane = pane.skip(length)?;
        match protocol {
            0x0021 | 0x0057 => self.ip(pane, depth),
            0x0281 | 0x0283 => self.mpls(pane, depth),
            _ => None,
        }
    }

    /// macOS names the process and the interface here.
    fn pktap(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        const HEADER: usize = 40;
        let [l0, l1, l2, l3, _, _, _, _, t0, t1, ..]: [u8; HEADER] = pane.head()?;
        pane.keep(0..12);
        pane.keep(36..HEADER);
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let inner = u16::from_le_bytes([t0, t1]);
        if length < HEADER || matches!(inner, 258 | 149) {
            return None;
        }
        self.link(LinkType(inner), pane.skip(length)?, depth)
    }

    /// Linux netfilter log: numbers of interfaces are kept, the prefix that a rule wrote is not.
    fn nflog(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        pane.keep(0..4);
        let mut pane = pane.skip(4)?;
        let [low, high] = pane.head()?;
        let little = u16::from_le_bytes([low, high]) <= u16::from_be_bytes([low, high]);
        let read = if little { u16::from_le_bytes } else { u16::from_be_bytes };
        loop {
            let [l0, l1, t0, t1] = pane.head()?;
            pane.keep(0..4);
            let length = usize::from(read([l0, l1]));
            if length < 4 {
                return None;
            }
            match read([t0, t1]) {
                9 => return self.ip(pane.within(4..length)?, depth),
                1 | 3..=7 => pane.keep(4..length),
                8 => {
                    if let Some(&[0, 6, _, _, a, b, c, d, e, f, ..]) = pane.from.get(4..) {
                        pane.keep(4..8);
                        pane.put(8, &hardware(&self.key, [a, b, c, d, e, f]));
                    }
                }
                _ => {}
            }
            pane = pane.skip(length.next_multiple_of(4))?;
        }
    }
}
