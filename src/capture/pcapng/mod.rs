//! The block format of Wireshark: sections with a byte order each, interfaces numbered within a
//! section, packets in three kinds of blocks.
//!
//! The odd thing: a block's length stands at both of its ends. Blocks that are of no interest are
//! not loaded, so their second length is an item of its own to the walk ([`Pcapng::trailer`]).
//! Packets of simple packet blocks have no time: they get that of the packet before in the file.

use std::mem;
use std::ops::ControlFlow;

use super::ledger::Ledger;
use super::order::{Big, ByteOrder, Little};
use super::walk::{Damage, Span, Stop};
use super::{Interface, MAX_CAPTURED, Record};
use crate::model::{Direction, LinkType, Timestamp};

mod clock;
mod option;
mod packet;

use clock::Clock;
use option::for_each_option;
use packet::packet;

/// The largest block that is loaded whole, as in Wireshark and libpcap: a packet of 256 KiB with
/// comments has room, and a crafted length cannot take all the memory.
const MAX_BLOCK: u32 = 16 << 20;
/// Type and length before, length behind.
const FRAME: u32 = 12;
/// Type and length.
const HEAD: usize = 8;
/// Of an interface's name so many bytes are kept (Linux has 15, Windows about 50).
const MAX_INTERFACE_NAME: usize = 255;
/// "Not known" in the drop count of an obsolete packet block.
const DROPS_UNKNOWN: u16 = u16::MAX;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// The state of a walk over a pcapng file.
#[derive(Debug)]
pub(super) struct Pcapng {
    file: u16,
    big_endian: bool,
    /// The interfaces of this section.
    interfaces: Vec<SectionInterface>,
    /// The time of the last packet.
    last: Timestamp,
    /// At the position stands the second length of a block that was skipped, and it must be this.
    trailer: Option<u32>,
    /// A section of an unknown version was reported.
    other_version: bool,
}

#[derive(Clone, Copy, Debug)]
struct SectionInterface {
    global: u16,
    snap_length: u32,
    clock: Clock,
}

impl Pcapng {
    pub(super) fn new(file: u16) -> Pcapng {
        Pcapng {
            file,
            big_endian: false,
            interfaces: Vec::new(),
            last: Timestamp(0),
            trailer: None,
            other_version: false,
        }
    }

    /// Whether a file may end here.
    pub(super) fn may_end(&self) -> bool {
        self.trailer.is_none()
    }

    /// See [`super::walk::Walker::walk`].
    pub(super) fn walk(
        &mut self,
        bytes: &[u8],
        span: &mut Span,
        records: &mut Vec<Record>,
        ledger: &mut Ledger,
    ) -> Stop {
        while span.position < span.limit {
            let section = bytes
                .get(span.position as usize..)
                .is_some_and(|rest| rest.starts_with(&SECTION_HEADER.to_be_bytes()));
            if section && self.trailer.is_none() {
                if let ControlFlow::Break(stop) = self.begin_section(bytes, span, ledger) {
                    return stop;
                }
            } else {
                // Returns at the next section header, which may change the byte order.
                let flow = if self.big_endian {
                    self.run::<Big>(bytes, span, records, ledger)
                } else {
                    self.run::<Little>(bytes, span, records, ledger)
                };
                if let ControlFlow::Break(stop) = flow {
                    return stop;
                }
            }
        }
        Stop::Limit
    }

    fn begin_section(
        &mut self,
        bytes: &[u8],
        span: &mut Span,
        ledger: &mut Ledger,
    ) -> ControlFlow<Stop> {
        let start = span.position as usize;
        let Some(head) = bytes.get(start..).and_then(|rest| rest.first_chunk::<16>()) else {
            return ControlFlow::Break(Stop::Need(16));
        };
        let big_endian = match head[8..12] {
            [0x1a, 0x2b, 0x3c, 0x4d] => true,
            [0x4d, 0x3c, 0x2b, 0x1a] => false,
            _ => return ControlFlow::Break(Stop::Damage(Damage::ByteOrderMark)),
        };
        let (length, major, minor) =
            if big_endian { section_of::<Big>(head) } else { section_of::<Little>(head) };
        // As Wireshark does. If it is not, a block that is none will show it.
        if major != 1 && !mem::replace(&mut self.other_version, true) {
            let name = ledger.file_name(self.file);
            let warning =
                format!("{name} has a section of version {major}.{minor}: read as version 1.0");
            ledger.warn(warning);
        }
        // Type, lengths, mark, version and section length: what follows are options.
        if length < 28 {
            return ControlFlow::Break(Stop::Damage(Damage::BlockLength(length)));
        }
        self.big_endian = big_endian;
        self.interfaces.clear();
        self.skip(span, length);
        ControlFlow::Continue(())
    }

    /// Puts the position at the second length of a block.
    fn skip(&mut self, span: &mut Span, length: u32) {
        span.position += u64::from(length) - 4;
        self.trailer = Some(length);
    }

    /// Walks over the blocks up to the next section header.
    fn run<O: ByteOrder>(
        &mut self,
        bytes: &[u8],
        span: &mut Span,
        records: &mut Vec<Record>,
        ledger: &mut Ledger,
    ) -> ControlFlow<Stop> {
        while span.position < span.limit {
            let start = usize::try_from(span.position).unwrap_or(usize::MAX);
            let rest = bytes.get(start..).unwrap_or_default();
            if let Some(expected) = self.trailer {
                let Some(length) = O::u32_at(rest, 0) else {
                    return ControlFlow::Break(Stop::Need(4));
                };
                if length != expected {
                    let damage = Damage::Trailer { start: expected, end: length };
                    return ControlFlow::Break(Stop::Damage(damage));
                }
                self.trailer = None;
                span.position += 4;
                continue;
            }
            let Some(head) = rest.first_chunk::<HEAD>() else {
                return ControlFlow::Break(Stop::Need(HEAD));
            };
            let (kind, length) = (O::word(head, 0), O::word(head, 1));
            if kind == SECTION_HEADER {
                return ControlFlow::Continue(());
            }
            if length < FRAME {
                return ControlFlow::Break(Stop::Damage(Damage::BlockLength(length)));
            }
            let interesting = matches!(
                kind,
                INTERFACE_DESCRIPTION
                    | OBSOLETE_PACKET
                    | SIMPLE_PACKET
                    | INTERFACE_STATISTICS
                    | ENHANCED_PACKET
            );
            if !interesting {
                self.skip(span, length);
                continue;
            }
            if length > MAX_BLOCK {
                return ControlFlow::Break(Stop::Damage(Damage::BlockLength(length)));
            }
            let Some(block) = rest.get(..length as usize) else {
                return ControlFlow::Break(Stop::Need(length as usize));
            };
            let end = O::u32_at(block, block.len() - 4).unwrap_or_default();
            if end != length {
                let damage = Damage::Trailer { start: length, end };
                return ControlFlow::Break(Stop::Damage(damage));
            }
            let body = &block[HEAD..block.len() - 4];
            let packet = match kind {
                ENHANCED_PACKET => self.enhanced_packet::<O>(body, ledger),
                SIMPLE_PACKET => self.simple_packet::<O>(body),
                OBSOLETE_PACKET => self.obsolete_packet::<O>(body, ledger),
                INTERFACE_STATISTICS => {
                    self.interface_statistics::<O>(body, ledger);
                    span.position += u64::from(length);
                    continue;
                }
                _ => {
                    if self.describe_interface::<O>(body, ledger).is_none() {
                        return ControlFlow::Break(Stop::Damage(Damage::InterfaceDescription));
                    }
                    span.position += u64::from(length);
                    continue;
                }
            };
            match packet {
                Some(mut record) => {
                    self.last = record.time;
                    record.offset += (start + HEAD) as u32;
                    records.push(record);
                }
                None => ledger.damaged_records += 1,
            }
            span.position += u64::from(length);
        }
        ControlFlow::Continue(())
    }

    /// The record of an enhanced packet block; offsets are within the body. `None`: damaged.
    fn enhanced_packet<O: ByteOrder>(&self, body: &[u8], ledger: &mut Ledger) -> Option<Record> {
        let head = body.first_chunk::<20>()?;
        let interface = self.interfaces.get(O::word(head, 0) as usize)?;
        packet::<O>(body, head, interface, ledger)
    }

    /// The record of an obsolete packet block: its first word is two 16-bit numbers.
    fn obsolete_packet<O: ByteOrder>(&self, body: &[u8], ledger: &mut Ledger) -> Option<Record> {
        let head = body.first_chunk::<20>()?;
        let interface = self.interfaces.get(usize::from(O::u16_at(head, 0)?))?;
        let drops = O::u16_at(head, 2)?;
        if drops != DROPS_UNKNOWN {
            ledger.add_dropped(interface.global, u64::from(drops));
        }
        packet::<O>(body, head, interface, ledger)
    }

    /// The record of a simple packet block: of the section's first interface.
    fn simple_packet<O: ByteOrder>(&self, body: &[u8]) -> Option<Record> {
        let original = O::u32_at(body, 0)?;
        let interface = self.interfaces.first()?;
        let captured = match interface.snap_length {
            0 => original,
            limit => original.min(limit),
        };
        if captured > MAX_CAPTURED || captured as usize > body.len() - 4 {
            return None;
        }
        Some(Record {
            time: self.last,
            offset: 4,
            captured,
            original,
            interface: interface.global,
            direction: Direction::Unknown,
        })
    }

    /// Enters an interface; `None`: the block is too short to be one.
    fn describe_interface<O: ByteOrder>(&mut self, body: &[u8], ledger: &mut Ledger) -> Option<()> {
        let link_type = LinkType(O::u16_at(body, 0)?);
        let snap_length = O::u32_at(body, 4)?;
        let mut clock = Clock::default();
        let mut name = None;
        for_each_option::<O>(body.get(8..)?, |code, value| match (code, value) {
            (2, _) => {
                let value = &value[..value.len().min(MAX_INTERFACE_NAME)];
                let text = String::from_utf8_lossy(value);
                // Some writers count the zero at the end of a C string.
                let text = text.trim_end_matches('\0');
                name = (!text.is_empty()).then(|| text.to_owned());
            }
            (9, [resolution, ..]) => clock.set_resolution(*resolution),
            (14, _) => {
                if let Some(seconds) = O::u64_of(value) {
                    clock.set_offset(seconds as i64);
                }
            }
            _ => {}
        });
        // Where no number is left the section's table stays as it is: the packets of this interface
        // and of all behind are then counted as damaged, as those of interfaces that do not exist.
        let interface = Interface { name, link_type, snap_length, file: self.file };
        if let Some(global) = ledger.add_interface(interface) {
            self.interfaces.push(SectionInterface { global, snap_length, clock });
        }
        Some(())
    }

    fn interface_statistics<O: ByteOrder>(&self, body: &[u8], ledger: &mut Ledger) {
        let interface = O::u32_at(body, 0).and_then(|id| self.interfaces.get(id as usize));
        let (Some(interface), Some(options)) = (interface, body.get(12..)) else { return };
        let mut dropped: Option<u64> = None;
        for_each_option::<O>(options, |code, value| {
            // isb_ifdrop (by the interface), isb_osdrop (by the operating system)
            if let (5 | 7, Some(count)) = (code, O::u64_of(value)) {
                dropped = Some(dropped.unwrap_or(0).saturating_add(count));
            }
        });
        if let Some(dropped) = dropped {
            ledger.set_dropped(interface.global, dropped);
        }
    }
}

fn section_of<O: ByteOrder>(head: &[u8; 16]) -> (u32, u16, u16) {
    let version = |offset| O::u16_at(head, offset).unwrap_or_default();
    (O::word(head, 1), version(12), version(14))
}
