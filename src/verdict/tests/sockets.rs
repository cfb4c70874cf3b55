//! Fates that belong to sockets rather than to names or servers: told by ports and pairs.

use std::net::IpAddr;
use std::time::Duration;

use super::{Ask, Reply, Rng, Story, Stub};
use crate::forge::{A, AAAA, ms, us};

/// The race of conntrack: of this share of all pairs on one new port one is lost before the DNAT, in
/// most cases the second. What is sent again gets through.
pub(crate) fn race(story: &Story, share: f64) -> impl FnMut(&Ask<'_>) -> Reply + use<> {
    let stubs = story.stubs.clone();
    let mut victim = None;
    move |ask| {
        let paired = stubs[ask.client] != Stub::Go;
        if ask.kind == A && ask.attempt == 0 {
            let mut rng = ask.rng.clone();
            let hit = paired && rng.chance(share);
            victim = hit.then(|| if rng.chance(0.75) { AAAA } else { A });
        }
        if ask.attempt == 0 && victim == Some(ask.kind) { Reply::lost(1) } else { ask.healthy() }
    }
}

/// A client that keeps one UDP socket for all its questions, as c-ares and Envoy do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver {
    pub(crate) client: usize,
    pub(crate) port: u16,
    /// The backend that conntrack ties it to.
    pub(crate) backend: usize,
    /// Names a second.
    pub(crate) rate: f64,
}

impl Story {
    /// A resolver of this kind, tied to the backend.
    pub(crate) fn resolver(&mut self, client: usize, backend: usize) -> Resolver {
        let rate = self.rng.between(3, 20) as f64 / 10.0;
        Resolver { client, port: self.port(), backend, rate }
    }

    /// Its questions in this time; what is not answered it asks once more from the same port.
    pub(crate) fn keeps_asking(
        &mut self,
        resolver: Resolver,
        (from, to): (Duration, Duration),
        fate: &mut dyn FnMut(&Ask<'_>) -> Reply,
    ) {
        let Resolver { client, port, backend, rate } = resolver;
        let mut time = from;
        loop {
            let gap = 1.0 / rate;
            time += self
                .rng
                .span(Duration::from_secs_f64(gap * 0.5), Duration::from_secs_f64(gap * 1.5));
            if time >= to {
                break;
            }
            let n = self.rng.between(1, 40);
            let inside = self.rng.chance(0.5);
            let name = &if inside {
                format!("service-{n}.shop.svc.cluster.local")
            } else {
                format!("api-{n}.example.com")
            };
            for (n, kind) in [A, AAAA].into_iter().enumerate() {
                let id = self.id();
                let rng = Rng(self.rng.next());
                for attempt in 0..2 {
                    let time = time + us(n as u64 * 40) + ms(2000) * attempt;
                    let rng = rng.clone();
                    let ask = Ask { time, client, backend, name, kind, attempt, rng };
                    let reply = fate(&ask);
                    self.exchange(&ask, port, id, true, &reply);
                    if reply.reach == 6 {
                        break;
                    }
                }
            }
        }
    }
}

/// What the table of confusion tells of sockets.
pub(super) fn racing(story: &mut Story) {
    story.stubs[0] = *story.rng.pick(&[Stub::Glibc, Stub::Musl]);
    let share = story.rng.between(20, 100) as f64 / 1000.0;
    let (length, rate) = (story.rng.between(60, 150), story.rng.between(4, 15) as f64);
    let mut fate = race(story, share);
    story.background(ms(0), Duration::from_secs(length), rate, &mut fate);
    story.settle(Duration::from_secs(length + 25));
}

/// Backend 1 is replaced, and some sockets stay tied to it.
pub(super) fn stuck(story: &mut Story) {
    let at = Duration::from_secs(story.rng.between(15, 40));
    let end = at + Duration::from_secs(story.rng.between(40, 80));
    let tied = story.rng.between(1, 4);
    for n in 0..tied {
        let client = n as usize % story.clients.len().min(2);
        let resolver = story.resolver(client, 1);
        story.keeps_asking(resolver, (ms(0), end), &mut |ask| {
            if ask.time >= at { Reply::lost(3) } else { ask.healthy() }
        });
    }
    let rate = story.rng.between(4, 12) as f64;
    story.background(ms(0), at, rate, &mut |ask| ask.healthy());
    story.replace_backend();
    story.background(at, end, rate, &mut |ask| ask.healthy());
    story.settle(end + Duration::from_secs(20));
}

impl Story {
    /// Backend 1 gives way to a new pod with another address.
    pub(crate) fn replace_backend(&mut self) {
        self.backends[1] = match self.backends[1] {
            IpAddr::V4(ip) => IpAddr::V4((u32::from(ip) + 40).into()),
            IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) + 40).into()),
        };
    }
}
