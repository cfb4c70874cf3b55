//! Which source ports were in use before: fresh ports of stub resolvers told from long-lived sockets
//! (c-ares, Envoy, node agents). A sketch of fixed size: what it forgets counts as fresh.

use crate::model::{NameHasher, PacketMeta};

/// Places, two sockets each: of 1,000 fresh ports a second, nine in ten are still known after 1.5 s.
/// A quarter of a MiB, so that it stays in the second-level cache.
const PLACES: usize = 1 << 14;

/// Times are kept in units of 2^27 ns, an eighth of a second, in 16 bits: 2.4 h until they wrap.
const UNIT: u32 = 27;

/// A port in use for so many units, about 1 s, is not what a single lookup opened: its questions and
/// their repeats after SERVFAIL follow each other within milliseconds.
const OLD: u16 = 8;

/// After so many units without a question, 120 s, it is another socket that got the same port: NAT
/// has forgotten the old one, too (`nf_conntrack_udp_timeout_stream`).
const FORGOTTEN: u16 = 894;

/// Captures go back in time a little: by so many units at most, 128 s. What looks like more has wrapped.
const BACK: u16 = 1 << 10;

#[derive(Clone, Copy, Default)]
struct Place {
    /// Of client, port and server; 0 when empty.
    tag: u32,
    since: u16,
    last: u16,
}

/// The sketch: in each place an old socket, which fresh ones do not drive out, and a fresh one.
#[derive(Clone)]
pub(super) struct Ports {
    places: Vec<[Place; 2]>,
    /// Seeded by the first query, once there was one: nobody knows beforehand which sockets will share a place, and
    /// every run over a capture forgets the same.
    hasher: NameHasher,
    seeded: bool,
}

impl Default for Ports {
    fn default() -> Ports {
        Ports {
            places: vec![[Place::default(); 2]; PLACES],
            hasher: NameHasher::with_seed(0),
            seeded: false,
        }
    }
}

impl Ports {
    /// Reads the places of those of these messages that are queries, and no more.
    #[inline(never)]
    pub(super) fn touch<'a>(&self, messages: impl Iterator<Item = (&'a PacketMeta, bool)>) {
        // Multiplied, for a jump would be guessed wrong every other time: responses read the first place.
        let place = |(packet, is_query)| place(self.hash(packet)) * usize::from(is_query);
        std::hint::black_box(messages.map(place).fold(0, |all, at| all ^ self.places[at][0].tag));
    }

    /// Notes a query and says whether its port was in use for a while.
    #[inline]
    pub(super) fn is_reused(&mut self, query: &PacketMeta) -> bool {
        if !self.seeded {
            (self.hasher, self.seeded) = (NameHasher::with_seed(seed(query)), true);
        }
        let hash = self.hash(query);
        let (tag, place) = (tag(hash), place(hash));
        let now = (query.time.0 >> UNIT) as u16;
        let [old, fresh] = &mut self.places[place];
        let known = if old.tag == tag { &mut *old } else { &mut *fresh };
        let idle = elapsed(known.last, now);
        if known.tag != tag || idle > FORGOTTEN {
            *known = Place { tag, since: now, last: now };
            return false;
        }
        known.last = now;
        if elapsed(known.since, now) < OLD && old.tag != tag {
            return false;
        }
        if old.tag != tag {
            *old = std::mem::take(fresh);
        }
        true
    }

    /// Of the client, its port and the server.
    #[inline]
    fn hash(&self, query: &PacketMeta) -> u64 {
        let ([a, b], [c, d]) = (query.source.halves(), query.destination.halves());
        self.hasher.hash_words([a, b, c, d, u64::from(query.source_port)])
    }
}

/// Units from one time to another: none where it went back.
fn elapsed(from: u16, to: u16) -> u16 {
    let units = to.wrapping_sub(from);
    if units > u16::MAX - BACK { 0 } else { units }
}

/// The highest bits are those that all others have a part in.
fn place(hash: u64) -> usize {
    (hash >> (64 - PLACES.ilog2())) as usize
}

/// No tag is that of an empty place.
fn tag(hash: u64) -> u32 {
    (hash >> 16) as u32 | 1
}

/// What nobody knows before the capture begins: when its first query came, and from which port.
#[cold]
fn seed(query: &PacketMeta) -> u64 {
    let mut word = query.time.0 as u64 ^ u64::from(query.source_port) << 48;
    // The end of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): each bit has a part in all of them.
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use crate::model::{Address, Span, Timestamp};

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
        ports.is_reused(query)
    }

    /// As they are after a first query at several times.
    fn several() -> impl Iterator<Item = Ports> {
        (0..16).map(|millis| {
            let mut ports = Ports::default();
            ask(&mut ports, &query(7, 53, millis));
            ports
        })
    }

    #[test]
    fn a_port_is_old_after_a_second_and_new_after_two_minutes_of_rest() {
        let mut ports = Ports::default();
        let mut ask = |millis| ask(&mut ports, &query(3, 4000, millis));
        assert_eq!([0, 1, 700].map(&mut ask), [false; 3]);
        assert_eq!([1300, 1301, 90_000, 200_000].map(&mut ask), [true; 4]);
        assert!(!ask(330_000));
    }

    /// Half way to where the units wrap they are not taken for time that went back.
    #[test]
    fn an_hour_of_rest_is_no_step_back() {
        for minutes in [3, 70, 80, 140] {
            let mut ports = Ports::default();
            let mut ask = |millis| ask(&mut ports, &query(3, 4000, millis));
            assert_eq!([0, 1300].map(&mut ask), [false, true]);
            // A capture out of order.
            assert!(ask(1_000));
            assert!(!ask(minutes * 60_000), "{minutes}");
        }
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
        let mut several: Vec<_> = several().map(|ports| (ports, HashSet::new())).collect();
        let mut seen = HashSet::new();
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
                    for (ports, told) in &mut several {
                        let hash = ports.hash(&query);
                        assert_eq!(told.insert((place(hash), tag(hash))), known, "{query:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_follows_each_other_gets_far_apart() {
        for ports in several() {
            for of in [|n: u16| query(3, n, 0), |n| query(n, 4000, 0)] {
                let mut places = vec![0; PLACES];
                (0..PLACES as u16).for_each(|n| places[place(ports.hash(&of(n)))] += 1);
                // As at random: one place in sixty such tables would have nine.
                assert!(places.iter().all(|&count| count < 9));
            }
        }
    }

    #[test]
    fn each_capture_forgets_others_and_always_the_same() {
        let socket = query(3, 4000, 0);
        let place = |ports: Ports| place(ports.hash(&socket));
        let first: Vec<_> = several().map(place).collect();
        assert!(several().map(place).eq(first.iter().copied()));
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), first.len());
    }
}
