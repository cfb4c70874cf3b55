use std::net::Ipv4Addr;
use std::time::Duration;

use crate::forge::{A, ACK, Capture, Direction, Link, Packet, SYN, ms, query, response, secs, us};
use crate::verdict::tests::{Rng, SEEDS, Seen};

pub(crate) const RESOLVERS: [&str; 4] =
    ["169.254.169.253:53", "[fd00:ec2::253]:53", "169.254.169.253:53", "169.254.169.253:53"];

/// A limiter as it may be: so many tokens a second, so many at once.
pub(crate) struct Limiter {
    rate: f64,
    depth: f64,
    tokens: f64,
    last: Duration,
}

impl Limiter {
    pub(crate) fn new(rate: u64, depth: u64) -> Limiter {
        Limiter { rate: rate as f64, depth: depth as f64, tokens: depth as f64, last: ms(0) }
    }

    pub(crate) fn passes(&mut self, now: Duration) -> bool {
        self.tokens += (now.saturating_sub(self.last)).as_secs_f64() * self.rate;
        self.tokens = self.tokens.min(self.depth);
        self.last = self.last.max(now);
        self.tokens >= 1.0 && {
            self.tokens -= 1.0;
            true
        }
    }
}

/// Queries of a resolver on an ENI, evenly paced.
pub(crate) struct Load<'a> {
    pub(crate) source: &'a str,
    pub(crate) server: &'a str,
    pub(crate) rate: u64,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    /// Whether lost questions are asked again.
    pub(crate) retries: bool,
}

impl Load<'_> {
    /// Tells it; `passes` decides which queries are answered.
    pub(crate) fn tell(
        &self,
        capture: &mut Capture,
        rng: &mut Rng,
        passes: &mut dyn FnMut(Duration) -> bool,
    ) {
        // Questions in the order of time: new ones, and those asked again by a resolver whose first
        // try was lost, 2 s later and once.
        let (mut fresh, mut again) = (0, std::collections::VecDeque::new());
        for n in 0_u64.. {
            let next = self.from + us(fresh * 1_000_000 / self.rate);
            let retry = again.front().copied().filter(|&at| at <= next || next >= self.to);
            let at = retry.unwrap_or(next);
            if retry.is_none() && at >= self.to {
                break;
            }
            let client = format!("{}:{}", self.source, 20_000 + (n * 7) % 40_000);
            let name = format!("api-{}.example.com", n % 997);
            let message = query(name.as_str(), A).id(rng.next() as u16);
            capture.at(at).message(&*client, self.server, &message);
            if passes(at) {
                let told = response(&message).address(Ipv4Addr::new(192, 0, 2, 1));
                capture.at(at + rng.span(us(200), ms(3))).message(self.server, &*client, &told);
            } else if self.retries && retry.is_none() {
                again.push_back(at + secs(2));
            }
            match retry {
                Some(_) => drop(again.pop_front()),
                None => fresh += 1,
            }
        }
    }
}

pub(crate) fn end(capture: &mut Capture, at: Duration, v6: bool) {
    let (from, to) =
        if v6 { ("[fd00::5]:999", "[fd00::6]:999") } else { ("10.0.9.5:999", "10.0.9.6:999") };
    capture.at(at).udp(from, to, []);
}

pub(crate) fn source(v6: bool) -> &'static str {
    if v6 { "[fd00:9::10]" } else { "10.0.1.10" }
}

#[test]
fn loss_over_the_limit_is_found_at_any_depth_of_the_bucket() {
    for seed in SEEDS {
        let mut rng = Rng(seed);
        let server = RESOLVERS[seed as usize % 4];
        let v6 = server.starts_with('[');
        let mut capture = Capture::new([Link::Ethernet, Link::Raw][seed as usize % 2]);
        let (rate, length) = (rng.between(1200, 2600), rng.between(3, 8));
        let mut limiter = Limiter::new(1024, rng.between(20, 1024));
        let quiet =
            |from, to| Load { source: source(v6), server, rate: 200, from, to, retries: false };
        let retries = rng.chance(0.5);
        let loud = Load { rate, retries, ..quiet(secs(10), secs(10 + length)) };
        for load in [quiet(ms(0), secs(10)), loud, quiet(secs(10 + length), secs(25 + length))] {
            load.tell(&mut capture, &mut rng, &mut |at| limiter.passes(at));
        }
        end(&mut capture, secs(40 + length), v6);
        let seen = Seen::of(capture.pcap());
        let finding = seen.is("vpc_dns_pps_exceeded");
        let above = finding.evidence[0].value - rate as f64;
        assert!(above.abs() <= 3.0 || retries && above > 0.0, "seed {seed}: {}", seen.words());
        assert!(finding.confidence >= 0.8);
        for other in [
            "vpc_dns_pps_near_limit",
            "random_loss",
            "upstream_unreachable",
            "client_egress_dropped",
        ] {
            seen.has_not(other);
        }
    }
}

/// A load that never pauses: there is no quiet second to compare with.
#[test]
fn a_load_that_never_pauses_is_found() {
    for seed in SEEDS {
        let mut rng = Rng(seed);
        let mut capture = Capture::new(Link::Ethernet);
        let mut limiter = Limiter::new(1024, rng.between(20, 500));
        let load = Load {
            source: "10.0.1.10",
            server: RESOLVERS[0],
            rate: rng.between(1300, 3000),
            from: ms(0),
            to: secs(8),
            retries: false,
        };
        load.tell(&mut capture, &mut rng, &mut |at| limiter.passes(at));
        end(&mut capture, secs(20), false);
        Seen::of(capture.pcap()).is("vpc_dns_pps_exceeded");
    }
}

/// 1500 packets a second over three ENIs, told apart by whatever the capture has.
#[test]
fn three_enis_have_three_budgets() {
    for link in [Link::Sll2, Link::Ethernet, Link::Raw] {
        let mut rng = Rng(5);
        let mut capture = Capture::new(link);
        for eni in 0..3 {
            if link == Link::Sll2 {
                capture.on(&format!("eth{eni}")).going(Direction::Outgoing);
            }
            if link == Link::Ethernet {
                capture.hop().source_mac = [2, 0, 0, 0, 7, eni];
            }
            let source = format!("10.0.{eni}.10");
            let load = Load {
                source: &source,
                server: RESOLVERS[0],
                rate: 500,
                from: us(u64::from(eni) * 300),
                to: secs(10),
                retries: false,
            };
            // A hundredth is lost, as anywhere.
            load.tell(&mut capture, &mut rng, &mut |at| at.as_micros() % 97 != 0);
        }
        end(&mut capture, secs(20), false);
        let seen = Seen::of(capture.pcap());
        seen.has_not("vpc_dns_pps_exceeded");
        seen.has_not("vpc_dns_pps_near_limit");
        let rows = &seen.0.traffic.resolver_pps;
        assert_eq!(rows.len(), 3, "{link:?}: {}", seen.words());
        assert!(
            rows.iter().all(|row| row.peak <= 501 && row.seconds_over_limit == 0),
            "{}",
            seen.words()
        );
    }
}

/// Load on CoreDNS is not the VPC resolver's, whatever is lost of it.
#[test]
fn load_on_the_cluster_dns_is_something_else() {
    for server in ["172.20.0.10:53", "10.0.1.61:53", "169.254.20.10:53", "[fd00:10::a]:53"] {
        let mut rng = Rng(9);
        let v6 = server.starts_with('[');
        let mut capture = Capture::new(Link::Ethernet);
        let mut limiter = Limiter::new(1024, 100);
        let load = Load {
            source: source(v6),
            server,
            rate: 2500,
            from: ms(0),
            to: secs(6),
            retries: false,
        };
        load.tell(&mut capture, &mut rng, &mut |at| limiter.passes(at));
        end(&mut capture, secs(20), v6);
        let seen = Seen::of(capture.pcap());
        seen.has_not("vpc_dns_pps_exceeded");
        seen.has_not("vpc_dns_pps_near_limit");
    }
}

/// Ten packets a connection: 150 queries a second over TCP and metadata fetches fill the budget.
#[test]
fn tcp_segments_and_metadata_count() {
    for seed in SEEDS {
        let mut rng = Rng(seed);
        let mut capture = Capture::new(Link::Ethernet);
        let rate = rng.between(130, 160);
        for n in 0..rate * 5 {
            let at = secs(5) + us(n * 1_000_000 / rate);
            let client = format!("10.0.1.10:{}", 20_000 + n);
            let message = query("api.example.com", A).id(n as u16);
            let told = response(&message).address(Ipv4Addr::new(192, 0, 2, 1));
            capture.at(at).converse(&*client, RESOLVERS[0], &[message], &[told], us(200));
            for part in 0..3 {
                let port = format!("10.0.1.10:{}", 45_000 + (n * 3 + part) % 15_000);
                let fetch = if part == 0 { SYN } else { ACK };
                capture.at(at + us(part * 900)).tcp(
                    &*port,
                    "169.254.169.254:80",
                    fetch,
                    (1, 1),
                    [],
                );
            }
        }
        let quiet = Load {
            source: "10.0.1.10",
            server: RESOLVERS[0],
            rate: 50,
            from: ms(0),
            to: secs(4),
            retries: false,
        };
        quiet.tell(&mut capture, &mut rng, &mut |_| true);
        end(&mut capture, secs(20), false);
        let seen = Seen::of(capture.pcap());
        let peak = seen.0.traffic.resolver_pps[0].peak;
        // SYN, ACK, query, FIN, ACK of the client; three packets to the metadata service.
        assert!((rate * 8 - 10..=rate * 8 + 10).contains(&peak), "{peak} {rate}");
        seen.has("vpc_dns_pps_near_limit");
        seen.has_not("vpc_dns_pps_exceeded");
    }
}

/// A resolver that is dead while the rate is high is not throttling: nothing comes back at all.
#[test]
fn a_dead_resolver_is_no_limit() {
    for seed in SEEDS {
        let mut rng = Rng(seed);
        let mut capture = Capture::new(Link::Ethernet);
        let quiet = |from, to| Load {
            source: "10.0.1.10",
            server: RESOLVERS[0],
            rate: 100,
            from,
            to,
            retries: false,
        };
        quiet(ms(0), secs(10)).tell(&mut capture, &mut rng, &mut |_| true);
        let loud = Load { rate: rng.between(1200, 2500), ..quiet(secs(10), secs(16)) };
        loud.tell(&mut capture, &mut rng, &mut |_| false);
        quiet(secs(16), secs(24)).tell(&mut capture, &mut rng, &mut |_| false);
        end(&mut capture, secs(40), false);
        Seen::of(capture.pcap()).has_not("vpc_dns_pps_exceeded");
    }
}

/// The same packet on veth and ENI is one packet.
#[test]
fn copies_do_not_count_twice() {
    let mut capture = Capture::new(Link::Sll2);
    for n in 0..4000_u64 {
        let at = us(n * 1_000_000 / 700);
        let (client, id) = (format!("10.0.1.61:{}", 20_000 + n), n as u16);
        let message = query("api.example.com", A).id(id);
        let packet = Packet::udp(&*client, RESOLVERS[0], message.encode()).ip_id(id);
        let told = response(&message).address(Ipv4Addr::new(192, 0, 2, 1));
        capture.at(at).on("eni1").going(Direction::Incoming).packet(&packet);
        capture
            .at(at + us(12))
            .on("eth0")
            .going(Direction::Outgoing)
            .packet(&packet.clone().ttl(63));
        let back = Packet::udp(RESOLVERS[0], &*client, told.encode()).ip_id(id);
        capture.at(at + ms(1)).going(Direction::Incoming).packet(&back);
    }
    end(&mut capture, secs(20), false);
    let seen = Seen::of(capture.pcap());
    seen.is_healthy();
    assert!(seen.0.traffic.resolver_pps.iter().all(|row| row.peak <= 701));
}
