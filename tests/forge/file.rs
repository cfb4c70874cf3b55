//! Capture files: classic pcap in its four forms, and pcapng with several interfaces.
//!
//! Times are nanoseconds since 1970.

use std::io::{self, Write};

use super::link::Link;

/// What tcpdump writes without `-s`.
pub const SNAP_LENGTH: u32 = 262_144;

/// The forms of a classic pcap.
#[derive(Clone, Copy, Debug)]
pub struct PcapOptions {
    pub link: u16,
    pub nanoseconds: bool,
    pub big_endian: bool,
    /// Longer packets are cut to it.
    pub snap_length: u32,
}

impl PcapOptions {
    /// Little-endian, microseconds: what tcpdump writes.
    pub fn new(link: Link) -> Self {
        let snap_length = SNAP_LENGTH;
        PcapOptions { link: link.number(), nanoseconds: false, big_endian: false, snap_length }
    }
}

/// Numbers in the byte order of a file.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

impl Order {
    fn u16(self, number: u16) -> [u8; 2] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u64(self, number: u64) -> [u8; 8] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }
}

/// Writes a classic pcap.
pub struct PcapWriter<W: Write> {
    out: W,
    options: PcapOptions,
    order: Order,
}

impl<W: Write> PcapWriter<W> {
    pub fn new(mut out: W, options: PcapOptions) -> io::Result<Self> {
        let order = Order { big: options.big_endian };
        let magic = if options.nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        out.write_all(&order.u32(magic))?;
        out.write_all(&[order.u16(2), order.u16(4)].concat())?;
        out.write_all(&[0; 8])?;
        out.write_all(&order.u32(options.snap_length))?;
        out.write_all(&order.u32(u32::from(options.link)))?;
        Ok(PcapWriter { out, options, order })
    }

    /// One packet, cut to the snap length.
    pub fn packet(&mut self, time: u64, frame: &[u8]) -> io::Result<()> {
        let kept = &frame[..frame.len().min(self.options.snap_length as usize)];
        self.record(time, kept, frame.len() as u32)
    }

    /// One packet of which only `kept` was captured.
    pub fn record(&mut self, time: u64, kept: &[u8], original: u32) -> io::Result<()> {
        let unit = if self.options.nanoseconds { 1 } else { 1000 };
        let fraction = (time % 1_000_000_000 / unit) as u32;
        let words = [(time / 1_000_000_000) as u32, fraction, kept.len() as u32, original];
        let mut header = [0; 16];
        for (place, word) in header.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&self.order.u32(word));
        }
        self.out.write_all(&header)?;
        self.out.write_all(kept)
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// An interface of a pcapng.
#[derive(Clone, Debug)]
pub struct Interface {
    pub name: String,
    pub link: u16,
    pub snap_length: u32,
    /// `if_tsresol`: 6 is microseconds, 9 nanoseconds, 0x80 | n is 2^-n seconds.
    pub resolution: u8,
    /// `if_tsoffset`, in seconds.
    pub offset: i64,
}

impl Interface {
    /// Nanoseconds, and no cut: what dumpcap writes.
    pub fn new(name: &str, link: Link) -> Self {
        let (name, link, snap_length) = (name.into(), link.number(), SNAP_LENGTH);
        Interface { name, link, snap_length, resolution: 9, offset: 0 }
    }

    fn ticks(&self, time: u64) -> u64 {
        let time = u128::from(time.wrapping_add_signed(-self.offset * 1_000_000_000));
        let per_second = match self.resolution {
            binary @ 0x80.. => 1 << (binary & 0x7f),
            decimal => 10u128.pow(u32::from(decimal)),
        };
        (time * per_second / 1_000_000_000) as u64
    }
}

/// Writes a pcapng, one section.
pub struct PcapNgWriter<W: Write> {
    out: W,
    order: Order,
    interfaces: Vec<Interface>,
    scratch: Vec<u8>,
}

impl<W: Write> PcapNgWriter<W> {
    pub fn new(out: W, big_endian: bool, interfaces: &[Interface]) -> io::Result<Self> {
        let order = Order { big: big_endian };
        let scratch = Vec::new();
        let mut writer = PcapNgWriter { out, order, interfaces: Vec::new(), scratch };
        writer.section()?;
        for interface in interfaces {
            writer.interface(interface.clone())?;
        }
        Ok(writer)
    }

    /// A new section of unknown length: the interfaces start anew.
    pub fn section(&mut self) -> io::Result<()> {
        self.interfaces.clear();
        let mut body = self.order.u32(0x1a2b_3c4d).to_vec();
        body.extend([self.order.u16(1), self.order.u16(0)].as_flattened());
        body.extend(self.order.u64(u64::MAX));
        self.block(0x0a0d_0d0a, &body)
    }

    pub fn interface(&mut self, interface: Interface) -> io::Result<()> {
        let mut body = [self.order.u16(interface.link), [0, 0]].concat();
        body.extend(self.order.u32(interface.snap_length));
        self.option(&mut body, 2, interface.name.as_bytes());
        self.option(&mut body, 9, &[interface.resolution]);
        if interface.offset != 0 {
            let offset = self.order.u64(interface.offset as u64);
            self.option(&mut body, 14, &offset);
        }
        self.option(&mut body, 0, &[]);
        self.interfaces.push(interface);
        self.block(1, &body)
    }

    /// One packet of an interface, cut to its snap length.
    pub fn packet(&mut self, interface: u32, time: u64, frame: &[u8]) -> io::Result<()> {
        let most = self.interfaces[interface as usize].snap_length as usize;
        self.cut_packet(interface, time, &frame[..frame.len().min(most)], frame.len() as u32)
    }

    /// One packet of which only `kept` was captured.
    pub fn cut_packet(
        &mut self,
        interface: u32,
        time: u64,
        kept: &[u8],
        original: u32,
    ) -> io::Result<()> {
        let ticks = self.interfaces[interface as usize].ticks(time);
        let mut body = std::mem::take(&mut self.scratch);
        body.clear();
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        for word in [interface, high, low, kept.len() as u32, original] {
            body.extend(self.order.u32(word));
        }
        body.extend(kept);
        let written = self.block(6, &body);
        self.scratch = body;
        written
    }

    /// A simple packet: of the first interface, without a time.
    pub fn simple_packet(&mut self, frame: &[u8]) -> io::Result<()> {
        let kept = frame.len().min(self.interfaces[0].snap_length as usize);
        let body = [&self.order.u32(frame.len() as u32), &frame[..kept]].concat();
        self.block(3, &body)
    }

    /// The statistics at the end: packets received, dropped by the interface, by the system.
    pub fn statistics(
        &mut self,
        interface: u32,
        time: u64,
        [received, dropped, dropped_by_system]: [u64; 3],
    ) -> io::Result<()> {
        let ticks = self.interfaces[interface as usize].ticks(time);
        let mut body = Vec::new();
        for word in [interface, (ticks >> 32) as u32, ticks as u32] {
            body.extend(self.order.u32(word));
        }
        for (code, count) in [(4, received), (5, dropped), (7, dropped_by_system)] {
            let count = self.order.u64(count);
            self.option(&mut body, code, &count);
        }
        self.option(&mut body, 0, &[]);
        self.block(5, &body)
    }

    /// Any block, padded and framed.
    pub fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let padded = body.len().next_multiple_of(4);
        let length = self.order.u32(padded as u32 + 12);
        self.out.write_all(&self.order.u32(kind))?;
        self.out.write_all(&length)?;
        self.out.write_all(body)?;
        self.out.write_all(&[0; 3][..padded - body.len()])?;
        self.out.write_all(&length)
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn option(&self, body: &mut Vec<u8>, code: u16, value: &[u8]) {
        body.extend(self.order.u16(code));
        body.extend(self.order.u16(value.len() as u16));
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
}
