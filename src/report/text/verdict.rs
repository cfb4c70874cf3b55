//! The top of the report: what an on-call engineer reads first, and often all of it.

use crate::report::document::Document;
use crate::report::layout::{Page, Tone};
use crate::report::number;
use crate::verdict::Status;

pub(super) fn put(page: &mut Page, document: &Document) {
    let verdict = &document.verdict;
    let (word, tone) = match verdict.status {
        Status::Healthy => ("HEALTHY", Tone::Good),
        Status::Degraded => ("DEGRADED", Tone::Warning),
        Status::Failing => ("FAILING", Tone::Bad),
        Status::Inconclusive => ("INCONCLUSIVE", Tone::Warning),
    };
    page.prose(0, (&format!("{word}: "), tone), 0, &verdict.summary);
    page.blank();
    let category = verdict.category.map(|name| format!(" ({name})")).unwrap_or_default();
    page.labelled(2, "Root cause  ", Tone::Strong, &format!("{}{category}", verdict.root_cause));
    page.labelled(2, "Severity    ", Tone::Plain, crate::report::severity(verdict.severity));
    page.labelled(
        2,
        "Confidence  ",
        Tone::Plain,
        &format!(
            "{} ({})",
            super::confidence(verdict.confidence),
            number::percent(verdict.confidence)
        ),
    );
}
