//! NodeLocal DNSCache on the node that is looked at: its pods ask it, nothing is translated, nothing
//! leaves the node but what it asks itself: CoreDNS over TCP, the upstreams over UDP.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::story::{HOP, answer_to, veth};
use super::{Ask, Refusal, Reply, Story, View};
use crate::forge::dns::RA;
use crate::forge::{Direction, Message, Packet, query, us};

/// A cache and who asks it.
#[derive(Clone, Debug)]
pub(crate) struct NodeCache {
    pub(crate) address: IpAddr,
    /// By index of the client; those beyond ask the Service.
    pub(crate) asked_by: Vec<bool>,
}

/// From pod to node and back.
const NEAR: Duration = Duration::from_micros(20);

impl Story {
    /// Puts a cache on the node: at its usual address, or one of fd00::/8.
    pub(crate) fn put_cache(&mut self, asked_by: impl Fn(usize) -> bool) -> IpAddr {
        let v6 = self.service.is_ipv6();
        let usual = ["169.254.20.10", "169.254.25.10"];
        let address = if v6 { "fd00:20::10" } else { usual[self.rng.chance(0.3) as usize] };
        let address = address.parse().unwrap();
        let asked_by = (0..self.clients.len()).map(asked_by).collect();
        self.cached = Some(NodeCache { address, asked_by });
        address
    }

    pub(super) fn is_cached(&self, client: usize) -> bool {
        let cache = self.cached.as_ref();
        cache.is_some_and(|cache| cache.asked_by.get(client).copied().unwrap_or(false))
    }

    /// A query to the cache, and what becomes of it. It reaches the node (2) or gets lost.
    pub(super) fn exchange_here(
        &mut self,
        ask: &Ask<'_>,
        pod: SocketAddr,
        message: &Message,
        reply: &Reply,
    ) {
        let Some(cache) = &self.cached else { return };
        let cache = SocketAddr::new(cache.address, 53);
        let asked = Packet::udp(pod, cache, message.encode()).ip_id(self.ip_id());
        let end = (ask.time + reply.after).max(ask.time + NEAR + NEAR);
        self.see_at_pod(ask, ask.time, Direction::Incoming, &asked);
        match reply.refusal {
            Some(refusal) => {
                let v6 = pod.is_ipv6();
                let closed = if v6 { (1, 4) } else { (3, 3) };
                // The node itself says so, in the name of the address that it does not serve.
                let (code, source) = match refusal {
                    Refusal::Forward(code) | Refusal::Node(code) => (code, cache.ip()),
                    Refusal::Backend => (closed, cache.ip()),
                };
                let told = Packet::icmp_error(SocketAddr::new(source, 0), code, &asked);
                let told = told.ip_id(self.ip_id());
                self.see_at_pod(ask, end, Direction::Outgoing, &told);
            }
            None if reply.reach >= 6 => {
                self.ask_on(ask, reply);
                let told = answer_to(message, reply.what).encode();
                let told = Packet::udp(cache, pod, told).ip_id(self.ip_id());
                self.see_at_pod(ask, end, Direction::Outgoing, &told);
            }
            None => {}
        }
    }

    fn see_at_pod(&mut self, ask: &Ask<'_>, time: Duration, going: Direction, packet: &Packet) {
        match self.view {
            View::Pod if ask.client == 0 => self.see(time, packet),
            View::Node => self.see_on(time, &veth(ask.client), going, packet),
            _ => {}
        }
    }

    /// What the cache does not hold, it asks others for.
    fn ask_on(&mut self, ask: &Ask<'_>, reply: &Reply) {
        if !matches!(self.view, View::Node | View::Eni) {
            return;
        }
        if self.view == View::Node {
            self.capture.on("eth0").going(Direction::Outgoing);
        }
        let from = SocketAddr::new(self.node, self.port());
        let (time, id) = (ask.time + NEAR, self.id());
        let message = query(ask.name, ask.kind).id(id).edns(1232);
        let mut rng = ask.rng.clone();
        if let Some(one) = reply.tries.first() {
            let to = SocketAddr::new(self.upstreams[one.upstream], 53);
            let asked = Packet::udp(from, to, message.encode()).ip_id(self.ip_id());
            self.on_eni(time, Direction::Outgoing, &asked);
            if let Some(took) = one.answered {
                let told = answer_to(&message, one.what).with(RA).encode();
                let told = Packet::udp(to, from, told).ip_id(self.ip_id()).ttl(255);
                self.on_eni((time + took).max(time + HOP), Direction::Incoming, &told);
            }
        } else if !ask.is_external() && rng.chance(0.4) {
            let backend = SocketAddr::new(self.backends[ask.backend], 53);
            let told = answer_to(&message, reply.what);
            self.capture.at(time).converse(from, backend, &[message], &[told], us(60));
        }
    }

    fn on_eni(&mut self, time: Duration, going: Direction, packet: &Packet) {
        if self.view == View::Node {
            self.see_on(time, "eth0", going, packet);
        } else {
            self.see(time, packet);
        }
    }
}
