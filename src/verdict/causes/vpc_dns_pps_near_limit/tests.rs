use super::super::vpc_dns_pps_exceeded::tests::{Load, RESOLVERS, end, source};
use crate::forge::{Capture, Link, ms, secs};
use crate::verdict::Status;
use crate::verdict::tests::{Rng, SEEDS, Seen};

fn at_rate(seed: u64, rate: u64) -> Seen {
    let mut rng = Rng(seed);
    let server = RESOLVERS[seed as usize % 4];
    let v6 = server.starts_with('[');
    let mut capture = Capture::new([Link::Ethernet, Link::Raw][seed as usize % 2]);
    let load = Load {
        source: source(v6),
        server,
        rate,
        from: ms(0),
        to: secs(rng.between(2, 8)),
        retries: false,
    };
    load.tell(&mut capture, &mut rng, &mut |_| true);
    end(&mut capture, secs(20), v6);
    Seen::of(capture.pcap())
}

#[test]
fn near_the_limit_and_over_it_with_nothing_lost() {
    for seed in SEEDS {
        for rate in [825, 900, 1000, 1100, 1800] {
            let seen = at_rate(seed, rate);
            let finding = seen.is("vpc_dns_pps_near_limit");
            assert_eq!(seen.status(), Status::Degraded);
            assert!((finding.evidence[0].value - rate as f64).abs() <= 2.0, "{}", seen.words());
            seen.has_not("vpc_dns_pps_exceeded");
        }
    }
}

#[test]
fn well_below_it_is_healthy() {
    for seed in SEEDS {
        for rate in [100, 500, 800] {
            at_rate(seed, rate).is_healthy();
        }
    }
}
