//! What is wrong: for each finding its evidence, its scope, what it is not, and what to do.

use std::collections::BTreeMap;

use crate::report::layout::{Page, Tone};
use crate::report::number::{figure, frames, percent};
use crate::verdict::{Evidence, Finding, Scope};

pub(super) fn put(page: &mut Page, faults: &[&Finding], names: &BTreeMap<String, String>) {
    for (i, finding) in faults.iter().enumerate() {
        page.blank();
        let number = if faults.len() > 1 { format!("{}. ", i + 1) } else { String::new() };
        page.line(0, Tone::Strong, &format!("{number}{}", finding.cause));
        // The verdict has said of the first what would stand here.
        if i > 0 {
            if !finding.summary.is_empty() {
                page.paragraph(2, &finding.summary);
            }
            page.paragraph(
                2,
                &format!(
                    "Severity {}, {} confidence ({}), {}.",
                    crate::report::severity(finding.severity),
                    super::confidence(finding.confidence),
                    percent(finding.confidence),
                    finding.category
                ),
            );
        }
        page.blank();
        if let Some(window) = super::window(finding) {
            page.labelled(2, "When     ", Tone::Plain, &window);
        }
        scope(page, &finding.scope, names);
        evidence(page, &finding.evidence);
        if !finding.alternatives.is_empty() {
            page.heading(2, "Why not something else");
            for other in &finding.alternatives {
                page.item(2, &format!("{}: {}", other.cause, other.why_less_likely));
            }
        }
        step(page, "Do now", &finding.mitigation.immediate);
        step(page, "Then", &finding.mitigation.long_term);
        if !finding.confirm.is_empty() {
            page.heading(2, "Confirm with");
            for command in &finding.confirm {
                page.line(4, Tone::Code, command);
            }
        }
        page.blank();
        page.labelled(2, "More: ", Tone::Code, &format!("dnspect explain {}", finding.cause));
    }
}

fn scope(page: &mut Page, scope: &Scope, names: &BTreeMap<String, String>) {
    let lists = [
        ("Clients  ", &scope.clients),
        ("Servers  ", &scope.servers),
        ("Seen on  ", &scope.interfaces),
        ("Names    ", &scope.names),
    ];
    for (label, members) in lists {
        if !members.is_empty() {
            let named: Vec<String> = members.iter().map(|member| named(member, names)).collect();
            page.prose(2, (label, Tone::Faint), 2 + label.len(), &super::shortened(&named));
        }
    }
}

/// An address with what it belongs to.
fn named(member: &str, names: &BTreeMap<String, String>) -> String {
    match names.get(member) {
        Some(name) => format!("{name} ({member})"),
        None => member.to_owned(),
    }
}

fn evidence(page: &mut Page, list: &[Evidence]) {
    if list.is_empty() {
        return;
    }
    page.heading(2, "Evidence");
    for evidence in list {
        page.item(2, &evidence.text);
        let mut facts = Vec::new();
        // The value of a sample is its frame, which follows anyway.
        if !evidence.metric.is_empty() && evidence.unit != "frame" {
            facts.push(format!("{} {}", evidence.metric, figure(evidence.value, &evidence.unit)));
        }
        if !evidence.frames.is_empty() {
            facts.push(frames(&evidence.frames));
        }
        if !facts.is_empty() {
            page.line(4, Tone::Faint, &facts.join(", "));
        }
        if !evidence.display_filter.is_empty() {
            page.labelled(4, "filter: ", Tone::Code, &evidence.display_filter);
        }
    }
}

fn step(page: &mut Page, title: &str, text: &str) {
    let text = text.trim();
    if !text.is_empty() {
        page.heading(2, title);
        page.paragraph(4, text);
    }
}
