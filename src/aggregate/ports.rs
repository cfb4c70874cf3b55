//! Which source ports were in use before: fresh ports of stub resolvers told from long-lived sockets
//! (c-ares, Envoy, node agents). A sketch of fixed size: what it forgets counts as fresh.

use crate::model::Timestamp;

/// Places, two sockets each: of 1,000 fresh ports a second, nine in ten are still known after 1.5 s.
/// A quarter of a MiB, so that it stays in the second-level cache.
const PLACES: usize = 1 << 14;

/// Times are kept in units of 2^27 ns, an eighth of a second, in 16 bits: 2.4 h until they wrap.
const UNIT: u32 = 27;

/// A port in use for so many units, about 1 s, is not what a single lookup opened: its questions and
/// their repeats after SERVFAIL follow each other within milliseconds.
const OLD: i16 = 8;

/// After so many units without a question, 120 s, it is another socket that got the same port: NAT
/// has forgotten the old one, too (`nf_conntrack_udp_timeout_stream`).
const FORGOTTEN: i16 = 894;

#[derive(Clone, Copy, Default)]
struct Place {
    /// Pair and port; 0 when empty.
    tag: u32,
    since: u16,
    last: u16,
}

/// The sketch: in each place an old socket, which fresh ones do not drive out, and a fresh one.
#[derive(Clone)]
pub(super) struct Ports(Vec<[Place; 2]>);

impl Default for Ports {
    fn default() -> Ports {
        Ports(vec![[Place::default(); 2]; PLACES])
    }
}

impl Ports {
    /// By what no seed of this process decides.
    fn place(tag: u32) -> usize {
        /// 2^32 divided by the golden ratio: neighbours get far apart.
        const SPREAD: u32 = 0x9e37_79b9;
        (tag.wrapping_mul(SPREAD) >> (32 - PLACES.ilog2())) as usize
    }

    fn tag(pair: u32, port: u16) -> u32 {
        pair << 16 | u32::from(port)
    }

    /// Notes a question and says whether its port was in use for a while.
    pub(super) fn is_reused(&mut self, pair: u32, port: u16, time: Timestamp) -> bool {
        let tag = Ports::tag(pair, port);
        let now = (time.0 >> UNIT) as u16;
        let [old, fresh] = &mut self.0[Ports::place(tag)];
        let known = if old.tag == tag { &mut *old } else { &mut *fresh };
        let idle = now.wrapping_sub(known.last).cast_signed();
        if known.tag != tag || idle > FORGOTTEN {
            *known = Place { tag, since: now, last: now };
            return false;
        }
        known.last = now;
        if now.wrapping_sub(known.since).cast_signed() < OLD && old.tag != tag {
            return false;
        }
        if old.tag != tag {
            *old = std::mem::take(fresh);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn at(millis: i64) -> Timestamp {
        Timestamp(1_767_225_600_000_000_000).plus(Span::from_millis(millis))
    }

    #[test]
    fn a_port_is_old_after_a_second_and_new_after_two_minutes_of_rest() {
        let mut ports = Ports::default();
        let mut ask = |millis| ports.is_reused(3, 4000, at(millis));
        assert_eq!([0, 1, 700].map(&mut ask), [false; 3]);
        assert_eq!([1300, 1301, 90_000, 200_000].map(&mut ask), [true; 4]);
        assert!(!ask(330_000));
    }

    #[test]
    fn fresh_ports_do_not_drive_an_old_one_out() {
        let mut ports = Ports::default();
        for millis in [0, 500, 1500] {
            ports.is_reused(3, 4000, at(millis));
        }
        for other in 0..40_000_u32 {
            assert!(!ports.is_reused(4 + other / 20_000, (other % 20_000) as u16, at(2000)));
        }
        assert!(ports.is_reused(3, 4000, at(30_000)));
    }

    #[test]
    fn other_pairs_have_ports_of_their_own() {
        let mut ports = Ports::default();
        ports.is_reused(3, 4000, at(0));
        assert!(!ports.is_reused(4, 4000, at(5000)));
    }
}
