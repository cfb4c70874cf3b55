//! Where the capture was taken: what a cause's look-alikes cannot be told by from there.

use crate::verdict::finding::Finding;
use crate::verdict::vantage::Vantage;

/// A look-alike that cannot be excluded from the vantage point leaves a finding at this.
const NOT_EXCLUDED: f64 = 0.6;

pub(super) fn corroborate(vantage: &Vantage, finding: &mut Finding) {
    if vantage.hides(finding.cause).is_some() {
        finding.confidence = finding.confidence.min(NOT_EXCLUDED);
    }
}
