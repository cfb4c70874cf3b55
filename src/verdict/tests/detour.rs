//! Clients that do not ask the Service: a wrong address, a resolver outside the cluster, a backend of
//! its own accord. Nothing is translated on the way.

use std::net::{IpAddr, SocketAddr};

use super::story::{HOP, answer_to, veth};
use super::{Ask, Refusal, Reply, Rng, Story, View, What};
use crate::forge::dns::RA;
use crate::forge::{Direction, Message, Packet, ms, response, secs, us};

impl Ask<'_> {
    /// What a resolver outside the cluster answers, from its cache or not.
    pub(crate) fn outside(&self) -> Reply {
        let mut rng = self.rng.clone();
        let what = if self.is_external() { self.what() } else { What::NxDomain };
        Reply::answer(what, rng.span(us(200), ms(30)))
    }
}

/// Where some clients ask instead.
#[derive(Clone, Debug)]
pub(crate) struct Detour {
    pub(crate) address: IpAddr,
    /// By index of the client; those beyond ask the Service.
    pub(crate) asked_by: Vec<bool>,
    /// They ask in the node's name: host network, or source NAT on the way out.
    pub(crate) from_node: Sender,
    /// It recurses, and does not know the cluster.
    pub(crate) outside: bool,
}

/// In whose name a detour is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Pod,
    /// The pod's, and the node's behind its source NAT.
    Translated,
    /// A pod on the host network.
    Node,
}

impl Story {
    /// Sends some clients elsewhere.
    pub(crate) fn send(
        &mut self,
        address: IpAddr,
        asked_by: impl Fn(usize) -> bool,
    ) -> &mut Detour {
        let asked_by = (0..self.clients.len()).map(asked_by).collect();
        let detour = Detour { address, asked_by, from_node: Sender::Pod, outside: false };
        self.detour.insert(detour)
    }

    /// The first client has the node's resolver, and wants so many names of the cluster and outside;
    /// returns the resolver.
    pub(crate) fn on_the_host(&mut self, lookups: impl FnOnce(&mut Rng) -> u64) -> IpAddr {
        let upstream = *self.rng.pick(&self.upstreams.clone());
        let sender = if self.is_pod() { Sender::Pod } else { Sender::Node };
        let detour = self.send(upstream, |client| client == 0);
        (detour.from_node, detour.outside) = (sender, true);
        let (search, ndots) = (self.search.clone(), self.ndots);
        (self.search, self.ndots) = (vec!["us-west-2.compute.internal".to_owned()], 1);
        for n in 0..lookups(&mut self.rng) {
            let name = format!("service-{}.shop.svc.cluster.local", self.rng.between(1, 5));
            let at = secs(2 + n * 4) + self.rng.span(ms(0), secs(2));
            self.lookup(at, 0, &name, &mut |ask| ask.outside());
            self.lookup(at + secs(1), 0, "api-4.example.com", &mut |ask| ask.outside());
        }
        (self.search, self.ndots) = (search, ndots);
        upstream
    }

    pub(super) fn detour_of(&self, client: usize) -> Option<Detour> {
        let detour = self.detour.as_ref()?;
        detour.asked_by.get(client).copied().unwrap_or(false).then(|| detour.clone())
    }

    /// A query that takes a detour, and what becomes of it.
    pub(super) fn exchange_there(
        &mut self,
        ask: &Ask<'_>,
        detour: &Detour,
        port: u16,
        message: &Message,
        reply: &Reply,
    ) {
        let there = SocketAddr::new(detour.address, 53);
        let host = detour.from_node == Sender::Node;
        let own = if host { self.node } else { self.clients[ask.client] };
        let from = SocketAddr::new(own, port);
        let asked = Packet::udp(from, there, message.encode()).ip_id(self.ip_id());
        let outer = match detour.from_node {
            Sender::Pod => asked.dnat(there),
            Sender::Translated => asked.snat(SocketAddr::new(self.node, port ^ 0x1f)),
            Sender::Node => asked.clone(),
        };
        let end = (ask.time + reply.after).max(ask.time + HOP * 4);
        self.see_there(ask, host, ask.time, Direction::Outgoing, [&asked, &outer], reply.reach);
        let back = |packet: Packet| {
            let mut inner = packet.clone();
            inner.to = asked.from;
            inner.ttl -= u8::from(!host);
            (packet, inner)
        };
        let (outer, inner) = match reply.refusal {
            Some(Refusal::Forward(code) | Refusal::Node(code)) => {
                let router = SocketAddr::new(self.router(), 0);
                let told = Packet::icmp_error(router, code, &Packet { ttl: 63, ..outer.clone() });
                let inner = Packet::icmp_error(router, code, &Packet { ttl: 63, ..asked.clone() });
                let id = self.ip_id();
                (told.ip_id(id), inner.ip_id(id).ttl(63))
            }
            Some(Refusal::Backend) => return,
            None if reply.reach < 6 => return,
            None => {
                let told = told_there(message, reply.what, detour.outside).encode();
                back(Packet::udp(there, outer.from, told).ip_id(self.ip_id()).ttl(63))
            }
        };
        self.see_there(ask, host, end, Direction::Incoming, [&inner, &outer], 6);
    }

    /// First in the order of the way: the pod's packet, then the node's; the other way back.
    fn see_there(
        &mut self,
        ask: &Ask<'_>,
        host: bool,
        time: std::time::Duration,
        going: Direction,
        [inner, outer]: [&Packet; 2],
        reach: u8,
    ) {
        let out = going == Direction::Outgoing;
        let (near, far) = if out { (time, time + HOP) } else { (time, time.saturating_sub(HOP)) };
        let turned = if out { Direction::Incoming } else { Direction::Outgoing };
        match self.view {
            View::Pod if ask.client == 0 => self.see(near, inner),
            View::Node => {
                if reach >= 2 {
                    self.see_on(far, "eth0", going, outer);
                }
                if !host {
                    self.see_on(near, &veth(ask.client), turned, inner);
                }
            }
            View::Eni if reach >= 2 && ask.client.is_multiple_of(2) => self.see(far, outer),
            View::Dns if reach >= 3 && outer_is_of(self.backends[0], outer) => self.see(far, outer),
            _ => {}
        }
    }

    /// The next router behind the node.
    pub(crate) fn router(&self) -> IpAddr {
        match self.node {
            IpAddr::V4(ip) => [ip.octets()[0], ip.octets()[1], 0, 1].into(),
            IpAddr::V6(_) => "fe80::1".parse().unwrap(),
        }
    }
}

fn outer_is_of(backend: IpAddr, packet: &Packet) -> bool {
    packet.from.ip() == backend || packet.to.ip() == backend
}

/// What is answered there: outside the cluster nobody knows its names, and the root says so.
fn told_there(query: &Message, what: What, outside: bool) -> Message {
    if !outside {
        return answer_to(query, what);
    }
    match what {
        _ if query.questions[0].name.0.ends_with(b"\x07cluster\x05local\x00") => {
            response(query).nxdomain("")
        }
        What::NxDomain => response(query).nxdomain(""),
        What::NoData => response(query).nodata("example.com"),
        _ => answer_to(query, what).with(RA),
    }
}
