//! Findings held against what the operator knows besides the capture.
//!
//! The causes find what the packets show. Here, after that and in one place, each source of context
//! adds what it knows of a finding: as evidence that names its option, and as confidence, up or down.
//! No finding appears or goes away here.

mod corefile;
mod ethtool;
mod kernel;
mod kube;
mod names;
mod node_resolv;
mod resolv_conf;
mod rules;
mod timing;
mod vantage;

#[cfg(test)]
mod tests;

pub(super) use kernel::beside_losses;

use super::facts::Facts;
use super::finding::{Alternative, Evidence, Finding};
use crate::model::Address;

/// Side input that says the same as the packets.
const CONFIRMED: f64 = 0.95;

/// The same, where the capture itself lost packets.
const CONFIRMED_BUT_LOSSY: f64 = 0.6;

/// Side input of the same time that fits the packets, without being tied to them.
const SUPPORTED: f64 = 0.9;

/// Side input of some other moment that says otherwise.
const DOUBTED: f64 = 0.6;

/// Side input of the same moment that contradicts the packets: the finding is left as a suspicion.
const CONTRADICTED: f64 = 0.3;

/// Adds to each finding what the context knows of it.
pub(super) fn corroborate(facts: &Facts<'_>, findings: &mut [Finding]) {
    let vantage = facts.vantage();
    for finding in findings.iter_mut() {
        vantage::corroborate(facts, &vantage, finding);
        let mut ceiling = 1.0_f64;
        for source in SOURCES {
            let before = finding.confidence;
            source(facts, finding);
            if finding.confidence < before {
                ceiling = ceiling.min(finding.confidence);
            }
        }
        // What one source speaks against, another does not make sure.
        finding.confidence = finding.confidence.min(ceiling);
    }
}

/// What an operator may know, one source after the other.
const SOURCES: [fn(&Facts<'_>, &mut Finding); 8] = [
    |facts, finding| {
        let Some(ethtool) = &facts.context.ethtool else { return };
        ethtool::corroborate(facts, ethtool, finding);
    },
    |facts, finding| {
        let Some(kernel) = &facts.context.kernel else { return };
        kernel::corroborate(facts, kernel, finding);
    },
    |facts, finding| {
        let Some(rules) = &facts.context.iptables else { return };
        rules::corroborate(facts, rules, finding);
    },
    |facts, finding| {
        let Some(kube) = facts.kube else { return };
        kube::corroborate(facts, kube, finding);
    },
    |facts, finding| {
        let Some(corefile) = &facts.context.corefile else { return };
        corefile::corroborate(facts, corefile, finding);
    },
    |facts, finding| {
        let Some(conf) = &facts.context.resolv_conf else { return };
        resolv_conf::corroborate(facts, conf, finding);
    },
    |facts, finding| {
        let Some(conf) = &facts.context.node_resolv_conf else { return };
        node_resolv::corroborate(conf, finding);
    },
    // Last: the words of the others get names, too.
    |facts, finding| {
        let Some(kube) = facts.kube else { return };
        names::name(facts, kube, finding);
    },
];

/// The addresses that a finding is about.
fn clients(finding: &Finding) -> Vec<Address> {
    finding.scope.clients.iter().filter_map(|text| text.parse().ok()).collect()
}

/// The servers that a finding is about.
fn servers(finding: &Finding) -> Vec<Address> {
    finding.scope.servers.iter().filter_map(|text| text.parse().ok()).collect()
}

impl Finding {
    /// Surer, for this reason.
    fn confirmed(&mut self, facts: &Facts<'_>, evidence: Evidence) {
        let to = if facts.lossy() { CONFIRMED_BUT_LOSSY } else { CONFIRMED };
        self.confidence = self.confidence.max(to);
        self.evidence.push(evidence);
    }

    /// Rather surer, for this reason.
    fn supported(&mut self, facts: &Facts<'_>, evidence: Evidence) {
        let to = if facts.lossy() { CONFIRMED_BUT_LOSSY } else { SUPPORTED };
        self.confidence = self.confidence.max(to);
        self.evidence.push(evidence);
    }

    /// Less sure, for this reason.
    fn contradicted(&mut self, evidence: Evidence) {
        self.confidence = self.confidence.min(CONTRADICTED);
        self.evidence.push(evidence);
    }

    /// Less sure, as far as something that was saved at another time may tell.
    fn doubted(&mut self, evidence: Evidence) {
        self.confidence = self.confidence.min(DOUBTED);
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
