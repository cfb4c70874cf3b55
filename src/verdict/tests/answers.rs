//! Answers that fail or come late: what upstreams say, and what CoreDNS makes of it.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Ask, Maker, Reply, Story, Try, View, What};
use crate::forge::dns::{AA, RA};
use crate::forge::{Direction, Message, NS, Packet, ms, query, response, secs, us};

/// How long CoreDNS listens for an upstream.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// A failing answer as its maker sends it.
pub(super) fn made_by(told: Message, maker: Maker) -> Message {
    match maker {
        Maker::Forwarder => told,
        Maker::Extended(code) if told.edns.is_some() => told.with(RA).extended_error(code, "why"),
        Maker::Relayed | Maker::Extended(_) => told.with(RA),
        Maker::Unsynced => told.with(AA).soa("cluster.local"),
    }
}

impl Ask<'_> {
    /// The upstream is asked and says this, and CoreDNS hands it on.
    pub(crate) fn upstream_says(&self, what: What) -> Reply {
        let mut rng = self.rng.clone();
        let took = rng.span(us(400), ms(60));
        let upstream = rng.between(0, 1) as usize;
        let one = Try { after: us(60), upstream, answered: Some(took), what, leaves: true };
        Reply { tries: vec![one], ..Reply::answer(what, took + us(120)) }
    }

    /// The upstream takes so long, each time it is asked.
    pub(crate) fn upstream_takes(&self, took: Duration) -> Reply {
        let what = self.what();
        let upstream = self.rng.clone().between(0, 1) as usize;
        let one = |after| Try { after, upstream, answered: Some(took), what, leaves: true };
        if took < READ_TIMEOUT {
            return Reply { tries: vec![one(us(60))], ..Reply::answer(what, took + us(120)) };
        }
        let tries = vec![one(us(60)), one(READ_TIMEOUT + us(200))];
        let failed = What::ServFail(Maker::Forwarder);
        Reply { tries, ..Reply::answer(failed, secs(4) + us(900)) }
    }

    /// CoreDNS says this of itself.
    pub(crate) fn says(&self, what: What) -> Reply {
        Reply::answer(what, self.rng.clone().span(us(80), us(900)))
    }
}

impl Story {
    /// Health probes of backend 0 that its upstreams answer.
    pub(crate) fn answered_probes(&mut self, from: Duration, to: Duration) {
        let mut time = from;
        while time < to {
            for upstream in self.upstreams {
                let (source, to) =
                    (SocketAddr::new(self.backends[0], self.port()), SocketAddr::new(upstream, 53));
                let message = query("", NS).id(self.id());
                let asked = Packet::udp(source, to, message.encode()).ip_id(self.ip_id());
                let answered = Packet::udp(to, source, response(&message).encode());
                let answered = answered.ip_id(self.ip_id());
                self.upstream_legs(time, &asked, Some(ms(2)), &answered, true);
            }
            time += secs(4);
        }
    }

    /// Backend 0 no longer listens for this answer of an upstream's.
    pub(super) fn unwanted(&mut self, time: Duration, answered: &Packet) {
        let code = if self.service.is_ipv4() { (3, 3) } else { (1, 4) };
        let from = SocketAddr::new(self.backends[0], 0);
        let ip_id = self.ip_id();
        let told = Packet::icmp_error(from, code, answered).ip_id(ip_id);
        match self.view {
            View::Node => {
                self.see_on(time + us(30), "cd0", Direction::Incoming, &told);
                self.see_on(time + us(45), "eth0", Direction::Outgoing, &told);
            }
            View::Eni | View::Dns => self.see(time + us(40), &told),
            View::Pod => {}
        }
    }
}

/// An upstream whose host says that nobody listens.
impl Story {
    /// Backend 0 asks it, and is told.
    pub(crate) fn refused_upstream(&mut self, ask: &Ask<'_>, after: Duration, upstream: usize) {
        if ask.backend != 0 || self.view == View::Pod {
            return;
        }
        let from = SocketAddr::new(self.backends[0], self.port());
        let to = SocketAddr::new(self.upstreams[upstream], 53);
        let message = query(ask.name, ask.kind).id(self.id()).edns(1232);
        let asked = Packet::udp(from, to, message.encode()).ip_id(self.ip_id());
        let code = if from.is_ipv4() { (3, 3) } else { (1, 4) };
        let told = Packet::icmp_error(SocketAddr::new(to.ip(), 0), code, &asked);
        let told = told.ip_id(self.ip_id()).ttl(255);
        self.upstream_legs(ask.time + after, &asked, Some(us(250)), &told, true);
    }
}
