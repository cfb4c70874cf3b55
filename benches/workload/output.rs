//! Frames and the file: link header, packet, record.

use std::io::{self, Write};

use super::forge::{Hop, Interface, Link, PcapNgWriter, PcapOptions, PcapWriter};
use super::options::{Format, Options};
use super::schedule::{Item, Key, Payload};

/// How many pod interfaces the node has; pods share them.
pub const POD_INTERFACES: u32 = 16;

/// The interfaces by number: the ENI, CoreDNS' veth, mirrors, then the pods' veths.
pub const INTERFACES: [&str; 5] = ["eth0", "veth-coredns", "mirror0", "mirror1", "mirror2"];

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

enum Writer<W: Write> {
    Pcap(PcapWriter<W>),
    PcapNg(PcapNgWriter<W>),
}

/// The file that is being written.
pub struct Output<W: Write> {
    writer: Writer<W>,
    link: Link,
    snap_length: usize,
    hop: Hop,
    frame: Vec<u8>,
}

impl<W: Write> Output<W> {
    pub fn new(file: W, options: &Options) -> io::Result<Self> {
        let (link, snap_length, big_endian) =
            (options.link(), options.snap_length, options.big_endian);
        let writer = if options.format == Format::Pcapng {
            let named = INTERFACES.iter().map(|name| Interface::new(name, link));
            let pods = (0..POD_INTERFACES).map(|n| Interface::new(&format!("veth{n}"), link));
            let interfaces: Vec<_> =
                named.chain(pods).map(|one| Interface { snap_length, ..one }).collect();
            Writer::PcapNg(PcapNgWriter::new(file, big_endian, &interfaces)?)
        } else {
            let nanoseconds = options.format == Format::PcapNs;
            let link = link.number();
            let options = PcapOptions { link, nanoseconds, big_endian, snap_length };
            Writer::Pcap(PcapWriter::new(file, options)?)
        };
        let (snap_length, hop) = (snap_length as usize, Hop::default());
        Ok(Output { writer, link, snap_length, hop, frame: Vec::with_capacity(2048) })
    }

    /// Writes a packet; says its length and how much of it the file holds.
    pub fn write(&mut self, key: Key, item: &Item) -> io::Result<(usize, usize)> {
        self.frame.clear();
        self.hop.interface = item.interface + 1;
        self.hop.direction = item.direction;
        self.hop.vlans.clear();
        if item.vlan != 0 {
            self.hop.vlans.push(item.vlan);
        }
        match &item.payload {
            Payload::Ip(packet) => {
                self.hop.source_mac = mac(packet.from.ip());
                self.hop.destination_mac = mac(packet.to.ip());
                let ether_type = if packet.from.is_ipv4() { IPV4 } else { IPV6 };
                self.link.header(&mut self.frame, &self.hop, ether_type);
                packet.encode_into(&mut self.frame);
            }
            Payload::Arp(body) => {
                self.hop.destination_mac = [0xff; 6];
                self.link.header(&mut self.frame, &self.hop, ARP);
                self.frame.extend(body);
            }
        }
        match &mut self.writer {
            Writer::Pcap(writer) => writer.packet(key.time, &self.frame)?,
            Writer::PcapNg(writer) => writer.packet(item.interface, key.time, &self.frame)?,
        }
        Ok((self.frame.len(), self.frame.len().min(self.snap_length)))
    }

    pub fn finish(self) -> io::Result<W> {
        match self.writer {
            Writer::Pcap(writer) => writer.finish(),
            Writer::PcapNg(writer) => writer.finish(),
        }
    }
}

/// A locally administered address made of the last four octets.
fn mac(address: std::net::IpAddr) -> [u8; 6] {
    let [a, b, c, d] = match address {
        std::net::IpAddr::V4(address) => address.octets(),
        std::net::IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            [a, b, c, d]
        }
    };
    [2, 0, a, b, c, d]
}
