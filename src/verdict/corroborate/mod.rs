//! Findings held against what the operator knows besides the capture.
//!
//! The causes find what the packets show. Here, after that and in one place, each source of context
//! adds what it knows of a finding: as evidence that names its option, and as confidence, up or down.
//! No finding appears or goes away here.

mod ethtool;

use super::facts::Facts;
use super::finding::{Alternative, Evidence, Finding};

/// Side input that says the same as the packets.
const CONFIRMED: f64 = 0.95;

/// The same, where the capture itself lost packets.
const CONFIRMED_BUT_LOSSY: f64 = 0.6;

/// Side input that contradicts the packets: the finding is left as a suspicion.
const CONTRADICTED: f64 = 0.3;

/// Adds to each finding what the context knows of it.
pub(super) fn corroborate(facts: &Facts<'_>, findings: &mut [Finding]) {
    if let Some(ethtool) = &facts.context.ethtool {
        for finding in findings.iter_mut() {
            ethtool::corroborate(facts, ethtool, finding);
        }
    }
}

impl Finding {
    /// Surer, for this reason.
    fn confirmed(&mut self, facts: &Facts<'_>, evidence: Evidence) {
        let to = if facts.lossy() { CONFIRMED_BUT_LOSSY } else { CONFIRMED };
        self.confidence = self.confidence.max(to);
        self.evidence.push(evidence);
    }

    /// Less sure, for this reason.
    fn contradicted(&mut self, evidence: Evidence) {
        self.confidence = self.confidence.min(CONTRADICTED);
        self.evidence.push(evidence);
    }

    /// Neither, but worth knowing.
    fn supplemented(&mut self, evidence: Evidence) {
        self.evidence.push(evidence);
    }

    /// A cause to think of, or not.
    fn considered(&mut self, cause: &str, why: String) {
        self.alternatives.push(Alternative { cause: cause.to_owned(), why_less_likely: why });
    }
}
