//! Blocks of pcapng as they are written: little-endian, nanoseconds, one section a file.
//!
//! What is known at the end only, the findings, belongs where readers look for it: `capinfos` and
//! Wireshark show comments of the section header and none of statistics blocks (tried with 4.0). So room
//! is left in the header and filled in place; where a file cannot be gone back in, a section of its own at
//! the end holds them, which is shown as well.

use crate::capture::{Interface, Record};
use crate::model::{Direction, Timestamp};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;

const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
/// Codes with the highest bit are for whoever writes the file; readers pass them over.
const FILLER: u16 = 0x8001;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_FILTER: u16 = 11;
const EPB_FLAGS: u16 = 2;
const ISB_STARTTIME: u16 = 2;
const ISB_ENDTIME: u16 = 3;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;
const ISB_USRDELIV: u16 = 8;

/// 10⁻⁹ s.
const NANOSECONDS: u8 = 9;

/// Octets of a packet block before the packet: type, length, interface, time, captured, original.
pub(super) const PACKET_HEAD: usize = 28;

/// What the kernel says of an interface since it was opened; `None`: it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that came by (`ps_recv`).
    pub received: Option<u64>,
    /// Packets that the interface had no room for (`ps_ifdrop`).
    pub interface_dropped: Option<u64>,
    /// Packets that the kernel's buffer had no room for (`ps_drop`).
    pub kernel_dropped: Option<u64>,
}

/// The same of one file: what happened while it was open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) counters: Counters,
    /// Packets in the file.
    pub(super) written: u64,
    /// Packets that the disk was too slow for, or that could not be written.
    pub(super) lost: u64,
}

/// The beginning of a file, with `room` octets for comments.
pub(super) fn section_header(out: &mut Vec<u8>, comments: &[String], room: usize) {
    block(out, SECTION_HEADER, |out| {
        out.extend(BYTE_ORDER.to_le_bytes());
        out.extend([1, 0, 0, 0]); // version 1.0
        out.extend(u64::MAX.to_le_bytes()); // section length: not known
        let application = format!("dnspect {}", env!("CARGO_PKG_VERSION"));
        option(out, SHB_USERAPPL, application.as_bytes());
        comments_within(out, comments, room);
        option(out, OPT_END, &[]);
    });
}

/// Comments in exactly `room` octets; what has no room is cut, or left out. 0: as many as they need.
fn comments_within(out: &mut Vec<u8>, comments: &[String], room: usize) {
    /// Code and length.
    const HEAD: usize = 4;
    let end = out.len() + room;
    for comment in comments {
        let mut comment = comment.as_str();
        if room > 0 {
            // The filler behind it needs its own head.
            let Some(free) = (end - out.len()).checked_sub(2 * HEAD).filter(|&free| free >= HEAD)
            else {
                break;
            };
            let fits = |&end: &usize| comment.is_char_boundary(end);
            let end = (0..=comment.len().min(free & !3)).rev().find(fits).unwrap_or(0);
            comment = &comment[..end];
        }
        option(out, OPT_COMMENT, comment.as_bytes());
    }
    if let Some(free) = end.checked_sub(out.len() + HEAD) {
        option(out, FILLER, &vec![0; free]);
    }
}

/// An interface, before its first packet.
pub(super) fn interface(out: &mut Vec<u8>, interface: &Interface, filter: Option<&str>) {
    block(out, INTERFACE_DESCRIPTION, |out| {
        out.extend(interface.link_type.0.to_le_bytes());
        out.extend([0, 0]);
        out.extend(interface.snap_length.to_le_bytes());
        if let Some(name) = &interface.name {
            option(out, IF_NAME, name.as_bytes());
        }
        option(out, IF_TSRESOL, &[NANOSECONDS]);
        if let Some(filter) = filter {
            // 0: a filter of libpcap as text.
            option(out, IF_FILTER, &[&[0], filter.as_bytes()].concat());
        }
        option(out, OPT_END, &[]);
    });
}

/// A packet.
pub(super) fn packet(out: &mut Vec<u8>, record: &Record, bytes: &[u8]) {
    // Reception types 1 (unicast) and 4 (for another host), as the reader tells them apart.
    let flags: u32 = match record.direction {
        Direction::Unknown => 0,
        Direction::Incoming => 1 | 1 << 2,
        Direction::Outgoing => 2,
        Direction::Passing => 1 | 4 << 2,
    };
    block(out, ENHANCED_PACKET, |out| {
        out.extend(u32::from(record.interface).to_le_bytes());
        out.extend(halves(record.time));
        out.extend((bytes.len() as u32).to_le_bytes());
        out.extend(record.original.to_le_bytes());
        out.extend_from_slice(bytes);
        pad(out, bytes.len());
        if flags != 0 {
            option(out, EPB_FLAGS, &flags.to_le_bytes());
            option(out, OPT_END, &[]);
        }
    });
}

/// What is to be said of an interface at the end of a file.
pub(super) fn statistics(out: &mut Vec<u8>, interface: u32, statistics: &Statistics) {
    let Statistics { start, end, counters, written, lost } = *statistics;
    block(out, INTERFACE_STATISTICS, |out| {
        out.extend(interface.to_le_bytes());
        out.extend(halves(end));
        option(out, ISB_STARTTIME, &halves(start));
        option(out, ISB_ENDTIME, &halves(end));
        // Packets that the file lacks are lost to whoever reads it, whoever lost them.
        let missing = (lost > 0).then_some(lost);
        let kernel = [counters.kernel_dropped, missing].into_iter().flatten().reduce(|a, b| a + b);
        for (code, count) in [
            (ISB_IFRECV, counters.received),
            (ISB_IFDROP, counters.interface_dropped),
            (ISB_OSDROP, kernel),
            (ISB_USRDELIV, Some(written)),
        ] {
            if let Some(count) = count {
                option(out, code, &count.to_le_bytes());
            }
        }
        option(out, OPT_END, &[]);
    });
}

/// A time in two words, the higher one first.
fn halves(time: Timestamp) -> [u8; 8] {
    let nanos = time.0 as u64;
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&((nanos >> 32) as u32).to_le_bytes());
    bytes[4..].copy_from_slice(&(nanos as u32).to_le_bytes());
    bytes
}

fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    body(out);
    let length = (out.len() - start + 4) as u32;
    out.extend(length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    // Only a file's own filter can be longer, and nobody reads that much of one.
    let value = &value[..value.len().min(0xfffc)];
    out.extend(code.to_le_bytes());
    out.extend((value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    pad(out, value.len());
}

fn pad(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&[0; 3][..length.wrapping_neg() & 3]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(comments: &[&str], room: usize) -> Vec<u8> {
        let comments: Vec<String> = comments.iter().map(|&text| text.to_owned()).collect();
        let mut out = Vec::new();
        section_header(&mut out, &comments, room);
        out
    }

    #[test]
    fn a_header_has_one_length_whatever_is_said_in_it() {
        let empty = header(&[], 64);
        let long = "ü".repeat(100);
        for comments in [&["one"][..], &["one", "two"], &[&long], &["a", &long, "b"]] {
            let filled = header(comments, 64);
            assert_eq!(filled.len(), empty.len(), "{comments:?}");
            assert_eq!(filled[4..8], (filled.len() as u32).to_le_bytes());
        }
        // Without going back in the file nothing is cut.
        assert!(header(&[&long], 0).len() > 200);
    }

    #[test]
    fn comments_are_cut_between_characters() {
        let filled = header(&[&"ü".repeat(100)], 32);
        let text = String::from_utf8_lossy(&filled).into_owned();
        assert!(text.contains("üü") && !text.contains('\u{fffd}') || text.contains('\u{1}'));
        let start = filled.windows(2).position(|pair| pair == "ü".as_bytes()).unwrap();
        let length = u16::from_le_bytes([filled[start - 2], filled[start - 1]]);
        assert!(std::str::from_utf8(&filled[start..start + usize::from(length)]).is_ok());
    }
}
