//! What CoreDNS' configuration says to its refusals: who may be refused by it, and for what.

use super::{max_concurrent, note, quoted};
use crate::context::Corefile;
use crate::verdict::causes::query_refused::{self, Why};
use crate::verdict::{Evidence, Facts, Finding};

pub(super) fn corroborate(facts: &Facts<'_>, corefile: &Corefile, finding: &mut Finding) {
    let why = query_refused::why(facts);
    cap(corefile, why, finding);
    let nowhere_to_ask = matches!(why, Some(Why::Zone | Why::Everything));
    if nowhere_to_ask || matches!(why, Some(Why::Client | Why::Policy)) {
        list(corefile, finding);
    }
    if nowhere_to_ask {
        nowhere(facts, corefile, finding);
    }
}

/// A cap that is not set refuses nobody.
fn cap(corefile: &Corefile, why: Option<Why>, finding: &mut Finding) {
    let file = corefile.file();
    match corefile.max_concurrent() {
        Some(_) => max_concurrent(corefile, finding),
        None if why == Some(Why::Cap) => {
            let text = format!(
                "--corefile: {file} sets no `max_concurrent`: a CoreDNS with this file refuses nothing \
                 for it."
            );
            finding.doubted(Evidence::new("max_concurrent", 0.0, "count", text));
        }
        None => {
            let why = format!(
                "{file} sets no `max_concurrent` that slow answers would fill (--corefile)"
            );
            finding.considered("upstream_slow", why);
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
