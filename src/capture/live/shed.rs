//! What is left out when the analysis cannot keep up: whole flows, so that what is kept is complete.
//!
//! The kernel drops whatever comes while its ring is full: then every second question has lost its answer
//! and nothing can be concluded. Leaving out all that some sockets of clients say and hear, on whichever leg,
//! keeps the transactions of the others whole. Walks through search lists, a socket a step, do lose steps.
//!
//! A flow that was kept until a moment ago may have questions in flight: their answers are still kept.

use std::time::{Duration, Instant};

use crate::model::DnsPorts;

/// As many halvings: of 256 flows one is kept.
const MOST: u32 = 8;

/// So long the queue has to have room before one halving is taken back.
const CALM: Duration = Duration::from_secs(1);

/// Places for flows with questions in flight, four of them in each row: a second of 60,000 questions a second.
/// 256 KiB, taken when the queue is half full for the first time.
const ROWS: usize = 1 << 14;
const ROW: usize = 4;

/// Which packets are kept.
#[derive(Debug)]
pub(super) struct Sampler {
    /// Of flows one in two to the power of this is kept.
    halvings: u32,
    /// Since when the queue has had room.
    calm: Option<Instant>,
    /// Whether questions in flight are counted: before the first flow is left out, and for as long as any is.
    counts: bool,
    in_flight: Vec<[InFlight; ROW]>,
    ports: DnsPorts,
    /// The same flows must not be left out on each run.
    seed: u64,
}

/// Packets of a flow that were kept and have none in return yet.
#[derive(Clone, Copy, Debug, Default)]
struct InFlight {
    tag: u16,
    packets: u8,
}

/// A socket of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    /// Its address and port, folded.
    folded: u64,
    /// Whether this packet is from it, not to it.
    asks: bool,
}

impl Sampler {
    pub(super) fn new(ports: &[u16], seed: u64) -> Sampler {
        let ports = DnsPorts::new(ports);
        Sampler { halvings: 0, calm: None, counts: false, in_flight: Vec::new(), ports, seed }
    }

    /// A chunk is begun, and so many of `all` are free.
    pub(super) fn adapt(&mut self, free: usize, all: usize, now: Instant) {
        if free <= all / 2 {
            self.calm = None;
            if !self.counts {
                self.counts = true;
                self.in_flight.clear();
                self.in_flight.resize(ROWS, [InFlight::default(); ROW]);
            }
            if free < all / 8 {
                self.halvings = (self.halvings + 1).min(MOST);
            }
        } else if self.counts && now.duration_since(*self.calm.get_or_insert(now)) >= CALM {
            self.calm = None;
            self.counts = self.halvings > 0;
            self.halvings = self.halvings.saturating_sub(1);
        }
    }

    /// Whether a frame is kept. Those without a client (fragments, ICMP, tunnels) always are: they are few.
    pub(super) fn keeps(&mut self, link_type: u16, frame: &[u8]) -> bool {
        if !self.counts {
            return true;
        }
        let Some(flow) = flow(link_type, frame, &self.ports) else { return true };
        let spread = (flow.folded ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let chosen = self.halvings == 0 || spread >> (64 - self.halvings) == 0;
        let (row, tag) = ((spread >> 24) as usize % ROWS, (spread >> 40) as u16);
        let Some(row) = self.in_flight.get_mut(row) else { return chosen };
        let known = row.iter_mut().find(|place| place.packets > 0 && place.tag == tag);
        match known {
            Some(place) if flow.asks && chosen => place.packets = place.packets.saturating_add(1),
            Some(place) if !flow.asks => {
                place.packets -= 1;
                return true;
            }
            None if flow.asks && chosen => {
                // Where all are taken, some of them are by questions that nobody answers any more.
                let free = row.iter().position(|place| place.packets == 0);
                row[free.unwrap_or(usize::from(tag) % ROW)] = InFlight { tag, packets: 1 };
            }
            _ => {}
        }
        chosen
    }
}

/// Address and port of whoever asks, folded to 64 bits: the end that is not on a DNS port.
fn flow(link_type: u16, frame: &[u8], ports: &DnsPorts) -> Option<Flow> {
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
    Some(Flow { folded: octets.fold(0xcbf2_9ce4_8422_2325, mix), asks: to })
}

#[cfg(test)]
mod tests {
    use super::super::clock;
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

    /// A sampler whose queue was full for so many chunks.
    fn pressed(chunks: usize) -> (Sampler, Instant) {
        let (mut sampler, now) = (Sampler::new(&[53], 7), clock::now());
        sampler.adapt(32, 64, now);
        (0..chunks).for_each(|_| sampler.adapt(0, 64, now));
        (sampler, now)
    }

    #[test]
    fn a_flow_is_kept_or_left_out_as_a_whole() {
        let (mut sampler, _) = pressed(2);
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
        let (mut sampler, now) = pressed(0);
        let all = |sampler: &mut Sampler| {
            (0..=255).all(|host| sampler.keeps(1, &frame((host, 1), (2, 53), 0)))
        };
        assert!(all(&mut sampler));
        sampler.adapt(3, 64, now);
        sampler.adapt(3, 64, now);
        sampler.adapt(60, 64, now);
        assert!(!all(&mut sampler));
        sampler.adapt(60, 64, now + CALM);
        assert!(!all(&mut sampler));
        // A moment without room, and calm begins anew.
        sampler.adapt(30, 64, now + CALM);
        sampler.adapt(60, 64, now + CALM);
        sampler.adapt(60, 64, now + CALM * 3 / 2);
        assert!(!all(&mut sampler));
        sampler.adapt(60, 64, now + CALM * 2);
        assert!(all(&mut sampler));
    }

    #[test]
    fn who_was_kept_until_now_gets_the_answers_that_are_due_and_no_more() {
        let (mut sampler, now) = pressed(0);
        let asked = |host| frame((host, 40_000), (2, 53), 0);
        let answered = |host| frame((2, 53), (host, 40_000), 0);
        for host in (0..=255).chain(0..=255) {
            assert!(sampler.keeps(1, &asked(host)));
        }
        (0..MOST).for_each(|_| sampler.adapt(0, 64, now));
        let mut left_out = 0;
        for host in 0..=255 {
            let goes_on = sampler.keeps(1, &asked(host));
            assert!(sampler.keeps(1, &answered(host)) && sampler.keeps(1, &answered(host)));
            assert_eq!(sampler.keeps(1, &answered(host)), goes_on);
            left_out += u32::from(!goes_on);
        }
        assert!(left_out > 240, "{left_out} of 256");
    }
}
