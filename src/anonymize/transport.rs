//! UDP, TCP, ICMP and tunnels, as `decode` reads them.

use super::link::PPP;
use super::network::Around;
use super::pane::Pane;
use super::{Anonymizer, Depth};

/// As deep as `decode/tunnel.rs` follows.
const MAX_DEPTH: Depth = 4;

const VXLAN: [u16; 3] = [4789, 8472, 4790];
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
const DNS: u16 = 53;

impl Anonymizer {
    /// What an IP packet carries. Checksums are left to the caller.
    pub(super) fn transport(&self, mut pane: Pane<'_>, around: Around, depth: Depth) -> Option<()> {
        match around.protocol {
            1 => self.icmp(pane, depth),
            58 => self.icmpv6(pane, depth),
            17 => self.udp(pane, depth),
            6 => self.tcp(pane),
            51 => self.authentication(pane, around, depth),
            4 | 41 if depth < MAX_DEPTH => self.ip(pane, depth + 1),
            137 if depth < MAX_DEPTH => self.mpls(pane, depth + 1),
            47 if depth < MAX_DEPTH => self.gre(pane, depth + 1),
            // ESP: index and number.
            50 => {
                pane.keep(0..8);
                None
            }
            _ => None,
        }
    }

    fn udp(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        const HEADER: usize = 8;
        pane.keep(0..6);
        let [s0, s1, d0, d1, l0, l1, _, _] = pane.head()?;
        let (source, destination) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        let sent = match usize::from(u16::from_be_bytes([l0, l1])) {
            0 => pane.len() - HEADER,
            length => length.checked_sub(HEADER)?,
        };
        let payload = pane.within(HEADER..HEADER + sent)?;
        if source != DNS && destination != DNS && depth < MAX_DEPTH {
            let (from, to) = (payload.from, &mut *payload.to);
            let inner = Pane { from, to };
            let port = if is_tunnel(destination) { destination } else { source };
            let is_one = match port {
                GENEVE => self.geneve(inner, depth + 1),
                GTP_U => self.gtp(inner, depth + 1),
                _ if VXLAN.contains(&port) => self.vxlan(port, inner, depth + 1),
                _ => None,
            };
            if is_one.is_some() {
                return Some(());
            }
            // What a wrong guess has written goes again.
            payload.to.fill(0);
        }
        if self.ports.either(source, destination) {
            let _ = self.message(payload, sent);
        }
        Some(())
    }

    fn tcp(&self, mut pane: Pane<'_>) -> Option<()> {
        const HEADER: usize = 20;
        pane.keep(0..16);
        pane.keep(18..HEADER);
        let head: [u8; HEADER] = pane.head()?;
        let (source, destination) = (pane.number(0)?, pane.number(2)?);
        let length = usize::from(head[12] >> 4) * 4;
        if length < HEADER {
            return None;
        }
        options(&mut pane.within(HEADER..length)?);
        let end = pane.len();
        if self.ports.either(source, destination) {
            self.segment(pane.within(length..end)?);
        }
        Some(())
    }

    /// Errors quote a packet; of other kinds only what they are is kept. Behind a quotation of a told
    /// length stand extensions.
    fn icmp(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        let [kind, _, _, _, _, words, _, _] = pane.head()?;
        match kind {
            3 | 4 | 11 | 12 => {
                pane.keep(0..8);
                let words = if kind == 4 { 0 } else { words };
                self.quotation(pane, usize::from(words) * 4, depth)
            }
            0 | 8 => {
                pane.keep(0..8);
                None
            }
            _ => {
                pane.keep(0..2);
                None
            }
        }
    }

    fn icmpv6(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        let [kind, _, _, _, words, _, _, _] = pane.head()?;
        match kind {
            1..=4 => {
                pane.keep(0..8);
                let words = if matches!(kind, 1 | 3) { words } else { 0 };
                self.quotation(pane, usize::from(words) * 8, depth)
            }
            128 | 129 => {
                pane.keep(0..8);
                None
            }
            _ => {
                pane.keep(0..2);
                None
            }
        }
    }

    /// The quoted packet of an error. A quotation in a quotation is none.
    fn quotation(&self, mut pane: Pane<'_>, length: usize, depth: Depth) -> Option<()> {
        let end = if length == 0 { pane.len() } else { 8 + length };
        if depth > MAX_DEPTH {
            return None;
        }
        self.ip(pane.within(8..end)?, MAX_DEPTH + 1)
    }

    fn vxlan(&self, port: u16, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        let [flags, _, _, next, _, _, _, reserved] = pane.head()?;
        if flags & 0x08 == 0 || reserved != 0 {
            return None;
        }
        pane.keep(0..8);
        let pane = pane.skip(8)?;
        let _ = match next {
            1 | 2 if flags & 0x04 != 0 || port == VXLAN_GPE => self.ip(pane, depth),
            _ => self.ethernet(pane, depth),
        };
        Some(())
    }

    fn geneve(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        let [first, _, t0, t1, _, _, _, reserved] = pane.head()?;
        if first >> 6 != 0 || reserved != 0 {
            return None;
        }
        pane.keep(0..8);
        let pane = pane.skip(8 + usize::from(first & 0x3f) * 4)?;
        let _ = self.ethernet_or(u16::from_be_bytes([t0, t1]), pane, depth);
        Some(())
    }

    /// The tunnel's number is that of a subscriber.
    fn gtp(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        let [flags, kind, ..]: [u8; 8] = pane.head()?;
        if flags & 0xf0 != 0x30 || kind != 255 {
            return None;
        }
        pane.keep(0..4);
        let mut pane = pane.skip(8)?;
        if flags & 0x07 != 0 {
            let [_, _, _, mut next] = pane.head()?;
            pane.keep(0..4);
            pane = pane.skip(4)?;
            while flags & 0x04 != 0 && next != 0 {
                let [words] = pane.head()?;
                let length = usize::from(words) * 4;
                let last = length.checked_sub(1)?;
                next = *pane.from.get(last)?;
                pane.keep(0..1);
                pane.keep(last..length);
                pane = pane.skip(length)?;
            }
        }
        let _ = self.ip(pane, depth);
        Some(())
    }

    fn gre(&self, mut pane: Pane<'_>, depth: Depth) -> Option<()> {
        const CHECKSUM: u16 = 0x8000;
        const ROUTING: u16 = 0x4000;
        const KEY: u16 = 0x2000;
        const SEQUENCE: u16 = 0x1000;
        const ACKNOWLEDGMENT: u16 = 0x0080;
        let (flags, protocol) = (pane.number(0)?, pane.number(2)?);
        pane.keep(0..4);
        if flags & 7 > 1 || flags & ROUTING != 0 {
            return None;
        }
        let mut length = 4;
        for (flag, kept) in
            [(CHECKSUM, false), (KEY, true), (SEQUENCE, true), (ACKNOWLEDGMENT, true)]
        {
            if flags & flag != 0 && (flag != ACKNOWLEDGMENT || flags & 7 == 1) {
                if kept {
                    pane.keep(length..length + 4);
                }
                length += 4;
            }
        }
        let mut inner = pane.skip(length)?;
        let erspan = match protocol {
            PPP => return self.ppp(inner, depth),
            0x88be if flags & SEQUENCE != 0 => 8,
            0x88be => 0,
            0x22eb => {
                let head: [u8; 12] = inner.head()?;
                12 + usize::from(head[11] & 1) * 8
            }
            _ => return self.ethernet_or(protocol, inner, depth),
        };
        inner.keep(0..erspan.min(12));
        self.ethernet(inner.skip(erspan)?, depth)
    }

    fn ethernet_or(&self, protocol: u16, pane: Pane<'_>, depth: Depth) -> Option<()> {
        const ETHERNET: u16 = 0x6558;
        if protocol == ETHERNET {
            self.ethernet(pane, depth)
        } else {
            self.ether_type(protocol, pane, depth)
        }
    }
}

fn is_tunnel(port: u16) -> bool {
    matches!(port, GENEVE | GTP_U) || VXLAN.contains(&port)
}

/// Takes over TCP options that name nobody; others, as those of MPTCP and Fast Open, become padding.
fn options(pane: &mut Pane<'_>) {
    const NOP: u8 = 1;
    let mut at = 0;
    while let Some(&kind) = pane.from.get(at) {
        let length = match kind {
            0 => return,
            NOP => 1,
            _ => match pane.from.get(at + 1) {
                Some(&length @ 2..) => usize::from(length),
                _ => return,
            },
        };
        // Maximum segment size, window scale, selective acknowledgment, timestamps.
        if matches!(kind, NOP..=5 | 8) {
            pane.keep(at..at + length);
        } else {
            let end = (at + length).min(pane.to.len());
            pane.to[at..end].fill(NOP);
        }
        at += length;
    }
}
