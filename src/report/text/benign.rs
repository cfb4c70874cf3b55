//! What looks like a fault and is none: named, so that nobody chases it.

use crate::report::layout::{Page, Tone};
use crate::verdict::Finding;

pub(super) fn put<'a>(page: &mut Page, findings: impl Iterator<Item = &'a Finding>) {
    for (i, finding) in findings.enumerate() {
        if i == 0 {
            page.heading(0, "Normal here");
        }
        let mut sentences: Vec<&str> = Vec::new();
        if !finding.summary.is_empty() {
            sentences.push(&finding.summary);
        }
        sentences.extend(finding.evidence.iter().map(|evidence| evidence.text.as_str()));
        let text = sentences.iter().map(|text| closed(text)).collect::<Vec<_>>().join(" ");
        page.prose(2, (&format!("- {}: ", finding.cause), Tone::Plain), 4, &text);
        if let Some(filter) =
            finding.evidence.iter().map(|e| &e.display_filter).find(|filter| !filter.is_empty())
        {
            page.labelled(4, "filter: ", Tone::Code, filter);
        }
    }
}

/// A sentence with its full stop.
fn closed(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
