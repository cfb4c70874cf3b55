//! What CoreDNS' configuration says to its refusals: who may be refused by it, and for what.

use super::{max_concurrent, note, quoted};
use crate::context::Corefile;
use crate::verdict::{Evidence, Facts, Finding};

/// What the finding takes for the reason, as its sentence says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// More questions than it may forward at a time.
    Cap,
    /// It refuses some clients.
    List,
    /// It has nothing to answer with.
    Nowhere,
    Other,
}

fn reason(finding: &Finding) -> Reason {
    let says = |words: &str| finding.summary.contains(words);
    match () {
        () if says("max_concurrent") => Reason::Cap,
        () if says("a resolver to forward them to") || says("no zone at all") => Reason::Nowhere,
        () if says("access list") => Reason::List,
        () => Reason::Other,
    }
}

pub(super) fn corroborate(facts: &Facts<'_>, corefile: &Corefile, finding: &mut Finding) {
    let reason = reason(finding);
    cap(corefile, reason, finding);
    if matches!(reason, Reason::List | Reason::Nowhere) {
        list(corefile, finding);
    }
    if reason == Reason::Nowhere {
        nowhere(facts, corefile, finding);
    }
}

/// A cap that is not set refuses nobody.
fn cap(corefile: &Corefile, reason: Reason, finding: &mut Finding) {
    let file = corefile.file();
    match corefile.max_concurrent() {
        Some(_) => max_concurrent(corefile, finding),
        None if reason == Reason::Cap => {
            let text = format!(
                "--corefile: {file} sets no `max_concurrent`: a CoreDNS with this file refuses nothing \
                 for it."
            );
            finding.doubted(Evidence::new("max_concurrent", 0.0, "count", text));
        }
        None => {
            finding.considered("CoreDNS' max_concurrent", format!("{file} sets none (--corefile)"));
        }
    }
}

/// The `acl` plugin refuses by the client's address; whom its lists hold is left to the reader.
fn list(corefile: &Corefile, finding: &mut Finding) {
    let Some(line) = corefile.plugins("acl").next() else { return };
    let text = format!("--corefile: {} refuses by the client's address.", quoted(corefile, line));
    note(finding, "acl", line.line as f64, text);
}

/// Without a way out, names outside are refused.
fn nowhere(facts: &Facts<'_>, corefile: &Corefile, finding: &mut Finding) {
    let text = match corefile.plugins("forward").next() {
        Some(line) => {
            let text = format!(
                "--corefile: {} forwards: names within that zone are not refused for want of a way out.",
                quoted(corefile, line)
            );
            return note(finding, "forward", line.line as f64, text);
        }
        None => format!(
            "--corefile: {} has no `forward`: CoreDNS has nobody to ask for names outside its own zones.",
            corefile.file()
        ),
    };
    finding.confirmed(facts, Evidence::new("forward", 0.0, "count", text));
}
