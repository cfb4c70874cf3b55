//! Answers that are too large for one datagram: truncated and fetched over TCP, or in fragments.

use std::net::SocketAddr;
use std::time::Duration;

use super::story::{HOP, veth};
use super::{Ask, Rng, Story, View};
use crate::forge::dns::Data;
use crate::forge::{
    ACK, Direction, FIN, Message, PSH, Packet, RST, SYN, TXT, ms, query, response, secs, us,
};

/// What becomes of the connection that a truncated answer is fetched over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tcp {
    Works,
    /// SYNs get so far, as [`Reply::reach`](super::Reply) has it, and nothing comes back.
    Silent(u8),
    /// The server's host sends a RST.
    Reset,
}

/// What arrives of an answer in fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrives {
    All,
    First,
}

fn large(asked: &Message, records: u64) -> Message {
    let text = [&[200][..], &[b'x'; 200]].concat();
    (0..records).fold(response(asked), |told, _| told.answer(TXT, Data::Bytes(text.clone())))
}

impl Story {
    /// A client asks for something large, is told that it is truncated, and asks again over TCP.
    pub(crate) fn truncated(&mut self, at: Duration, client: usize, name: &str, tcp: Tcp) {
        let (id, rng, records) = (self.id(), Rng(self.rng.next()), self.rng.between(4, 12));
        let asked = query(name, TXT).id(id).edns(1232);
        let pod = SocketAddr::new(self.clients[client], self.port());
        let backend = self.backend_of(client, pod.port());
        let mut ask = Ask { time: at, client, backend, name, kind: TXT, attempt: 0, rng };
        let took = self.rng.span(us(300), ms(4));
        let packets = [
            (true, Packet::udp(pod, self.server(), asked.encode())),
            (false, Packet::udp(self.server(), pod, response(&asked).truncated().encode())),
        ];
        self.carry(&ask, &packets, took, 6);

        let pod = SocketAddr::new(self.clients[client], self.port());
        ask.backend = self.backend_of(client, pod.port());
        ask.time = at + took + us(200);
        let (open, seq) = (ask.time, self.rng.next() as u32 >> 1);
        let server = self.server();
        let to = |flags, at: (u32, u32), data: Vec<u8>| {
            (true, Packet::tcp(pod, server, flags, at, data))
        };
        let from = |flags, at: (u32, u32), data: Vec<u8>| {
            (false, Packet::tcp(server, pod, flags, at, data))
        };
        let syn = to(SYN, (seq, 0), Vec::new());
        match tcp {
            Tcp::Silent(reach) => {
                for again in [0, 1, 3, 7] {
                    ask.time = open + secs(again);
                    self.carry(&ask, std::slice::from_ref(&syn), us(0), reach);
                }
            }
            Tcp::Reset => {
                let reset = from(RST | ACK, (0, seq + 1), Vec::new());
                self.carry(&ask, &[syn, reset], took, 6);
            }
            Tcp::Works => {
                let (question, answer) = (asked.over_tcp(), large(&asked, records).over_tcp());
                let (sent, told) = (seq + 1 + question.len() as u32, 5001 + answer.len() as u32);
                let packets = [
                    syn,
                    from(SYN | ACK, (5000, seq + 1), Vec::new()),
                    to(ACK, (seq + 1, 5001), Vec::new()),
                    to(PSH | ACK, (seq + 1, 5001), question),
                    from(PSH | ACK, (5001, sent), answer),
                    to(FIN | ACK, (sent, told), Vec::new()),
                    from(FIN | ACK, (told, sent + 1), Vec::new()),
                    to(ACK, (sent + 1, told + 1), Vec::new()),
                ];
                self.carry(&ask, &packets, took, 6);
            }
        }
    }

    fn server(&self) -> SocketAddr {
        SocketAddr::new(self.service, 53)
    }

    /// Packets of one exchange, each `step` after the one before: `true` is the client's.
    fn carry(&mut self, ask: &Ask<'_>, packets: &[(bool, Packet)], step: Duration, reach: u8) {
        let backend = SocketAddr::new(self.backends[ask.backend], 53);
        let mut ask = ask.clone();
        for (asks, packet) in packets {
            let packet = packet.clone().ip_id(self.ip_id());
            if *asks {
                self.query_legs(&ask, reach, &packet, backend);
            } else {
                let packet = Packet { from: backend, ..packet };
                self.answer_legs(&ask, reach, &packet, self.server(), ask.time);
            }
            ask.time += step.max(us(60));
        }
    }

    /// Client 0 asks the far backend for something that comes in fragments; what it does not get whole it
    /// asks for again, once. `icmp`: 30 s later its kernel says that it has not come whole.
    pub(crate) fn in_fragments(&mut self, at: Duration, name: &str, arrives: Arrives, icmp: bool) {
        let (records, rng) = (self.rng.between(13, 20), Rng(self.rng.next()));
        let asked = query(name, TXT).id(self.id()).edns(4096);
        let told = large(&asked, records).encode();
        let pod = SocketAddr::new(self.clients[0], self.port());
        let largest = *self.rng.pick(&[1232, 1400, 1480]);
        for attempt in 0..2 {
            let time = at + ms(5003) * attempt;
            let ask =
                Ask { time, client: 0, backend: 1, name, kind: TXT, attempt, rng: rng.clone() };
            let question = Packet::udp(pod, self.server(), asked.encode());
            self.carry(&ask, &[(true, question)], us(0), 6);
            let far = SocketAddr::new(self.backends[1], 53);
            let source = if self.view == View::Pod { self.server() } else { far };
            let ip_id = self.ip_id();
            let answer = Packet::udp(source, pod, told.clone()).ip_id(ip_id).ttl(63);
            let whole = arrives == Arrives::All;
            self.see_fragments("eth0", Direction::Incoming, time + ms(2), &answer, largest, whole);
            // A node with conntrack hands on what it has whole, and nothing else.
            if self.view == View::Node && whole {
                let (port, back) = (veth(0), answer.snat(self.server()));
                let out = Direction::Outgoing;
                self.see_fragments(&port, out, time + ms(2) + HOP * 4, &back, largest, whole);
            }
            if whole {
                break;
            }
            if icmp && self.view != View::Node {
                let code = if pod.is_ipv4() { (11, 1) } else { (3, 1) };
                let error = Packet::icmp_error(pod, code, &answer).ip_id(ip_id);
                self.see(time + secs(30), &error);
            }
        }
    }

    /// All fragments of a packet, or the first alone.
    fn see_fragments(
        &mut self,
        interface: &str,
        going: Direction,
        time: Duration,
        packet: &Packet,
        largest: usize,
        whole: bool,
    ) {
        let fragments = packet.fragments(largest);
        let kept = if whole { fragments.len() } else { 1 };
        for (n, fragment) in fragments.iter().take(kept).enumerate() {
            if self.view == View::Node {
                self.capture.on(interface).going(going);
            }
            self.capture.at(time + us(n as u64 * 8)).ip(fragment);
        }
    }
}
