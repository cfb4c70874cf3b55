//! Packets and captures, written from nothing: what the tests and the workload generator read.
//!
//! It shares no code with the analyser, so a mistake in one cannot hide the same mistake in the other.
//!
//! ```ignore
//! let file = Capture::new(Link::Ethernet)
//!     .ask("10.244.1.7:40000", "10.96.0.10", "web.default.svc.cluster.local", A, ms(1), Answer::Address("10.96.7.7"))
//!     .at(secs(1))
//!     .ask("10.244.1.7:40001", "10.96.0.10", "api.example.com", A, ms(0), Answer::Nothing)
//!     .pcap();
//! ```
//!
//! Read in this order: [`dns`] (messages) → [`packet`] (IP and above) → [`link`] (frames) →
//! [`file`](mod@file) (pcap and pcapng) → [`story`] (a whole capture as one sentence).

// Every test file compiles its own copy and uses a part of it; what is public here is so for them.
#![allow(dead_code, unreachable_pub, unused_imports)]

pub mod dns;
pub mod file;
pub mod link;
pub mod name;
pub mod packet;
pub mod story;

pub use dns::{
    A, AAAA, ANY, CNAME, HTTPS, Message, NOERROR, NS, NXDOMAIN, PTR, Question, REFUSED, Record,
    SERVFAIL, SOA, SRV, TXT, query, response,
};
pub use file::{Interface, PcapNgWriter, PcapOptions, PcapWriter};
pub use link::{Direction, Hop, Link, vxlan};
pub use name::Name;
pub use packet::{ACK, Endpoint, FIN, PSH, Packet, RST, SYN, Transport, endpoint};
pub use story::{Answer, Capture, START, ms, secs, us};
