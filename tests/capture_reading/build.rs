//! Writing captures byte by byte, in all variants.

/// Writes numbers in one byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) big: bool,
}

pub(crate) const LITTLE: Order = Order { big: false };
pub(crate) const BIG: Order = Order { big: true };

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(crate) fn u64(self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// Words one after the other.
    pub(crate) fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }
}

/// A pcap file in the making.
pub(crate) struct Pcap {
    pub(crate) bytes: Vec<u8>,
    order: Order,
    /// What stands in a record's header behind the usual fields.
    pub(crate) extra: Vec<u8>,
}

pub(crate) const MICRO: u32 = 0xa1b2_c3d4;
pub(crate) const NANO: u32 = 0xa1b2_3c4d;
pub(crate) const MODIFIED: u32 = 0xa1b2_cd34;

impl Pcap {
    pub(crate) fn new(order: Order, magic: u32, link_type: u32) -> Pcap {
        Pcap::version(order, magic, link_type, 4)
    }

    pub(crate) fn version(order: Order, magic: u32, link_type: u32, minor: u16) -> Pcap {
        let mut bytes = order.u32(magic).to_vec();
        bytes.extend(order.u16(2));
        bytes.extend(order.u16(minor));
        bytes.extend(order.words(&[0, 0, 65_535, link_type]));
        let extra = if magic == MODIFIED { vec![0, 0, 0, 0, 8, 0, 4, 0] } else { Vec::new() };
        Pcap { bytes, order, extra }
    }

    /// A record with these lengths, whatever `data` has.
    pub(crate) fn raw(&mut self, time: (u32, u32), one: u32, other: u32, data: &[u8]) -> &mut Pcap {
        self.bytes.extend(self.order.words(&[time.0, time.1, one, other]));
        self.bytes.extend(&self.extra);
        self.bytes.extend(data);
        self
    }

    pub(crate) fn packet(&mut self, time: (u32, u32), data: &[u8]) -> &mut Pcap {
        let length = data.len() as u32;
        self.raw(time, length, length, data)
    }
}

/// A pcapng file in the making.
pub(crate) struct Pcapng {
    pub(crate) bytes: Vec<u8>,
    order: Order,
}

/// Code and value.
pub(crate) type OptionBytes = (u16, Vec<u8>);

impl Pcapng {
    /// A file with its first section.
    pub(crate) fn new(order: Order) -> Pcapng {
        let mut file = Pcapng { bytes: Vec::new(), order };
        file.section(order);
        file
    }

    pub(crate) fn section(&mut self, order: Order) -> &mut Pcapng {
        self.order = order;
        let mut body = order.u32(0x1a2b_3c4d).to_vec();
        body.extend(order.u16(1));
        body.extend(order.u16(0));
        body.extend(order.u64(u64::MAX));
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) -> &mut Pcapng {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = (12 + body.len() + padding) as u32;
        self.bytes.extend(self.order.words(&[kind, length]));
        self.bytes.extend(body);
        self.bytes.extend(vec![0; padding]);
        self.bytes.extend(self.order.u32(length));
        self
    }

    fn options(&self, options: &[OptionBytes]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (code, value) in options {
            bytes.extend(self.order.u16(*code));
            bytes.extend(self.order.u16(value.len() as u16));
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            bytes.extend([0; 4]);
        }
        bytes
    }

    pub(crate) fn interface(
        &mut self,
        link_type: u16,
        snap: u32,
        options: &[OptionBytes],
    ) -> &mut Pcapng {
        let mut body = self.order.u16(link_type).to_vec();
        body.extend([0; 2]);
        body.extend(self.order.u32(snap));
        body.extend(self.options(options));
        self.block(1, &body)
    }

    pub(crate) fn enhanced(
        &mut self,
        interface: u32,
        units: u64,
        data: &[u8],
        options: &[OptionBytes],
    ) -> &mut Pcapng {
        self.packet_block(6, self.order.u32(interface), units, data, options)
    }

    pub(crate) fn obsolete(
        &mut self,
        interface: u16,
        drops: u16,
        units: u64,
        data: &[u8],
    ) -> &mut Pcapng {
        let [a, b] = self.order.u16(interface);
        let [c, d] = self.order.u16(drops);
        self.packet_block(2, [a, b, c, d], units, data, &[])
    }

    fn packet_block(
        &mut self,
        kind: u32,
        first: [u8; 4],
        units: u64,
        data: &[u8],
        options: &[OptionBytes],
    ) -> &mut Pcapng {
        let length = data.len() as u32;
        let mut body = first.to_vec();
        body.extend(self.order.words(&[(units >> 32) as u32, units as u32, length, length]));
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.options(options));
        self.block(kind, &body)
    }

    pub(crate) fn simple(&mut self, original: u32, data: &[u8]) -> &mut Pcapng {
        let mut body = self.order.u32(original).to_vec();
        body.extend(data);
        self.block(3, &body)
    }

    pub(crate) fn statistics(&mut self, interface: u32, options: &[OptionBytes]) -> &mut Pcapng {
        let mut body = self.order.words(&[interface, 0, 0]);
        body.extend(self.options(options));
        self.block(5, &body)
    }

    /// The value of a 64-bit option.
    pub(crate) fn long(&self, value: u64) -> Vec<u8> {
        self.order.u64(value).to_vec()
    }
}

/// A pcap with a packet every millisecond from `seconds` on, of these lengths.
pub(crate) fn pcap_of(seconds: u32, lengths: &[usize]) -> Vec<u8> {
    let mut file = Pcap::new(LITTLE, MICRO, 1);
    for (number, length) in (0..).zip(lengths) {
        file.packet((seconds, number * 1_000), &vec![number as u8; *length]);
    }
    file.bytes
}
