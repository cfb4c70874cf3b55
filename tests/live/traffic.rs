//! Real traffic: a DNS server of a few rules, and clients that ask it.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use crate::net::Net;

/// Serves on an address of a namespace for the rest of the process. By the first label: `lost` gets no
/// answer, `fail` SERVFAIL, `none` NXDOMAIN, `large` 3,000 octets in fragments, others an address.
pub(crate) fn serve(namespace: &str, address: &str) {
    let place = SocketAddr::new(address.parse().unwrap(), 53);
    let (udp, tcp) = Net::within(namespace, || {
        (UdpSocket::bind(place).unwrap(), TcpListener::bind(place).unwrap())
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..length]) {
                let _ = udp.send_to(&answer, from);
            }
        }
    });
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut length = [0; 2];
            if stream.read_exact(&mut length).is_err() {
                continue;
            }
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut query).is_ok()
                && let Some(answer) = answer(&query)
            {
                let framed = [&(answer.len() as u16).to_be_bytes()[..], &answer].concat();
                let _ = stream.write_all(&framed);
            }
        }
    });
}

/// The answer of such a server.
pub(crate) fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let end = 12 + query[12..].iter().position(|&octet| octet == 0)? + 5;
    let first = &query[13..13 + usize::from(query[12])];
    let rcode = match first {
        b"lost" => return None,
        b"fail" => 2,
        b"none" => 3,
        _ => 0,
    };
    let count: u16 = match first {
        b"large" => 190,
        _ => u16::from(rcode == 0),
    };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80 | rcode, 0, 1]);
    answer.extend(count.to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(&query[12..end]);
    for number in 0..count {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, number as u8]);
    }
    Some(answer)
}

/// A question for an address.
pub(crate) fn query(id: u16, name: &str) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// A client in a namespace.
pub(crate) struct Client {
    namespace: String,
    server: SocketAddr,
    id: u16,
}

impl Client {
    pub(crate) fn new(namespace: &str, server: &str) -> Client {
        let server = SocketAddr::new(server.parse::<IpAddr>().unwrap(), 53);
        Client { namespace: namespace.to_owned(), server, id: 1 }
    }

    /// Asks over UDP from a port of its own; waits for the answer, unless there will be none.
    pub(crate) fn ask(&mut self, name: &str) {
        let (server, id) = (self.server, self.id);
        self.id += 1;
        let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = Net::within(&self.namespace, || UdpSocket::bind(local).unwrap());
        socket.send_to(&query(id, name), server).unwrap();
        if !name.starts_with("lost") {
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            socket.recv_from(&mut [0; 4096]).unwrap();
        }
    }

    /// Asks over TCP.
    pub(crate) fn ask_tcp(&mut self, name: &str) {
        let (server, id) = (self.server, self.id);
        self.id += 1;
        let mut stream = Net::within(&self.namespace, || TcpStream::connect(server).unwrap());
        let query = query(id, name);
        stream.write_all(&[&(query.len() as u16).to_be_bytes()[..], &query].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
    }

    /// A little of everything: 66 questions, of which 4 get no answer.
    pub(crate) fn ask_all(&mut self) {
        for round in 0..10 {
            for name in ["web", "db", "fail", "none"] {
                self.ask(&format!("{name}.r{round}.test"));
            }
            self.ask(&format!("large.r{round}.test"));
            self.ask_tcp(&format!("tcp.r{round}.test"));
        }
        for number in 0..4 {
            self.ask(&format!("lost.n{number}.test"));
        }
        // Behind them, so that there is something after the last of the rest.
        (0..2).for_each(|number| self.ask(&format!("end.n{number}.test")));
    }
}
