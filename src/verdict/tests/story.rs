//! The cluster, and what is seen of it from one point.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Ask, Refusal, Reply, Rng, SEEDS, Seen, Stub, Try, What};
use crate::forge::dns::RA;
use crate::forge::story::Told;
use crate::forge::{
    self, AAAA, Capture, Direction, Link, Message, Packet, SYN, ms, query, response,
};

/// Where the capture is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// In the pod of client 0.
    Pod,
    /// On the node of all clients and of backend 0, `tcpdump -i any`.
    Node,
    /// On the ENI of that node; every other client is on another one.
    Eni,
    /// In the pod of backend 0.
    Dns,
}

impl View {
    pub(crate) const ALL: [View; 4] = [View::Pod, View::Node, View::Eni, View::Dns];
}

/// A cluster and its capture.
pub(crate) struct Story {
    pub(crate) rng: Rng,
    pub(crate) view: View,
    pub(crate) clients: Vec<IpAddr>,
    pub(crate) stubs: Vec<Stub>,
    pub(crate) service: IpAddr,
    pub(crate) backends: Vec<IpAddr>,
    pub(crate) upstreams: [IpAddr; 2],
    pub(crate) ndots: usize,
    pub(crate) search: Vec<String>,
    pub(crate) capture: Capture,
    /// Who asks a cache on its own node instead of the Service.
    pub(crate) cached: Option<super::node_cache::NodeCache>,
    /// Who asks somebody else instead of the Service.
    pub(crate) detour: Option<super::Detour>,
    pub(super) node: IpAddr,
    ip_id: u16,
    port: u16,
}

/// Between the two places at which a node sees a packet that it forwards.
pub(super) const HOP: Duration = Duration::from_micros(15);

impl Story {
    /// Tells a story from each of these points, with every seed and some number of clients.
    pub(crate) fn each(
        views: &[View],
        clients: std::ops::RangeInclusive<u64>,
        mut tell: impl FnMut(&mut Story),
    ) {
        for seed in SEEDS {
            for &view in views {
                let clients = Rng(seed * 77).between(*clients.start(), *clients.end());
                println!("seed {seed}, {view:?}, {clients} clients");
                tell(&mut Story::new(seed, view, clients as usize));
            }
        }
    }

    /// A cluster with so many clients, seen from there.
    pub(crate) fn new(seed: u64, view: View, clients: usize) -> Story {
        let mut rng = Rng(seed.wrapping_mul(0x1234_5678_9abc_def1));
        // From another seed for each view, so that all combinations of family and view come up.
        let v6 = (seed + view as u64).is_multiple_of(3);
        let net = rng.between(1, 250) as u8;
        let address = |last: u16| -> IpAddr {
            if v6 {
                Ipv6Addr::new(0xfd00, u16::from(net), 0, 0, 0, 0, 0, last).into()
            } else {
                Ipv4Addr::new(10, net, (last >> 8) as u8, last as u8).into()
            }
        };
        let pods = (0..clients as u16).map(|n| address(0x150 + n * 7)).collect();
        let backends = (0..2 + seed as u16 % 2).map(|n| address(0x961 + n * 256)).collect();
        let upstreams: [IpAddr; 2] = match (v6, seed % 2) {
            (true, _) => ["fd00:ec2::253".parse().unwrap(), address(3)],
            (false, 0) => [address(2), address(3)],
            (false, _) => ["169.254.169.253".parse().unwrap(), address(2)],
        };
        let node = address(0x10a);
        let service = if v6 { "fd00:10::a" } else { "172.20.0.10" }.parse().unwrap();
        let stubs = (0..clients).map(|_| *rng.pick(&Stub::ALL)).collect();
        let search =
            ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", super::fate::CLOUD];
        let link = if view == View::Node { Link::Sll2 } else { Link::Ethernet };
        Story {
            view,
            clients: pods,
            stubs,
            service,
            backends,
            upstreams,
            ndots: 5,
            search: search.map(str::to_owned).to_vec(),
            capture: Capture::new(link),
            cached: None,
            detour: None,
            node,
            ip_id: rng.next() as u16,
            port: rng.between(32_768, 50_000) as u16,
            rng,
        }
    }

    /// A fresh port.
    pub(crate) fn port(&mut self) -> u16 {
        self.port = if self.port >= 60_000 { 32_768 } else { self.port + 1 };
        self.port
    }

    pub(crate) fn id(&mut self) -> u16 {
        self.rng.next() as u16
    }

    pub(super) fn ip_id(&mut self) -> u16 {
        self.ip_id = self.ip_id.wrapping_add(1);
        self.ip_id
    }

    /// Which backend a socket's packets go to: conntrack keeps to it.
    pub(crate) fn backend_of(&self, client: usize, port: u16) -> usize {
        let mut rng = Rng(u64::from(port) << 16 | client as u64);
        rng.between(0, self.backends.len() as u64 - 1) as usize
    }

    /// A query and what becomes of it, packet by packet.
    pub(crate) fn exchange(
        &mut self,
        ask: &Ask<'_>,
        port: u16,
        id: u16,
        edns: bool,
        reply: &Reply,
    ) {
        let pod = SocketAddr::new(self.clients[ask.client], port);
        let mut message = query(ask.name, ask.kind).id(id);
        if edns {
            message = message.edns(1232);
        }
        let service = SocketAddr::new(self.service, 53);
        let backend = SocketAddr::new(self.backends[ask.backend], 53);
        if self.is_cached(ask.client) {
            return self.exchange_here(ask, pod, &message, reply);
        }
        if let Some(detour) = self.detour_of(ask.client) {
            return self.exchange_there(ask, &detour, port, &message, reply);
        }
        let asked = Packet::udp(pod, service, message.encode()).ip_id(self.ip_id());
        let answered = answer_to(&message, reply.what).encode();
        let answered = Packet::udp(backend, pod, answered).ip_id(self.ip_id());
        let (time, end) = (ask.time, ask.time + reply.after);
        self.query_legs(ask, reply.reach, &asked, backend);
        for one in &reply.tries {
            self.forward(ask, one);
        }
        match reply.refusal {
            Some(refusal) => self.refuse(ask, refusal, &asked, backend, end),
            None => self.answer_legs(
                ask,
                reply.reach,
                &answered,
                if reply.untranslated { backend } else { service },
                end.max(time + Duration::from_micros(40)),
            ),
        }
    }

    /// Whether the packets between client and backend cross the ENI; clients with odd numbers live on
    /// another node when that is where one looks.
    fn crosses(ask: &Ask<'_>) -> bool {
        Self::is_near(ask) == (ask.client % 2 == 1)
    }

    /// Whether the backend is on the node that is looked at.
    fn is_near(ask: &Ask<'_>) -> bool {
        ask.backend == 0
    }

    pub(super) fn query_legs(
        &mut self,
        ask: &Ask<'_>,
        reach: u8,
        asked: &Packet,
        backend: SocketAddr,
    ) {
        let (time, near) = (ask.time, Self::is_near(ask));
        let onward = asked.dnat(backend);
        match self.view {
            View::Pod if ask.client == 0 => self.see(time, asked),
            View::Node => {
                self.see_on(time, &veth(ask.client), Direction::Incoming, asked);
                if reach >= 2 {
                    let out = if near { "cd0" } else { "eth0" };
                    self.see_on(time + HOP, out, Direction::Outgoing, &onward);
                }
            }
            View::Eni if reach >= 2 && Self::crosses(ask) => self.see(time + HOP, &onward),
            View::Dns if reach >= 3 && near => self.see(time + HOP, &onward),
            _ => {}
        }
    }

    pub(super) fn answer_legs(
        &mut self,
        ask: &Ask<'_>,
        reach: u8,
        answered: &Packet,
        service: SocketAddr,
        end: Duration,
    ) {
        let near = Self::is_near(ask);
        // The network between the nodes takes one.
        let here = answered.clone().ttl(if near { 64 } else { 63 });
        let back = here.snat(service);
        match self.view {
            View::Pod if ask.client == 0 && reach >= 6 => self.see(end, &back),
            View::Node => {
                if reach >= 5 {
                    let from = if near { "cd0" } else { "eth0" };
                    self.see_on(end.saturating_sub(HOP), from, Direction::Incoming, &here);
                }
                if reach >= 6 {
                    self.see_on(end, &veth(ask.client), Direction::Outgoing, &back);
                }
            }
            View::Eni if reach >= 5 && Self::crosses(ask) => {
                self.see(end.saturating_sub(HOP), &here);
            }
            View::Dns if reach >= 4 && near => self.see(end.saturating_sub(HOP), answered),
            _ => {}
        }
    }

    /// The backend asks its upstream.
    fn forward(&mut self, ask: &Ask<'_>, one: &Try) {
        if ask.backend != 0 || self.view == View::Pod {
            return;
        }
        let from = SocketAddr::new(self.backends[0], self.port());
        let to = SocketAddr::new(self.upstreams[one.upstream], 53);
        let message = query(ask.name, ask.kind).id(self.id()).edns(1232);
        let asked = Packet::udp(from, to, message.encode()).ip_id(self.ip_id());
        let told = match one.what {
            What::ServFail(_) | What::Refused(_) => answer_to(&message, one.what),
            _ => answer_to(&message, one.what).with(RA),
        };
        let answered = Packet::udp(to, from, told.encode()).ip_id(self.ip_id()).ttl(255);
        self.upstream_legs(ask.time + one.after, &asked, one.answered, &answered, one.leaves);
        if let Some(took) = one.answered.filter(|took| *took > super::answers::READ_TIMEOUT) {
            self.unwanted(ask.time + one.after + took, &answered);
        }
    }

    pub(super) fn upstream_legs(
        &mut self,
        time: Duration,
        asked: &Packet,
        took: Option<Duration>,
        answered: &Packet,
        leaves: bool,
    ) {
        let (onward, back) = (asked.dnat(asked.to), answered.snat(answered.from));
        match self.view {
            View::Node => {
                self.see_on(time, "cd0", Direction::Incoming, asked);
                if leaves {
                    self.see_on(time + HOP, "eth0", Direction::Outgoing, &onward);
                }
                if let Some(took) = took {
                    self.see_on(time + took, "eth0", Direction::Incoming, answered);
                    self.see_on(time + took + HOP, "cd0", Direction::Outgoing, &back);
                }
            }
            View::Eni => {
                if leaves {
                    self.see(time + HOP, &onward);
                }
                if let Some(took) = took {
                    self.see(time + took, answered);
                }
            }
            View::Dns => {
                self.see(time, asked);
                if let Some(took) = took {
                    self.see(time + took, &back);
                }
            }
            View::Pod => {}
        }
    }

    /// Health probes of backend 0 to an upstream that is silent, every 1.5 s.
    pub(crate) fn probes(&mut self, from: Duration, to: Duration, leaves: bool) {
        let mut time = from;
        while time < to {
            for upstream in self.upstreams {
                let source = SocketAddr::new(self.backends[0], self.port());
                let message = query("", forge::NS).id(self.id());
                let asked = Packet::udp(source, SocketAddr::new(upstream, 53), message.encode());
                let asked = asked.ip_id(self.ip_id());
                self.upstream_legs(time, &asked, None, &asked, leaves);
            }
            time += ms(1500);
        }
    }

    fn refuse(
        &mut self,
        ask: &Ask<'_>,
        refusal: Refusal,
        asked: &Packet,
        backend: SocketAddr,
        end: Duration,
    ) {
        let near = Self::is_near(ask);
        let quoted = Packet { ttl: 63, ..asked.clone() };
        let v6 = asked.from.is_ipv6();
        // conntrack rewrites the source on the way to the client.
        let (code, source, ttl) = match refusal {
            Refusal::Forward(code) => (code, self.service, 64),
            Refusal::Node(code) => (code, self.node, 64),
            Refusal::Backend => {
                (if v6 { (1, 4) } else { (3, 3) }, self.service, if near { 63 } else { 62 })
            }
        };
        let ip_id = self.ip_id();
        let told = |source: IpAddr, about: &Packet, ttl: u8| {
            Packet::icmp_error(SocketAddr::new(source, 0), code, about).ip_id(ip_id).ttl(ttl)
        };
        let at_pod = told(source, &quoted, ttl);
        let true_source = told(backend.ip(), &quoted.dnat(backend), ttl + 1);
        let by_backend = matches!(refusal, Refusal::Backend);
        match self.view {
            View::Pod if ask.client == 0 => self.see(end, &at_pod),
            View::Node => {
                if by_backend {
                    let from = if near { "cd0" } else { "eth0" };
                    self.see_on(end.saturating_sub(HOP), from, Direction::Incoming, &true_source);
                }
                self.see_on(end, &veth(ask.client), Direction::Outgoing, &at_pod);
            }
            View::Eni if by_backend && Self::crosses(ask) => {
                self.see(end.saturating_sub(HOP), &true_source);
            }
            View::Dns if by_backend && near => {
                let told = told(backend.ip(), &quoted.dnat(backend), 64);
                self.see(end.saturating_sub(HOP), &told);
            }
            _ => {}
        }
    }

    /// Whether client 0's questions are the only ones that are seen.
    pub(crate) fn is_pod(&self) -> bool {
        self.view == View::Pod
    }

    /// Fetches from the metadata service, so that the capture goes on; one packet each.
    pub(crate) fn settle(&mut self, time: Duration) {
        let v6 = self.service.is_ipv6();
        let metadata = if v6 { "[fd00:ec2::254]:80" } else { "169.254.169.254:80" };
        let source = if self.view == View::Dns { self.backends[0] } else { self.clients[0] };
        let port = self.port();
        let syn = Packet::tcp(SocketAddr::new(source, port), metadata, SYN, (1, 0), []);
        let syn = syn.ip_id(self.ip_id());
        if self.view == View::Node {
            self.see_on(time, &veth(0), Direction::Incoming, &syn);
        } else {
            self.see(time, &syn);
        }
    }

    pub(super) fn see(&mut self, time: Duration, packet: &Packet) {
        self.capture.at(time).packet(packet);
    }

    pub(super) fn see_on(
        &mut self,
        time: Duration,
        interface: &str,
        direction: Direction,
        packet: &Packet,
    ) {
        self.capture.on(interface).going(direction).at(time).packet(packet);
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        self.capture.pcap()
    }

    pub(crate) fn judge(&self) -> Seen {
        Seen::of(self.file())
    }

    /// What is left when only queries, or only `responses`, were captured.
    pub(crate) fn one_sided(&self, responses: bool) -> Vec<u8> {
        self.part(|packet| {
            let header = packet.frame.len().min(if self.service.is_ipv4() { 28 } else { 48 });
            let link = if self.view == View::Node { 20 } else { 14 };
            let ports = &packet.frame[link + header - 8..];
            let from = u16::from_be_bytes([ports[0], ports[1]]);
            (from == 53) == responses
        })
    }

    /// What is left of a node's capture when no answer was seen leaving towards a client.
    pub(crate) fn without_last_leg(&self) -> Vec<u8> {
        let service: Vec<u8> = match self.service {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let at = if service.len() == 4 { 20 + 12 } else { 20 + 8 };
        self.part(|packet| packet.frame[at..at + service.len()] != service)
    }

    /// What is left of the capture between two moments.
    pub(crate) fn cut(&self, from: Duration, to: Duration) -> Vec<u8> {
        self.part(|packet| (from..to).contains(&packet.time))
    }

    /// What is left of it when each packet is missed with this chance.
    pub(crate) fn thinned(&self, share: f64) -> Vec<u8> {
        self.part(|packet| {
            let seed = packet.time.as_nanos() as u64 ^ (packet.frame.len() as u64) << 48;
            !Rng(seed).chance(share)
        })
    }

    fn part(&self, keep: impl Fn(&Told) -> bool) -> Vec<u8> {
        let link = if self.view == View::Node { Link::Sll2 } else { Link::Ethernet };
        let mut part = Capture::new(link);
        let kept = self.capture.packets();
        for packet in kept.into_iter().filter(keep) {
            part.at(packet.time).frame(packet.frame);
        }
        part.pcap()
    }
}

pub(super) fn veth(client: usize) -> String {
    format!("eni{client}")
}

/// The answer that a server gives.
pub(super) fn answer_to(query: &Message, what: What) -> Message {
    let v6 = query.questions[0].kind == AAAA;
    let told = response(query).without(RA);
    match what {
        What::Address if v6 => told.address("2001:db8::1".parse::<IpAddr>().unwrap()),
        What::Address => told.address("192.0.2.1".parse::<IpAddr>().unwrap()),
        What::NoData => told.nodata("cluster.local"),
        What::NxDomain => told.nxdomain("cluster.local"),
        What::NxOutside => told.with(RA).nxdomain(""),
        What::ServFail(maker) => super::answers::made_by(told.servfail(), maker),
        What::Refused(maker) => super::answers::made_by(told.refused(), maker),
    }
}
