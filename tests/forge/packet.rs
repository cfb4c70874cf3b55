//! IP packets with UDP, TCP or ICMP inside, checksums right unless a test spoils them afterwards.

use std::net::{IpAddr, SocketAddr};

/// TCP flags.
pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV6_FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;

/// Linux quotes as much as keeps the ICMP error within these sizes (RFC 1812, RFC 4443).
const LARGEST_ERROR_V4: usize = 576;
const LARGEST_ERROR_V6: usize = 1280;

/// Anything that says an address and a port; a text without a port means port 53.
pub trait Endpoint {
    fn endpoint(self) -> SocketAddr;
}

impl Endpoint for SocketAddr {
    fn endpoint(self) -> SocketAddr {
        self
    }
}

impl Endpoint for &str {
    fn endpoint(self) -> SocketAddr {
        if let Ok(endpoint) = self.parse() {
            return endpoint;
        }
        match self.parse() {
            Ok(address) => SocketAddr::new(address, 53),
            Err(error) => panic!("{self:?} is not ADDRESS or ADDRESS:PORT: {error}"),
        }
    }
}

/// `"10.0.0.1:4000"`, `"[fd00::1]:4000"`, or an address alone for its port 53.
pub fn endpoint(text: &str) -> SocketAddr {
    text.endpoint()
}

/// What an IP packet carries.
#[derive(Clone, Debug)]
pub enum Transport {
    Udp { payload: Vec<u8> },
    Tcp { flags: u8, seq: u32, ack: u32, window: u16, options: Vec<u8>, payload: Vec<u8> },
    Icmp { kind: u8, code: u8, word: u32, body: Vec<u8> },
    Other { protocol: u8, body: Vec<u8> },
}

/// An IP packet before it is encoded: change an address, and the checksums follow.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The identification of IPv4, and of IPv6's fragments.
    pub ip_id: u16,
    pub dont_fragment: bool,
    pub transport: Transport,
}

impl Packet {
    fn new(from: SocketAddr, to: SocketAddr, transport: Transport) -> Self {
        Packet { from, to, ttl: 64, ip_id: 1, dont_fragment: true, transport }
    }

    pub fn udp(from: impl Endpoint, to: impl Endpoint, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        Self::new(from.endpoint(), to.endpoint(), Transport::Udp { payload })
    }

    pub fn tcp(
        from: impl Endpoint,
        to: impl Endpoint,
        flags: u8,
        (seq, ack): (u32, u32),
        payload: impl Into<Vec<u8>>,
    ) -> Self {
        let (window, options, payload) = (64240, Vec::new(), payload.into());
        let transport = Transport::Tcp { flags, seq, ack, window, options, payload };
        Self::new(from.endpoint(), to.endpoint(), transport)
    }

    /// An ICMP or ICMPv6 error about `about`, sent by `reporter` to the packet's sender.
    ///
    /// The numbers are those of the packet's family: `(3, 3)` or `(1, 4)` is a closed port.
    pub fn icmp_error(reporter: impl Endpoint, (kind, code): (u8, u8), about: &Packet) -> Self {
        let mut body = about.encode();
        body.truncate(match about.from {
            SocketAddr::V4(_) => LARGEST_ERROR_V4 - 28,
            SocketAddr::V6(_) => LARGEST_ERROR_V6 - 48,
        });
        let transport = Transport::Icmp { kind, code, word: 0, body };
        Self::new(reporter.endpoint(), about.from, transport)
    }

    /// The closed port of a server that says so itself.
    pub fn port_unreachable(about: &Packet) -> Self {
        let numbers = if about.from.is_ipv4() { (3, 3) } else { (1, 4) };
        Self::icmp_error(about.to, numbers, about)
    }

    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    pub fn ip_id(mut self, ip_id: u16) -> Self {
        self.ip_id = ip_id;
        self
    }

    /// The same packet one hop later, on its way to another address.
    pub fn dnat(&self, to: impl Endpoint) -> Self {
        Packet { to: to.endpoint(), ttl: self.ttl - 1, ..self.clone() }
    }

    /// The same packet one hop later, from another address.
    pub fn snat(&self, from: impl Endpoint) -> Self {
        Packet { from: from.endpoint(), ttl: self.ttl - 1, ..self.clone() }
    }

    /// The packet from its IP header on.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192);
        self.encode_into(&mut out);
        out
    }

    /// Appends the packet.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let length_at = out.len();
        let more_fragments = if self.dont_fragment { 0x4000 } else { 0 };
        self.header(out, self.protocol(), more_fragments);
        let body_at = out.len();
        self.body(out);
        self.finish(out, length_at, body_at);
    }

    /// The packet in pieces that carry at most `largest` bytes each (a multiple of eight).
    pub fn fragments(&self, largest: usize) -> Vec<Vec<u8>> {
        let mut body = Vec::new();
        self.body(&mut body);
        let pieces = body.len().div_ceil(largest);
        let piece = |(n, data): (usize, &[u8])| {
            let (offset, more) = ((n * largest / 8) as u16, n + 1 < pieces);
            let mut out = Vec::new();
            let body_at = if self.from.is_ipv4() {
                self.header(&mut out, self.protocol(), offset | u16::from(more) << 13);
                out.len()
            } else {
                self.header(&mut out, IPV6_FRAGMENT, 0);
                let body_at = out.len();
                out.extend([self.protocol(), 0]);
                out.extend((offset << 3 | u16::from(more)).to_be_bytes());
                out.extend(u32::from(self.ip_id).to_be_bytes());
                body_at
            };
            out.extend(data);
            self.finish(&mut out, 0, body_at);
            out
        };
        body.chunks(largest).enumerate().map(piece).collect()
    }

    fn protocol(&self) -> u8 {
        match &self.transport {
            Transport::Udp { .. } => UDP,
            Transport::Tcp { .. } => TCP,
            Transport::Icmp { .. } if self.from.is_ipv6() => ICMPV6,
            Transport::Icmp { .. } => ICMP,
            Transport::Other { protocol, .. } => *protocol,
        }
    }

    /// The IP header, its lengths and checksum still open.
    fn header(&self, out: &mut Vec<u8>, protocol: u8, fragment: u16) {
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                out.extend([0x45, 0, 0, 0]);
                out.extend(self.ip_id.to_be_bytes());
                out.extend(fragment.to_be_bytes());
                out.extend([self.ttl, protocol, 0, 0]);
                out.extend(from.octets());
                out.extend(to.octets());
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                out.extend([0x60, 0, 0, 0, 0, 0, protocol, self.ttl]);
                out.extend(from.octets());
                out.extend(to.octets());
            }
            (from, to) => panic!("{from} and {to} are of two families"),
        }
    }

    /// Fills in the lengths and the checksum of the IP header.
    fn finish(&self, out: &mut [u8], header_at: usize, body_at: usize) {
        if self.from.is_ipv4() {
            let length = (out.len() - header_at) as u16;
            out[header_at + 2..header_at + 4].copy_from_slice(&length.to_be_bytes());
            let checksum = fold(sum(&out[header_at..body_at]));
            out[header_at + 10..header_at + 12].copy_from_slice(&checksum.to_be_bytes());
        } else {
            let length = (out.len() - body_at) as u16;
            out[header_at + 4..header_at + 6].copy_from_slice(&length.to_be_bytes());
        }
    }

    /// What follows the IP header, with its checksum.
    fn body(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let ports = [self.from.port().to_be_bytes(), self.to.port().to_be_bytes()];
        let checksum_at = match &self.transport {
            Transport::Udp { payload } => {
                out.extend(ports.as_flattened());
                out.extend((8 + payload.len() as u16).to_be_bytes());
                out.extend([0, 0]);
                out.extend(payload);
                6
            }
            Transport::Tcp { flags, seq, ack, window, options, payload } => {
                out.extend(ports.as_flattened());
                out.extend(seq.to_be_bytes());
                out.extend(ack.to_be_bytes());
                out.extend([(5 + options.len().div_ceil(4) as u8) << 4, *flags]);
                out.extend(window.to_be_bytes());
                out.extend([0; 4]);
                out.extend(options);
                out.resize(start + 20 + options.len().next_multiple_of(4), 0);
                out.extend(payload);
                16
            }
            Transport::Icmp { kind, code, word, body } => {
                out.extend([*kind, *code, 0, 0]);
                out.extend(word.to_be_bytes());
                out.extend(body);
                2
            }
            Transport::Other { body, .. } => {
                out.extend(body);
                return;
            }
        };
        let covered = &out[start..];
        let pseudo = if self.protocol() == ICMP { 0 } else { self.pseudo_header(covered.len()) };
        let checksum = match fold(pseudo + sum(covered)) {
            // Zero means that there is none (RFC 768).
            0 if self.protocol() == UDP => 0xffff,
            checksum => checksum,
        };
        out[start + checksum_at..start + checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    fn pseudo_header(&self, length: usize) -> u64 {
        let addresses = match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => sum(&from.octets()) + sum(&to.octets()),
            (IpAddr::V6(from), IpAddr::V6(to)) => sum(&from.octets()) + sum(&to.octets()),
            _ => 0,
        };
        addresses + length as u64 + u64::from(self.protocol())
    }
}

/// The sum of 16-bit words that the internet checksum folds (RFC 1071).
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(2);
    let last = words.remainder().first().map_or(0, |byte| u64::from(*byte) << 8);
    words.map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum::<u64>() + last
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
