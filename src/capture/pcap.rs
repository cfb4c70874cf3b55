//! The classic format of libpcap: one header, then records of a fixed header and the frame.
//!
//! Eight magic numbers are about: µs and ns, Alexey Kuznetzov's with longer record headers and two
//! of Ixia's, in both byte orders; before version 2.4 the two lengths stood the other way round.
//! A captured length above the length on the wire is taken as it is, as libpcap and Wireshark do.

use super::ledger::Ledger;
use super::order::{Big, ByteOrder, Little};
use super::walk::{Damage, Span, Stop, time_of};
use super::{Interface, MAX_CAPTURED, Record};
use crate::model::{Direction, LinkType};

/// Length of the file header.
const FILE_HEADER: usize = 24;
/// Ixia's files hold the length of all records behind the header.
const IXIA_FILE_HEADER: usize = 28;
/// Length of a record's header: seconds, fraction, captured, original.
const RECORD_HEADER: usize = 16;
/// Kuznetzov's has the interface index, the protocol, the packet type and a byte of padding more.
const LONG_RECORD_HEADER: usize = 24;
/// Where the packet type stands in it.
const PACKET_TYPE: usize = 22;

/// The state of a walk over a pcap file: it never changes after the file header.
#[derive(Debug)]
pub(super) struct Pcap {
    big_endian: bool,
    long_headers: bool,
    /// Nanoseconds of a unit of the fraction.
    unit: u64,
    lengths: Lengths,
    /// `None` where the capture has too many: its packets cannot be told apart and are left out.
    interface: Option<u16>,
}

/// In which order the two lengths of a record stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured, original.
    Usual,
    /// Original, captured: before version 2.3.
    Swapped,
    /// Version 2.3 was written either way: the smaller one is the captured one.
    Unsure,
}

impl Lengths {
    /// The captured length and the original one.
    #[cold]
    fn of(self, one: u32, other: u32) -> (u32, u32) {
        match self {
            Lengths::Usual => (one, other),
            Lengths::Swapped => (other, one),
            Lengths::Unsure => (one.min(other), one.max(other)),
        }
    }
}

impl Pcap {
    /// Reads the file header; `Err(n)`: n bytes are needed. Also returns the header's length.
    pub(super) fn begin(
        start: &[u8],
        file: u16,
        ledger: &mut Ledger,
    ) -> Result<(Pcap, u64), usize> {
        let header = start.first_chunk::<FILE_HEADER>().ok_or(FILE_HEADER)?;
        let big_endian = matches!(header[0], 0xa1 | 0x1c);
        let magic = Big::word(header, 0);
        let magic = if big_endian { magic } else { magic.swap_bytes() };
        let ixia = matches!(magic, 0x1c00_01ab | 0x1c00_01ac);
        let (version, snap_length, link_type) = if big_endian {
            (Big::word(header, 1), Big::word(header, 4), Big::word(header, 5))
        } else {
            // The version is two 16-bit numbers: as one word they stand the other way round.
            (
                Little::word(header, 1).rotate_left(16),
                Little::word(header, 4),
                Little::word(header, 5),
            )
        };
        let interface = ledger.add_interface(Interface {
            name: None,
            // The upper bits hold the length of the frame check sequence and a class.
            link_type: LinkType(link_type as u16),
            snap_length,
            file,
        });
        let pcap = Pcap {
            big_endian,
            long_headers: magic == 0xa1b2_cd34,
            unit: if ixia || magic == 0xa1b2_3c4d { 1 } else { 1_000 },
            lengths: match version {
                0x0002_0000..=0x0002_0002 => Lengths::Swapped,
                0x0002_0003 => Lengths::Unsure,
                _ => Lengths::Usual,
            },
            interface,
        };
        Ok((pcap, if ixia { IXIA_FILE_HEADER } else { FILE_HEADER } as u64))
    }

    /// See [`super::walk::Walker::walk`].
    pub(super) fn walk(
        &mut self,
        bytes: &[u8],
        span: &mut Span,
        records: &mut Vec<Record>,
        ledger: &mut Ledger,
    ) -> Stop {
        let before = records.len();
        let stop = match (self.big_endian, self.long_headers) {
            (false, false) => self.run::<Little, RECORD_HEADER>(bytes, span, records),
            (true, false) => self.run::<Big, RECORD_HEADER>(bytes, span, records),
            (false, true) => self.run::<Little, LONG_RECORD_HEADER>(bytes, span, records),
            (true, true) => self.run::<Big, LONG_RECORD_HEADER>(bytes, span, records),
        };
        if self.interface.is_none() {
            ledger.damaged_records += (records.len() - before) as u64;
            records.truncate(before);
        }
        stop
    }

    fn run<O: ByteOrder, const HEADER: usize>(
        &self,
        bytes: &[u8],
        span: &mut Span,
        records: &mut Vec<Record>,
    ) -> Stop {
        let interface = self.interface.unwrap_or_default();
        while span.position < span.limit {
            let start = span.position as usize;
            let Some((header, rest)) =
                bytes.get(start..).and_then(|rest| rest.split_first_chunk::<HEADER>())
            else {
                return Stop::Need(HEADER);
            };
            let (one, other) = (O::word(header, 2), O::word(header, 3));
            let (captured, original) = match self.lengths {
                Lengths::Usual => (one, other),
                unusual => unusual.of(one, other),
            };
            if captured > MAX_CAPTURED {
                return Stop::Damage(Damage::CapturedLength(captured));
            }
            let length = HEADER + captured as usize;
            if captured as usize > rest.len() {
                return Stop::Need(length);
            }
            records.push(Record {
                time: time_of(O::word(header, 0), u64::from(O::word(header, 1)) * self.unit),
                offset: (start + HEADER) as u32,
                captured,
                original,
                interface,
                direction: header
                    .get(PACKET_TYPE)
                    .map_or(Direction::Unknown, |&kind| direction_of(kind)),
            });
            span.position += length as u64;
        }
        Stop::Limit
    }
}

/// The packet type as in the cooked link header of Linux.
fn direction_of(packet_type: u8) -> Direction {
    match packet_type {
        0..=2 => Direction::Incoming,
        3 => Direction::Passing,
        4 => Direction::Outgoing,
        _ => Direction::Unknown,
    }
}
