//! Forwarding loops: a question that comes back to a server that has passed it on, again and again
//! within milliseconds.
//!
//! A server that was asked something and asks the same itself is one link of a chain. A stub resolver,
//! a node cache, the cluster DNS and a resolver or two behind it make chains of five links at most.
//! Links tell a chain from many clients that want one name at a time: who asks must have been asked the
//! same a moment before. Only questions that are in flight already are looked at here; the first two
//! links of a chain, as every healthy cluster has them, are kept with the question that waits, and only
//! what follows costs a table.

use std::collections::VecDeque;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::aggregate::marks::{Frames, Period};
use crate::matcher::{Sighting, Transaction};
use crate::model::{Address, FOLD_LIMIT, Name, Span, Timestamp, fold_into, labels};

/// A forwarder passes a question on at once; a stub resolver asks again after 250 ms at the soonest.
const LINK: Span = Span::from_millis(100);

/// Links remembered at most: those of 100 ms at 40,000 forwarded questions a second. 200 kB.
const MAX_LINKS: usize = 1 << 12;

/// Pairs of addresses that loop, told apart at most.
const MAX_LOOPS: usize = 64;

/// Chains up to here are not worth a row.
const NOTED: u32 = 3;

/// HINFO: what CoreDNS' `loop` plugin asks for.
const HINFO: u16 = 13;

/// Questions from one address to another that were links of long chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Who asked.
    pub client: Address,
    /// Who was asked.
    pub server: Address,
    /// The longest chain that one of them ended.
    pub deepest: u32,
    /// The same of probes of CoreDNS' `loop` plugin.
    pub probed: u32,
    /// Questions that were the third link of a chain or a later one.
    pub passes: u64,
    /// Questions of these two that were answered with anything but a failure, once there were chains.
    pub resolved: u64,
    /// Whether client and server are one host: then its many processes look like a chain, too.
    pub own: bool,
    /// The name that came back first, and its type.
    pub name: Name,
    /// See `name`.
    pub qtype: u16,
    /// Frames of such questions.
    pub frames: Frames,
    /// When they were asked.
    pub period: Period,
}

/// A server that was asked something by whom it was asked the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    server: Address,
    asked: Timestamp,
    depth: u32,
}

impl Link {
    /// Whether one of the servers on the way of a transaction is this one.
    pub(super) fn goes_through(&self, transaction: &Transaction) -> bool {
        transaction.legs().iter().any(|leg| host(leg.server) == self.server)
    }
}

type Key = (u64, Address);

/// All chains.
#[derive(Clone, Default)]
pub struct Loops {
    links: HashMap<Key, Link, RandomState>,
    order: VecDeque<(Key, Timestamp)>,
    latest: Timestamp,
    rows: Vec<Loop>,
    /// Questions that found no row.
    pub overflowed: u64,
}

/// All loopback addresses are one host.
fn host(address: Address) -> Address {
    if address.ip().is_loopback() { Address::from_v4([127, 0, 0, 1]) } else { address }
}

impl Loops {
    /// A question is asked that is in flight: `earlier` is who was asked last, and when.
    pub(super) fn again(
        &mut self,
        question: u64,
        query: &Sighting<'_>,
        earlier: (Address, Timestamp),
        passed: &mut Option<Link>,
    ) {
        let packet = query.packet;
        let (now, client, server) = (packet.time, host(packet.source), host(packet.destination));
        let first = Link { server: host(earlier.0), asked: earlier.1, depth: 1 };
        let leads = |link: &Link| link.server == client && now.since(link.asked) <= LINK;
        let before = passed.filter(leads).or_else(|| Some(first).filter(leads));
        let depth = before.map_or(1, |link| link.depth.saturating_add(1));
        let kept = passed.replace(Link { server, asked: now, depth });
        self.latest = now;
        self.forget(now);
        if depth < NOTED && self.links.is_empty() {
            return;
        }
        for link in [Some(first), kept].into_iter().flatten() {
            self.link((question, link.server), link.asked, link.depth);
        }
        let before = self.links.get(&(question, client)).filter(|l| now.since(l.asked) <= LINK);
        let depth = before.map_or(1, |link| link.depth.saturating_add(1));
        self.link((question, server), now, depth);
        if depth >= NOTED {
            self.note(query, depth, client == server);
        }
    }

    /// A copy of a query of `client` to `server` was seen on its way to another address.
    pub(super) fn carried(
        &mut self,
        question: u64,
        pair: (Address, Address),
        copy: &Sighting<'_>,
        passed: Option<&mut Link>,
    ) {
        let (now, there) = (copy.packet.time, copy.packet.destination);
        if let Some(link) = passed.filter(|link| link.server == host(pair.1)) {
            link.server = host(there);
        }
        let link = self.links.get(&(question, host(pair.1))).copied();
        let Some(link) = link.filter(|link| now.since(link.asked) <= LINK) else { return };
        self.link((question, host(there)), link.asked, link.depth);
        if there == pair.0 {
            let back = |row: &&mut Loop| (row.client, row.server) == pair;
            for row in self.rows.iter_mut().filter(back) {
                row.own = true;
            }
        }
    }

    /// A question was answered by these: no chain goes through them any more.
    pub(super) fn answered(&mut self, question: u64, servers: impl Iterator<Item = Address>) {
        for server in servers {
            self.links.remove(&(question, host(server)));
        }
    }

    /// A question of these two was answered with anything but a failure.
    pub(super) fn resolved(&mut self, client: Address, server: Address) {
        let same = |row: &&mut Loop| row.client == client && row.server == server;
        for row in self.rows.iter_mut().filter(same) {
            row.resolved += 1;
        }
    }

    /// Whether a question was asked lately that was in flight.
    pub(super) fn is_near(&self, now: Timestamp) -> bool {
        now.since(self.latest) <= LINK
    }

    /// Whether there is a long chain that matters at `now`.
    pub(super) fn is_active(&self, now: Timestamp) -> bool {
        !self.links.is_empty() && self.is_near(now)
    }

    /// Whether there are rows.
    pub(super) fn any(&self) -> bool {
        !self.rows.is_empty()
    }

    /// All rows, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Loop> {
        self.rows.iter()
    }

    fn link(&mut self, key: Key, asked: Timestamp, depth: u32) {
        let fresh = |old: &Link| asked.since(old.asked) <= LINK;
        let old = self.links.get(&key).filter(|old| fresh(old)).copied();
        let link = Link {
            server: key.1,
            asked: old.map_or(asked, |old| old.asked.max(asked)),
            depth: old.map_or(depth, |old| old.depth.max(depth)),
        };
        if self.links.insert(key, link).is_none() {
            self.order.push_back((key, asked));
        }
    }

    /// Drops what is too old at `now`, or too much.
    fn forget(&mut self, now: Timestamp) {
        while let Some(&(key, asked)) = self.order.front() {
            let fresh = now.since(asked) <= LINK;
            if fresh && self.order.len() < MAX_LINKS {
                break;
            }
            self.order.pop_front();
            match self.links.get(&key).map(|link| link.asked) {
                // It was asked anew since.
                Some(again) if fresh || now.since(again) > LINK => {
                    self.links.remove(&key);
                }
                Some(again) => self.order.push_back((key, again)),
                None => {}
            }
        }
    }

    fn note(&mut self, query: &Sighting<'_>, depth: u32, own: bool) {
        let (packet, qtype) = (query.packet, query.message.qtype);
        let (client, server) = (packet.source, packet.destination);
        let known = self.rows.iter().position(|r| r.client == client && r.server == server);
        let at = known.unwrap_or(self.rows.len());
        if at == MAX_LOOPS {
            self.overflowed += 1;
            return;
        }
        let mut buffer = [0; FOLD_LIMIT];
        let name = fold_into(query.qname(), &mut buffer);
        if known.is_none() {
            self.rows.push(Loop {
                client,
                server,
                deepest: 0,
                probed: 0,
                passes: 0,
                resolved: 0,
                own,
                name: Name(name.into()),
                qtype,
                frames: Frames::default(),
                period: Period::default(),
            });
        }
        let row = &mut self.rows[at];
        row.deepest = row.deepest.max(depth);
        if qtype == HINFO && is_random(name) {
            row.probed = row.probed.max(depth);
        }
        row.passes += 1;
        row.frames.note(packet.frame);
        row.period.note(packet.time);
    }
}

/// Whether a name begins with two random numbers, as the probes of CoreDNS' `loop` plugin do.
fn is_random(name: &[u8]) -> bool {
    /// Numbers of up to 63 bits are nearly always this long.
    const DIGITS: usize = 10;
    let number = |label: &[u8]| label.len() >= DIGITS && label.iter().all(u8::is_ascii_digit);
    let mut labels = labels(name);
    labels.next().is_some_and(number) && labels.next().is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::Transport;
    use crate::model::{Message, NameHasher, PacketMeta};

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn ask(
        (loops, passed): (&mut Loops, &mut Option<Link>),
        ms: i64,
        from: &str,
        to: &str,
        earlier: (&str, i64),
    ) {
        let time = |ms: i64| Timestamp(ms * 1_000_000);
        let (source, destination) = (address(from), address(to));
        let packet = PacketMeta { time: time(ms), source, destination, ..PacketMeta::default() };
        let message = Message::default();
        let hasher = NameHasher::with_seed(1);
        let query = Sighting::new(&packet, Transport::Udp, &message, &[], &hasher);
        loops.again(7, &query, (address(earlier.0), time(earlier.1)), passed);
    }

    #[test]
    fn chains_grow_by_servers_that_ask_themselves() {
        let (mut loops, mut passed) = (Loops::default(), None);
        for n in 0..6 {
            let (from, to) =
                if n % 2 == 0 { ("10.0.0.1", "10.0.0.2") } else { ("10.0.0.2", "10.0.0.1") };
            ask((&mut loops, &mut passed), n, from, to, ("10.0.0.1", n - 1));
        }
        let deepest: Vec<u32> = loops.iter().map(|row| row.deepest).collect();
        assert_eq!(deepest, [7, 6], "{:?}", loops.rows);
    }

    #[test]
    fn clients_that_want_one_name_are_no_chain() {
        let (mut loops, mut passed) = (Loops::default(), None);
        for n in 0..99 {
            ask(
                (&mut loops, &mut passed),
                n / 9,
                &format!("10.0.1.{n}"),
                "10.0.0.2",
                ("10.0.0.2", n / 9),
            );
            ask((&mut loops, &mut passed), n / 9, "10.0.0.2", "10.0.0.3", ("10.0.0.2", n / 9));
        }
        assert!(!loops.any(), "{:?}", loops.rows);
    }

    #[test]
    fn a_question_asked_again_a_second_later_is_no_link() {
        let (mut loops, mut passed) = (Loops::default(), None);
        for n in 0..20 {
            ask(
                (&mut loops, &mut passed),
                n * 1000,
                "10.0.0.2",
                "10.0.0.2",
                ("10.0.0.2", n * 1000 - 1000),
            );
        }
        assert!(!loops.any());
    }

    #[test]
    fn memory_is_bounded() {
        let (mut loops, mut passed) = (Loops::default(), None);
        for n in 0..3 * MAX_LINKS as i64 {
            let to = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
            ask((&mut loops, &mut passed), n / 1000, "10.255.0.2", &to, (&to, n / 1000));
        }
        assert!(loops.links.len() <= MAX_LINKS && loops.order.len() <= MAX_LINKS + 1);
    }
}
