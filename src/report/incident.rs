//! The incident form of the runbooks: root cause, evidence, severity and mitigation, ready to paste.

use super::document::Document;
use super::number::{count, counted, frames};
use crate::verdict::{Evidence, Finding, Severity, Status};

/// What the runbook's output format asks for; field order is that of the form.
pub(crate) struct Incident {
    pub(crate) root_cause: String,
    /// All of the form's type `dns_packets`.
    pub(crate) evidence: Vec<String>,
    pub(crate) severity: Severity,
    pub(crate) immediate: String,
    pub(crate) long_term: String,
}

impl Incident {
    pub(crate) fn of(document: &Document) -> Incident {
        let verdict = &document.verdict;
        // The finding that carries the verdict. A healthy one rests on what is normal.
        let lead = document.findings.iter().find(|finding| !finding.normal);
        let root = verdict.category.unwrap_or(verdict.root_cause);
        let (immediate, long_term) = lead.map_or_else(|| without_fault(verdict.status), steps);
        Incident {
            root_cause: format!("{root} — {}", verdict.summary),
            evidence: evidence(document, lead),
            severity: verdict.severity,
            immediate,
            long_term,
        }
    }
}

fn evidence(document: &Document, lead: Option<&Finding>) -> Vec<String> {
    let findings = match lead {
        Some(finding) => std::slice::from_ref(finding),
        None => &document.findings,
    };
    let mut contents: Vec<String> =
        findings.iter().flat_map(|finding| &finding.evidence).map(content).collect();
    if contents.is_empty() {
        let traffic = &document.traffic;
        contents.push(format!(
            "{}, {} answered, {} unanswered",
            counted(traffic.transactions, "transaction"),
            count(traffic.answered),
            count(traffic.unanswered)
        ));
    }
    contents
}

fn content(evidence: &Evidence) -> String {
    match evidence.frames.as_slice() {
        [] => evidence.text.clone(),
        numbers => format!("{} ({})", evidence.text, frames(numbers)),
    }
}

fn steps(finding: &Finding) -> (String, String) {
    let immediate = finding.mitigation.immediate.trim();
    let immediate = match immediate.strip_prefix("Operator:") {
        Some(_) => immediate.to_owned(),
        None => format!("Operator: {immediate}"),
    };
    (immediate, finding.mitigation.long_term.clone())
}

fn without_fault(status: Status) -> (String, String) {
    let (immediate, long_term) = match status {
        Status::Inconclusive => (
            "Operator: record again where both the queries and their answers pass, for at least a \
             minute, and run dnspect on that",
            "Keep a capture of a healthy minute to compare with",
        ),
        _ => ("Operator: nothing to do about DNS; look for the fault elsewhere", "None needed"),
    };
    (immediate.to_owned(), long_term.to_owned())
}
