//! Where in a frame of the lab's captures what is, told without the code under test.

/// Where in a packet the addresses are, and what else tells copies apart.
pub struct Layers {
    pub source: usize,
    pub destination: usize,
    /// Octets of an address.
    width: usize,
    pub protocol: u8,
    /// Ports, or the header of ICMP.
    pub transport: Option<usize>,
    pub id: Option<usize>,
}

/// The IP header of a frame.
pub fn ip_at(link: u16, frame: &[u8]) -> Option<usize> {
    let (ethertype, at) = match link {
        1 => (frame.get(12..14)?, 14),
        113 => (frame.get(14..16)?, 16),
        276 => (frame.get(0..2)?, 20),
        _ => return None,
    };
    matches!(ethertype, [0x08, 0x00] | [0x86, 0xdd]).then_some(at)
}

pub fn layers(frame: &[u8], at: usize) -> Option<Layers> {
    let word = |field: &[u8]| u16::from_be_bytes([field[0], field[1]]);
    match frame.get(at)? >> 4 {
        4 => {
            let header = usize::from(frame[at] & 15) * 4;
            frame.get(at..at + header)?;
            let first = word(&frame[at + 6..at + 8]) << 3 == 0;
            Some(Layers {
                source: at + 12,
                destination: at + 16,
                width: 4,
                protocol: frame[at + 9],
                transport: first.then_some(at + header),
                id: Some(at + 4),
            })
        }
        6 => {
            let (next, first) = (frame.get(at + 6)?, frame.get(at + 40..at + 44)?);
            let (protocol, transport) = match next {
                44 => (first[0], (word(&first[2..]) >> 3 == 0).then_some(at + 48)),
                &other => (other, Some(at + 40)),
            };
            let (source, destination) = (at + 8, at + 24);
            Some(Layers { source, destination, width: 16, protocol, transport, id: None })
        }
        _ => None,
    }
}

impl Layers {
    pub fn addresses<'a>(&self, frame: &'a [u8]) -> [&'a [u8]; 2] {
        [self.source, self.destination].map(|at| &frame[at..at + self.width])
    }

    /// Source and destination port.
    pub fn ports(&self, frame: &[u8]) -> Option<[u16; 2]> {
        let at = self.transport.filter(|_| matches!(self.protocol, 6 | 17))?;
        let ports = frame.get(at..at + 4)?;
        Some([[ports[0], ports[1]], [ports[2], ports[3]]].map(u16::from_be_bytes))
    }
}
