//! What a file is, told from its first bytes, never from its name.
//!
//! Foreign formats are recognised too, only to say what to do with them.

/// How many bytes [`recognise`] looks at: the magic of a tar archive stands at byte 257.
pub(super) const SNIFF_LENGTH: usize = 512;

/// What the first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// No bytes at all.
    Empty,
    /// The classic format of libpcap, any variant.
    Pcap,
    /// The block format of Wireshark.
    Pcapng,
    /// Something compressed that can be read.
    Compressed(Compression),
    /// Something else.
    Foreign {
        /// What it looks like.
        what: &'static str,
        /// What to do with it.
        advice: Option<&'static str>,
    },
}

/// A compression that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz container of LZMA2.
    Xz,
    /// The LZ4 frame format.
    Lz4,
}

impl Compression {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
            Compression::Lz4 => "lz4",
        }
    }
}

/// Whether four bytes are enough to tell that these are the beginning of something readable, so
/// that a live pipe need not be waited for.
pub(super) fn is_readable(start: &[u8]) -> bool {
    matches!(recognise(start), Format::Pcap | Format::Pcapng | Format::Compressed(_))
}

/// Tells what `start`, the first bytes of a file (up to [`SNIFF_LENGTH`]), are the beginning of.
pub(super) fn recognise(start: &[u8]) -> Format {
    match start {
        [] => Format::Empty,
        [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xcd, 0x34, ..]
        | [0x34, 0xcd, 0xb2, 0xa1, ..]
        | [0x1c, 0x00, 0x01, 0xab | 0xac, ..]
        | [0xab | 0xac, 0x01, 0x00, 0x1c, ..] => Format::Pcap,
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => Format::Pcapng,
        [0x1f, 0x8b, ..] => Format::Compressed(Compression::Gzip),
        // The second is a skippable frame, which pzstd writes first.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Format::Compressed(Compression::Zstd)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] | [0xfd, b'7', b'z', b'X'] => {
            Format::Compressed(Compression::Xz)
        }
        [0x04, 0x22, 0x4d, 0x18, ..] => Format::Compressed(Compression::Lz4),
        _ => foreign(start),
    }
}

const EDITCAP: Option<&str> = Some("convert it: editcap -F pcap FILE OUT.pcap");
const UNPACK: Option<&str> = Some("unpack it and give the captures inside");
const RECORD: Option<&str> = Some("record packets: tcpdump -i any -w FILE.pcap port 53");

/// Magic numbers of files that people give by mistake or that hold packets in another way.
const FOREIGN: &[(&[u8], &str, Option<&str>)] = &[
    (b"snoop\0\0\0", "a Solaris snoop capture", EDITCAP),
    (b"GMBU", "a Microsoft Network Monitor 2 capture", EDITCAP),
    (b"RTSS", "a Microsoft Network Monitor 1 capture", EDITCAP),
    (b"TRSNIFF data", "a Sniffer capture", EDITCAP),
    (b"XCP\0", "a Sniffer capture", EDITCAP),
    (b"iptrace ", "an AIX iptrace capture", EDITCAP),
    (b"\x7fver", "an EtherPeek or OmniPeek capture", EDITCAP),
    (b"NetS", "a Network Instruments capture", EDITCAP),
    (b"btsnoop\0", "a Bluetooth capture", None),
    (b"BZh", "compressed with bzip2", Some("decompress it: bzip2 -dc FILE | dnspect read -")),
    (b"\x1f\x9d", "compressed with compress", Some("decompress it: zcat FILE | dnspect read -")),
    (b"LZIP", "compressed with lzip", Some("decompress it: lzip -dc FILE | dnspect read -")),
    (b"\x89LZO", "compressed with lzop", Some("decompress it: lzop -dc FILE | dnspect read -")),
    (
        b"\x02\x21\x4c\x18",
        "compressed with the old lz4 format",
        Some("decompress it: lz4 -dc FILE | dnspect read -"),
    ),
    (b"\x5d\0\0", "compressed with lzma", Some("decompress it: lzma -dc FILE | dnspect read -")),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", None),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"\x7fELF", "a program (ELF)", None),
    (b"SQLite format 3\0", "an SQLite database", None),
    (b"PAR1", "a Parquet file", None),
    (b"%PDF", "a PDF document", None),
    (b"\x89PNG", "a PNG image", None),
    (b"LPKSHHRH", "a systemd journal", RECORD),
    (b"\x83\x66C-DNS", "a C-DNS file", Some("convert it: inspector -o OUT.pcap FILE")),
    (
        b"version https://git-lfs",
        "a Git LFS pointer",
        Some("fetch what it points to: git lfs pull"),
    ),
];

fn foreign(start: &[u8]) -> Format {
    let known = FOREIGN.iter().find(|(magic, ..)| start.starts_with(magic));
    if let Some(&(_, what, advice)) = known {
        return Format::Foreign { what, advice };
    }
    let (what, advice) = if start.get(257..262) == Some(b"ustar") {
        ("a tar archive", UNPACK)
    } else if contains(start, b"protobuf:dnstap") {
        ("a dnstap log", RECORD)
    } else if start.len() < 4 {
        ("too short to be one", None)
    } else if start.iter().all(|&byte| byte == 0) {
        ("a run of zero bytes", Some("the disk may have been full, or the copy is incomplete"))
    } else if is_text(start) {
        text(start)
    } else {
        ("data of an unknown format", EDITCAP)
    };
    Format::Foreign { what, advice }
}

/// What kind of text it is.
fn text(start: &[u8]) -> (&'static str, Option<&'static str>) {
    let lower = start.trim_ascii_start().to_ascii_lowercase();
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        ("an HTML page", Some("a download that ended at a login or error page?"))
    } else if lower.starts_with(b"<?xml") || lower.starts_with(b"<pdml") {
        ("an XML document", RECORD)
    } else if lower.starts_with(b"{") || lower.starts_with(b"[") {
        ("JSON", RECORD)
    } else if contains(&lower, b" ip ") || contains(&lower, b" ip6 ") {
        ("text as tcpdump prints it", Some("record with -w: tcpdump -i any -w FILE.pcap port 53"))
    } else if lower.starts_with(b"0000") {
        ("a hex dump", Some("convert it: text2pcap FILE OUT.pcap"))
    } else {
        ("text", RECORD)
    }
}

fn is_text(start: &[u8]) -> bool {
    start.iter().all(|&byte| byte >= 0x20 && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r'))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(start: &[u8]) -> &'static str {
        match recognise(start) {
            Format::Foreign { what, .. } => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn captures_are_told_by_magic() {
        assert_eq!(recognise(&[0xd4, 0xc3, 0xb2, 0xa1]), Format::Pcap);
        assert_eq!(recognise(&[0xa1, 0xb2, 0x3c, 0x4d, 0, 2]), Format::Pcap);
        assert_eq!(recognise(&[0x0a, 0x0d, 0x0d, 0x0a]), Format::Pcapng);
        assert_eq!(recognise(&[0x1f, 0x8b, 8]), Format::Compressed(Compression::Gzip));
        assert_eq!(recognise(&[]), Format::Empty);
    }

    #[test]
    fn foreign_files_are_named() {
        assert_eq!(what(b"\x7fELF\x02\x01"), "a program (ELF)");
        assert_eq!(what(b"{\"a\": 1}"), "JSON");
        assert_eq!(what(b"<!DOCTYPE html><html>"), "an HTML page");
        assert_eq!(what(b"hello, world\n"), "text");
        assert_eq!(what(b"12:00:00.1 IP 10.0.0.1.53 > 10.0.0.2.9"), "text as tcpdump prints it");
        assert_eq!(what(b"\x01\x02\x03\x04"), "data of an unknown format");
        assert_eq!(what(b"ab"), "too short to be one");
        assert_eq!(what(&[0; 100]), "a run of zero bytes");
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(what(&tar), "a tar archive");
    }
}
