//! What servers say: always the same about the same name.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::forge::dns::{AA, Data, RA};
use super::forge::{A, AAAA, HTTPS, Message, Name, PTR, SRV, TXT, response};
use super::names::{Step, Zone};
use super::random::mix;

/// A number that stands for a name.
pub fn spread(name: &Name) -> u64 {
    name.0.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash ^ u64::from(*byte)))
}

/// CoreDNS' own SERVFAIL: neither RA nor AA.
pub fn servfail(query: &Message) -> Message {
    response(query).servfail().without(RA)
}

/// The answer about a step of a search walk.
pub fn answer(query: &Message, step: &Step) -> Message {
    let mut reply = response(query);
    if step.zone == Zone::Cluster {
        reply = reply.with(AA).without(RA);
    }
    if !step.exists {
        return reply.nxdomain(step.zone.apex());
    }
    let hash = spread(&step.name);
    match (query.questions[0].kind, step.zone) {
        (A, Zone::Cluster) => {
            reply.address(Ipv4Addr::from_bits(0x0a64_0000 | hash as u32 & 0xffff))
        }
        (A, _) => outside(reply, hash, |n| {
            Ipv4Addr::from_bits(0xc633_6400 | (hash as u32 + n) & 0xff).into()
        }),
        // The cluster has IPv4 services; half of the world has IPv6.
        (AAAA, Zone::World) if hash & 1 == 1 => outside(reply, hash, |n| {
            Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(hash.wrapping_add(n.into()))).into()
        }),
        (PTR, _) => {
            reply.answer(PTR, Data::Name(Name::parse("backend-1.team-1.svc.cluster.local")))
        }
        (SRV, _) => {
            let target = Name::parse("backend-1.team-1.svc.cluster.local");
            reply.answer(SRV, Data::Service { priority: 0, weight: 100, port: 80, target })
        }
        (TXT, _) => {
            let text = b"v=DMARC1; p=none; rua=mailto:postmaster@example.com";
            reply.answer(TXT, Data::Bytes([&[text.len() as u8], text.as_slice()].concat()))
        }
        // Priority 1, the name itself, ALPN h2 and h3 (RFC 9460).
        (HTTPS, _) => {
            reply.answer(HTTPS, Data::Bytes(b"\x00\x01\x00\x00\x01\x00\x06\x02h2\x02h3".to_vec()))
        }
        _ => reply.nodata(step.zone.apex()),
    }
}

/// None to two CNAMEs, then one to four addresses.
fn outside(mut reply: Message, hash: u64, address: impl Fn(u32) -> std::net::IpAddr) -> Message {
    for n in 0..hash >> 8 & 3 {
        if n < 2 {
            reply = reply.cname(Name::parse(&format!("e{:x}-{n}.edge.example.net", hash >> 44)));
        }
    }
    for n in 0..=(hash >> 10 & 3) as u32 {
        reply = reply.address(address(n));
    }
    reply
}
