//! Packets that lose a race for their entry of connection tracking: the first two of one flow, sent by
//! two threads at once. Those of UDP the kernel lets live since 5.0; those of ICMP it drops.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};

use crate::namespace::Namespace;

/// Rules that fit no packet, between the making of an entry and its confirmation: time for the race.
const RULES: usize = 3_000;

/// Turns that one thread waits for the other, which may have no processor now.
const PATIENCE: u32 = 2_000_000;

/// Sends so many pairs.
pub(crate) fn run(namespace: &Namespace, pairs: u16) {
    let mut rules = "*mangle\n".to_owned();
    rules.push_str(&"-A POSTROUTING -s 203.0.113.1 -j ACCEPT\n".repeat(RULES));
    rules.push_str("COMMIT\n");
    let mut restore = Command::new("ip")
        .args(["netns", "exec", namespace.name(), "iptables-restore", "--noflush"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    restore.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(restore.wait().unwrap().success());

    let turns = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    let threads = [0, 1].map(|own| {
        let turns = Arc::clone(&turns);
        namespace.spawn(move || {
            let socket = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)).unwrap();
            for pair in 1..=u32::from(pairs) {
                turns[own].store(pair, Ordering::SeqCst);
                let mut waited = 0;
                while turns[1 - own].load(Ordering::SeqCst) < pair && waited < PATIENCE {
                    std::hint::spin_loop();
                    waited += 1;
                }
                let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
                // What is dropped on its way out is an error of sending.
                let _ = sendto(&socket, &echo_request(pair as u16), SendFlags::empty(), &to);
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Each identifier is a flow of its own.
fn echo_request(identifier: u16) -> [u8; 8] {
    let sum = 0x0800 + u32::from(identifier);
    let checksum = !(((sum >> 16) + (sum & 0xffff)) as u16);
    let ([a, b], [c, d]) = (checksum.to_be_bytes(), identifier.to_be_bytes());
    [8, 0, a, b, c, d, 0, 0]
}
