//! A message in full, for people: the cold path, for the few samples that the report shows.
//!
//! hickory-proto reads the records here. It takes a message or refuses it as a whole, and a hostile
//! 64 KB one takes it 7 ms: so there is a [`CAP`], and what it refuses is described by its summary.
//! All that comes from the network is written in printable ASCII (RFC 1035, section 5.1).

use std::fmt::Write as _;

use hickory_proto::op::Message as Full;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, Name, RData, Record};

use super::message;
use crate::model::{Message, NameHasher, display_name, extended_error, qtype};

/// Octets of a message that are described: as many as any UDP answer of today, and little work
/// even if every name in it is as long and as compressed as can be.
pub const CAP: usize = 4096;

/// Records shown of a section.
const RECORDS: usize = 3;

/// Extended errors shown: a resolver sends one or two.
const ERRORS: usize = 3;

/// Characters shown of a record's data or of a text.
const WIDTH: usize = 120;

/// The class of all names that anybody looks up today.
const INTERNET: u16 = 1;

/// Describes the message in one line. `cut`: the capture does not hold all of it. Beyond [`CAP`]
/// octets it is taken for cut there. `None` when not even ID and flags are there.
pub fn describe(bytes: &[u8], cut: bool) -> Option<String> {
    let cut = cut || bytes.len() > CAP;
    let bytes = &bytes[..bytes.len().min(CAP)];
    let sent = bytes.len() + usize::from(cut);
    // The hash is not looked at, so its seed does not matter.
    let summary = message::parse(bytes, sent, &NameHasher::with_seed(0))?;
    let mut text = head(&summary);
    let _ = write!(text, "; {}", question(bytes, &summary));
    match Full::from_vec(bytes) {
        Ok(full) if !cut => records(&mut text, &full),
        _ => remains(&mut text, &summary, cut),
    }
    Some(text)
}

/// `response SERVFAIL, ID 0x1a2b, flags RD RA`.
fn head(summary: &Message) -> String {
    let flags = summary.flags;
    let kind = match flags.opcode() {
        0 => String::new(),
        4 => " (NOTIFY)".to_owned(),
        5 => " (UPDATE)".to_owned(),
        other => format!(" (OPCODE {other})"),
    };
    let mut text = if flags.is_response() {
        format!("response{kind} {}, ID 0x{:04x}", summary.rcode.mnemonic(), summary.id)
    } else {
        format!("query{kind}, ID 0x{:04x}", summary.id)
    };
    let set: Vec<&str> = [
        ("AA", flags.authoritative()),
        ("TC", flags.truncated()),
        ("RD", flags.recursion_desired()),
        ("RA", flags.recursion_available()),
        ("AD", flags.authentic_data()),
        ("CD", flags.checking_disabled()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect();
    let _ = match set.as_slice() {
        [] => write!(text, ", no flags"),
        set => write!(text, ", flags {}", set.join(" ")),
    };
    text
}

/// `question www.example A`, as the summary has it: it is there wherever the octets are.
fn question(bytes: &[u8], summary: &Message) -> String {
    let end = Message::QNAME_OFFSET + usize::from(summary.qname_length);
    let name = bytes.get(Message::QNAME_OFFSET..end).unwrap_or_default();
    if name.is_empty() {
        return match summary.counts[0] {
            0 => "no question".to_owned(),
            _ => "question unreadable".to_owned(),
        };
    }
    let mut text = format!("question {} {}", display_name(name), qtype::mnemonic(summary.qtype));
    if summary.qclass != INTERNET {
        let _ = write!(text, " CLASS{}", summary.qclass);
    }
    if summary.counts[0] > 1 {
        let _ = write!(text, " and {} more", summary.counts[0] - 1);
    }
    text
}

/// The sections and EDNS of a whole message.
fn records(text: &mut String, full: &Full) {
    section(text, "answer", &full.answers);
    if let Some(soa) = full.authorities.iter().find(|r| matches!(r.data, RData::SOA(_))) {
        let _ = write!(text, "; authority {}", record(soa));
        let others = full.authorities.len() - 1;
        if others > 0 {
            let _ = write!(text, " and {others} more");
        }
    } else if !full.authorities.is_empty() {
        section(text, "authority", &full.authorities);
    }
    if !full.additionals.is_empty() {
        section(text, "additional", &full.additionals);
    }
    let Some(edns) = &full.edns else { return };
    let _ = write!(text, "; EDNS {} octets", edns.max_payload());
    if edns.flags().dnssec_ok {
        text.push_str(", DO");
    }
    let errors: Vec<&[u8]> = edns
        .options()
        .as_ref()
        .iter()
        .filter_map(|(code, option)| match (code, option) {
            (EdnsCode::Unknown(message::OPTION_EXTENDED_ERROR), EdnsOption::Unknown(_, data)) => {
                Some(data.as_slice())
            }
            _ => None,
        })
        .collect();
    for data in errors.iter().take(ERRORS) {
        let [high, low, words @ ..] = data else { continue };
        let _ = write!(text, ", {}", error(u16::from_be_bytes([*high, *low])));
        if !words.is_empty() {
            let _ = write!(text, ": {}", quoted(words));
        }
    }
    if errors.len() > ERRORS {
        let _ = write!(text, " and {} more", errors.len() - ERRORS);
    }
}

/// What can be said of a message that hickory refuses, or that the capture cut.
fn remains(text: &mut String, summary: &Message, cut: bool) {
    let [_, answers, authorities, additionals] = summary.counts;
    let _ = write!(
        text,
        "; announces {answers} answer, {authorities} authority and {additionals} additional records"
    );
    if summary.edns {
        let _ = write!(text, "; EDNS {} octets", summary.edns_size);
    }
    if let Some(code) = summary.extended_error {
        let _ = write!(text, ", {}", error(code));
    }
    text.push_str(match () {
        () if cut => "; the capture holds only its beginning",
        () if summary.flags.truncated() && summary.malformed == 0 => "; the server cut it short",
        () => "; it is damaged: its records cannot be read",
    });
}

fn section(text: &mut String, name: &str, records: &[Record]) {
    let _ = write!(text, "; {name} ");
    let shown: Vec<String> = records.iter().take(RECORDS).map(record).collect();
    text.push_str(if shown.is_empty() { "empty" } else { "" });
    text.push_str(&shown.join(", "));
    if records.len() > RECORDS {
        let _ = write!(text, " and {} more", records.len() - RECORDS);
    }
}

/// `www.example 30 A 192.0.2.1`.
fn record(record: &Record) -> String {
    let kind = u16::from(record.record_type());
    let mut text = format!("{} {} ", presentation(&record.name), record.ttl);
    if record.dns_class != DNSClass::IN {
        let _ = write!(text, "CLASS{} ", u16::from(record.dns_class));
    }
    let _ = write!(text, "{} {}", qtype::mnemonic(kind), clipped(data(&record.data)));
    text
}

fn data(data: &RData) -> String {
    match data {
        RData::A(address) => address.0.to_string(),
        RData::AAAA(address) => address.0.to_string(),
        RData::CNAME(name) => presentation(&name.0),
        RData::NS(name) => presentation(&name.0),
        RData::PTR(name) => presentation(&name.0),
        RData::MX(mx) => format!("{} {}", mx.preference, presentation(&mx.exchange)),
        RData::SRV(srv) => {
            let target = presentation(&srv.target);
            format!("{} {} {} {target}", srv.priority, srv.weight, srv.port)
        }
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            presentation(&soa.mname),
            presentation(&soa.rname),
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        ),
        RData::TXT(txt) => {
            let strings: Vec<String> = txt.txt_data.iter().map(|one| quoted(one)).collect();
            strings.join(" ")
        }
        RData::Unknown { rdata, .. } => format!("\\# {}", rdata.anything.len()),
        // hickory's own form of the rarer ones.
        other => escaped(other.to_string().as_bytes(), b""),
    }
}

/// A name as [`display_name`] writes it; hickory's own form is for host names.
fn presentation(name: &Name) -> String {
    let mut wire = Vec::with_capacity(name.len() + 1);
    for label in name {
        wire.push(label.len() as u8);
        wire.extend_from_slice(label);
    }
    wire.push(0);
    display_name(&wire)
}

fn error(code: u16) -> String {
    match extended_error::meaning(code) {
        Some(meaning) => format!("extended error {code} ({meaning})"),
        None => format!("extended error {code}"),
    }
}

/// Octets between quotes, as in a zone file.
fn quoted(octets: &[u8]) -> String {
    format!("\"{}\"", clipped(escaped(octets, b"\"\\")))
}

/// Octets as printable ASCII: others, and `special` ones, behind a backslash.
fn escaped(octets: &[u8], special: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        let _ = match octet {
            _ if special.contains(&octet) => write!(text, "\\{}", char::from(octet)),
            0x20..=0x7e => write!(text, "{}", char::from(octet)),
            _ => write!(text, "\\{octet:03}"),
        };
    }
    text
}

/// No more than [`WIDTH`] characters; all of `text` is ASCII.
fn clipped(mut text: String) -> String {
    if text.len() > WIDTH {
        text.truncate(WIDTH);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests;
