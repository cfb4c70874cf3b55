//! What is left out when the analysis cannot keep up: whole flows, so that what is kept is complete.
//!
//! The kernel drops whatever comes while its ring is full: then every second question has lost its answer
//! and nothing can be concluded. Leaving out all that some sockets of clients say and hear, on whichever leg,
//! keeps the transactions of the others whole. Walks through search lists, a socket a step, do lose steps.

use crate::model::DnsPorts;

/// As many halvings: of 256 flows one is kept.
const MOST: u32 = 8;

/// Chunks in a row that find the queue nearly empty before one halving is taken back: some seconds.
const CALM: u32 = 256;

/// Which packets are kept.
#[derive(Debug)]
pub(super) struct Sampler {
    /// Of flows one in two to the power of this is kept.
    halvings: u32,
    calm: u32,
    ports: DnsPorts,
    /// The same flows must not be left out on each run.
    seed: u64,
}

impl Sampler {
    pub(super) fn new(ports: &[u16], seed: u64) -> Sampler {
        Sampler { halvings: 0, calm: 0, ports: DnsPorts::new(ports), seed }
    }

    /// A chunk is begun, and so many of `all` are free.
    pub(super) fn adapt(&mut self, free: usize, all: usize) {
        if free < all / 8 {
            self.halvings = (self.halvings + 1).min(MOST);
            self.calm = 0;
        } else if free > all / 2 && self.halvings > 0 {
            self.calm += 1;
            if self.calm >= CALM {
                self.halvings -= 1;
                self.calm = 0;
            }
        }
    }

    /// Whether a frame is kept. Those without a client (fragments, ICMP, tunnels) always are: they are few.
    pub(super) fn keeps(&self, link_type: u16, frame: &[u8]) -> bool {
        self.halvings == 0
            || flow(link_type, frame, &self.ports).is_none_or(|flow| {
                let spread = (flow ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                spread >> (64 - self.halvings) == 0
            })
    }
}

/// Address and port of whoever asks, folded to 64 bits: the end that is not on a DNS port.
fn flow(link_type: u16, frame: &[u8], ports: &DnsPorts) -> Option<u64> {
    const IPV4: u16 = 0x0800;
    const IPV6: u16 = 0x86dd;
    let at = |offset: usize| -> Option<u16> {
        Some(u16::from_be_bytes([*frame.get(offset)?, *frame.get(offset + 1)?]))
    };
    let (mut kind, mut start) = match link_type {
        1 => (at(12)?, 14),
        113 => (at(14)?, 16),
        276 => (at(0)?, 20),
        101 => (if frame.first()? >> 4 == 6 { IPV6 } else { IPV4 }, 0),
        _ => return None,
    };
    while matches!(kind, 0x8100 | 0x88a8) {
        kind = at(start + 2)?;
        start += 4;
    }
    let (protocol, addresses, length, header) = match kind {
        // Neither a fragment nor followed by one.
        IPV4 if matches!(at(start + 6)? << 2, 0) => {
            let header = usize::from(frame.get(start)? & 0xf) * 4;
            (*frame.get(start + 9)?, start + 12, 4, header)
        }
        IPV6 => (*frame.get(start + 6)?, start + 8, 16, 40),
        _ => return None,
    };
    if !matches!(protocol, 6 | 17) {
        return None;
    }
    let [from, to] =
        [at(start + header)?, at(start + header + 2)?].map(|port| ports.contains(port));
    let (address, port) = match (from, to) {
        (false, true) => (addresses, start + header),
        (true, false) => (addresses + length, start + header + 2),
        _ => return None,
    };
    let octets = frame.get(address..address + length)?.iter().chain(frame.get(port..port + 2)?);
    // The FNV-1a hash: octet by octet, and seldom.
    let mix = |hash: u64, &octet: &u8| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3);
    Some(octets.fold(0xcbf2_9ce4_8422_2325, mix))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A datagram over IPv4, behind `tags` VLAN tags.
    fn frame(from: (u8, u16), to: (u8, u16), tags: usize) -> Vec<u8> {
        let mut frame = vec![0; 12];
        (0..tags).for_each(|_| frame.extend([0x81, 0, 0, 5]));
        frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
        for (host, _) in [from, to] {
            frame.extend([10, 0, 0, host]);
        }
        for (_, port) in [from, to] {
            frame.extend(port.to_be_bytes());
        }
        frame.extend([0, 8, 0, 0]);
        frame
    }

    #[test]
    fn a_flow_is_kept_or_left_out_as_a_whole() {
        let mut sampler = Sampler::new(&[53], 7);
        for _ in 0..2 {
            sampler.adapt(0, 64);
        }
        let mut kept = 0;
        for host in 0..=255 {
            let query = frame((host, 40_000), (2, 53), 0);
            let keeps = sampler.keeps(1, &query);
            kept += u32::from(keeps);
            // Its answer, and that of the address behind the Service, behind tags.
            for other in [
                frame((2, 53), (host, 40_000), 0),
                frame((9, 53), (host, 40_000), 2),
                frame((host, 40_000), (3, 53), 1),
            ] {
                assert_eq!(sampler.keeps(1, &other), keeps);
            }
        }
        assert!((32..=96).contains(&kept), "{kept} of 256");
        // Nobody knows whose these are.
        assert!(sampler.keeps(1, &frame((1, 9), (2, 9), 0)) && sampler.keeps(1, &[0; 9]));
    }

    #[test]
    fn nothing_is_left_out_without_need_and_calm_takes_it_back() {
        let mut sampler = Sampler::new(&[53], 7);
        let all = |sampler: &Sampler| {
            (0..=255).all(|host| sampler.keeps(1, &frame((host, 1), (2, 53), 0)))
        };
        sampler.adapt(40, 64);
        assert!(all(&sampler));
        sampler.adapt(3, 64);
        assert!(!all(&sampler));
        (0..CALM).for_each(|_| sampler.adapt(60, 64));
        assert!(all(&sampler));
    }
}
