//! The incident form of the runbooks: root cause, evidence, severity and mitigation, ready to paste.

use serde::Serialize;

use super::document::Document;
use super::number::counted;
use crate::verdict::{Evidence, Finding, Severity, Status};

/// What the runbook's output format asks for; field order is that of the form.
#[derive(Serialize)]
pub(crate) struct Incident {
    root_cause: String,
    evidence: Vec<Item>,
    severity: Severity,
    mitigation: Steps,
}

#[derive(Serialize)]
struct Item {
    r#type: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Steps {
    immediate: String,
    long_term: String,
}

impl Incident {
    pub(crate) fn of(document: &Document) -> Incident {
        let verdict = &document.verdict;
        // The finding that carries the verdict. A healthy one rests on what is normal.
        let lead = document.findings.iter().find(|finding| !finding.normal);
        let root = verdict.category.unwrap_or(verdict.root_cause);
        Incident {
            root_cause: format!("{root} — {}", verdict.summary),
            evidence: evidence(document, lead),
            severity: verdict.severity,
            mitigation: lead.map_or_else(|| no_fault(verdict.status), steps),
        }
    }
}

fn evidence(document: &Document, lead: Option<&Finding>) -> Vec<Item> {
    let findings: Vec<&Finding> = match lead {
        Some(finding) => vec![finding],
        None => document.findings.iter().collect(),
    };
    let mut items: Vec<Item> = findings
        .iter()
        .flat_map(|finding| &finding.evidence)
        .map(|evidence| Item { r#type: "dns_packets", content: content(evidence) })
        .collect();
    if items.is_empty() {
        let traffic = &document.traffic;
        items.push(Item {
            r#type: "dns_packets",
            content: format!(
                "{}, {} answered, {} unanswered",
                counted(traffic.transactions, "transaction"),
                traffic.answered,
                traffic.unanswered
            ),
        });
    }
    items
}

fn content(evidence: &Evidence) -> String {
    if evidence.frames.is_empty() {
        return evidence.text.clone();
    }
    let frames: Vec<String> = evidence.frames.iter().map(u64::to_string).collect();
    format!("{} (frames {})", evidence.text, frames.join(", "))
}

fn steps(finding: &Finding) -> Steps {
    let immediate = finding.mitigation.immediate.trim();
    Steps {
        immediate: if immediate.starts_with("Operator:") {
            immediate.to_owned()
        } else {
            format!("Operator: {immediate}")
        },
        long_term: finding.mitigation.long_term.clone(),
    }
}

fn no_fault(status: Status) -> Steps {
    let (immediate, long_term) = match status {
        Status::Inconclusive => (
            "Operator: record again where both the queries and their answers pass, for at least a \
             minute, and run dnspect on that",
            "Keep a capture of a healthy minute to compare with",
        ),
        _ => ("Operator: nothing to do about DNS; look for the fault elsewhere", "None needed"),
    };
    Steps { immediate: immediate.to_owned(), long_term: long_term.to_owned() }
}
