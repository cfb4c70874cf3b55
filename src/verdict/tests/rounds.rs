//! Questions that go round: CoreDNS that forwards to its own Service, two servers that forward to each
//! other, one that asks itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::story::HOP;
use super::stub::Fate;
use super::{Story, View};
use crate::forge::{Direction, Packet, query, us};

/// How a question comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// `forward . <ClusterIP>`: to any backend, the asker itself included.
    Service,
    /// The backend and an upstream forward to each other.
    Mutual,
    /// `forward . 127.0.0.53` in the pod: to itself, on its loopback interface.
    Itself,
}

impl Story {
    /// Tells questions of which those for names outside are lost upstream; returns what the first backend
    /// would forward.
    pub(crate) fn forwarded(
        &mut self,
        tell: impl FnOnce(&mut Story, Fate<'_>),
    ) -> Vec<(Duration, String, u16)> {
        let mut begun = Vec::new();
        tell(self, &mut |ask| {
            if !ask.is_external() {
                return ask.healthy();
            }
            if ask.backend == 0 {
                begun.push((ask.time, ask.name.to_owned(), ask.kind));
            }
            ask.upstream_cut(0, true).reaching(3)
        });
        begun
    }

    /// A question goes round from backend `first` on, so many times; returns when it ends.
    pub(crate) fn go_round(
        &mut self,
        start: Duration,
        first: usize,
        (name, kind): (&str, u16),
        round: Round,
        times: u64,
    ) -> Duration {
        let (mut time, mut at) = (start, self.backends[first]);
        // CoreDNS before 1.8.7 kept the ID.
        let (old, id) = (self.rng.chance(0.3), self.id());
        for _ in 0..times {
            time += self.rng.span(us(60), us(900));
            let to = match round {
                Round::Service => self.service,
                Round::Mutual if at == self.upstreams[1] => self.backends[0],
                Round::Mutual => self.upstreams[1],
                Round::Itself if self.service.is_ipv6() => "::1".parse().unwrap(),
                Round::Itself => "127.0.0.53".parse().unwrap(),
            };
            let next =
                if round == Round::Service { *self.rng.pick(&self.backends.clone()) } else { to };
            let from = match (round, to) {
                (Round::Itself, IpAddr::V4(_)) => "127.0.0.1".parse().unwrap(),
                (Round::Itself, _) => to,
                _ => at,
            };
            let id = if old { id } else { self.id() };
            let message = query(name, kind).id(id).edns(1232);
            let from = SocketAddr::new(from, self.port());
            let packet = Packet::udp(from, SocketAddr::new(to, 53), message.encode());
            let packet = packet.ip_id(self.ip_id());
            self.hand_on(time, &packet, at, next, round);
            at = next;
        }
        time
    }

    /// One round as it is seen: from `at` to `next`, before and behind the translation.
    fn hand_on(&mut self, time: Duration, packet: &Packet, at: IpAddr, next: IpAddr, round: Round) {
        let near = self.backends[0];
        let there = SocketAddr::new(next, 53);
        let behind = if at == next {
            // kube-proxy masquerades what comes back to its sender.
            Packet {
                from: SocketAddr::new(self.node, packet.from.port() ^ 0x3),
                ..packet.dnat(there)
            }
        } else {
            packet.dnat(there)
        };
        let (goes, comes) = (at == near, next == near);
        match (self.view, round) {
            (View::Dns, Round::Itself) => self.see(time, packet),
            (_, Round::Itself) | (View::Pod, _) => {}
            (View::Dns, _) => {
                if goes {
                    self.see(time, packet);
                }
                if comes {
                    self.see(time + HOP, &behind);
                }
            }
            (View::Eni, _) if goes != comes => self.see(time + HOP, &behind),
            (View::Eni, _) => {}
            (View::Node, _) => {
                if goes {
                    self.see_on(time, "cd0", Direction::Incoming, packet);
                    let out = if comes { "cd0" } else { "eth0" };
                    self.see_on(time + HOP, out, Direction::Outgoing, &behind);
                } else if comes {
                    self.see_on(time + HOP, "eth0", Direction::Incoming, &behind);
                    let inside = Packet { ttl: behind.ttl - 1, ..behind.clone() };
                    self.see_on(time + HOP * 2, "cd0", Direction::Outgoing, &inside);
                }
            }
        }
    }
}
