//! Which source ports were in use before: fresh ports of stub resolvers told from long-lived sockets
//! (c-ares, Envoy, node agents). A sketch of fixed size: what it forgets counts as fresh.

use crate::model::{PacketMeta, Timestamp};

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
    /// Of client, port and server; 0 when empty.
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
    /// Reads the places of these hashes, and no more.
    #[inline(never)]
    pub(super) fn touch(&self, hashes: impl Iterator<Item = u64>) {
        std::hint::black_box(hashes.fold(0, |all, hash| all ^ self.0[place(hash)][0].tag));
    }

    /// Notes a query with this [hash] and says whether its port was in use for a while.
    #[inline]
    pub(super) fn is_reused(&mut self, hash: u64, time: Timestamp) -> bool {
        let (tag, place) = (tag(hash), place(hash));
        let now = (time.0 >> UNIT) as u16;
        let [old, fresh] = &mut self.0[place];
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

/// The highest bits are those that all others have a part in.
fn place(hash: u64) -> usize {
    (hash >> (64 - PLACES.ilog2())) as usize
}

/// No tag is that of an empty place.
fn tag(hash: u64) -> u32 {
    (hash >> 16) as u32 | 1
}

/// Of the client, its port and the server: by what no seed of this process decides, so that the same is
/// forgotten in every run.
#[inline]
pub(super) fn hash(query: &PacketMeta) -> u64 {
    /// 2^64 divided by the golden ratio.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let spread = |word: u64| {
        let mixed = word.wrapping_mul(SPREAD);
        mixed ^ mixed >> 32
    };
    // Each address is spread before it meets what comes next: two servers whose addresses differ in a few bits must
    // not look like one server and two ports that differ in the same.
    let of = |[high, low]: [u64; 2]| spread(spread(high) ^ low);
    let ends = spread(of(query.source.halves())).wrapping_add(of(query.destination.halves()));
    (spread(ends) ^ u64::from(query.source_port)).wrapping_mul(SPREAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use crate::model::{Address, Span};

    /// A query of one of several clients.
    fn query(client: u16, port: u16, millis: i64) -> PacketMeta {
        let [high, low] = client.to_be_bytes();
        PacketMeta {
            time: Timestamp(1_767_225_600_000_000_000).plus(Span::from_millis(millis)),
            source: Address::from_v4([10, 0, high, low]),
            destination: Address::from_v4([10, 100, 0, 10]),
            source_port: port,
            ..PacketMeta::default()
        }
    }

    fn ask(ports: &mut Ports, query: &PacketMeta) -> bool {
        ports.is_reused(hash(query), query.time)
    }

    #[test]
    fn a_port_is_old_after_a_second_and_new_after_two_minutes_of_rest() {
        let mut ports = Ports::default();
        let mut ask = |millis| ask(&mut ports, &query(3, 4000, millis));
        assert_eq!([0, 1, 700].map(&mut ask), [false; 3]);
        assert_eq!([1300, 1301, 90_000, 200_000].map(&mut ask), [true; 4]);
        assert!(!ask(330_000));
    }

    #[test]
    fn fresh_ports_do_not_drive_an_old_one_out() {
        let mut ports = Ports::default();
        for millis in [0, 500, 1500] {
            ask(&mut ports, &query(3, 4000, millis));
        }
        for other in 0..40_000_u16 {
            assert!(!ask(&mut ports, &query(4 + other / 20_000, other % 20_000, 2000)));
        }
        assert!(ask(&mut ports, &query(3, 4000, 30_000)));
    }

    #[test]
    fn other_pairs_have_ports_of_their_own() {
        let mut ports = Ports::default();
        ask(&mut ports, &query(3, 4000, 0));
        assert!(!ask(&mut ports, &query(4, 4000, 5000)));
        let turned = query(3, 4000, 5000);
        let (source, destination) = (turned.destination, turned.source);
        assert!(!ask(&mut ports, &PacketMeta { source, destination, ..turned }));
    }

    #[test]
    fn neighbours_with_other_ports_are_others() {
        let (mut seen, mut told) = (HashSet::new(), HashSet::new());
        for (client, server) in
            (0..4_u8).flat_map(|client| (0..4).map(move |server| (client, server)))
        {
            let source = Address::from_v4([10, 0, client, 2]);
            for destination in [[10, 0, server, 2], [10, server, 200, 2], [10, 0, 200, 16 * server]]
            {
                let destination = Address::from_v4(destination);
                for source_port in 0..4096 {
                    let query = PacketMeta { source, destination, source_port, ..query(0, 0, 0) };
                    let known = seen.insert((source, destination, source_port));
                    let hash = hash(&query);
                    assert_eq!(told.insert((place(hash), tag(hash))), known, "{query:?}");
                }
            }
        }
    }

    #[test]
    fn what_follows_each_other_gets_far_apart() {
        for of in [|n: u16| query(3, n, 0), |n| query(n, 4000, 0)] {
            let mut places = vec![0; PLACES];
            (0..PLACES as u16).for_each(|n| places[place(hash(&of(n)))] += 1);
            // As at random: a place in a hundred thousand would have nine.
            assert!(places.iter().all(|&count| count < 9));
        }
    }
}
