//! The end of the report: what the capture cannot tell, and what it was.

use crate::report::document::Capture;
use crate::report::layout::{Page, Tone};
use crate::report::moment;
use crate::report::number::{bytes, count, counted};

pub(super) fn put(page: &mut Page, capture: &Capture) {
    let mut sentences = capture.caveats.clone();
    for limit in capture.limits() {
        if !sentences.contains(&limit) {
            sentences.push(limit);
        }
    }
    if !sentences.is_empty() {
        page.heading(0, "What this capture cannot tell");
        for sentence in &sentences {
            page.item(2, sentence);
        }
    }
    if !capture.node.is_empty() {
        page.heading(0, "Node, while the capture ran");
        for line in &capture.node {
            page.item(2, line);
        }
    }
    page.blank();
    if !capture.taken.is_empty() {
        page.prose(0, ("Taken: ", Tone::Strong), 2, &format!("{}.", capture.taken));
    }
    page.prose(0, ("Capture: ", Tone::Strong), 2, &description(capture));
}

fn description(capture: &Capture) -> String {
    let mut parts = Vec::new();
    if !capture.files.is_empty() {
        parts.push(super::shortened(&capture.files));
    }
    if let (Some(first), Some(last)) = (&capture.first_packet, &capture.last_packet) {
        parts.push(moment::window(first, last));
    }
    parts.push(format!("{} ({})", counted(capture.packets, "packet"), bytes(capture.bytes)));
    let dns = &capture.dns;
    let messages = counted(dns.total(), "DNS message");
    parts.push(match dns.tcp_queries + dns.tcp_responses {
        0 => messages,
        tcp => format!("{messages} ({} over TCP)", count(tcp)),
    });
    if capture.copies > 0 {
        let noun = if capture.copies == 1 { "copy" } else { "copies" };
        parts.push(format!("{} {noun} merged", count(capture.copies)));
    }
    if capture.out_of_order > 0 {
        parts.push(format!("{} out of order", counted(capture.out_of_order, "packet")));
    }
    parts.join("; ")
}
